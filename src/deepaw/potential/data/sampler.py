"""Batches of frames, drawn from systems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deepaw.errors import InputError
from deepaw.potential.data.probabilities import batch_sizes, mixed_size, system_probabilities


class Sampler:
    """Draws batches: from one system each, or, with "mixed:N", N frames from all systems.

    Every pass through a system goes through all its frames in an order of its own. All choices follow from the seed
    and from how much was drawn before, so that a restored sampler draws what the first would have drawn.
    """

    def __init__(
        self,
        counts: Sequence[int],
        natoms: Sequence[int],
        batch_size: int | Sequence[int] | str = "auto",
        auto_prob: str = "prob_sys_size",
        sys_probs: Sequence[float] | None = None,
        seed: int = 0,
    ) -> None:
        """counts, natoms: frames of each system, and atoms of its frames; the others as in `probabilities`.

        A batch is never larger than its system, unless it is a mixed one.

        Raises InputError: what is given does not fit the number of systems, or the probabilities are none.
        """
        self._counts = [int(count) for count in counts]
        self._mixed = mixed_size(batch_size)
        sizes = batch_sizes(batch_size, natoms)
        self.sizes = [min(size, count) for size, count in zip(sizes, self._counts, strict=True)]
        """Frames of a batch from each system."""
        self.batches = [-(-count // size) for count, size in zip(self._counts, sizes, strict=True)]
        """Batches that each system makes, the last of which may not be full."""
        self.probabilities = system_probabilities(self.batches, auto_prob, sys_probs)
        """Of each system, (nsystems,)."""
        self._steps = np.cumsum(self.probabilities)
        self._seed = seed
        self._draws = 0
        self._seen = [0] * len(self._counts)
        self._orders: dict[int, tuple[int, np.ndarray]] = {}

    def draw(self) -> list[tuple[int, int]]:
        """(system, frame) of every frame of the next batch, both from 0."""
        random = np.random.default_rng((self._seed, 0, self._draws))
        self._draws += 1
        if self._mixed is not None:
            systems = self._choose(random.random(self._mixed))
            return [(system, self._next(system)) for system in systems]
        system = self._choose(random.random(1))[0]
        return [(system, self._next(system)) for _ in range(self.sizes[system])]

    def epoch(self) -> int:
        """Batches after which every system can be expected to have been gone through once."""
        drawn = self.probabilities > 0
        # less a rounding error, which is not a batch
        return int(np.ceil((np.asarray(self.batches)[drawn] / self.probabilities[drawn]).max() - 1e-6))

    def state(self) -> dict[str, Any]:
        """All that is needed to go on drawing: whole numbers and a list of them."""
        return {"seed": self._seed, "draws": self._draws, "seen": list(self._seen)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`. Raises InputError: it belongs to another number of systems."""
        if len(state["seen"]) != len(self._counts):
            raise InputError(
                f"The checkpoint was made with {len(state['seen'])} systems, but now there are {len(self._counts)}; a "
                "restart needs the same ones."
            )
        self._seed, self._draws, self._seen = state["seed"], state["draws"], list(state["seen"])
        self._orders.clear()

    def _choose(self, random: np.ndarray) -> list[int]:
        # a sum of probabilities may end a rounding error below 1, and the last systems may have none
        last = int(np.flatnonzero(self.probabilities)[-1])
        return np.minimum(np.searchsorted(self._steps, random, side="right"), last).tolist()

    def _next(self, system: int) -> int:
        number, position = divmod(self._seen[system], self._counts[system])
        self._seen[system] += 1
        known = self._orders.get(system)
        if known is None or known[0] != number:
            random = np.random.default_rng((self._seed, 1, system, number))
            known = (number, random.permutation(self._counts[system]))
            self._orders[system] = known
        return int(known[1][position])
