"""The measures themselves, on pictures whose answer is known: compositions, and a judge that sees through them."""

import numpy as np
import pytest
import torch

from models.illustrator.composer import Bank, load_sketchbook
from models.illustrator.judge import JudgeEncoder
from models.illustrator.metrics import (
    EFFECTS,
    Names,
    compose_pictures,
    effect_prompts,
    make_prompts,
    measure_retrieval,
    nearest_drawings,
    share_moved,
    show_drawings,
)
from models.prompt import Prompt

BANK = load_sketchbook()
SUBJECTS = ("rocket", "apple", "castle", "owl", "guitar", "house")


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect[2])
def test_a_composition_moves_each_measure_and_back(effect):
    before, after = (compose_pictures(prompts, BANK) for prompts in effect_prompts(SUBJECTS, effect))
    assert share_moved(before, after, effect) >= 5 / 6
    assert share_moved(after, before, effect) <= 1 / 6


class Seer(torch.nn.Module):
    """A judge for whom a picture's top left pixel tells the concept."""

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        row = ((pictures[:, 0, 0, 0] + 1) * 127.5).round().long()
        return torch.eye(20)[row.clamp(max=19)]


def test_retrieval_counts_what_is_named():
    names = Names(torch.eye(20), {f"thing {k}": k for k in range(20)})
    pictures = np.zeros((4, 180, 320, 3), np.uint8)
    for k in range(4):
        pictures[k] = k
    right = [Prompt(f"thing {k}") for k in range(4)]
    found = measure_retrieval(Seer(), pictures, right, names)
    assert found.top1 == 1 and found.below == 1
    half = [Prompt("thing 0"), Prompt("thing 1"), Prompt("thing 19"), Prompt("thing 18")]
    assert measure_retrieval(Seer(), pictures, half, names).top1 == 0.5
    pairs = [Prompt("thing 0", "beside a thing 1"), Prompt("thing 1", "beside a thing 19")]
    assert measure_retrieval(Seer(), pictures[:2], pairs, names).both == 0.5


def test_prompts_are_what_was_asked_for():
    single, double = (make_prompts(["a", "b", "c"], 30, 0, two) for two in (False, True))
    assert not any(prompt.relation for prompt in single) and all(prompt.relation for prompt in double)
    assert single == make_prompts(["a", "b", "c"], 30, 0) != make_prompts(["a", "b", "c"], 30, 1)


def test_a_drawing_is_nearest_to_itself():
    torch.manual_seed(0)
    judge = JudgeEncoder(widths=(8, 16)).eval()
    shown = show_drawings(BANK.drawings[:40])
    assert shown.shape == (40, 180, 320, 3) and (shown[:, 0, 0] == 230).all()
    few = Bank(BANK.drawings[:40], {}, {})
    assert (nearest_drawings(judge, shown[7:9], few) == shown[7:9]).all()
