"""Early judgement: which candidate is left, that it is the very picture drawn alone, and what it spares."""

import pytest
import torch

from models.diffusion.drafts import Rounds, draw_best
from models.diffusion.request import DrawRequest
from models.errors import SceneError
from models.prompt import Prompt
from tests.models.diffusion.gaussian import gaussian_drawer

STEPS = 10


def requests(count: int) -> list[DrawRequest]:
    return [DrawRequest(Prompt("x"), seed, 128, 128, STEPS, 1.0) for seed in range(count)]


def brightness(latents: torch.Tensor) -> list[float]:
    return latents.flatten(1).mean(1).tolist()


def test_rounds():
    assert Rounds().plan(4, 10) == {3: 2, 6: 1}
    assert Rounds().plan(8, 10) == {3: 4, 6: 2, 8: 1}
    assert Rounds(first=0.5).plan(2, 10) == {4: 1}
    assert Rounds().plan(1, 10) == {}
    assert Rounds().plan(4, 1) == {}


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_the_one_that_is_left_is_the_very_picture_drawn_alone(count):
    drawer = gaussian_drawer()
    drafted = draw_best(drawer, requests(count), brightness)
    alone = {request.seed: drawer.sample([request]) for request in requests(count)}
    assert torch.equal(drafted.latents, alone[drafted.seed])
    ranked = sorted(alone, key=lambda seed: -brightness(alone[seed])[0])
    assert drafted.seed in ranked[:2]  # brightness is settled early here
    assert sorted(drafted.order) == list(range(count)) and drafted.order[0] == drafted.seed


def test_what_is_spared():
    drawer = gaussian_drawer()
    drafted = draw_best(drawer, requests(4), brightness)
    assert drafted.evaluations == len(drawer.loaded.pipe.calls) == 4 * 4 + 2 * 3 + 3
    assert drafted.evaluations + drafted.spared == 4 * STEPS


def test_a_failing_judge_or_model_ends_all():
    def judge(latents):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        draw_best(gaussian_drawer(), requests(3), judge)
    with pytest.raises(SceneError, match="NaN"):
        draw_best(gaussian_drawer(spoil=lambda clean: clean * float("nan")), requests(3), brightness)
