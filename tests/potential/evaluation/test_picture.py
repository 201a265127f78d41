"""Parity plots: sampling of points, and panels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepaw.potential.evaluation import picture
from deepaw.potential.evaluation.compare import Errors, FrameComparison
from deepaw.potential.evaluation.picture import ParitySample, write_picture


def forces(count: int, seed: int = 0) -> FrameComparison:
    reference = np.random.default_rng(seed).normal(size=(count, 3))
    return FrameComparison(count, {"force": (reference, reference + 1.0)})


def test_few_points_are_all_shown() -> None:
    sample = ParitySample()
    for seed in range(3):
        sample.add(forces(5, seed))
    points = sample.points("force")
    expected = np.concatenate([forces(5, seed).pairs["force"][0].reshape(-1) for seed in range(3)])
    np.testing.assert_array_equal(points[0], expected)
    np.testing.assert_array_equal(points[1], expected + 1.0)
    assert sample.points("energy_per_atom").shape == (2, 0)


def test_many_points_are_sampled_from_all_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "POINTS", 300)
    sample = ParitySample()
    for number in range(40):
        frame = FrameComparison(50, {"force": (np.full((50, 3), float(number)), np.full((50, 3), number + 1.0))})
        sample.add(frame)
    points = sample.points("force")
    assert 150 < points.shape[1] <= 600
    np.testing.assert_array_equal(points[1] - points[0], 1.0)
    shares = np.bincount(points[0].astype(int), minlength=40)
    assert shares[:20].sum() > 60 and shares[20:].sum() > 60


def test_one_panel_for_each_quantity(tmp_path: Path) -> None:
    sizes = {}
    for name, quantities in (("one", ["force"]), ("two", ["energy_per_atom", "force"]), ("none", [])):
        sample, errors = ParitySample(), Errors()
        frame = FrameComparison(4, {quantity: (np.ones((4, 3)), np.ones((4, 3))) for quantity in quantities})
        sample.add(frame)
        errors.add(frame)
        write_picture(tmp_path / f"{name}.png", sample, errors)
        content = (tmp_path / f"{name}.png").read_bytes()
        assert content.startswith(b"\x89PNG")
        sizes[name] = int.from_bytes(content[16:20], "big")
    assert sizes["two"] == 2 * sizes["one"]
