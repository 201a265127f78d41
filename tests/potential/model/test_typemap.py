"""Conversion of symbols to types."""

from __future__ import annotations

import pytest

from deepaw.errors import InputError
from deepaw.potential.model.typemap import type_indices


def test_symbols_as_types() -> None:
    assert type_indices(["H", "O", "H"], ("O", "H")) == [1, 0, 1]
    with pytest.raises(InputError, match="atom 2 is C; the model knows O, H"):
        type_indices(["H", "C"], ("O", "H"))
    with pytest.raises(InputError, match="the 2 types of the model are numbers without names"):
        type_indices(["O"], ("Type_0", "Type_1"))
