"""The .otio timeline, read back by OpenTimelineIO itself: every frame where it belongs, at every rate."""

from dataclasses import replace
from fractions import Fraction

import opentimelineio as otio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.place import place_panels
from tasks.timeline import format_otio, parse_timecode, start_frame, write_otio
from tests.tasks.boards import RATES, make_board


def placed_board(rate: Fraction = Fraction(25), **video):
    board = make_board()
    facts = replace(board.video, frame_rate=rate, frame_count=round(board.video.duration * rate), **video)
    scenes = tuple(
        replace(s, start_frame=round(s.start * rate), end_frame=round(s.end * rate)) for s in board.scenes
    )  # fmt: skip
    board = replace(board, video=facts, scenes=scenes)
    return replace(board, scenes=place_panels(facts, board.captions.cues, scenes, 0.5))


@pytest.mark.parametrize("rate", RATES)
def test_every_still_lies_on_its_frames(rate, tmp_path):
    board = placed_board(rate)
    timeline = otio.adapters.read_from_file(str(write_otio(tmp_path / "talk.otio", board)))
    assert timeline.name == "talk"
    source, stills, sound = timeline.tracks
    assert sound.kind == "Audio"
    assert source[0].duration().value == board.video.frame_count
    found = [
        (int(span.start_time.value), int(span.end_time_exclusive().value))
        for clip in stills.find_clips()
        if (span := clip.range_in_parent())
    ]
    assert found == [(s.panel.placement.start_frame, s.panel.placement.end_frame) for s in board.scenes]
    assert all(clip.duration().rate == float(rate) for clip in stills.find_clips())


def test_stills_carry_what_made_them_and_where_they_lie():
    clip = next(iter(otio.adapters.read_from_string(format_otio(placed_board(), "talk")).tracks[1].find_clips()))
    assert clip.media_reference.target_url == "../images/talk_s001_v1_00h00m00s_rocket.png"
    assert clip.media_reference.available_range.duration == clip.source_range.duration
    assert dict(clip.metadata["broll"]) | {"digest": ""} == {
        "scene": "s001", "prompt": "rocket, in a meadow", "seed": 0, "digest": "", "generated": True
    }  # fmt: skip


def test_a_marker_for_each_scene_says_what_it_is_about():
    board = placed_board()
    markers = otio.adapters.read_from_string(format_otio(board, "talk")).tracks[0][0].markers
    assert [marker.name for marker in markers] == ["s001 rocket", "s002 whale", "s003 clock"]
    assert markers[1].comment == "It is about a whale.\nwhale, in a meadow"
    assert [marker.marked_range.start_time.value for marker in markers] == [0, 500, 1000]


def test_a_source_with_its_own_time_code_still_links():
    board = placed_board(timecode="10:00:00:00")
    timeline = otio.adapters.read_from_string(format_otio(board, "talk"))
    assert timeline.global_start_time.value == 36000 * 25
    clip = timeline.tracks[0][0]
    assert clip.source_range.start_time.value == clip.available_range().start_time.value == 36000 * 25
    assert clip.markers[0].marked_range.start_time.value == 36000 * 25
    plain = otio.adapters.read_from_string(format_otio(placed_board(timecode="what?"), "talk"))
    assert plain.global_start_time.value == 3600 * 25
    assert plain.tracks[0][0].source_range.start_time.value == 0


def test_odd_paths_are_quoted():
    board = placed_board(path="/videos/50% of a talk #1?.mp4")
    clip = otio.adapters.read_from_string(format_otio(board, "talk")).tracks[0][0]
    assert clip.media_reference.target_url == "file:///videos/50%25%20of%20a%20talk%20%231%3F.mp4"


def test_without_pictures_or_sound_there_is_still_a_timeline():
    board = replace(make_board(), video=replace(make_board().video, has_audio=False))
    timeline = otio.adapters.read_from_string(format_otio(board, "talk"))
    assert [len(track) for track in timeline.tracks] == [1, 0]


@pytest.mark.parametrize(
    ("text", "rate", "frames"),
    [
        ("01:00:00;00", Fraction(30000, 1001), 107_892),  # one real hour
        ("00:59:56:12", Fraction(30000, 1001), 107_892),
        ("00:10:00;00", Fraction(30000, 1001), 17_982),
        ("00:01:00;02", Fraction(30000, 1001), 1800),
        ("01:00:00;00", Fraction(60000, 1001), 215_784),
        ("01:00:00:00", Fraction(24000, 1001), 86_400),
        ("01:00:00;00", Fraction(25), 90_000),
    ],
)
def test_time_codes(text, rate, frames):
    assert parse_timecode(text, rate) == frames


@given(st.sampled_from([29.97, 59.94]), st.integers(0, 2 * 10**6))
@settings(deadline=None)
def test_drop_frame_agrees_with_another_reader(nominal, frames):
    rate = Fraction(round(nominal) * 1000, 1001)
    frames %= 24 * 3600 * round(nominal) * 999 // 1000
    text = otio.opentime.to_timecode(otio.opentime.RationalTime(frames, nominal), nominal, drop_frame=True)
    assert parse_timecode(text, rate) == frames


def test_default_start_is_one_hour():
    assert start_frame(make_board().video) == 90_000
