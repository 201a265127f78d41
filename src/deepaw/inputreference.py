"""What may be in an input file, from the models that check it: a text to read, and a JSON schema for editors."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from deepaw.inputfile import COMMENT

_BOUNDS = {"exclusiveMinimum": ">", "minimum": ">=", "exclusiveMaximum": "<", "maximum": "<="}
_WIDTH = 110


def json_schema(kind: type[BaseModel]) -> dict[str, Any]:
    """A JSON schema (draft 2020-12) of files that hold `kind`, comments included."""
    schema = kind.model_json_schema()
    for section in [schema, *schema.get("$defs", {}).values()]:
        if section.get("additionalProperties") is False:
            section["patternProperties"] = {f"^{COMMENT}": {"description": "A comment."}}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def reference(kind: type[BaseModel]) -> str:
    """Every section and key of files that hold `kind`: type, default, meaning."""
    return "\n".join(_Reference(kind.model_json_schema()).lines())


class _Reference:
    def __init__(self, schema: dict[str, Any]) -> None:
        self._schema = schema
        self._definitions: dict[str, Any] = schema.get("$defs", {})
        self._written: dict[str, str] = {}  # definitions by name: their headings

    def lines(self) -> Iterator[str]:
        yield from self._section("", "the file", self._schema)

    def _section(self, place: str, heading: str, section: dict[str, Any]) -> Iterator[str]:
        yield from [heading, "-" * len(heading)]
        yield from _wrapped(section.get("description", ""), "")
        yield ""
        required = section.get("required", ())
        sections = {key: names for key, value in section["properties"].items() if (names := self._alternatives(value))}
        keys = {key: value for key, value in section["properties"].items() if key not in sections}
        for key, value in sorted(keys.items(), key=lambda item: item[0] != "type"):
            default = "required" if key in required else f"default {json.dumps(value.get('default'))}"
            yield f"  {key}: {self._type(value)}, {default}"
            yield from _wrapped(value.get("description", ""), "      ")
        if keys:
            yield ""
        for key, names in sections.items():
            inner = f"{place}.{key}".removeprefix(".") + ("[]" if "items" in section["properties"][key] else "")
            yield from self._inner(inner, names, key in required)

    def _inner(self, place: str, names: list[str], required: bool) -> Iterator[str]:
        chooser = self._chooser(names)
        for name in names:
            section = self._definitions[name]
            choice = f", {chooser} {self._type(section['properties'][chooser])}" if chooser else ""
            heading = f"{place}{choice}{'' if required else ' (optional)'}"
            if self._written.get(name) == heading:
                continue
            if name in self._written:
                yield from [heading, "-" * len(heading), f"As {self._written[name]}.", ""]
            else:
                self._written[name] = heading
                yield from self._section(place, heading, section)

    def _alternatives(self, value: dict[str, Any]) -> list[str]:
        """Names of the definitions that may stand for this value or, of a list, for each of its entries."""
        options = value.get("oneOf") or value.get("anyOf") or [value.get("items", value)]
        options = [inner for option in options for inner in option.get("oneOf", [option])]
        return list(dict.fromkeys(option["$ref"].rsplit("/", 1)[1] for option in options if "$ref" in option))

    def _chooser(self, names: list[str]) -> str | None:
        """The key whose value says which of several sections is meant."""
        if len(names) == 1:
            return None
        first = self._definitions[names[0]]["properties"]
        for key in first:
            others = [self._definitions[name]["properties"].get(key, {}) for name in names]
            if len({self._type(other) for other in others if "const" in other or "enum" in other}) == len(names):
                return key
        return None

    def _type(self, value: dict[str, Any]) -> str:
        if "const" in value:
            return json.dumps(value["const"])
        if "enum" in value:
            return " or ".join(json.dumps(option) for option in value["enum"])
        if "anyOf" in value:
            return " or ".join(self._type(option) for option in value["anyOf"])
        if "prefixItems" in value:
            return f"[{', '.join(self._type(entry) for entry in value['prefixItems'])}]"
        if value.get("type") == "array":
            inner = self._type(value["items"])
            return f"list of ({inner})" if " " in inner else f"list of {inner}s"
        bounds = " and ".join(f"{sign} {value[name]:g}" for name, sign in _BOUNDS.items() if name in value)
        return f"{value.get('type', 'anything')} {bounds}".rstrip()


def _wrapped(text: str, indent: str) -> list[str]:
    return [
        line
        for paragraph in text.split("\n\n")
        for line in textwrap.wrap(paragraph, _WIDTH, initial_indent=indent, subsequent_indent=indent)
    ]
