"""A density model: a network, the fitted atoms it corrects, and what is known of its elements and its making."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from ase.data import chemical_symbols
from torch import Tensor

from deepaw.density.model.config import GatedConfig, LocalConfig
from deepaw.density.model.coverage import Coverage, coverage_of_file
from deepaw.density.model.expansion import ExpansionNetwork
from deepaw.density.model.expansion_config import ExpansionConfig
from deepaw.density.model.gated import GatedNetwork
from deepaw.density.model.published import published_files, read_published
from deepaw.density.model.splines import SplineConfig
from deepaw.density.occupancies.model import Occupancies, occupancies_of_file
from deepaw.errors import InputError
from deepaw.modelfile import ModelFile, read_model, write_model

KIND = "density"
UNITS = {"length": "A", "density": "e/A^3"}
READOUTS = {"expansion": ExpansionNetwork, "gated": GatedNetwork}


@dataclass(frozen=True)
class FittedAtoms:
    """Spherical densities: `coefficients` (elements, splines.counts[0]) of the splines of degree 0.

    elements: atomic numbers, ascending; `splines` has degree 0 alone.
    """

    elements: tuple[int, ...]
    splines: SplineConfig
    coefficients: Tensor

    def of_atoms(self, numbers: Tensor) -> Tensor:
        """(natoms, counts[0]) for atomic numbers (natoms,) that are all among the elements."""
        index = torch.searchsorted(torch.tensor(self.elements), numbers)
        return self.coefficients[index]


@dataclass(frozen=True)
class DensityModel:
    """What a native model file holds.

    network: coefficients of a multipole expansion, or a gated probe network.
    fitted: the fitted atoms that the network's output is added to, or None.
    valence: electrons of each element in the densities it was trained on, by symbol; empty where not known.
    provenance: how it was made and what was measured of it, JSON-serialisable.
    occupancies: PAW occupancies that are read off the network's features, or None.
    compensation: occupancies whose compensation charges add to the expansion, where this is the smooth density of PAW
    alone: `occupancies`, unless others were learnt since. None where the expansion is the whole density.
    coverage: what the training data covered, or None where the file does not say.
    """

    network: ExpansionNetwork | GatedNetwork
    fitted: FittedAtoms | None = None
    valence: dict[str, float] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    occupancies: Occupancies | None = None
    coverage: Coverage | None = None
    compensation: Occupancies | None = None

    @property
    def readout(self) -> str:
        """'expansion' or 'gated'."""
        return next(name for name, kind in READOUTS.items() if isinstance(self.network, kind))

    @property
    def elements(self) -> tuple[int, ...]:
        """Atomic numbers it was trained on; empty where the file does not say."""
        if isinstance(self.network, ExpansionNetwork):
            return self.network.config.elements
        if self.fitted is not None:
            return self.fitted.elements
        return tuple(sorted(chemical_symbols.index(symbol) for symbol in self.valence))

    def check_elements(self, numbers: list[int]) -> None:
        """Raises InputError where one of the atomic numbers was never seen in training."""
        unknown = sorted(set(numbers) - set(self.elements)) if self.elements else []
        if unknown:
            known = " ".join(chemical_symbols[number] for number in self.elements)
            raise InputError(
                f"The model has never seen {' or '.join(chemical_symbols[number] for number in unknown)}; "
                f"it knows {known}."
            )

    def electrons(self, numbers: list[int]) -> float | None:
        """Exact number of valence electrons, or None where the model does not know all of the elements'."""
        try:
            return float(sum(self.valence[chemical_symbols[number]] for number in numbers))
        except KeyError:
            return None

    def save(self, path: str | Path) -> None:
        """Write a native model file; raises InputError where it cannot be written."""
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        description: dict[str, Any] = {
            "readout": self.readout,
            "config": dataclasses.asdict(self.network.config),
            "units": UNITS,
            "elements": [chemical_symbols[number] for number in self.elements],
            "valence": self.valence,
            "provenance": self.provenance,
        }
        if self.fitted is not None:
            tensors["fitted.coefficients"] = self.fitted.coefficients
            description["fitted"] = {
                "elements": list(self.fitted.elements),
                "splines": dataclasses.asdict(self.fitted.splines),
            }
        if self.occupancies is not None:
            tensors |= self.occupancies.tensors("occupancies.")
            description["occupancies"] = self.occupancies.description()
        if self.compensation is not None:
            description["compensation"] = "occupancies"
            if self.compensation is not self.occupancies:
                tensors |= self.compensation.tensors("compensation.")
                description["compensation"] = self.compensation.description()
        if self.coverage is not None:
            description["coverage"] = self.coverage.description()
        write_model(path, ModelFile(KIND, description, tensors))


