"""What travels between a server and those who ask it: `docs/server.md` describes the bytes."""

from deepaw.server.messages.binary import binary_to_dict, dict_to_binary
from deepaw.server.messages.errors import MessageError
from deepaw.server.messages.limits import MessageLimits

__all__ = ["MessageError", "MessageLimits", "binary_to_dict", "dict_to_binary"]
