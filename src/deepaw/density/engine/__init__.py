"""Evaluation of density models: a few dense products per tile of points instead of one tensor product per edge."""

from deepaw.density.engine.engine import InferenceEngine
from deepaw.density.engine.prediction import Prediction, PredictionSummary
from deepaw.density.engine.prepared import PreparedStructure

__all__ = ["InferenceEngine", "Prediction", "PredictionSummary", "PreparedStructure"]
