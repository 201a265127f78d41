"""Input files that people write: JSON, checked against a pydantic model, what is wrong named by its place."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Discriminator, ValidationError
from pydantic_core import ErrorDetails

from deepaw.errors import InputError
from deepaw.textfile import read_text


class Section(BaseModel):
    """A part of an input file: unknown keys and numbers that are not finite are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


COMMENT = "_"
"""What keys that are comments begin with."""

LONGEST = 60
"""Characters of a wrong value that a message shows."""

Content = TypeVar("Content", bound=BaseModel)


Translation = tuple[dict[str, Any], dict[str, str]]
"""Content in the layout of its model, and, of what has another place there, {that place: the one in the file}."""


def read_input_file(
    path: str | Path, kind: type[Content], translate: Callable[[dict[str, Any]], Translation] | None = None
) -> Content:
    """Read and check a JSON file; numbers in quotes and the like are not converted, keys with a leading _ are comments.

    translate: from other layouts that are accepted; what it raises as InputError is said with the name of the file.
    Raises InputError: no such file, not UTF-8, not JSON, a key given twice, unknown or missing, or a wrong value.
    """
    path = Path(path)
    try:
        content: Any = json.loads(read_text(path), object_pairs_hook=_without_repetition)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; give an input file.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}.") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}.") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} holds {_shown(content)}; it should hold an object, {{...}}.")
    names: dict[str, str] = {}
    if translate is not None:
        try:
            content, names = translate(content)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
    try:
        # from JSON rather than from `content`: strict, and still lists become tuples
        return kind.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        raise InputError(f"{path}: {_sentence(error.errors()[0], content, kind, names)}.") from None


def chosen_by(key: str, default: str) -> Discriminator:
    """Which of several sections, tagged by name, is meant: the one that `key` names, or else `default`."""

    def choose(section: Any) -> Any:
        name = section.get(key, default) if isinstance(section, dict) else getattr(section, key, default)
        return "null" if name is None else name  # None would mean that the key is missing

    choose.__name__ = key  # which errors carry
    return Discriminator(choose)


@contextmanager
def refusing() -> Iterator[None]:
    """For the validators of sections: what a component says of its configuration is said with its place in the file."""
    try:
        yield
    except InputError as error:
        raise ValueError(str(error)) from None


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs if not key.startswith(COMMENT)]
    if len(set(keys)) < len(keys):
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)} is given twice")
    return {key: value for key, value in pairs if not key.startswith(COMMENT)}


def _sentence(error: ErrorDetails, content: Any, kind: type[BaseModel], names: dict[str, str]) -> str:
    understood = _place(error, content)
    place = _in_file(understood, names)
    if error["type"] == "extra_forbidden":
        return f"{place} is not a key; {_right_key(understood, error['loc'], kind)}"
    if error["type"] == "missing":
        return f"{place} is missing"
    if error["type"] == "value_error":
        return f"{place}: {error['ctx']['error']}".removeprefix("the file: ").removesuffix(".")
    if error["type"] == "union_tag_invalid":
        key = error["ctx"]["discriminator"].removesuffix("()")
        return f"{place}.{key} is {_shown(error['input'][key])}; it should be one of {error['ctx']['expected_tags']}"
    if error["type"] == "too_short":
        return (
            f"{place} has {error['ctx']['actual_length']} entries; it should have {error['ctx']['min_length']} or more"
        )
    return f"{place} is {_shown(error['input'])}; it {error['msg'].removeprefix('Input ')}"


def _place(error: ErrorDetails, content: Any) -> str:
    """`training.steps` or `data.systems[0]`; names of alternatives, which are not in the file, are left out."""
    place = ""
    for part in error["loc"]:
        if isinstance(part, int):
            place += f"[{part}]"
            content = content[part]
        elif isinstance(content, dict) and part in content:
            place += f".{part}"
            content = content[part]
    if error["type"] == "missing":
        place += f".{error['loc'][-1]}"
    return place.removeprefix(".") or "the file"


def _in_file(place: str, names: dict[str, str]) -> str:
    for translated, name in names.items():
        if place == translated or place.startswith((f"{translated}.", f"{translated}[")):
            return name + place[len(translated) :]
    return place


def _right_key(place: str, location: Sequence[int | str], kind: type[BaseModel]) -> str:
    """What was probably meant: a key like it in this section, the same key in another, or one of those there are."""
    parent, _, key = place.rpartition(".")
    prefix = f"{parent}." if parent else ""
    known = sorted({name for section in _sections_at(location[:-1], kind) for name in section.model_fields})
    elsewhere = (name for name in _all_keys(kind) if name != place and name.split(".")[-1] == key)
    near = (f"{prefix}{name}" for name in get_close_matches(key, known, n=1))
    if meant := next(chain(elsewhere, near), None):
        return f"did you mean {meant}"
    return f"the keys there are {', '.join(known)}"


def _sections_at(location: Sequence[int | str], kind: type[BaseModel]) -> list[type[BaseModel]]:
    sections = [kind]
    for part in location:
        inner = [
            found
            for section in sections
            if part in section.model_fields
            for found in _sections_in(section.model_fields[str(part)].annotation)
        ]
        sections = inner or [section for section in sections if _is_called(section, part)]
    return sections


def _sections_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [section for argument in get_args(annotation) for section in _sections_in(argument)]


def _is_called(section: type[BaseModel], name: int | str) -> bool:
    """Whether this alternative of several carries the name in one of its fields, as in `readout: "gated"`."""
    return any(name in get_args(field.annotation) for field in section.model_fields.values())


def _all_keys(kind: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in kind.model_fields.items():
        yield f"{prefix}{name}"
        for section in _sections_in(field.annotation):
            yield from _all_keys(section, f"{prefix}{name}.")


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
