"""Every pipeline family, of real classes at tiny size: armed, disarmed, saved, image to image and inpainting."""

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline
from PIL import Image

from models.diffusion import disable, enable
from models.errors import InputError
from tests.models.diffusion.tiny import FAMILIES, tiny_stable_diffusion

DOUBLE = "double:low=0.05,high=0.02"


@pytest.fixture(scope="module")
def stable_diffusion(tmp_path_factory):
    pipe = tiny_stable_diffusion(tmp_path_factory.mktemp("words"))
    pipe.set_progress_bar_config(disable=True)
    return pipe


def draw(pipe, **options) -> torch.Tensor:
    """The final latents."""
    generator = torch.Generator().manual_seed(0)
    return pipe(num_inference_steps=3, output_type="latent", generator=generator, **options).images


def check_off_on_off(pipe, **options) -> None:
    """Armed it draws something else, finite and close; disarmed it draws the very same as before."""
    plain = draw(pipe, **options)
    armed = draw(enable(pipe, DOUBLE) and pipe, **options)
    again = draw(disable(pipe) and pipe, **options)
    assert torch.isfinite(armed).all()
    assert torch.equal(plain, again)
    assert 1e-4 < (armed - plain).abs().max() / plain.abs().max() < 0.5


@pytest.mark.parametrize("family", FAMILIES)
def test_family(family):
    pipe, options = FAMILIES[family]()
    pipe.set_progress_bar_config(disable=True)
    check_off_on_off(pipe, width=32, height=32, **options)


def test_stable_diffusion(stable_diffusion):
    check_off_on_off(stable_diffusion, prompt="a red rocket", width=32, height=64)


def test_image_to_image(stable_diffusion):
    pipe = StableDiffusionImg2ImgPipeline(**stable_diffusion.components, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    image = Image.fromarray(np.full((32, 64, 3), 90, np.uint8))
    check_off_on_off(pipe, prompt="a red rocket", image=image, strength=0.6)


def test_inpainting_keeps_what_is_outside_the_mask(stable_diffusion):
    """The pipeline blends the known part back after each step, so a correction never reaches it."""
    pipe = StableDiffusionInpaintPipeline(**stable_diffusion.components, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    image = Image.fromarray(np.full((32, 64, 3), 90, np.uint8))
    mask = np.zeros((32, 64), np.uint8)
    mask[:, 32:] = 255
    options = {"prompt": "a cat", "image": image, "mask_image": Image.fromarray(mask), "height": 32, "width": 64}
    latents = [draw(enable(pipe, correction) and pipe, **options) for correction in ("off", DOUBLE)]
    disable(pipe)
    assert torch.equal(latents[0][..., :16], latents[1][..., :16])  # 2 px a latent
    assert not torch.equal(latents[0][..., 16:], latents[1][..., 16:])


def test_a_saved_pipeline_is_a_plain_one(stable_diffusion, tmp_path):
    enable(stable_diffusion, DOUBLE)
    stable_diffusion.save_pretrained(tmp_path)
    armed = draw(stable_diffusion, prompt="the sea", width=32, height=32)
    disable(stable_diffusion)
    reloaded = type(stable_diffusion).from_pretrained(tmp_path)
    reloaded.set_progress_bar_config(disable=True)
    assert type(reloaded.scheduler) is DDIMScheduler
    assert '"DDIMScheduler"' in (tmp_path / "model_index.json").read_text("utf-8")
    plain = draw(stable_diffusion, prompt="the sea", width=32, height=32)
    assert torch.equal(draw(reloaded, prompt="the sea", width=32, height=32), plain)
    assert not torch.equal(armed, plain)


def test_an_armed_scheduler_passes_the_type_check_of_loading(stable_diffusion, tmp_path):
    stable_diffusion.save_pretrained(tmp_path)
    scheduler = enable(DDIMScheduler.from_config(stable_diffusion.scheduler.config), DOUBLE)
    reloaded = type(stable_diffusion).from_pretrained(tmp_path, scheduler=scheduler)
    assert reloaded.scheduler is scheduler


def test_a_pipeline_without_a_scheduler():
    class Bare:
        pass

    with pytest.raises(InputError, match="neither a diffusers scheduler nor a pipeline"):
        enable(Bare(), DOUBLE)
