"""Seconds by stage on the sample talk, and what orchestration costs on top of the steps themselves.

Overhead = the command's wall time from before Prefect is imported, minus the seconds spent inside the steps, both
of the same run: importing Prefect, its server's start, and its book-keeping for each step.
"""

import json
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from flows.doctor import processor_name
from models.errors import SetupError

SAMPLE = Path(__file__).parents[2] / "data" / "samples" / "talk.mp4"


def measure(video: Path) -> dict[str, Any]:
    """Run the main job into a temporary folder, then once more to see what a run with nothing to do costs."""
    from flows.environment import orchestration
    from tasks.desk import Options

    if not video.is_file():
        raise SetupError(f"the sample {video} is missing: restore data/samples or make it anew")
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as out, orchestration():
        from flows.illustrate import illustrate

        ready = time.perf_counter()
        first = illustrate(str(video), Options(out=out))
        done = time.perf_counter()
        again = illustrate(str(video), Options(out=out))
        end = time.perf_counter()
    steps = sum(first.seconds.values())
    return {
        "video": video.name,
        "processor": processor_name(),
        "system": f"{platform.system()}, Python {platform.python_version()}",
        "seconds by stage": first.seconds,
        "pictures": first.drawn,
        "network evaluations": first.evaluations,
        "steps": round(steps, 2),
        "orchestration: import and server": round(ready - began, 2),
        "orchestration: flow": round(done - ready - steps, 2),
        "orchestration": round(done - began - steps, 2),
        "whole": round(done - began, 2),
        "again, nothing to do": round(end - done, 2),
        "again, steps": round(sum(again.seconds.values()), 2),
    }


def main(as_json: bool) -> int:
    """Measure and print; the exit code."""
    figures = measure(SAMPLE)
    if as_json:
        print(json.dumps(figures, indent=2))
        return 0
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in figures.items():
        if isinstance(value, dict):
            for stage, seconds in value.items():
                table.add_row(f"  {stage}", f"{seconds:.2f} s")
        else:
            table.add_row(name, f"{value:.2f} s" if isinstance(value, float) else str(value))
    Console().print(table)
    return 0
