"""The resident server: models that are loaded once and answer many (`docs/server.md`).

from deepaw.server import DeePAWClient

client = DeePAWClient()
client.predict(atoms=atoms, grid_shape=(80, 80, 80))["density_3d"]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepaw.server.client import DeePAWClient
    from deepaw.server.messages import binary_to_dict, dict_to_binary

__all__ = ["DeePAWClient", "binary_to_dict", "dict_to_binary"]


def __getattr__(name: str) -> Any:
    """The public names, loaded when they are asked for: each side of a connection needs its own part alone."""
    if name == "DeePAWClient":
        from deepaw.server.client import DeePAWClient

        return DeePAWClient
    if name in ("binary_to_dict", "dict_to_binary"):
        from deepaw.server import messages

        return getattr(messages, name)
    raise AttributeError(f"module 'deepaw.server' has no attribute {name!r}")
