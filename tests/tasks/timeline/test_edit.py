"""The model of the edit: what it makes of a storyboard, of odd sources, of choices and of hostile boards."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InputError
from tasks.records import Placement
from tasks.timeline.choices import Choices
from tasks.timeline.edit import RATES, choose_rate, plain_text
from tasks.timeline.edl import format_edl, name_reels
from tasks.timeline.otio import format_otio
from tasks.timeline.places import is_under, make_url, name_place
from tests.tasks.boards import make_video
from tests.tasks.timeline.edits import NASTY, make_timeline, placed_board
from tests.tasks.timeline.readers import path_of, read_edl, read_otio

N30 = Fraction(30000, 1001)
TIMELINE = make_timeline()


def test_pictures_lie_at_their_placements_and_scenes_are_marked():
    board = placed_board()
    timeline = make_timeline(board)
    places = [scene.panel.placement for scene in board.scenes]
    assert [(s.first, s.last) for s in timeline.stills] == [(p.start_frame, p.end_frame) for p in places]
    assert timeline.stills[0].name == "talk_s001_v1_00h00m00s_rocket.png"
    assert [m.name for m in timeline.marks] == ["s001 rocket", "s002 whale", "s003 clock"]
    assert (timeline.marks[1].gist, timeline.marks[1].prompt) == ("It is about a whale.", "whale, in a meadow")
    assert (timeline.name, timeline.length, timeline.spares) == ("talk", 1500, ())


def test_a_picture_of_ones_own_is_not_called_generated():
    board = placed_board()
    first = board.scenes[0]
    own = replace(first.panel.candidates[0], kind="own")
    scene = replace(first, panel=replace(first.panel, candidates=(own, *first.panel.candidates[1:])))
    timeline = make_timeline(replace(board, scenes=(scene, *board.scenes[1:])))
    assert [still.generated for still in timeline.stills] == [False, True, True]


def test_without_pictures_or_sound_there_is_still_a_timeline():
    board = replace(placed_board(has_audio=False), scenes=())
    timeline = make_timeline(board)
    found = read_otio(format_otio(timeline))
    assert (found.stills, found.sound, found.length) == ((), 0, 1500)
    assert read_edl(format_edl(timeline), timeline.rate, {"talk.mp4"}).length == 1500


# --- start and labels ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "own", "choices", "label", "source_label"),
    [
        (Fraction(25), "", {}, "01:00:00:00", "00:00:00:00"),
        (Fraction(25), "10:11:12:13", {}, "10:11:12:13", "10:11:12:13"),
        (Fraction(25), "10:11:12:13", {"start": "02:00:00:00"}, "02:00:00:00", "10:11:12:13"),
        (Fraction(25), "", {"start": "10000000"}, "10:00:00:00", "00:00:00:00"),
        (N30, "", {}, "01:00:00:00", "00:00:00:00"),
        (N30, "", {"start": "01:00:00;00"}, "01:00:00;00", "00:00:00:00"),
        (N30, "", {"drop": True}, "01:00:00;00", "00:00:00:00"),
        (N30, "09:00:00;00", {}, "09:00:00;00", "09:00:00;00"),
        (N30, "09:00:00;00", {"start": "10:00:00:00"}, "10:00:00;00", "09:00:00;00"),
        (N30, "09:00:00;00", {"start": "10:00:00:00", "drop": False}, "10:00:00:00", "09:00:00;00"),
        (Fraction(60000, 1001), "", {"start": "01000004", "drop": True}, "01:00:00;04", "00:00:00:00"),
        (Fraction(25), "what?", {}, "01:00:00:00", "00:00:00:00"),
    ],
)
def test_labels_are_as_typed_else_the_sources_else_one_hour(rate, own, choices, label, source_label):
    board = placed_board(rate, timecode=own)
    timeline = make_timeline(board, **choices)
    assert (timeline.label(0), timeline.source_label(0)) == (label, source_label)
    # Whatever the labels are, nothing moves.
    assert [(s.first, s.last) for s in timeline.stills] == [
        (s.panel.placement.start_frame, s.panel.placement.end_frame) for s in board.scenes
    ]


def test_a_source_time_code_that_cannot_be_read_is_told():
    assert "left out of account: time code 'what?'" in make_timeline(placed_board(timecode="what?")).notes[0]


@pytest.mark.parametrize(
    ("rate", "choices", "words"),
    [
        (Fraction(25), {"start": "noon"}, "'noon' is not HH:MM:SS:FF"),
        (Fraction(25), {"start": "00:00:00:25"}, "out of range"),
        (Fraction(25), {"drop": True}, "29.97 and 59.94 only and this timeline has 25"),
        (Fraction(24000, 1001), {"start": "01:00:00;00"}, "this timeline has 23.976"),
        (N30, {"start": "00:01:00;00"}, "00:01:00;02 is the first"),
        (N30, {"start": "01:00:00;00", "drop": False}, "drop-frame by its ';'"),
        (N30, {"media": "nearby"}, "allowed are absolute, relative"),
        (N30, {"maps": ("/a=/b",), "media": "relative"}, "absolute paths only"),
        (N30, {"maps": ("/a",)}, "not A=B"),
        (N30, {"maps": ("a=/b",)}, "not A=B"),
        (N30, {"maps": ("/a=b",)}, "not A=B"),
        (N30, {"maps": ("/=/b",)}, "not A=B"),
    ],
)
def test_choices_that_do_not_fit_are_refused(rate, choices, words):
    with pytest.raises(InputError, match=words):
        make_timeline(placed_board(rate), **choices)


def test_labels_go_on_after_midnight():
    timeline = make_timeline(start="23:59:59:00")
    assert (timeline.label(24), timeline.label(25)) == ("23:59:59:24", "00:00:00:00")


# --- rates ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "chosen"),
    [(rate, rate) for rate in RATES]
    + [
        (Fraction(10), Fraction(30)), (Fraction(15), Fraction(30)), (Fraction(12), Fraction(24)),
        (Fraction(25, 2), Fraction(25)), (Fraction(15000, 1001), N30), (Fraction(48), Fraction(24)),
        (Fraction(120), Fraction(60)), (Fraction(100), Fraction(50)), (Fraction(120000, 1001), Fraction(60000, 1001)),
        (Fraction(271, 10), Fraction(25)), (Fraction(29), Fraction(N30)),
    ],
)  # fmt: skip
def test_the_timeline_gets_a_rate_that_editors_have(own, chosen):
    assert choose_rate(make_video(rate=own)) == chosen


def test_another_rate_is_told_and_pictures_keep_their_times():
    board = placed_board(Fraction(10))
    timeline = make_timeline(board)
    assert "no timeline at the source's 10 frames/s: its timelines are at 30" in timeline.notes[0]
    assert [s.first / 30 for s in timeline.stills] == [s.panel.placement.start for s in board.scenes]
    assert timeline.length == 1800
    uneven = make_timeline(placed_board(N30, variable_rate=True))
    assert "variable frame rate: its timelines are at 29.97" in uneven.notes[0]


# --- places --------------------------------------------------------------------------------------------------------


def test_media_are_named_absolutely_relatively_or_as_elsewhere():
    board = placed_board(path="/mnt/show/day 1/talk.mp4")

    def places(**choices) -> tuple[str, str]:
        timeline = make_timeline(board, Path("/mnt/show/out/talk"), **choices)
        return timeline.source.place, timeline.stills[0].place.rpartition("/")[0]

    assert places() == ("/mnt/show/day 1/talk.mp4", "/mnt/show/out/talk/images")
    assert places(media="relative") == ("../../../day 1/talk.mp4", "../images")
    mapped = places(maps=("/mnt/show=/Volumes/Show",))
    assert mapped == ("/Volumes/Show/day 1/talk.mp4", "/Volumes/Show/out/talk/images")
    mapped = places(maps=("/mnt/show/=S:\\Show\\", "/mnt/show/out=//server/out"))
    assert mapped == ("S:/Show/day 1/talk.mp4", "//server/out/talk/images")


def test_a_map_takes_whole_folders():
    assert not is_under("/mnt/shows/a.mov", "/mnt/show")
    assert name_place(Path("/mnt/shows/a.mov"), Path("/"), Choices(maps=("/mnt/show=/x",))) == "/mnt/shows/a.mov"


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("/videos/50% of #1?.mp4", "file://localhost/videos/50%25%20of%20%231%3F.mp4"),
        ("../images/a.png", "../images/a.png"),
        ("S:/Show/ä.mov", "file://localhost/S:/Show/%C3%A4.mov"),
        ("//server/share/a b.mov", "file://server/share/a%20b.mov"),
        ("../c:d/e.png", "../c%3Ad/e.png"),
    ],
)
def test_urls(path, url):
    assert make_url(path, "localhost") == url
    assert path_of(url) == path


def test_no_picture_outside_the_folder_is_named():
    board = placed_board()
    scene = board.scenes[0]
    stray = replace(scene.panel.candidates[0], image="../../../etc/passwd")
    scene = replace(scene, panel=replace(scene.panel, candidates=(stray,)))
    with pytest.raises(InputError, match="not inside"):
        make_timeline(replace(board, scenes=(scene,)))


# --- hostile boards ------------------------------------------------------------------------------------------------


def test_pictures_one_over_the_other_are_kept_apart_and_told():
    board = placed_board()
    spans = [(-10, 200), (100, 300), (1400, 9000)]
    scenes = tuple(
        replace(scene, panel=replace(scene.panel, placement=Placement(0, 0, *span)))
        for scene, span in zip(board.scenes, spans, strict=True)
    )
    timeline = make_timeline(replace(board, scenes=scenes))
    assert [(s.first, s.last) for s in timeline.stills] == [(0, 100), (100, 300), (1400, 1500)]
    assert "s002 begins before that of s001 ends" in timeline.notes[0]


@given(st.one_of(st.sampled_from(NASTY), st.text()))
def test_plain_text_is_what_xml_allows_and_stays_as_it_is(text):
    plain = plain_text(text)
    assert all(c in "\t\n" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff" for c in plain)
    assert plain_text(plain) == plain
    assert len(plain.splitlines()) == len(plain.split("\n")) - plain.endswith("\n") or not plain


def test_right_to_left_and_quotes_stay():
    for text in ("עברית 123", "\"a\" & 'b' <c> ]]> | 日本語 🎬"):
        assert plain_text(text) == text


@given(st.lists(st.tuples(st.sampled_from(NASTY), st.integers(1, 3)), max_size=8), st.sampled_from(NASTY))
def test_every_picture_has_a_reel_of_its_own(scenes, name):
    still = TIMELINE.stills[0]
    stills = tuple(
        replace(still, scene=f"{text}{k // 2}", version=version, first=k, last=k + 1)
        for k, (text, version) in enumerate(scenes)
    )
    source = replace(TIMELINE.source, name=name or "x")
    reels = name_reels(replace(TIMELINE, stills=stills, source=source))
    assert len(set(reels.values())) == len(stills) + 1
    assert all(reel.isascii() and reel.isalnum() and reel.upper() == reel and len(reel) <= 8 for reel in reels.values())


def test_a_reel_is_called_after_scene_and_version():
    assert list(name_reels(TIMELINE).values()) == ["TALK", "S001V1", "S002V1", "S003V1"]
