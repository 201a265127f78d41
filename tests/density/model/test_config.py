import pytest

from deepaw.density.model.config import GatedConfig, LocalConfig
from deepaw.errors import InputError


def test_channels_of_the_full_size() -> None:
    assert [GatedConfig().copies(degree) for degree in range(5)] == [100, 33, 20, 14, 11]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"mul": 3, "lmax": 2}, "mul is 3"),
        ({"cutoff": 0.0}, "cutoff is 0.0"),
        ({"basis": "fourier"}, "'fourier'"),
        ({"num_interactions": 0}, "num_interactions is 0"),
        ({"num_basis": 1}, "num_basis is 1"),
    ],
)
def test_impossible_networks_are_refused(settings: dict, named: str) -> None:
    with pytest.raises(InputError, match=named):
        GatedConfig(**settings)


def test_impossible_local_networks_are_refused() -> None:
    with pytest.raises(InputError, match=r"local\.order is 0"):
        LocalConfig(order=0)
