"""What a potential says of a batch of frames, and what it should say."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Predictions:
    """Of frames one after the other; eV and A.

    energy: (nframes,), force: (natoms, 3), virial: (nframes, 3, 3), atom_energy: (natoms,); None where not asked for.
    """

    energy: Tensor
    force: Tensor | None = None
    virial: Tensor | None = None
    atom_energy: Tensor | None = None


@dataclass(frozen=True)
class Labels:
    """What `Predictions` should be, in the same order and shapes; None where no frame has it.

    atom_pref: (natoms,), weights of the atoms' forces, 0 or more; None is 1 for all with `use_default_pf`.
    energy_given, ...: (nframes,) bool, which frames have that label; None where all of them do. What a frame without a
    label has in its place does not count.
    """

    energy: Tensor | None = None
    force: Tensor | None = None
    virial: Tensor | None = None
    atom_energy: Tensor | None = None
    atom_pref: Tensor | None = None
    energy_given: Tensor | None = None
    force_given: Tensor | None = None
    virial_given: Tensor | None = None
    atom_energy_given: Tensor | None = None
    atom_pref_given: Tensor | None = None
