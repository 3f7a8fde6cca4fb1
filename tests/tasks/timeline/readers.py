"""Readers of the timeline formats, written from the formats' rules and not from our writers: all give one `Reading`."""

import csv
import io
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from urllib.parse import unquote, urlparse

import opentimelineio as otio

Span = tuple[int, int]


@dataclass(frozen=True)
class Item:
    """A clip: where it is on the timeline, in frames, and what it shows."""

    name: str
    path: str
    span: Span
    enabled: bool = True


@dataclass(frozen=True)
class Reading:
    """What an editor would find. Frames count from the first frame of the timeline; None: the format has it not."""

    name: str
    rate: Fraction | None
    drop: bool
    start: int  # frame that the first label stands for
    length: int | None
    source: Item | None
    source_start: int | None  # frame of the source's own count that the timeline begins with
    stills: tuple[Item, ...]
    spares: tuple[Item, ...] = ()
    marks: tuple[tuple[str, str, Span], ...] = ()  # (name, note, span)
    sound: int = 0  # sound tracks


def path_of(url: str) -> str:
    """The path that a URL or a relative reference names."""
    parts = urlparse(url)
    host = "" if parts.netloc in ("", "localhost") else "//" + parts.netloc
    path = host + unquote(parts.path)
    return path[1:] if re.match("/[A-Za-z]:/", path) else path


# --- OpenTimelineIO ------------------------------------------------------------------------------------------------


def read_otio(text: str) -> Reading:
    """By OpenTimelineIO itself."""
    timeline = otio.adapters.read_from_string(text, "otio_json")
    video = [track for track in timeline.tracks if track.kind == "Video"]
    rate = Fraction(timeline.metadata["broll"]["frame_rate"])
    source = video[0][0]
    return Reading(
        name=timeline.name,
        rate=rate,
        drop=timeline.metadata["broll"]["drop_frame"],
        start=_whole(timeline.global_start_time, rate),
        length=_whole(source.duration(), rate),
        source=_otio_item(source, rate),
        source_start=_whole(source.source_range.start_time, rate),
        stills=tuple(_otio_item(clip, rate) for clip in video[1].find_clips()),
        spares=tuple(_otio_item(clip, rate) for clip in video[2].find_clips()) if len(video) > 2 else (),
        marks=tuple((m.name, m.comment, _range(m.marked_range, rate)) for m in timeline.tracks.markers),
        sound=len(timeline.tracks) - len(video),
    )


def _otio_item(clip, rate: Fraction) -> Item:
    assert clip.source_range.duration == clip.media_reference.available_range.duration
    url = getattr(clip.media_reference, "target_url", "")
    return Item(clip.name, path_of(url), _range(clip.range_in_parent(), rate), clip.enabled)


def _range(span, rate: Fraction) -> Span:
    first = _whole(span.start_time, rate)
    return first, first + _whole(span.duration, rate)


def _whole(time, rate: Fraction) -> int:
    assert time.rate == float(rate)
    assert time.value == int(time.value)
    return int(time.value)


# --- labels --------------------------------------------------------------------------------------------------------


def count_labels(text: str, rate: Fraction) -> int:
    """The frame of a label, by OpenTimelineIO's count."""
    return int(otio.opentime.from_timecode(text, float(rate)).value)


# --- xmeml ---------------------------------------------------------------------------------------------------------


def read_xmeml(text: str) -> Reading:
    """By the rules of Apple's interchange format: ids are unique, a file is defined once, in and out are media time."""
    root = ET.fromstring(text)
    assert (root.tag, root.get("version")) == ("xmeml", "5")
    ids = [element.get("id") for element in root.iter() if element.get("id") and len(element)]
    assert len(ids) == len(set(ids))
    files = {element.get("id"): element for element in root.iter("file") if len(element)}
    assert {element.get("id") for element in root.iter("file")} == set(files)
    sequence = root.find("sequence")
    assert [child.tag for child in sequence][:5] == ["name", "duration", "rate", "timecode", "media"]
    rate = _xmeml_rate(sequence.find("rate"))
    code = sequence.find("timecode")
    assert _xmeml_rate(code.find("rate")) == rate
    assert count_labels(code.findtext("string"), rate) == int(code.findtext("frame"))
    shape = sequence.find("media/video/format/samplecharacteristics")
    assert int(shape.findtext("width")) > 0 < int(shape.findtext("height"))
    assert _xmeml_rate(shape.find("rate")) == rate
    _check_links(sequence)
    tracks = [
        [_xmeml_item(item, files, rate) for item in track.findall("clipitem")]
        for track in sequence.findall("media/video/track")
    ]
    own = files["file-source"].find("timecode")
    own_rate = _xmeml_rate(own.find("rate"))
    return Reading(
        name=sequence.findtext("name"),
        rate=rate,
        drop=code.findtext("displayformat") == "DF",
        start=int(code.findtext("frame")),
        length=int(sequence.findtext("duration")),
        source=tracks[0][0],
        source_start=round(int(own.findtext("frame")) * rate / own_rate),
        stills=tuple(tracks[1]),
        spares=tuple(tracks[2]) if len(tracks) > 2 else (),
        marks=tuple(
            (m.findtext("name"), m.findtext("comment"), (int(m.findtext("in")), int(m.findtext("out"))))
            for m in sequence.findall("marker")
        ),
        sound=len(sequence.findall("media/audio/track")),
    )


