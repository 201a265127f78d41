"""What is wrong with a message."""

from deepaw.errors import InputError


class MessageError(InputError):
    """Bytes that are not a message, or are one beyond the limits; the text is one sentence."""