def load_density_model(source: str | Path) -> DensityModel:
    """A model by the name of a bundled one ('fast'), a native file, or a directory in the published layout.

    Raises InputError: no such model or file, a damaged or foreign file, tensors that do not fit the configuration.
    """
    path = find_density_model(source)
    return DensityModel(read_published(path)) if path.is_dir() else _from_file(path)


def find_density_model(source: str | Path) -> Path:
    """The file or directory of that path, or the file of the bundled model of that name; raises InputError: neither."""
    path = Path(source)
    if path.exists():
        return path
    bundled = {file.stem: file for file in Path(str(files("deepaw") / "models")).glob("*.safetensors")}
    if str(source) not in bundled:
        names = ", ".join(sorted(bundled))
        raise InputError(f"There is no model {source}; give a file, a directory or a bundled model ({names}).")
    return bundled[str(source)]


def density_model_files(source: str | Path) -> list[Path]:
    """Return the files that `load_density_model` reads; raises InputError where there is no such model."""
    path = find_density_model(source)
    return published_files(path) if path.is_dir() else [path]


def _from_file(path: Path) -> DensityModel:
    file = read_model(path, KIND)
    description = file.metadata
    try:
        network = _network(description["readout"], description["config"])
        own = {
            name.removeprefix("network."): value for name, value in file.tensors.items() if name.startswith("network.")
        }
        network.load_state_dict(own)
        fitted = None
        if "fitted" in description:
            fitted = FittedAtoms(
                tuple(description["fitted"]["elements"]),
                _splines(description["fitted"]["splines"]),
                file.tensors["fitted.coefficients"],
            )
        occupancies = _occupancies(file, "occupancies", network)
        same = description.get("compensation") == "occupancies"
        compensation = occupancies if same else _occupancies(file, "compensation", network)
        coverage = coverage_of_file(description["coverage"]) if "coverage" in description else None
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} does not describe a density model that this software knows: {reason}") from None
    valence, provenance = description.get("valence", {}), description.get("provenance", {})
    return DensityModel(network, fitted, valence, provenance, occupancies, coverage, compensation)


def _occupancies(file: ModelFile, key: str, network: ExpansionNetwork | GatedNetwork) -> Occupancies | None:
    if key not in file.metadata:
        return None
    if not isinstance(network, ExpansionNetwork):
        raise ValueError(f"{key} of a gated network")
    count, lmax = network.feature_count, network.config.lmax
    return occupancies_of_file(file.metadata[key], file.tensors, f"{key}.", count, lmax)


def _network(readout: str, config: dict[str, Any]) -> ExpansionNetwork | GatedNetwork:
    if readout == "gated":
        local = config.pop("local", None)
        return GatedNetwork(GatedConfig(**config, local=LocalConfig(**local) if local else None))
    if readout == "expansion":
        splines = _splines(config.pop("splines"))
        return ExpansionNetwork(ExpansionConfig(**{**config, "elements": tuple(config["elements"])}, splines=splines))
    raise ValueError(f"readout {readout!r}")


def _splines(config: dict[str, Any]) -> SplineConfig:
    return SplineConfig(tuple(config["counts"]), tuple(config["cutoffs"]), config["power"])
