"""Write the reference results in this folder. Needs DeePMD-kit 3.2.0 with its TensorFlow backend.

    python make_longrange_references.py

`ewald.npz`: the reciprocal sum only, for charges at random positions in two cells: coord (n, 3), cell (3, 3), charge
(n,), beta, spacing, and the results energy, force, virial. `dipole_charge.npz`: the contribution of the modifier with
the model `../../files/peer_tensors/dipole/model.dp`, under pbc/, tric/ and tiny/: coord, cell, atype, energy, force,
virial.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from deepmd.tf.infer.ewald_recp import EwaldRecp
from deepmd.tf.modifier.dipole_charge import DipoleChargeModifier

HERE = Path(__file__).parent
TENSORS = HERE.parents[1] / "files" / "peer_tensors" / "dipole"
MODIFIER = {"model_charge_map": [-8.0, -1.0], "sys_charge_map": [6.0, 2.0], "ewald_h": 0.8, "ewald_beta": 0.5}


def write_ewald() -> None:
    random = np.random.default_rng(3)
    cells = {"cubic": 7.0 * np.eye(3), "triclinic": np.array([[6.1, 0.0, 0.0], [1.4, 7.3, 0.0], [-0.9, 2.2, 5.2]])}
    result = {}
    for name, cell in cells.items():
        coord, charge = random.random((8, 3)) @ cell, random.normal(size=8)
        beta, spacing = (0.4, 1.0) if name == "cubic" else (0.9, 0.45)
        energy, force, virial = EwaldRecp(spacing, beta).eval(coord[None], charge[None], cell.reshape(1, 9))
        answers = {"energy": energy[0], "force": force.reshape(-1, 3), "virial": virial.reshape(3, 3)}
        given = {"coord": coord, "cell": cell, "charge": charge, "beta": beta, "spacing": spacing}
        result |= {f"{name}/{key}": value for key, value in {**given, **answers}.items()}
    np.savez_compressed(HERE / "ewald.npz", **result)


def write_dipole_charge() -> None:
    with np.load(TENSORS / "ref.npz") as file:
        given = dict(file)
    with tempfile.TemporaryDirectory() as folder:
        frozen = Path(folder) / "dipole.pb"
        program = Path(sys.executable).with_name("dp")
        subprocess.run([program, "convert-backend", TENSORS / "model.dp", frozen], check=True)
        modifier = DipoleChargeModifier(str(frozen), **MODIFIER)
        result = {}
        for place in ("pbc", "tric", "tiny"):
            coord, cell, atype = (given[f"{place}/{key}"] for key in ("coord", "cell", "atype"))
            energy, force, virial = modifier.eval(coord.reshape(1, -1), cell.reshape(1, 9), atype)
            result |= {f"{place}/{key}": value for key, value in (("coord", coord), ("cell", cell), ("atype", atype))}
            result |= {
                f"{place}/energy": energy.reshape(()),
                f"{place}/force": force[0],
                f"{place}/virial": virial.reshape(3, 3),
            }
    np.savez_compressed(HERE / "dipole_charge.npz", **result)


if __name__ == "__main__":
    write_ewald()
    write_dipole_charge()
