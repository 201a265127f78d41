"""Deep-learning surrogates for DFT: charge densities and potentials, trained and served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepaw.density.engine import InferenceEngine

__version__ = "0.1.0"
__all__ = ["InferenceEngine", "__version__"]


def __getattr__(name: str) -> Any:
    """`deepaw.InferenceEngine`, loaded when it is asked for: torch takes a second to import."""
    if name == "InferenceEngine":
        from deepaw.density.engine import InferenceEngine

        return InferenceEngine
    raise AttributeError(f"module 'deepaw' has no attribute {name!r}")
