"""A pipeline with an exact score: Gaussian pictures whose smooth and fine parts have known variances.

Everything about it is known in closed form, so that a calibration can be held against the truth.
"""

from dataclasses import replace
from types import SimpleNamespace

import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from models.diffusion.bands import Bands, Transform
from models.diffusion.correction import weigh_bands
from models.diffusion.draw import Drawer
from models.diffusion.loading import Loaded
from models.profiles import load_profile

VARIANCE = {"low": 4.0, "high": 0.05}
LEVEL = Transform(level=1)


def split(state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    low = weigh_bands(state, Bands(1.0), LEVEL, "planes")
    return low, state - low


def clean_mean(state: torch.Tensor, sigma: float) -> torch.Tensor:
    """E[clean | state], band by band, for state = (1 - sigma) clean + sigma noise."""
    signal = 1 - sigma
    gains = [signal * c / (signal**2 * c + sigma**2) for c in VARIANCE.values()]
    return sum(gain * part for gain, part in zip(gains, split(state), strict=True))


class GaussianPipeline:
    """The call of a diffusers pipeline, around the exact denoiser; `spoil` distorts a predicted clean image."""

    def __init__(self, spoil=lambda clean: clean) -> None:
        self.scheduler, self.spoil = FlowMatchEulerDiscreteScheduler(shift_terminal=0.05), spoil
        self.calls: list[float] = []  # the levels asked for; shared with copies

    @torch.no_grad()
    def __call__(self, prompt, generator, num_inference_steps, output_type="np", return_dict=True):
        x = torch.randn(1, 2, 16, 16, generator=generator)
        self.scheduler.set_timesteps(num_inference_steps)
        for number, t in enumerate(self.scheduler.timesteps):
            sigma = self.scheduler.sigmas[number].item()
            self.calls.append(sigma)
            clean = self.spoil(clean_mean(x, sigma))
            x = self.scheduler.step((x - clean) / sigma, t, x, return_dict=False)[0]
        return SimpleNamespace(images=x.numpy()) if return_dict else (x,)


def gaussian_drawer(**options) -> Drawer:
    profile = replace(load_profile("embedded"), name="gaussian", drawing="tests/gaussian", width=128, height=128)
    return Drawer(profile, Loaded(GaussianPipeline(**options), "weights", "float32", "cpu"))
