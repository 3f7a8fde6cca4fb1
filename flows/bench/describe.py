"""What describing gets right: hit rate of the thing to draw, and how far what it says is grounded in what was said.

44 hand-written passages that nothing is tuned on, and the 32 development passages. Hit rate: a person accepts the
first thing to draw. Quoted: gist and claim stand in the passage, word for word but for fillers. Grounding check:
statements that the passage carries, and plausible ones that it does not, put into a model's mouth: the former should
pass, the latter be dropped. About two minutes on 2 cores.
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from flows.toolbox import open_toolbox
from models.profiles import load_profile
from tasks.answers import check_answer
from tasks.concepts import list_words
from tasks.describe import DescribeTools, describe_scene
from tasks.metaphors import parse_scenery
from tasks.records import Cue, Scene, Summary

DATA = Path(__file__).parents[2] / "tests" / "data"
SETS = {"development": "passages.json", "test": "passages_test.json"}


def load_passages(name: str) -> list[dict[str, Any]]:
    """Passages of talk with what a person accepts as their picture."""
    return json.loads((DATA / SETS[name]).read_text("utf-8"))["passages"]


def describe_passage(passage: dict[str, Any], tools: DescribeTools) -> Summary:
    """The passage as a scene of its own, four seconds a sentence."""
    cues = tuple(Cue(k, 4.0 * k, 4.0 * k + 3.6, text) for k, text in enumerate(passage["sentences"]))
    end = 4.0 * len(cues)
    scene = Scene("s001", 0.0, end, 0, round(end * Fraction(25)), tuple(cue.id for cue in cues))
    return describe_scene(scene, cues, None, tools)


def drawn(summary: Summary) -> list[str]:
    """The things to draw, best first."""
    return list(summary.subjects) or [parse_scenery(summary.metaphor).thing]


def share(values: Iterable[bool]) -> float:
    """Of the values, how many are true; 1.0 for none."""
    values = list(values)
    return round(sum(values) / len(values), 3) if values else 1.0


def is_quoted(text: str, sentences: Iterable[str]) -> bool:
    """Whether the words of `text` stand in `sentences` in the same order, fillers left out."""
    words = iter(list_words(" ".join(sentences)))
    return all(word in words for word in list_words(text))


def measure_hits(passages: list[dict[str, Any]], tools: DescribeTools, name: str) -> dict[str, Any]:
    """Hit rate over all passages and by kind, and how much is quoted."""
    found = [describe_passage(one, tools) for one in track(passages, name, console=Console(stderr=True))]
    hits = [drawn(summary)[0] in one["acceptable"] for one, summary in zip(passages, found, strict=True)]
    kinds = sorted({one["kind"] for one in passages})
    return {
        "passages": len(passages),
        "hit rate": share(hits),
        **{
            f"hit rate, {kind}": share(hit for hit, one in zip(hits, passages, strict=True) if one["kind"] == kind)
            for kind in kinds
        },
        "quoted": share(
            is_quoted(text, one["sentences"])
            for one, summary in zip(passages, found, strict=True)
            for text in (summary.gist, summary.claim)
            if text
        ),
        "choices": {
            one["id"]: f"{'+' if hit else '-'} {', '.join(summary.subjects) or summary.metaphor}"
            for one, summary, hit in zip(passages, found, hits, strict=True)
        },
    }


def measure_grounding(passages: list[dict[str, Any]], tools: DescribeTools) -> dict[str, float]:
    """Of the statements that a passage carries the share that passes, of the others the share that is dropped."""

    def passes(statement: str, passage: dict[str, Any]) -> bool:
        return bool(check_answer(Summary(statement), passage["sentences"], (), tools.embed).gist)

    return {
        "said statements kept": share(passes(text, one) for one in passages for text in one["said"]),
        "invented statements dropped": share(not passes(text, one) for one in passages for text in one["invented"]),
    }


def measure() -> dict[str, Any]:
    """Figures of the embedded profile as it is."""
    tools = open_toolbox(load_profile()).describe()
    plain = replace(tools, language=None)
    figures: dict[str, Any] = {name: measure_hits(load_passages(name), tools, name) for name in SETS}
    figures |= {f"{name}, without the language model": measure_hits(load_passages(name), plain, name) for name in SETS}
    return figures | {"grounding check": measure_grounding(load_passages("test"), tools)}


def main(as_json: bool) -> int:
    """Measure and print; the exit code."""
    figures = measure()
    if as_json:
        print(json.dumps(figures, indent=2))
        return 0
    console = Console(width=150)
    for name, results in figures.items():
        for passage, choice in results.pop("choices", {}).items():
            console.print(f"{passage:16} {choice}", markup=False)
        console.print(f"{name}: " + "; ".join(f"{what} {value}" for what, value in results.items()), markup=False)
    return 0
