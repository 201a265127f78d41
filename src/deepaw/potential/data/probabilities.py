"""Sizes of batches and probabilities of systems: the keys `batch_size`, `auto_prob`, `sys_probs`."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from deepaw.errors import InputError

AUTO_ATOMS = 32
"""Least number of atoms in a batch of size "auto"."""

BATCH_RULE = r"^(auto(:[1-9]\d*)?|mixed:[1-9]\d*)$"
AUTO_PROB = r"^(prob_uniform|prob_sys_size(;\d+:\d+:(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?)*)$"


def mixed_size(batch_size: int | Sequence[int] | str) -> int | None:
    """Return N of "mixed:N", the frames of a batch over all systems; None where a batch is of one system."""
    if isinstance(batch_size, str) and batch_size.startswith("mixed:"):
        return int(batch_size.partition(":")[2])
    return None


def batch_sizes(batch_size: int | Sequence[int] | str, natoms: Sequence[int]) -> list[int]:
    """Return the frames in a batch of each system.

    batch_size: one number; one for each system; "auto:N", the fewest frames with N atoms or more; "auto", short for
    "auto:32"; "mixed:N", N frames. natoms: atoms in a frame of each system.

    Raises InputError: a list of another length than there are systems.
    """
    if isinstance(batch_size, int):
        return [batch_size] * len(natoms)
    if isinstance(batch_size, str):
        if (size := mixed_size(batch_size)) is not None:
            return [size] * len(natoms)
        atoms = int(batch_size.partition(":")[2] or AUTO_ATOMS)
        return [-(-atoms // count) for count in natoms]
    if len(batch_size) != len(natoms):
        raise InputError(
            f"batch_size lists {len(batch_size)} numbers, but {len(natoms)} systems were found; give one for each."
        )
    return list(batch_size)


def system_probabilities(
    batches: Sequence[int], auto_prob: str = "prob_sys_size", sys_probs: Sequence[float] | None = None
) -> np.ndarray:
    """Return the probability that a batch is drawn from each system: (nsystems,) float64, of sum 1.

    batches: number of batches that each system makes. sys_probs: explicit probabilities; systems with negative ones
    share what the others leave, in proportion to their batches. auto_prob: used without sys_probs; "prob_uniform";
    "prob_sys_size", in proportion to batches; "prob_sys_size;0:2:0.3;2:5:0.7", where systems 0 and 1 together have the
    weight 0.3 and 2 to 4 have 0.7, in proportion to batches within each block, and systems in no block are never drawn.

    Raises InputError: lists of another length, probabilities that do not sum to 1, blocks that overlap or go beyond the
    systems or weigh nothing.
    """
    counts = np.asarray(batches, dtype=np.float64)
    if sys_probs is not None:
        return _explicit(counts, np.asarray(sys_probs, dtype=np.float64))
    if auto_prob == "prob_uniform":
        return np.full(len(counts), 1 / len(counts))
    blocks = auto_prob.split(";")[1:] or [f"0:{len(counts)}:1"]
    result = np.zeros(len(counts))
    for block in blocks:
        first, last, weight = (part(text) for part, text in zip((int, int, float), block.split(":"), strict=True))
        if not first < last <= len(counts):
            raise InputError(
                f"auto_prob has the block {block}, which should be start:end:weight within the {len(counts)} systems."
            )
        if result[int(first) : int(last)].any():
            raise InputError(f"auto_prob has the block {block}, which overlaps one before; a system is in one block.")
        result[int(first) : int(last)] = weight * counts[int(first) : int(last)] / counts[int(first) : int(last)].sum()
    if not 0 < result.sum() < np.inf:
        raise InputError(f"auto_prob is {auto_prob}; at least one of its weights must be above 0.")
    return result / result.sum()


def _explicit(counts: np.ndarray, sys_probs: np.ndarray) -> np.ndarray:
    """Replace negative probabilities by shares of what the others leave, and normalise."""
    if len(sys_probs) != len(counts):
        raise InputError(
            f"sys_probs lists {len(sys_probs)} numbers, but {len(counts)} systems were found; give one for each."
        )
    is_open = sys_probs < 0
    rest = 1 - sys_probs[~is_open].sum()
    if rest < -1e-6 or (rest > 1e-6 and not is_open.any()):
        raise InputError(f"sys_probs sum to {1 - rest:g}; they should sum to 1 (negative ones share what is left).")
    result = np.where(is_open, 0.0, sys_probs)
    if is_open.any():
        result += max(rest, 0.0) * np.where(is_open, counts, 0.0) / counts[is_open].sum()
    return result / result.sum()


def check_batch_rule(text: str) -> None:
    """Check a batch_size in words. Raises InputError: not "auto", "auto:N" or "mixed:N"."""
    if re.fullmatch(BATCH_RULE, text) is None:
        raise InputError(
            f'it is "{text}"; it should be a number, a list of numbers, "auto", "auto:N" or "mixed:N", with a whole '
            "number N from 1."
        )


def check_auto_prob(text: str) -> None:
    """Check auto_prob. Raises InputError: not "prob_uniform" or "prob_sys_size", with blocks or without."""
    if re.fullmatch(AUTO_PROB, text) is None:
        raise InputError(
            f'it is "{text}"; it should be "prob_uniform", "prob_sys_size" or "prob_sys_size;start:end:weight;...".'
        )
