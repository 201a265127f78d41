"""Dividing data by structure and by crystal type."""

import random

import numpy as np
import pytest
from ase import Atoms

from deepaw.density.data.example import Example
from deepaw.density.data.split import Split, split
from deepaw.errors import InputError


def example(kind: str, formula: str, number: int) -> Example:
    return Example(f"{kind}_{number}", kind, Atoms(formula), None, kind, lambda: np.ones((1, 1, 1)))


def many(kind: str, formula: str, count: int) -> list[Example]:
    return [example(kind, formula, number) for number in range(count)]


def names(examples: list[Example]) -> set[str]:
    return {example.name for example in examples}


def per_kind(examples: list[Example]) -> dict[str, int]:
    kinds = [example.kind for example in examples]
    return {kind: kinds.count(kind) for kind in set(kinds)}


DATA = [*many("rocksalt", "MgO", 20), *many("rutile", "TiO2", 5), *many("quartz", "SiO2", 4)]


def test_every_crystal_type_is_watched():
    parts = split(DATA, 0.1, seed=1)
    assert per_kind(parts.validation) == {"rocksalt": 2, "rutile": 1, "quartz": 1}
    assert names(parts.train) | names(parts.validation) == names(DATA)
    assert len(parts.train) + len(parts.validation) == len(DATA)
    assert parts.left_out == []


def test_a_crystal_type_is_never_watched_whole():
    assert per_kind(split(DATA, 0.99, seed=1).train) == {"rocksalt": 1, "rutile": 1, "quartz": 1}


def test_no_validation():
    assert split(DATA, 0.0, seed=1) == Split(DATA, [], [])


def test_the_order_of_the_examples_does_not_matter_and_the_seed_does():
    shuffled = [*DATA]
    random.Random(0).shuffle(shuffled)
    first, second = split(DATA, 0.3, seed=1), split(shuffled, 0.3, seed=1)
    assert names(first.validation) == names(second.validation)
    assert names(first.validation) != names(split(DATA, 0.3, seed=2).validation)


def test_more_of_one_crystal_type_leaves_the_others_as_they_are():
    before = names(split(DATA, 0.3, seed=1).validation)
    after = names(split([*DATA, *many("fluorite", "HfO2", 9)], 0.3, seed=1).validation)
    assert before < after


def test_rare_crystal_types_are_pooled_and_no_element_is_lost():
    alone = [example(f"{metal}-fcc", metal, 0) for metal in ("Cu", "Ag", "Au", "Pt", "Pd")]
    pairs = [*many("NaCl", "NaCl", 2), *many("KCl", "KCl", 2), *many("KBr", "KBr", 3), *many("NaBr", "NaBr", 3)]
    for seed in range(5):
        parts = split([*alone, *pairs], 0.2, seed)
        assert len(parts.validation) == 3
        assert names(alone) <= names(parts.train)
        assert {symbol for e in parts.train for symbol in e.atoms.symbols} >= {"Na", "K", "Cl", "Br"}
    # with nothing but unique elements there is nothing to spare
    assert split(alone, 0.5, seed=0).validation == []


def test_leaving_crystal_types_out():
    data = [*DATA, *many("MgSiO3-perovskite", "MgSiO3", 6), *many("MgSiO3-ilmenite", "MgSiO3", 1)]
    parts = split(data, 0.2, seed=1, leave_out=["MgSiO3-*"])
    assert per_kind(parts.left_out) == {"MgSiO3-perovskite": 6, "MgSiO3-ilmenite": 1}
    assert per_kind(parts.validation) == {"rocksalt": 4, "rutile": 1, "quartz": 1}
    assert len(parts.train) + len(parts.validation) == len(DATA)


@pytest.mark.parametrize(
    ("fraction", "leave_out", "said"),
    [
        (1.0, [], "fraction is 1;"),
        (-0.1, [], "fraction is -0.1;"),
        (float("nan"), [], "fraction is nan;"),
        (0.1, ["spinel"], "No crystal type is called spinel; there are quartz, rocksalt, rutile."),
        (0.1, ["r*", "quart?"], "All 29 structures are left out"),
        (0.1, ["rutile"], "leaves no structure with Ti"),
    ],
)
def test_what_cannot_be(fraction, leave_out, said):
    with pytest.raises(InputError) as caught:
        split(DATA, fraction, 1, leave_out)
    assert said in str(caught.value)


@pytest.mark.parametrize("seed", range(8))
def test_compounds_of_one_crystal_type_keep_their_elements_in_training(seed):
    compounds = ("MgO", "NaCl", "KF", "LiBr", "CaS", "MgO")
    data = [example("rocksalt", formula, number) for number, formula in enumerate(compounds)]
    parts = split(data, 0.5, seed)
    known = {symbol for example in parts.train for symbol in example.atoms.symbols}
    assert known == {symbol for example in data for symbol in example.atoms.symbols}
    assert {str(example.atoms.symbols) for example in parts.validation} == {"MgO"}
    assert len(parts.validation) == 1
