"""Messages of TensorFlow's frozen graphs, for Google's protocol buffers; TensorFlow is not needed.

The types have the fields that are read here, with the numbers of TensorFlow's graph.proto, node_def.proto,
attr_value.proto, tensor.proto, tensor_shape.proto and types.proto; other fields of a file are skipped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from google.protobuf.message import DecodeError

from deepaw.errors import InputError

PACKAGE = "tensorflow"

FIELDS: dict[str, dict[str, tuple[int, str]]] = {
    "GraphDef": {"node": (1, "repeated NodeDef")},
    "NodeDef": {"name": (1, "string"), "op": (2, "string"), "input": (3, "repeated string"),
                "attr": (5, "repeated AttrEntry")},
    "AttrEntry": {"key": (1, "string"), "value": (2, "AttrValue")},
    "AttrValue": {"list": (1, "ListValue"), "s": (2, "bytes"), "i": (3, "int64"), "f": (4, "float"), "b": (5, "bool"),
                  "type": (6, "DataType"), "shape": (7, "TensorShapeProto"), "tensor": (8, "TensorProto")},
    "ListValue": {"s": (2, "repeated bytes"), "i": (3, "repeated int64"), "f": (4, "repeated float"),
                  "b": (5, "repeated bool"), "type": (6, "repeated DataType"),
                  "shape": (7, "repeated TensorShapeProto")},
    "TensorShapeProto": {"dim": (2, "repeated Dim"), "unknown_rank": (3, "bool")},
    "Dim": {"size": (1, "int64"), "name": (2, "string")},
    "TensorProto": {"dtype": (1, "DataType"), "tensor_shape": (2, "TensorShapeProto"), "version_number": (3, "int32"),
                    "tensor_content": (4, "bytes"), "float_val": (5, "repeated float"),
                    "double_val": (6, "repeated double"), "int_val": (7, "repeated int32"),
                    "string_val": (8, "repeated bytes"), "int64_val": (10, "repeated int64"),
                    "bool_val": (11, "repeated bool"), "half_val": (13, "repeated int32")},
}  # fmt: skip
"""Number and type of each field of each message."""

DATA_TYPES = [
    "DT_INVALID", "DT_FLOAT", "DT_DOUBLE", "DT_INT32", "DT_UINT8", "DT_INT16", "DT_INT8", "DT_STRING", "DT_COMPLEX64",
    "DT_INT64", "DT_BOOL", "DT_QINT8", "DT_QUINT8", "DT_QINT32", "DT_BFLOAT16", "DT_QINT16", "DT_QUINT16", "DT_UINT16",
    "DT_COMPLEX128", "DT_HALF", "DT_RESOURCE", "DT_VARIANT", "DT_UINT32", "DT_UINT64",
]  # fmt: skip
"""Names of the types of numbers, from 0. Types of references, which variables have, are 100 more."""

REFERENCE = 100

_SCALARS: dict[str, Any] = {
    name: getattr(descriptor_pb2.FieldDescriptorProto, f"TYPE_{name.upper()}")
    for name in ("string", "bytes", "int64", "int32", "float", "double", "bool")
}


def read_message(path: Path) -> Any:
    """Read the message `GraphDef` of a binary (`.pb`) or text (`.pbtxt`) file.

    Raises InputError: a file that cannot be read, or that is no such message.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}.") from None
    graph = GRAPH()
    try:
        if path.suffix == ".pbtxt":
            text_format.Parse(content.decode("utf-8"), graph, allow_unknown_field=True)
        else:
            graph.ParseFromString(content)
    except (DecodeError, text_format.ParseError, UnicodeDecodeError, RecursionError, ValueError):
        form = "the text of a frozen graph" if path.suffix == ".pbtxt" else "a frozen graph"
        raise InputError(f"{path} is not {form} of TensorFlow, or is cut short.") from None
    return graph


def _message_class(name: str) -> Any:
    """Return the class of a message. The types have a pool of their own, beside those of an imported TensorFlow."""
    file = descriptor_pb2.FileDescriptorProto(name="graph.proto", package=PACKAGE, syntax="proto3")
    types = file.enum_type.add(name="DataType")
    for number, data_type in enumerate(DATA_TYPES):
        types.value.add(name=data_type, number=number)
    for number, data_type in enumerate(DATA_TYPES[1:], start=REFERENCE + 1):
        types.value.add(name=f"{data_type}_REF", number=number)
    for message, fields in FIELDS.items():
        # the entries of a map are a message inside the one that has the map
        owner = next(item for item in file.message_type if item.name == "NodeDef") if message == "AttrEntry" else None
        target = file.message_type.add(name=message) if owner is None else owner.nested_type.add(name=message)
        target.options.map_entry = owner is not None
        for field, (number, kind) in fields.items():
            _add_field(target, field, number, kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))


def _add_field(message: Any, name: str, number: int, kind: str) -> None:
    kind, is_repeated = kind.removeprefix("repeated "), kind.startswith("repeated ")
    field = message.field.add(name=name, number=number)
    field.label = field.LABEL_REPEATED if is_repeated else field.LABEL_OPTIONAL
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
        return
    field.type = field.TYPE_ENUM if kind == "DataType" else field.TYPE_MESSAGE
    field.type_name = f".{PACKAGE}.{'NodeDef.' if kind == 'AttrEntry' else ''}{kind}"


GRAPH = _message_class("GraphDef")
