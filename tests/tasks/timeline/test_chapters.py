"""Chapters as platforms and as ffmpeg read them."""

from dataclasses import replace
from fractions import Fraction

import av

from tasks.timeline.chapters import TITLE_LENGTH, format_chapters, format_ffmetadata
from tasks.timeline.edit import one_line, plain_text
from tests.media_factory import make_clip, run
from tests.tasks.timeline.edits import NASTY, long_board, make_timeline
from tests.tasks.timeline.readers import read_chapters


def test_a_chapter_a_scene_with_its_gist():
    assert format_chapters(make_timeline()) == (
        "0:00 It is about a rocket.\n0:20 It is about a whale.\n0:40 It is about a clock.\n"
    )


def test_hours_are_told_where_there_are_any():
    found = read_chapters(format_chapters(make_timeline(long_board(Fraction(30000, 1001), 2))))
    assert found[11] == (int(11 * 353.7), "Part 11.")
    assert format_chapters(make_timeline(long_board(Fraction(25), 2))).splitlines()[0] == "0:00:00 Part 0."


def test_the_first_is_at_zero_and_none_is_too_short_for_platforms():
    timeline = make_timeline()
    mark = timeline.marks[0]
    spans = [(40, 100), (100, 300), (300, 400), (400, 1400), (1400, 1500)]
    marks = tuple(replace(mark, first=a, last=b, gist=f"{a}") for a, b in spans)
    assert read_chapters(format_chapters(replace(timeline, marks=marks))) == [(0, "40"), (12, "300")]


def test_titles_are_one_line_and_not_too_long():
    mark = make_timeline().marks[0]
    long = replace(mark, gist="word " * 50)
    text = format_chapters(replace(make_timeline(), marks=(long,)))
    assert len(text) < TITLE_LENGTH + 10 and text.endswith("word…\n")
    nothing = replace(mark, gist=" \n ", name="")
    assert format_chapters(replace(make_timeline(), marks=(nothing,))) == "0:00 s001\n"


def test_ffmpeg_reads_what_was_meant(tmp_path):
    gists = [text for text in map(plain_text, NASTY) if one_line(text)]
    timeline = make_timeline()
    marks = tuple(replace(timeline.marks[0], gist=gist, first=k, last=k + 1) for k, gist in enumerate(gists))
    (tmp_path / "a.ffmeta").write_text(format_ffmetadata(replace(timeline, marks=marks)), "utf-8")
    clip = make_clip(tmp_path / "clip.mkv", 1, sound=False)
    run("-i", clip, "-i", tmp_path / "a.ffmeta", "-map_metadata", 1, "-codec", "copy", tmp_path / "b.mkv")
    with av.open(str(tmp_path / "b.mkv")) as container:
        found = [(round(c["start"] * c["time_base"] * 25), c["metadata"]["title"]) for c in container.chapters()]
    assert found == [(k, one_line(gist).rstrip(" \\")) for k, gist in enumerate(gists)]
