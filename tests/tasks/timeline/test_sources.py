"""Real files of odd kinds, from the probe to the timeline: embedded time code, variable rate, sound of any kind."""

from dataclasses import replace
from fractions import Fraction

import pytest

from tasks.probe import probe_video
from tasks.records import Captions, Storyboard
from tasks.timeline.xmeml import format_xmeml
from tests.media_factory import FAST, make_clip, make_uneven, run
from tests.tasks.timeline.edits import make_timeline
from tests.tasks.timeline.readers import read_xmeml


def make_with_code(path, rate: str, code: str):
    """A second of video that carries a start time code, as cameras write it."""
    picture = ("-f", "lavfi", "-i", f"testsrc2=size=160x90:rate={rate}")
    run(*picture, *FAST, "-t", 1, "-timecode", code, f"file:{path}")
    return path


@pytest.mark.parametrize(
    ("rate", "code", "drop", "start"),
    [
        ("25", "10:00:00:00", False, 900_000),
        ("30000/1001", "01:00:00;00", True, 107_892),
        ("30000/1001", "01:00:00:00", False, 108_000),
        ("60000/1001", "00:01:00;04", True, 3600),
        ("24000/1001", "00:00:10:12", False, 252),
    ],
)
def test_a_source_with_embedded_time_code(tmp_path, rate, code, drop, start):
    video = probe_video(make_with_code(tmp_path / "clip.mov", rate, code))
    board = Storyboard(video, Captions("none", "und"), {})
    timeline = make_timeline(board)
    assert video.frame_rate == Fraction(rate)
    assert (timeline.source.start, timeline.source.drop, timeline.start, timeline.drop) == (start, drop, start, drop)
    assert timeline.label(0) == timeline.source_label(0) == code
    moved = read_xmeml(format_xmeml(make_timeline(board, start="02:00:00:00", drop=False if drop else None)))
    assert (moved.source.span, moved.source_start) == ((0, timeline.length), start)


def test_a_variable_rate_gets_a_nominal_one(tmp_path):
    board = Storyboard(probe_video(make_uneven(tmp_path / "uneven.mp4")), Captions("none", "und"), {})
    timeline = make_timeline(board)
    assert board.video.variable_rate
    assert timeline.rate in (Fraction(30), Fraction(24), Fraction(25))
    assert abs(timeline.length / timeline.rate - 4) < Fraction(1, 10)
    assert f"its timelines are at {timeline.rate}" in timeline.notes[0]


def test_sound_is_told_as_it_is(tmp_path):
    video = probe_video(make_clip(tmp_path / "clip.mp4"))
    assert (video.audio_channels, video.audio_rate) == (1, 16000)
    text = format_xmeml(make_timeline(Storyboard(video, Captions("none", "und"), {})))
    assert read_xmeml(text).sound == 1
    silent = probe_video(make_clip(tmp_path / "silent.mp4", sound=False))
    assert (silent.audio_channels, silent.audio_rate) == (0, 0)
    unknown = replace(video, audio_channels=0, audio_rate=0)  # a storyboard of the first version
    assert make_timeline(Storyboard(unknown, Captions("none", "und"), {})).source.audio_channels == 2
