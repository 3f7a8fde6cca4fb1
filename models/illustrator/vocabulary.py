"""The drawable concepts: one list shared by the prompts (what may be asked for) and the model (what it has seen).

Torch-free. The list is written by `models.illustrator.data` beside the weights.
"""

import functools
import json
from dataclasses import dataclass
from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class Vocabulary:
    """Concepts in the order of the sketchbook's drawings."""

    names: tuple[str, ...]  # "light bulb", lower case, unique
    synonyms: tuple[tuple[str, ...], ...]  # per name, other words for it; may be empty


@functools.cache
def load_vocabulary(path: Path = WEIGHTS / "vocabulary.json") -> Vocabulary:
    """The embedded illustrator's concepts."""
    entries = json.loads(path.read_text(encoding="utf-8"))["concepts"]
    return Vocabulary(
        names=tuple(entry["name"] for entry in entries),
        synonyms=tuple(tuple(entry["synonyms"]) for entry in entries),
    )
