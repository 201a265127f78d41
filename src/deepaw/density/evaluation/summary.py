"""Many structures in a few figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from deepaw.density.evaluation.compare import Comparison

OVERALL = "all"


@dataclass(frozen=True)
class Spread:
    """Mean, median and worst of one figure over structures, and the name of the worst."""

    mean: float
    median: float
    worst: float
    worst_name: str


@dataclass(frozen=True)
class Summary:
    """Figures of the structures of one crystal type, or of all (`kind` is then `OVERALL`).

    nmae, scaled, fitted: as in `Comparison`; None where one of the structures does not have it.
    electron_error: the largest by magnitude, with its sign.
    """

    kind: str
    count: int
    nmae: Spread
    scaled: Spread | None
    fitted: Spread | None
    electron_error: float


def summarise(comparisons: Sequence[Comparison]) -> list[Summary]:
    """A summary of every crystal type, the worst first, and at the end that of all structures."""
    groups: dict[str, list[Comparison]] = {}
    for comparison in comparisons:
        groups.setdefault(comparison.kind, []).append(comparison)
    kinds = [_summary(kind, members) for kind, members in groups.items()]
    return [*sorted(kinds, key=lambda kind: -kind.nmae.mean), _summary(OVERALL, comparisons)]


def _summary(kind: str, members: Sequence[Comparison]) -> Summary:
    names = [member.name for member in members]
    return Summary(
        kind,
        len(members),
        _spread([member.nmae for member in members], names),
        _spread_if_known([member.nmae_scaled for member in members], names),
        _spread_if_known([member.nmae_fitted for member in members], names),
        max((member.electron_error for member in members), key=abs),
    )


def _spread_if_known(values: Sequence[float | None], names: Sequence[str]) -> Spread | None:
    known = [value for value in values if value is not None]
    return _spread(known, names) if len(known) == len(values) else None


def _spread(values: Sequence[float], names: Sequence[str]) -> Spread:
    worst = max(range(len(values)), key=values.__getitem__)
    return Spread(fmean(values), median(values), values[worst], names[worst])
