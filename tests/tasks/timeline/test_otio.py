"""`.otio` and the bundle with media inside, read back by OpenTimelineIO itself."""

import os
import zipfile
from dataclasses import replace
from pathlib import Path

import opentimelineio as otio
import pytest

from tasks.media import file_digest
from tasks.timeline import otio as ours
from tasks.timeline.choices import Choices
from tasks.timeline.edit import build_timeline
from tasks.timeline.otio import format_otio, write_bundle
from tests.tasks.timeline.edits import make_timeline, placed_board


def read(timeline):
    return otio.adapters.read_from_string(format_otio(timeline), "otio_json")


def test_stills_carry_what_made_them_and_where_they_lie():
    clip = next(iter(read(make_timeline(media="relative")).tracks[1].find_clips()))
    assert clip.media_reference.target_url == "../images/talk_s001_v1_00h00m00s_rocket.png"
    assert clip.media_reference.available_range.duration == clip.source_range.duration
    assert dict(clip.metadata["broll"]) | {"digest": ""} == {
        "scene": "s001", "prompt": "rocket, in a meadow", "seed": "0", "digest": "", "generated": True
    }  # fmt: skip


def test_a_seed_beyond_what_json_readers_count_is_kept():
    board = placed_board()
    scene = board.scenes[0]
    big = replace(scene.panel.candidates[0], seed=2**63 - 1)
    scene = replace(scene, panel=replace(scene.panel, candidates=(big, *scene.panel.candidates[1:])))
    clip = next(iter(read(make_timeline(replace(board, scenes=(scene,)))).tracks[1].find_clips()))
    assert clip.metadata["broll"]["seed"] == str(2**63 - 1)


def test_runners_up_lie_disabled_above():
    timeline = read(make_timeline(runners_up=True))
    assert [track.name for track in timeline.tracks] == ["Source", "Illustrations", "Runners-up", "Source sound"]
    clips = list(timeline.tracks[2].find_clips())
    assert [clip.enabled for clip in clips] == [False] * 3
    assert clips[0].name == "talk_s001_v2_00h00m00s_rocket.png"
    assert len(read(make_timeline()).tracks) == 3


def test_a_source_with_its_own_time_code_still_links():
    timeline = read(make_timeline(placed_board(timecode="10:00:00:00")))
    assert timeline.global_start_time.value == 36000 * 25
    clip = timeline.tracks[0][0]
    assert clip.source_range.start_time.value == clip.available_range().start_time.value == 36000 * 25
    assert timeline.tracks.markers[0].marked_range.start_time.value == 0


# --- the bundle ----------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A video's folder with its pictures, and a source beside it."""
    for part in ("images", "timelines"):
        (tmp_path / "talk" / part).mkdir(parents=True)
    (tmp_path / "talk.mp4").write_bytes(b"moving pictures" * 1000)
    for scene in placed_board().scenes:
        for picture in scene.panel.candidates:
            (tmp_path / "talk" / picture.image).write_bytes(picture.digest.encode())
    return tmp_path / "talk"


def board_of(folder: Path):
    source = folder.parent / "talk.mp4"
    return placed_board(path=str(source), digest=file_digest(source))


def bundle(folder: Path, with_source: bool | None = None, **changes) -> tuple[Path, str]:
    timeline = build_timeline(folder, replace(board_of(folder), **changes), Choices(runners_up=True))
    path = folder / "timelines" / "talk.otioz"
    return path, write_bundle(path, folder, timeline, with_source)


def test_the_bundle_has_all_media_inside(folder, tmp_path):
    path, remark = bundle(folder)
    assert remark == ""
    (tmp_path / "elsewhere").mkdir()
    timeline = otio.adapters.read_from_file(str(path), extract_to_directory=str(tmp_path / "elsewhere"))
    clips = list(timeline.find_clips())
    assert len(clips) == 8  # the source as picture and as sound, three pictures, three runners-up
    for clip in clips:
        file = tmp_path / "elsewhere" / clip.media_reference.target_url
        assert file.read_bytes() == ((folder / "images" / clip.name) if clip.name != "talk.mp4"
                                     else tmp_path / "talk.mp4").read_bytes()  # fmt: skip
    assert otio.adapters.from_filepath(str(path)).name == "otioz"


def test_the_same_edit_gives_the_same_bundle_and_is_not_written_again(folder):
    path, _ = bundle(folder)
    first, number = path.read_bytes(), path.stat().st_ino
    bundle(folder)
    assert path.stat().st_ino == number
    path.unlink()
    assert bundle(folder)[0].read_bytes() == first
    picture = next((folder / "images").iterdir())
    picture.write_bytes(bytes(reversed(picture.read_bytes())))  # another picture of the same size
    bundle(folder)
    assert path.read_bytes() != first


def test_a_file_that_is_not_the_one_illustrated_stays_out(folder):
    """A storyboard from elsewhere cannot name a file of this machine and have it packed up."""
    path, remark = bundle(folder, video=replace(board_of(folder).video, digest="00" * 32))
    assert "not the file that was illustrated" in remark
    with zipfile.ZipFile(path) as found:
        assert not any(name.endswith(".mp4") for name in found.namelist())
    clip = otio.adapters.read_from_file(str(path)).tracks[0][0]
    assert isinstance(clip.media_reference, otio.schema.MissingReference)
    assert clip.available_range() == clip.source_range


@pytest.mark.parametrize(("asked", "limit", "words"), [(False, 2**30, "as asked for"), (None, 100, "more than 1"),
                                                       (None, 2**30, ""), (True, 100, "")])  # fmt: skip
def test_a_large_source_stays_out_unless_asked_for(folder, monkeypatch, asked, limit, words):
    monkeypatch.setattr(ours, "BUNDLE_LIMIT", limit)
    path, remark = bundle(folder, asked)
    assert words in remark and bool(words) == bool(remark)
    with zipfile.ZipFile(path) as found:
        assert ("media/talk.mp4" in found.namelist()) == (not words)


def test_media_that_are_gone_are_missing_and_nothing_else(folder):
    (folder.parent / "talk.mp4").rename(folder.parent / "moved.mp4")
    timeline = build_timeline(folder, placed_board(path=str(folder.parent / "talk.mp4")), Choices())
    os.remove(folder / timeline.stills[0].image)
    path = folder / "timelines" / "talk.otioz"
    assert "the source is not there" in write_bundle(path, folder, timeline, True)
    kinds = [type(clip.media_reference).__name__ for clip in otio.adapters.read_from_file(str(path)).find_clips()]
    assert kinds == ["MissingReference", "MissingReference", "ExternalReference", "ExternalReference",
                     "MissingReference"]  # fmt: skip


def test_a_bundle_that_cannot_be_finished_leaves_the_old_one(folder, monkeypatch):
    path, _ = bundle(folder)
    before = path.read_bytes()
    (folder / "images" / "talk_s001_v1_00h00m00s_rocket.png").write_bytes(b"another picture")
    monkeypatch.setattr(ours.shutil, "copyfileobj", fail)
    with pytest.raises(OSError):
        bundle(folder)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["talk.otioz"]


def fail(*_):
    raise OSError("no space")
