"""Errors of a potential on labelled frames, and their sums over systems."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepaw.errors import InputError
from deepaw.infer import DeepPot
from deepaw.potential.data.system import System, read_system
from deepaw.potential.engine.engine import PotentialEngine
from deepaw.potential.evaluation.compare import ENERGY_QUANTITIES, Errors, compare
from deepaw.potential.files.formats import read_potential
from potential.files.peer_models import path_of
from potential.systems import Frames, water, write_mixed_system, write_system


@pytest.fixture(scope="module")
def engine() -> PotentialEngine:
    return PotentialEngine(read_potential(path_of("one_side")))


def errors_of(engine: PotentialEngine, *systems: System) -> list[Errors]:
    errors = [Errors() for _ in systems]
    for number, comparison in compare(engine, systems):
        errors[number].add(comparison)
    return errors


def expected_errors(frames: Frames) -> dict[str, np.ndarray]:
    """Return the errors of all components, from `DeepPot`."""
    energy, force, virial = DeepPot(path_of("one_side")).eval(frames.coord, frames.cell, frames.types)
    natoms = len(frames.types)
    energy_error = energy[:, 0] - frames.labels["energy"]
    virial_error = virial.reshape(-1, 3, 3) - frames.labels["virial"]
    return {
        "energy": energy_error,
        "energy_per_atom": energy_error / natoms,
        "force": force - frames.labels["force"],
        "virial": virial_error,
        "virial_per_atom": virial_error / natoms,
    }


def check(errors: Errors, expected: dict[str, np.ndarray]) -> None:
    for name in ENERGY_QUANTITIES:
        np.testing.assert_allclose(errors.rmse(name), np.sqrt(np.mean(expected[name] ** 2)), rtol=1e-9)
        np.testing.assert_allclose(errors.mae(name), np.abs(expected[name]).mean(), rtol=1e-9)


def test_errors_include_all_components(engine: PotentialEngine, tmp_path: Path) -> None:
    frames = water(4)
    (errors,) = errors_of(engine, read_system(write_system(tmp_path / "a", frames, sets=2), ("O", "H")))
    assert errors.frames == 4
    check(errors, expected_errors(frames))


def test_added_errors_count_every_component_once(engine: PotentialEngine, tmp_path: Path) -> None:
    several = [water(3, 2), water(2, 5), water(1, 3, periodic=False)]
    systems = [
        read_system(write_system(tmp_path / str(number), frames, type_map=("H", "O")), ("O", "H"))
        for number, frames in enumerate(several)
    ]
    total = sum(errors_of(engine, *systems), Errors())
    each = [expected_errors(frames) for frames in several]
    for found in each[2:]:  # nothing periodic, no virial
        found["virial"] = found["virial_per_atom"] = np.empty(0)
    assert total.frames == 6
    check(total, {name: np.concatenate([found[name].reshape(-1) for found in each]) for name in ENERGY_QUANTITIES})


def test_a_mixed_system_gives_the_errors_of_its_compositions(engine: PotentialEngine, tmp_path: Path) -> None:
    several = [water(2, 2), water(3, 4)]
    (errors,) = errors_of(engine, read_system(write_mixed_system(tmp_path / "mixed", several), ("O", "H")))
    each = [expected_errors(frames) for frames in several]
    check(errors, {name: np.concatenate([found[name].reshape(-1) for found in each]) for name in ENERGY_QUANTITIES})


def test_missing_labels_do_not_count(engine: PotentialEngine, tmp_path: Path) -> None:
    frames = water(2)
    system = read_system(write_system(tmp_path / "a", frames, labels=("force",)), ("O", "H"))
    (errors,) = errors_of(engine, system)
    assert errors.rmse("energy") is None and errors.mae("virial") is None
    expected = expected_errors(frames)["force"]
    np.testing.assert_allclose(errors.rmse("force"), np.sqrt(np.mean(expected**2)), rtol=1e-9)


def test_max_frames_and_progress(engine: PotentialEngine, tmp_path: Path) -> None:
    systems = [read_system(write_system(tmp_path / str(count), water(count, 2)), ("O", "H")) for count in (3, 1)]
    seen: list[tuple[int, int]] = []
    numbers = [number for number, _ in compare(engine, systems, 2, lambda *pair: seen.append(pair))]
    assert numbers == [0, 0, 1]
    assert seen == [(6, 18), (12, 18), (18, 18)]


def test_parameters_come_with_the_frames(tmp_path: Path) -> None:
    engine = PotentialEngine(read_potential(path_of("parameters")))
    frames = water(2, 2)
    fparam, aparam = np.array([[0.1, 0.2], [0.5, -0.3]]), np.linspace(-1, 1, 12).reshape(2, 6)
    labels = {**frames.labels, "fparam": fparam, "aparam": aparam}
    folder = write_system(tmp_path / "a", replace(frames, labels=labels), labels=("energy", "fparam", "aparam"))
    (errors,) = errors_of(engine, read_system(folder, ("O", "H")))
    potential = DeepPot(path_of("parameters"))
    energy = potential.eval(frames.coord, frames.cell, frames.types, fparam=fparam, aparam=aparam)[0][:, 0]
    np.testing.assert_allclose(errors.mae("energy"), np.abs(energy - frames.labels["energy"]).mean(), rtol=1e-9)
    (folder / "set.000" / "fparam.npy").unlink()
    with pytest.raises(InputError, match=r"a, frame 1: fparam is missing; the model needs 2 for each frame\."):
        errors_of(engine, read_system(folder, ("O", "H")))


def test_the_frame_that_cannot_be_evaluated_is_named(engine: PotentialEngine, tmp_path: Path) -> None:
    frames = water(3)
    frames.coord[1, 2] = frames.coord[1, 0]
    system = read_system(write_system(tmp_path / "a", frames), ("O", "H"))
    with pytest.raises(InputError, match="a, frame 2: atoms 1 and 3 are on one spot"):
        errors_of(engine, system)
