"""Shots against PySceneDetect's `detect` with ContentDetector: time on long 1080p talks, F1 on films of known cuts.

Takes about 15 minutes on 2 cores, and as long again the first time, when the films are drawn; they stay in the cache
(300 MB). PySceneDetect is no dependency of the program; where it is missing, the bench says how to install it.
"""

import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from flows.bench._films import ORDER, RATE, TALK, Boundary, Film, make_film
from models.errors import SetupError

LONG = ("h264", "h264-fixed", "h264-sparse")  # at 1080p, for the time
SHORT = ("h264", "h264-fixed", "h264-sparse", "h264-open", "hevc", "vp9", "av1")  # at 360p, for right and wrong
OPTIONS = [
    click.Option(
        ["--clips"], type=click.Path(exists=True, file_okay=False), help="A folder of real clips to read as well."
    ),
    click.Option(["--short"], is_flag=True, help="Only the short films: right and wrong, no figure of speed."),
]
NEAR = 2  # frames that a boundary may be off


@dataclass(frozen=True)
class Reading:
    """One program on one file."""

    wall: float  # s
    processor: float  # s, all processes together
    found: tuple[int, ...]  # first frames of shots, the very first one left out


def score(found: Sequence[int], truth: Sequence[Boundary]) -> tuple[int, int, int]:
    """(hits, false alarms, misses); each boundary counts once, anywhere within a dissolve or fade."""
    left = sorted(found)
    hits = 0
    for boundary in truth:
        near = [frame for frame in left if boundary.first - NEAR <= frame <= boundary.last + NEAR]
        if near:
            hits += 1
            left.remove(near[0])
    return hits, len(left), len(truth) - hits


def f1(counts: Sequence[tuple[int, int, int]]) -> float:
    """F1 over all files together."""
    hits, false, missed = (sum(column) for column in zip(*counts, strict=True))
    return 2 * hits / max(1, 2 * hits + false + missed)


def our_way(path: Path) -> list[int]:
    """As the program does it: probe, shots, keyframes saved."""
    from tasks.probe import probe_video
    from tasks.shots import find_shots

    video = probe_video(path)
    with tempfile.TemporaryDirectory() as folder:
        shots = find_shots(video, Path(folder), lambda text: print(f"  {text}", file=sys.stderr))
    return [shot.start_frame for shot in shots[1:]]


def their_way(path: Path) -> list[int]:
    """PySceneDetect with its defaults."""
    from scenedetect import ContentDetector, detect  # type: ignore[import-not-found, unused-ignore]

    return [scene[0].frame_num for scene in detect(str(path), ContentDetector())[1:]]


def read(way: Callable[[Path], list[int]], path: Path) -> Reading:
    """One program's answer, and what it took."""
    wall, processor = time.perf_counter(), processor_seconds()
    found = way(path)
    return Reading(time.perf_counter() - wall, processor_seconds() - processor, tuple(found))


def processor_seconds() -> float:
    """Of this process and of its children that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def compare(film: Film, name: str) -> dict[str, Any]:
    """Both programs on one film."""
    print(f"{name}: {film.frames / RATE:.0f} s of film", file=sys.stderr)
    ours, theirs = read(our_way, film.path), read(their_way, film.path)
    return {
        "film": name,
        "seconds": film.frames / RATE,
        "boundaries": len(film.boundaries),
        "ours": asdict(ours),
        "theirs": asdict(theirs),
        "times faster": round(theirs.wall / ours.wall, 1),
        "times less processor": round(theirs.processor / ours.processor, 1),
        "our hits, false, missed": score(ours.found, film.boundaries),
        "their hits, false, missed": score(theirs.found, film.boundaries),
    }


def compare_clips(folder: str | None) -> list[dict[str, Any]]:
    """Both programs on real clips, whose cuts nobody has written down: what each found."""
    rows = []
    for path in sorted(Path(folder).glob("*.mp4")) if folder else []:
        ours, theirs = read(our_way, path), read(their_way, path)
        rows.append({"clip": path.name, "ours": ours.found, "theirs": theirs.found})
    return rows


def measure(clips: str | None = None, short: bool = False) -> dict[str, Any]:
    """All films; the first call draws them."""
    try:
        import scenedetect  # type: ignore[import-not-found, unused-ignore]  # noqa: F401
    except ImportError as error:
        raise SetupError(
            "the peer is missing: .venv/bin/pip install --no-deps scenedetect==0.7.2 tqdm platformdirs"
        ) from error
    every = range(len(TALK))
    rows = [compare(make_film("short", every, (640, 360), encoder), f"{encoder}, 360p") for encoder in SHORT]
    long = [
        compare(make_film("long", ORDER, (1920, 1080), encoder), f"{encoder}, 1080p")
        for encoder in (() if short else LONG)
    ]
    rows += long
    figures: dict[str, Any] = {"films": rows}
    if long:
        figures["times faster on long 1080p films, median"] = statistics.median(row["times faster"] for row in long)
        figures["times less processor there, median"] = statistics.median(row["times less processor"] for row in long)
    # Where the peer finds nothing at all it could not decode the file (AV1): that is told, and no figure of its F1.
    both = [row for row in rows if row["theirs"]["found"]]
    figures["files the peer could not read"] = [row["film"] for row in rows if row not in both]
    figures["our F1"] = round(f1([row["our hits, false, missed"] for row in both]), 3)
    figures["their F1"] = round(f1([row["their hits, false, missed"] for row in both]), 3)
    return {**figures, "clips": compare_clips(clips)}


def main(as_json: bool, clips: str | None = None, short: bool = False) -> int:
    """Measure and print; the exit code."""
    figures = measure(clips, short)
    if as_json:
        print(json.dumps(figures, indent=2))
        return 0
    columns = ("film", "ours", "PySceneDetect", "faster", "our hits/false/missed", "theirs")
    table = Table(*columns, box=None)
    for row in figures["films"]:
        counts = ("/".join(map(str, row[f"{whose} hits, false, missed"])) for whose in ("our", "their"))
        times = (f"{row[whose]['wall']:.1f} s" for whose in ("ours", "theirs"))
        table.add_row(row["film"], *times, f"{row['times faster']}x", *counts)
    console = Console()
    console.print(table)
    for name, value in figures.items():
        if name != "films":
            console.print(f"{name}: {value}")
    return 0
