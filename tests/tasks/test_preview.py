"""The preview shows each picture on exactly its frames, leaves the sound alone, and is written whole or not at all."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.errors import InputError
from tasks.folder import make_folder, save_board
from tasks.media import ffmpeg_program, read_frames
from tasks.preview import Insert, Look, draw_insert, preview_size, write_preview
from tasks.probe import probe_video
from tasks.records import Candidate, Captions, Cue, Panel, Placement, Scene, Storyboard
from tasks.teaser import write_teaser
from tests.media_factory import FAST, TONE, make_clip, make_uneven, run
from tests.tasks.boards import make_video

RED = (220, 30, 30)
SPANS = ((3, 9), (20, 21), (21, 30))  # frames: two of them touch


def make_folder_of(folder: Path, source: Path, spans=SPANS) -> Storyboard:
    """A video's folder with a red picture on each span of frames."""
    video = probe_video(str(source))
    make_folder(folder)
    scenes = []
    for number, (start, end) in enumerate(spans, 1):
        name = f"images/talk_s{number:03d}_v1_red.png"
        Image.new("RGB", (320, 180), RED).save(folder / name)
        times = [float(frame / video.frame_rate) for frame in (start, end)]
        place = Placement(*times, start, end)
        panel = Panel(place, (Candidate(name, 1, 0.5, str(number)),), 0)
        scenes.append(Scene(f"s{number:03d}", *times, start, end, panel=panel, state="drawn"))
    cues = (Cue(0, 0.2, 1.0, "Words <i>{\\an8}to be read"),)
    return save_board(folder, Storyboard(video, Captions("given", "en", cues), {}, tuple(scenes)))


def red_frames(path: Path, pixel: tuple[int, int] = (45, 80)) -> list[int]:
    """Numbers of the frames that are red at (row, column)."""
    frames = [frame[pixel].astype(int) for _, frame in read_frames(probe_video(str(path)))]
    return [number for number, colour in enumerate(frames) if np.abs(colour - RED).max() < 40]


def sound_of(path: Path) -> bytes:
    """Checksum of the sound's packets, and of nothing else."""
    command = [ffmpeg_program(), "-v", "error", "-i", str(path), "-map", "0:a", "-c", "copy", "-f", "md5", "-"]
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("motion", [False, True])
@pytest.mark.parametrize("rate", ["25", "30000/1001", "60000/1001", "24000/1001"])
def test_each_picture_is_on_its_frames_and_on_no_other(tmp_path, rate, motion):
    source = make_clip(tmp_path / "talk.mp4", 1.5, rate)
    board = make_folder_of(tmp_path / "talk", source)
    path, note = write_preview(tmp_path / "talk", board, Look(motion=motion))
    assert red_frames(path) == [frame for start, end in SPANS for frame in range(start, end)]
    made = probe_video(str(path))
    assert (made.frame_rate, made.frame_count) == (board.video.frame_rate, board.video.frame_count)
    assert note == "" and sound_of(path) == sound_of(source)


def test_frames_of_uneven_length_get_their_pictures_in_time(tmp_path):
    board = make_folder_of(tmp_path / "talk", make_uneven(tmp_path / "talk.mp4"), ((75, 78),))
    path, _ = write_preview(tmp_path / "talk", board, Look())
    made = probe_video(str(path))
    times = [time for time, frame in read_frames(made) if np.abs(frame[45, 80].astype(int) - RED).max() < 40]
    rate = float(board.video.frame_rate)
    assert times[0] == pytest.approx(75 / rate, abs=0.5 / rate)
    assert times[-1] == pytest.approx(77 / rate, abs=0.5 / rate)


def test_an_inset_leaves_the_speaker_in_view(tmp_path):
    board = make_folder_of(tmp_path / "talk", make_clip(tmp_path / "talk.mp4", 1.5))
    path, _ = write_preview(tmp_path / "talk", board, Look(inset=True))
    corner = (15, 130)  # row, column of 90 x 160
    assert red_frames(path, corner) == [frame for start, end in SPANS for frame in range(start, end)]
    assert red_frames(path, (70, 30)) == []


