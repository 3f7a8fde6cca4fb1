"""A toolbox of small, quick, deterministic stand-ins at the one seam where models come in, and a clip to work on."""

import hashlib
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from models.speech import Phrase, Transcript
from tasks.desk import Toolbox
from tests.media_factory import cut_frames, write_frames

CONCEPTS = ("rocket", "whale", "clock", "bridge", "garden")
CAPTIONS = """WEBVTT

00:00.500 --> 00:03.500
Every rocket begins with a plan.

00:04.000 --> 00:07.500
The rocket leaves the ground at dawn.

00:08.500 --> 00:11.500
Down below a whale is singing.

00:12.000 --> 00:15.500
A whale can be heard across the ocean.

00:16.500 --> 00:19.500
And on the wall a clock counts hours.

00:20.000 --> 00:23.500
No clock was ever early for lunch.
"""


def make_talk(folder: Path, name: str = "talk.mp4", captions: bool = True) -> Path:
    """24 s in three shots of 8 s at 10 frames/s, with the captions beside it, or without."""
    path = write_frames(folder / name, cut_frames((80, 80, 80)), 10)
    if captions:
        path.with_suffix(".vtt").write_text(CAPTIONS)
    return path


class Tools:
    """Counts what is loaded and drawn; `fail_on` names a subject that cannot be drawn."""

    def __init__(self, fail_on: str = "", error: Exception | None = None, weights: str = "w1") -> None:
        self.loaded: Counter[str] = Counter()
        self.drawn: list[tuple[str, int]] = []
        self.fail_on, self.error, self.weights = fail_on, error, weights

    def box(self) -> Toolbox:
        roles = ("speech", "language", "sentences", "vision", "ocr", "vocabulary", "sampler", "judge", "calibrations")
        return Toolbox(
            transcribe=lambda: self._load("transcribe", hear),
            embed=lambda: self._load("embed", embed),
            describe=lambda: self._load("describe", make_describe_tools()),
            vocabulary=lambda: self._load("vocabulary", make_vocabulary()),
            draw=lambda: self._load("draw", self.draw),
            judge=lambda: self._load("judge", score),
            names=dict.fromkeys(roles, "test") | {"drawing": self.weights},
        )

    def _load(self, name: str, tool):
        self.loaded[name] += 1
        return tool

    def draw(self, request) -> np.ndarray:
        """A few shapes that depend on the whole request."""
        subject = request.prompt.subject
        self.drawn.append((subject, request.seed))
        if subject == self.fail_on:
            raise self.error
        mark = hashlib.sha256(repr(request).encode()).digest()
        chance = np.random.default_rng(int.from_bytes(mark[:8], "big"))
        picture = np.full((request.height, request.width, 3), chance.integers(60, 220, 3), np.uint8)
        for _ in range(6):
            at = (int(chance.integers(0, request.width)), int(chance.integers(0, request.height)))
            cv2.circle(
                picture, at, int(chance.integers(9, request.height // 4)), chance.integers(0, 255, 3).tolist(), -1
            )
        return picture


def embed(texts: Sequence[str]) -> np.ndarray:
    """(n, 384) unit rows: a bag of hashed words."""
    rows = np.full((len(texts), 384), 1e-3, np.float32)
    for row, text in zip(rows, texts, strict=True):
        for word in text.lower().replace(".", "").split():
            row[zlib.crc32(word.encode()) % 384] += 1
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def score(images: Sequence[np.ndarray], texts: Sequence[str]) -> np.ndarray:
    """(n_images, n_texts): arbitrary but fixed."""
    return np.array([[zlib.crc32(image.tobytes() + text.encode()) % 997 / 997 for text in texts] for image in images])


def hear(audio: np.ndarray, report=None) -> Transcript:
    """A recogniser that has heard one sentence."""
    if report:
        report(1.0)
    return Transcript("en", (Phrase(1.0, 3.0, "I hear a clock."),))


class Words:
    """A text model that has nothing to say."""

    def complete(self, system: str, user: str, max_new_tokens: int = 64) -> str:
        return "A short talk about things."

    def score(self, prompt: str, continuations: Sequence[str]) -> list[float]:
        return [-1.0 - len(text) / 100 for text in continuations]


def make_describe_tools():
    from tasks.describe import DescribeTools

    return DescribeTools(embed=embed, concepts=CONCEPTS, synonyms=((),) * len(CONCEPTS), language=Words())


def make_vocabulary():
    from models.illustrator.vocabulary import Vocabulary

    return Vocabulary(CONCEPTS, ((),) * len(CONCEPTS))
