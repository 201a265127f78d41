"""Constants and operations of a frozen graph, by name and by their connections."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from deepaw.errors import InputError
from deepaw.potential.files.graph.messages import DATA_TYPES, read_message

NUMBERS: dict[str, tuple[Any, str]] = {
    "DT_FLOAT": (np.float32, "float_val"),
    "DT_DOUBLE": (np.float64, "double_val"),
    "DT_INT32": (np.int32, "int_val"),
    "DT_INT64": (np.int64, "int64_val"),
    "DT_BOOL": (np.bool_, "bool_val"),
    "DT_HALF": (np.float16, "half_val"),
    "DT_BFLOAT16": (np.uint16, "half_val"),
}
"""NumPy type of each type of numbers that is read, and the field with its values; bfloat16 as the upper half of
float32."""

LARGEST_REPEATED = 2**24
"""Largest number of values that a constant may have which stores one value for several places."""

LARGEST_SIZE = 2**31 - 1
"""Largest size of a dimension."""

PASSED = ("Identity", "ReadVariableOp", "Cast", "Enter")
"""Operations that hand on their input, possibly as another type of numbers."""


class Graph:
    """Operations of a frozen graph; constants are operations, too.

    Raises InputError: as `read_message`.
    """

    def __init__(self, path: Path) -> None:
        self.file = str(path)
        self._nodes = {node.name: node for node in read_message(path).node}

    def error(self, problem: str) -> InputError:
        """Return an error to raise: '<file>: <problem>.'"""
        return InputError(f"{self.file}: {problem}.")

    def __contains__(self, name: str) -> bool:
        """Whether there is an operation of this name."""
        return name in self._nodes

    @cached_property
    def names(self) -> list[str]:
        """Names of the operations of the model, without those of derivatives, in the order of the graph."""
        return [name for name in self._nodes if not name.startswith("gradients")]

    def operation(self, name: str) -> str:
        """Return the operation of a node, such as 'MatMul'; empty if there is no such node."""
        return str(self._nodes[name].op) if name in self._nodes else ""

    def inputs(self, name: str) -> list[str]:
        """Return the names of the nodes whose outputs are inputs of a node."""
        if name not in self._nodes:
            return []
        return [source.partition(":")[0] for source in self._nodes[name].input if not source.startswith("^")]

    @cached_property
    def _consumers(self) -> dict[str, list[str]]:
        consumers: dict[str, list[str]] = defaultdict(list)
        for name in self.names:
            for source in self.inputs(name):
                consumers[source].append(name)
        return consumers

    def consumers(self, name: str) -> list[str]:
        """Return the nodes of the model that a node is an input of, past those that only hand it on."""
        result: list[str] = []
        pending, visited = [name], {name}
        while pending:
            for consumer in self._consumers.get(pending.pop(0), []):
                if consumer in visited:
                    continue
                visited.add(consumer)
                (pending if self.operation(consumer) in PASSED else result).append(consumer)
        return result

    def upstream(self, name: str) -> Iterator[str]:
        """Return a node, and every node that it depends on."""
        pending, visited = [name], {name}
        while pending:
            current = pending.pop()
            yield current
            sources = [source for source in self.inputs(current) if source not in visited]
            visited.update(sources)
            pending += sources

    def source(self, name: str) -> str:
        """Return the node whose output a node hands on, or the node itself."""
        for _ in range(len(self._nodes)):
            if self.operation(name) not in PASSED or not self.inputs(name):
                break
            name = self.inputs(name)[0]
        return name

    def floating(self, name: str, attribute: str) -> float:
        """Return a number among the attributes of an operation; it has the precision of float32."""
        value = float(self._attribute(name, attribute).f)
        if not np.isfinite(value):
            raise self.error(f"{attribute} of the operation {name} is {value}; the file is damaged")
        return value

    def integers(self, name: str, attribute: str) -> list[int]:
        """Return a list of integers among the attributes of an operation."""
        return [int(value) for value in self._attribute(name, attribute).list.i]

    def flag(self, name: str, attribute: str) -> bool:
        """Return whether an attribute of an operation is true; false if it has none of this name."""
        return attribute in self._nodes[name].attr and bool(self._nodes[name].attr[attribute].b)

    def _attribute(self, name: str, attribute: str) -> Any:
        attributes = self._nodes[name].attr
        if attribute not in attributes:
            raise self.error(f"the operation {name} has no {attribute}; the file is damaged")
        return attributes[attribute]

    def text(self, name: str) -> str | None:
        """Return the text of a constant, or None if there is no such constant."""
        if self.operation(name) != "Const":
            return None
        try:
            return b"".join(self._attribute(name, "value").tensor.string_val[:1]).decode("utf-8")
        except UnicodeDecodeError:
            raise self.error(f"the constant {name} is not text in UTF-8; the file is damaged") from None

    def array(self, name: str) -> np.ndarray:
        """Return the numbers of a constant, of the type they are stored in. Raises InputError: it has none."""
        values = self.optional_array(name)
        if values is None:
            raise self.error(f"the constant {name} is missing")
        return values

    def optional_array(self, name: str) -> np.ndarray | None:
        """Return the numbers of a constant, or None if there is no such constant; bfloat16 as float32.

        Raises InputError: a damaged constant, or numbers that are not finite.
        """
        if self.operation(name) != "Const":
            return None
        tensor = self._attribute(name, "value").tensor
        data_type = DATA_TYPES[tensor.dtype] if 0 <= tensor.dtype < len(DATA_TYPES) else str(tensor.dtype)
        if data_type not in NUMBERS:
            raise self.error(f"the constant {name} is of the type {data_type}, which is not supported")
        dtype, field = NUMBERS[data_type]
        shape = tuple(int(dimension.size) for dimension in tensor.tensor_shape.dim)
        stored = getattr(tensor, field)
        if tensor.tensor_content:
            values = self._decode(name, tensor.tensor_content, dtype)
        elif field == "half_val":
            values = np.array(stored, dtype=np.int64).astype(np.uint16).view(dtype)
        else:
            values = np.array(stored, dtype=dtype)
        values = self._shaped(name, values, shape, repeats=not tensor.tensor_content)
        if data_type == "DT_BFLOAT16":
            values = (values.astype(np.uint32) << 16).view(np.float32)
        if not np.isfinite(values).all():
            raise self.error(f"the constant {name} holds values that are not finite numbers; the file is damaged")
        return values

    def _decode(self, name: str, content: bytes, dtype: Any) -> np.ndarray:
        if len(content) % np.dtype(dtype).itemsize:
            raise self.error(f"the constant {name} is cut short; the file is damaged")
        return np.frombuffer(content, dtype=np.dtype(dtype).newbyteorder("<")).astype(dtype)

    def _shaped(self, name: str, values: np.ndarray, shape: tuple[int, ...], *, repeats: bool) -> np.ndarray:
        """Return values in their shape; the last value, or 0 if there is none, may stand for all that follow."""
        count = prod(shape)
        if values.size < count <= LARGEST_REPEATED and repeats:
            last = values[-1:] if values.size else np.zeros(1, values.dtype)
            values = np.concatenate([values, np.repeat(last, count - values.size)])
        if min(shape, default=0) < 0 or max(shape, default=0) > LARGEST_SIZE or values.size != count:
            raise self.error(
                f"the constant {name} has the shape {shape} and holds {values.size} numbers; the file is damaged"
            )
        return values.reshape(shape)