def _xmeml_rate(element) -> Fraction:
    base = int(element.findtext("timebase"))
    return Fraction(base * 1000, 1001) if element.findtext("ntsc") == "TRUE" else Fraction(base)


def _xmeml_item(item, files: dict, rate: Fraction) -> Item:
    assert _xmeml_rate(item.find("rate")) == rate
    start, end, first, last = (int(item.findtext(name)) for name in ("start", "end", "in", "out"))
    assert last - first == end - start > 0
    file = files[item.find("file").get("id")]
    url = file.findtext("pathurl")
    assert not re.search(r"[^!-~]", url), "percent-encoded ASCII only"
    assert item.findtext("name") == file.findtext("name")
    return Item(item.findtext("name"), path_of(url), (start, end), item.findtext("enabled") == "TRUE")


def _check_links(sequence) -> None:
    """Every link names a clip that lies on the track that it says."""
    items = {item.get("id"): item for item in sequence.iter("clipitem")}
    for link in sequence.iter("link"):
        track = sequence.findall(f"media/{link.findtext('mediatype')}/track")[int(link.findtext("trackindex")) - 1]
        place = int(link.findtext("clipindex")) - 1
        assert track.findall("clipitem")[place] is items[link.findtext("linkclipref")]


# --- FCPXML --------------------------------------------------------------------------------------------------------


def read_time(text: str) -> Fraction:
    """`1001/30000s`, reduced, exact."""
    match = re.fullmatch(r"(\d+)(?:/(\d+))?s", text)
    assert match, f"no time: {text!r}"
    value = Fraction(int(match[1]), int(match[2] or 1))
    assert match[2] is None or int(match[2]) == value.denominator > 1, f"not reduced: {text!r}"
    assert value.numerator < 2**63 and value.denominator < 2**31
    return value


def read_fcpxml(text: str) -> Reading:
    """By the rules of Apple's interchange format; its grammar is checked apart, in `test_fcpxml`."""
    root = ET.fromstring(text)
    ids = {element.get("id"): element for element in root.find("resources")}
    sequence = root.find("library/event/project/sequence")
    clip = sequence.find("spine/asset-clip")
    step = read_time(ids[sequence.get("format")].get("frameDuration"))
    origin = read_time(clip.get("start"))

    def frames(time: Fraction) -> int:
        assert (time / step).denominator == 1, "off the frame grid"
        return int(time / step)

    def item(element, offset: Fraction) -> Item:
        asset = ids[element.get("ref")]
        first = frames(read_time(element.get("offset")) - offset)
        span = (first, first + frames(read_time(element.get("duration"))))
        url = asset.find("media-rep").get("src")
        assert not re.search(r"[^!-~]", url), "percent-encoded ASCII only"
        assert element.get("name") == asset.get("name")
        return Item(element.get("name"), path_of(url), span, element.get("enabled", "1") == "1")

    start = read_time(sequence.get("tcStart"))
    above = clip.findall("video")
    marks = [child for child in clip if child.tag in ("marker", "chapter-marker")]
    return Reading(
        name=root.find("library/event/project").get("name"),
        rate=1 / step,
        drop=sequence.get("tcFormat") == "DF",
        start=frames(start),
        length=frames(read_time(sequence.get("duration"))),
        source=item(clip, start),
        source_start=frames(origin),
        stills=tuple(item(video, origin) for video in above if video.get("lane") == "1"),
        spares=tuple(item(video, origin) for video in above if video.get("lane") == "2"),
        marks=tuple(
            (m.get("value"), m.get("note", ""), (frames(read_time(m.get("start")) - origin), -1)) for m in marks
        ),
        sound=int(ids[clip.get("ref")].get("hasAudio", "0")),
    )


