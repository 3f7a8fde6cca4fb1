"""Speech recognition: a Whisper model in CTranslate2 form, by faster-whisper, from a local folder.

The recogniser gets samples, never a path. Whisper writes words into silence, noise and music; a voice detector
goes before it, and what it wrote without conviction is dropped after it.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.errors import SetupError

SAMPLE_RATE = 16_000  # Hz
# Colder to warmer: a stretch on which the model repeats itself is tried again with some chance in it.
TEMPERATURES = (0.0, 0.2, 0.4)
SEED = 0  # of that chance, so that a rerun hears the same
MOST_SILENT = 0.6  # probability that nothing is said, above which only confident words count
LEAST_CONFIDENT = -1.0  # mean log-probability per token; speech lies above -0.6, inventions about a tone at -1.5
UNSURE = -0.7  # the same where the model itself doubts that anything is said
LEAST_WORD = 0.25  # mean probability of the words; a "You" out of silence has 0.1
MOST_REPEATED = 2.4  # compression ratio of the text, Whisper's own limit for loops

SENTENCE_ENDS = (".", "?", "!", "…")
LONGEST_PHRASE = 7.0  # s, of one caption
LONGEST_TEXT = 100  # characters; two lines of subtitles and a little
PAUSE = 0.8  # s without a word that part two captions


@dataclass(frozen=True)
class Word:
    """One word as heard."""

    start: float  # s
    end: float  # s
    text: str  # with its punctuation, without spaces around


@dataclass(frozen=True)
class Phrase:
    """Words that make one caption: a sentence, or a part of a long one."""

    start: float  # s
    end: float  # s
    text: str
    words: tuple[Word, ...] = ()


@dataclass(frozen=True)
class Transcript:
    """All that was heard."""

    language: str  # ISO 639-1
    cues: tuple[Phrase, ...] = ()


Transcribe = Callable[[np.ndarray, Callable[[float], None] | None], Transcript]


def load_transcriber(folder: Path, language: str | None = "en") -> Transcribe:
    """Loads a CTranslate2 Whisper folder (8-bit, on the processor); `language` None lets the model find out.

    Returns transcribe(audio (n,) float32 mono 16 kHz in -1..1, report) -> Transcript; `report` gets the part of
    the audio that is done, 0..1. Raises SetupError where the folder holds no such model.
    """
    import ctranslate2
    from faster_whisper import WhisperModel

    try:
        threads = min(os.cpu_count() or 1, 8)  # a tiny model does not get faster with more
        model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True)
    except (RuntimeError, ValueError, OSError) as error:
        raise SetupError(
            f"{str(folder)!r} holds no usable speech model ({error}): run `broll models fetch embedded`"
        ) from error

    def transcribe(audio: np.ndarray, report: Callable[[float], None] | None = None) -> Transcript:
        if len(audio) == 0:
            return Transcript(language or "und")
        ctranslate2.set_random_seed(SEED)
        segments, info = model.transcribe(
            np.ascontiguousarray(audio, dtype=np.float32),
            language=language,
            temperature=TEMPERATURES,
            condition_on_previous_text=False,  # one invented sentence must not breed others
            word_timestamps=True,
            vad_filter=True,
            vad_parameters={"min_silence_duration_ms": 500},
        )
        words: list[Word] = []
        for segment in segments:
            if is_convincing(segment):
                words += [Word(float(w.start), float(w.end), w.word.strip()) for w in segment.words or ()]
            if report:
                report(min(1.0, segment.end * SAMPLE_RATE / len(audio)))
        if report:
            report(1.0)  # what is left over holds no speech
        return Transcript(info.language, tuple(join_words(words)))

    return transcribe


def is_convincing(segment) -> bool:
    """Whether a segment of faster-whisper was heard rather than invented."""
    probabilities = [word.probability for word in segment.words or ()]
    if not probabilities or segment.compression_ratio > MOST_REPEATED:
        return False
    doubtful = segment.no_speech_prob > MOST_SILENT
    least = UNSURE if doubtful else LEAST_CONFIDENT
    return segment.avg_logprob >= least and float(np.mean(probabilities)) >= LEAST_WORD


def join_words(words: Iterable[Word]) -> list[Phrase]:
    """Captions from words in order of time: cut after sentences, at pauses, and where they grow too long."""
    phrases: list[Phrase] = []
    said: list[Word] = []  # of the caption at hand
    for heard in words:
        if not heard.text:
            continue
        # Word times come from attention and may overlap by a few hundredths.
        start = max(heard.start, said[-1].end if said else phrases[-1].end if phrases else 0.0)
        word = Word(start, max(heard.end, start + 0.02), heard.text)
        if said and (said[-1].text.endswith(SENTENCE_ENDS) or word.start - said[-1].end > PAUSE):
            phrases.append(_phrase(said))
            said = []
        while said and _too_long(said, word):
            k = _best_break([*said, word])
            phrases.append(_phrase(said[:k]))
            said = said[k:]
        said.append(word)
    return [*phrases, _phrase(said)] if said else phrases


def _too_long(said: list[Word], word: Word) -> bool:
    length = sum(len(w.text) + 1 for w in said) + len(word.text)
    return word.end - said[0].start > LONGEST_PHRASE or length > LONGEST_TEXT


def _best_break(words: list[Word]) -> int:
    """Where to cut a caption in two, before word k: at the longest pause, a comma counting as one, not too early."""

    def weight(k: int) -> float:
        comma = 0.5 if words[k - 1].text.endswith((",", ";", ":")) else 0.0
        return words[k].start - words[k - 1].end + comma + 0.1 * k / len(words)

    first = max(1, len(words) // 3)
    return max(range(first, len(words)), key=weight)


def _phrase(words: list[Word]) -> Phrase:
    return Phrase(words[0].start, words[-1].end, " ".join(word.text for word in words), tuple(words))
