"""All functions of release 3.2 of DeePMD-kit's C interface are defined, and declared in the header."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deepaw.native.files import include_folder, library_file
from native.compiler import compile_program
from native.deepmd_c.interface import load

MODEL = [
    "GetCutoff",
    "GetNumbTypes",
    "GetNumbTypesSpin",
    "GetDimFParam",
    "GetDimAParam",
    "IsAParamNAll",
    "HasDefaultFParam",
    "CheckOK",
]
COMPUTE = ["Compute2", "Compute3", "Computef2", "Computef3"]
COMPUTE += [name.replace("Compute", "ComputeNList") for name in COMPUTE]
FIRST = ["Compute", "Computef", "ComputeNList", "ComputeNListf"]
CHARGE_SPIN = ["GetDimChgSpin", "SetChargeSpin"]
FUNCTIONS = {
    "DeepBaseModel": [*MODEL, "GetTypeMap"],
    "DeepBaseModelDevi": MODEL,
    "DeepPot": [
        *MODEL, *FIRST, *COMPUTE, *CHARGE_SPIN, "GetTypeMap", "ComputeMixedType", "ComputeMixedTypef",
        "ComputeCanonicalGraphGPU", "ComputeEdgesGPU", "ComputeEdgesGPUFloat32", "SupportsDeviceEdgeInference",
        "UsesCanonicalGraphInference", "UsesFP32EdgeVectors",
    ],
    "DeepPotModelDevi": [*MODEL, *FIRST, *COMPUTE, *CHARGE_SPIN],
    "DeepSpin": [
        *MODEL, *COMPUTE, *CHARGE_SPIN, "GetTypeMap", "ComputeCanonicalGraphGPU", "UsesCanonicalGraphInference",
        "UsesNativeSpinScheme",
    ],
    "DeepSpinModelDevi": [*MODEL, *COMPUTE, *CHARGE_SPIN],
    "DeepTensor": [
        *FIRST, "ComputeTensor", "ComputeTensorf", "ComputeTensorNList", "ComputeTensorNListf", "GetCutoff",
        "GetNumbTypes", "GetOutputDim", "GetSelTypes", "GetNumbSelTypes", "GetTypeMap", "CheckOK",
    ],
    "DipoleChargeModifier": [
        "ComputeNList", "ComputeNListf", "GetCutoff", "GetNumbTypes", "GetSelTypes", "GetNumbSelTypes", "CheckOK",
    ],
}  # fmt: skip
CONSTRUCTORS = {
    "DeepPot": ["", "WithParam", "WithParam2"],
    "DeepPotModelDevi": ["", "WithParam"],
    "DeepSpin": ["", "WithParam2"],
    "DeepSpinModelDevi": ["", "WithParam"],
    "DeepTensor": ["", "WithParam"],
    "DipoleChargeModifier": ["", "WithParam"],
}
NAMES = [
    *(f"DP_{kind}{name}" for kind, names in FUNCTIONS.items() for name in names),
    *(f"DP_New{kind}{suffix}" for kind, suffixes in CONSTRUCTORS.items() for suffix in suffixes),
    *(f"DP_Delete{kind}" for kind in [*FUNCTIONS, "Nlist", "Char"]),
    *(f"DP_{name}" for name in ["NewNlist", "NewNlist_comm", "NlistSetMask", "NlistSetMapping", "NlistCheckOK"]),
    *(f"DP_{name}" for name in ["ConvertPbtxtToPb", "PrintSummary", "ReadFileToChar", "ReadFileToChar2"]),
    *(f"DP_{name}" for name in ("SelectByType", "SelectMapInt")),
]


def test_all_are_defined() -> None:
    assert len(set(NAMES)) == len(NAMES) == 166
    library = load()
    assert [name for name in NAMES if not hasattr(library, name)] == []


@pytest.mark.parametrize("language", ["c", "c++"])
def test_all_are_declared(language: str, tmp_path: Path) -> None:
    """The header is C99 and C++11, and a program that refers to all functions is linked."""
    load()
    pointers = ",\n".join(f"    (function)&{name}" for name in NAMES)
    source = tmp_path / "names.c"
    source.write_text(
        "#include <deepmd/c_api.h>\n#include <deepmd/c_api_refused.h>\n#include <stdio.h>\n"
        f"typedef void (*function)(void);\nfunction functions[] = {{\n{pointers}}};\n"
        "int main(void) {\n"
        '    for (unsigned i = 0; i < sizeof functions / sizeof *functions; ++i) printf("%d", functions[i] == 0);\n'
        "    return 0;\n}\n"
    )
    flags = ["-Wno-cast-function-type"]
    flags += ["-xc", "-std=c99", "-pedantic"] if language == "c" else ["-xc++", "-std=c++11"]
    program = compile_program(source, include_folder(), library_file().parent, "deepmd_c", flags)
    assert subprocess.run([program], capture_output=True, text=True, check=True).stdout == "0" * 166
