"""How quickly the preview is made: a minute of the sample talk at 1280x720, in each style, as a multiple of real time.

About three minutes on two cores: the talk is first scaled up to 720p. A quarter of the time is under pictures.
"""

import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from flows.doctor import processor_name
from models.errors import SetupError
from tasks.caption_formats import parse_captions
from tasks.folder import make_folder
from tasks.media import ffmpeg_program
from tasks.pictures import write_picture
from tasks.preview import Look, write_preview
from tasks.probe import probe_video
from tasks.records import Candidate, Captions, Panel, Placement, Scene, Storyboard

SAMPLES = Path(__file__).parents[2] / "data" / "samples"
SECONDS, EVERY, LONG = 60, 20, 5  # s: of the clip, between two pictures, that a picture stays
LOOKS = {
    "cutaway": Look(),
    "cutaway, motion": Look(motion=True),
    "picture-in-picture": Look(inset=True),
    "picture-in-picture, motion, captions": Look(inset=True, motion=True, captions=True),
}


def main(as_json: bool) -> int:
    """Measure and print; the exit code."""
    figures = measure(SAMPLES / "talk.mp4")
    if as_json:
        print(json.dumps(figures, indent=2))
        return 0
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in figures.items():
        table.add_row(name, f"{value:.1f} times real time" if isinstance(value, float) else str(value))
    Console().print(table)
    return 0


def measure(sample: Path) -> dict[str, Any]:
    """Style -> seconds of video made in one second."""
    if not sample.is_file():
        raise SetupError(f"the sample {sample} is missing: restore data/samples or make it anew")
    figures: dict[str, Any] = {"video": f"{SECONDS} s at 1280x720, 25 frames/s", "processor": processor_name()}
    with tempfile.TemporaryDirectory() as place:
        board = _make_board(Path(place) / "talk", _scale_up(sample, Path(place) / "talk.mp4"))
        for name, look in LOOKS.items():
            began = time.perf_counter()
            write_preview(Path(place) / "talk", board, look)
            figures[name] = round(board.video.duration / (time.perf_counter() - began), 2)
    return figures


def _scale_up(sample: Path, target: Path) -> Path:
    scale = ("-t", str(SECONDS), "-vf", "scale=1280:720", "-c:v", "libx264", "-preset", "veryfast", "-c:a", "copy")
    command = [ffmpeg_program(), "-v", "error", "-nostdin", "-i", f"file:{sample}", *scale, f"file:{target}"]
    subprocess.run(command, check=True, timeout=600)
    return target


def _make_board(folder: Path, source: Path) -> Storyboard:
    """Pictures of soft colours, one every `EVERY` seconds, with the talk's own captions."""
    video, scenes = probe_video(str(source)), []
    cues = parse_captions((SAMPLES / "talk.en.vtt").read_bytes(), ".vtt")
    make_folder(folder)
    rows, columns = np.mgrid[0:720, 0:1280]
    for number, start in enumerate(range(4, SECONDS - LONG, EVERY), 1):
        name = f"images/talk_s{number:03d}_v1_picture.png"
        layers = [rows / 3, columns / 5, (rows + number * columns) / 8]
        write_picture(folder / name, np.stack(layers, axis=2).astype(np.uint8), {})
        frames = [round(seconds * video.frame_rate) for seconds in (start, start + LONG)]
        panel = Panel(Placement(start, start + LONG, *frames), (Candidate(name, 1, 0.0, str(number)),), 0)
        scenes.append(Scene(f"s{number:03d}", start, start + EVERY, frames[0], frames[1], panel=panel, state="drawn"))
    return Storyboard(video, Captions("sidecar", "en", cues), {}, tuple(scenes))
