"""What is written on screen, shot by shot, and which shots a viewer has to be left to read.

A slide or a screen is a picture of one ground with lines of text over much of its height; the name of a speaker
at the bottom and a shop sign behind them are text and no slide. A reader of text takes a second a picture, so it gets
only pictures of one ground, and of those that look alike the first.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np

from models.ocr import ReadText, TextLine
from tasks.records import ScreenText, Shot, Shown

ONE_GROUND = 0.35  # of a picture, of nearly one colour: slides, documents, terminals; rooms stay under a fifth
ALIKE = 2.0  # mean difference (8-bit levels) of two small pictures that show the same page
SMALL = (64, 36)  # px of those pictures
TITLE_HEIGHT = 0.055  # of the picture's height; a line of such letters is read from the last row
FEWEST_WORDS, FEWEST_LINES = 6, 3  # that make a page without any title
LEAST_SPREAD = 0.25  # of the height, from the first line to the last
DEMO_LINES = 14  # of small text: a program's window, code, a table
LOWER_THIRD = 0.66  # of the height; a name and a function stand below

Load = Callable[[Shot], np.ndarray]  # -> its keyframe (H, W, 3) uint8 RGB


def read_screens(shots: Sequence[Shot], load: Load, read_text: ReadText) -> tuple[Shown, ...]:
    """For each shot with text on one ground what it shows, in order."""
    known: list[tuple[np.ndarray, Shown]] = []
    found = []
    for shot in shots:
        picture = load(shot)
        if ground_share(picture) < ONE_GROUND:
            continue
        small = cv2.resize(picture, SMALL, interpolation=cv2.INTER_AREA).astype(np.int16)
        shown = next((one for other, one in known if np.abs(small - other).mean() < ALIKE), None)
        if shown is None:
            shown = describe_screen(read_text(picture))
            known.append((small, shown))
        if shown.lines:
            found.append(replace(shown, start=shot.start, end=shot.end))
    return tuple(found)


def ground_share(picture: np.ndarray) -> float:
    """The share of a picture (H, W, 3) that has its most frequent colour, give or take a little."""
    small = cv2.resize(picture, (160, 90), interpolation=cv2.INTER_AREA).reshape(-1, 3).astype(np.int32)
    steps = small // 16  # 16 levels a channel
    colours, counts = np.unique(steps @ np.array([256, 16, 1]), return_counts=True)
    most = colours[np.argmax(counts)]
    centre = np.median(small[steps @ np.array([256, 16, 1]) == most], axis=0)
    return float((np.abs(small - centre).max(axis=1) <= 12).mean())


def describe_screen(lines: Sequence[TextLine]) -> Shown:
    """What lines of text make together; times are left at 0."""
    lines = [line for line in lines if _is_writing(line.text)]
    texts = tuple(ScreenText(one.text, *(round(side, 4) for side in _box(one))) for one in lines)
    title = max(lines, key=_height, default=None)
    large = title is not None and _height(title) >= TITLE_HEIGHT
    return Shown(0.0, 0.0, _kind(lines), title.text if title is not None and large else "", texts)


def _kind(lines: Sequence[TextLine]) -> str:
    """slide | demo | text"""
    page = [line for line in lines if line.top < LOWER_THIRD]
    if len(page) >= DEMO_LINES and float(np.median([_height(line) for line in page])) < TITLE_HEIGHT:
        return "demo"
    words = sum(len(line.text.split()) for line in page)
    spread = max((line.bottom for line in lines), default=0.0) - min((line.top for line in lines), default=0.0)
    titled = any(_height(line) >= TITLE_HEIGHT for line in page)
    full = words >= FEWEST_WORDS and len(lines) >= FEWEST_LINES and spread >= LEAST_SPREAD
    return "slide" if titled or full else "text"


def find_keep_clear(shown: Sequence[Shown]) -> tuple[tuple[float, float], ...]:
    """Spans (s, s) in which a viewer has something to read; those that touch are one."""
    spans: list[tuple[float, float]] = []
    for one in shown:
        if one.kind == "text":
            continue
        if spans and one.start <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(spans[-1][1], one.end)
        else:
            spans.append((one.start, one.end))
    return tuple(spans)


def _is_writing(text: str) -> bool:
    """Whether it can be a word: a reader sees single letters in window frames and shelves."""
    letters = [letter for letter in text if letter.isalnum()]
    return len(letters) >= (3 if text.isascii() else 2)


def _box(line: TextLine) -> tuple[float, float, float, float]:
    return line.left, line.top, line.right, line.bottom


def _height(line: TextLine) -> float:
    return line.bottom - line.top
