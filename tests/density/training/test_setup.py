"""From settings to what is trained."""

import shutil

import pytest
import torch

from deepaw.density.model.expansion import ExpansionNetwork
from deepaw.density.model.gated import GatedNetwork
from deepaw.density.training.config import DataInput
from deepaw.density.training.setup import prepare_training
from deepaw.errors import InputError
from density.synthetic import GATED, SPHERICAL

CPU = torch.device("cpu")


@pytest.mark.parametrize(("model", "kind"), [({}, ExpansionNetwork), (GATED, GatedNetwork)])
def test_what_it_makes(settings, tmp_path, model, kind):
    made = prepare_training(settings(**({"model": model} if model else {})), tmp_path, CPU)
    assert isinstance(made.model.network, kind)
    assert made.model.elements == (3, 9)
    assert made.model.valence.keys() == {"Li", "F"}
    names = [example.name for part in vars(made.split).values() for example in part]
    assert sorted(names) == sorted(made.sources) and len(set(names)) == 9
    assert len(made.split.validation) == 3
    # fitted to a density of which the spherical part is known, and the rest averages out nearly
    assert made.model.fitted is not None
    truth = torch.tensor([SPHERICAL[3], SPHERICAL[9]])
    torch.testing.assert_close(made.model.fitted.coefficients, truth, atol=0.1, rtol=0)


def test_weights_follow_from_the_seed(settings, tmp_path):
    a, b, c = (prepare_training(settings(seed=seed), tmp_path, CPU).model.network.state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert any(not torch.equal(a[name], c[name]) for name in a)


def test_fitted_atoms_may_be_given(settings, tmp_path):
    given = torch.rand(2, 6)
    made = prepare_training(settings(), tmp_path, CPU, given)
    assert made.model.fitted is not None and torch.equal(made.model.fitted.coefficients, given)


def test_paths_are_relative_to_the_file(settings, crystals, tmp_path):
    shutil.copytree(crystals / "crystals", tmp_path / "copy")
    given = settings()
    given = given.model_copy(update={"data": DataInput(systems=("copy",), leave_out=("long",))})
    made = prepare_training(given, tmp_path, CPU)
    assert [example.kind for example in made.split.left_out] == ["long"] * 3
    with pytest.raises(InputError, match="There is no data at"):
        prepare_training(given, tmp_path.parent, CPU)
