import itertools

import pytest
import torch
from e3nn import o3

from deepaw.equivariant import wigner_3j


@pytest.mark.parametrize(("l1", "l2"), list(itertools.product(range(5), range(5))))
def test_equals_e3nn_with_its_sign(l1: int, l2: int) -> None:
    for l3 in range(abs(l1 - l2), min(l1 + l2, 6) + 1):
        torch.testing.assert_close(
            wigner_3j(l1, l2, l3), o3.wigner_3j(l1, l2, l3, dtype=torch.float64), atol=1e-12, rtol=0
        )


def test_refuses_degrees_that_do_not_couple() -> None:
    with pytest.raises(ValueError, match="triangle"):
        wigner_3j(1, 1, 3)
