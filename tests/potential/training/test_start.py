"""Start of a training, and its check against the input file."""

from pathlib import Path

import pytest
import torch

from deepaw.errors import InputError
from deepaw.potential.files.formats import write_potential
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.training.start import Start, check_architecture, choose_start
from deepaw.potential.typenames import placeholder_names
from potential.files.peer_models import path_of
from potential.trainings import DESCRIPTOR, FITTING

RADIAL = {**{key: value for key, value in DESCRIPTOR.items() if key != "axis_neuron"}, "type": "se_e2_r"}


def _config(types=("O", "H"), fitting=FITTING, **descriptor) -> ModelConfig:
    content = {"type_map": types, "descriptor": {**DESCRIPTOR, **descriptor}, "fitting_net": fitting}
    return ModelConfig.model_validate(content)


def _start(way="init", config: ModelConfig | None = None) -> Start:
    return Start(way, Path("old.pt"), PotentialModel(config or _config()))


def test_one_start_or_none(tmp_path):
    assert choose_start(None, None, None) is None
    with pytest.raises(InputError, match="--restart and --finetune are given together; a training has one start"):
        choose_start(Path("a"), None, Path("b"))
    with pytest.raises(InputError, match=r"none\.pt does not exist"):
        choose_start(None, tmp_path / "none.pt", None)


def test_any_file_of_a_model(tmp_path):
    model = PotentialModel(_config())
    for name in ("model.safetensors", "model.dp"):
        write_potential(tmp_path / name, model)
        for arguments, way in (((None, tmp_path / name, None), "init"), ((None, None, tmp_path / name), "finetune")):
            start = choose_start(*arguments)
            assert start.way == way and start.checkpoint is None
            assert torch.equal(start.model.fitting.nets[0].layers[0].w, model.fitting.nets[0].layers[0].w)
    with pytest.raises(InputError, match=r"model\.dp is not a readable checkpoint|model\.dp is not a checkpoint"):
        choose_start(tmp_path / "model.dp", None, None)
    foreign = choose_start(None, None, path_of("hybrid"))
    assert foreign.model.fixed_slots


def test_the_same_architecture():
    check_architecture(_start(), _config())
    check_architecture(_start(), _config(seed=5, trainable=False, sel="auto", type="se_a", precision="double"))
    check_architecture(_start(), _config(fitting={**FITTING, "atom_ener": (None, None)}))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (_config(neuron=(4, 9)), "model.descriptor.neuron is [4, 8] in old.pt and [4, 9] in the input file; they must"),
        (_config(rcut=4.5), "model.descriptor.rcut is 4.0 in old.pt and 4.5 in"),
        (_config(sel=(12, 25)), "model.descriptor.sel is [12, 24] in old.pt and [12, 25] in"),
        (_config(types=("H", "O")), "model.type_map is ['O', 'H'] in old.pt and ['H', 'O'] in"),
        (_config(fitting={"neuron": (10, 11)}), "model.fitting_net.neuron is [10, 10] in old.pt and [10, 11] in"),
        (
            ModelConfig.model_validate({"type_map": ("O", "H"), "descriptor": RADIAL}),
            "model.descriptor.type is 'se_e2_a' in old.pt and 'se_e2_r' in",
        ),
        (
            ModelConfig.model_validate(
                {"type_map": ("O", "H"), "descriptor": {"type": "hybrid", "list": (DESCRIPTOR,)}}
            ),
            "model.descriptor.type is 'se_e2_a' in old.pt and 'hybrid' in",
        ),
    ],
)
def test_the_first_difference_is_named(config, message):
    for way in ("init", "restart"):
        with pytest.raises(InputError) as caught:
            check_architecture(_start(way), config)
        assert str(caught.value).startswith(message)


def test_a_part_of_a_hybrid():
    def hybrid(*parts) -> ModelConfig:
        content = {"type_map": ("O", "H"), "descriptor": {"type": "hybrid", "list": parts}}
        return ModelConfig.model_validate(content)

    start = _start(config=hybrid(DESCRIPTOR, RADIAL))
    check_architecture(start, hybrid(DESCRIPTOR, {**RADIAL, "sel": "auto:1.2"}))
    with pytest.raises(
        InputError, match=r"^model\.descriptor\.list\[1\]\.rcut is 4\.0 in old\.pt and 3\.0 in the input"
    ):
        check_architecture(start, hybrid(DESCRIPTOR, {**RADIAL, "rcut": 3.0}))
    with pytest.raises(InputError, match=r"^model\.descriptor\.list is "):
        check_architecture(start, hybrid(DESCRIPTOR))


def test_a_finetuning_may_have_fewer_types_in_another_order():
    old = _config(types=("C", "O", "H"), sel=(4, 12, 24))
    check_architecture(_start("finetune", old), _config(types=("H", "O"), sel=(9, 9)))
    with pytest.raises(
        InputError, match=r"^model\.type_map has N, which is not among the types of old\.pt \(C, O, H\);"
    ):
        check_architecture(_start("finetune", old), _config(types=("H", "N")))
    with pytest.raises(InputError, match="rcut"):
        check_architecture(_start("finetune", old), _config(types=("H", "O"), rcut=5.0))
    with pytest.raises(InputError, match="sel"):
        check_architecture(_start("finetune"), _config(sel=(9, 9)))


def test_a_model_without_names_is_not_one_of_elements():
    start = _start(config=_config(types=placeholder_names(2)))
    check_architecture(start, _config(types=placeholder_names(2)))
    for way in ("restart", "init", "finetune"):
        with pytest.raises(InputError, match=r"^model\.type_map is O H, and the types of old\.pt have no names"):
            check_architecture(_start(way, start.model.config), _config())
