import pytest

from deepaw.errors import InputError
from deepaw.server.replicas.config import ReplicaCount, ReplicaSettings


def test_counts() -> None:
    assert ReplicaCount.parse("3") == ReplicaCount(3, 3)
    assert ReplicaCount.parse("1:4") == ReplicaCount(1, 4)
    assert (str(ReplicaCount(3, 3)), str(ReplicaCount(1, 4))) == ("3", "1 to 4")


@pytest.mark.parametrize("text", ["0", "0:2", "4:1", "-1", "", "two", "1:", "1:2:3", "1.5", "99999"])
def test_what_is_no_count(text: str) -> None:
    with pytest.raises(InputError, match="--replicas is"):
        ReplicaCount.parse(text)


def test_gpus_of_a_replica() -> None:
    devices = {gpus: ReplicaSettings(ReplicaCount(1, 1), gpus).devices for gpus in (0.0, 0.5, 1.0, 2.0)}
    assert devices == {0.0: "cpu", 0.5: "cuda", 1.0: "cuda", 2.0: "cuda:0,cuda:1"}
    for gpus in (-1.0, 1.5, float("nan"), float("inf")):
        with pytest.raises(InputError, match="--gpus-per-replica is"):
            ReplicaSettings(ReplicaCount(1, 1), gpus)
