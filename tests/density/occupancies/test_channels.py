import pytest

from deepaw.density.occupancies.channels import COUNTS, Channels, channels_of_count, channels_of_text
from deepaw.errors import InputError


@pytest.mark.parametrize(("count", "text"), COUNTS.items())
def test_known_counts_are_those_of_their_channels(count: int, text: str) -> None:
    channels = channels_of_text("X", text)
    assert channels.count == count
    assert channels_of_count("X", count, "CHGCAR") == channels
    assert channels.name == text


def test_rows_follow_the_channels() -> None:
    channels = Channels("O", ((2, 0), (2, 1), (-1, 0), (-1, 1), (-1, 2)))
    assert channels.size == 13
    assert channels.slices() == [slice(0, 1), slice(1, 4), slice(4, 5), slice(5, 8), slice(8, 13)]
    assert channels.pairs()[:6] == [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (1, 1)]
    assert channels.totals(1, 4) == [1, 3]
    assert channels.totals(4, 4) == [0, 2, 4]


def test_a_count_that_fits_nothing_names_those_that_do() -> None:
    with pytest.raises(InputError) as caught:
        channels_of_count("Fe", 46, "run/CHGCAR")
    for part in ("run/CHGCAR has 46", "for Fe", "15 (s s p)", "33 (s s p p)", "138 (s s p p d d)", "channels"):
        assert part in str(caught.value)


@pytest.mark.parametrize("text", ["", "s x", "ss", "s s P"])
def test_refuses_what_names_no_channels(text: str) -> None:
    with pytest.raises(InputError, match="channels of Fe are"):
        channels_of_text("Fe", text)
