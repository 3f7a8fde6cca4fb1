"""The illustrator as a network and as a pipeline, at tiny size: nothing here needs trained weights."""

import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from diffusers import FlowMatchEulerDiscreteScheduler

from models.errors import SetupError
from models.illustrator.judge import JudgeEncoder, judge_input
from models.illustrator.network import IllustratorTransformer, to_patches, to_picture
from models.illustrator.pipeline import IllustratorPipeline
from models.illustrator.quantised import dequantise, load_quantised, quantise, save_quantised
from models.illustrator.train import Average, Recipe, illustrator_loss, make_optimisers
from models.illustrator.train_judge import Lesson
from models.illustrator.train_upscaler import upscaler_loss
from models.illustrator.upscaler import Upscaler
from models.weights import weight_path

TINY = {"dim": 32, "depth": 2, "heads": 2, "bottleneck": 16, "finish_width": 8}


def inputs(batch: int = 2, columns: int = 16) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(0)
    x, cells = torch.randn(batch, 3, 180, 20 * columns), torch.rand(batch, 3, 72, 8 * columns)
    return x, torch.full((batch,), 0.5), torch.randn(batch, 10, 384), cells, torch.ones(batch)


def woken(seed: int = 0) -> IllustratorTransformer:
    """A tiny network whose zero-initialised last layers have been given values."""
    torch.manual_seed(seed)
    model = IllustratorTransformer(**TINY)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return model.eval()


def test_patches_round_trip():
    picture = torch.randn(2, 3, 180, 320)
    assert torch.equal(to_picture(to_patches(picture, 20), 9, 20), picture)


def test_velocity_points_from_the_clean_picture():
    model, (x, sigma, *rest) = woken(), inputs()
    clean, velocity = model.denoise(x, sigma, *rest), model(x, sigma, *rest)
    assert velocity.shape == x.shape
    assert torch.allclose(x - 0.5 * velocity, clean, atol=1e-5)


def test_words_and_sketch_matter_and_a_flag_hides_the_sketch():
    model, (x, sigma, phrases, cells, flag) = woken(), inputs()
    base = model(x, sigma, phrases, cells, flag)
    assert not torch.allclose(base, model(x, sigma, 0 * phrases, cells, flag))
    assert not torch.allclose(base, model(x, sigma, phrases, 1 - cells, flag))
    assert torch.equal(model(x, sigma, phrases, cells, 0 * flag), model(x, sigma, phrases, 1 - cells, 0 * flag))


def test_a_window_sees_its_own_positions():
    model, (x, sigma, phrases, cells, flag) = woken(), inputs(columns=8)
    left, right = (model.denoise(x, sigma, phrases, cells, flag, torch.tensor([k, k])) for k in (0, 8))
    assert left.shape == x.shape and not torch.allclose(left, right)


def test_eight_bits_keep_the_weights(tmp_path):
    model = woken()
    restored = dequantise(quantise(model.state_dict()))
    for name, value in model.state_dict().items():
        assert (restored[name] - value).abs().max() <= value.abs().max() / 127 + 1e-3, name
    save_quantised(model, tmp_path)
    again = load_quantised(IllustratorTransformer, tmp_path)
    difference = again(*inputs()) - model(*inputs())
    # A row's step is 1/127 of its largest weight: at most 0.4 % of it off; all layers together come to about 1 %.
    assert difference.std() < 0.02 * model(*inputs()).std()
    assert not list(tmp_path.glob("*.part"))


def test_missing_weights_say_so(tmp_path):
    with pytest.raises(SetupError, match="holds no weights"):
        load_quantised(IllustratorTransformer, tmp_path)


