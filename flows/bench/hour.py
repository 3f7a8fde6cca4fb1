"""A one-hour 1080p talk with captions, up to its scenes: seconds by stage, peak memory. No language model takes part.

Beside the time on the clock stands the processor time of all processes, which a busy machine does not change much.

The film is put together from takes that `broll bench shots` draws as well; the first call takes some minutes for them.
An hour is 500 MB in the cache. Its captions are those of the sample talk, over and over.
"""

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table

from flows.bench._films import ORDER, RATE, TALK, Film, make_film
from flows.bench.pipeline import SAMPLE
from flows.bench.shots import processor_seconds
from flows.doctor import processor_name

OPTIONS = [click.Option(["--minutes"], type=click.IntRange(1, 600), default=60, help="Length of the talk.")]
ALLOWED = 90  # s on two cores for an hour
T = TypeVar("T")


def make_talk(minutes: int) -> Film:
    """A talk of about so many minutes."""
    order: list[int] = []
    frames = 0
    while frames < minutes * 60 * RATE:
        take = ORDER[len(order) % len(ORDER)]
        order.append(take)
        frames += TALK[take].frames
    return make_film(f"talk-of-{minutes}-minutes", order, (1920, 1080), "h264")


def write_captions(path: Path, seconds: float) -> Path:
    """The sample talk's captions, repeated to the end."""
    from dataclasses import replace

    from tasks.captions import format_vtt, parse_captions

    said = parse_captions(SAMPLE.with_suffix(".en.vtt").read_bytes(), ".vtt")
    length = said[-1].end + 1.0
    rounds = range(int(seconds / length) + 1)
    cues = [replace(cue, start=cue.start + length * k, end=cue.end + length * k) for k in rounds for cue in said]
    path.write_text(format_vtt(cue for cue in cues if cue.end < seconds), encoding="utf-8")
    return path


def measure(minutes: int) -> dict[str, Any]:
    """Every stage once, in the order of the main job."""
    film = make_talk(minutes)
    seconds: dict[str, float] = {}
    processor: dict[str, float] = {}

    def timed(stage: str, work: Callable[[], T]) -> T:
        print(f"{stage} ...", file=sys.stderr)
        began, used = time.perf_counter(), processor_seconds()
        result = work()
        seconds[stage] = round(time.perf_counter() - began, 2)
        processor[stage] = round(processor_seconds() - used, 2)
        return result

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        captions_file = write_captions(folder / "talk.vtt", film.frames / RATE)
        counts = _run_stages(film.path, captions_file, folder, timed)
    megabytes = {
        who: resource.getrusage(which).ru_maxrss // 1024
        for who, which in (("this process", resource.RUSAGE_SELF), ("largest child", resource.RUSAGE_CHILDREN))
    }
    return {
        "processor": processor_name(),
        "minutes of talk": round(film.frames / RATE / 60, 1),
        "seconds by stage": seconds,
        "seconds, all stages": round(sum(seconds.values()), 1),
        "processor seconds by stage": processor,
        "processor seconds, all stages": round(sum(processor.values()), 1),
        f"aim at {minutes} minutes": f"{ALLOWED * minutes / 60:.0f} s",
        **counts,
        "peak memory, MB": megabytes,
    }


def _run_stages(path: Path, captions_file: Path, folder: Path, timed: Callable[[str, Callable[[], Any]], Any]) -> dict:
    from models import registry
    from models.profiles import load_profile
    from tasks.captions import read_captions
    from tasks.pictures import read_picture
    from tasks.probe import probe_video
    from tasks.scenes import find_scenes
    from tasks.screen import find_keep_clear, read_screens
    from tasks.shots import find_shots

    profile = load_profile("embedded")
    video = timed("probe", lambda: probe_video(path))
    captions = timed("captions", lambda: read_captions(video, captions_file, None))
    shots = timed("shots and key frames", lambda: find_shots(video, folder))
    reader = timed("loading the reader of text", lambda: registry.text_reader(profile))
    shown = timed("text on screen", lambda: read_screens(shots, lambda s: read_picture(folder / s.keyframe), reader))
    embed = timed("loading sentence vectors", lambda: registry.embedder(profile))
    scenes = timed("scenes", lambda: find_scenes(video, captions, shots, embed, None))
    return {
        "cues": len(captions.cues),
        "shots": len(shots),
        "slides and demos": len(find_keep_clear(shown)),
        "scenes": len(scenes),
    }


def main(as_json: bool, minutes: int = 60) -> int:
    """Measure and print; the exit code."""
    figures = measure(minutes)
    if as_json:
        print(json.dumps(figures, indent=2))
        return 0
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in figures.items():
        if isinstance(value, dict):
            table.add_row(name, "")
            for key, item in value.items():
                table.add_row(f"  {key}", str(item))
        else:
            table.add_row(name, str(value))
    Console().print(table)
    return 0
