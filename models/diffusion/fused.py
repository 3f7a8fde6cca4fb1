"""The correction as one compiled kernel: Haar at any level over (B, C, H, W) of whole blocks, weights as tensors.

For long runs on an accelerator: `enable(pipe, correction, kernel=correct_fused)`. The first step of a new shape
compiles for some seconds (Inductor; a C++ compiler on CPUs); anything that is not plain Haar goes the ordinary way.
"""

import functools
from typing import Any

import torch

from models.diffusion.bands import HAAR, Bands, Transform
from models.diffusion.correction import correct


def haar_kernel(
    sample: torch.Tensor,
    denoised: torch.Tensor,
    signal: torch.Tensor,
    low: torch.Tensor,
    high: torch.Tensor,
    block: int,
) -> torch.Tensor:
    """`x' + high r + (low - high) P r` with r = x' - signal D; weights are 0-d, so that no step compiles anew."""
    start = sample.float()
    difference = start - signal * denoised.float()
    batch, channels, height, width = difference.shape
    squares = difference.view(batch, channels, height // block, block, width // block, block)
    means = squares.mean((3, 5), keepdim=True)
    change = (high * squares + (low - high) * means).view(batch, channels, height, width)
    return (start + change).to(sample.dtype)


@functools.cache
def _compiled() -> Any:
    return torch.compile(haar_kernel, dynamic=False)


def correct_fused(
    sample: torch.Tensor,
    denoised: torch.Tensor,
    bands: Bands,
    *,
    signal: float = 1.0,
    transform: Transform = HAAR,
    layout: str = "planes",
    mean: torch.Tensor | None = None,
    mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """As `correct`, compiled where it is plain Haar with one weight for all details on whole blocks."""
    block = 2**transform.level
    plain = transform.wavelet in ("haar", "db1") and bands.one_detail_weight and layout == "planes"
    whole = sample.ndim == 4 and not (sample.shape[-2] % block or sample.shape[-1] % block)
    same = sample.shape == denoised.shape and sample.is_contiguous() and denoised.is_contiguous()
    if not (bands and plain and whole and same and mean is None and mask is None):
        options: dict[str, Any] = {
            "signal": signal,
            "transform": transform,
            "layout": layout,
            "mean": mean,
            "mask": mask,
        }
        return correct(sample, denoised, bands, **options)
    weights = torch.tensor([signal, bands.ll, bands.lh], device=sample.device)
    return _compiled()(sample, denoised, *weights.unbind(), block)
