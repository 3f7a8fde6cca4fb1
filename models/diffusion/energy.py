"""How much of a state lies in each wavelet band, and the weight that brings a band's energy to a wanted one.

Haar as block means is an orthogonal projection, so the low and the high band share an image's energy without remainder.
"""

from dataclasses import dataclass

import numpy as np
import torch

from models.diffusion.bands import Bands, Transform
from models.diffusion.correction import weigh_bands

#: The two bands of a calibration, and the weights that pick each out.
LOW, HIGH = Bands(1.0), Bands(0.0, 1.0, 1.0, 1.0)
BANDS = {"low": LOW, "high": HIGH}


def band_energies(state: torch.Tensor, transform: Transform, layout: str) -> np.ndarray:
    """(bands, B) float64: each picture's energy per element of the latent, low band first."""
    low = _inner(weigh_bands(state, LOW, transform, layout), state)
    return np.stack([low, _inner(state, state) - low])


def _inner(first: torch.Tensor, second: torch.Tensor) -> np.ndarray:
    """(B,) float64: mean product per element."""
    return (first.double() * second.double()).flatten(1).mean(1).cpu().numpy()


@dataclass(frozen=True)
class Leverage:
    """What a weight does to a band's energy: energy(weight) = own + 2 * weight * cross + weight^2 * effect, by seed."""

    own: np.ndarray  # (B,) energy of the plain landing in the band
    cross: np.ndarray  # (B,) inner product of landing and effect
    effect: np.ndarray  # (B,) energy of the effect of weight 1

    @classmethod
    def of(cls, landed: torch.Tensor, effect: torch.Tensor, own: np.ndarray) -> "Leverage":
        """effect: what weight 1 on the band adds, lying in that band (up to the solver's memory at the input site)."""
        return cls(own, _inner(landed, effect), _inner(effect, effect))


#: Below this cosine between landing and effect, a weight turns the band rather than scaling it: no leverage.
LEAST_COSINE = 0.2


def match_energy(leverage: Leverage, wanted: np.ndarray) -> float:
    """The weight of smallest size that brings the mean energy to the mean of `wanted` (B,); 0 without leverage."""
    own, cross, effect = (float(values.mean()) for values in (leverage.own, leverage.cross, leverage.effect))
    root = cross**2 - effect * (own - float(wanted.mean()))
    if abs(cross) < LEAST_COSINE * (effect * own) ** 0.5 or root < 0 or effect == 0:
        return 0.0
    # Root of effect w^2 + 2 cross w + (own - wanted) nearest 0, in the form that does not cancel.
    return (float(wanted.mean()) - own) / (cross + np.copysign(root**0.5, cross))


def shrunk_match(
    leverage: Leverage, wanted: np.ndarray, largest: float, rng: np.random.Generator
) -> tuple[float, float]:
    """(weight, its standard error): `match_energy`, shrunk by its uncertainty over the seeds and held within limits.

    largest: how far the band may move, as a share of its own size (root of its energy).
    """
    weight = match_energy(leverage, wanted)
    draws = rng.integers(len(wanted), size=(RESAMPLES, len(wanted)))
    picked = (match_energy(Leverage(leverage.own[d], leverage.cross[d], leverage.effect[d]), wanted[d]) for d in draws)
    error = float(np.std(list(picked)))
    if weight:
        weight *= max(0.0, 1 - (error / weight) ** 2)
    limit = min(LARGEST_WEIGHT, largest * float((leverage.own.mean() / max(leverage.effect.mean(), 1e-30)) ** 0.5))
    return float(np.clip(weight, -limit, limit)), error


#: The model is told a noise level; more or less noise than that share beyond it would be another level. Without this
#: limit, where little noise is left, a lack in the picture itself would be filled up with grain.
LARGEST_WEIGHT = 0.2

RESAMPLES = 200  # of the seeds, for a standard error
