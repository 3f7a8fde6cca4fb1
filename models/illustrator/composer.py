"""Layouts to pictures, on tensors: the training pictures, and at low resolution the sketches that guide a drawing.

Colours are 0..1. A picture is (3, 180, 320), or that times a scale: the judge learns from small ones, the upscaler
from large ones. A sketch is (3, 72, 128): the mean colour of cells of two and a half pixels, softened.
"""

import io
import json
import random
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.numpy import load_file, save_file

from models.illustrator.backgrounds import DRAW, HEIGHT, WIDTH, draw_background
from models.illustrator.data import THUMBNAIL, render
from models.illustrator.layout import Item, Layout
from models.illustrator.vocabulary import WEIGHTS, load_vocabulary

SKETCH = (72, 128)  # rows and columns of a sketch's cells
OUTLINE = (0.13, 0.11, 0.2)  # colour of the outlined style's contour


@dataclass
class Bank:
    """Drawings by concept and look, and backgrounds by setting; all uint8 on one device."""

    drawings: torch.Tensor  # (N, 4, S, S) straight alpha
    index: dict[tuple[str, str], list[int]]  # (concept, look) -> rows; look is "flat" | "gradient"
    backgrounds: dict[str, torch.Tensor]  # setting -> (K, 3, 180, 320); empty: drawn when asked for

    def drawing(self, concept: str, look: str, rng: random.Random) -> torch.Tensor:
        """(4, S, S) float in 0..1 of a concept, in the wanted look where there is one."""
        other = "gradient" if look == "flat" else "flat"
        rows = self.index.get((concept, look)) or self.index[(concept, other)]
        return self.drawings[rng.choice(rows)].float() / 255

    def background(self, setting: str, seed: int, scale: float = 1) -> torch.Tensor:
        """(3, 180 * scale, 320 * scale) float in 0..1."""
        known = self.backgrounds.get(setting)
        if known is not None and scale == 1:
            return known[seed % len(known)].float() / 255
        size = (round(WIDTH * scale), round(HEIGHT * scale))
        return torch.from_numpy(draw_background(setting, seed, size)).permute(2, 0, 1).float() / 255


def load_bank(path: Path, size: int = 192, backgrounds: int = 48, held_out: bool = False) -> Bank:
    """The bank of the data set's zip, rendered at `size` px: the drawings for training, or those held out of it.

    Rendering takes a minute, so it is done once and kept beside the zip.
    """
    kept = path.with_name(f"{path.stem}_{size}_{backgrounds}_{'held' if held_out else 'train'}.safetensors")
    with zipfile.ZipFile(path) as archive:
        entries = [e for e in json.loads(archive.read("manifest.json")) if e["held_out"] == held_out]
        if not kept.exists() or kept.stat().st_mtime < path.stat().st_mtime:
            drawings = render_drawings(archive, entries, size)
            scenes = {s: np.stack([draw_background(s, k).transpose(2, 0, 1) for k in range(backgrounds)]) for s in DRAW}
            part = kept.with_name(kept.name + ".part")
            # The format stores memory as it lies: arrays that are views with other strides would come back scrambled.
            save_file({k: np.ascontiguousarray(v) for k, v in {"drawings": drawings, **scenes}.items()}, part)
            part.replace(kept)
    tensors = load_file(kept)
    pictures = torch.from_numpy(tensors.pop("drawings"))
    return Bank(pictures, index_drawings(entries), {s: torch.from_numpy(stack) for s, stack in tensors.items()})


def load_some(path: Path, size: int, concepts: int, rng: random.Random) -> Bank:
    """The training drawings of a few concepts at `size` px: so large, all of them would not fit into memory."""
    with zipfile.ZipFile(path) as archive:
        entries = [e for e in json.loads(archive.read("manifest.json")) if not e["held_out"]]
        chosen = set(rng.sample(sorted({entry["concept"] for entry in entries}), concepts))
        entries = [entry for entry in entries if entry["concept"] in chosen]
        return Bank(torch.from_numpy(render_drawings(archive, entries, size)), index_drawings(entries), {})


def render_drawings(archive: zipfile.ZipFile, entries: list[dict], size: int) -> np.ndarray:
    """(N, 4, size, size) uint8 of the manifest's entries."""
    return np.stack([render(archive.read(e["file"]).decode(), size).transpose(2, 0, 1) for e in entries])


def index_drawings(entries: list[dict]) -> dict[tuple[str, str], list[int]]:
    """(concept, look) -> rows among the entries."""
    index: dict[tuple[str, str], list[int]] = {}
    for row, entry in enumerate(entries):
        index.setdefault((entry["concept"], entry["look"]), []).append(row)
    return index


