"""A user's pictures: read with care, brought to a size, laid over each other. Torch-free.

Only PNG, JPEG and WebP are opened, and only of a size that cannot exhaust the memory.
"""

import cv2
import numpy as np
from PIL import Image, ImageOps

from models.errors import InputError

FORMATS = ("PNG", "JPEG", "WEBP")
MOST_PIXELS = 100_000_000  # 300 MB as RGB: more than any camera's picture
FEATHER = 6  # px at a finished picture's size over which a redrawn region passes into what stays


def read_image(path: str, what: str = "picture") -> Image.Image:
    """A picture as RGB, turned upright, see-through parts on white; InputError where the file is none."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ValueError(f"{image.width}x{image.height} px are too many")
            upright = ImageOps.exif_transpose(image)
            if not upright.has_transparency_data:
                return upright.convert("RGB")
            white = Image.new("RGBA", upright.size, "white")
            return Image.alpha_composite(white, upright.convert("RGBA")).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(
            f"{what} {path} cannot be read as an image ({error}): give a PNG, JPEG or WebP file"
        ) from error


def cover(image: Image.Image, width: int, height: int) -> Image.Image:
    """`image` resized to fill width x height, the overhang cropped evenly."""
    if image.size == (width, height):
        return image
    return ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)


def place_native(image: Image.Image, finished: tuple[int, int], native: tuple[int, int]) -> np.ndarray:
    """(h, w, 3) uint8, (h, w) of a grey one: `image` as the model draws pictures of size `finished`.

    A native picture that is scaled up to cover the finished size is cropped; what the crop would take is filled with
    the edge's colours.
    """
    pixels = np.asarray(cover(image, *finished))
    scale = max(finished[0] / native[0], finished[1] / native[1])
    missing = [max(0, round(side * scale) - own) for side, own in zip(native[::-1], finished[::-1], strict=True)]
    edges = [(total // 2, total - total // 2) for total in missing] + [(0, 0)] * (pixels.ndim - 2)
    whole = Image.fromarray(np.pad(pixels, edges, mode="edge"))
    return np.array(whole.resize(native, Image.Resampling.BOX if scale > 1 else Image.Resampling.LANCZOS))


def read_mask(path: str) -> Image.Image:
    """A mask as grey levels: white is drawn anew; InputError where it would change nothing."""
    mask = read_image(path, "mask").convert("L")
    if np.asarray(mask).max() < 128:
        raise InputError(f"mask {path} is black all over: paint white what is to be drawn anew")
    return mask


def keep_outside(drawn: np.ndarray, image: Image.Image, mask: Image.Image) -> np.ndarray:
    """(H, W, 3) uint8: `drawn` where the mask is white, `image` to the pixel elsewhere; it passes over inside."""
    height, width = drawn.shape[:2]
    share = np.asarray(cover(mask, width, height), np.float32) / 255  # (H, W)
    solid = (share >= 0.5).astype(np.uint8)
    share = np.clip(cv2.distanceTransform(np.pad(solid, 1, mode="edge"), cv2.DIST_L2, 5)[1:-1, 1:-1] / FEATHER, 0, 1)
    base = np.asarray(cover(image, width, height), np.float32)
    return np.rint(base + share[..., None] * (drawn - base)).astype(np.uint8)
