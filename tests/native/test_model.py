"""libdeepaw against the engine of the package, on every member of the family that it evaluates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from deepaw.native.library import find_library
from deepaw.potential.engine.engine import PotentialEngine
from deepaw.potential.engine.frames import Frame
from deepaw.potential.engine.tensors import TensorEngine
from deepaw.potential.files.formats import write_potential
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.model.tensor import TensorModel
from deepaw.potential.nativefile import load_model
from deepaw.potential.shortrange.zbl import zbl_table
from native.libdeepaw import LibraryError, Model, functions, images
from potential import test_physics, test_physics_typed, test_tensor_physics
from potential.randommodels import random_model, random_tensor_model
from potential.structures import Structure, crowd, model_frame

pytestmark = pytest.mark.skipif(find_library() is None, reason="there is no compiled part")

TOLERANCES = {64: 1e-11, 32: 2e-4}

FIXED = test_physics.ONE_SIDE | {"sel": [3, 2]}

WITH_TABLE = {
    "descriptor": test_physics.ONE_SIDE,
    "use_srtab": "zbl.txt",
    "sw_rmin": 1.0,
    "sw_rmax": 1.6,
    "smin_alpha": 0.1,
}


def energy_model(**keys: Any) -> PotentialModel:
    fixed_slots = keys.pop("fixed_slots", False)
    config = ModelConfig.model_validate({"type_map": ["O", "H"], "fitting_net": {"neuron": [8, 8]}, **keys})
    options = {}
    if config.use_srtab is not None:
        options["table"] = zbl_table(config.type_map, 3.4, 0.01)
    return random_model(config, fixed_slots=fixed_slots, **options)


def models() -> dict[str, Any]:
    """Return functions that make a model, by name."""
    attention = ("attention", "attention_fading", "hybrid")
    cases: dict[str, Any] = {
        name: lambda name=name: random_model(test_physics.config_of(name)) for name in test_physics.MODELS
    }
    for name in test_physics_typed.MODELS:
        if name not in attention:
            cases[f"typed_{name}"] = lambda name=name: random_model(test_physics_typed.config_of(name))
    for name in test_tensor_physics.MODELS:
        cases[f"tensor_{name}"] = lambda name=name: random_tensor_model(test_tensor_physics.config_of(name))
    hybrid = {"type": "hybrid", "list": [FIXED, test_physics.SE_R | {"sel": [2, 4], "exclude_types": [[0, 1]]}]}
    atten = test_physics_typed.ATTEN | {"sel": 4}
    full = {"neuron": [8, 16, 16], "resnet_dt": True}
    return cases | {
        "fixed_slots": lambda: energy_model(descriptor=FIXED, fixed_slots=True),
        "fixed_slots_in_a_hybrid": lambda: energy_model(descriptor=hybrid, fixed_slots=True),
        "fixed_slots_of_any_type": lambda: energy_model(descriptor=atten, fixed_slots=True),
        "fixed_slots_of_three": lambda: energy_model(descriptor=test_physics.SE_T | {"sel": [2, 3]}, fixed_slots=True),
        "table": lambda: energy_model(**WITH_TABLE),
        "table_without_bias": lambda: energy_model(**WITH_TABLE, srtab_add_bias=False, atom_exclude_types=[1]),
        "isolated_atoms": lambda: energy_model(
            descriptor=FIXED, fitting_net=full | {"atom_ener": [-1.5, None], "numb_aparam": 1}
        ),
        "isolated_atoms_of_one_net": lambda: energy_model(
            descriptor=test_physics_typed.SE_A,
            type_embedding={"neuron": [2, 4]},
            fitting_net=full | {"atom_ener": [-1.5, 0.5]},
        ),
        "first_layer_as_wide_as_the_descriptor": lambda: energy_model(
            descriptor=test_physics.ONE_SIDE, fitting_net={"neuron": [24, 48, 48], "resnet_dt": True}
        ),
        **{
            activation: lambda activation=activation: energy_model(
                descriptor=test_physics.ONE_SIDE, fitting_net={"neuron": [8, 16, 16], "activation_function": activation}
            )
            for activation in ("relu", "relu6", "softplus", "sigmoid", "gelu", "silu", "silut:2.0", "linear")
        },
    }


MODELS = models()


def written(model: AtomicModel, folder: Path) -> Path:
    path = folder / "model.safetensors"
    write_potential(path, model)
    return path


def expected(model: AtomicModel, frame: Frame, bits: int) -> dict[str, np.ndarray]:
    """Return the answers of the engine of the package."""
    precision = f"float{bits}"
    if isinstance(model, TensorModel):
        size = int(np.prod(model.shape))
        weights = np.zeros((size, len(frame.types), size))
        weights[np.arange(size), :, np.arange(size)] = 1
        found = TensorEngine(model, precision).evaluate(
            frame, weights=weights.reshape(size, -1, *model.shape), atomic_virial=True
        )
        tensors = found.atom_tensor.numpy().reshape(-1, size)
        assert found.atom_virial is not None
        return {
            "tensor": tensors.sum(axis=0),
            "atom_tensor": tensors,
            "force": found.force.numpy(),
            "virial": found.virial.numpy(),
            "atom_virial": found.atom_virial.numpy(),
        }
    assert isinstance(model, PotentialModel)
    energies = PotentialEngine(model, precision).evaluate(frame, atomic_virial=True)
    assert energies.atom_virial is not None
    return {
        "energy": np.array([float(energies.energy)]),
        "atom_energy": energies.atom_energy.numpy(),
        "force": energies.force.numpy(),
        "virial": energies.virial.numpy(),
        "atom_virial": energies.atom_virial.numpy(),
    }


def assert_equal(answers: dict[str, np.ndarray], reference: dict[str, np.ndarray], tolerance: float) -> None:
    assert answers.keys() <= reference.keys()
    for name, values in answers.items():
        scale = np.abs(reference[name]).max()
        np.testing.assert_allclose(values, reference[name], rtol=0, atol=tolerance * max(scale, 1e-3), err_msg=name)


def crystal(model: AtomicModel, **options: Any) -> Frame:
    return model_frame(model, crowd(len(model.type_map), **options))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("bits", [64, 32])
def test_answers_are_those_of_the_engine(name: str, bits: int, tmp_path: Path) -> None:
    model = MODELS[name]()
    opened = Model(written(model, tmp_path), bits)
    frame = crystal(model)
    reference = expected(model, frame, bits)
    tolerance = TOLERANCES[bits]
    assert_equal(opened.evaluate(frame), reference, tolerance)
    assert_equal(opened.evaluate(frame, images(frame, model.rcut)), reference, tolerance)
    assert_equal(opened.evaluate(frame, forces=False), reference, tolerance)


def test_a_molecule(tmp_path: Path) -> None:
    model = MODELS["hybrid"]()
    frame = crystal(model, periodic=False)
    opened = Model(written(model, tmp_path))
    reference = expected(model, frame, 64)
    assert_equal(opened.evaluate(frame), reference, 1e-11)
    assert_equal(opened.evaluate(frame, images(frame, model.rcut)), reference, 1e-11)


def test_a_slab(tmp_path: Path) -> None:
    model = MODELS["one_side"]()
    frame = replace(crystal(model), periodic=(True, True, False))
    assert_equal(Model(written(model, tmp_path)).evaluate(frame), expected(model, frame, 64), 1e-11)


def test_threads_divide_the_atoms(tmp_path: Path) -> None:
    model = MODELS["one_side"]()
    random = np.random.default_rng(0)
    sites = 1.9 * np.array(list(np.ndindex(8, 8, 8))) + random.uniform(-0.2, 0.2, (512, 3))
    frame = Frame(sites, 15.2 * np.eye(3), random.integers(0, 2, 512))
    opened = Model(written(model, tmp_path))
    reference = expected(model, frame, 64)
    for threads in (1, 2, 5):
        assert_equal(opened.evaluate(frame, threads=threads), reference, 1e-11)


def test_atoms_that_are_not_seen(tmp_path: Path) -> None:
    """Atoms of type -1 are neither centres nor neighbours."""
    model = MODELS["one_side"]()
    frame = crystal(model)
    seen = np.arange(len(frame.types)) != 3
    types = np.where(seen, frame.types, -1)
    fewer = replace(frame, coord=frame.coord[seen], types=frame.types[seen])
    reference = expected(model, fewer, 64)
    opened = Model(written(model, tmp_path))
    hidden = replace(frame, types=types)
    for answers in (opened.evaluate(hidden), opened.evaluate(hidden, images(hidden, model.rcut))):
        for name in ("force", "atom_energy", "atom_virial"):
            assert not answers[name][3].any()
            answers[name] = answers[name][seen]
        assert_equal(answers, reference, 1e-11)


@pytest.mark.parametrize("distance", [0.6, 0.3])
def test_atoms_that_are_close(distance: float, tmp_path: Path) -> None:
    """Another form covers distances down to 0.25 A, as in the engine."""
    model = MODELS["one_side"]()
    model.closest = 0.8
    pair = Structure(np.array([0, 1]), np.array([[0.0, 0, 0], [0, 0, distance]]), None, np.zeros((2, 2)))
    frame = model_frame(model, pair)
    opened = Model(written(model, tmp_path))
    assert_equal(opened.evaluate(frame), expected(model, frame, 64), 1e-8)
    assert opened.warnings() == [f"atoms 1 and 2 are {distance} A apart, closer than any in the training data."]
    opened.evaluate(frame)
    assert opened.warnings() == []


def test_atoms_that_are_much_too_close(tmp_path: Path) -> None:
    pair = Structure(np.array([0, 1]), np.array([[0.0, 0, 0], [0, 0, 0.1]]), None, np.zeros((2, 2)))
    model = MODELS["one_side"]()
    opened = Model(written(model, tmp_path))
    frame = model_frame(model, pair)
    assert np.isfinite(opened.evaluate(frame)["force"]).all()
    (warning,) = opened.warnings()
    assert warning == (
        "atoms 1 and 2 are 0.1 A apart; below 0.25 A the potential only goes on smoothly, and its numbers mean nothing."
    )
    ends = Model(written(MODELS["triples"](), tmp_path))
    with pytest.raises(LibraryError, match=r"^atoms 1 and 2 are 0\.1 A apart; the potential ends at 0\.25 A\.$"):
        ends.evaluate(frame)


def test_more_neighbours_than_sel(tmp_path: Path) -> None:
    model = MODELS["fixed_slots"]()
    opened = Model(written(model, tmp_path))
    opened.evaluate(crystal(model))
    (warning,) = opened.warnings()
    assert "has more neighbours than sel of the model counts with; the farthest are dropped." in warning


def test_what_is_refused_in_a_frame(tmp_path: Path) -> None:
    model = MODELS["parameters"]()
    opened = Model(written(model, tmp_path))
    frame = crystal(model)
    coord = frame.coord.copy()
    coord[4, 1] = np.nan
    same = frame.coord.copy()
    same[2] = same[5]
    for changed, sentence in (
        (replace(frame, coord=coord), "atom 5 has a position that is not a finite number."),
        (replace(frame, coord=same), "are on one spot, perhaps as periodic images"),
        (replace(frame, types=frame.types + 1), "; the model has types 0 to 1."),
        (replace(frame, cell=np.zeros((3, 3))), "the cell has no volume"),
        (replace(frame, fparam=None), "fparam is missing; the model needs 2 for each frame."),
        (replace(frame, aparam=None), "aparam is missing; the model needs 1 for each atom."),
    ):
        with pytest.raises(LibraryError) as error:
            opened.evaluate(changed)
        assert sentence in str(error.value)
    assert_equal(opened.evaluate(frame), expected(model, frame, 64), 1e-11)


def test_default_fparam(tmp_path: Path) -> None:
    fitting = {"neuron": [8, 8], "numb_fparam": 2, "default_fparam": [0.3, -0.2]}
    model = energy_model(descriptor=test_physics.ONE_SIDE, fitting_net=fitting)
    frame = replace(crystal(model), fparam=None)
    opened = Model(written(model, tmp_path))
    assert opened.lib.deepaw_default_fparam(opened.handle)[:2] == [0.3, -0.2]
    assert_equal(opened.evaluate(frame), expected(model, frame, 64), 1e-11)


def test_what_a_model_says_of_itself(tmp_path: Path) -> None:
    model = random_tensor_model(test_tensor_physics.config_of("dipole_selected"))
    opened = Model(written(model, tmp_path))
    lib, handle = opened.lib, opened.handle
    assert lib.deepaw_version() == 1
    assert lib.deepaw_cutoff(handle) == model.rcut
    assert [lib.deepaw_type_name(handle, kind) for kind in range(-1, 4)] == [None, b"O", b"H", b"C", None]
    assert [lib.deepaw_selects(handle, kind) for kind in range(-1, 4)] == [0, 1, 0, 1, 0]
    assert (lib.deepaw_ntypes(handle), lib.deepaw_tensor_size(handle)) == (3, 3)
    assert (lib.deepaw_nfparam(handle), lib.deepaw_naparam(handle)) == (0, 0)
    assert not lib.deepaw_default_fparam(handle)
    assert ModelConfig.model_validate_json(lib.deepaw_description(handle).decode()) == model.config


@pytest.mark.parametrize(
    ("name", "member"),
    [
        ("attention", "se_atten with attention layers"),
        ("relu", "the activation function relu in embedding nets, which is not smooth"),
    ],
)
def test_models_that_are_refused(name: str, member: str, tmp_path: Path) -> None:
    if name == "attention":
        model = random_model(test_physics_typed.config_of("attention"))
    else:
        model = energy_model(descriptor=test_physics.ONE_SIDE | {"activation_function": "relu"})
    path = written(model, tmp_path)
    with pytest.raises(LibraryError) as error:
        Model(path)
    assert str(error.value) == f"{path} has {member}, which libdeepaw does not evaluate."


def test_files_that_are_refused(tmp_path: Path) -> None:
    model = MODELS["one_side"]()
    path = written(model, tmp_path)
    content = path.read_bytes()
    plain, short, head, noise, density, typo = (
        tmp_path / f"{name}.safetensors" for name in ("plain", "short", "head", "noise", "density", "typo")
    )
    typo.write_bytes(content.replace(b'\\"polynomials\\"', b'\\"polynomiels\\"'))
    model.save(plain)
    short.write_bytes(content[: len(content) // 2])
    head.write_bytes(content[:100])
    noise.write_bytes(bytes(range(256)) * 20)
    density.write_bytes(content.replace(b'\\"kind\\": \\"potential\\"', b'\\"kind\\": \\"densities\\"'))
    for file, sentence in (
        (tmp_path / "none.safetensors", "does not exist; give a model file (.safetensors)."),
        (tmp_path, "is a directory; give a model file (.safetensors)."),
        (plain, "was written without what libdeepaw reads; write it again with 'deepaw convert"),
        (short, f"is cut short: {len(content) // 2} of {len(content)} bytes; copy it again."),
        (head, "is not a model file (.safetensors), or is cut short."),
        (noise, "is not a model file (.safetensors)"),
        (typo, "was written damaged: the description has no polynomials."),
        (density, "is a model of kind 'densities'; a potential is needed here."),
    ):
        with pytest.raises(LibraryError) as error:
            Model(file)
        assert str(error.value).startswith(f"{file} ") and sentence in str(error.value)
    with pytest.raises(LibraryError, match=r"bits is 16; it should be 64 or 32\."):
        Model(path, 16)


def test_a_model_of_another_quantity(tmp_path: Path) -> None:
    opened = Model(written(MODELS["tensor_dipole"](), tmp_path))
    lib = opened.lib
    assert lib.deepaw_evaluate(opened.handle, bytes(88), None, 1, bytes(40))
    assert b"has a fitting net of type dipole, which gives no energies and forces." in lib.deepaw_error()


def test_deviation() -> None:
    values = np.random.default_rng(0).normal(size=(3, 5, 3))
    rows = [np.ascontiguousarray(model) for model in values]
    addresses = np.array([row.ctypes.data for row in rows], dtype=np.uint64)
    deviation = np.empty(5)
    functions().deepaw_deviation(3, 5, 3, addresses.ctypes.data, deviation.ctypes.data)
    np.testing.assert_allclose(deviation, np.linalg.norm(values.std(axis=0), axis=1), rtol=1e-14)


def test_a_prepared_file_is_the_same_model(tmp_path: Path) -> None:
    model = MODELS["hybrid"]()
    loaded = load_model(written(model, tmp_path))
    for name, value in model.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], value, rtol=0, atol=0)
