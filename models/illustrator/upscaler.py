"""The upscaler: a small U-shaped network from a drawn picture to the same four times as large, its edges clean.

It has learned from pairs: what the illustrator makes of a composition, and the composition itself rendered large. So
it knows how that model's pictures are soft, and takes the grain out of flat areas while it redraws their edges.
"""

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn

FACTOR = 4  # linear; 320x180 becomes 1280x720


def conv(before: int, after: int, stride: int = 1) -> nn.Conv2d:
    """3x3, edges mirrored as pictures are, so that borders are no darker."""
    return nn.Conv2d(before, after, 3, stride, padding=1, padding_mode="replicate")


class Residual(nn.Module):
    """Two convolutions beside the straight way."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = conv(width, width), conv(width, width)
        for parameter in self.second.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.second(F.silu(self.first(F.silu(x))))


class Upscaler(ModelMixin, ConfigMixin):
    """(B, 3, H, W) in -1..1 -> (B, 3, 4H, 4W) float32; H and W multiples of 4."""

    @register_to_config
    def __init__(self, widths: tuple[int, int, int] = (32, 64, 96), large: tuple[int, int] = (24, 12)) -> None:
        super().__init__()
        near, middle, far = widths
        self.enter = nn.Sequential(conv(3, near), Residual(near))
        self.down = nn.Sequential(conv(near, middle, 2), Residual(middle))
        self.deep = nn.Sequential(conv(middle, far, 2), Residual(far), Residual(far), Residual(far))
        self.lift = nn.Conv2d(far, middle, 1)
        self.up = nn.Sequential(Residual(middle), nn.Conv2d(middle, near, 1))
        self.leave = Residual(near)
        self.twice = nn.Sequential(conv(near, 4 * large[0]), nn.PixelShuffle(2), Residual(large[0]))
        self.fourfold = nn.Sequential(conv(large[0], 4 * large[1]), nn.PixelShuffle(2), Residual(large[1]))
        self.out = conv(large[1], 3)
        for parameter in self.out.parameters():
            nn.init.zeros_(parameter)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        near = self.enter(picture.to(self.out.weight.dtype))
        middle = self.down(near)  # (B, 64, H/2, W/2)
        middle = middle + F.interpolate(self.lift(self.deep(middle)), scale_factor=2)
        near = self.leave(near + F.interpolate(self.up(middle), scale_factor=2))  # (B, 32, H, W)
        large = self.out(self.fourfold(self.twice(near)))  # (B, 3, 4H, 4W)
        # Summed in float32: what is added to flat areas is small, and bf16 would leave bands in them.
        return F.interpolate(picture.float(), scale_factor=FACTOR, mode="bilinear") + large.float()