# --- edit decision lists -------------------------------------------------------------------------------------------

_EVENT = re.compile(
    r"(\d{3,})  ([A-Z0-9]{1,8}) +(V|A|AA|AA/V) +C +(\d\d:\d\d:\d\d[:;]\d\d) (\d\d:\d\d:\d\d[:;]\d\d) "
    r"(\d\d:\d\d:\d\d[:;]\d\d) (\d\d:\d\d:\d\d[:;]\d\d) *"
)


@dataclass(frozen=True)
class Event:
    reel: str
    channel: str
    source: Span  # frames of the reel's count
    record: Span  # frames of the timeline's count
    note: str  # the line below it


def read_events(text: str, rate: Fraction) -> tuple[str, bool, list[Event]]:
    """(title, drop-frame, events); every line must be one that CMX 3600 knows."""
    title, mode, _, *lines = text.split("\n")
    assert title.startswith("TITLE: ")
    assert mode in ("FCM: DROP FRAME", "FCM: NON-DROP FRAME")
    drop, events = mode == "FCM: DROP FRAME", []
    while any(lines):
        line, note, empty, *lines = lines
        assert empty == ""
        match = _EVENT.fullmatch(line)
        assert match, line
        number, reel, channel, *codes = match.groups()
        assert int(number) == len(events) + 1
        assert all((";" in code) == drop for code in codes[2:])
        a, b, c, d = (count_labels(code, rate) for code in codes)
        events.append(Event(reel, channel, (a, b), (c, d), note))
    return title.removeprefix("TITLE: "), drop, events


def read_edl(text: str, rate: Fraction, sources: set[str]) -> Reading:
    """The picture track as it plays: no gap, no overlap. What is named in `sources` is the source."""
    title, drop, events = read_events(text, rate)
    names = {event: event.note.removeprefix("* FROM CLIP NAME: ") for event in events}
    pictures = [event for event in events if event.channel == "V"]
    start = pictures[0].record[0]
    for before, after in pairwise(pictures):
        assert before.record[1] == after.record[0]
    for event in events:
        assert event.source[1] - event.source[0] == event.record[1] - event.record[0] > 0
    own = [event for event in pictures if names[event] in sources]
    offsets = {event.source[0] - event.record[0] for event in events if names[event] in sources}
    assert len(offsets) <= 1, "the source runs on beneath the pictures"
    stills = [event for event in pictures if names[event] not in sources]
    assert len({event.reel for event in stills}) == len(stills)
    assert not {event.reel for event in stills} & {event.reel for event in own}
    return Reading(
        name=title,
        rate=None,
        drop=drop,
        start=start,
        length=pictures[-1].record[1] - start,
        source=None,
        source_start=start + offsets.pop() if offsets else None,
        stills=tuple(Item(names[e], "", (e.record[0] - start, e.record[1] - start)) for e in stills),
        sound=sum(event.channel != "V" for event in events),
    )


def read_markers(text: str, rate: Fraction) -> list[tuple[str, str, Span]]:
    """(name, note, span in frames of the timeline's count) of Resolve's list."""
    found = []
    for event in read_events(text, rate)[2]:
        assert event.source == event.record
        assert event.record[1] - event.record[0] == 1
        match = re.fullmatch(r"(.*) \|C:ResolveColor(Blue|Red) \|M:([^|]*) \|D:(\d+)", event.note)
        assert match and "|" not in match[1], event.note
        found.append((match[3], match[1], (event.record[0], event.record[0] + int(match[4]))))
    return found


# --- tables and chapters -------------------------------------------------------------------------------------------


def read_table(text: str) -> list[dict[str, str]]:
    """Rows by column, as a spreadsheet reads them."""
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert all(None not in row and None not in row.values() for row in rows)
    return rows


def read_chapters(text: str) -> list[tuple[int, str]]:
    """(second, title) of the list that platforms read."""
    found = []
    for line in text.splitlines():
        clock, title = line.split(" ", 1)
        seconds = 0
        for part in clock.split(":"):
            seconds = seconds * 60 + int(part)
        found.append((seconds, title))
    return found
