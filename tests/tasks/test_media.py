"""Decoding: right frames at right times, right sound, and no way out of the file."""

import itertools
import os
import stat
import subprocess
import threading
import time
from dataclasses import replace
from fractions import Fraction

import ffmpeg
import numpy as np
import pytest

from models.errors import DecodeError, InputError
from tasks import media
from tasks.media import ffmpeg_program, file_digest, open_source, read_audio, read_frames, run_ffmpeg
from tasks.probe import probe_video
from tasks.records import Video
from tests import media_factory as factory
from tests.tasks.test_probe import playlists


def marked_frames(count: int):
    """Frames that tell their number by six bars, dark for 0 and light for 1."""
    for k in range(count):
        bits = [k >> bit & 1 for bit in range(6)]
        bars = np.repeat(np.array(bits, np.uint8) * 200 + 20, 16)  # (96,)
        yield np.broadcast_to(bars[None, :, None], (48, 96, 3)).copy()


def number_of(frame: np.ndarray) -> int:
    bars = frame.reshape(frame.shape[0], 6, -1, 3).mean(axis=(0, 2, 3))
    return sum(int(bar > 120) << bit for bit, bar in enumerate(bars))


@pytest.fixture(scope="module", params=["mp4", "mkv", "ts", "avi"])
def marked(tmp_path_factory, request) -> Video:
    path = tmp_path_factory.mktemp("marked") / f"clip.{request.param}"
    return probe_video(factory.write_frames(path, marked_frames(50), Fraction(30000, 1001), "-g", 12))


def test_every_frame_with_its_own_time(marked):
    frames = list(read_frames(marked, width=48))
    assert [number_of(frame) for _, frame in frames] == list(range(50))
    assert [time for time, _ in frames] == pytest.approx([k * 1001 / 30000 for k in range(50)], abs=6e-4)
    assert frames[0][1].shape == (24, 48, 3) and frames[0][1].dtype == np.uint8


def test_frames_by_seeking(marked):
    wanted = [37, 0, 11, 12, 49]
    found = list(read_frames(marked, times=[k * 1001 / 30000 for k in wanted], width=48))
    assert [number_of(frame) for _, frame in found] == wanted
    assert [time for time, _ in found] == pytest.approx([k * 1001 / 30000 for k in wanted], abs=6e-4)
    past_the_end = next(read_frames(marked, times=[1.9], width=48))
    assert number_of(past_the_end[1]) == 49


def test_frames_at_a_rate_keep_their_time_stamps(marked):
    found = list(read_frames(marked, rate=10, width=48))
    assert [number_of(frame) for _, frame in found] == list(range(0, 50, 3))
    assert [time for time, _ in found] == pytest.approx([k * 1001 / 30000 for k in range(0, 50, 3)], abs=6e-4)


