"""How good the illustrator's pictures are, measured: is the subject recognised, does each control move what it should.

Who ranks must not grade: pictures are graded as they come, none of them chosen by the judge that grades them.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from models.illustrator.composer import Bank, compose
from models.illustrator.judge import JudgeEncoder, judge_input
from models.illustrator.layout import lay_out, sample_prompt, split_relation
from models.illustrator.pipeline import IllustratorPipeline
from models.prompt import CONTROLS, SETTINGS, Prompt, format_full

Pictures = np.ndarray  # (n, 180, 320, 3) uint8
BATCH = 8


@dataclass(frozen=True)
class Retrieval:
    """How often a picture's subject is named right among all concepts."""

    top1: float
    top5: float
    below: float  # share of the other concepts that are found less likely than the right one; 0.5 is chance
    both: float  # share of two-subject pictures with both among the ten likeliest; 0 where there are none
    pictures: int


@dataclass(frozen=True)
class Names:
    """All concepts as the judge compares them with pictures."""

    placed: torch.Tensor  # (concepts, text_dim)
    rows: dict[str, int]


def make_prompts(names: Sequence[str], count: int, seed: int, two: bool = False) -> list[Prompt]:
    """Prompts as training draws them, one subject each, or two; never a wide shot, which hides what it shows."""
    rng = random.Random(seed)
    made: list[Prompt] = []
    while len(made) < count:
        prompt = sample_prompt(list(names), [1.0] * len(names), rng)
        if bool(prompt.relation) == two and prompt.shot_type != "wide shot" and "frame" not in prompt.relation:
            made.append(prompt)
    return made


def draw_pictures(
    pipe: IllustratorPipeline, prompts: Sequence[Prompt], sketches: Sequence[np.ndarray] | None, steps: int
) -> Pictures:
    """One picture a prompt at the model's own size, seeds 0, 1, 2, ...; sketches (72, 128, 3) uint8, or none."""
    drawn = []
    for start in range(0, len(prompts), BATCH):
        chosen = range(start, min(start + BATCH, len(prompts)))
        sketch = None if sketches is None else np.stack([sketches[k] for k in chosen])
        noise = [torch.Generator().manual_seed(k) for k in chosen]
        texts = [format_full(prompts[k]) for k in chosen]
        images = pipe(texts, sketch, num_inference_steps=steps, generator=noise, output_type="np").images
        drawn.append(np.rint(np.asarray(images) * 255).astype(np.uint8))
    return np.concatenate(drawn)


def compose_pictures(prompts: Sequence[Prompt], bank: Bank, seed: int = 0) -> Pictures:
    """The prompts as compositions of the bank's drawings: what a perfect illustrator would give."""
    rng, made = random.Random(seed), []
    for prompt in prompts:
        picture = compose(lay_out(prompt, (prompt.subject, split_relation(prompt.relation)[1]), rng), bank, rng)
        made.append((picture * 255).round().byte().permute(1, 2, 0).numpy())
    return np.stack(made)


@torch.inference_mode()
def look(judge: JudgeEncoder, pictures: Pictures) -> torch.Tensor:
    """(n, text_dim) unit vectors."""
    batches = torch.from_numpy(pictures).permute(0, 3, 1, 2).split(32)
    return torch.cat([judge(judge_input(batch.float() / 255)) for batch in batches])


def measure_retrieval(judge: JudgeEncoder, pictures: Pictures, prompts: Sequence[Prompt], names: Names) -> Retrieval:
    """How the judge names the pictures of the prompts."""
    scores = look(judge, pictures) @ names.placed.T
    order = scores.argsort(1, descending=True)
    ranks = [(order[k] == names.rows[prompt.subject]).nonzero().item() for k, prompt in enumerate(prompts)]
    others = [split_relation(prompt.relation)[1] for prompt in prompts]
    both = [
        ranks[k] < 10 and (order[k, :10] == names.rows[other]).any().item() for k, other in enumerate(others) if other
    ]
    share = [float(np.mean([rank < limit for rank in ranks])) for limit in (1, 5)]
    below = 1 - float(np.mean(ranks)) / (len(names.rows) - 1)
    return Retrieval(share[0], share[1], below, float(np.mean(both)) if both else 0.0, len(prompts))


def place_names(judge: JudgeEncoder, names: Sequence[str], embed: Callable[[Sequence[str]], np.ndarray]) -> Names:
    """The concepts' sentence vectors, placed for `judge`."""
    with torch.inference_mode():
        placed = judge.place(torch.from_numpy(embed(list(names))))
    return Names(placed, {name: row for row, name in enumerate(names)})


