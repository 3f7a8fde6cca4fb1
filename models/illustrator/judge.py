"""The judge: a small image encoder into the space of sentence vectors.

Trained on the same compositions as the illustrator. One encoder, three uses: rank candidates against a scene, judge
drafts early, and give the features of a distribution distance. Who ranks must not grade: the benches use another one.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn

from models.illustrator.quantised import load_quantised
from models.illustrator.vocabulary import WEIGHTS

INPUT = (90, 160)  # px, rows and columns that the judge looks at


class JudgeEncoder(ModelMixin, ConfigMixin):
    """Pictures (B, 3, 90, 160) in -1..1 -> unit vectors (B, text_dim) to be compared with sentence vectors."""

    @register_to_config
    def __init__(self, widths: tuple[int, ...] = (32, 64, 128, 192, 256), text_dim: int = 384) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width in widths:
            layers += [nn.Conv2d(before, width, 3, stride=2, padding=1), nn.GroupNorm(8, width), nn.SiLU()]
            before = width
        layers += [nn.Conv2d(before, before, 3, padding=1), nn.GroupNorm(8, before), nn.SiLU()]
        self.layers = nn.Sequential(*layers)
        # Cells are projected before they are pooled: a small subject keeps its voice in a wide picture.
        self.project = nn.Conv2d(before, 2 * before, 1)
        self.out = nn.Linear(4 * before, text_dim)
        self.temperature = nn.Parameter(torch.tensor(2.5))
        # The mean of all concepts' sentence vectors: what they share says nothing about any of them.
        self.centre = nn.Parameter(torch.zeros(text_dim), requires_grad=False)

    def features(self, pictures: torch.Tensor) -> torch.Tensor:
        """(B, 4 * width) before the projection into the text space: the features of distribution distances."""
        cells = F.silu(self.project(self.layers(pictures)))
        return torch.cat((cells.mean((2, 3)), cells.amax((2, 3))), 1)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return F.normalize(self.out(self.features(pictures)), dim=-1)

    def place(self, texts: torch.Tensor) -> torch.Tensor:
        """Sentence vectors (n, text_dim) where pictures can be compared with them."""
        return F.normalize(texts - self.centre, dim=-1)


def judge_input(pictures: torch.Tensor) -> torch.Tensor:
    """(B, 3, H, W) in 0..1 -> what the encoder takes."""
    return F.interpolate(pictures, INPUT, mode="bilinear", antialias=True) * 2 - 1


def load_judge(
    embed: Callable[[Sequence[str]], np.ndarray], folder: Path = WEIGHTS / "judge"
) -> Callable[[Sequence[np.ndarray], Sequence[str]], np.ndarray]:
    """judge(pictures (H, W, 3) uint8, texts) -> similarities (n_pictures, n_texts), higher is better."""
    encoder = load_quantised(JudgeEncoder, folder)

    @torch.inference_mode()
    def judge(pictures: Sequence[np.ndarray], texts: Sequence[str]) -> np.ndarray:
        stack = [torch.from_numpy(np.array(p)).permute(2, 0, 1)[None].float() / 255 for p in pictures]
        vectors = encoder(torch.cat([judge_input(picture) for picture in stack]))
        return (vectors @ encoder.place(torch.from_numpy(embed(list(texts)))).T).numpy()

    return judge