def load_sketchbook(path: Path = WEIGHTS / "sketchbook.png") -> Bank:
    """The shipped bank: one 64-pixel thumbnail a concept, from which sketches are composed."""
    sheet = np.array(Image.open(io.BytesIO(path.read_bytes())).convert("RGBA"))
    names, thumbnails = load_vocabulary().names, []
    for number in range(len(names)):
        top, left = number // 32 * THUMBNAIL, number % 32 * THUMBNAIL
        thumbnails.append(sheet[top : top + THUMBNAIL, left : left + THUMBNAIL].transpose(2, 0, 1))
    return Bank(torch.from_numpy(np.stack(thumbnails)), {(n, "flat"): [k] for k, n in enumerate(names)}, {})


def paste(canvas: torch.Tensor, colour: torch.Tensor, alpha: torch.Tensor, left: int, top: int) -> None:
    """Lay colour (3, h, w) with alpha (1, h, w) on canvas (3, H, W) in place, clipped at its edges."""
    height, width = alpha.shape[-2:]
    y0, y1, x0, x1 = max(top, 0), min(top + height, canvas.shape[1]), max(left, 0), min(left + width, canvas.shape[2])
    if y0 >= y1 or x0 >= x1:
        return
    alpha = alpha[:, y0 - top : y1 - top, x0 - left : x1 - left]
    colour = colour[:, y0 - top : y1 - top, x0 - left : x1 - left]
    canvas[:, y0:y1, x0:x1] = canvas[:, y0:y1, x0:x1] * (1 - alpha) + colour * alpha


def shadow(canvas: torch.Tensor, item: Item) -> None:
    """A soft ellipse at the item's foot."""
    width, height = max(int(item.size * 0.9), 4), max(int(item.size * 0.16), 3)
    y = torch.linspace(-1, 1, height, device=canvas.device)[:, None]
    x = torch.linspace(-1, 1, width, device=canvas.device)
    alpha = ((1 - x**2 - y**2).clamp(0, 1) * 0.38)[None]
    foot = int(item.y + item.size * 0.47)
    paste(
        canvas, torch.zeros(3, height, width, device=canvas.device), alpha, int(item.x) - width // 2, foot - height // 2
    )


def paste_item(canvas: torch.Tensor, drawing: torch.Tensor, item: Item, outlined: bool) -> None:
    """Scale a drawing (4, S, S) to its item's size and lay it on the canvas."""
    size = max(round(item.size), 4)
    premultiplied = torch.cat([drawing[:3] * drawing[3:], drawing[3:]])[None]
    picture = F.interpolate(premultiplied, (size, size), mode="bilinear", antialias=True)[0].clamp(0, 1)
    picture = picture.flip(-1) if item.flip else picture
    colour, alpha = picture[:3] / picture[3:].clamp(min=1e-3), picture[3:]
    left, top = round(item.x - size / 2), round(item.y - size / 2)
    if outlined:
        reach = max(round(size / 45), 1)
        wide = F.pad(alpha, (reach,) * 4)
        wide = F.max_pool2d(wide[None], 2 * reach + 1, 1, reach)[0]
        ink = canvas.new_tensor(OUTLINE)[:, None, None].expand(3, *wide.shape[-2:])
        paste(canvas, ink, wide, left - reach, top - reach)
    paste(canvas, colour, alpha, left, top)


def camera_grid(layout: Layout, canvas: torch.Tensor) -> torch.Tensor:
    """Where each pixel of a canvas (3, H, W) looks, (H, W, 2) in -1..1: camera angle and lens as one mapping."""
    rows, columns = (torch.linspace(-1, 1, side, device=canvas.device) for side in canvas.shape[1:])
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    if layout.lens == "wide-angle lens":
        bulge = 0.86 + 0.2 * (x**2 + y**2)
        x, y = x * bulge, y * bulge
    if layout.camera_angle == "low angle":  # looking up: verticals close towards the top
        x, y = x * (0.97 - 0.27 * y), y - 0.06
    elif layout.camera_angle == "high angle":  # looking down: they close towards the bottom
        x, y = x * (0.97 + 0.27 * y), y * 0.98 + 0.04
    elif layout.camera_angle == "dutch angle":
        sine, cosine, zoom = 0.208, 0.978, 0.86  # twelve degrees, enlarged so that few corners are empty
        ratio = WIDTH / HEIGHT
        x, y = zoom * (cosine * x - sine * y / ratio), zoom * (sine * x * ratio + cosine * y)
    return torch.stack((x, y), -1)


