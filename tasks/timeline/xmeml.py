"""Final Cut Pro 7 XML (xmeml 5): what Premiere and Resolve read most safely.

Frames are whole numbers counted from 0 in record and in media; a file's own time code stands beside it and moves
nothing. A file is defined once and referred to by its id after that.
"""

from collections.abc import Sequence
from fractions import Fraction
from xml.etree.ElementTree import Element

from tasks.timeline.edit import Mark, Source, Still, Timeline
from tasks.timeline.places import make_url
from tasks.timeline.timecode import count_base, format_timecode
from tasks.timeline.xml import format_xml, node

MOST_CHANNELS = 8  # tracks of sound: what surround takes


def format_xmeml(timeline: Timeline) -> str:
    """The whole document."""
    return format_xml(node("xmeml", _sequence(timeline), version=5))


def _sequence(timeline: Timeline) -> Element:
    return node(
        "sequence",
        node("name", timeline.name),
        node("duration", timeline.length),
        _rate(timeline.rate),
        _timecode(timeline.start, timeline.rate, timeline.drop),
        node("media", _video(timeline), _audio(timeline) if timeline.source.audio_channels else None),
        *(_marker(mark) for mark in timeline.marks),
        id="sequence-1",
    )


def _video(timeline: Timeline) -> Element:
    tracks = [node("track", _source_item(timeline), node("enabled", "TRUE"), node("locked", "FALSE"))]
    tracks.append(_still_track(timeline, timeline.stills, 2, enabled=True))
    if timeline.spares:
        tracks.append(_still_track(timeline, timeline.spares, 3, enabled=False))
    shape = _picture(timeline.width, timeline.height, timeline.rate)
    return node("video", node("format", shape), *tracks)


def _still_track(timeline: Timeline, stills: Sequence[Still], track: int, enabled: bool) -> Element:
    items = [_still_item(timeline, still, f"{track}-{k}", enabled) for k, still in enumerate(stills, 1)]
    return node("track", *items, node("enabled", "TRUE"), node("locked", "FALSE"))


def _source_item(timeline: Timeline) -> Element:
    return node(
        "clipitem",
        *_item_facts(timeline, timeline.source.name, 0, timeline.length, True),
        _source_file(timeline),
        *_links(timeline.source),
        id="clip-source",
    )


def _still_item(timeline: Timeline, still: Still, number: str, enabled: bool) -> Element:
    return node(
        "clipitem",
        *_item_facts(timeline, still.name, still.first, still.last, enabled),
        node("stillframe", "TRUE"),
        _still_file(timeline, still, number),
        node("comments", node("mastercomment1", still.prompt), node("mastercomment2", f"seed {still.seed}")),
        id=f"clip-{number}",
    )


def _item_facts(timeline: Timeline, name: str, first: int, last: int, enabled: bool) -> list[Element]:
    return [
        node("name", name),
        node("enabled", "TRUE" if enabled else "FALSE"),
        node("duration", last - first),
        _rate(timeline.rate),
        node("start", first),
        node("end", last),
        node("in", 0),
        node("out", last - first),
    ]


def _source_file(timeline: Timeline) -> Element:
    source = timeline.source
    sound = node(
        "audio",
        node("samplecharacteristics", node("depth", 16), node("samplerate", source.audio_rate)),
        node("channelcount", source.audio_channels),
    )
    return node(
        "file",
        node("name", source.name),
        node("pathurl", make_url(source.place, "localhost")),
        _rate(source.rate),
        node("duration", round(timeline.length * source.rate / timeline.rate)),
        _timecode(round(source.start * source.rate / timeline.rate), source.rate, source.drop),
        node("media", node("video", _picture(timeline.width, timeline.height, source.rate)),
             sound if source.audio_channels else None),
        id="file-source",
    )  # fmt: skip


def _still_file(timeline: Timeline, still: Still, number: str) -> Element:
    return node(
        "file",
        node("name", still.name),
        node("pathurl", make_url(still.place, "localhost")),
        _rate(timeline.rate),
        node("duration", still.last - still.first),
        node("media", node("video", _picture(still.width, still.height, timeline.rate))),
        id=f"file-{number}",
    )


def _audio(timeline: Timeline) -> Element:
    channels = range(1, min(timeline.source.audio_channels, MOST_CHANNELS) + 1)
    shape = node("samplecharacteristics", node("depth", 16), node("samplerate", timeline.source.audio_rate))
    tracks = [
        node("track", _sound_item(timeline, channel), node("enabled", "TRUE"), node("outputchannelindex", channel))
        for channel in channels
    ]
    return node("audio", node("numOutputChannels", len(channels)), node("format", shape), *tracks)


def _sound_item(timeline: Timeline, channel: int) -> Element:
    return node(
        "clipitem",
        *_item_facts(timeline, timeline.source.name, 0, timeline.length, True),
        node("file", id="file-source"),
        node("sourcetrack", node("mediatype", "audio"), node("trackindex", channel)),
        *_links(timeline.source),
        id=f"clip-sound-{channel}",
    )


def _links(source: Source) -> list[Element]:
    """What ties the source's picture and its sound together, so that they move as one."""
    if not source.audio_channels:
        return []
    sound = range(1, min(source.audio_channels, MOST_CHANNELS) + 1)
    ends = [("clip-source", "video", 1), *((f"clip-sound-{channel}", "audio", channel) for channel in sound)]
    return [
        node(
            "link", node("linkclipref", clip), node("mediatype", kind), node("trackindex", track), node("clipindex", 1)
        )
        for clip, kind, track in ends
    ]


def _marker(mark: Mark) -> Element:
    comment = "\n".join(filter(None, (mark.gist, mark.prompt, mark.error)))
    return node(
        "marker", node("comment", comment), node("name", mark.name), node("in", mark.first), node("out", mark.last)
    )


def _picture(width: int, height: int, rate: Fraction) -> Element:
    return node(
        "samplecharacteristics",
        _rate(rate),
        node("width", width),
        node("height", height),
        node("anamorphic", "FALSE"),
        node("pixelaspectratio", "square"),
        node("fielddominance", "none"),
    )


def _timecode(frame: int, rate: Fraction, drop: bool) -> Element:
    return node(
        "timecode",
        _rate(rate),
        node("string", format_timecode(frame, rate, drop)),
        node("frame", frame),
        node("displayformat", "DF" if drop else "NDF"),
    )


def _rate(rate: Fraction) -> Element:
    ntsc = "TRUE" if rate.denominator == 1001 else "FALSE"
    return node("rate", node("timebase", count_base(rate)), node("ntsc", ntsc))
