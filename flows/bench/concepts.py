"""How often an abstract phrase gets a picture that a person accepts: 60 hand-written phrases, never tuned on.

The same for the 24 development phrases, on which the weights were chosen. The test phrases were written before the
lexicon of metaphors, but by the same hand; so each phrase is tried once more with the idea nearest to it withheld.
About two minutes on 2 cores.
"""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from models.profiles import load_profile
from models.registry import embedder, language
from tasks.concepts import Embed, rank_concepts
from tasks.metaphors import Idea, load_ideas, match_ideas

DATA = Path(__file__).parents[2] / "tests" / "data"
SETS = {"development": "phrases.json", "test": "phrases_test.json"}


def load_phrases(name: str) -> list[dict[str, Any]]:
    """Phrases with the drawable concepts that a person accepts for each."""
    return json.loads((DATA / SETS[name]).read_text("utf-8"))["phrases"]


def count_hits(phrases: Sequence[dict[str, Any]], chosen: Sequence[list[str]]) -> dict[str, Any]:
    """Hit rates of the first choice and of the first three, and every choice."""
    hits = [[name in one["acceptable"] for name in names] for one, names in zip(phrases, chosen, strict=True)]
    return {
        "phrases": len(phrases),
        "first": round(sum(row[0] for row in hits) / len(hits), 3),
        "in the first three": round(sum(any(row[:3]) for row in hits) / len(hits), 3),
        "choices": {
            one["phrase"]: f"{'+' if row[0] else '-'} {', '.join(names[:3])}"
            for one, names, row in zip(phrases, chosen, hits, strict=True)
        },
    }


def withhold(phrase: str, ideas: tuple[Idea, ...], embed: Embed) -> tuple[Idea, ...]:
    """The lexicon without the idea nearest to the phrase: what remains when nobody thought of it beforehand."""
    near = match_ideas([phrase], ideas, embed)
    return tuple(idea for idea in ideas if not near or idea is not near[0].idea)


def measure() -> dict[str, Any]:
    """Figures for both sets: the embedded profile as it is, and with parts of it left out."""
    from models.illustrator.vocabulary import load_vocabulary

    known = load_vocabulary()
    profile, ideas = load_profile(), load_ideas()
    embed, score = embedder(profile), language(profile).score

    def ways(phrase: str) -> dict[str, list[str]]:
        rank = partial(rank_concepts, [phrase], known.names, known.synonyms, embed)
        results = {
            "as it is": rank(score, ideas=ideas),
            "nearest idea withheld": rank(score, ideas=withhold(phrase, ideas, embed)),
            "without the lexicon": rank(score),
            "without the language model": rank(ideas=ideas),
            "without both": rank(),
        }
        return {way: [one.name for one in ranked] for way, ranked in results.items()}

    figures: dict[str, Any] = {}
    for name in SETS:
        phrases = load_phrases(name)
        chosen = [ways(one["phrase"]) for one in track(phrases, name, console=Console(stderr=True))]
        figures[name] = {way: count_hits(phrases, [one[way] for one in chosen]) for way in chosen[0]}
    return figures


def main(as_json: bool) -> int:
    """Measure and print; the exit code."""
    figures = measure()
    if as_json:
        print(json.dumps(figures, indent=2))
        return 0
    console = Console(width=150)
    for name, results in figures.items():
        for phrase, choice in results["as it is"]["choices"].items():
            console.print(f"{choice[:60]:62} {phrase}", markup=False)
        for way, result in results.items():
            first, three = result["first"], result["in the first three"]
            console.print(f"{name}, {way}: first {first:.1%}, in the first three {three:.1%} of {result['phrases']}")
    return 0
