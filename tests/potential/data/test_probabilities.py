"""Sizes of batches and probabilities of systems, as DeePMD-kit defines them."""

import numpy as np
import pytest

from deepaw.errors import InputError
from deepaw.potential.data.probabilities import batch_sizes, mixed_size, system_probabilities


def test_sizes_by_rule():
    natoms = [192, 32, 33, 10, 1]
    assert batch_sizes(3, natoms) == [3, 3, 3, 3, 3]
    assert batch_sizes([1, 2, 3, 4, 5], natoms) == [1, 2, 3, 4, 5]
    assert batch_sizes("auto", natoms) == [1, 1, 1, 4, 32]
    assert batch_sizes("auto:64", natoms) == [1, 2, 2, 7, 64]
    assert batch_sizes("mixed:6", natoms) == [6, 6, 6, 6, 6]
    assert mixed_size("mixed:6") == 6
    assert mixed_size("auto:6") is mixed_size(6) is None


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, [0.1, 0.3, 0.2, 0.4]),
        ({"auto_prob": "prob_uniform"}, [0.25, 0.25, 0.25, 0.25]),
        ({"auto_prob": "prob_sys_size;0:2:0.6;2:4:0.4"}, [0.15, 0.45, 0.4 / 3, 0.8 / 3]),
        ({"auto_prob": "prob_sys_size;0:2:1;3:4:3"}, [0.0625, 0.1875, 0, 0.75]),
        ({"sys_probs": [0.1, 0.2, 0.3, 0.4]}, [0.1, 0.2, 0.3, 0.4]),
        ({"sys_probs": [-1, 0.5, -1, 0]}, [1 / 6, 0.5, 1 / 3, 0]),
        ({"sys_probs": [-1, 1, -1, 0]}, [0, 1, 0, 0]),
    ],
)
def test_probabilities(arguments, expected):
    np.testing.assert_allclose(system_probabilities([1, 3, 2, 4], **arguments), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"auto_prob": "prob_sys_size;0:5:1"}, "block 0:5:1, which should be start:end:weight within the 4 systems"),
        ({"auto_prob": "prob_sys_size;2:2:1"}, "block 2:2:1"),
        ({"auto_prob": "prob_sys_size;0:2:1;1:4:1"}, "block 1:4:1, which overlaps"),
        ({"auto_prob": "prob_sys_size;0:2:0;2:4:0"}, "at least one of its weights must be above 0"),
        ({"sys_probs": [0.5, 0.5]}, "sys_probs lists 2 numbers, but 4 systems were found"),
        ({"sys_probs": [0.5, 0.2, 0.1, 0.1]}, "sys_probs sum to 0.9; they should sum to 1"),
        ({"sys_probs": [0.9, 0.2, -1, 0]}, "sys_probs sum to 1.1; they should sum to 1"),
    ],
)
def test_probabilities_that_are_none(arguments, said):
    with pytest.raises(InputError) as caught:
        system_probabilities([1, 3, 2, 4], **arguments)
    assert said in str(caught.value)


def test_a_list_of_sizes_for_other_systems():
    with pytest.raises(InputError, match="batch_size lists 2 numbers, but 3 systems were found"):
        batch_sizes([1, 2], [3, 3, 3])
