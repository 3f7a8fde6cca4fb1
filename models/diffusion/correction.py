"""The correction itself: one pure function over (sample, predicted clean image, weights of one step).

DCW (arXiv 2604.16044, Eqs. 17-19): a sampler's state x' drifts from where the model was trained to see it,
differently in each wavelet band. Each band f is moved along its own mismatch:

    x'_f <- x'_f + weight_f * (x'_f - signal * D_f)        f in {ll, lh, hl, hh}

with D the predicted clean image. `signal` picks the direction: 1 is the paper's x' - D; the signal
coefficient a' of the level just reached gives x' - a'D, the noise still in x', which is the same thing for
a variance-exploding sampler and, unlike the paper's, never changes sign on a flow-matching one.

A wavelet transform is linear, so the whole round trip acts on the difference r = x' - signal * D alone. With Haar
and one weight for all details it has a closed form over P = "mean of each 2^level block":

    out = x' + lh * r + (ll - lh) * P r
"""

from typing import Literal

import torch
from torch.nn.functional import avg_pool2d

from models.diffusion.bands import HAAR, Bands, Transform, filter_length
from models.errors import InputError

#: How a latent lies in its tensor. "planes": (B, C, H, W). "packed": (B, tokens, C * 4), each token a 2x2 block with
#: channel c * 4 + dy * 2 + dx, as FLUX, Qwen-Image, Chroma and Bria hold it.
LAYOUTS = ("planes", "packed")

#: A field that is constant up to the border must stay wholly in the low band; zero padding would leak it into details.
BOUNDARY: Literal["symmetric"] = "symmetric"


def correct(
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
    """The corrected sample, of the sample's shape and dtype (Eqs. 17-19; see the module's text).

    sample, denoised: (B, C, H, W) or packed (B, N, 4C), floating; arithmetic in fp32 (fp64 stays), one cast at the end.
    mean: the sample before a stochastic step's fresh noise, where the difference is to be taken there, not at `sample`.
    mask: broadcastable, 1 where the correction acts, 0 where the sample stays (inpainting).
    InputError where the latent is smaller than the filter, is video, or its layout cannot carry the transform.
    """
    if not bands:
        return sample
    if denoised.shape != sample.shape:
        raise InputError(f"the predicted clean image is {tuple(denoised.shape)}, the sample {tuple(sample.shape)}")
    work = torch.promote_types(sample.dtype, torch.float32)
    start = sample.to(work)
    origin = start if mean is None else mean.to(work)
    difference = torch.sub(origin, denoised.to(work), alpha=signal)
    if mask is None and bands.one_detail_weight and bands.ll == bands.lh:  # pixel: no transform at all
        return torch.add(start, difference, alpha=bands.ll).to(sample.dtype)
    change = weigh_bands(difference, bands, transform, layout)
    if mask is not None:
        change = change * mask.to(work)
    return (start + change).to(sample.dtype)


def weigh_bands(difference: torch.Tensor, bands: Bands, transform: Transform, layout: str) -> torch.Tensor:
    """Each wavelet band of `difference` times its weight, back in the sample's domain; same shape, floating."""
    if bands.one_detail_weight and bands.ll == bands.lh:
        return difference * bands.ll
    if layout == "packed":
        return _weigh_packed(difference, bands, transform)
    planes = _as_planes(difference)
    _check_size(planes, transform)
    if transform.wavelet in ("haar", "db1") and bands.one_detail_weight:
        weighed = _weigh_haar(planes, bands.ll, bands.lh, 2**transform.level)
    else:
        weighed = _weigh_wavelet(planes, bands, transform)
    return weighed.reshape(difference.shape)


def _as_planes(tensor: torch.Tensor) -> torch.Tensor:
    """(B, C, H, W) of an image latent; InputError for anything whose height and width are not plain to see."""
    if tensor.ndim == 4:
        return tensor
    if tensor.ndim == 5 and tensor.shape[2] == 1:  # one frame: an image of a video-capable autoencoder
        return tensor[:, :, 0]
    kind = {3: "tokens or audio; packed image tokens need layout='packed'", 5: "video"}.get(tensor.ndim, "no image")
    raise InputError(f"latents of shape {tuple(tensor.shape)} are {kind}: the correction acts on images (B, C, H, W)")


def _check_size(planes: torch.Tensor, transform: Transform) -> None:
    """InputError where the coarsest level would see less than one filter of picture."""
    need = filter_length(transform.wavelet) * 2 ** (transform.level - 1)
    height, width = planes.shape[-2:]
    if min(height, width) < need:
        raise InputError(
            f"latents of {height}x{width} are smaller than the filter of wavelet {transform.wavelet} at level "
            f"{transform.level} ({need}): take a smaller wavelet or level, or a larger picture"
        )


def _weigh_haar(planes: torch.Tensor, low: float, high: float, block: int) -> torch.Tensor:
    """`high * r + (low - high) * P r` over (B, C, H, W), P the mean of each block x block square."""
    height, width = planes.shape[-2:]
    # At an odd edge the last block is smaller and its mean is over what is there: P stays an orthogonal projector.
    means = avg_pool2d(planes, block, ceil_mode=True, count_include_pad=False).mul_(low - high)
    if height % block or width % block:
        spread = means.repeat_interleave(block, -2).repeat_interleave(block, -1)[..., :height, :width]
        return spread.add_(planes, alpha=high) if high else spread
    rows, columns = height // block, width // block
    base = planes * high if high else torch.zeros_like(planes)
    # (B, C, H, W) -> (B, C, rows, block, columns, block): each mean is added to its square without being spread first
    squares = base.view(*base.shape[:2], rows, block, columns, block)
    squares += means.view(*base.shape[:2], rows, 1, columns, 1)
    return base


def _weigh_packed(tokens: torch.Tensor, bands: Bands, transform: Transform) -> torch.Tensor:
    """Level-1 Haar over (B, N, 4C): a token holds whole 2x2 squares, so nothing needs unpacking."""
    if transform.wavelet not in ("haar", "db1") or transform.level != 1:
        raise InputError(
            f"packed latents carry Haar at level 1 only (got {transform.wavelet} at level {transform.level}): "
            "a wider filter needs the neighbouring tokens"
        )
    if tokens.ndim != 3 or tokens.shape[-1] % 4:
        raise InputError(f"packed latents must be (B, tokens, 4 * channels), got {tuple(tokens.shape)}")
    squares = tokens.unflatten(-1, (-1, 2, 2))  # (B, N, C, dy, dx)
    down, along = squares.mean(-2, keepdim=True), squares.mean(-1, keepdim=True)
    both = along.mean(-2, keepdim=True)
    # smooth in both, smooth along a row only (lh), smooth down the rows only (hl), and the rest (hh)
    weighed = (
        bands.ll * both
        + bands.lh * (along - both)
        + bands.hl * (down - both)
        + bands.hh * (squares - down - along + both)
    )
    return weighed.flatten(-3)


def _weigh_wavelet(planes: torch.Tensor, bands: Bands, transform: Transform) -> torch.Tensor:
    """Transform, weigh, transform back by ptwt, cropped to the size that came in."""
    import ptwt

    low, *details = ptwt.wavedec2(planes, transform.wavelet, level=transform.level, mode=BOUNDARY)
    detail = ptwt.constants.WaveletDetailTuple2d
    weighed = [detail(bands.lh * rows, bands.hl * columns, bands.hh * both) for rows, columns, both in details]
    back = ptwt.waverec2((bands.ll * low, *weighed), transform.wavelet)
    return back[..., : planes.shape[-2], : planes.shape[-1]]
