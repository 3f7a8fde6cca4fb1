"""The illustrator's denoiser: a patch transformer that predicts the clean picture, with a convolutional last word.

Pictures are small, patches large (20 px): nearly all work is large matrix products, which CPUs with matrix units do
well. Predicting the clean picture rather than the noise keeps the target on the low-dimensional set of pictures, which
is what makes large patches workable (Li & He 2025, "Back to Basics: Let Denoising Generative Models Denoise").
A few convolutions over the whole picture then mend the seams between patches.

The module speaks the language of flow matching (x_t = (1 - sigma) x0 + sigma noise) and returns the velocity
v = noise - x0 = (x_t - x0) / sigma, so that any flow-matching scheduler of diffusers can drive it.
"""

import math

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn

SPREAD = 0.5  # standard deviation of pictures in -1..1
DETAIL = 0.15  # what a coarse picture typically lacks, in the same unit
MIN_SIGMA = 0.05  # below it v = (x_t - x0) / sigma would magnify rounding; also the floor of the training loss


def timestep_features(sigma: torch.Tensor, width: int) -> torch.Tensor:
    """Sinusoidal features of the noise level, (B,) -> (B, width)."""
    frequencies = torch.exp(-math.log(10_000) * torch.arange(width // 2, device=sigma.device) / (width // 2))
    angles = 1000 * sigma.float()[:, None] * frequencies
    return torch.cat((angles.cos(), angles.sin()), -1)


def preconditioning(sigma: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """How much of the noisy picture is kept, and how far the convolutions may correct it.

    Karras et al. 2022 (table 1, c_skip and c_out) for x = (1 - sigma) x0 + sigma noise: near the end x is nearly clean
    and is kept, its noise taken away; at the beginning nothing of it is. The reach is 1 at sigma = 1.
    """
    variance = (1 - sigma) ** 2 * SPREAD**2 + sigma**2
    return (1 - sigma) * SPREAD**2 / variance, sigma / variance.sqrt()


def to_patches(picture: torch.Tensor, edge: int) -> torch.Tensor:
    """(B, C, rows*edge, columns*edge) -> (B, rows*columns, C*edge*edge)."""
    batch, channels, height, width = picture.shape
    x = picture.view(batch, channels, height // edge, edge, width // edge, edge)
    return x.permute(0, 2, 4, 1, 3, 5).reshape(batch, (height // edge) * (width // edge), -1)


def to_picture(patches: torch.Tensor, rows: int, edge: int) -> torch.Tensor:
    """The inverse of `to_patches` for a picture of three channels."""
    batch, tokens, _ = patches.shape
    x = patches.view(batch, rows, tokens // rows, 3, edge, edge)
    return x.permute(0, 3, 1, 4, 2, 5).reshape(batch, 3, rows * edge, tokens // rows * edge)


class Block(nn.Module):
    """Pre-norm attention and MLP; the noise level enters by shift, scale and gate (shared weights plus a table)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.table = nn.Parameter(torch.randn(6, width) / width**0.5)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def attend(self, x: torch.Tensor) -> torch.Tensor:
        batch, tokens, width = x.shape
        q, k, v = self.qkv(x).view(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)  # each (B, H, N, C/H)
        q, k = F.rms_norm(q, q.shape[-1:]), F.rms_norm(k, k.shape[-1:])  # keeps bf16 attention stable
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.out(mixed.transpose(1, 2).reshape(batch, tokens, width))

    def forward(self, x: torch.Tensor, modulation: torch.Tensor) -> torch.Tensor:
        """x (B, N, C), modulation (B, 6, C)."""
        shift1, scale1, gate1, shift2, scale2, gate2 = (self.table + modulation).unsqueeze(2).unbind(1)  # (B, 1, C)
        width = x.shape[-1:]
        x = x + gate1 * self.attend(F.layer_norm(x, width) * (1 + scale1) + shift1)
        hidden = F.layer_norm(x, width) * (1 + scale2) + shift2
        return x + gate2 * self.down(F.gelu(self.up(hidden), approximate="tanh"))


class Finish(nn.Module):
    """Convolutions over cells of 4x4 px: the coarse picture, what the noisy one differs from it, the sketch.

    The difference also has a straight way to the last layer, weighed by the noise level, which begins by taking half
    of it away: what is fine in it would not fit through the transformer's narrow entrance.
    """

    def __init__(self, cells: int, width: int, condition: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(3 * cells, width, 3, padding=1)
        self.modulate = nn.Linear(condition, 2 * width + cells)
        self.middle = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(3))
        self.last = nn.Conv2d(width + cells, cells, 3, padding=1)
        self.sizes = (width, width, cells)
        for parameter in self.last.parameters():
            nn.init.zeros_(parameter)
        self.last.weight.data[:, width:, 1, 1] = -0.5 * torch.eye(cells)

    def forward(
        self,
        coarse: torch.Tensor,
        noisy: torch.Tensor,
        sketch: torch.Tensor,
        sigma: torch.Tensor,
        condition: torch.Tensor,
    ) -> torch.Tensor:
        """Pictures as cells (B, 48, H/4, W/4), sigma (B, 1, 1, 1) -> the clean picture as cells."""
        keep, reach = preconditioning(sigma)
        coarse, dtype = coarse.float(), self.first.weight.dtype  # sums in float32: bf16 would leave grain in flat areas
        spread = (sigma**2 + DETAIL**2).sqrt()
        difference = (noisy - (1 - sigma) * coarse) / spread  # noise and missing detail, at about unit size
        shift, scale, skip = self.modulate(condition)[..., None, None].split(self.sizes, 1)
        x = torch.cat((coarse, difference, sketch.float()), 1).to(dtype).contiguous(memory_format=torch.channels_last)
        x = F.silu(self.first(x) * (1 + scale) + shift)
        for layer in self.middle:
            x = x + F.silu(layer(x))
        # Weighed so that a last layer of -1 on this way would give back the coarse picture at every noise level.
        straight = difference * (keep * spread / reach) * (1 + skip)
        correction = self.last(torch.cat((x, straight.to(x.dtype)), 1)).float()
        rest = 1 - keep * (1 - sigma)  # what the kept share of the noisy picture leaves open of the clean one
        return keep * noisy + rest * coarse + reach * correction


class IllustratorTransformer(ModelMixin, ConfigMixin):
    """Velocity of a picture (B, 3, height, width) in -1..1, given phrases and, where there is one, a sketch."""

    @register_to_config
    def __init__(
        self, height: int = 180, width: int = 320, patch: int = 20, dim: int = 384, depth: int = 8, heads: int = 6,
        bottleneck: int = 192, slots: int = 10, text_dim: int = 384, cell: int = 5, finish_width: int = 96,
        fine: int = 2,
    ) -> None:  # fmt: skip
        """cell: px of what the transformer sees of a sketch; the last stage sees it `fine` times finer."""
        super().__init__()
        rows, columns, cells = height // patch, width // patch, (patch // cell) ** 2
        self.embed = nn.Sequential(nn.Linear(3 * patch**2, bottleneck, bias=False), nn.Linear(bottleneck, dim))
        self.embed_sketch = nn.Linear(3 * cells + 1, dim)
        self.position = nn.Parameter(torch.randn(rows, columns, dim) * 0.02)
        self.embed_phrase = nn.Linear(text_dim, dim)
        self.slot = nn.Parameter(torch.randn(slots, dim) * 0.02)
        self.condition = nn.Sequential(nn.Linear(256, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.pool_phrases = nn.Linear(slots * text_dim, dim)
        self.modulate = nn.Linear(dim, 6 * dim)
        self.blocks = nn.ModuleList(Block(dim, heads) for _ in range(depth))
        self.modulate_out = nn.Linear(dim, 2 * dim)
        self.out = nn.Linear(dim, 3 * patch**2)
        self.finish = Finish(48, finish_width, dim)
        for layer in (self.modulate, self.modulate_out, self.out, self.pool_phrases):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def positions(self, columns: int, offset: torch.Tensor) -> torch.Tensor:
        """Position vectors of a window `columns` patches wide that begins at column offset (B,): (B, N, C)."""
        window = offset[:, None] + torch.arange(columns, device=offset.device)  # (B, columns)
        return self.position[:, window].permute(1, 0, 2, 3).flatten(1, 2)

    def denoise(
        self, x: torch.Tensor, sigma: torch.Tensor, phrases: torch.Tensor, sketch: torch.Tensor,
        has_sketch: torch.Tensor, offset: torch.Tensor | None = None,
    ) -> torch.Tensor:  # fmt: skip
        """The clean picture, float32.

        x (B, 3, H, W) in float32 whatever the weights' type, or, as in training, a window of whole patch columns
        that begins at column offset (B,); sigma (B,) in 0..1; phrases (B, slots, text_dim), zeros where silent;
        sketch (B, 3, rows, columns of fine cells) in -1..1 of the same window; has_sketch (B,) 0 or 1.
        """
        batch, edge, dtype = x.shape[0], self.config.patch, self.position.dtype
        rows, columns = x.shape[-2] // edge, x.shape[-1] // edge
        offset = x.new_zeros(batch, dtype=torch.long) if offset is None else offset
        sketch = sketch * has_sketch[:, None, None, None]
        flag = has_sketch[:, None, None].expand(batch, rows * columns, 1)
        cells = F.avg_pool2d(sketch, self.config.fine)
        guide = torch.cat((to_patches(cells, edge // self.config.cell), flag), -1)
        tokens = self.embed(to_patches(x.to(dtype), edge)) + self.embed_sketch(guide) + self.positions(columns, offset)
        words = self.embed_phrase(phrases) + self.slot  # (B, slots, C)
        condition = self.condition(timestep_features(sigma, 256).to(dtype)) + self.pool_phrases(phrases.flatten(1))
        condition = F.silu(condition)
        modulation = self.modulate(condition).view(batch, 6, -1)
        tokens = torch.cat((words, tokens), 1)
        for block in self.blocks:
            tokens = block(tokens, modulation)
        shift, scale = self.modulate_out(condition)[:, None].chunk(2, -1)
        tokens = tokens[:, words.shape[1] :]
        tokens = F.layer_norm(tokens, tokens.shape[-1:]) * (1 + scale) + shift
        # What the sketch tells already need not be learned: the transformer adds to it (all, where there is none).
        guide = F.pixel_unshuffle(F.interpolate(sketch, x.shape[-2:], mode="bilinear"), 4)  # (B, 48, H/4, W/4)
        coarse = guide + F.pixel_unshuffle(to_picture(self.out(tokens), rows, edge), 4)
        level = sigma.float()[:, None, None, None]
        return F.pixel_shuffle(self.finish(coarse, F.pixel_unshuffle(x.float(), 4), guide, level, condition), 4)

    def forward(
        self,
        x: torch.Tensor,
        sigma: torch.Tensor,
        phrases: torch.Tensor,
        sketch: torch.Tensor,
        has_sketch: torch.Tensor,
    ) -> torch.Tensor:
        """The velocity in float32, shaped as x; arguments as for `denoise`."""
        clean = self.denoise(x, sigma, phrases, sketch, has_sketch)
        return (x - clean) / sigma.float().clamp(min=MIN_SIGMA)[:, None, None, None]
