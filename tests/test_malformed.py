"""Every file of the malformed corpus ends in a right result or one clear line, in time; none leads out of itself."""

import itertools
import socket
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from models.errors import InputError
from tasks.captions import read_captions
from tasks.media import read_audio
from tasks.probe import probe_video
from tasks.records import Video
from tasks.shots import find_shots
from tests.malformed import caption_cases, sound_files, video_cases

LIMIT = 60.0  # s for one file: a laptop under load needs some of it, a hang all
SAMPLE = 16  # one in so many videos is tried by the short tests


@pytest.fixture(scope="module")
def ear() -> Iterator[socket.socket]:
    """A server that nobody may call."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        yield server


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    sound_files(folder)
    return folder


def address_of(ear: socket.socket) -> str:
    return f"http://127.0.0.1:{ear.getsockname()[1]}/a.mp4"


def understand(path: Path, folder: Path) -> str:
    """What became of a video: "" where everything could be read, else the one line that says why not."""
    began = time.monotonic()
    try:
        video = probe_video(path)
        shots = find_shots(video, folder)
        sound = read_audio(video) if video.has_audio else ()
        captions = read_captions(video, None, None)
    except InputError as error:
        said = str(error)
        assert said and "\n" not in said.strip() and "Traceback" not in said
        return said
    finally:
        assert time.monotonic() - began < LIMIT
    assert 0 < video.duration <= 24 * 3600 and video.width > 0 and video.height > 0
    assert all(one.end == other.start for one, other in itertools.pairwise(shots))
    assert all(shot.start < shot.end for shot in shots)
    assert len(sound) <= (video.start + video.duration + 2) * 16_000
    assert all(cue.start < cue.end and "passwd" not in cue.text for cue in captions.cues)
    return ""


def try_all(cases: list[tuple[str, bytes]], folder: Path) -> dict[str, str]:
    became, wrong = {}, []
    for name, data in cases:
        (folder / name).write_bytes(data)
        try:
            became[name] = understand(folder / name, folder)
        except Exception as error:
            wrong.append(f"{name}: {type(error).__name__}: {error}")
        (folder / name).unlink()
    assert not wrong
    return became


def no_call(ear: socket.socket) -> bool:
    try:
        ear.accept()
    except TimeoutError:
        return True
    return False


def test_the_corpus_is_large_and_the_same_each_time(whole, ear):
    videos, captions = list(video_cases(whole, address_of(ear))), list(caption_cases())
    assert len(videos) + len(captions) >= 300
    assert len({name for name, _ in videos}) == len(videos) and len({name for name, _ in captions}) == len(captions)
    assert list(caption_cases()) == captions


def test_whole_files_are_understood(whole, tmp_path):
    """Guards the tests below: a program that refuses everything would pass them."""
    assert understand(whole / "whole.mkv", tmp_path) == ""
    assert understand(whole / "whole.mp4", tmp_path) == ""


def test_a_sample_of_the_videos(whole, ear, tmp_path):
    cases = list(video_cases(whole, address_of(ear)))[::SAMPLE]
    became = try_all(cases, tmp_path)
    assert any(became.values()) and not all(became.values())
    assert no_call(ear)


@pytest.mark.long
def test_every_video(whole, ear, tmp_path):
    became = try_all(list(video_cases(whole, address_of(ear))), tmp_path)
    lists = {name: said for name, said in became.items() if name.startswith(("hls", "concat", "dash"))}
    assert len(lists) == 30 and all("playlist" in said or "text" in said for said in lists.values())
    assert (
        sum(not said for said in became.values()) > len(became) / 4
    )  # many a damaged file is still good for something
    assert no_call(ear)


def test_every_caption_file(tmp_path):
    video = Video(str(tmp_path / "talk.mp4"), "", 30.0, 160, 90, Fraction(25), 750, False, 0, False, "mov", "h264")
    understood = 0
    for name, data in caption_cases():
        path, began = tmp_path / name, time.monotonic()
        path.write_bytes(data)
        try:
            captions = read_captions(video, path, None)
        except InputError as error:
            said = str(error)
        else:
            said = "all"
            understood += 1
            assert captions.cues and all(0 <= cue.start < cue.end <= 30.0 and cue.text for cue in captions.cues), name
            assert not any("root:" in cue.text for cue in captions.cues), name
        assert said and "\n" not in said and time.monotonic() - began < LIMIT, name
    assert understood > 25
