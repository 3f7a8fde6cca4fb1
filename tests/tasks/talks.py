"""Talks to test with: the hand-written passages as cues, and stand-ins for the models at their seams."""

import json
import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from zlib import crc32

import numpy as np

from tasks.records import Cue, Scene, Shot, Video

PASSAGES = json.loads((Path(__file__).parents[1] / "data" / "passages.json").read_text(encoding="utf-8"))["passages"]
NTSC = Fraction(30000, 1001)


def embed_words(texts: Sequence[str]) -> np.ndarray:
    """A bag of words hashed into 256 places, unit length: enough to tell subjects apart without a model."""
    vectors = np.zeros((len(texts), 256), dtype=np.float32)
    for row, text in zip(vectors, texts, strict=True):
        for word in re.findall(r"[a-z]{4,}", text.lower()):
            row[crc32(word[:5].encode()) % 256] += 1.0
        row[0] += 0.1
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def speak(texts: Sequence[str], start: float = 0.5, rate: float = 2.6, pause: float = 0.35) -> tuple[Cue, ...]:
    """Cues of seven words, cut without regard to sentences, at `rate` words/s with a pause after each sentence."""
    cues, words = [], " ".join(texts).split()
    while words:
        line, words = words[:7], words[7:]
        end = start + len(line) / rate
        cues.append(Cue(len(cues), start, end, " ".join(line)))
        start = end + (pause if line[-1][-1] in ".?!" else 0.02)
    return tuple(cues)


def make_video(duration: float, rate: Fraction = NTSC) -> Video:
    frames = round(duration * rate)
    return Video("/talk.mp4", "0" * 64, duration, 640, 360, rate, frames, False, 0, True, "mp4", "h264")


def make_shots(cuts: Sequence[float], duration: float) -> tuple[Shot, ...]:
    bounds = [0.0, *cuts, duration]
    return tuple(
        Shot(start, end, round(start * NTSC), round(end * NTSC), (start + end) / 2, f"frames/shot_{number:03d}.jpg")
        for number, (start, end) in enumerate(zip(bounds, bounds[1:], strict=False))
    )


def make_scene(cues: Sequence[Cue], scene_id: str = "s001") -> Scene:
    end = max((cue.end for cue in cues), default=10.0) + 0.5
    return Scene(scene_id, 0.0, end, 0, round(end * NTSC), tuple(cue.id for cue in cues))
