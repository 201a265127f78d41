"""Sections `training_data` and `validation_data` of an input file: systems, and how batches are drawn from them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, Field, field_validator

from deepaw.inputfile import Section, refusing
from deepaw.potential.data.find import find_systems
from deepaw.potential.data.hdf5 import SystemPath
from deepaw.potential.data.labels import LabelRequest
from deepaw.potential.data.probabilities import AUTO_PROB, BATCH_RULE, check_auto_prob, check_batch_rule
from deepaw.potential.data.sampler import Sampler
from deepaw.potential.data.system import System, open_system

UNSUPPORTED_RULES = ("max", "filter", "mix")
"""Rules of batch_size that only DeePMD-kit has."""


class DataInput(Section):
    """Systems in deepmd/npy or HDF5, and how batches are drawn from them; paths are relative to the input file."""

    systems: str | Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        description="folders, each of which is a system or is searched for systems (folders with type.raw), or HDF5 "
        "files, or groups of these, as in water.hdf5#/a"
    )
    rglob_patterns: tuple[str, ...] | None = Field(
        None, description="take only folders that match one of these, such as water*, at any depth"
    )
    batch_size: Annotated[int, Field(ge=1)] | tuple[int, ...] | Annotated[str, Field(pattern=BATCH_RULE)] = Field(
        "auto",
        description='frames of a batch: a number; a list with one for each system; "auto:N", as few as have N atoms; '
        '"auto", the same as "auto:32"; "mixed:N", N frames of any systems',
    )
    auto_prob: Annotated[str, Field(pattern=AUTO_PROB)] = Field(
        "prob_sys_size",
        validation_alias=AliasChoices("auto_prob", "auto_prob_style"),
        description='how often systems are drawn from: "prob_uniform", all alike; "prob_sys_size", by their number of '
        'batches; "prob_sys_size;start:end:weight;...", blocks of systems of given weight, by batches within each',
    )
    sys_probs: tuple[float, ...] | None = Field(
        None,
        validation_alias=AliasChoices("sys_probs", "sys_weights"),
        description="instead of auto_prob, the probability of each system; negative ones share what is left",
    )

    @field_validator("systems", mode="before")
    @classmethod
    def _systems_are_folders(cls, value: Any) -> Any:
        is_list = isinstance(value, list | tuple) and len(value) > 0 and all(isinstance(entry, str) for entry in value)
        if not isinstance(value, str) and not is_list:
            raise ValueError("it should be a folder or a list of folders, in quotes")
        return tuple(value) if is_list else value

    @field_validator("batch_size", mode="before")
    @classmethod
    def _batch_size_is_a_rule(cls, value: Any) -> Any:
        if isinstance(value, str):
            if value.partition(":")[0] in UNSUPPORTED_RULES:
                raise ValueError(f'"{value}" is not supported; use "auto:N", "mixed:N" or a number')
            with refusing():
                check_batch_rule(value)
            return value
        sizes = value if isinstance(value, list | tuple) else [value]
        if not sizes or not all(type(size) is int and size >= 1 for size in sizes):
            raise ValueError(
                f'it is {json.dumps(value)}; it should be a whole number from 1, a list of these, "auto", "auto:N" or '
                '"mixed:N"'
            )
        return tuple(value) if isinstance(value, list) else value

    @field_validator("auto_prob", mode="before")
    @classmethod
    def _auto_prob_is_a_rule(cls, value: Any) -> Any:
        if isinstance(value, str):
            with refusing():
                check_auto_prob(value)
        return value

    def read(self, folder: Path, type_map: Sequence[str] | None, request: LabelRequest | None = None) -> list[System]:
        """Open all systems, without a look at their numbers, which `scan_systems` checks.

        folder: what relative paths are relative to. request: labels to read; by default all. Raises InputError: as
        `open_system`.
        """
        return [open_system(path, type_map, request) for path in self.find(folder)]

    def find(self, folder: Path) -> list[SystemPath]:
        """Find the places of all systems; folder: as for `read`. Raises InputError: as `find_systems`."""
        return find_systems(self.systems, folder, self.rglob_patterns)

    def sampler(self, systems: Sequence[System], seed: int) -> Sampler:
        """Make the sampler of these systems. Raises InputError: lists that do not fit the number of systems."""
        counts, natoms = [system.nframes for system in systems], [system.natoms for system in systems]
        return Sampler(counts, natoms, self.batch_size, self.auto_prob, self.sys_probs, seed)


class ValidationDataInput(DataInput):
    """Systems that are not trained on, for errors on frames the model has not learnt from."""

    numb_btch: int = Field(
        1,
        ge=1,
        validation_alias=AliasChoices("numb_btch", "numb_batch"),
        description="batches that each validation goes through",
    )
