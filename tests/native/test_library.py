"""The compiled library: its functions, and the fallback without it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deepaw.native import library
from deepaw.native.library import SWITCH, VERSION, NeighboursStruct, PairFormStruct, describe_library, find_library
from potential.pairs.operators import run_python

HEADER = Path(__file__).parents[2] / "native" / "include" / "deepaw_native.h"

EVALUATION = """
from deepaw.native.library import describe_library
from potential.engine.test_engine import model, SE_A
from potential.structures import crowd, evaluate
from deepaw.potential.engine.engine import PotentialEngine
result = evaluate(PotentialEngine(model(SE_A)), crowd(2))
print(describe_library())
print(repr(float(result.energy)), repr(float(result.force.norm())))
"""


def test_an_evaluation_without_it() -> None:
    description, numbers = run_python(EVALUATION, **{SWITCH: "0"}).strip().splitlines()
    assert description == "PyTorch (DEEPAW_NATIVE=0)"
    description, others = run_python(EVALUATION, **{SWITCH: "1"}).strip().splitlines()
    assert description.startswith("compiled" if library._load() is not None else "PyTorch (the compiled part")
    for one, other in zip(numbers.split(), others.split(), strict=True):
        assert float(one) == pytest.approx(float(other), rel=1e-12)


def test_the_environment_is_looked_at_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "0")
    assert find_library() is None and describe_library() == "PyTorch (DEEPAW_NATIVE=0)"
    monkeypatch.delenv(SWITCH)
    assert (find_library() is None) == ("not built" in describe_library())


def test_a_library_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(SWITCH, raising=False)
    monkeypatch.setattr(library, "__file__", str(tmp_path / "library.py"))
    monkeypatch.setattr(library, "_load", library._load.__wrapped__)
    assert find_library() is None
    assert describe_library().startswith("PyTorch (the compiled part was not built")


def test_a_library_of_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SWITCH, raising=False)
    monkeypatch.setattr(library, "VERSION", VERSION + 1)
    monkeypatch.setattr(library, "_load", library._load.__wrapped__)
    assert find_library() is None


@pytest.mark.skipif(not HEADER.is_file(), reason="an installed package has no header")
def test_signatures_are_those_of_the_header() -> None:
    """All functions with the numbers of their arguments, and the fields of structures in order."""
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)
    assert int(re.search(r"DEEPAW_NATIVE_VERSION (\d+)", text)[1]) == VERSION  # type: ignore[index]
    functions = dict(re.findall(r"DEEPAW_API [^;(]*?(\w+)\(([^)]*)\);", text))
    public = re.sub(r"/\*.*?\*/", "", HEADER.with_name("deepaw.h").read_text(), flags=re.DOTALL)
    functions |= {
        name: arguments
        for name, arguments in re.findall(r"DEEPAW_PUBLIC [^;(]*?(\w+)\(([^)]*)\);", public)
        if name in library._SIGNATURES
    }
    assert functions.keys() == library._SIGNATURES.keys()
    for name, arguments in functions.items():
        count = 0 if arguments.strip() == "void" else arguments.count(",") + 1
        assert len(library._SIGNATURES[name][1]) == count, name
    for struct, name in ((PairFormStruct, "deepaw_pair_form"), (NeighboursStruct, "deepaw_neighbours")):
        body = re.search(r"typedef struct \{([^}]*)\} " + name + ";", text)
        assert body is not None
        fields = [field for line in body[1].split(";") for field in re.findall(r"(\w+)(?=\s*(?:,|$))", line.strip())]
        assert [field[0] for field in struct._fields_] == fields


def test_what_it_says_of_itself() -> None:
    if find_library() is None:
        pytest.skip("the compiled library was not built")
    assert re.fullmatch("compiled, (avx512|avx2|baseline)", describe_library())
