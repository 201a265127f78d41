"""Reading the values of a message one by one; every mistake is a sentence that names the key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deepaw.errors import InputError


class Fields:
    """A message whose values are taken out one after the other; `finish` refuses what is left."""

    def __init__(self, message: Mapping[str, Any]) -> None:
        self._left = {key: value for key, value in message.items() if value is not None}

    def has(self, key: str) -> bool:
        """Whether there is a value, other than None."""
        return key in self._left

    def text(self, key: str, default: str | None = None) -> str | None:
        """A text."""
        value = self._left.pop(key, default)
        if value is not None and not isinstance(value, str):
            raise InputError(f"{key} should be a text.")
        return value

    def count(self, key: str) -> int | None:
        """A whole number, 1 or more."""
        value = self._left.pop(key, None)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise InputError(f"{key} should be a whole number, 1 or more.")
        return value

    def truth(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self._left.pop(key, default)
        if not isinstance(value, bool | np.bool_):
            raise InputError(f"{key} should be true or false.")
        return bool(value)

    def truths(self, key: str, count: int) -> np.ndarray:
        """(count,) bool, from one for all or as many; True without any."""
        refusal = InputError(f"{key} should be true or false, or {count} of them.")
        try:
            given = np.asarray(self._taken(key, True))
        except ValueError:  # rows of several lengths
            raise refusal from None
        if given.dtype != np.bool_ or given.shape not in ((), (count,)):
            raise refusal
        return np.broadcast_to(given, (count,)).copy()

    def floats(self, key: str, *shapes: tuple[int, ...]) -> np.ndarray | None:
        """float64 of one of the shapes, where -1 is any size; None without any. Numbers must be finite."""
        if not self.has(key):
            return None
        array = np.ascontiguousarray(self._numbers(key, "fiu", shapes), dtype=np.float64)
        if not np.isfinite(array).all():
            raise InputError(f"{key} holds a number that is not finite (NaN or infinite).")
        return array

    def whole(self, key: str, *shapes: tuple[int, ...]) -> np.ndarray | None:
        """int64 of one of the shapes; None without any."""
        if not self.has(key):
            return None
        return np.ascontiguousarray(self._numbers(key, "iu", shapes), dtype=np.int64)

    def map(self, key: str) -> Fields:
        """A map of values of its own."""
        value = self._left.pop(key, None)
        if not isinstance(value, Mapping):
            raise InputError(f"{key} should be a map of names to values.")
        return Fields(value)

    def finish(self, what: str) -> None:
        """Raises InputError for a key that nobody asked for."""
        if self._left:
            raise InputError(f"{str(next(iter(self._left)))[:40]!r} is not a key of {what}.")

    def _taken(self, key: str, default: Any) -> Any:
        return self._left.pop(key, default)

    def _numbers(self, key: str, kinds: str, shapes: Sequence[tuple[int, ...]]) -> np.ndarray:
        what = "whole numbers" if kinds == "iu" else "numbers"
        try:
            array = np.asarray(self._left.pop(key))
        except (ValueError, OverflowError):
            raise InputError(f"{key} should be an array of {what}, with rows of one length.") from None
        if array.dtype.kind not in kinds and array.size:
            raise InputError(f"{key} should be an array of {what}.")
        if not any(_fits(array.shape, shape) for shape in shapes):
            known = " or ".join(_shown(shape) for shape in shapes)
            raise InputError(f"{key} has the shape {_shown(array.shape)}; it should be {known}.")
        return array


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return len(shape) == len(wanted) and all(w in (-1, n) for n, w in zip(shape, wanted, strict=True))


def _shown(shape: tuple[int, ...]) -> str:
    sizes = ", ".join("n" if size == -1 else str(size) for size in shape)
    return f"({sizes},)" if len(shape) == 1 else f"({sizes})"
