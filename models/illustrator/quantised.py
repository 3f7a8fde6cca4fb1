"""Weights in 8 bits on disk: what keeps the repository small; in memory they are floats again."""

import json
from pathlib import Path

import torch
from diffusers.models.modeling_utils import ModelMixin
from safetensors.torch import load_file, save_file

from models.errors import SetupError


def quantise(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """8-bit weights: each matrix as int8 with one scale a row; everything small stays in half precision."""
    stored = {}
    for name, value in tensors.items():
        if value.ndim >= 2 and value.numel() > 4096:
            scale = value.flatten(1).abs().amax(1).clamp(min=1e-8) / 127
            stored[name] = (value.flatten(1) / scale[:, None]).round().to(torch.int8).view(value.shape)
            stored[f"{name}:scale"] = scale.half()
        else:
            stored[name] = value.half()
    return {name: value.contiguous() for name, value in stored.items()}


def dequantise(stored: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The inverse of `quantise`, in float32."""
    tensors = {}
    for name, value in stored.items():
        if not name.endswith(":scale"):
            scale = stored.get(f"{name}:scale")
            factor = 1 if scale is None else scale.float().view(-1, *[1] * (value.ndim - 1))
            tensors[name] = value.float() * factor
    return tensors


def save_quantised(model: ModelMixin, folder: Path) -> None:
    """config.json and model.safetensors of a diffusers model, in 8 bits, each written whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_config(folder)
    part = folder / "model.safetensors.part"
    save_file(quantise(model.state_dict()), part)
    part.replace(folder / "model.safetensors")


def load_quantised(cls: type[ModelMixin], folder: Path, dtype: torch.dtype = torch.float32):
    """A model saved by `save_quantised`, in eval mode; SetupError where the folder holds none."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        tensors = dequantise(load_file(folder / "model.safetensors"))
    except FileNotFoundError:
        raise SetupError(
            f"{folder} holds no weights: take the repository's, or train some (see the model card)"
        ) from None
    model = cls.from_config(config)
    model.load_state_dict(tensors)
    # torch's own `to`, for diffusers' warns of layers to keep in float32, of which there are none.
    return torch.nn.Module.to(model, dtype).eval()
