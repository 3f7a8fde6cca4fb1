"""Shots on films whose cuts are known."""

import itertools
import re
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from tasks.probe import probe_video
from tasks.shots import choose_keyframe, every_frame, find_cuts, find_shots, scan_frames
from tests import media_factory as factory

SIZE = (160, 90)


def timed(frames, rate: float = 25.0):
    return every_frame((k / rate, frame) for k, frame in enumerate(frames))


def cut_frames_found(frames, rate: float = 25.0) -> list[int]:
    return [round(time * rate) for time in find_cuts(scan_frames(timed(frames, rate)))]


def texture(seed: int, width: int = 2000) -> np.ndarray:
    coarse = np.random.default_rng(seed).uniform(0, 255, (12, width // 16, 3)).astype(np.uint8)
    return cv2.resize(coarse, (width, 190), interpolation=cv2.INTER_CUBIC)


def pan_frames(count: int, seed: int, speed: float):
    big = texture(seed)
    for k in range(count):
        yield cv2.getRectSubPix(big, SIZE, (120 + speed * k, 95.0))


def shaky_frames(count: int, seed: int):
    chance = np.random.default_rng(seed)
    still = cv2.GaussianBlur(next(factory.talk_frames(1, seed, (200, 130))), (5, 5), 1)
    place = np.clip(np.cumsum(chance.normal(0, 1.5, (count, 2)), axis=0), -19, 19)
    for x, y in place:
        yield cv2.getRectSubPix(still, SIZE, (100 + float(x), 65 + float(y)))


def flash_frames(count: int, seed: int):
    for k, frame in enumerate(factory.talk_frames(count, seed)):
        yield np.full_like(frame, 250) if k in (count // 2, count // 2 + 1) else frame


def slide_frames(count: int, bullets: int):
    slide = np.full((SIZE[1], SIZE[0], 3), 240, np.uint8)
    for k in range(count):
        if k % (count // bullets) == 0:
            cv2.putText(slide, f"point {k}", (8, 15 + 70 * k // count), cv2.FONT_HERSHEY_PLAIN, 1.0, (20, 20, 60), 1)
        yield slide.copy()


@pytest.mark.parametrize("seed", range(4))
def test_hard_cuts_are_found(seed):
    lengths = np.random.default_rng(seed).integers(8, 60, 6)
    cuts = [int(cut) for cut in np.cumsum(lengths)[:-1]]
    assert cut_frames_found(factory.cut_frames(lengths, seed)) == cuts


@pytest.mark.parametrize(
    "frames",
    [
        factory.talk_frames(120, 3),
        flash_frames(80, 5),
        slide_frames(120, 5),
        pan_frames(100, 1, 4.0),
        pan_frames(100, 2, 11.3),
        shaky_frames(120, 7),
        itertools.repeat(np.zeros((90, 160, 3), np.uint8), 30),
        factory.talk_frames(1, 1),
    ],
    ids=["static talk", "flash", "slide with bullets", "slow pan", "fast pan", "shaky hand", "black", "one frame"],
)
def test_no_cut_where_there_is_none(frames):
    assert cut_frames_found(frames) == []


def test_cuts_between_pans_and_dark_shots():
    def film():
        yield from pan_frames(40, 1, 6.0)
        yield from pan_frames(40, 2, 9.0)
        yield from ((frame * 0.3).astype(np.uint8) for frame in factory.talk_frames(40, 3))
        yield from ((frame * 0.3).astype(np.uint8) for frame in factory.talk_frames(40, 4))

    assert cut_frames_found(film()) == [40, 80, 120]


def test_a_cut_under_a_flash_counts_once():
    def film():
        yield from factory.talk_frames(40, 1)
        yield from [np.full((90, 160, 3), 250, np.uint8)] * 2
        yield from factory.talk_frames(40, 2)

    (cut,) = cut_frames_found(film())
    assert cut in (40, 42)


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001)])
def test_shots_of_a_file_lie_on_its_frames(tmp_path, rate):
    lengths = [30, 45, 24]
    film = factory.cut_frames(lengths)
    # No scene-cut key frames: a cut must be found in the picture, not in the stream.
    path = factory.write_frames(tmp_path / "film.mp4", film, rate, "-sc_threshold", 0)
    shots = find_shots(probe_video(path), tmp_path / "out")
    assert [(shot.start_frame, shot.end_frame) for shot in shots] == [(0, 30), (30, 75), (75, 99)]
    assert all(shot.end == after.start for shot, after in itertools.pairwise(shots))
    assert shots[1].start == pytest.approx(float(30 / rate), abs=1e-4)
    assert shots[-1].end == pytest.approx(float(99 / rate), abs=1e-3)
    assert all(shot.start <= shot.keyframe_time < shot.end for shot in shots)


def test_shots_of_an_uneven_file_have_its_time_stamps(tmp_path):
    film = factory.cut_frames([30, 30])
    drop = ("-vf", "select='lt(n,20)+not(mod(n,3))'", "-fps_mode", "passthrough")
    video = probe_video(factory.write_frames(tmp_path / "film.mkv", film, 25, *drop))
    assert video.variable_rate
    _, second = find_shots(video, tmp_path)
    assert second.start == pytest.approx(30 / 25, abs=0.002)


def test_keyframes_are_saved_whole_and_the_same_each_time(tmp_path):
    path = factory.write_frames(tmp_path / "film.mp4", factory.cut_frames([20, 20, 20]))
    video = probe_video(path)
    runs = []
    for name in ("one", "two"):
        shots = find_shots(video, tmp_path / name)
        runs.append([(tmp_path / name / shot.keyframe).read_bytes() for shot in shots])
        saved = sorted(file.name for file in (tmp_path / name / "frames").iterdir())
        assert saved == ["shot_000_k.jpg", "shot_001_k.jpg", "shot_002_k.jpg"]
    assert runs[0] == runs[1]
    assert not any(re.search(r"\d$", Path(shot.keyframe).stem) for shot in shots)
    picture = cv2.imdecode(np.frombuffer(runs[0][1], np.uint8), cv2.IMREAD_COLOR_RGB)
    expected = list(factory.cut_frames([20, 20, 20]))[30]
    assert picture.shape == (90, 160, 3)
    assert np.abs(picture.astype(int) - expected).mean() < 8


def test_keyframes_are_upright_and_not_wider_than_needed(tmp_path):
    turned = probe_video(factory.make_rotated(tmp_path / "r.mp4", 90))
    (shot,) = find_shots(turned, tmp_path / "turned")
    picture = cv2.imread(str(tmp_path / "turned" / shot.keyframe), cv2.IMREAD_COLOR_RGB)
    assert picture.shape == (160, 90, 3)
    assert picture[30, 45, 0] > 200 and picture[130, 45, 2] > 200  # turned clockwise, left comes to the top
    large = probe_video(factory.make_clip(tmp_path / "k.mp4", 1, "2", "3840x2160", sound=False))
    (shot,) = find_shots(large, tmp_path / "large")
    assert cv2.imread(str(tmp_path / "large" / shot.keyframe)).shape == (720, 1280, 3)


def test_the_keyframe_is_sharp():
    blurred = (cv2.GaussianBlur(frame, (9, 9), 3) for frame in factory.talk_frames(60, 1))
    film = itertools.chain(blurred, factory.talk_frames(15, 1), itertools.islice(shaky_blur(1), 25))
    scan = scan_frames(timed(film))
    assert 60 <= choose_keyframe(scan, 0.0, 4.0) * 25 < 75


def shaky_blur(seed: int):
    return (cv2.blur(frame, (11, 3)) for frame in factory.talk_frames(60, seed))


def test_the_keyframe_is_typical():
    """A busy picture that stands for a moment is the sharpest, and not what the shot shows."""
    busy = (np.random.default_rng(k).uniform(0, 255, (90, 160, 3)).astype(np.uint8) for k in range(10))
    film = itertools.chain(factory.talk_frames(50, 1), busy, factory.talk_frames(50, 1))
    scan = scan_frames(timed(film))
    assert not 49 <= choose_keyframe(scan, 0.0, 110 / 25) * 25 <= 60
