"""The composer: every control of the prompt is visible in the picture, and sketches follow prompt and seed."""

import random

import numpy as np
import pytest
import torch

from models.errors import InputError
from models.illustrator.composer import compose, load_sketchbook, sketch_of
from models.illustrator.layout import lay_out
from models.illustrator.sketch import compose_sketch, nearest_concept
from models.illustrator.vocabulary import load_vocabulary
from models.prompt import Prompt

BANK = load_sketchbook()


def picture(**controls) -> torch.Tensor:
    prompt = Prompt("apple", setting=controls.pop("setting", "a meadow"), **controls)
    return compose(lay_out(prompt, ("apple", ""), random.Random(11)), BANK, random.Random(11))


def test_a_picture_is_a_picture():
    plain = picture()
    assert plain.shape == (3, 180, 320) and plain.min() >= 0 and plain.max() <= 1
    assert torch.equal(plain, picture())


def saturation(image: torch.Tensor) -> float:
    return (image.amax(0) - image.amin(0)).mean().item()


def test_palettes_change_colours():
    plain = picture()
    assert (
        saturation(picture(palette="vivid palette")) > saturation(plain) > saturation(picture(palette="muted palette"))
    )
    assert picture(palette="pastel palette").mean() > plain.mean()
    red, _, blue = picture(palette="monochrome blue palette")
    assert (blue >= red).all()


def test_lighting_changes_light():
    plain = picture()
    warm, cool = picture(lighting="warm evening light"), picture(lighting="cool light")
    assert (warm[0] - warm[2]).mean() > (plain[0] - plain[2]).mean() > (cool[0] - cool[2]).mean()
    assert picture(lighting="night").mean() < 0.7 * plain.mean()
    spot = picture(lighting="spotlight")
    assert spot[:, :, :30].mean() < 0.5 * plain[:, :, :30].mean()


def test_shallow_focus_blurs_the_background_only():
    sharp, soft = picture(setting="a city street"), picture(setting="a city street", lens="shallow focus")
    edges = [(image[:, 20:140, 1:60] - image[:, 20:140, :59]).abs().mean() for image in (sharp, soft)]
    assert edges[1] < 0.6 * edges[0]
    assert torch.allclose(sharp[:, 118:124, 155:162], soft[:, 118:124, 155:162], atol=0.02)  # inside the apple


@pytest.mark.parametrize("control", [{"camera_angle": "low angle"}, {"camera_angle": "high angle"},
                                     {"camera_angle": "dutch angle"}, {"lens": "wide-angle lens"}])  # fmt: skip
def test_camera_moves_the_picture(control):
    assert (picture(**control) - picture()).abs().mean() > 0.02


def test_outlined_style_adds_ink():
    dark = [(image.mean(0) < 0.3).float().mean() for image in (picture(), picture(style="outlined illustration"))]
    assert dark[1] > dark[0] + 0.005


def test_sketches_keep_the_mean_colour():
    image = picture()
    cells = sketch_of(image[None])
    assert cells.shape == (1, 3, 72, 128)
    assert torch.allclose(cells.mean(), image.mean(), atol=0.02)


def test_a_sketch_follows_prompt_and_seed():
    prompt = Prompt("rocket", setting="a starry sky")
    sketch = compose_sketch(prompt, 1)
    assert sketch.shape == (72, 128, 3) and sketch.dtype == np.uint8
    assert (sketch == compose_sketch(prompt, 1)).all()
    assert (sketch != compose_sketch(prompt, 2)).any()
    assert (sketch != compose_sketch(Prompt("bee", setting="a starry sky"), 1)).any()


def test_phrases_find_their_drawing():
    assert nearest_concept("rocket") == "rocket"
    assert nearest_concept("an old brass telescope") == "telescope"
    assert nearest_concept("qwxyz") == ""


def test_a_subject_without_a_drawing_is_refused():
    with pytest.raises(InputError, match="qwxyz"):
        compose_sketch(Prompt("qwxyz"), 1)
    compose_sketch(Prompt("bee", "beside qwxyz"), 1)  # the other thing is left out


def test_unknown_words_find_the_nearest_by_meaning():
    names = load_vocabulary().names

    def embed(texts):  # a stand-in at the callable seam: the unknown word lies on "volcano"
        rows = np.zeros((len(texts), len(names)), np.float32)
        for row, text in enumerate(texts):
            rows[row, names.index(text) if text in names else names.index("volcano")] = 1
        return rows

    assert nearest_concept("eruption zone", embed) == "volcano"


def test_every_concept_has_a_thumbnail():
    alpha = BANK.drawings[:, 3].float().mean((1, 2))
    assert len(BANK.drawings) == len(load_vocabulary().names) and (alpha > 10).all()
