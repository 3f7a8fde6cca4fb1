"""What the user sees: progress bars and notes on stderr, one table at the end, or one JSON object on stdout."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from tasks.cost import Cost, describe_kept
from tasks.desk import Report
from tasks.output import Outcome

#: Stages whose length can be told, with what they show.
BARS = {"captions": "Listening", "draw": "Drawing"}


@contextmanager
def show_progress(quiet: bool) -> Iterator[tuple[Report, Callable[[str], None]]]:
    """A report that draws a bar for each stage, with the time left, and a teller of single lines.

    Where nobody looks no bar is drawn; `quiet` silences the lines as well.
    """
    console = Console(stderr=True)

    def tell(text: str) -> None:
        if not quiet:
            console.print(text, highlight=False, markup=False)

    if quiet or not console.is_terminal:
        yield (lambda stage, done, total: None), tell
        return
    label = TextColumn("{task.description}")
    columns = (SpinnerColumn(), label, BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bars: dict[str, TaskID] = {"": progress.add_task("Working", total=None)}

        def report(stage: str, done: float, total: float) -> None:
            if stage not in bars:
                bars[stage] = progress.add_task(BARS.get(stage, stage), total=total)
            progress.update(bars[stage], completed=done, total=total)

        yield report, tell


def print_outcome(outcome: Outcome, seconds: float, as_json: bool) -> None:
    """The run's result; `seconds` is its whole wall time."""
    if as_json:
        print(json.dumps({**asdict(outcome), "wall_seconds": round(seconds, 3)}, indent=2, ensure_ascii=False))
        return
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in _rows(outcome, seconds):
        table.add_row(name, escape(value))
    console = Console(stderr=True)
    console.print(table)
    for note in outcome.notes:
        console.print(f"[yellow]note[/] {escape(note)}", highlight=False)
    for failure in outcome.failed:
        console.print(f"[red]failed[/] {escape(failure)}", highlight=False)
    sys.stderr.flush()
    print(outcome.gallery)


def _rows(outcome: Outcome, seconds: float) -> Iterator[tuple[str, str]]:
    refused = f", {outcome.refused} refused" if outcome.refused else ""
    pictures = f"{outcome.drawn} drawn, {outcome.kept} kept{refused}"
    yield "scenes", f"{outcome.scenes}, {outcome.illustrated} illustrated, {len(outcome.failed)} failed"
    yield "pictures", pictures
    yield "captions", f"{outcome.cues} cues, source: {outcome.captions}"
    yield "on screen", f"{outcome.coverage:.0%} of the video"
    slowest = sorted(outcome.seconds.items(), key=lambda item: -item[1])[:4]
    yield "time", f"{format_seconds(seconds)} ({', '.join(f'{name} {format_seconds(t)}' for name, t in slowest)})"
    yield "cost", _format_cost(outcome.cost)
    if kept := describe_kept(outcome.cost.kept):
        yield "found finished", kept
    yield "folder", outcome.folder


def _format_cost(cost: Cost) -> str:
    """`280 network evaluations on cpu; language 3,120 tokens read, 96 written`."""
    text = f"{cost.evaluations:,} network evaluations"
    if cost.evaluations and "draw" in cost.stages:
        text += f" on {cost.stages['draw'].device}"
    by_role: dict[str, list[str]] = {}
    for name, count in cost.tokens.items():
        role, _, what = name.partition(" ")
        by_role.setdefault(role, []).append(f"{count:,} {what}")
    return "; ".join([text, *(f"{role} model: {', '.join(counts)} tokens" for role, counts in by_role.items())])


def format_seconds(seconds: float) -> str:
    """`4.2 s`, `3 min 05 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"
