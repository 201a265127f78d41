"""Every tutorial runs from top to bottom and finds what it says, and its code is the same in both languages."""

import ast

import pytest

from documentation.pages import CHINESE, ENGLISH, NAMES, code_cells, run_page

CHECKS = {
    "network": """
        assert errors[0] > 1e-3 and errors[-1] < 1e-9, errors
        assert difference < 1e-12
        assert (by_autograd - by_basis).abs().max() < 1e-8
        spreads = {name: fits[:, inside].std(dim=0).max() for name, inside in regions.items()}
        assert spreads["data"] < spreads["gap"] and spreads["data"] < spreads["beyond"], spreads
        """,
    "minimising": """
        assert abs(ends[-1.5] + 1.0299) < 1e-3 and abs(ends[1.5] - 0.9671) < 1e-3
        final = {name: history[-1, 0] for name, history in histories.items()}
        assert final["quasi-Newton"] < final["steepest descent"] - 0.5, final
        assert final["conjugate gradients"] < final["steepest descent"] - 0.5, final
        assert abs(exact.sum() * spacing - electrons) < 1e-6
        assert needed[0.001][0] < needed[0.01][0] < needed[0.1][0] < len(from_atoms), needed
        """,
    "descriptors": """
        assert abs(energies - whole).max() < 1e-8
        assert explained["mean O–H bond, Å", 30] > max(0.9, explained["mean O–H bond, Å", 2]), explained
        assert len(system) == len(frames) == 25
        assert abs(system["forces"] - forces).max() < 1e-12
        """,
    "methane": """
        assert curve["rmse_f_val"][-1] < 0.15 and curve["rmse_e_val"][-1] < 0.01, curve
        assert abs(drift) < 1e-5 and abs(bonds.mean() - 1.09) < 0.02, (drift, bonds.mean())
        """,
    "water": """
        last = {name: curve["rmse_f_val"][-3:].mean() for name, curve in curves.items()}
        assert last["as it is"] < 0.7 * forces.std(), last
        assert last["as it is"] < last["energies alone"] and last["as it is"] < last["rate 0.0003"], last
        """,
    "density": """
        assert abs(density.sum() * volume - 96) < 1e-3
        assert 2.5 < charges[:4].mean() < 3 and abs(charges.sum()) < 1e-3, charges
        """,
    "server": """
        assert abs(after - before - 64) < 1e-6
        assert abs(energy - here[0]).max() < 1e-9 and abs(force - here[1]).max() < 1e-9
        assert not client.is_running()
        """,
}


@pytest.mark.parametrize("name", NAMES)
def test_code_is_the_same_in_both_languages(name):
    cells = code_cells(ENGLISH / f"{name}.md")
    assert len(cells) >= 5
    assert code_cells(CHINESE / f"{name}.md") == cells


@pytest.mark.parametrize("folder", [ENGLISH, CHINESE], ids=["en", "zh"])
def test_every_page_is_in_the_index(folder):
    names = (folder / "index.md").read_text().split("```{toctree}")[1].split()
    assert [name for name in names if name in NAMES] == list(NAMES)
    assert {path.stem for path in folder.glob("*.md")} == {"index", *NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_python_cells_can_be_parsed(name):
    for cell in code_cells(ENGLISH / f"{name}.md"):
        source = "\n".join(line for line in cell.splitlines() if not line.startswith(":tags:"))
        if not source.lstrip().startswith("%%"):
            ast.parse(source)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_tutorial_runs(name, tmp_path):
    run_page(ENGLISH / f"{name}.md", tmp_path, CHECKS[name])
