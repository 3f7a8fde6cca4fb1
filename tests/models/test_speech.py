"""Recognition: what is said is heard, and nothing is heard where nothing is said."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import SetupError
from models.speech import LONGEST_PHRASE, LONGEST_TEXT, Word, is_convincing, join_words, load_transcriber
from models.weights import weight_path
from tasks.captions import parse_captions
from tasks.media import read_audio
from tasks.probe import probe_video

RATE = 16_000
SAMPLE = Path(__file__).parents[2] / "data" / "samples" / "talk.mp4"


@pytest.fixture(scope="module")
def transcribe():
    try:
        folder = weight_path("whisper-tiny.en")
    except SetupError as error:
        pytest.skip(f"the speech model is not in the cache: {error}")
    return load_transcriber(folder)


def sines(*hertz: float, seconds: float = 6.0) -> np.ndarray:
    t = np.arange(int(seconds * RATE)) / RATE
    return sum(np.sin(2 * np.pi * f * t) for f in hertz).astype(np.float32) / len(hertz)


def music(seconds: float = 8.0) -> np.ndarray:
    """Chords that change each half second, with decays: as much like a voice as a synthesiser gets."""
    chance = np.random.default_rng(0)
    notes = [220 * 2 ** (k / 12) for k in (0, 3, 7, 10, 12, 15)]
    beats = [sines(*chance.choice(notes, 3), seconds=0.5) for _ in range(int(seconds * 2))]
    decay = np.exp(-3 * np.arange(RATE // 2) / RATE).astype(np.float32)
    return np.concatenate([0.5 * beat * decay for beat in beats])


@pytest.mark.parametrize(
    "audio",
    [
        np.zeros(8 * RATE, np.float32),
        np.random.default_rng(0).normal(0, 0.1, 8 * RATE).astype(np.float32),
        0.3 * sines(440),
        music(),
        np.zeros(0, np.float32),
        np.zeros(100, np.float32),
    ],
    ids=["silence", "noise", "tone", "music", "empty", "very short"],
)
def test_nothing_is_invented(transcribe, audio):
    assert transcribe(audio, None).cues == ()


def test_the_sample_talk_is_heard(transcribe):
    """By meaning, not letter by letter: most words of the first captions are there, near their times."""
    video = probe_video(SAMPLE)
    cues = [cue for cue in parse_captions(SAMPLE.with_suffix(".en.vtt").read_bytes(), ".vtt") if cue.end < 12]
    done: list[float] = []
    heard = transcribe(read_audio(video)[: 12 * RATE], done.append)
    said = set(re.findall(r"[a-z]{4,}", " ".join(cue.text for cue in cues).lower()))
    got = set(re.findall(r"[a-z]{4,}", " ".join(cue.text for cue in heard.cues).lower()))
    assert len(said & got) >= 0.6 * len(said)
    assert heard.cues[0].start == pytest.approx(cues[0].start, abs=1.0)
    assert done == sorted(done) and done[-1] == 1.0


def make_segment(**facts) -> SimpleNamespace:
    words = [SimpleNamespace(probability=facts.pop("probability", 0.9))]
    return SimpleNamespace(
        **{"no_speech_prob": 0.1, "avg_logprob": -0.3, "compression_ratio": 1.2, "words": words} | facts
    )


def test_convincing_segments():
    assert is_convincing(make_segment())
    assert is_convincing(make_segment(no_speech_prob=0.9, avg_logprob=-0.4))  # the words outweigh the doubt
    assert not is_convincing(make_segment(no_speech_prob=0.9, avg_logprob=-0.8))
    assert not is_convincing(make_segment(avg_logprob=-1.5))
    assert not is_convincing(make_segment(compression_ratio=3.0))
    assert not is_convincing(make_segment(probability=0.05))
    assert not is_convincing(make_segment(words=[]))


def spoken(text: str, start: float = 0.0, pace: float = 0.3) -> list[Word]:
    return [Word(start + k * pace, start + k * pace + 0.25, word) for k, word in enumerate(text.split())]


def test_phrases_are_sentences_and_pauses_part_them():
    phrases = join_words([*spoken("The sun shines. It is warm"), *spoken("and bright", start=5.0)])
    assert [phrase.text for phrase in phrases] == ["The sun shines.", "It is warm", "and bright"]
    assert (phrases[0].start, phrases[0].end) == (0.0, pytest.approx(0.85))
    assert phrases[2].start == 5.0


@given(st.lists(st.tuples(st.text("abc.,?", max_size=12), st.floats(-0.1, 3.0), st.floats(0.0, 2.0)), max_size=60))
def test_phrases_keep_all_words_in_order_and_within_limits(items):
    words, now = [], 0.0
    for text, gap, length in items:
        now = max(0.0, now + gap)
        words.append(Word(now, now + length, text))
        now += length
    phrases = join_words(words)
    assert " ".join(phrase.text for phrase in phrases).split() == [word.text for word in words if word.text]
    assert all(phrase.start < phrase.end for phrase in phrases)
    assert all(one.end <= other.start for one, other in zip(phrases, phrases[1:], strict=False))
    for phrase in phrases:
        assert len(phrase.text) <= LONGEST_TEXT
        assert phrase.end - phrase.start <= LONGEST_PHRASE + 3.0 or len(phrase.words) == 1


def test_a_long_sentence_is_cut_at_its_pause():
    first, second = spoken("not what your country can do"), spoken("for you but what you can do for it so", 2.4, 0.55)
    assert next(phrase.text for phrase in join_words([*first, *second])) == "not what your country can do"


def test_a_folder_without_a_model_is_told(tmp_path):
    with pytest.raises(SetupError, match="holds no usable speech model"):
        load_transcriber(tmp_path)
