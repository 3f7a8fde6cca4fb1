"""`teaser.webp`: a few seconds of the preview as a moving picture small enough for a README or a chat."""

import io
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from models.errors import InputError
from tasks.folder import write_whole
from tasks.media import read_frames
from tasks.preview import PREVIEW_NAME, list_inserts
from tasks.probe import probe_video
from tasks.records import Storyboard

TEASER_NAME = "teaser.webp"
WIDTH, RATE = 480, 8  # px; frames/s
MOMENTS = 4  # pictures shown
BEFORE, AFTER = 0.9, 2.1  # s of the speaker before each, and of the picture
MOST_BYTES = 1_000_000


def write_teaser(folder: Path, board: Storyboard) -> Path:
    """Write it from the preview; InputError where there is none."""
    if not (folder / PREVIEW_NAME).is_file():
        raise InputError(f"{folder} has no {PREVIEW_NAME}: make it by `broll preview {folder}`")
    frames = list(_pick(folder, list(_spans(folder, board))))
    for quality in (60, 45, 30, 15):
        buffer = io.BytesIO()
        frames[0].save(
            buffer, "WEBP", save_all=True, append_images=frames[1:], duration=1000 // RATE, loop=0, quality=quality,
            method=4,
        )  # fmt: skip
        if buffer.tell() < MOST_BYTES:
            break
    return write_whole(folder / TEASER_NAME, buffer.getvalue())


def _spans(folder: Path, board: Storyboard) -> Iterator[tuple[float, float]]:
    """Seconds to show: around the moments when a picture comes, spread over the video."""
    inserts = list_inserts(folder, board)
    count = min(MOMENTS, len(inserts))
    for i in range(count):
        start = float(inserts[i * len(inserts) // count].start / board.video.frame_rate)
        yield max(0.0, start - BEFORE), start + AFTER


def _pick(folder: Path, spans: list[tuple[float, float]]) -> Iterator[Image.Image]:
    last = max(end for _, end in spans)
    for time, frame in read_frames(probe_video(str(folder / PREVIEW_NAME)), rate=RATE, width=WIDTH):
        if time > last:
            return
        if any(start <= time < end for start, end in spans):
            yield Image.fromarray(frame)
