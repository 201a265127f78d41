"""Projector channels of an element: the rows and columns of its atomic density matrices."""

from __future__ import annotations

from dataclasses import dataclass

from deepaw.errors import InputError

LETTERS = "spdfgh"
"""Names of the angular momenta l = 0, 1, ..."""

NOT_SAID = 0
"""Principal quantum number of channels whose source does not say it, as a CHGCAR."""

COUNTS = {15: "s s p", 33: "s s p p", 138: "s s p p d d"}
"""Channels by the number of augmentation occupancies of an atom in a CHGCAR."""


@dataclass(frozen=True)
class Channels:
    """Channels (n, l) of the element `element`, in the order of its setup; n = -1: unbound, n = 0: not said.

    A matrix D has one row for every projector: channel after channel, m = -l..l, real harmonics with z polar (l = 1:
    y, z, x), as in GPAW and VASP.
    """

    element: str
    quantum_numbers: tuple[tuple[int, int], ...]

    @property
    def degrees(self) -> tuple[int, ...]:
        """Angular momentum l of every channel."""
        return tuple(degree for _, degree in self.quantum_numbers)

    @property
    def size(self) -> int:
        """Number of projectors: rows of a density matrix."""
        return sum(2 * degree + 1 for degree in self.degrees)

    @property
    def count(self) -> int:
        """Number of augmentation occupancies of an atom in a CHGCAR."""
        return sum(2 * total + 1 for i, j in self.pairs() for total in self.totals(i, j))

    @property
    def name(self) -> str:
        """The channels as text, such as 's s p p d'."""
        return " ".join(LETTERS[degree] for degree in self.degrees)

    def slices(self) -> list[slice]:
        """Rows of every channel."""
        starts = [sum(2 * degree + 1 for degree in self.degrees[:i]) for i in range(len(self.degrees))]
        return [slice(start, start + 2 * degree + 1) for start, degree in zip(starts, self.degrees, strict=True)]

    def pairs(self) -> list[tuple[int, int]]:
        """Pairs of channels (i, j), i <= j, in VASP's order: i after i, and for each all j."""
        return [(i, j) for i in range(len(self.degrees)) for j in range(i, len(self.degrees))]

    def totals(self, i: int, j: int) -> list[int]:
        """Degrees L of natural parity that channels i and j couple to: |l - l'|, |l - l'| + 2, ..., l + l'."""
        first, second = self.degrees[i], self.degrees[j]
        return list(range(abs(first - second), first + second + 1, 2))


def channels_of_text(element: str, text: str) -> Channels:
    """Channels written as 's s p p d d'. Raises InputError: something else."""
    letters = text.split()
    if not letters or any(letter not in tuple(LETTERS) for letter in letters):
        raise InputError(
            f"the channels of {element} are {text!r}; they should be letters in the order of the setup, such as "
            "'s s p p d d'."
        )
    return Channels(element, tuple((NOT_SAID, LETTERS.index(letter)) for letter in letters))


def channels_of_count(element: str, count: int, name: str) -> Channels:
    """Channels of an element that has `count` augmentation occupancies in the CHGCAR `name`.

    Raises InputError: a count that is not in `COUNTS`.
    """
    if count not in COUNTS:
        known = ", ".join(f"{size} ({text})" for size, text in COUNTS.items())
        raise InputError(
            f"{name} has {count} augmentation occupancies for {element}, which fit no list of channels that is known; "
            f"those known are {known}, and any other is named in the input file, as in "
            f'"occupancies": {{"setup_channels": {{"{element}": "s s p p d"}}}}.'
        )
    return channels_of_text(element, COUNTS[count])
