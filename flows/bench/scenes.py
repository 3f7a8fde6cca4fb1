"""Where scenes begin: Pk and WindowDiff on talks made of passages on different subjects, beside three simpler ways.

60 talks of eight passages each, drawn from the 44 test passages with a fixed seed. Pauses are a little longer between
passages than within; six of ten changes of subject have a cut, and there are as many cuts elsewhere. Compared are our
scenes, windows of even length (told the true number), the text alone and the cuts alone, none of the others told
anything. Lower is better. Half a minute on 2 cores.

Pk: Beeferman, Berger & Lafferty (1999); WindowDiff: Pevzner & Hearst (2002); k is half the mean length in sentences.
"""

import json
import random
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from flows.bench.describe import load_passages
from models.profiles import load_profile
from models.registry import embedder
from tasks.records import Captions, Cue, Scene, Shot, Video
from tasks.scenes import find_scenes

TALKS, PASSAGES = 60, 8
RATE = Fraction(25)
#: Pauses in s within and between passages, their spread; words a second.
WITHIN, BETWEEN, WORDS = (0.2, 0.9), (0.4, 1.4), 2.6
#: Share of the changes of subject that have a cut; the same number of cuts falls anywhere.
CUT_SHARE = 0.6


@dataclass(frozen=True)
class Talk:
    """A made talk and where its subjects change."""

    video: Video
    captions: Captions  # one cue a sentence
    shots: tuple[Shot, ...]
    changes: tuple[int, ...]  # sentences that begin a new subject


def make_talk(rng: random.Random, passages: Sequence[dict[str, Any]]) -> Talk:
    """Passages drawn and joined; the same generator gives the same talk."""
    cues: list[Cue] = []
    changes, cuts, now = [], [], 0.5
    for passage in rng.sample(list(passages), PASSAGES):
        if cues:
            changes.append(len(cues))
            gap = rng.uniform(*BETWEEN)
            if rng.random() < CUT_SHARE:
                cuts.append(now + gap / 2)
            now += gap
        for k, text in enumerate(passage["sentences"]):
            now += rng.uniform(*WITHIN) if k else 0.0
            end = now + len(text.split()) / WORDS
            cues.append(Cue(len(cues), now, end, text))
            now = end
    cuts += [rng.uniform(1.0, now - 1.0) for _ in range(len(cuts))]
    video = Video("talk", "0" * 64, now + 0.5, 640, 360, RATE, round((now + 0.5) * RATE), False, 0, True, "mp4", "h264")
    return Talk(video, Captions("given", "en", tuple(cues)), make_shots(sorted(cuts), video.duration), tuple(changes))


def make_shots(cuts: Sequence[float], duration: float) -> tuple[Shot, ...]:
    """The shots between cuts."""
    bounds = [0.0, *cuts, duration]
    pairs = zip(bounds, bounds[1:], strict=False)
    return tuple(Shot(a, b, round(a * RATE), round(b * RATE), (a + b) / 2, "") for a, b in pairs)


def first_sentences(scenes: Sequence[Scene], cues: Sequence[Cue]) -> list[int]:
    """The sentences that begin a scene, the first scene's left out."""
    middles = [(cue.start + cue.end) / 2 for cue in cues]
    found = {bisect_left(middles, scene.start) for scene in scenes[1:]}
    return sorted(index for index in found if 0 < index < len(cues))


def even_windows(talk: Talk) -> list[int]:
    """As many windows of even length as there are passages."""
    edges = np.linspace(0, talk.video.duration, PASSAGES + 1)[1:-1]
    return sorted({bisect_left([cue.start for cue in talk.captions.cues], edge) for edge in edges})


def count_errors(found: Sequence[int], true: Sequence[int], size: int) -> tuple[float, float]:
    """(Pk, WindowDiff) of boundaries over `size` sentences."""
    k = max(2, round(size / (len(true) + 1) / 2))
    ours, theirs = np.zeros(size + 1, int), np.zeros(size + 1, int)
    ours[list(found)], theirs[list(true)] = 1, 1
    ours, theirs = ours.cumsum(), theirs.cumsum()
    a, b = ours[k:size] - ours[: size - k], theirs[k:size] - theirs[: size - k]  # boundaries within each window
    return float(((a > 0) != (b > 0)).mean()), float((a != b).mean())


def measure(talks: int = TALKS) -> dict[str, Any]:
    """Mean errors of each way."""
    embed, rng = embedder(load_profile()), random.Random(20)
    passages = load_passages("test")
    none = Captions("none", "und")

    def by_scenes(talk: Talk, captions: Captions, shots: tuple[Shot, ...]) -> list[int]:
        return first_sentences(find_scenes(talk.video, captions, shots, embed), talk.captions.cues)

    def without_pauses(talk: Talk) -> list[int]:
        cues, now = [], 0.0
        for cue in talk.captions.cues:
            cues.append(Cue(cue.id, now, now + cue.end - cue.start, cue.text))
            now += cue.end - cue.start
        scenes = find_scenes(talk.video, Captions("given", "en", tuple(cues)), (), embed)
        return first_sentences(scenes, cues)

    ways: dict[str, Callable[[Talk], list[int]]] = {
        "ours": lambda talk: by_scenes(talk, talk.captions, talk.shots),
        "fixed windows": even_windows,
        "text only": without_pauses,
        "cuts only": lambda talk: by_scenes(talk, none, talk.shots),
    }
    errors: dict[str, list[tuple[float, float, int]]] = {way: [] for way in ways}
    for _ in track(range(talks), "talks", console=Console(stderr=True)):
        talk = make_talk(rng, passages)
        for way, find in ways.items():
            found = find(talk)
            errors[way].append((*count_errors(found, talk.changes, len(talk.captions.cues)), len(found) + 1))
    means = {way: np.mean(rows, axis=0) for way, rows in errors.items()}
    return {
        way: {"Pk": round(float(pk), 3), "WindowDiff": round(float(wd), 3), "scenes a talk": round(float(count), 1)}
        for way, (pk, wd, count) in means.items()
    } | {"talks": talks, "subjects a talk": PASSAGES}


def main(as_json: bool) -> int:
    """Measure and print; the exit code."""
    figures = measure()
    if as_json:
        print(json.dumps(figures, indent=2))
        return 0
    for way, values in figures.items():
        Console().print(f"{way:16} {values}", highlight=False)
    return 0
