"""What the correction costs: beside the reference's way (pytorch_wavelets), ptwt, and the embedded model's own step.

The reference's way transforms both images and transforms the result back. All ways in one run, their repetitions
interleaved, medians; memory traffic is counted at the operators that PyTorch dispatches, or by Inductor for what is
compiled. pytorch_wavelets is optional (it needs a setuptools that still has pkg_resources). Takes about two minutes.
"""

import json
from typing import Any

from rich.console import Console
from rich.table import Table as Grid

from flows.doctor import processor_name
from models.diffusion.speed import SIZES, measure_sizes, measure_step


def main(as_json: bool) -> int:
    """Measure, print; the exit code."""
    rows, skipped = measure_sizes()
    step = measure_step()
    result: dict[str, Any] = {"processor": processor_name(), "rows": rows, "skipped": skipped, "embedded step": step}
    if as_json:
        print(json.dumps(result, indent=2))
        return 0
    console = Console(width=140)
    for size in SIZES:
        grid = Grid("way", "mode", "microseconds", "times faster than reference's way", "bytes a value", title=size)
        for row in (row for row in rows if row["size"] == size):
            faster = f"{row['faster']:.1f}" if row["faster"] else "-"
            grid.add_row(row["way"], row["mode"], f"{row['microseconds']:.0f}", faster, f"{row['bytes']:.1f}")
        console.print(grid)
    for reason in skipped:
        console.print(f"skipped: {reason}", highlight=False)
    for name, value in step.items():
        console.print(f"{name:44} {value}", highlight=False)
    return 0
