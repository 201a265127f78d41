"""Structures as the page reads them: its functions, run by Node."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from deepaw.server.front.endpoints.page import PAGE
from deepaw.structure.read import read_structure

CELL = "0 2.1 2.1\n2.1 0 2.1\n2.1 2.1 0\n"
POSITIONS = "0 0 0\n0.5 0.5 0.5\n0.25 0.25 0.25\n"
GRID = "\n 2 2 2\n 1.0 1.0 1.0 1.0 1.0\n 1.0 1.0 1.0\n"

GOOD = {
    "POSCAR": f"MgO\n1.0\n{CELL}Mg O\n2 1\nDirect\n{POSITIONS}",
    "labels": f"MgO\n1.0\n{CELL}Mg_pv O_s\n2 1\nDirect\n{POSITIONS}",
    "hashes": f"MgO\n1.0\n{CELL}Mg_pv/1ab2c3d4 O_s/55667788\n2 1\nDirect\n{POSITIONS}",
    "CHGCAR": f"MgO\n1.0\n{CELL}Mg_pv/1ab2c3d4 O_s/55667788\n2 1\nDirect\n{POSITIONS}{GRID}",
    "VASP 4": f"Mg O\n1.0\n{CELL}2 1\nDirect\n{POSITIONS}{GRID}",
    "selective": f"MgO\n1.0\n{CELL}Mg O\n2 1\nSelective dynamics\nDirect\n" + POSITIONS.replace("\n", " T T F\n"),
    "Cartesian": f"MgO\n1.5\n{CELL}Mg O\n2 1\nCartesian\n{POSITIONS}",
    "volume": f"MgO\n-20.0\n{CELL}Mg O\n2 1\nDirect\n{POSITIONS}",
    "three scales": f"MgO\n1.0 1.1 1.2\n{CELL}Mg O\n2 1\nCartesian\n{POSITIONS}",
    "comment after counts": f"MgO\n1.0\n{CELL}Mg O\n2 1 ! atoms\nDirect\n{POSITIONS}",
    "CRLF": f"MgO\n1.0\n{CELL}Mg O\n2 1\nDirect\n{POSITIONS}".replace("\n", "\r\n"),
}

BAD = {
    GOOD["POSCAR"].replace("Mg O", "Mg Xx"): 'The structure has the species "Xx", which is not a chemical element.',
    GOOD["POSCAR"].replace(
        "0.25 0.25 0.25\n", ""
    ): 'Line 11 of the structure is ""; it should begin with three numbers.',
    GOOD["POSCAR"].replace("0 2.1 2.1", "a 2.1 2.1"): 'Line 3 of the structure is "a 2.1 2.1"',
    "MgO": 'Line 3 of the structure is ""',
}


def javascript(call: str, content: bytes) -> dict:
    """The result of `call`, where `content` is bytes, or the message of its error."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no Node to run the page's functions")
    script = re.search(r"const SYMBOLS.*?(?=function headers)", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert script is not None
    program = (
        f"{script.group()}\nconst content = new Uint8Array(require('fs').readFileSync(0));\n"
        f"try {{ console.log(JSON.stringify({{value: {call}}})); }}\n"
        "catch (error) { console.log(JSON.stringify({error: error.message})); }"
    )
    done = subprocess.run([node, "-e", program], input=content, capture_output=True, check=True)
    return json.loads(done.stdout)


def of_page(content: bytes) -> dict:
    return javascript("readPoscar(structureText(content, 'POSCAR'))", content)


@pytest.mark.parametrize("name", GOOD)
def test_page_reads_what_the_library_reads(tmp_path, name):
    (tmp_path / "POSCAR").write_text(GOOD[name], newline="")
    expected = read_structure(tmp_path / "POSCAR")
    atoms = of_page(GOOD[name].encode())["value"]
    assert atoms["numbers"] == list(expected.numbers) == [12, 12, 8]
    assert np.allclose(atoms["cell"], expected.cell.array)
    assert np.allclose(atoms["positions"], expected.positions)


@pytest.mark.parametrize("text", BAD)
def test_page_says_what_is_wrong(text):
    assert of_page(text.encode())["error"].startswith(BAD[text])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_page_reads_marked_encodings(encoding):
    text = GOOD["POSCAR"].replace("MgO", "氧化镁")
    assert of_page(text.encode(encoding))["value"]["numbers"] == [12, 12, 8]


@pytest.mark.parametrize("encoding", ["gbk", "utf-16-le"])
def test_page_refuses_other_encodings(encoding):
    text = GOOD["POSCAR"].replace("MgO", "氧化镁")
    error = of_page(text.encode(encoding))["error"]
    assert error == "POSCAR, line 1 cannot be read as UTF-8; save the file as UTF-8."


def test_page_leaves_the_grid_of_a_chgcar_out():
    text = javascript("structureText(content, 'CHGCAR')", GOOD["CHGCAR"].encode())["value"]
    assert text == GOOD["CHGCAR"].removesuffix(GRID)
