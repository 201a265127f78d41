"""Reader of the objects of a tree: every key must be read or ignored explicitly, others are refused by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError

from deepaw.errors import InputError

Config = TypeVar("Config", bound=BaseModel)
Value = TypeVar("Value")

_MISSING: Any = object()


class Fields:
    """One object of a tree, whose keys are removed as they are read.

    file: name of the file in error messages. place: path of the object in the tree, such as 'model.descriptor'.
    """

    def __init__(self, content: Any, file: str, place: str) -> None:
        self.file = file
        self.place = place
        if not isinstance(content, dict):
            raise self.error(f"is {_shown(content)}, where an object belongs")
        self._unread = {name: value for name, value in content.items() if name != "@class"}
        variables = self._unread.pop("@variables", None) or {}
        if not isinstance(variables, dict):
            raise self.error(f"is {_shown(variables)}, where an object belongs", "@variables")
        self._variables = dict(variables)

    def error(self, problem: str, key: str = "") -> InputError:
        """Return an error to raise: '<file>: <place>[.key] <problem>.'"""
        return InputError(f"{self.file}: {self.place}{'.' if key else ''}{key} {problem}.")

    def check_version(self, newest: int) -> None:
        """Raise InputError for an object of a newer version than `newest`."""
        version = self.take("@version", 1)
        if not isinstance(version, int) or version > newest:
            raise self.error(f"has version {version}; this deepaw reads up to {newest}; update deepaw")

    def take(self, key: str, default: Any = _MISSING) -> Any:
        """Return the value of a key, or the default; raises InputError for a missing key without a default."""
        if key not in self._unread and default is _MISSING:
            raise self.error("is missing", key)
        return self._unread.pop(key, default)

    def choose(self, key: str, table: Mapping[str, Value]) -> Value:
        """Return the entry of a table whose name is the value of a key."""
        name = self.take(key)
        if not isinstance(name, str) or name not in table:
            raise self.error(f"is {_shown(name)}, which is not supported; it should be one of {', '.join(table)}", key)
        return table[name]

    def take_types(self, key: str, ntypes: int) -> list[int]:
        """Return the list of types, counted from 0, at a key; empty if the key is missing."""
        values = self.take(key, [])
        if not isinstance(values, list) or not all(type(value) is int and 0 <= value < ntypes for value in values):
            raise self.error(f"is {_shown(values)}; it should be a list of types from 0 to {ntypes - 1}", key)
        return values

    def take_present(self, keys: tuple[str, ...]) -> dict[str, Any]:
        """Return the values of those keys that are present."""
        return {key: self._unread.pop(key) for key in keys if key in self._unread}

    def expect(self, key: str, *allowed: Any) -> None:
        """Raise InputError for a value that is not one of those allowed; the key may be missing."""
        value = self._unread.pop(key, allowed[0])
        if value not in allowed:
            expected = " or ".join(_shown(choice) for choice in allowed)
            raise self.error(f"is {_shown(value)}, which is not supported; it should be {expected}", key)

    def ignore(self, *keys: str) -> None:
        """Mark keys that do not affect predictions as read."""
        for key in keys:
            self._unread.pop(key, None)

    def take_object(self, key: str) -> Fields:
        """Return the object at a key."""
        return Fields(self.take(key), self.file, f"{self.place}.{key}")

    def take_list(self, key: str) -> list[Any]:
        """Return the list at a key."""
        value = self.take(key)
        if not isinstance(value, list):
            raise self.error(f"is {_shown(value)}, where a list belongs", key)
        return value

    def array(self, key: str, shape: tuple[int, ...]) -> np.ndarray:
        """Return an array of the `@variables`, float64, reshaped to `shape`."""
        values = self.optional_array(key)
        if values is None:
            raise self.error("is missing", f"@variables.{key}")
        if values.size != np.prod(shape, dtype=int):
            raise self.error(f"has the shape {values.shape} where {shape} belongs", f"@variables.{key}")
        return values.reshape(shape)

    def optional_array(self, key: str) -> np.ndarray | None:
        """Return an array of the `@variables` with any shape, float64, or None if it is missing."""
        values = self._variables.pop(key, None)
        if values is None:
            return None
        if not isinstance(values, np.ndarray):
            raise self.error(f"is {_shown(values)}, where an array belongs", f"@variables.{key}")
        result = values.astype(np.float64)
        if not np.isfinite(result).all():
            raise self.error("holds values that are not finite numbers; the file is damaged", f"@variables.{key}")
        return result

    def section(self, section_class: type[Config], content: dict[str, Any]) -> Config:
        """Validate a section of a configuration; raises InputError with the place of an invalid value."""
        try:
            return section_class.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            reason = first.get("ctx", {}).get("error", first["msg"])
            raise self.error(f"is not supported: {str(reason).rstrip('.')}", key) from None

    def finish(self) -> None:
        """Raise InputError for a key that has not been read, as it might affect predictions."""
        for key in (
            *self._unread,
            *(f"@variables.{name}" for name, value in self._variables.items() if value is not None),
        ):
            raise self.error("is a field that this deepaw does not know, so the model is not supported", key)


@contextmanager
def errors_with_place(fields: Fields) -> Iterator[None]:
    """Prefix the messages of InputErrors with the file and the place of an object, unless they name the file."""
    try:
        yield
    except InputError as error:
        message = str(error).removesuffix(".")
        if message.startswith(f"{fields.file}: "):
            raise
        raise InputError(f"{fields.file}: {fields.place}: {message}.") from None


def _shown(value: Any) -> str:
    text = str(value) if isinstance(value, np.ndarray) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
