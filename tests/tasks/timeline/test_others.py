"""Readers that others wrote: OpenTimelineIO's adapters for decision lists and FCP 7 XML, over ten hours at every rate.

Its adapter for FCPXML is not among them: it cannot read a still whose format has no frame duration, as Apple has it.
"""

from fractions import Fraction

import opentimelineio as otio
import pytest

from tasks.timeline.edl import format_edl
from tasks.timeline.xmeml import format_xmeml
from tests.tasks.timeline.edits import COUNTS, long_board, make_timeline, placed_board


def spans_of(track, rate: Fraction, ending: str = ".png") -> list[tuple[int, int]]:
    """Frames at which the clips of a track lie that are named so."""
    ranges = [clip.range_in_parent() for clip in track.find_clips() if clip.name.endswith(ending)]
    assert all(span.start_time.rate == pytest.approx(float(rate), abs=1e-3) for span in ranges)
    return [(int(span.start_time.value), int(span.end_time_exclusive().value)) for span in ranges]


@pytest.mark.parametrize(("rate", "drop"), COUNTS)
def test_another_reader_of_fcp_xml_finds_every_frame(rate, drop):
    start = "01:00:00;00" if drop else "01:00:00:00"
    timeline = make_timeline(long_board(rate), start=start, runners_up=True)
    found = otio.adapters.read_from_string(format_xmeml(timeline), "fcp_xml")
    video = [track for track in found.tracks if track.kind == "Video"]
    wanted = [(still.first, still.last) for still in timeline.stills]
    assert spans_of(video[0], rate, ".mp4") == [(0, timeline.length)]
    assert spans_of(video[1], rate) == spans_of(video[2], rate) == wanted
    states = [{clip.metadata["fcp_xml"]["enabled"] for clip in track.find_clips()} for track in video]
    assert states == [{"TRUE"}, {"TRUE"}, {"FALSE"}]
    assert found.global_start_time.value == timeline.start
    marks = [(m.name, m.marked_range.start_time.value, m.marked_range.duration.value) for m in found.tracks.markers]
    assert marks == [(m.name, m.first, m.last - m.first) for m in timeline.marks]


@pytest.mark.parametrize(("rate", "drop"), COUNTS)
def test_another_reader_of_decision_lists_finds_every_frame(rate, drop):
    """With the source's own time code far from the timeline's: it stays with the source."""
    own = "07:08:09;10" if drop else "07:08:09:10"
    timeline = make_timeline(long_board(rate, timecode=own), start="01:00:00;00" if drop else "01:00:00:00")
    text = format_edl(timeline)
    found = otio.adapters.read_from_string(text, "cmx_3600", rate=float(rate))
    video = [track for track in found.tracks if track.kind == "Video"]
    assert len(video) == 1
    assert spans_of(video[0], rate) == [(still.first, still.last) for still in timeline.stills]
    first = next(iter(video[0].find_clips()))
    assert first.source_range.start_time.value == timeline.source.start
    assert len(found.tracks) == 3  # its sound on two tracks
    assert video[0].duration().value == timeline.length


def test_another_reader_finds_the_media_of_fcp_xml():
    board = placed_board(path="/videos/50% of a talk #1?.mp4")
    found = otio.adapters.read_from_string(format_xmeml(make_timeline(board)), "fcp_xml")
    clips = list(found.find_clips())
    assert clips[0].media_reference.target_url == "file://localhost/videos/50%25%20of%20a%20talk%20%231%3F.mp4"
    assert clips[1].media_reference.target_url.endswith("/out/talk/images/talk_s001_v1_00h00m00s_rocket.png")
