"""Insights: said, standing alone, each from its own scene, never twice, and plain text wherever they are shown."""

import json
from dataclasses import replace

import pytest

from tasks.insights import JSON_NAME, TEXT_NAME, format_insights, list_clippings, pick_insights, read_told, stands_alone
from tasks.insights import write_insights as write
from tasks.records import Candidate, Captions, Insight, Panel, Placement, Scene, Storyboard
from tasks.storyboard import format_storyboard, parse_storyboard
from tests.tasks.talks import PASSAGES, embed_words, make_video, speak

TALK = [PASSAGES[index]["sentences"] for index in (0, 1, 3)]


def make_board(talk=TALK) -> Storyboard:
    """One scene for each list of sentences."""
    cues, scenes, start = (), [], 0.0
    for number, sentences in enumerate(talk, 1):
        said = speak(sentences, start=start + 0.5)
        ids = tuple(range(len(cues), len(cues) + len(said)))
        cues += tuple(replace(cue, id=i) for i, cue in zip(ids, said, strict=True))
        scenes.append(Scene(f"s{number:03d}", start, said[-1].end + 0.5, 0, 0, ids))
        start = said[-1].end + 0.5
    return Storyboard(make_video(start), Captions("given", "en", cues), {}, tuple(scenes))


def test_insights_were_said_in_their_scene_and_at_their_time() -> None:
    board = make_board()
    found = pick_insights(board, embed_words)
    assert sorted(one.scene for one in found) == ["s001", "s002", "s003"]
    for one in found:
        scene = next(scene for scene in board.scenes if scene.id == one.scene)
        said = " ".join(board.captions.cues[cue].text for cue in scene.captions)
        assert all(part.strip(".!").lower() in said.lower() for part in one.text.split(". "))
        assert scene.start <= one.start < one.end <= scene.end
        assert set(one.cues) <= set(scene.captions) and stands_alone(one.text)


def test_what_another_episode_tells_is_left_out() -> None:
    board = make_board()
    first = pick_insights(board, embed_words)
    again = pick_insights(board, embed_words, [one.text for one in first])
    assert not {one.text for one in first} & {one.text for one in again}


def test_the_same_is_not_told_twice_in_one_talk() -> None:
    found = pick_insights(make_board([TALK[0], TALK[1], TALK[0]]), embed_words)
    assert len({one.text for one in found}) == len(found)
    assert {one.scene for one in found} >= {"s002"} and len(found) >= 2


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("A bicycle cost less than a horse, and it never asked for hay.", True),
        ("It gave us the feeling that we are always a little late.", False),
        ("Hello, and welcome to a short talk about many small things.", False),
        ("Why would anybody want to ride nine kilometres to a school?", False),
        ("Small.", False),
        ("The second thing that I want to show you is the tower clock.", False),
        ("word " * 80, False),
    ],
)
def test_what_stands_alone(text, alone) -> None:
    assert stands_alone(text) == alone


def test_nothing_said_gives_no_insights() -> None:
    assert pick_insights(make_board([["Hello."]]), embed_words) == ()
    assert pick_insights(replace(make_board(), scenes=()), embed_words) == ()


def test_files_hold_the_insights_with_their_pictures(tmp_path) -> None:
    board = make_board()
    board = replace(board, insights=pick_insights(board, embed_words))
    panel = Panel(Placement(3.0, 6.0, 0, 0), (Candidate("images/a.png", 1, 0.5, "d"),), 0)
    board = replace(board, scenes=(replace(board.scenes[0], panel=panel), *board.scenes[1:]))
    folder = tmp_path / "talk"
    folder.mkdir()
    write(folder, board)
    data = json.loads((folder / JSON_NAME).read_text())
    assert [one["text"] for one in data["insights"]] == [one.text for one in board.insights]
    assert {(one["image"], one["at"]) for one in data["insights"]} == {("images/a.png", 3.0), ("", None)}
    assert "![](images/a.png)" in (folder / TEXT_NAME).read_text()
    assert read_told(tmp_path / "other") == tuple(one.text for one in board.insights)
    assert read_told(folder) == ()
    assert parse_storyboard(format_storyboard(board)) == board


@pytest.mark.parametrize("text", ["", "{", "[]", '{"insights": 3}', '{"insights": [{"text": 3}]}', "[" * 9999])
def test_another_episodes_broken_file_tells_nothing(tmp_path, text) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / JSON_NAME).write_text(text)
    assert read_told(tmp_path / "b") == ()


def test_what_was_said_stays_text() -> None:
    said = "Click <script>alert(1)</script> [here](http://x) ![](y) and `run` *it* now & then"
    board = replace(make_board(), insights=(Insight(said, 1.0, 3700.0, "s001", (0,), 0.5),))
    shown = format_insights("a_[b].mp4", list_clippings(board))
    assert "<script" not in shown.replace("\\<", "") and "\\[here\\]\\(http" in shown and "**0:01-1:01:40**" in shown
    assert shown.startswith("# What a\\_\\[b\\].mp4 says")
