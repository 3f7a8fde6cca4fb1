"""The library follows the storyboards: found is what is there, forgotten what is gone; nothing depends on its file."""

import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InputError
from tasks.folder import save_board
from tasks.library import LIBRARY_NAME, Wish, list_notes, open_library, search
from tasks.library_page import format_index, may_have_index, write_index
from tasks.pages import PAGE_NAME
from tests.tasks.boards import boards, make_board


def put(out: Path, name: str, subjects: tuple[str, ...], **prompt) -> Path:
    """A video's folder with its storyboard."""
    (out / name).mkdir(parents=True, exist_ok=True)
    board = make_board(subjects)
    scenes = tuple(replace(scene, prompt=replace(scene.prompt, **prompt)) for scene in board.scenes)
    save_board(out / name, replace(board, scenes=scenes, video=replace(board.video, path=f"/videos/{name}.mp4")))
    return out / name


def find(out: Path, *words: str, **wish) -> list[str]:
    with open_library(out) as library:
        return [f"{entry.folder} {entry.id}" for entry in search(library, Wish(words, **wish))]


@pytest.fixture
def out(tmp_path) -> Path:
    put(tmp_path, "sea", ("whale", "café"), style="flat illustration")
    put(tmp_path, "sky", ("rocket", "whale"), style="outlined illustration")
    return tmp_path


def test_scenes_are_found_by_what_was_said_and_drawn(out):
    assert find(out, "rocket") == ["sky s001"]
    assert sorted(find(out, "WHALES")) == ["sea s001", "sky s002"]
    assert find(out, "cafe") == ["sea s002"]
    assert find(out, "whale", "sky") == ["sky s002"]  # the file's name counts
    assert len(find(out, "behold")) == 4
    assert find(out, "beho whal", style="outlined") == ["sky s002"]
    assert find(out, subject="ROCK") == ["sky s001"]
    assert find(out, subject="%") == find(out, subject="_") == []
    assert len(find(out)) == 4


def test_days_count_by_when_the_storyboard_was_written(out):
    os.utime(out / "sky" / "storyboard.json", (1_600_000_000, 1_600_000_000))  # 2020-09-13
    assert find(out, "whale", since=date(2021, 1, 1)) == ["sea s001"]
    assert len(find(out, "whale", since=date(2020, 9, 12))) == 2


@pytest.mark.parametrize("words", ['"', "*", "a OR b", "NEAR(", "-", "core:rocket", "", "'; DROP TABLE scene"])
def test_words_are_words_and_no_syntax(out, words):
    assert find(out, words) == []
    assert len(find(out, "whale")) == 2


@given(st.text(max_size=20), st.text(max_size=20))
@settings(max_examples=30, deadline=None)
def test_anything_may_be_asked(tmp_path_factory, words, subject):
    folder = tmp_path_factory.getbasetemp() / "asked"
    if not folder.exists():
        put(folder, "sea", ("whale",))
    find(folder, words, subject=subject)


def test_what_changes_is_read_again_and_what_is_gone_is_forgotten(out):
    assert find(out, "clock") == []
    put(out, "sea", ("whale", "clock", "clock"))
    assert len(find(out, "clock")) == 2
    (out / "sky" / "storyboard.json").unlink()
    assert find(out, "whale") == ["sea s001"]


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\x00" + b"\xff" * 4000, b""])
def test_a_broken_file_is_made_anew(out, content):
    find(out)
    (out / LIBRARY_NAME).write_bytes(content)
    assert find(out, "rocket") == ["sky s001"]
    with open_library(out) as library:
        assert library.execute("PRAGMA database_list").fetchone()[2] == str(out / LIBRARY_NAME)


def test_another_version_is_made_anew(out):
    with sqlite3.connect(out / LIBRARY_NAME) as other:
        other.execute("PRAGMA user_version = 99")
    assert find(out, "rocket") == ["sky s001"]


def test_where_the_folder_cannot_be_written_it_is_searched_all_the_same(out):
    (out / LIBRARY_NAME).mkdir()  # root may write anywhere, but not over a folder
    assert find(out, "rocket") == ["sky s001"]


def test_a_storyboard_that_cannot_be_read_is_named_and_harms_nobody(out):
    (out / "sky" / "storyboard.json").write_text("{")
    with open_library(out) as library:
        (note,) = list_notes(library)
        assert note.startswith("sky: ") and "JSON" in note
    assert find(out, "whale") == ["sea s001"]
    assert "sky: " in write_index(out).read_text()


def test_no_folder_is_one_clear_line(tmp_path):
    with pytest.raises(InputError, match="is no folder: give the one"):
        find(tmp_path / "nowhere")


def test_the_page_never_takes_the_place_of_another(out):
    assert may_have_index(out)
    (out / PAGE_NAME).write_text("my own page")
    assert not may_have_index(out)
    with pytest.raises(InputError, match="was not made by this program"):
        write_index(out)
    assert (out / PAGE_NAME).read_text() == "my own page"
    (out / PAGE_NAME).unlink()
    (out / "letter.txt").write_text("not a folder of videos alone")
    assert not may_have_index(out)
    write_index(out)  # asked for
    assert may_have_index(out)


@given(st.lists(boards, max_size=3))
@settings(max_examples=10, deadline=None)
def test_any_storyboards_make_a_page(tmp_path_factory, made):
    out = tmp_path_factory.mktemp("any")
    for number, board in enumerate(made):
        (out / str(number)).mkdir()
        save_board(out / str(number), board)
    with open_library(out) as library:
        page = format_index(out, search(library, Wish()))
    assert page.count('<article class="video"') == sum(bool(board.scenes) for board in made)


def test_the_command_searches_and_tells_where(out):
    command = [sys.executable, "-m", "flows.cli", "library", "--out", str(out), "search", "rocket"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert said.stdout == f"{out}/sky/index.html#scene-1  0:00  rocket: It is about a rocket.\n"
    assert said.stderr == "1 scene found\n"
    found = json.loads(subprocess.run([*command, "--json"], capture_output=True, timeout=60).stdout)["found"]
    assert [entry["id"] for entry in found] == ["s001"]
    nowhere = subprocess.run([*command[:5], "/nowhere", "search", "x"], capture_output=True, text=True, timeout=60)
    assert (nowhere.returncode, nowhere.stderr.count("\n")) == (2, 1)
