"""Processes that train one model together, each a part of every batch (`torchrun`)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

Item = TypeVar("Item")


@dataclass(frozen=True)
class Processes:
    """This process among `count`; `rank` counts from 0, and the first one writes and prints."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes and prints."""
        return self.rank == 0

    def share(self, items: Sequence[Item]) -> Sequence[Item]:
        """This process's part of something that all of them have."""
        return items if self.count == 1 else items[self.rank :: self.count]

    def sum(self, *tensors: Tensor) -> None:
        """Replace tensors of one type by their sums over all processes, in one exchange."""
        if self.count == 1:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        dist.all_reduce(flat)
        for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))


@contextmanager
def joined(device: torch.device | None) -> Iterator[tuple[Processes, torch.device]]:
    """What torchrun started this process as, if it did, and the device to work on.

    device: the one that was asked for; by default a GPU where there is one, its own for each process of a computer.
    """
    together = "RANK" in os.environ and "WORLD_SIZE" in os.environ
    if device is None:
        number = int(os.environ.get("LOCAL_RANK", "0"))
        device = torch.device(f"cuda:{number}") if torch.cuda.is_available() else torch.device("cpu")
    if not together:
        yield Processes(), device
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Processes(dist.get_rank(), dist.get_world_size()), device
    finally:
        dist.destroy_process_group()
