from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule
from ase.db import connect

from deepaw.density.engine import InferenceEngine, prepared
from deepaw.density.engine.precision import PRECISIONS
from deepaw.density.model.config import GatedConfig
from deepaw.density.model.expansion import ExpansionNetwork
from deepaw.density.model.expansion_config import ExpansionConfig
from deepaw.density.model.gated import GatedNetwork
from deepaw.density.model.model import DensityModel, FittedAtoms
from deepaw.density.model.reference.expansion import reference_density
from deepaw.density.model.splines import SplineConfig
from deepaw.density.training.probes import ProbeSource
from deepaw.errors import InputError
from density.physics import rattled_crystal

SPLINES = SplineConfig((8, 6, 6), (3.5, 3.5, 3.0), 1.3)
VALENCE = {"O": 6.0, "Hf": 12.0, "Mg": 10.0}


def expansion(seed: int = 1) -> ExpansionNetwork:
    torch.manual_seed(seed)
    return ExpansionNetwork(ExpansionConfig((8, 12, 72), channels=4, lmax=2, cutoff=3.5, num_basis=4, splines=SPLINES))


def fitted() -> FittedAtoms:
    generator = torch.Generator().manual_seed(3)
    return FittedAtoms((8, 12, 72), SplineConfig((8,), (3.5,), 1.3), torch.rand(3, 8, generator=generator))


def gated() -> GatedNetwork:
    torch.manual_seed(4)
    return GatedNetwork(GatedConfig(mul=12, lmax=1, num_interactions=2, cutoff=3.5))


MODELS = {
    "expansion": DensityModel(expansion(), fitted(), VALENCE),
    "gated": DensityModel(gated(), fitted(), VALENCE),
}


@pytest.fixture(scope="module", params=MODELS)
def engine(request: pytest.FixtureRequest) -> InferenceEngine:
    return InferenceEngine(MODELS[request.param])


@pytest.fixture(scope="module")
def magnesia() -> Atoms:
    return bulk("MgO", "rocksalt", a=4.21, cubic=True)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_expansion_keeps_the_error_budget(precision: str) -> None:
    """Against the pair-by-pair reference on e3nn, in double precision."""
    atoms = rattled_crystal()
    network = expansion()
    engine = InferenceEngine(DensityModel(network), precision=precision)
    source = ProbeSource(atoms, lambda: np.zeros((9, 8, 7), dtype=np.float32), SPLINES.cutoff)
    probes = source.draw(200, np.random.default_rng(0))
    exact = ExpansionNetwork(network.config).double()
    exact.load_state_dict(network.state_dict())
    with torch.no_grad():
        pairs = reference_density(exact, atoms, probes.atom, probes.vectors.double())
        expected = pairs.new_zeros(200).index_add(0, probes.point, pairs).numpy()
    error = np.abs(engine.predict_at(atoms, probes.points) - expected).max() / np.abs(expected).max()
    assert error < PRECISIONS[precision].budget


def test_symmetry_changes_nothing_but_the_time(engine: InferenceEngine, magnesia: Atoms) -> None:
    with_orbits = engine.predict(magnesia, (16, 16, 16))
    without = engine.predict(magnesia, (16, 16, 16), symmetry=False)
    assert with_orbits.points_evaluated < without.points_evaluated / 40
    assert np.ptp(without.density_3d) > 0.1
    np.testing.assert_allclose(with_orbits.density_3d, without.density_3d, atol=2e-6 * without.highest, rtol=0)


def test_the_answer_does_not_depend_on_the_tiles(
    engine: InferenceEngine, magnesia: Atoms, monkeypatch: pytest.MonkeyPatch
) -> None:
    atoms = magnesia.copy()
    atoms.rattle(0.05, seed=1)
    structure = engine.prepare(atoms)
    whole = structure.grid((10, 9, 8))
    monkeypatch.setattr(prepared, "BLOCK_POINTS", 200)
    blocks = list(structure.blocks((10, 9, 8)))
    assert [block.shape[2] for block in blocks] == [2, 2, 2, 2]
    np.testing.assert_allclose(np.concatenate(blocks, axis=2)[..., 0], whole, atol=2e-6 * whole.max(), rtol=0)
    index = np.stack(np.meshgrid(*map(np.arange, (10, 9, 8)), indexing="ij"), axis=-1).reshape(-1, 3)
    points = index / (10, 9, 8) @ atoms.cell.array
    np.testing.assert_allclose(structure.at(points), whole.ravel(), atol=2e-6 * whole.max(), rtol=0)


def test_one_thread_and_two_give_the_same(engine: InferenceEngine, magnesia: Atoms) -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = engine.predict(magnesia, (8, 8, 8), symmetry=False).density_3d
        torch.set_num_threads(2)
        two = engine.predict(magnesia, (8, 8, 8), symmetry=False).density_3d
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_allclose(one, two, atol=1e-6 * one.max(), rtol=0)


