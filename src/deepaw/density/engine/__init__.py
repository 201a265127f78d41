"""Evaluation of density models: a few dense products per tile of points instead of one tensor product per edge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepaw.density.engine.prediction import Prediction, PredictionSummary

if TYPE_CHECKING:
    from deepaw.density.engine.engine import InferenceEngine
    from deepaw.density.engine.prepared import PreparedStructure

__all__ = ["InferenceEngine", "Prediction", "PredictionSummary", "PreparedStructure"]


def __getattr__(name: str) -> Any:
    """What needs torch, loaded when it is asked for: what asks a server only reads the answers."""
    if name == "InferenceEngine":
        from deepaw.density.engine.engine import InferenceEngine

        return InferenceEngine
    if name == "PreparedStructure":
        from deepaw.density.engine.prepared import PreparedStructure

        return PreparedStructure
    raise AttributeError(f"module 'deepaw.density.engine' has no attribute {name!r}")
