"""Output files appear whole or not at all."""

import errno
from pathlib import Path

import pytest

from deepaw.errors import InputError
from deepaw.outputfile import check_output, output_file


def test_replaces_only_at_the_end(tmp_path):
    path = tmp_path / "result"
    path.write_text("before")
    with output_file(path) as temporary:
        temporary.write_text("after")
        assert path.read_text() == "before"
        assert temporary.parent == tmp_path
    assert path.read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, InputError])
def test_an_error_leaves_what_was_there(tmp_path, error):
    path = tmp_path / "result"
    path.write_text("before")
    with pytest.raises(error), output_file(path) as temporary:
        temporary.write_text("half")
        raise error
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_full_disk_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="the disk is full") as caught, output_file(tmp_path / "result") as temporary:
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_really_full_device(tmp_path):
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("the system has no /dev/full")
    with pytest.raises(InputError, match="the disk is full"), output_file(tmp_path / "result") as temporary:
        temporary.symlink_to(full)
        temporary.write_text("x" * 100_000)
    assert list(tmp_path.iterdir()) == []


def test_refused_before_any_work(tmp_path):
    with pytest.raises(InputError, match=r"The folder .*nowhere for the output CHGCAR does not exist"):
        check_output(tmp_path / "nowhere" / "CHGCAR")
    with pytest.raises(InputError, match="is a folder"):
        check_output(tmp_path)
    with pytest.raises(InputError, match="is a device"):
        check_output("/dev/null")


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real").write_text("before")
    link = tmp_path / "link"
    link.symlink_to("real")
    with output_file(link) as temporary:
        temporary.write_text("after")
    assert link.is_symlink()
    assert (tmp_path / "real").read_text() == "after"
