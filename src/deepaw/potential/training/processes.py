"""Processes that train one model together, each with a share of every batch (`torchrun`)."""

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
    """This process among `count`; `rank` is from 0, and the process of rank 0 writes and prints."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0

    def share(self, items: Sequence[Item]) -> Sequence[Item]:
        """Return the share of this process of a sequence that all processes have."""
        return items if self.count == 1 else items[self.rank :: self.count]

    def sum(self, *tensors: Tensor) -> None:
        """Replace tensors of one dtype by their sums over all processes, in one exchange."""
        if self.count == 1:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        dist.all_reduce(flat)
        for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))


@contextmanager
def join_processes(device: torch.device | None) -> Iterator[tuple[Processes, torch.device]]:
    """Join the process group of torchrun, if there is one; yield the processes and the device of this one.

    device: requested device; by default a GPU if there is one, a different one for each local process.
    """
    is_distributed = "RANK" in os.environ and "WORLD_SIZE" in os.environ
    if device is None:
        number = int(os.environ.get("LOCAL_RANK", "0"))
        device = torch.device(f"cuda:{number}") if torch.cuda.is_available() else torch.device("cpu")
    if not is_distributed:
        yield Processes(), device
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Processes(dist.get_rank(), dist.get_world_size()), device
    finally:
        dist.destroy_process_group()
