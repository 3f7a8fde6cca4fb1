"""The edit as a plain table (CSV): one line a picture, and one for every scene that has none."""

import csv
import io
from collections.abc import Iterator, Sequence

from tasks.timeline.edit import Mark, Still, Timeline
from tasks.timeline.timecode import show_rate

COLUMNS = ("scene", "track", "in", "out", "seconds", "frame", "frames", "rate", "file", "gist", "prompt", "seed")
_FORMULA = ("=", "+", "-", "@", "\t")  # what a spreadsheet would take for something to carry out


def format_table(timeline: Timeline) -> str:
    """Comma-separated, as spreadsheets read it: in and out are time codes, `frame` counts from the first frame."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_MINIMAL)
    writer.writerow(COLUMNS)
    for row in _rows(timeline):
        writer.writerow([_cell(value) for value in row])
    return text.getvalue()


def _rows(timeline: Timeline) -> Iterator[Sequence[object]]:
    marks = {mark.scene: mark for mark in timeline.marks}
    for track, stills in (("V2", timeline.stills), ("V3", timeline.spares)):
        for still in stills:
            yield _row(timeline, still, marks.get(still.scene), track)
    shown = {still.scene for still in timeline.stills}
    for mark in timeline.marks:
        if mark.scene not in shown:
            yield (mark.scene, "", *_times(timeline, mark), "", mark.gist, mark.prompt, "")


def _row(timeline: Timeline, still: Still, mark: Mark | None, track: str) -> Sequence[object]:
    gist = mark.gist if mark else ""
    return (still.scene, track, *_times(timeline, still), still.name, gist, still.prompt, still.seed)


def _times(timeline: Timeline, span: Still | Mark) -> Sequence[object]:
    """From `in` to `rate`; the seconds are the video's, from its first frame."""
    seconds = f"{float(span.first / timeline.rate):.3f}"
    labels = timeline.label(span.first), timeline.label(span.last)
    return (*labels, seconds, span.first, span.last - span.first, show_rate(timeline.rate))


def _cell(value: object) -> object:
    """Text that a spreadsheet shows and never carries out."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
