"""GPAW calculations that begin from, or are done at, a predicted density.

from deepaw.gpaw import start

atoms.calc = start(atoms, "model.safetensors", mode={"name": "pw", "ecut": 600}, kpts=(4, 4, 4), xc="PBE")
atoms.get_potential_energy()

Needs GPAW of 2026 or newer: pip install 'deepaw[gpaw]'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepaw.gpaw.calculator import HarrisCalculator
    from deepaw.gpaw.initial import start

__all__ = ["HarrisCalculator", "start"]


def __getattr__(name: str) -> Any:
    """Load the public names when they are asked for: torch and GPAW take seconds."""
    if name == "start":
        from deepaw.gpaw.initial import start

        return start
    if name == "HarrisCalculator":
        from deepaw.gpaw.calculator import HarrisCalculator

        return HarrisCalculator
    raise AttributeError(f"module 'deepaw.gpaw' has no attribute {name!r}")
