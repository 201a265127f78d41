"""Everything that is worth measuring on the day a GPU is at hand, in one command.

    python benchmarks/gpu/run.py [PART ...]

Each part is a file beside this one with `measure(device) -> dict` (numbers by name, nested as it likes). Results go to
benchmarks/results/<card>.json and <card>.md; parts that are not run keep what an earlier run wrote.
"""

from __future__ import annotations

import json
import re
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

PARTS = ("density", "potential")
RESULTS = Path(__file__).parents[1] / "results"


def matrix_rates(device: torch.device, size: int = 8192) -> dict[str, float]:
    """TFLOP/s of one large product, the rate that the engine's are compared with: float32, and tf32 factors."""
    rates = {}
    before = torch.get_float32_matmul_precision()
    for name, precision in (("float32", "highest"), ("tf32", "high")):
        torch.set_float32_matmul_precision(precision)
        a, b = torch.randn(2, size, size, device=device).unbind(0)
        seconds = []
        for _ in range(6):
            torch.cuda.synchronize(device)
            start = time.perf_counter()
            torch.mm(a, b)
            torch.cuda.synchronize(device)
            seconds.append(time.perf_counter() - start)
        rates[name] = 2 * size**3 / min(seconds) / 1e12
    torch.set_float32_matmul_precision(before)
    return rates


def as_table(results: dict[str, Any]) -> str:
    """A markdown table with a row for every number."""
    lines = [f"# {results['card']}", "", "| part | what | value |", "|---|---|---|"]

    def rows(part: str, prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for name, entry in value.items():
                rows(part, f"{prefix}, {name}" if prefix else name, entry)
        else:
            shown = f"{value:.4g}" if isinstance(value, float) else str(value)
            lines.append(f"| {part} | {prefix.replace('_', ' ')} | {shown} |")

    for part, value in results.items():
        if part != "card":
            rows(part, "", value)
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the parts named, or all of them."""
    chosen = sys.argv[1:] or list(PARTS)
    unknown = [name for name in chosen if name not in PARTS]
    if unknown:
        sys.exit(f"There is no part {unknown[0]}; the parts are {', '.join(PARTS)}.")
    if not torch.cuda.is_available():
        sys.exit("No CUDA device is available here: the GPU benchmarks need one, those of the folder above do not.")
    device = torch.device("cuda")
    card = torch.cuda.get_device_name(device)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{re.sub('[^a-z0-9]+', '-', card.lower()).strip('-')}.json"
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    results |= {"card": card, "environment": {"torch": torch.__version__, "cuda": str(torch.version.cuda)}}
    results["matrix_TFLOP_per_s"] = matrix_rates(device)
    for name in chosen:
        print(f"{name} ...", flush=True)
        results[name] = import_module(name).measure(device)
        path.write_text(json.dumps(results, indent=1) + "\n")
        path.with_suffix(".md").write_text(as_table(results))
    print(as_table(results))
    print(f"written: {path} and {path.with_suffix('.md').name}")


if __name__ == "__main__":
    main()
