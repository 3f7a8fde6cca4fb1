"""Sentences out of captions: cues end where a line is full, thoughts end elsewhere."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from tasks.records import Cue

#: s, a silence that ends a sentence even where its full stop is missing.
LONG_PAUSE = 2.0
#: s, a silence that ends a sentence in captions without punctuation: speakers breathe in 0.2-0.5 s.
SHORT_PAUSE = 0.6
#: Words, after which a sentence without punctuation ends with its cue, and after which any sentence ends.
LONG_SENTENCE, LONGEST_SENTENCE = 22, 60
#: One terminator in so many words makes a text punctuated; English prose has one in 15-20.
WORDS_PER_TERMINATOR = 45

_TERMINATOR = re.compile(r"[.!?…。！？]+[\"'”’)\]]*$")
_ABBREVIATION = re.compile(
    r"^[\"'“(\[]*(?:[A-Za-z]|mr|mrs|ms|dr|prof|st|vs|no|fig|approx|inc|ltd|jr|sr|gen|e\.g|i\.e|[a-z]\.[a-z])\.$",
    re.IGNORECASE,
)
_FILLER = re.compile(
    r"^(?:(?:so|and|but|well|now|okay|ok|right|um+|uh+|er+|you know|i mean|you see|anyway|look|listen|because|then)"
    r"\b[\s,]*)+",
    re.IGNORECASE,
)
#: "you know" is a filler between commas only: "together you know more" needs it.
_INNER_FILLER = re.compile(r",?\s*\b(?:um+|uh+|erm?)\b,?(?=\s)|,\s*(?:you know|i mean|sort of|kind of),", re.IGNORECASE)
_NOISE = re.compile(r"^\s*(?:\[[^\]]*\]|\([^)]*\)|[♪♫#*\s]+.*[♪♫]|[♪♫\s]*)\s*$")


@dataclass(frozen=True)
class Sentence:
    """One sentence as it was said."""

    text: str
    start: float  # s; inside a cue interpolated by characters
    end: float  # s
    cues: tuple[int, ...]  # ids of the cues that hold its words


@dataclass(frozen=True)
class _Word:
    text: str
    start: float  # s
    end: float  # s
    cue: int  # id
    speaker: str
    closes_cue: bool


def split_sentences(cues: Iterable[Cue]) -> tuple[Sentence, ...]:
    """The sentences of `cues` in the order of time; sound notes such as "[Music]" are left out.

    Captions without punctuation are divided at pauses. Linear in the length of the text.
    """
    spoken = sorted((cue for cue in cues if not _NOISE.match(cue.text)), key=lambda cue: (cue.start, cue.id))
    words = [word for cue in spoken for word in _list_words(cue)]
    terminators = sum(1 for word in words if _TERMINATOR.search(word.text))
    punctuated = terminators * WORDS_PER_TERMINATOR >= len(words)
    sentences, current = [], []
    for word, following in zip_longest(words, words[1:]):
        current.append(word)
        if following is None or _ends_here(current, following, punctuated):
            sentences.append(_join(current))
            current = []
    return tuple(sentences)


def _list_words(cue: Cue) -> list[_Word]:
    parts = list(re.finditer(r"\S+", cue.text))
    seconds = max(0.0, cue.end - cue.start) / max(1, len(cue.text))  # per character
    return [
        _Word(
            text=part.group(),
            start=cue.start + part.start() * seconds,
            end=cue.start + part.end() * seconds,
            cue=cue.id,
            speaker=cue.speaker,
            closes_cue=part is parts[-1],
        )
        for part in parts
    ]


def _ends_here(current: Sequence[_Word], following: _Word, punctuated: bool) -> bool:
    word = current[-1]
    pause = following.start - word.end
    if word.speaker != following.speaker or pause >= LONG_PAUSE or len(current) >= LONGEST_SENTENCE:
        return True
    if not punctuated:
        return pause >= SHORT_PAUSE or (word.closes_cue and len(current) >= LONG_SENTENCE)
    return _is_terminated(word.text) and not following.text[0].islower()


def _is_terminated(text: str) -> bool:
    return bool(_TERMINATOR.search(text)) and not _ABBREVIATION.match(text)


def _join(words: Sequence[_Word]) -> Sentence:
    return Sentence(
        text=" ".join(word.text for word in words),
        start=words[0].start,
        end=max(word.end for word in words),
        cues=tuple(dict.fromkeys(word.cue for word in words)),
    )


def strip_filler(text: str) -> str:
    """`text` without the words that only lead in: "so, um, you know it works" -> "it works"."""
    return _FILLER.sub("", text)


def tidy_sentence(text: str) -> str:
    """A said sentence, fit to be read: without fillers, begun with a capital, ended with a stop."""
    text = " ".join(text.split())
    text = _INNER_FILLER.sub("", _FILLER.sub("", text)).strip() or text
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?", "…")) else text.rstrip(",;:-–— ") + "."
