"""The commands start fast and end as they should."""

import os
import subprocess
import sys


def deepaw(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-X", "importtime", "-m", "deepaw", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, check=False)


def test_help_loads_nothing_heavy():
    done = deepaw("--help")
    assert done.returncode == 0
    assert "predict" in done.stdout
    loaded = {line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if "|" in line}
    assert "typer" in loaded
    assert not loaded & {"torch", "ase", "numpy", "e3nn", "matplotlib", "spglib"}


def test_what_asks_a_server_loads_nothing_heavy():
    used = "deepaw.cli.predictor, deepaw.density.request, deepaw.density.files.output, deepaw.server.client.prediction"
    program = f"import sys, {used}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"torch", "scipy.spatial", "fastapi", "e3nn", "matplotlib", "spglib"}


def test_python_m_deepaw_ends_with_2_and_one_sentence():
    done = subprocess.run(
        [sys.executable, "-m", "deepaw", "predict", "--poscar", "none.vasp"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "error: There is no structure file none.vasp.\n"


def test_no_command_shows_the_help():
    assert "Usage" in deepaw().stdout
