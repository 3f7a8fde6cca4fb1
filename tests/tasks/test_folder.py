"""A video's folder: names, locks, whose it is, and files that are whole or not there."""

import errno
import os
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InputError
from tasks import folder as folders
from tasks.folder import (
    check_same_video,
    claim_folder,
    list_files,
    locate,
    lock_folder,
    make_slug,
    name_still,
    reopen_folder,
    save_board,
    write_whole,
)
from tests.tasks.boards import make_board, make_video

NOBODY = 65534


@given(st.text(max_size=80))
def test_slug_is_plain_and_stable(text):
    slug = make_slug(text)
    assert re.fullmatch(r"([a-z0-9]+(-[a-z0-9]+)*)?", slug)
    assert len(slug) <= folders.SLUG_LENGTH
    assert make_slug(slug) == slug


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Straße in Köln", "strae-in-koln"), ("-rf", "rf"), ("shot %03d", "shot-03d"), ("../../etc", "etc"), ("日本", "")],
)
def test_slug_examples(name, slug):
    assert make_slug(name) == slug


@given(st.text(max_size=60), st.text(max_size=60), st.integers(1, 9999), st.floats(0, 1e6))
def test_still_name_is_one_that_editors_take(slug, subject, number, seconds):
    name = name_still(make_slug(slug) or "abc123", "s012", number, seconds, subject)
    assert re.fullmatch(r"[a-z0-9_-]+\.png", name)
    assert len(name) <= folders.STILL_LENGTH
    assert not name[-5].isdigit()


def test_still_name_example():
    assert name_still("talk", "s012", 1, 723.4, "space rocket 9") == "talk_s012_v1_00h12m03s_space-rocket.png"


def test_claim_makes_the_folder_and_frees_it(tmp_path):
    with claim_folder(tmp_path / "out", make_video()) as folder:
        assert folder == tmp_path / "out" / "talk"
        assert {"frames", "images", "thumbs", "timelines", ".lock"} == {path.name for path in folder.iterdir()}
    assert not (folder / ".lock").exists()


def test_a_name_taken_by_another_video_gets_six_digits(tmp_path):
    board = make_board()
    with claim_folder(tmp_path, board.video) as folder:
        save_board(folder, board)
    other = replace(board.video, digest="cd" * 32)
    with claim_folder(tmp_path, other) as second:
        assert second.name == "talk-cdcdcd"
    with claim_folder(tmp_path, board.video) as again:
        assert again == folder


def test_someone_elses_folder_is_left_alone(tmp_path):
    (tmp_path / "talk").mkdir()
    (tmp_path / "talk" / "notes.txt").write_text("mine")
    with claim_folder(tmp_path, make_video()) as folder:
        assert folder.name == "talk-ababab"
    assert list_files(tmp_path / "talk") == ["notes.txt"]


def test_a_video_without_a_usable_name(tmp_path):
    with claim_folder(tmp_path, make_video(path="/videos/日本.mp4")) as folder:
        assert folder.name == "ababab"


def test_second_run_is_told_who_holds_the_folder(tmp_path):
    script = "import sys; from pathlib import Path; from tasks.folder import lock_folder\n" \
             "with lock_folder(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"  # fmt: skip
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(InputError, match=f"in use by process {holder.pid} on "), lock_folder(tmp_path):
        pass
    holder.kill()  # a holder that dies leaves its file but not its lock
    holder.communicate(timeout=60)
    assert (tmp_path / ".lock").exists()
    with lock_folder(tmp_path):
        assert f"process {os.getpid()} on" in (tmp_path / ".lock").read_text()
    assert not (tmp_path / ".lock").exists()


def test_unfinished_parts_of_a_killed_run_are_removed(tmp_path):
    with claim_folder(tmp_path, make_video()) as folder:
        pass
    (folder / "images" / "a.png.part").write_bytes(b"half")
    with claim_folder(tmp_path, make_video()):
        assert list_files(folder) == []
        assert not list(folder.rglob("*.part"))


def test_reopen_needs_a_storyboard(tmp_path):
    with pytest.raises(InputError, match="no video's folder"), reopen_folder(tmp_path):
        pass


def test_another_videos_folder_is_an_error(tmp_path):
    board = make_board()
    with pytest.raises(InputError, match="belongs to another video"):
        check_same_video(tmp_path, board, replace(board.video, digest="cd" * 32))
    check_same_video(tmp_path, board, board.video)


@pytest.mark.parametrize("name", ["../x.png", "/etc/passwd", "", "images/../../x", "link/x.png"])
def test_no_path_of_a_storyboard_leaves_the_folder(tmp_path, name):
    (tmp_path / "link").symlink_to("/etc")
    with pytest.raises(InputError, match="not inside"):
        locate(tmp_path, name)


def test_out_that_is_a_file(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="choose another --out"), claim_folder(tmp_path / "out", make_video()):
        pass


def as_nobody(script: str, *arguments: str) -> subprocess.CompletedProcess:
    """Run Python without root's rights, for which no folder is read-only."""
    drop = f"import os; os.setgid({NOBODY}); os.setuid({NOBODY})\n" if os.getuid() == 0 else ""
    imports = "import sys; from pathlib import Path; from tasks.folder import *; from tests.tasks.boards import *\n"
    command = [sys.executable, "-c", imports + drop + script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_out_that_cannot_be_written(tmp_path):
    tmp_path.chmod(0o555)
    for parent in tmp_path.parents[:3]:
        parent.chmod(parent.stat().st_mode | 0o055)
    script = (
        "from models.errors import InputError\n"
        "try: claim_folder(Path(sys.argv[1]), make_video()).__enter__()\n"
        "except InputError as error: print(error)"
    )
    said = as_nobody(script, str(tmp_path / "out"))
    tmp_path.chmod(0o755)
    assert "cannot be written" in said.stdout, said.stderr
    assert "--out" in said.stdout


def test_too_full_a_disk_is_told_before_the_work(tmp_path, monkeypatch):
    folders.check_space(tmp_path, 1)
    with pytest.raises(InputError, match="free some space"):
        folders.check_space(tmp_path, 10**9)


def test_a_write_to_a_full_disk_leaves_the_old_file_and_no_part(tmp_path):
    path = write_whole(tmp_path / "page.html", "old")
    (tmp_path / "page.html.part").symlink_to("/dev/full")
    with pytest.raises(OSError) as error:
        write_whole(path, "x" * 5000)
    assert error.value.errno == errno.ENOSPC
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["page.html"]