LUMA = np.array((0.299, 0.587, 0.114))


def brightness(picture: np.ndarray) -> float:
    return float((picture @ LUMA).mean())


def warmth(picture: np.ndarray) -> float:
    return float(picture[..., 0].mean() - picture[..., 2].mean())


def saturation(picture: np.ndarray) -> float:
    return float((picture.max(-1).astype(float) - picture.min(-1)).mean())


def vignette(picture: np.ndarray) -> float:
    """How much brighter the brightest ninth is than the darkest, as a share of the whole."""
    light = picture @ LUMA
    cells = light.reshape(3, 60, 320).mean(1)[:, :318].reshape(3, 3, 106).mean(-1)
    return float((cells.max() - cells.min()) / max(light.mean(), 1))


def detail(picture: np.ndarray) -> float:
    """Mean difference between neighbours in the outer fifths, where the background shows."""
    light = picture @ LUMA
    return float(np.mean([np.abs(np.diff(light[:, side], axis=1)).mean() for side in (slice(0, 64), slice(256, 320))]))


def extent(picture: np.ndarray) -> float:
    """Share of the picture that differs from its border's colour, on a plain ground."""
    ground = np.median(picture[:, :12].reshape(-1, 3), axis=0)
    return float((np.abs(picture - ground).max(-1) > 40).mean())


def ink(picture: np.ndarray) -> float:
    """Share of nearly black pixels: an outline's."""
    return float((picture.max(-1) < 75).mean())


#: (control, from, to, setting or "" for any, what is measured, +1 where it must rise, -1 where it must fall)
EFFECTS: tuple[tuple[str, str, str, str, Callable[[np.ndarray], float], int], ...] = (
    ("lighting", "soft daylight", "night", "", brightness, -1),
    ("lighting", "soft daylight", "warm evening light", "", warmth, 1),
    ("lighting", "soft daylight", "cool light", "", warmth, -1),
    ("lighting", "soft daylight", "spotlight", "", vignette, 1),
    ("palette", "balanced palette", "vivid palette", "", saturation, 1),
    ("palette", "balanced palette", "muted palette", "", saturation, -1),
    ("palette", "balanced palette", "pastel palette", "", brightness, 1),
    ("palette", "balanced palette", "monochrome blue palette", "", warmth, -1),
    ("shot_type", "medium shot", "close-up", "a plain background", extent, 1),
    ("shot_type", "medium shot", "wide shot", "a plain background", extent, -1),
    ("lens", "standard lens", "shallow focus", "a city street", detail, -1),
    ("style", "flat illustration", "outlined illustration", "a plain background", ink, 1),
)


def effect_prompts(subjects: Sequence[str], effect: tuple) -> tuple[list[Prompt], list[Prompt]]:
    """Pairs of prompts that differ in one control."""
    control, before, after, setting, *_ = effect
    neutral = {name: words[0] for name, words in CONTROLS.items()}
    places = [setting or SETTINGS[k % len(SETTINGS)] for k in range(len(subjects))]
    made = [
        [Prompt(s, setting=p, **{**neutral, control: value}) for s, p in zip(subjects, places, strict=True)]
        for value in (before, after)
    ]
    return made[0], made[1]


def share_moved(before: Pictures, after: Pictures, effect: tuple) -> float:
    """Share of pairs in which the effect's measure moved the right way."""
    *_, measure, sign = effect
    return float(np.mean([sign * (measure(b) - measure(a)) > 0 for a, b in zip(before, after, strict=True)]))


@torch.inference_mode()
def nearest_drawings(judge: JudgeEncoder, pictures: Pictures, bank: Bank) -> Pictures:
    """For each picture the bank's drawing that the judge finds most alike, on a plain ground: to see copying."""
    vectors = torch.cat([look(judge, show_drawings(batch)) for batch in bank.drawings.split(64)])
    rows = (look(judge, pictures) @ vectors.T).argmax(1)
    return show_drawings(bank.drawings[rows])


def show_drawings(drawings: torch.Tensor) -> Pictures:
    """Drawings (n, 4, S, S) uint8, each in the middle of a light grey picture."""
    colour, alpha = drawings[:, :3].float(), drawings[:, 3:].float() / 255
    shown = F.interpolate(colour * alpha + 230 * (1 - alpha), (120, 120), mode="area")
    ground = torch.full((len(drawings), 3, 180, 320), 230.0)
    ground[..., 30:150, 100:220] = shown
    return ground.round().byte().permute(0, 2, 3, 1).numpy()
