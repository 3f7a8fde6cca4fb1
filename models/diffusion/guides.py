"""What steers a pipeline beside its words: another seed's noise, and a start from a picture."""

import inspect
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from models.errors import InputError


def mix_noise(own: torch.Tensor, other: torch.Tensor, amount: float) -> torch.Tensor:
    """`own` turned towards `other`, 0 not at all and 1 wholly; the variance stays (two independent normal samples)."""
    angle = amount * math.pi / 2
    return math.cos(angle) * own + math.sin(angle) * other


@contextmanager
def mixed_noise(pipe: Any, other_seed: int, amount: float) -> Iterator[None]:
    """While open, the pipeline's starting noise is its own with another seed's mixed in.

    Every diffusers pipeline takes its starting noise from `randn_tensor` of its own module, and how a given `latents`
    must be scaled and packed differs by family: the one function is where all of them can be reached alike.
    """
    if amount <= 0:
        yield
        return
    maker = getattr(type(pipe), "prepare_latents", None) or type(pipe).__call__
    space = inspect.unwrap(maker).__globals__
    plain = space.get("randn_tensor")
    if plain is None:
        raise InputError(f"{type(pipe).__name__} cannot vary a picture: give another --seed instead")

    def mixing(shape: Any, generator: Any = None, *args: Any, **options: Any) -> torch.Tensor:
        second = torch.Generator("cpu").manual_seed(other_seed)
        return mix_noise(plain(shape, generator, *args, **options), plain(shape, second, *args, **options), amount)

    space["randn_tensor"] = mixing
    try:
        yield
    finally:
        space["randn_tensor"] = plain


def derive_pipeline(pipe: Any, masked: bool) -> Any:
    """The image-to-image or inpainting pipeline that shares `pipe`'s models; InputError where its family has none."""
    from diffusers import AutoPipelineForImage2Image, AutoPipelineForInpainting

    kind: Any = AutoPipelineForInpainting if masked else AutoPipelineForImage2Image
    try:
        derived = kind.from_pipe(pipe)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        way = "redraw a region (--mask)" if masked else "start from a picture (--photo, --sketch)"
        raise InputError(f"{type(pipe).__name__} has no way to {way}: leave it out or use another profile") from error
    derived.set_progress_bar_config(disable=True)
    return derived
