"""Chapters: the list that video platforms read from a description, and ffmpeg's metadata file."""

import re
from collections.abc import Sequence

from tasks.timeline.edit import Mark, Timeline, one_line

SHORTEST = 10  # s: platforms take no list with a shorter chapter in it
TITLE_LENGTH = 90  # characters: longer ones are cut by platforms


def format_chapters(timeline: Timeline) -> str:
    """`0:00 Title` a line, from zero on; scenes too short for a chapter belong to the one before."""
    lines: list[str] = []
    for mark in _long_enough(timeline):
        # The whole second before, never into the next thought; platforms want the first one at zero.
        seconds = int(mark.first / timeline.rate) if lines else 0
        clock = f"{seconds // 60 % 60}:{seconds % 60:02d}"
        if timeline.length / timeline.rate >= 3600:
            clock = f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
        lines.append(f"{clock} {title(mark)}\n")
    return "".join(lines)


def format_ffmetadata(timeline: Timeline) -> str:
    """What `ffmpeg -i talk.mp4 -i FILE -map_metadata 1 -codec copy` writes into a video, frame by frame exact."""
    rate = timeline.rate
    blocks = [";FFMETADATA1\n"]
    for mark in timeline.marks:
        head = f"[CHAPTER]\nTIMEBASE={rate.denominator}/{rate.numerator}\nSTART={mark.first}\nEND={mark.last}\n"
        blocks.append(f"{head}title={_escape(title(mark))}\n")
    return "".join(blocks)


def title(mark: Mark) -> str:
    """What a chapter is called: the scene's gist, else its name; one line, cut at a word."""
    text = one_line(mark.gist) or one_line(mark.name) or mark.scene
    if len(text) <= TITLE_LENGTH:
        return text
    return text[:TITLE_LENGTH].rsplit(" ", 1)[0].rstrip(" ,;:-") + "…"


def _long_enough(timeline: Timeline) -> Sequence[Mark]:
    shortest = SHORTEST * timeline.rate
    chosen: list[Mark] = []
    for mark in timeline.marks:
        if not chosen or (mark.first - chosen[-1].first >= shortest and timeline.length - mark.first >= shortest):
            chosen.append(mark)
    return chosen


def _escape(text: str) -> str:
    # ffmpeg takes any backslash before the end of a line, an escaped one too, for a line that goes on.
    return re.sub(r"([=;#\\])", r"\\\1", text.rstrip(" \\"))
