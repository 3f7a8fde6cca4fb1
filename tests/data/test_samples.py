"""The sample videos are what `golden.json` says: their facts, cuts, captions, and pictures that move."""

import functools
import io
import json
import re
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

SAMPLES = Path(__file__).parents[2] / "data" / "samples"
GOLDEN = json.loads((SAMPLES / "golden.json").read_text("utf-8"))
SUBJECTS = ["", "bread", "clock", "bicycle", "bee", "telescope"]


@functools.cache  # decoding the talk takes seconds
def changes(name: str) -> np.ndarray:
    """Mean absolute difference of each frame to the one before, (frames - 1,), of small grey pictures."""
    with av.open(str(SAMPLES / GOLDEN[name]["file"])) as container:
        frames = [frame.reformat(80, 45, "gray").to_ndarray().astype(np.float32) for frame in container.decode(video=0)]
    return np.abs(np.diff(np.stack(frames), axis=0)).mean((1, 2))


@pytest.mark.parametrize("name", GOLDEN)
def test_facts(name):
    expected = GOLDEN[name]
    with av.open(str(SAMPLES / expected["file"])) as container:
        video = container.streams.video[0]
        assert (video.width, video.height) == (expected["width"], expected["height"]) == (640, 360)
        assert video.average_rate == Fraction(expected["frame_rate"]) and video.frames == expected["frames"]
        assert float(video.duration * video.time_base) == pytest.approx(expected["duration"], abs=0.001)
        assert len(container.streams.audio) == 1
        assert len(container.streams.subtitles) == (expected["captions"] == "stream")


@pytest.mark.parametrize("name", GOLDEN)
def test_cuts_are_where_golden_says_and_nothing_else_jumps(name):
    jumps = changes(name)
    cuts = {cut["frame"] - 1 for cut in GOLDEN[name]["cuts"]}
    still = np.array([jump for at, jump in enumerate(jumps) if at not in cuts])
    assert min(jumps[list(cuts)]) > 3 * still.max()


def test_every_shot_of_the_talk_moves():
    jumps = changes("talk")
    bounds = [0, *(cut["frame"] for cut in GOLDEN["talk"]["cuts"]), GOLDEN["talk"]["frames"]]
    for first, last in zip(bounds, bounds[1:], strict=False):
        assert np.mean(jumps[first : last - 1] > 0.02) > 0.5, (first, last)


def test_talk_has_five_subjects_each_named_in_its_span():
    talk = GOLDEN["talk"]
    assert 150 <= talk["duration"] <= 180 and [scene["subject"] for scene in talk["scenes"]] == SUBJECTS
    spans = [(scene["start"], scene["end"]) for scene in talk["scenes"]]
    assert all(before[1] < after[0] for before, after in zip(spans, spans[1:], strict=False))
    cues = read_cues(SAMPLES / "talk.en.vtt")
    for scene in talk["scenes"]:
        said = " ".join(text for start, end, text in cues if scene["start"] <= start < scene["end"])
        assert scene["subject"] in said.lower() and len(said) > 60


def read_cues(path: Path) -> list[tuple[float, float, str]]:
    """(start, end, text) by a reader that shares nothing with the writer: FFmpeg's own."""
    with av.open(io.BytesIO(path.read_bytes()), format=path.suffix[1:].replace("vtt", "webvtt")) as container:
        packets = [packet for packet in container.demux(subtitles=0) if packet.size]
        unit = packets[0].time_base
        return [(float(p.pts * unit), float((p.pts + p.duration) * unit), bytes(p).decode()) for p in packets]


@pytest.mark.parametrize(("name", "file"), [("talk", "talk.en.vtt"), ("ntsc", "ntsc.en.srt")])
def test_captions_hold_the_script_in_order(name, file):
    cues = read_cues(SAMPLES / file)
    assert len(cues) == GOLDEN[name]["cues"] and " ".join(text for _, _, text in cues) == GOLDEN[name]["text"]
    times = [time for start, end, _ in cues for time in (start, end)]
    assert times == sorted(times) and times[-1] < GOLDEN[name]["duration"]


def test_stream_of_subtitles_holds_the_script():
    expected = GOLDEN["embedded-subtitles"]
    with av.open(str(SAMPLES / expected["file"])) as container:
        texts = [bytes(packet)[2:].decode() for packet in container.demux(subtitles=0) if packet.size > 2]
    assert len(texts) == expected["cues"] and " ".join(texts) == expected["text"]
    assert not list(SAMPLES.glob("embedded-subtitles.*[vs][tr]t"))


def test_voice_sounds_where_a_cue_is_and_nowhere_else():
    with av.open(str(SAMPLES / "talk.mp4")) as container:
        resample = av.AudioResampler("flt", "mono", 1000)
        blocks = [out.to_ndarray()[0] for frame in container.decode(audio=0) for out in resample.resample(frame)]
    loud = np.abs(np.concatenate(blocks))
    cues = read_cues(SAMPLES / "talk.en.vtt")
    said = np.zeros(len(loud), bool)
    for start, end, _ in cues:
        said[round(start * 1000) : round(end * 1000)] = True
        assert loud[round(start * 1000) : round(end * 1000)].mean() > 0.01
    near = np.convolve(said, np.ones(201), "same") > 0  # 0.1 s for the encoder's smear and a sound's release
    assert loud[~near].mean() < 0.002


def test_recogniser_hears_the_clip_without_captions(need_weight):
    from faster_whisper import WhisperModel

    model = WhisperModel(str(need_weight("whisper-tiny.en")), compute_type="int8", cpu_threads=1)
    segments, _ = model.transcribe(str(SAMPLES / "no-captions.mp4"), beam_size=1)
    heard = set(re.findall(r"[a-z]+", " ".join(segment.text for segment in segments).lower()))
    said = set(re.findall(r"[a-z]+", GOLDEN["no-captions"]["text"].lower()))
    assert len(said & heard) / len(said) > 0.8 and "rocket" in heard


def test_samples_are_small():
    sizes = {path.name: path.stat().st_size for path in SAMPLES.iterdir()}
    assert sizes["talk.mp4"] < 4e6 and sum(sizes.values()) < 6e6
