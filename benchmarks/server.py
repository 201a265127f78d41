"""What the server adds to the time of the engine, and how many small requests it answers.

    python benchmarks/server.py                       everything
    python benchmarks/server.py --quick               the same, shorter: about four minutes
    python benchmarks/server.py start grid            some parts: start, grid, small, latency, compile

A real server, in a home of its own, with the bundled density model `fast` and a potential of oxygen and hydrogen with
random weights, on the CPU. It and its clients share the processor.

start: from the command to the answer that it is ready. grid: an 80^3 density over the Unix socket and over HTTP, beside
the time of the engine. small: energies of 10 atoms, and densities at 1,000 points, a second, with 1, 8 and 64 clients,
with and without batches. latency: of such an energy, alone and while a large grid runs. compile: what `--compile`
gives.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from pathlib import Path

import torch

from resident.compiled import run_compiled
from resident.grid import run_grid
from resident.latency import run_latency
from resident.running import Settings
from resident.small import run_small
from resident.start import run_start

PARTS = {
    "start": run_start,
    "grid": run_grid,
    "small": run_small,
    "latency": run_latency,
    "compile": run_compiled,
}


def main() -> None:
    """Run the parts named, or all of them."""
    parser = argparse.ArgumentParser(description="The server beside the engine.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; by default all")
    parser.add_argument("--quick", action="store_true", help="few repetitions")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # servers are stopped even then
    if unknown := [name for name in given.parts if name not in PARTS]:
        parser.error(f"there is no part {unknown[0]}; the parts are {', '.join(PARTS)}")
    print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads()}))
    with tempfile.TemporaryDirectory(prefix="deepaw-", ignore_cleanup_errors=True) as folder:
        settings = Settings(Path(folder), given.quick)
        for name in given.parts or PARTS:
            print(f"\n{name}", flush=True)
            PARTS[name](settings)


if __name__ == "__main__":
    sys.exit(main())