def test_captions_are_burnt_in_while_they_are_said(tmp_path):
    source = tmp_path / "talk.mp4"
    run("-f", "lavfi", "-i", "color=gray:size=640x360:rate=10", *FAST, "-t", 2, f"file:{source}")
    board = make_folder_of(tmp_path / "it's: [a] talk", source, ((15, 18),))
    path, _ = write_preview(tmp_path / "it's: [a] talk", board, Look(captions=True))
    bright = [bool((frame > 200).any()) for _, frame in read_frames(probe_video(str(path)))]
    assert [number for number, is_bright in enumerate(bright[:15]) if is_bright] == list(range(2, 10))


def test_sound_that_mp4_cannot_hold_is_encoded_and_that_is_said(tmp_path):
    source = tmp_path / "talk.mkv"
    picture = ("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25")
    run(*picture, *TONE, *FAST, "-c:a", "pcm_s16le", "-t", 1.5, f"file:{source}")
    path, note = write_preview(tmp_path / "talk", make_folder_of(tmp_path / "talk", source), Look())
    assert "pcm_s16le" in note and "AAC" in note
    assert probe_video(str(path)).has_audio


def test_a_silent_video_has_a_silent_preview(tmp_path):
    board = make_folder_of(tmp_path / "talk", make_clip(tmp_path / "talk.mp4", 1.5, sound=False))
    path, note = write_preview(tmp_path / "talk", board, Look())
    assert note == "" and not probe_video(str(path)).has_audio


def test_what_cannot_be_done_is_said_in_one_line_and_leaves_nothing(tmp_path):
    source = make_clip(tmp_path / "talk.mp4", 1.5)
    folder = tmp_path / "talk"
    board = make_folder_of(folder, source)
    with pytest.raises(InputError, match="no picture on the time line: draw them first"):
        write_preview(folder, replace(board, scenes=()), Look())
    with pytest.raises(InputError, match="is not there: give its place by --video"):
        write_preview(folder, replace(board, video=replace(board.video, path="/gone.mp4")), Look())
    (folder / board.scenes[1].panel.candidates[0].image).write_bytes(b"no picture")
    with pytest.raises(InputError, match="cannot be read"):
        write_preview(folder, board, Look())
    source.write_bytes(source.read_bytes() + b"x")
    with pytest.raises(InputError, match="has changed since"):
        write_preview(folder, board, Look())
    assert [path.name for path in folder.iterdir() if path.name.startswith("preview")] == []


def test_motion_is_slow_and_sharp_at_both_ends(tmp_path):
    path = tmp_path / "picture.png"
    Image.effect_noise((320, 180), 60).convert("RGB").save(path)
    frames = list(draw_insert(Insert(path, 2, 127), (320, 180), Look(motion=True)))
    assert len(frames) == 125
    assert np.array_equal(frames[0], np.asarray(Image.open(path)))
    steps = [np.abs(a.astype(int) - b).mean() for a, b in zip(frames, frames[1:], strict=False)]
    assert 0 < max(steps) < 12  # of 255: no jump


@pytest.mark.parametrize(
    ("size", "shown"),
    [((640, 360), (640, 360)), ((3840, 2160), (1280, 720)), ((1080, 1920), (720, 1280)), ((641, 361), (640, 360))],
)
def test_the_preview_is_hd_at_most(size, shown):
    width, height = preview_size(replace(make_video(), width=size[0], height=size[1]))
    assert abs(width - shown[0]) <= 2 and abs(height - shown[1]) <= 2
    assert width % 2 == height % 2 == 0


def test_the_command_makes_preview_and_teaser_and_the_page_links_to_them(tmp_path):
    make_folder_of(tmp_path / "talk", make_clip(tmp_path / "talk.mp4", 3))
    command = [sys.executable, "-m", "flows.cli", "preview", str(tmp_path / "talk"), "--teaser", "--json"]
    said = json.loads(subprocess.run(command, capture_output=True, timeout=120, check=True).stdout)
    assert [Path(name).name for name in said["files"]] == ["preview.mp4", "teaser.webp"]
    assert said["times real time"] > 0
    with Image.open(said["files"][1]) as teaser:
        assert teaser.n_frames > 5
    assert 'href="preview.mp4"' in (tmp_path / "talk" / "index.html").read_text()
    assert Path(said["files"][1]).stat().st_size < 1_000_000


def test_a_teaser_needs_its_preview(tmp_path):
    board = make_folder_of(tmp_path / "talk", make_clip(tmp_path / "talk.mp4", 1))
    with pytest.raises(InputError, match="make it by `broll preview"):
        write_teaser(tmp_path / "talk", board)
