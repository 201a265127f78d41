"""Errors a user can act on."""


class InputError(Exception):
    """Something the user gave is wrong.

    The message is one sentence that names the file, key or atom, the value found, and what would be right. The
    command line prints it and exits with code 2; a server answers it with a 4xx status.
    """
