"""Symbols as types."""

from __future__ import annotations

import pytest

from deepaw.errors import InputError
from deepaw.potential.model.typemap import types_of


def test_symbols_as_types() -> None:
    assert types_of(["H", "O", "H"], ("O", "H")) == [1, 0, 1]
    with pytest.raises(InputError, match="atom 2 is C; the model knows O, H"):
        types_of(["H", "C"], ("O", "H"))
