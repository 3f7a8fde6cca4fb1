"""From a structured prompt to a layout: what stands where, how large, seen how. Torch-free and seeded.

Training pictures and inference sketches come from the same function, so a control in a prompt means in a sketch
what it meant in training.
"""

import random
import re
from dataclasses import dataclass

from models.illustrator.backgrounds import GROUND, HEIGHT, WIDTH
from models.prompt import CONTROLS, RELATIONS, SETTINGS, Prompt

#: The phrases that the network reads, one token each, in this order.
SLOTS = ("subject", "relation", "other", "setting", *CONTROLS)

#: Height of the subject as a fraction of the picture, by shot type.
SCALES = {"close-up": (0.9, 1.08), "medium shot": (0.58, 0.7), "wide shot": (0.28, 0.36)}


@dataclass(frozen=True)
class Item:
    """One drawing in the picture."""

    concept: str  # a name of the vocabulary
    x: float  # px, centre
    y: float  # px, centre
    size: float  # px, edge of its square
    flip: bool
    grounded: bool  # throws a shadow on the ground


@dataclass(frozen=True)
class Layout:
    """All that the composer needs. Every control has a value here, even where the prompt was silent."""

    items: tuple[Item, ...]  # painted in order
    setting: str
    background: int  # seed of the background
    shot_type: str
    camera_angle: str
    lens: str
    lighting: str
    palette: str
    style: str


def split_relation(relation: str) -> tuple[str, str]:
    """ "beside a telescope" -> ("beside", "telescope"); ("", "") for none or an unknown relation."""
    for known in sorted(RELATIONS, key=len, reverse=True):
        if relation.startswith(known):
            return known, bare(relation[len(known) :])
    return "", ""


def bare(phrase: str) -> str:
    """A noun phrase without its article: " a red kite" -> "red kite"."""
    return re.sub(r"^(a|an|the|some|two|three)\s+", "", phrase.strip().lower())


def read_phrases(prompt: Prompt) -> tuple[str, ...]:
    """The prompt's words by slot, "" where it is silent; length is len(SLOTS)."""
    relation, other = split_relation(prompt.relation)
    setting = re.sub(r"^(in|on|at)\s+", "", prompt.setting)
    return (bare(prompt.subject), relation, other, setting, *(getattr(prompt, name) for name in CONTROLS))


def parse_full(text: str) -> Prompt:
    """The inverse of `models.prompt.format_full`; words that fit no control stay with the subject."""
    subject, values, rest = "", {}, []
    for number, part in enumerate(piece.strip() for piece in text.split(",")):
        control = next((name for name, words in CONTROLS.items() if part in words), None)
        place = re.sub(r"^(in|on|at)\s+", "", part)
        if control:
            values[control] = part
        elif number and place in SETTINGS:
            values["setting"] = place
        else:
            rest.append(part)
    head = ", ".join(rest)
    relation = ""
    for known in sorted(RELATIONS, key=len, reverse=True):
        if f" {known} " in head:
            subject, _, other = head.partition(f" {known} ")
            head, relation = subject, f"{known} {other}"
            break
    return Prompt(subject=head, relation=relation, **values)


def place_items(subject: str, relation: str, other: str, shot: str, ground: float | None, rng: random.Random):
    """The items of a picture: the subject, and the other as the relation says."""
    size = HEIGHT * rng.uniform(*SCALES[shot])
    x, y = WIDTH * rng.uniform(0.42, 0.58), HEIGHT * rng.uniform(0.46, 0.54)

    def item(concept: str, x: float, y: float, size: float, standing: bool = True) -> Item:
        # On a ground, feet stand on it; a close-up fills the frame wherever the ground is.
        grounded = ground is not None and standing and size < 0.85 * HEIGHT
        base = HEIGHT * ((ground or 0) - rng.uniform(0, 0.03)) - size / 2
        return Item(concept, x, base if grounded else y, size, rng.random() < 0.3, grounded)

    if not other:
        return (item(subject, x, y, size),)
    if relation == "above":
        top, low = item(subject, x, HEIGHT * 0.3, size * 0.62, False), item(other, x, HEIGHT * 0.74, size * 0.62)
        return (low, top)
    if relation == "in front of":
        behind = item(other, x + size * rng.choice((-0.35, 0.35)), y, size * 1.1)
        return (behind, item(subject, x, y + size * 0.12, size * 0.8))
    if relation == "inside a frame of":
        small, count = HEIGHT * 0.2, 7
        edge = [(WIDTH * (k + 0.5) / count, HEIGHT * v) for v in (0.12, 0.88) for k in range(count)]
        ring = tuple(item(other, px, py, small, False) for px, py in edge)
        return (*ring, item(subject, WIDTH / 2, HEIGHT / 2, min(size, HEIGHT * 0.58), False))
    side = rng.choice((-1, 1))
    gap = min(size * 0.52 + 6, WIDTH * 0.27)
    return (item(other, WIDTH / 2 - side * gap, y, size * 0.9), item(subject, WIDTH / 2 + side * gap, y, size))


def lay_out(prompt: Prompt, concepts: tuple[str, str], rng: random.Random) -> Layout:
    """Place `concepts` (the drawable ideas for subject and other, "" for no other) as the prompt says."""
    _, relation, _, setting, *_ = read_phrases(prompt)
    values = {name: getattr(prompt, name) or words[0] for name, words in CONTROLS.items()}
    values = {name: value if value in CONTROLS[name] else CONTROLS[name][0] for name, value in values.items()}
    setting = setting if setting in SETTINGS else SETTINGS[0]
    items = place_items(concepts[0], relation, concepts[1], values["shot_type"], GROUND[setting], rng)
    return Layout(items=items, setting=setting, background=rng.randrange(1 << 30), **values)


def sample_prompt(names: list[str], weights: list[float], rng: random.Random) -> Prompt:
    """A random prompt for training: one or two subjects, every control filled."""
    subject, other = rng.choices(names, weights, k=2)
    relation = f"{rng.choice(RELATIONS)} {other}" if rng.random() < 0.35 else ""
    # A control's neutral value is drawn more often, as it is in use.
    values = {n: words[0] if rng.random() < 0.4 else rng.choice(words) for n, words in CONTROLS.items()}
    return Prompt(subject=subject, relation=relation, setting=rng.choice(SETTINGS), **values)
