"""How many replicas there are, and what each is given."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deepaw.errors import InputError


@dataclass(frozen=True)
class ReplicaCount:
    """At least and at most; as many as the load needs between the two."""

    least: int
    most: int

    @classmethod
    def parse(cls, text: str) -> ReplicaCount:
        """MIN, or MIN:MAX. Raises InputError."""
        found = re.fullmatch(r"(\d{1,4})(?::(\d{1,4}))?", text)
        if found is not None:
            least, most = int(found[1]), int(found[2] or found[1])
            if 1 <= least <= most:
                return cls(least, most)
        raise InputError(f"--replicas is {text!r}; it should be a number of 1 or more, or two as 1:4.")

    def __str__(self) -> str:
        return str(self.least) if self.least == self.most else f"{self.least} to {self.most}"


@dataclass(frozen=True)
class ReplicaSettings:
    """count: of replicas. gpus: of each; a replica shares one where it is less than 1, and has none where it is 0."""

    count: ReplicaCount
    gpus: float = 0.0

    def __post_init__(self) -> None:
        if self.gpus < 0 or not (self.gpus < 1 or self.gpus.is_integer()):
            raise InputError(f"--gpus-per-replica is {self.gpus:g}; it should be 0, a part of 1, or a whole number.")

    @property
    def devices(self) -> str:
        """Of one replica, as `ServerConfig.device`: Ray shows each its own GPUs alone."""
        if self.gpus == 0:
            return "cpu"
        return "cuda" if self.gpus <= 1 else ",".join(f"cuda:{number}" for number in range(int(self.gpus)))
