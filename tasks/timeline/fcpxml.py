"""FCPXML 1.9 for Final Cut Pro 10.4.9 and later, which refuses a whole file over one thing out of its place.

Times are exact seconds as reduced fractions. What is connected to a clip counts in that clip's own time, which
begins at the source's own time code.
"""

from collections.abc import Sequence
from fractions import Fraction
from xml.etree.ElementTree import Element

from tasks.timeline.edit import Mark, Still, Timeline
from tasks.timeline.places import make_url
from tasks.timeline.xml import format_xml, node

VERSION = "1.9"
#: Rates that a clip can be conformed from, as FCPXML names them.
CONFORM_NAMES = {
    Fraction(24000, 1001): "23.98", Fraction(24): "24", Fraction(25): "25", Fraction(30000, 1001): "29.97",
    Fraction(30): "30", Fraction(48000, 1001): "47.95", Fraction(48): "48", Fraction(50): "50",
    Fraction(60000, 1001): "59.94", Fraction(60): "60",
}  # fmt: skip
AUDIO_NAMES = {32000: "32k", 44100: "44.1k", 48000: "48k", 88200: "88.2k", 96000: "96k", 192000: "192k"}  # Hz


def format_fcpxml(timeline: Timeline) -> str:
    """The whole document."""
    pictures = tuple(dict.fromkeys((*timeline.stills, *timeline.spares)))
    sizes = {size: f"r{3 + k}" for k, size in enumerate(dict.fromkeys((s.width, s.height) for s in pictures))}
    assets = {still: f"r{3 + len(sizes) + k}" for k, still in enumerate(pictures)}
    resources = node(
        "resources",
        _format("r1", timeline.width, timeline.height, timeline.rate),
        _source_asset(timeline),
        *(_still_format(name, *size) for size, name in sizes.items()),
        *(_still_asset(still, name, sizes[still.width, still.height]) for still, name in assets.items()),
        None if timeline.source.rate == timeline.rate else _own_format(timeline),
    )
    project = node("project", _sequence(timeline, assets), name=timeline.name)
    library = node("library", node("event", project, name=timeline.name))
    return format_xml(node("fcpxml", resources, library, version=VERSION))


def format_time(frames: int, rate: Fraction) -> str:
    """`1001/30000s`, `3600s`: the time of so many frames, exactly."""
    seconds = frames / rate
    return f"{seconds.numerator}s" if seconds.denominator == 1 else f"{seconds.numerator}/{seconds.denominator}s"


def _format(name: str, width: int, height: int, rate: Fraction) -> Element:
    return node("format", id=name, frameDuration=format_time(1, rate), width=width, height=height,
                colorSpace="1-1-1 (Rec. 709)")  # fmt: skip


def _own_format(timeline: Timeline) -> Element:
    return _format("r0", timeline.width, timeline.height, timeline.source.rate)


def _source_asset(timeline: Timeline) -> Element:
    source, sound = timeline.source, timeline.source.audio_channels > 0
    return node(
        "asset",
        node("media-rep", kind="original-media", src=make_url(source.place)),
        id="r2",
        name=source.name,
        start=format_time(source.start, timeline.rate),
        duration=format_time(timeline.length, timeline.rate),
        hasVideo=1,
        format="r1" if source.rate == timeline.rate else "r0",
        hasAudio=1 if sound else None,
        audioSources=1 if sound else None,
        audioChannels=source.audio_channels if sound else None,
        audioRate=source.audio_rate if sound else None,
    )


def _still_format(name: str, width: int, height: int) -> Element:
    """A still has a size and no frame duration."""
    return node("format", id=name, name="FFVideoFormatRateUndefined", width=width, height=height, colorSpace="1-13-1")


def _still_asset(still: Still, name: str, shape: str) -> Element:
    place = node("media-rep", kind="original-media", src=make_url(still.place))
    return node("asset", place, id=name, name=still.name, start="0s", duration="0s", hasVideo=1, format=shape)


def _sequence(timeline: Timeline, assets: dict[Still, str]) -> Element:
    return node(
        "sequence",
        node("spine", _source_clip(timeline, assets)),
        format="r1",
        duration=format_time(timeline.length, timeline.rate),
        tcStart=format_time(timeline.start, timeline.rate),
        tcFormat="DF" if timeline.drop else "NDF",
        audioLayout="surround" if timeline.source.audio_channels > 2 else "stereo",
        audioRate=AUDIO_NAMES.get(timeline.source.audio_rate, "48k"),
    )


def _source_clip(timeline: Timeline, assets: dict[Still, str]) -> Element:
    source = timeline.source
    conform = None
    if source.rate != timeline.rate:
        conform = node("conform-rate", scaleEnabled=0, srcFrameRate=CONFORM_NAMES.get(source.rate))
    return node(
        "asset-clip",
        conform,
        *_connect(timeline, timeline.stills, assets, 1),
        *_connect(timeline, timeline.spares, assets, 2),
        *(_marker(mark, timeline) for mark in timeline.marks),
        ref="r2",
        offset=format_time(timeline.start, timeline.rate),
        name=source.name,
        start=format_time(source.start, timeline.rate),
        duration=format_time(timeline.length, timeline.rate),
        tcFormat="DF" if source.drop else "NDF",
        audioRole="dialogue" if source.audio_channels else None,
    )


def _connect(timeline: Timeline, stills: Sequence[Still], assets: dict[Still, str], lane: int) -> list[Element]:
    """Stills above the source, where they are in the source's own time."""
    return [
        node(
            "video",
            node("note", still.prompt) if still.prompt else None,
            ref=assets[still],
            lane=lane,
            offset=format_time(timeline.source.start + still.first, timeline.rate),
            name=still.name,
            start="0s",
            duration=format_time(still.last - still.first, timeline.rate),
            enabled=None if lane == 1 else 0,
        )
        for still in stills
    ]


def _marker(mark: Mark, timeline: Timeline) -> Element:
    """A chapter, which is a marker with a note; of a scene without its picture, a thing to do."""
    note = "\n".join(filter(None, (mark.gist, mark.prompt, mark.error)))
    facts = {
        "start": format_time(timeline.source.start + mark.first, timeline.rate),
        "duration": format_time(1, timeline.rate),
        "value": mark.name,
        "note": note or None,
    }
    if mark.error:
        return node("marker", completed=0, **facts)
    return node("chapter-marker", posterOffset="0s", **facts)
