"""The composer's sketch for a prompt: retrieved drawings, placed as the prompt says, reduced to 128x72 cells.

It guides the illustrator where nobody has painted a sketch by hand. Seeded: the same prompt and seed give the same
sketch, so a picture can be drawn again.
"""

import functools
import random
from collections.abc import Callable, Sequence

import numpy as np

from models.errors import InputError
from models.illustrator.composer import Bank, compose, load_sketchbook, sketch_of
from models.illustrator.layout import bare, lay_out, read_phrases
from models.illustrator.vocabulary import load_vocabulary
from models.prompt import Prompt

Embed = Callable[[Sequence[str]], np.ndarray]


@functools.cache
def _sketchbook() -> Bank:
    return load_sketchbook()


@functools.cache
def _spoken() -> dict[str, str]:
    """Every word that names a concept -> the concept; names win over synonyms, earlier synonyms over later ones."""
    vocabulary = load_vocabulary()
    words = {name: name for name in vocabulary.names}
    for name, synonyms in zip(vocabulary.names, vocabulary.synonyms, strict=True):
        for word in synonyms:
            words.setdefault(word, name)
    return words


@functools.lru_cache(maxsize=4)
def _name_vectors(embed: Embed) -> np.ndarray:
    return embed(load_vocabulary().names)


def nearest_concept(phrase: str, embed: Embed | None = None) -> str:
    """The drawable concept for a noun phrase: by name, by synonym, by its last words, else by sentence vector.

    Without `embed` an unknown phrase gives "".
    """
    words = bare(phrase).split()
    for start in range(len(words)):  # "an old brass telescope" -> "telescope"
        if (tail := " ".join(words[start:])) in _spoken():
            return _spoken()[tail]
    if embed is None or not words:
        return ""
    return load_vocabulary().names[int((_name_vectors(embed) @ embed([bare(phrase)])[0]).argmax())]


def compose_sketch(prompt: Prompt, seed: int, embed: Embed | None = None) -> np.ndarray:
    """(72, 128, 3) uint8: a prompt's colour layout; InputError where no drawing is found for its subject."""
    subject, _, other, *_ = read_phrases(prompt)
    if not (concept := nearest_concept(subject, embed)):
        raise InputError(f"nothing drawable is known for the subject {prompt.subject!r}: name a concrete thing")
    rng = random.Random(f"sketch {seed}")
    layout = lay_out(prompt, (concept, nearest_concept(other, embed) if other else ""), rng)
    cells = sketch_of(compose(layout, _sketchbook(), rng)[None])[0]
    return (cells.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