def test_electrons_are_scaled_to_the_exact_count(engine: InferenceEngine, magnesia: Atoms) -> None:
    scaled = engine.predict(magnesia, (12, 12, 12))
    raw = engine.predict(magnesia, (12, 12, 12), raw=True)
    assert scaled.electrons_exact == 64
    volume = magnesia.cell.volume
    assert scaled.density_3d.mean(dtype=np.float64) * volume == pytest.approx(64, rel=1e-6)
    assert raw.scale == 1
    assert raw.density_3d.mean(dtype=np.float64) * volume == pytest.approx(raw.electrons_predicted, rel=1e-6)
    np.testing.assert_allclose(scaled.density_3d, raw.density_3d * scaled.scale, rtol=1e-5)
    np.testing.assert_array_equal(scaled.density_flat[8 * 12 : 9 * 12], scaled.density_3d[0, 8])


def test_without_valence_the_raw_density_is_given(magnesia: Atoms) -> None:
    prediction = InferenceEngine(DensityModel(expansion(), fitted())).predict(magnesia, (8, 8, 8))
    assert prediction.electrons_exact is None
    assert prediction.scale == 1


def test_streaming_gives_the_same(engine: InferenceEngine, magnesia: Atoms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "BLOCK_POINTS", 100)
    whole = engine.predict(magnesia, (9, 8, 7), symmetry=False)
    blocks: list[np.ndarray] = []
    summary = engine.stream(magnesia, (9, 8, 7), blocks.append)
    assert len(blocks) == 7
    streamed = np.concatenate(blocks, axis=2)[..., 0] * summary.scale
    np.testing.assert_allclose(streamed, whole.density_3d, atol=2e-6 * whole.highest, rtol=0)
    assert summary.electrons_predicted == pytest.approx(whole.electrons_predicted, rel=1e-6)
    assert (summary.lowest, summary.highest) == pytest.approx((whole.lowest, whole.highest), rel=1e-4)


def test_progress_reaches_the_end(engine: InferenceEngine, magnesia: Atoms) -> None:
    for symmetry in (True, False):
        seen: list[tuple[int, int]] = []
        engine.predict(magnesia, (8, 8, 8), symmetry=symmetry, progress=lambda *state, s=seen: s.append(state))
        assert seen[-1][0] == seen[-1][1]


def test_database_rows_bring_their_grid(engine: InferenceEngine, magnesia: Atoms, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with connect(path) as database:
        row = database.write(magnesia, data={"chg": np.ones(240)}, nx=6, ny=5, nz=8)
    prediction = engine.predict(db_path=path, db_id=row)
    assert prediction.density_3d.shape == (6, 5, 8)
    assert engine.predict(db_path=path, db_id=row, grid_shape=(4, 4, 4)).grid_shape == (4, 4, 4)


def test_bad_requests_are_refused(engine: InferenceEngine, magnesia: Atoms, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="either atoms or db_path"):
        engine.predict(grid_shape=(4, 4, 4))
    with pytest.raises(InputError, match="A grid is needed"):
        engine.predict(magnesia)
    with pytest.raises(InputError, match="with db_id"):
        engine.predict(db_path=tmp_path / "a.db")
    with pytest.raises(InputError, match=r"shape \(n, 3\)"):
        engine.predict_at(magnesia, [0.0, 0.0, 0.0])
    with pytest.raises(InputError, match=r"never seen H; it knows O Mg Hf"):
        engine.predict_at(molecule("H2O"), np.zeros((1, 3)))
    with pytest.raises(InputError, match=r"cpu, cuda or cuda:N"):
        InferenceEngine(engine.model, device="quantum")
    with pytest.raises(InputError, match="precision is 'sloppy'"):
        InferenceEngine(engine.model, precision="sloppy")


@pytest.mark.parametrize("name", MODELS)
def test_a_model_file_gives_the_same_density(name: str, magnesia: Atoms, tmp_path: Path) -> None:
    model = MODELS[name]
    model.save(tmp_path / "m.safetensors")
    again = InferenceEngine(tmp_path / "m.safetensors")
    assert again.model.valence == VALENCE
    assert again.model.elements == (8, 12, 72)
    expected = InferenceEngine(model).predict(magnesia, (6, 6, 6)).density_3d
    np.testing.assert_array_equal(again.predict(magnesia, (6, 6, 6)).density_3d, expected)


def test_the_model_given_is_left_as_it_was(magnesia: Atoms) -> None:
    model = DensityModel(expansion(), fitted())
    InferenceEngine(model).predict(magnesia, (4, 4, 4))
    assert all(weight.requires_grad for weight in model.network.parameters())
