"""Crystal types, and how many densities are kept."""

import numpy as np
import pytest
from ase import Atoms

from deepaw.density.data.example import DensityCache, kind_of


@pytest.mark.parametrize(
    ("name", "prototype", "kind"),
    [
        ("HfO2-mono_1_7", "baddeleyite", "baddeleyite"),
        ("HfO2-mono_1_7", None, "HfO2-mono"),
        ("_odd_1", None, "odd"),
        ("mp-352", None, "HfO2"),
        (None, None, "HfO2"),
    ],
)
def test_kind(name, prototype, kind):
    assert kind_of(Atoms("Hf2O4"), name, prototype) == kind


def test_the_cache_stops_at_its_budget():
    reads = []

    def read(name: str):
        reads.append(name)
        return np.zeros(10, dtype=np.float32)

    cache = DensityCache(budget=80)
    for _ in range(2):
        for name in "abc":
            cache.get(name, lambda name=name: read(name))
    assert reads == ["a", "b", "c", "c"]
