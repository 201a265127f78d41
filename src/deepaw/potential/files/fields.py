"""Objects of a tree, read key by key: what was not asked for in the end is refused by name."""

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
    """One object of a tree.

    file: what messages call the file. place: of the object in the tree, such as 'model.descriptor'.
    """

    def __init__(self, content: Any, file: str, place: str) -> None:
        self.file = file
        self.place = place
        if not isinstance(content, dict):
            raise self.error(f"is {_shown(content)}, where an object belongs")
        self._left = {name: value for name, value in content.items() if name != "@class"}
        variables = self._left.pop("@variables", None) or {}
        if not isinstance(variables, dict):
            raise self.error(f"is {_shown(variables)}, where an object belongs", "@variables")
        self._variables = dict(variables)

    def error(self, what: str, key: str = "") -> InputError:
        """To be raised: '<file>: <place>[.key] <what>.'"""
        return InputError(f"{self.file}: {self.place}{'.' if key else ''}{key} {what}.")

    def version(self, newest: int) -> None:
        """Refuse an object written by newer software than what this one knows."""
        found = self.take("@version", 1)
        if not isinstance(found, int) or found > newest:
            raise self.error(f"has version {found}; this deepaw reads up to {newest}; update deepaw")

    def take(self, key: str, default: Any = _MISSING) -> Any:
        """The value of a key; without a default, a missing one is an error."""
        if key not in self._left and default is _MISSING:
            raise self.error("is missing", key)
        return self._left.pop(key, default)

    def choose(self, key: str, table: Mapping[str, Value]) -> Value:
        """The entry of the table that the value of a key names."""
        name = self.take(key)
        if not isinstance(name, str) or name not in table:
            raise self.error(f"is {_shown(name)}, which is not supported; it should be one of {', '.join(table)}", key)
        return table[name]

    def types(self, key: str, ntypes: int) -> list[int]:
        """The list of types, counted from 0, that a key holds; none where it is missing."""
        values = self.take(key, [])
        if not isinstance(values, list) or not all(type(one) is int and 0 <= one < ntypes for one in values):
            raise self.error(f"is {_shown(values)}; it should be a list of types from 0 to {ntypes - 1}", key)
        return values

    def known(self, keys: tuple[str, ...]) -> dict[str, Any]:
        """Those of the keys that are there, as the keys of a section."""
        return {key: self._left.pop(key) for key in keys if key in self._left}

    def expect(self, key: str, *allowed: Any) -> None:
        """Refuse a value that is not one of those allowed; a missing key is fine."""
        value = self._left.pop(key, allowed[0])
        if value not in allowed:
            right = " or ".join(_shown(one) for one in allowed)
            raise self.error(f"is {_shown(value)}, which is not supported; it should be {right}", key)

    def ignore(self, *keys: str) -> None:
        """Keys that change no prediction."""
        for key in keys:
            self._left.pop(key, None)

    def inner(self, key: str) -> Fields:
        """The object that a key holds."""
        return Fields(self.take(key), self.file, f"{self.place}.{key}")

    def each(self, key: str) -> list[Any]:
        """The list that a key holds."""
        value = self.take(key)
        if not isinstance(value, list):
            raise self.error(f"is {_shown(value)}, where a list belongs", key)
        return value

    def array(self, key: str, shape: tuple[int, ...]) -> np.ndarray:
        """An array of the `@variables`, float64, (shape); another shape of as many numbers is given this one."""
        values = self.optional_array(key)
        if values is None:
            raise self.error("is missing", f"@variables.{key}")
        if values.size != np.prod(shape, dtype=int):
            raise self.error(f"has the shape {values.shape} where {shape} belongs", f"@variables.{key}")
        return values.reshape(shape)

    def optional_array(self, key: str) -> np.ndarray | None:
        """An array of the `@variables` of any shape, float64, or None."""
        values = self._variables.pop(key, None)
        if values is None:
            return None
        if not isinstance(values, np.ndarray):
            raise self.error(f"is {_shown(values)}, where an array belongs", f"@variables.{key}")
        result = values.astype(np.float64)
        if not np.isfinite(result).all():
            raise self.error("holds values that are not finite numbers; the file is damaged", f"@variables.{key}")
        return result

    def section(self, kind: type[Config], content: dict[str, Any]) -> Config:
        """A section of a configuration from these fields."""
        try:
            return kind.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            reason = first.get("ctx", {}).get("error", first["msg"])
            raise self.error(f"is not supported: {str(reason).rstrip('.')}", where) from None

    def end(self) -> None:
        """Refuse whatever was not asked for: it might change the predictions."""
        for key in (
            *self._left,
            *(f"@variables.{name}" for name, value in self._variables.items() if value is not None),
        ):
            raise self.error("is a field that this deepaw does not know, so the model is not supported", key)


@contextmanager
def naming(fields: Fields) -> Iterator[None]:
    """What a component says of its configuration is said with the file and the place in it."""
    try:
        yield
    except InputError as error:
        message = str(error).removesuffix(".")
        raise InputError(f"{fields.file}: {fields.place}: {message}.") from None


def _shown(value: Any) -> str:
    text = str(value) if isinstance(value, np.ndarray) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