def test_learning_lowers_the_loss():
    torch.manual_seed(1)
    model, lesson = IllustratorTransformer(**TINY), Lesson(JudgeEncoder(widths=(8, 16), text_dim=384), 4)
    x = F.interpolate(torch.rand(4, 3, 9, 16), (180, 320)) * 2 - 1
    phrases, names = torch.randn(4, 10, 384), F.normalize(torch.randn(4, 384), dim=-1)
    optimisers = [*make_optimisers(model, 3e-3), torch.optim.AdamW(lesson.parameters(), 3e-3)]

    def losses() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        loss, each = illustrator_loss(model, x, phrases, Recipe(), 8)
        return loss, lesson.loss((x + 1) / 2, torch.arange(4), names)[0], each

    @torch.no_grad()
    def measure() -> np.ndarray:
        torch.manual_seed(2), random.seed(2)  # the same noise levels before and after
        return np.mean([[value.item() for value in losses()[:2]] for _ in range(8)], 0)

    before = measure()
    for _ in range(25):
        loss, judged, each = losses()
        (loss + judged).backward()
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()
    assert each.shape == (2, 4)
    assert (measure() < 0.8 * before).all()


def test_the_upscaler_learns_hard_edges():
    torch.manual_seed(0)
    model = Upscaler(widths=(8, 8, 8), large=(8, 4))
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3)
    large = F.interpolate(torch.rand(8, 3, 6, 6) * 2 - 1, scale_factor=16)
    small = F.interpolate(F.avg_pool2d(large, 4), scale_factor=0.5, mode="bilinear")
    small = F.interpolate(small, scale_factor=2, mode="bilinear")
    losses = []
    for _ in range(60):
        loss = upscaler_loss(model(small), large)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


def test_the_average_trails_the_model():
    model = torch.nn.Linear(2, 2)
    average = Average(model)
    before = average.values["weight"].clone()
    with torch.no_grad():
        model.weight += 1
    average.update(0.9)
    moved = average.values["weight"] - before
    assert (moved > 0.1).all() and (moved < 1).all()


def test_the_judge_gives_unit_vectors():
    judge = JudgeEncoder(widths=(8, 16)).eval()
    vectors = judge(judge_input(torch.rand(3, 3, 720, 1280)))
    assert vectors.shape == (3, 384) and torch.allclose(vectors.norm(dim=1), torch.ones(3), atol=1e-5)


@pytest.fixture(scope="module")
def pipe():
    from transformers import AutoModel, AutoTokenizer

    try:
        folder = weight_path("minilm-l6")
    except SetupError as error:
        pytest.skip(str(error))
    made = IllustratorPipeline(
        woken(),
        FlowMatchEulerDiscreteScheduler(shift=2.0),
        AutoModel.from_pretrained(folder),
        AutoTokenizer.from_pretrained(folder),
    )
    made.set_progress_bar_config(disable=True)
    return made


def drawn(pipe, seed: int, **options) -> np.ndarray:
    generator = [torch.Generator().manual_seed(seed)]
    sketch = np.full((1, 72, 128, 3), 200, np.uint8)
    options = {"sketch": sketch, "num_inference_steps": 2, "output_type": "np", **options}
    return pipe(["bee, in a meadow, close-up"], generator=generator, **options).images


def test_the_pipeline_draws(pipe):
    picture = drawn(pipe, 1)
    assert picture.shape == (1, 180, 320, 3) and picture.min() >= 0 and picture.max() <= 1
    assert (picture == drawn(pipe, 1)).all() and (picture != drawn(pipe, 2)).any()
    assert (picture != drawn(pipe, 1, guidance_scale=3.0)).any()
    assert (picture != drawn(pipe, 1, sketch=None)).any()


def test_the_pipeline_can_be_watched(pipe):
    seen = []

    def watch(_pipe, number, _t, state):
        seen.append((number, state["latents"].shape))
        return {}

    drawn(pipe, 1, callback_on_step_end=watch)
    assert seen == [(0, (1, 3, 180, 320)), (1, (1, 3, 180, 320))]


def test_a_wrong_sketch_is_refused(pipe):
    with pytest.raises(ValueError, match="a sketch is"):
        drawn(pipe, 1, sketch=np.zeros((1, 9, 16, 3), np.uint8))
