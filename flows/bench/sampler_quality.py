"""What corrections and solvers do to the embedded illustrator's pictures, at equal evaluations of its network.

Twelve cells, named below, draw the same prompts from the same seeds. Distances are between features of a judge
(--grader: another one than the one that ranks, where there is one): to the model's own fine-step run, and to
compositions of the drawings that it learned from, where those lie in the cache. Constants of the paper's modes, pixel
correction and epsilon scaling are chosen from a small grid on seeds of their own. Resumes; about 10 minutes on
2 quiet cores; --full is the whole grid with 1,000 pictures a cell, for a GPU.
"""

import hashlib
import json
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table as Grid

from flows.doctor import processor_name
from models.diffusion import comparison as c
from models.diffusion.trials import make_requests
from models.errors import InputError
from models.illustrator.vocabulary import WEIGHTS
from models.profiles import EMBEDDED, load_profile
from models.registry import drawer
from models.weights import cache_folder

EULER = [c.Cell("Euler", 8, name) for name in ("off", *c.GRIDS, "calibrated")]
CELLS = [
    *EULER,
    *(c.Cell("Euler", 5, name) for name in ("off", "calibrated")),
    *(c.Cell(solver, 8, "off") for solver in (c.PLAIN_END, "DPM++ 2M", "UniPC")),
]
ALL = [
    c.Cell(solver, count, name)
    for solver in c.SOLVERS
    for count in (5, 8, 12, 20, 50)
    for name in ("off", *c.GRIDS, "calibrated")
]
FINE = c.Cell("UniPC", 32, "off")  # the model's own fine-step run
FIRST, FIRST_TUNING = 30_000_000, 40_000_000  # seeds; neither is a calibration's
CHUNK = 8  # pictures in one pass

OPTIONS = [
    click.Option(["--grader"], type=click.Path(exists=True, file_okay=False, path_type=Path), default=WEIGHTS / "judge",
                 help="Folder of the grading judge's weights. [default: the shipped judge]"),
    click.Option(["--pictures"], type=click.IntRange(8, 5000), help="Pictures a cell. [default: 64, --full 1000]"),
    click.Option(["--full"], is_flag=True, help="The whole grid, for a GPU."),
    click.Option(["--only"], default="", help="Cells whose `solver evaluations correction` has this text: 'Euler 8'."),
]  # fmt: skip


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Sampler:
    """Features of cells' pictures, kept in the cache batch by batch."""

    def __init__(self, grader: Path) -> None:
        self.base = drawer(load_profile(EMBEDDED))
        self.features = c.load_grader(grader)
        digest = hashlib.sha256((grader / "model.safetensors").read_bytes()).hexdigest()
        self.mark = f"{self.base.identity}{digest}"
        self.folder = cache_folder() / "bench" / "sampler-quality"
        self.folder.mkdir(parents=True, exist_ok=True)

    def draw(self, cell: c.Cell, constant: str, count: int, first: int) -> np.ndarray | None:
        """(count, features); None where the cell asks for a calibration that is not there."""
        draw = c.drawer_for(self.base, cell.solver)
        correction = c.make_correction(draw, cell, constant)
        if cell.correction == "calibrated" and correction is None:
            return None
        began, parts = time.perf_counter(), []
        for at in range(0, count, CHUNK):
            requests = make_requests(c.request_for(cell), count, first)[at : at + CHUNK]
            text = repr((self.mark, cell.solver, cell.steps, correction, at, len(requests), first))
            path = self.folder / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.npy"
            if not path.exists():
                found = self.features(draw.sample(requests, correction))
                with path.with_suffix(".part").open("wb") as file:
                    np.save(file, found)
                path.with_suffix(".part").replace(path)
            parts.append(np.load(path))
        say(f"{cell.solver} {cell.evaluations} {cell.correction} {constant}: {time.perf_counter() - began:.0f} s")
        return np.concatenate(parts)

    def compositions(self, count: int) -> np.ndarray | None:
        """Features of composed pictures for the same prompts; None where the drawings are not in the cache."""
        drawings = cache_folder() / "illustrator" / "drawings.zip"
        if not drawings.exists():
            return None
        import torch

        from models.illustrator.composer import compose, load_bank
        from models.illustrator.layout import lay_out, split_relation

        bank, found = load_bank(drawings), []
        known = {name for name, _ in bank.index}
        for request in make_requests(c.request_for(FINE), count, FIRST):
            names = (request.prompt.subject, split_relation(request.prompt.relation)[1])
            if not {name for name in names if name} <= known:
                continue
            rng = random.Random(f"composition {request.seed}")
            picture = compose(lay_out(request.prompt, names, rng), bank, rng)
            found.append(self.features(picture[None] * 2 - 1))
        return np.concatenate(found) if torch is not None and len(found) > 2 else None