def test_leaving_early_ends_the_child(marked):
    before = threading.active_count()
    frames = read_frames(marked)
    assert number_of(next(frames)[1]) == 0
    frames.close()
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotation_is_honoured(tmp_path, degrees):
    video = probe_video(factory.make_rotated(tmp_path / "r.mp4", degrees))
    _, frame = next(read_frames(video))
    assert frame.shape == (video.height, video.width, 3)
    left, top = frame[frame.shape[0] // 2, 5], frame[5, frame.shape[1] // 2]
    right, bottom = frame[frame.shape[0] // 2, -5], frame[-5, frame.shape[1] // 2]
    # The left half is red as stored; turned clockwise it comes to the top, the right, the bottom.
    red = {0: left, 90: top, 180: right, 270: bottom}[degrees]
    blue = {0: right, 90: bottom, 180: left, 270: top}[degrees]
    assert red[0] > 200 and blue[2] > 200


def test_pixels_are_made_square(tmp_path):
    path = tmp_path / "dv.mkv"
    factory.run("-f", "lavfi", "-i", "color=size=144x90:rate=5,setsar=16/9", *factory.FAST, "-t", 1, path)
    video = probe_video(path)
    assert next(read_frames(video))[1].shape == (90, 256, 3)
    assert next(read_frames(video, width=128))[1].shape == (45, 128, 3)
    assert next(read_frames(video, width=4000))[1].shape == (90, 256, 3)


def test_uneven_rates_keep_every_frame(tmp_path):
    video = probe_video(factory.make_uneven(tmp_path / "v.mp4"))
    times = [time for time, _ in read_frames(video, width=32)]
    assert np.diff(times)[:58] == pytest.approx(1 / 30, abs=1e-3)
    assert np.diff(times)[62:] == pytest.approx(1 / 15, abs=1e-3)


@pytest.mark.parametrize("container", ["mp4", "mkv", "ts"])
def test_sound_is_heard_where_it_is(tmp_path, container):
    path = tmp_path / f"late.{container}"
    picture = ("-f", "lavfi", "-i", "color=gray:size=64x64:rate=25", "-itsoffset", "0.7")
    factory.run(*picture, *factory.TONE, "-map", 0, "-map", 1, *factory.FAST, "-t", 2, path)
    sound = read_audio(probe_video(path))
    assert sound.dtype == np.float32 and np.abs(sound).max() <= 1.0
    first = np.flatnonzero(np.abs(sound) > 0.02)[0] / 16_000
    assert first == pytest.approx(0.7, abs=0.03)
    second = sound[16_000:][:8000] * np.hanning(8000)
    assert np.argmax(np.abs(np.fft.rfft(second))) * 2 == pytest.approx(440, abs=4)


@pytest.mark.parametrize("container", ["mkv", "ts"])
def test_a_late_picture_keeps_its_time(tmp_path, container):
    path = tmp_path / f"late.{container}"
    picture = ("-itsoffset", "0.8", "-f", "lavfi", "-i", "color=gray:size=64x64:rate=25")
    factory.run(*picture, *factory.TONE, "-map", 0, "-map", 1, *factory.FAST, "-t", 2, path)
    video = probe_video(path)
    assert 0.7 < video.start < 1.0  # the muxer may add a picture's worth
    times = [time for time, _ in read_frames(video)]
    assert times[0] == pytest.approx(video.start, abs=0.002)
    assert next(read_frames(video, times=[times[10]]))[0] == pytest.approx(times[10], abs=0.002)


def test_no_sound_is_said(tmp_path):
    video = probe_video(factory.make_clip(tmp_path / "c.mp4", sound=False))
    with pytest.raises(InputError, match="no sound track"):
        read_audio(video)


@pytest.mark.parametrize(
    "name", ["ünï 木.mp4", "-i.mp4", "a%03d.mp4", "a:b?#.mp4", "pipe:0", "concat:a|b", "it's, [x].mp4"]
)
def test_odd_names(tmp_path, name):
    source = factory.make_clip(tmp_path / "c.mp4")
    os.rename(source, tmp_path / name)
    video = probe_video(tmp_path / name)
    assert len(list(read_frames(video, width=32))) == 25
    assert len(next(read_frames(video, times=[0.5], width=32))) == 2
    assert len(read_audio(video)) > 15_000


@pytest.mark.parametrize("kind", ["hls", "concat", "dash"])
def test_ffmpeg_opens_no_playlist(tmp_path, kind):
    target = factory.make_clip(tmp_path / "c.mp4")
    good = probe_video(target)
    disguised = tmp_path / "list.mp4"
    disguised.write_text(playlists(str(target))[kind])
    with pytest.raises(DecodeError) as caught:
        list(read_frames(replace(good, path=str(disguised))))
    assert "cannot decode" in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(DecodeError):
        read_audio(replace(good, path=str(disguised)))


def test_a_damaged_file_gives_what_it_holds_or_one_error(tmp_path):
    path = factory.make_clip(tmp_path / "c.mkv", 2)
    video = probe_video(path)
    data = bytearray(path.read_bytes())
    for place in np.random.default_rng(0).integers(2000, len(data), 300):
        data[place] ^= 0xFF
    path.write_bytes(data)
    try:
        frames = list(itertools.islice(read_frames(video, width=32), 200))
    except DecodeError:
        return
    assert frames


def test_a_file_that_vanished(tmp_path):
    path = factory.make_clip(tmp_path / "c.mp4")
    video = probe_video(path)
    path.unlink()
    with pytest.raises(DecodeError, match="No such file"):
        list(read_frames(video))
    with pytest.raises(InputError, match="cannot read"):
        file_digest(path)


def fake_ffmpeg(tmp_path, monkeypatch, body: str) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\n" + body)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(media, "ffmpeg_program", lambda: str(program))


def output_of(path):
    return ffmpeg.output(open_source(str(path))["a:0"], "pipe:1", format="s16le")


def test_a_child_that_stalls_is_ended(tmp_path, monkeypatch):
    fake_ffmpeg(tmp_path, monkeypatch, "exec sleep 60\n")
    monkeypatch.setattr(media, "STALL", 0.3)
    started = time.monotonic()
    with pytest.raises(DecodeError, match="gave nothing for"):
        run_ffmpeg(output_of("x.mp4"), "x.mp4")
    assert time.monotonic() - started < 5


def test_a_child_runs_under_limits(tmp_path, monkeypatch):
    fake_ffmpeg(tmp_path, monkeypatch, "ulimit -v; ulimit -t\n")
    assert run_ffmpeg(output_of("x.mp4"), "x.mp4").split() == [
        b"%d" % (media.MEMORY_LIMIT >> 10),
        b"%d" % media.CPU_LIMIT,
    ]


def test_too_much_output_and_last_words(tmp_path, monkeypatch):
    fake_ffmpeg(tmp_path, monkeypatch, "cat /dev/zero\n")
    with pytest.raises(DecodeError, match="unpacks to more than"):
        run_ffmpeg(output_of("x.mp4"), "x.mp4", most_bytes=1 << 20)
    fake_ffmpeg(tmp_path, monkeypatch, "echo first >&2; echo 'the reason' >&2; exit 3\n")
    with pytest.raises(DecodeError, match="the reason") as caught:
        run_ffmpeg(output_of("x.mp4"), "x.mp4")
    assert caught.value.stderr == "first\nthe reason"


@pytest.mark.parametrize(
    ("said", "major"),
    [("ffmpeg version n9.0.2-17", 9), ("ffmpeg version 4.4.2-0ubuntu", 4), ("ffmpeg version N-1-g2", 99), ("other", 0)],
)
def test_versions_of_ffmpeg(tmp_path, said, major):
    program = tmp_path / "ffmpeg"
    program.write_text(f"#!/bin/sh\necho '{said} Copyright'\n")
    program.chmod(0o755)
    assert media._major_version(str(program)) == major


def test_the_program_runs():
    assert subprocess.run([ffmpeg_program(), "-version"], capture_output=True, timeout=60).returncode == 0
