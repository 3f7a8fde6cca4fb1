"""Edit decision lists: CMX 3600, which has one picture track, and the markers that Resolve reads from such a list."""

import re
from collections.abc import Iterator

from tasks.timeline.edit import Still, Timeline, one_line

REEL_LENGTH = 8  # letters and digits that CMX 3600 allows


def format_edl(timeline: Timeline) -> str:
    """CMX 3600: the pictures cut into the source on the one picture track, its sound running through."""
    lines = _head(timeline)
    for number, event in enumerate(_events(timeline), 1):
        reel, channel, name, source, first, last = event
        codes = (*source, timeline.label(first), timeline.label(last))
        lines += [f"{number:03d}  {reel:8s} {channel:5s} C        {' '.join(codes)}", f"* FROM CLIP NAME: {name}", ""]
    return "\n".join(lines)


def format_markers(timeline: Timeline) -> str:
    """Resolve's list of timeline markers: an event of one frame, then note, colour, name and length."""
    lines = _head(timeline)
    for number, mark in enumerate(timeline.marks, 1):
        at, after = timeline.label(mark.first), timeline.label(mark.first + 1)
        note = _field(". ".join(text.rstrip(".") for text in (mark.gist, mark.prompt, mark.error) if text))
        colour = "Red" if mark.error else "Blue"
        lines.append(f"{number:03d}  001      V     C        {at} {after} {at} {after}  ")
        lines += [f"{note} |C:ResolveColor{colour} |M:{_field(mark.name)} |D:{mark.last - mark.first}", ""]
    return "\n".join(lines)


def _head(timeline: Timeline) -> list[str]:
    count = "DROP FRAME" if timeline.drop else "NON-DROP FRAME"
    return [f"TITLE: {one_line(timeline.name)}", f"FCM: {count}", ""]


def _field(text: str) -> str:
    """Text between the bars of a marker's line: one line, no bar of its own."""
    return one_line(text.replace("|", "/"))


#: (reel, channel, clip name, (source in, source out), first frame, frame after the last)
Event = tuple[str, str, str, tuple[str, str], int, int]


def _events(timeline: Timeline) -> Iterator[Event]:
    """All events in the order of the timeline; of those that begin together, the sound goes first."""
    reels = name_reels(timeline)
    if timeline.source.audio_channels:
        channel = "A" if timeline.source.audio_channels == 1 else "AA"
        yield _source_event(timeline, reels[None], channel, 0, timeline.length)
    at = 0
    for still in timeline.stills:
        if still.first > at:
            yield _source_event(timeline, reels[None], "V", at, still.first)
        span = (0, still.last - still.first)
        codes = tuple(_still_label(timeline, frame) for frame in span)
        yield reels[still], "V", one_line(still.name), (codes[0], codes[1]), still.first, still.last
        at = still.last
    if at < timeline.length:
        yield _source_event(timeline, reels[None], "V", at, timeline.length)


def _source_event(timeline: Timeline, reel: str, channel: str, first: int, last: int) -> Event:
    codes = timeline.source_label(first), timeline.source_label(last)
    return reel, channel, one_line(timeline.source.name), codes, first, last


def _still_label(timeline: Timeline, frame: int) -> str:
    return timeline.label(frame - timeline.start)


def name_reels(timeline: Timeline) -> dict[Still | None, str]:
    """A reel name of its own for every still, and for the source (None): `S012V1`, at most eight letters and digits."""
    names: dict[Still | None, str] = {}
    wishes = [(None, timeline.source.name.rpartition(".")[0] or timeline.source.name)]
    for key, wish in [*wishes, *((still, f"{still.scene}v{still.version}") for still in timeline.stills)]:
        name = re.sub("[^A-Z0-9]", "", wish.upper())[:REEL_LENGTH] or "AX"
        number = 1
        while name in names.values():
            number += 1
            name = f"{name[: REEL_LENGTH - 1 - len(str(number))]}X{number}"
        names[key] = name
    return names
