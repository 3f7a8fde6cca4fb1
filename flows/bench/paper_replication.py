"""The paper's setting, small: a 32x32 noise-predicting model, DDPM and DDIM in 10, 20 and 50 steps, off and corrected.

The model is trained here on the project's drawings (`python -m models.illustrator.data` fetches them), far smaller
and far shorter than the paper's, and the distance is a Frechet distance of coarse colours and strengths of detail, not
of Inception features: what compares is the ratio of corrected to off. Constants of the paper's double mode come from a
small grid on other seeds, as the paper's do. Resumes. About 25 minutes on 2 quiet cores; --minutes, --width and
--pictures make it larger for a GPU.
"""

import json
import sys
from collections.abc import Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table as Grid

from flows.doctor import processor_name
from models.diffusion import replication as r
from models.diffusion.coefficients import parse_correction
from models.diffusion.comparison import frechet
from models.errors import SetupError
from models.weights import cache_folder

#: Published Frechet distances on CIFAR-10, off -> corrected: IDDPM stands beside our DDPM (arXiv 2604.16044).
PAPER = {
    ("DDPM", 20): (13.19, 7.57), ("DDPM", 50): (5.55, 4.16),
    ("DDIM", 10): (14.40, 9.36), ("DDIM", 20): (6.87, 4.64), ("DDIM", 50): (4.15, 3.33),
}  # fmt: skip
CELLS = [(kind, steps) for kind in ("DDPM", "DDIM") for steps in (10, 20, 50)]
CONSTANTS = tuple(f"double:low={low},high={high}" for low in (0.01, 0.03, 0.06) for high in (0.01, 0.04))
FIRST, FIRST_TUNING = 1_000_000, 2_000_000  # seeds

OPTIONS = [
    click.Option(["--minutes"], type=click.FloatRange(0.01, 10_000), default=15.0, show_default=True,
                 help="Training time in all, over resumed runs."),
    click.Option(["--width"], type=click.IntRange(8, 256), default=32, show_default=True, help="Channels."),
    click.Option(["--pictures"], type=click.IntRange(32, 50_000), default=512, show_default=True, help="A cell."),
]  # fmt: skip


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def measure(model: Any, real: Any, cells: Sequence[tuple[str, int]], count: int) -> list[dict[str, Any]]:
    """One row a cell: off and corrected, with the constant that was best on other seeds."""
    rows = []
    for kind, steps in cells:

        def distance(correction: Any, number: int, seed: int, kind: str = kind, steps: int = steps) -> float:
            return frechet(r.features(r.sample(model, kind, steps, number, correction, seed)), real)

        tried = {text: distance(parse_correction(text), max(32, count // 4), FIRST_TUNING) for text in CONSTANTS}
        best = min(tried, key=lambda text: tried[text])
        row: dict[str, Any] = {"sampler": kind, "steps": steps, "off": distance(None, count, FIRST), "constant": best}
        row["corrected"] = distance(parse_correction(best), count, FIRST)
        row["ratio"] = row["corrected"] / row["off"]
        before, after = PAPER.get((kind, steps), (None, None))
        row["paper"] = after / before if before and after else None
        say(f"{kind} {steps}: {row['off']:.3f} -> {row['corrected']:.3f}")
        rows.append(row)
    return rows


def main(as_json: bool, minutes: float, width: int, pictures: int) -> int:
    """Train, sample, measure, print; the exit code."""
    drawings = cache_folder() / "illustrator" / "drawings.zip"
    if not drawings.exists():
        raise SetupError(f"{drawings} is missing: run `python -m models.illustrator.data`, which fetches the drawings")
    images = r.load_pictures(drawings)
    model = r.train(cache_folder() / "bench" / f"paper-replication-{width}", images, minutes, width, say)
    real = r.features(images.float() / 127.5 - 1)
    rows = measure(model, real, CELLS, pictures)
    size = sum(p.numel() for p in model.parameters()) / 1e6
    result = {"processor": processor_name(), "parameters, M": round(size, 2), "minutes": minutes, "pictures": pictures}
    if as_json:
        print(json.dumps(result | {"cells": rows}, indent=2))
        return 0
    grid = Grid("sampler", "steps", "off", "corrected", "ratio", "paper's ratio", "constants (other seeds)")
    for row in rows:
        paper = f"{row['paper']:.2f}" if row["paper"] else "-"
        values = (f"{row[name]:.3f}" for name in ("off", "corrected"))
        grid.add_row(row["sampler"], str(row["steps"]), *values, f"{row['ratio']:.2f}", paper, row["constant"])
    Console(width=130).print(grid)
    print(
        f"a model of {size:.1f} M parameters trained {minutes:g} minutes on {len(images)} drawings; {pictures} a cell"
    )
    return 0