def blur(picture: torch.Tensor, factor: float = 6) -> torch.Tensor:
    """(3, H, W) out of focus."""
    small = F.interpolate(picture[None], scale_factor=1 / factor, mode="bilinear", antialias=True)
    return F.interpolate(small, picture.shape[-2:], mode="bicubic")[0].clamp(0, 1)


LUMA = (0.299, 0.587, 0.114)


def saturate(picture: torch.Tensor, amount: float) -> torch.Tensor:
    grey = torch.einsum("...chw,c->...hw", picture, picture.new_tensor(LUMA)).unsqueeze(-3)
    return grey + (picture - grey) * amount


def apply_palette(picture: torch.Tensor, palette: str) -> torch.Tensor:
    """(3, H, W) in the palette's colours."""
    if palette == "pastel palette":
        return saturate(picture, 0.75) * 0.6 + 0.4
    if palette == "vivid palette":
        return (saturate(picture, 1.6) - 0.5) * 1.1 + 0.5
    if palette == "muted palette":
        return saturate(picture, 0.4) * 0.88 + 0.06
    if palette == "monochrome blue palette":
        grey = torch.einsum("chw,c->hw", picture, picture.new_tensor(LUMA))[None]
        dark, light = picture.new_tensor((0.03, 0.1, 0.3)), picture.new_tensor((0.88, 0.94, 1.0))
        return dark[:, None, None] + grey * (light - dark)[:, None, None]
    return picture


TINTS = {"warm evening light": (1.08, 0.9, 0.66), "cool light": (0.78, 0.94, 1.1), "night": (0.34, 0.4, 0.68)}


def apply_lighting(picture: torch.Tensor, layout: Layout) -> torch.Tensor:
    """(3, H, W) under the layout's light."""
    if layout.lighting in TINTS:
        return picture * picture.new_tensor(TINTS[layout.lighting])[:, None, None]
    if layout.lighting == "spotlight":
        item, scale = layout.items[-1], picture.shape[-1] / WIDTH
        y = (torch.arange(picture.shape[-2], device=picture.device) - item.y)[:, None]
        x = torch.arange(picture.shape[-1], device=picture.device) - item.x
        reach = max(item.size, 60 * scale) * 0.72
        mask = torch.sigmoid((reach - torch.sqrt(x**2 + y**2)) / (7 * scale))
        return picture * (0.3 + 0.78 * mask)
    return picture


def enlarge(layout: Layout, scale: float) -> Layout:
    """The layout on a canvas `scale` times as large."""
    items = (replace(item, x=item.x * scale, y=item.y * scale, size=item.size * scale) for item in layout.items)
    return replace(layout, items=tuple(items))


def compose(layout: Layout, bank: Bank, rng: random.Random, scale: float = 1) -> torch.Tensor:
    """One picture, (3, 180 * scale, 320 * scale) in 0..1."""
    layout = enlarge(layout, scale) if scale != 1 else layout
    canvas = bank.background(layout.setting, layout.background, scale).clone()
    if layout.lens == "shallow focus":
        canvas = blur(canvas, 6 * scale)
    look = "gradient" if layout.style == "soft gradient illustration" else "flat"
    chosen: dict[str, torch.Tensor] = {}
    for item in layout.items:
        if item.concept not in chosen:
            chosen[item.concept] = bank.drawing(item.concept, look, rng)
        if item.grounded:
            shadow(canvas, item)
        paste_item(canvas, chosen[item.concept], item, layout.style == "outlined illustration")
    if layout.lens == "wide-angle lens" or layout.camera_angle != "eye level":
        grid = camera_grid(layout, canvas)[None]
        canvas = F.grid_sample(canvas[None], grid, padding_mode="reflection", align_corners=True)[0]
    return apply_lighting(apply_palette(canvas, layout.palette), layout).clamp(0, 1)


def soften(cells: torch.Tensor, rounds: int) -> torch.Tensor:
    """Cells (B, 3, rows, columns) blurred by `rounds` binomial filters, as a coarser hand would have laid them out."""
    kernel = cells.new_tensor([1.0, 2.0, 1.0]) / 4
    weight = (kernel[:, None] * kernel).expand(3, 1, 3, 3)
    for _ in range(rounds):
        cells = F.conv2d(F.pad(cells, (1, 1, 1, 1), mode="replicate"), weight, groups=3)
    return cells


def sketch_of(pictures: torch.Tensor, rounds: int = 1) -> torch.Tensor:
    """(B, 3, 180, 320) -> (B, 3, 72, 128): mean colours of the cells, softened."""
    return soften(F.adaptive_avg_pool2d(pictures, SKETCH), rounds)
