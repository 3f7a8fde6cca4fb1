"""Conceptual metaphors: from abstract talk to things that can be drawn, by a hand-written, reviewed lexicon.

`metaphors.txt` beside this file holds some 340 ideas, each with sentences as people say it and what it may be drawn
as. A passage is compared with those sentences clause by clause, for an abstract point is often made in half a
sentence. Nothing in the lexicon is bound to one drawing model: what it cannot draw is passed over.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np

from models.prompt import RELATIONS

Embed = Callable[[Sequence[str]], np.ndarray]

LEXICON = Path(__file__).with_name("metaphors.txt")
#: An idea's nearness is half that of the passage's middle, half that of its CLAUSES nearest clauses. Below FLOOR
#: (cosine) it is no match; IDEAS of them count; each further drawing of an idea counts DECAY times the one before.
#: All chosen on the development sets (tests/data/passages.json and phrases.json).
CLAUSES, IDEAS, FLOOR, DECAY = 3, 2, 0.3, 0.9
_SHORTEST_CLAUSE = 4  # words; fewer say nothing of their own
_BREAK = re.compile(r"[,;:]|\b(?:and|but|because|so)\b")
_RELATION = re.compile(rf" ({'|'.join(RELATIONS)}) (?:an? |the )?")


@dataclass(frozen=True)
class Scenery:
    """One way to draw an idea: a thing, or two and how they stand to each other."""

    thing: str  # "cheese wedge"
    relation: str = ""  # "beside", one of models.prompt.RELATIONS
    other: str = ""  # "mouse trap"


@dataclass(frozen=True)
class Idea:
    """An abstract idea, how people put it, and what it may be drawn as."""

    name: str  # "technical debt"
    said: tuple[str, ...]  # sentences that mean it
    drawn: tuple[Scenery, ...]  # best first


@dataclass(frozen=True)
class Likeness:
    """An idea that a passage is about."""

    idea: Idea
    nearness: float  # cosine, 0..1


@cache
def load_ideas(path: Path = LEXICON) -> tuple[Idea, ...]:
    """The lexicon as written; ValueError names the line that cannot be read."""
    lines = enumerate(path.read_text("utf-8").splitlines(), 1)
    return tuple(_parse_idea(number, line) for number, line in lines if line.strip() and not line.startswith("#"))


def _parse_idea(number: int, line: str) -> Idea:
    parts = [[item.strip() for item in part.split(";") if item.strip()] for part in line.split("|")]
    if len(parts) != 3 or not all(parts):
        raise ValueError(f"metaphors.txt line {number}: write `idea | sentence; sentence | thing; thing`, got {line!r}")
    return Idea(parts[0][0], tuple(parts[1]), tuple(map(parse_scenery, parts[2])))


def parse_scenery(text: str) -> Scenery:
    """ "cheese wedge beside a mouse trap" -> its parts."""
    thing, *rest = _RELATION.split(text, maxsplit=1)
    return Scenery(thing, *rest)


def match_ideas(texts: Sequence[str], ideas: tuple[Idea, ...], embed: Embed) -> tuple[Likeness, ...]:
    """The ideas that the sentences `texts` are about, nearest first; () where none is near enough."""
    if not texts or not ideas:
        return ()
    clauses = [clause for text in texts for clause in split_clauses(text)]
    by_clause = _nearest_saying(ideas, embed, embed(clauses))  # (ideas, clauses)
    middle = embed(texts).mean(axis=0)
    middle /= max(float(np.linalg.norm(middle)), 1e-9)
    best = -np.sort(-by_clause, axis=1)[:, :CLAUSES].mean(axis=1)
    nearness = (best + _nearest_saying(ideas, embed, middle[None])[:, 0]) / 2
    order = np.argsort(-nearness, kind="stable")[:IDEAS]
    return tuple(Likeness(ideas[i], float(nearness[i])) for i in order if nearness[i] > FLOOR)


def split_clauses(sentence: str) -> list[str]:
    """The sentence and those of its clauses that are long enough to say something."""
    parts = [part.strip() for part in _BREAK.split(sentence)]
    return [sentence, *(part for part in parts if part != sentence and len(part.split()) >= _SHORTEST_CLAUSE)]


def _nearest_saying(ideas: tuple[Idea, ...], embed: Embed, vectors: np.ndarray) -> np.ndarray:
    """(ideas, n): cosine of each of the vectors (n, d) with the nearest sentence of each idea."""
    sayings, firsts = _embed_sayings(ideas, embed)
    return np.maximum.reduceat(sayings @ vectors.T, firsts, axis=0)


@lru_cache(maxsize=4)
def _embed_sayings(ideas: tuple[Idea, ...], embed: Embed) -> tuple[np.ndarray, list[int]]:
    """Vectors (m, d) of all names and sentences, idea after idea, and where each idea's begin."""
    sayings = [[idea.name, *idea.said] for idea in ideas]
    firsts = np.cumsum([0, *map(len, sayings)])[:-1]
    return embed([text for texts in sayings for text in texts]), [int(first) for first in firsts]


def weigh_drawings(likenesses: Sequence[Likeness], names: Sequence[str]) -> dict[int, tuple[float, Scenery]]:
    """What the ideas speak for: index of a drawable concept -> (weight, the scenery it leads in).

    A second thing that cannot be drawn is left out of the scenery.
    """
    index = {name: number for number, name in enumerate(names)}
    weights: dict[int, tuple[float, Scenery]] = {}
    for likeness in likenesses:
        weight = likeness.nearness - FLOOR
        for scenery in (one for one in likeness.idea.drawn if one.thing in index):
            whole = scenery if not scenery.other or scenery.other in index else Scenery(scenery.thing)
            if weight > weights.get(index[scenery.thing], (0.0, whole))[0]:
                weights[index[scenery.thing]] = weight, whole
            weight *= DECAY
    return weights
