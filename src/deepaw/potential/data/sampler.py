"""Sampler of batches of frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deepaw.errors import InputError
from deepaw.potential.data.probabilities import batch_sizes, mixed_size, system_probabilities


class Sampler:
    """Sampler of batches: the frames of one system, or, with "mixed:N", N frames of all systems.

    Every pass through a system visits all its frames in a new random order. All choices follow from the seed and the
    number of draws before, so that a restored sampler continues as the first would have.
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
        """Make a sampler.

        counts, natoms: frames of each system, and atoms of a frame; batch_size, auto_prob, sys_probs: as in
        `probabilities`. A batch is never larger than its system, unless it is a mixed one.

        Raises InputError: lists that do not fit the number of systems, or probabilities that do not sum to 1.
        """
        self._counts = [int(count) for count in counts]
        self._mixed = mixed_size(batch_size)
        sizes = batch_sizes(batch_size, natoms)
        self.sizes = [min(size, count) for size, count in zip(sizes, self._counts, strict=True)]
        """Frames in a batch of each system."""
        self.batches = [-(-count // size) for count, size in zip(self._counts, sizes, strict=True)]
        """Batches in a pass through each system, the last of which may not be full."""
        self.probabilities = system_probabilities(self.batches, auto_prob, sys_probs)
        """Probability of each system, (nsystems,)."""
        self._cumulative = np.cumsum(self.probabilities)
        self._seed = seed
        self._draws = 0
        self._seen = [0] * len(self._counts)
        self._orders: dict[int, tuple[int, np.ndarray]] = {}

    def draw(self) -> list[tuple[int, int]]:
        """Draw the next batch: (system, frame) of every frame, both from 0."""
        random = np.random.default_rng((self._seed, 0, self._draws))
        self._draws += 1
        if self._mixed is not None:
            systems = self._choose(random.random(self._mixed))
            return [(system, self._next(system)) for system in systems]
        system = self._choose(random.random(1))[0]
        return [(system, self._next(system)) for _ in range(self.sizes[system])]

    def epoch(self) -> int:
        """Return the number of batches after which every system is expected to have been passed through once."""
        is_drawn = self.probabilities > 0
        # less a rounding error, which is not a batch
        return int(np.ceil((np.asarray(self.batches)[is_drawn] / self.probabilities[is_drawn]).max() - 1e-6))

    def state(self) -> dict[str, Any]:
        """Return the state to continue from: integers and a list of integers."""
        return {"seed": self._seed, "draws": self._draws, "seen": list(self._seen)}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a `state`. Raises InputError: it belongs to another number of systems."""
        if len(state["seen"]) != len(self._counts):
            raise InputError(
                f"The checkpoint was made with {len(state['seen'])} systems, but now there are {len(self._counts)}; a "
                "restart needs the same ones."
            )
        self._seed, self._draws, self._seen = state["seed"], state["draws"], list(state["seen"])
        self._orders.clear()

    def _choose(self, random: np.ndarray) -> list[int]:
        """Turn random numbers in [0, 1) into systems."""
        # a sum of probabilities may end a rounding error below 1, and the last systems may have none
        last = int(np.flatnonzero(self.probabilities)[-1])
        return np.minimum(np.searchsorted(self._cumulative, random, side="right"), last).tolist()

    def _next(self, system: int) -> int:
        """Return the next frame of a system in the order of the present pass."""
        number, position = divmod(self._seen[system], self._counts[system])
        self._seen[system] += 1
        order = self._orders.get(system)
        if order is None or order[0] != number:
            random = np.random.default_rng((self._seed, 1, system, number))
            order = (number, random.permutation(self._counts[system]))
            self._orders[system] = order
        return int(order[1][position])
