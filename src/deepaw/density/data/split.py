"""Which structures a model learns from, which watch it learn, and which it never meets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hashlib import sha256

from deepaw.density.data.example import Example
from deepaw.errors import InputError

SMALLEST_STRATUM = 4
"""Crystal types with fewer structures than this are drawn from together instead of one by one."""

LISTED = 20
"""How many crystal types a message lists."""


@dataclass(frozen=True)
class Split:
    """Three parts of a data set; `left_out` holds whole crystal types."""

    train: list[Example]
    validation: list[Example]
    left_out: list[Example]


def split(examples: Sequence[Example], fraction: float, seed: int, leave_out: Sequence[str] = ()) -> Split:
    """Divide a data set by structure, stratified by crystal type.

    A `fraction` of every crystal type, at least one structure, goes to validation; types with fewer than
    `SMALLEST_STRATUM` structures are pooled, and the fraction is taken of the pool. A structure without which an
    element would be missing from training stays there.
    The choice depends on the names and the seed alone, not on the order of the examples.

    leave_out: crystal types that go to `left_out` as a whole; `*` and `?` as in file names.

    Raises InputError: a fraction outside [0, 1), a crystal type that is not there, nothing left to learn from, or an
    element that is left out altogether, about which the model could say nothing.
    """
    if not 0 <= fraction < 1:
        raise InputError(f"The validation fraction is {fraction:g}; it must be at least 0 and below 1.")
    left_out = _matching(examples, leave_out)
    strata: dict[str, list[Example]] = {}
    for example in sorted(examples, key=lambda example: _rank(example, seed)):
        if example.name not in left_out:
            strata.setdefault(example.kind, []).append(example)
    holders = Counter(symbol for members in strata.values() for e in members for symbol in set(e.atoms.symbols))
    chosen: set[str] = set()
    pool: list[Example] = []
    if fraction > 0:
        for members in strata.values():
            if len(members) < SMALLEST_STRATUM:
                pool += members
            else:
                count = min(max(1, round(fraction * len(members))), len(members) - 1)
                chosen |= _dispensable(members, holders, count)
    chosen |= _dispensable(sorted(pool, key=lambda e: _rank(e, seed)), holders, round(fraction * len(pool)))
    result = Split(
        [example for example in examples if example.name not in chosen and example.name not in left_out],
        [example for example in examples if example.name in chosen],
        [example for example in examples if example.name in left_out],
    )
    _check_elements(result)
    return result


def _rank(example: Example, seed: int) -> bytes:
    return sha256(f"{seed}:{example.name}".encode()).digest()


def _matching(examples: Sequence[Example], patterns: Sequence[str]) -> set[str]:
    """Names of the examples whose crystal type matches any of the patterns, each of which must match something."""
    names: set[str] = set()
    for pattern in patterns:
        found = {example.name for example in examples if fnmatchcase(example.kind, pattern)}
        if not found:
            kinds = sorted({example.kind for example in examples})
            more = f" and {len(kinds) - LISTED} more" if len(kinds) > LISTED else ""
            raise InputError(f"No crystal type is called {pattern}; there are {', '.join(kinds[:LISTED])}{more}.")
        names |= found
    return names


def _dispensable(candidates: Sequence[Example], holders: Counter[str], count: int) -> set[str]:
    """Up to `count` of the candidates, in their order, so that every element keeps a holder.

    holders: structures by element that are not set aside, from which those that are chosen are subtracted.
    """
    taken: set[str] = set()
    for example in candidates:
        symbols = set(example.atoms.symbols)
        if len(taken) < count and all(holders[symbol] > 1 for symbol in symbols):
            taken.add(example.name)
            holders.subtract(symbols)
    return taken


def _check_elements(result: Split) -> None:
    if not result.train:
        raise InputError(f"All {len(result.left_out)} structures are left out; some must remain to learn from.")
    known = {symbol for example in result.train for symbol in example.atoms.symbols}
    for example in result.left_out:
        unseen = sorted(set(example.atoms.symbols) - known)
        if unseen:
            raise InputError(
                f"Leaving out {example.kind} leaves no structure with {unseen[0]} to learn from; a model cannot be "
                "asked about an element that it has never seen."
            )
