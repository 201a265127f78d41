"""Deviations between models: DeePMD-kit's numbers and file, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepaw.errors import InputError
from deepaw.infer import DeepPot, calc_model_devi
from deepaw.potential.evaluation.model_deviation import component_deviations, write_tables
from potential.files.peer_models import path_of
from potential.systems import water

HEADER = (
    "# \n# step      max_devi_v         min_devi_v         avg_devi_v         max_devi_f         min_devi_f         "
    "avg_devi_f         devi_e             "
)
PLAIN = f"""{HEADER}
           0       4.051926e-01       9.689496e-02       2.352731e-01       2.466217e+00       9.475074e-01       \
1.458604e+00       3.322492e-01
          10       3.675390e-01       1.152088e-01       2.568550e-01       2.004194e+00       1.005690e+00       \
1.380643e+00       1.379238e-01
"""
ATOMIC = f"""{HEADER}{"atm_devi_f(N)":19s}
           0       4.051926e-01       9.689496e-02       2.352731e-01       1.507668e+00       3.978576e-01       \
8.797419e-01       3.322492e-01       1.507668e+00       3.978576e-01       7.337002e-01
           1       3.675390e-01       1.152088e-01       2.568550e-01       1.714348e+00       6.960986e-01       \
1.340585e+00       1.379238e-01       1.611309e+00       6.960986e-01       1.714348e+00
"""
RELATIVE = f"""{HEADER}
           0       8.739164e-01       1.414907e-01       3.866934e-01       1.966505e+00       9.068198e-01       \
1.543127e+00       3.322492e-01
"""
ERRORS = f"""{HEADER}
           0       2.176468e+00       1.810236e-01       1.378948e+00       1.491082e+00       8.117407e-01       \
1.091035e+00       1.400330e+00
           1       1.997613e+00       6.599788e-01       1.177056e+00       1.361892e+00       6.641852e-01       \
9.202315e-01       4.574616e-01
"""


class Fixed:
    """A model with random predictions for frames of three atoms."""

    def __init__(self, seed: int, nframes: int) -> None:
        random = np.random.RandomState(seed)
        shapes = (nframes, 1), (nframes, 3, 3), (nframes, 9)
        self.predictions = tuple(random.standard_normal(shape) for shape in shapes)

    def get_type_map(self) -> list[str]:
        return ["O", "H"]

    def eval(self, *arguments: object, **options: object) -> tuple[np.ndarray, ...]:
        return self.predictions


def written(path: Path, nframes: int, **options: object) -> str:
    """Return the file of the deviations between three fixed models."""
    models = [Fixed(seed, nframes) for seed in range(3)]
    calc_model_devi(np.zeros((nframes, 9)), None, [0, 1, 1], models, fname=path, **options)  # type: ignore[arg-type]
    return path.read_text()


def test_files_are_those_of_deepmd_kit(tmp_path: Path) -> None:
    path = tmp_path / "model_devi.out"
    assert written(path, 2, frequency=10) == PLAIN
    assert written(path, 2, atomic=True, relative=0.5) == ATOMIC
    assert written(path, 1, relative_v=0.25) == RELATIVE
    energy, force, virial = Fixed(7, 2).predictions
    labels = {"energy": energy, "force": force, "virial": virial}
    assert written(path, 2, real_data=labels, relative=1.0) == ERRORS


def test_frames_are_relative_each_to_its_own_virial() -> None:
    models = [Fixed(seed, 2) for seed in range(3)]
    both = calc_model_devi(np.zeros((2, 9)), None, [0, 1, 1], models, relative_v=0.25)
    for frame in range(2):
        for model in models:
            model.predictions = tuple(values[frame : frame + 1] for values in Fixed(models.index(model), 2).predictions)
        alone = calc_model_devi(np.zeros((1, 9)), None, [0, 1, 1], models, relative_v=0.25)
        np.testing.assert_allclose(both[frame, 1:], alone[0, 1:], rtol=1e-12)


def test_a_model_beside_itself_and_beside_a_shifted_one() -> None:
    frames = water(2, 2)
    first, second = DeepPot(path_of("one_side")), DeepPot(path_of("one_side"))
    assert not calc_model_devi(frames.coord, frames.cell, frames.types, [first, second])[:, 1:].any()
    second.get_model().bias += 0.6
    shifted = calc_model_devi(frames.coord, frames.cell, frames.types, [first, DeepPot(second.get_model())])
    np.testing.assert_allclose(shifted[:, 1:7], 0, atol=1e-12)
    np.testing.assert_allclose(shifted[:, 7], 0.3, atol=1e-12)


def test_virtual_atoms_count() -> None:
    frames = water(1, 2)
    first, second = DeepPot(path_of("one_side")), DeepPot(path_of("one_side"))
    second.get_model().bias += 0.6
    models = [first, DeepPot(second.get_model())]
    coord = np.concatenate([frames.coord, np.zeros((1, 2, 3))], axis=1)
    types = np.append(frames.types, [-1, -1])[None]
    padded = calc_model_devi(coord, frames.cell, types, models, mixed_type=True, atomic=True)
    assert padded.shape == (1, 16)
    assert padded[0, 7] == pytest.approx(0.3 * 6 / 8, abs=1e-12)


def test_one_reference_for_all_models() -> None:
    predictions = np.array([[1.0, 2.0], [3.0, 6.0]])
    np.testing.assert_allclose(component_deviations(predictions), [1, 2])
    np.testing.assert_allclose(component_deviations(predictions, np.array([1.0, 6.0])), [np.sqrt(2), np.sqrt(8)])


def test_what_is_refused(tmp_path: Path) -> None:
    frames = water(1, 2)
    with pytest.raises(InputError, match="There are no models to compare"):
        calc_model_devi(frames.coord, frames.cell, frames.types, [])
    other = Fixed(0, 1)
    other.get_type_map = lambda: ["H", "O"]  # type: ignore[method-assign]
    with pytest.raises(InputError, match="model 2 has the types H O and the first O H"):
        calc_model_devi(frames.coord, frames.cell, frames.types, [Fixed(0, 1), other])
    with pytest.raises(InputError, match=r"The folder .* does not exist"):
        write_tables(tmp_path / "none" / "model_devi.out", [])