def choose(sampler: Sampler, cell: c.Cell, count: int) -> str:
    """The constant of the cell's grid that comes nearest to the fine run on the tuning seeds; "" where it has none."""
    if cell.correction not in c.GRIDS:
        return ""
    fine = sampler.draw(FINE, "", count, FIRST_TUNING)
    assert fine is not None
    distances = c.Distances(fine)
    tried = {}
    for constant in c.GRIDS[cell.correction]:
        features = sampler.draw(cell, constant, count, FIRST_TUNING)
        assert features is not None
        tried[constant] = distances.of(features)
    return min(tried, key=lambda constant: tried[constant])


def measure(sampler: Sampler, cells: Sequence[c.Cell], count: int) -> list[dict[str, Any]]:
    """One row a cell."""
    fine = sampler.draw(FINE, "", count, FIRST)
    assert fine is not None
    distances, composed = c.Distances(fine), sampler.compositions(count)
    drawn: dict[c.Cell, tuple[str, np.ndarray | None]] = {}
    for cell in dict.fromkeys([*(cell.baseline for cell in cells), *cells]):
        constant = choose(sampler, cell, max(8, count // 4))
        drawn[cell] = (constant, sampler.draw(cell, constant, count, FIRST))
    rows = []
    for cell in cells:
        constant, features = drawn[cell]
        row: dict[str, Any] = {
            "solver": cell.solver,
            "evaluations": cell.spent,
            "correction": cell.correction,
            "constant": constant,
        }
        if features is None:
            rows.append(row | {"missing": f"no calibration in use for {cell.steps} steps"})
            continue
        low, high = distances.interval(features)
        row |= {"energy": distances.of(features), "energy low": low, "energy high": high}
        row["frechet"] = c.frechet(features, fine)
        if composed is not None:
            row["frechet to compositions"] = c.frechet(features, composed)
        baseline = drawn[cell.baseline][1]
        if cell.correction != "off" and baseline is not None:
            change = c.Distances.change(distances, features, baseline)
            row |= {"change": change.relative, "change low": change.low, "change high": change.high, "p": change.p}
        rows.append(row)
    compared = [row for row in rows if "p" in row]
    values: list[Any] = [row["p"] for row in compared]
    for row, value in zip(compared, c.holm(values), strict=True):
        row["p, Holm"] = value
    return rows


def show(rows: Sequence[dict[str, Any]]) -> None:
    grid = Grid("solver", "evaluations", "correction", "energy distance", "change against off", "p, Holm", "Fréchet",
                "Fréchet to compositions")  # fmt: skip
    for row in rows:
        name = f"{row['correction']} {row['constant']}".strip()
        if "missing" in row:
            grid.add_row(row["solver"], str(row["evaluations"]), name, row["missing"])
            continue
        energy = f"{row['energy']:.4f} [{row['energy low']:.4f}, {row['energy high']:.4f}]"
        change = f"{row['change']:+.0%} [{row['change low']:+.0%}, {row['change high']:+.0%}]" if "p" in row else ""
        apart = f"{row['frechet to compositions']:.3f}" if "frechet to compositions" in row else "no drawings"
        holm = f"{row['p, Holm']:.3f}" if "p" in row else ""
        grid.add_row(row["solver"], str(row["evaluations"]), name, energy, change, holm, f"{row['frechet']:.4f}", apart)
    Console(width=170).print(grid)


def main(as_json: bool, grader: Path, pictures: int | None, full: bool, only: str) -> int:
    """Draw, measure, print; the exit code."""
    count = pictures or (1000 if full else 64)
    cells = [cell for cell in (ALL if full else CELLS) if only in f"{cell.solver} {cell.evaluations} {cell.correction}"]
    if not cells:
        raise InputError(f"no cell has {only!r} in its name: cells are named as 'Euler 8 off' and 'UniPC 8 off'")
    rows = measure(Sampler(grader), cells, count)
    result = {"processor": processor_name(), "grader": grader.name, "pictures a cell": count, "cells": rows}
    if as_json:
        print(json.dumps(result, indent=2))
    else:
        show(rows)
        own = "the shipped judge, which also ranks" if grader == WEIGHTS / "judge" else str(grader)
        print(f"{count} pictures a cell; grader: {own}; reference: {FINE.solver} with {FINE.steps} steps")
    return 0
