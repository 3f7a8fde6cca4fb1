"""Ten hours at every rate, written in each format and read back: how far any picture is from its frame"""

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio

from tasks.records import Candidate, Captions, Panel, Placement, Scene, Storyboard, Video
from tasks.timeline.choices import Choices
from tasks.timeline.edit import RATES, Timeline, build_timeline
from tasks.timeline.edl import format_edl
from tasks.timeline.fcpxml import format_fcpxml
from tasks.timeline.otio import format_otio
from tasks.timeline.timecode import has_drop, show_rate
from tasks.timeline.xmeml import format_xmeml

HOURS, STEP = 10, 353.7  # s from picture to picture: no multiple of any rate's frames

Frames = list[int]


def main(as_json: bool) -> int:
    """Print the worst distance by format, and how far labels are behind the clock after ten hours."""
    rows = [measure(rate, drop) for rate in RATES for drop in ((False, True) if has_drop(rate) else (False,))]
    if as_json:
        print(json.dumps(rows, indent=2))
    else:
        print("rate    count     pictures  frames off (otio, xml, fcpxml, edl)  label behind clock  ms to write")
        for row in rows:
            off, behind = ", ".join(str(row["frames off"][name]) for name in READERS), row["label behind clock"]
            head = f"{row['rate']:7s} {row['count']:9s} {row['pictures']:8d}"
            print(f"{head}  {off:35s}  {behind:16.3f} s  {row['ms to write']:11d}")
    return 0


def measure(rate: Fraction, drop: bool) -> dict:
    """One rate and count; times are this machine's."""
    start = "00:00:00;00" if drop else "00:00:00:00"
    timeline = build_timeline(Path("/out/talk"), make_board(rate), Choices(start=start))
    wanted, worst, began = [still.first for still in timeline.stills], {}, time.perf_counter()
    texts = {name: write(timeline) for name, (write, _) in READERS.items()}
    seconds = time.perf_counter() - began
    for name, (_, read) in READERS.items():
        found = read(texts[name], rate)
        if len(found) != len(wanted):
            raise AssertionError(f"{name} has {len(found)} pictures of {len(wanted)}")
        worst[name] = max(abs(a - b) for a, b in zip(found, wanted, strict=True))
    hours, minutes, whole, frames = map(int, re.split("[:;]", timeline.label(timeline.length)))
    label = hours * 3600 + minutes * 60 + whole + frames / round(rate)
    return {
        "rate": show_rate(rate), "count": "drop" if drop else "non-drop", "pictures": len(wanted), "frames off": worst,
        "label behind clock": round(float(timeline.length / rate) - label, 3), "ms to write": round(seconds * 1000),
    }  # fmt: skip


def make_board(rate: Fraction) -> Storyboard:
    """A picture of five seconds every STEP seconds."""
    video = Video("/videos/talk.mp4", "", HOURS * 3600.0, 1920, 1080, rate, round(HOURS * 3600 * rate), False, 0, True,
                  "mp4", "h264")  # fmt: skip
    blank = Scene("", 0, 0, 0, 0)
    scenes = []
    for k in range(int(video.duration / STEP)):
        first = round(Fraction(k + 0.5) * Fraction(STEP) * rate)
        place = Placement(float(first / rate), float(first / rate) + 5, first, first + round(5 * rate))
        panel = Panel(place, (Candidate(f"images/talk_s{k:03d}_v1_a.png", k, 0.0, ""),), 0)
        scenes.append(replace(blank, id=f"s{k:03d}", end_frame=first, panel=panel))
    return Storyboard(video, Captions("none", "und"), {}, tuple(scenes))


def _read_otio(text: str, rate: Fraction) -> Frames:
    track = otio.adapters.read_from_string(text, "otio_json").tracks[1]
    return [int(clip.range_in_parent().start_time.value) for clip in track.find_clips()]


def _read_xmeml(text: str, rate: Fraction) -> Frames:
    return [int(frame) for frame in re.findall(r"\.png</name>.*?<start>(\d+)</start>", _joined(text))]


def _read_fcpxml(text: str, rate: Fraction) -> Frames:
    return [int(Fraction(time) * rate) for time in re.findall(r'<video [^>]*offset="([\d/]+)s"', text)]


def _read_edl(text: str, rate: Fraction) -> Frames:
    labels = re.findall(r"  S\d{3}V1 .* (\S+) \S+\n", text)
    return [int(otio.opentime.from_timecode(label, float(rate)).value) for label in labels]


def _joined(text: str) -> str:
    """Clip items on one line each, files' own names left out."""
    return re.sub(r"<file .*?</file>", "", " ".join(text.split()))


#: Format -> (writer, reader of the frames at which pictures begin).
READERS: dict[str, tuple[Callable[[Timeline], str], Callable[[str, Fraction], Frames]]] = {
    "otio": (format_otio, _read_otio),
    "xml": (format_xmeml, _read_xmeml),
    "fcpxml": (format_fcpxml, _read_fcpxml),
    "edl": (format_edl, _read_edl),
}
