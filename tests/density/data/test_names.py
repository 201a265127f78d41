"""Lists of structures by name."""

import numpy as np
import pytest
from ase import Atoms

from deepaw.density.data.example import Example
from deepaw.density.data.names import read_names, select
from deepaw.errors import InputError

EXAMPLES = [Example(name, "Si", Atoms("Si"), None, name, lambda: np.ones((1, 1, 1))) for name in "abc"]


def test_the_list_decides_which_and_in_which_order(tmp_path):
    path = tmp_path / "validation.txt"
    path.write_text("c\n\n a \nc\n")
    assert select(EXAMPLES, read_names(path), path) == [EXAMPLES[2], EXAMPLES[0]]


def test_lists_that_cannot_be_used(tmp_path):
    path = tmp_path / "validation.txt"
    with pytest.raises(InputError, match=r"cannot be read as a list"):
        read_names(path)
    path.write_bytes(b"a\n\xff\n")
    with pytest.raises(InputError, match=r"validation.txt, line 2 cannot be read as UTF-8"):
        read_names(path)
    path.write_text("\n \n")
    with pytest.raises(InputError, match=r"lists no structures"):
        read_names(path)
    with pytest.raises(InputError, match=r"lists d, which is not among the 3 structures"):
        select(EXAMPLES, ["a", "d"], path)
