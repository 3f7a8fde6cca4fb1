"""From the model's 320x180 to the size of a timeline, with flat edges kept clean.

The way that ships is learned (`upscaler.py`); the classical one stands beside it for comparison in `broll bench
illustrator`.
"""

import functools
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from models.illustrator.quantised import load_quantised
from models.illustrator.upscaler import FACTOR, Upscaler
from models.illustrator.vocabulary import WEIGHTS

Enlarge = Callable[[np.ndarray], np.ndarray]  # (h, w, 3) uint8 -> (FACTOR * h, FACTOR * w, 3) uint8


@functools.cache
def load_upscaler(folder: Path = WEIGHTS / "upscaler", dtype: torch.dtype = torch.float32) -> Upscaler:
    """The upscaler of `folder`; SetupError where it is missing."""
    return load_quantised(Upscaler, folder, dtype).to(memory_format=torch.channels_last)


@torch.inference_mode()
def enlarge(picture: np.ndarray, dtype: torch.dtype = torch.float32) -> np.ndarray:
    """(h, w, 3) uint8 -> (4h, 4w, 3) uint8 by the network, computed in `dtype`; h and w multiples of 4."""
    x = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 127.5 - 1
    large = load_upscaler(dtype=dtype)(x.contiguous(memory_format=torch.channels_last))[0]
    return ((large + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()


def upscale(picture: np.ndarray, width: int, height: int, enlarge: Enlarge = enlarge) -> np.ndarray:
    """(h, w, 3) uint8 -> (height, width, 3) uint8; other aspects are covered, the overhang cropped evenly."""
    if width > picture.shape[1] or height > picture.shape[0]:
        picture = enlarge(picture)
    scale = max(width / picture.shape[1], height / picture.shape[0])
    wide, tall = max(width, round(picture.shape[1] * scale)), max(height, round(picture.shape[0] * scale))
    if picture.shape[:2] != (tall, wide):
        smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        picture = cv2.resize(picture, (wide, tall), interpolation=smooth)
    top, left = (tall - height) // 2, (wide - width) // 2
    return np.ascontiguousarray(picture[top : top + height, left : left + width])


def sharpen(picture: np.ndarray, amount: float = 0.9, radius: float = 1.6) -> np.ndarray:
    """Unsharp masking without overshoot: values stay between the local minimum and maximum. (H, W, 3) uint8."""
    soft = cv2.GaussianBlur(picture, (0, 0), radius)
    sharp = cv2.addWeighted(picture, 1 + amount, soft, -amount, 0)
    kernel = np.ones((3, 3), np.uint8)
    return np.clip(sharp, cv2.erode(picture, kernel), cv2.dilate(picture, kernel))


def flatten(picture: np.ndarray) -> np.ndarray:
    """Grain out of flat areas, edges left: non-local means, then a bilateral filter. (H, W, 3) uint8 RGB."""
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)  # the filter's own order: it weighs light and colour apart
    bgr = cv2.fastNlMeansDenoisingColored(bgr, None, 6, 8, 5, 13)
    bgr = cv2.bilateralFilter(bgr, 7, 22, 3)
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def enlarge_classically(picture: np.ndarray) -> np.ndarray:
    """As `enlarge`, without learning: grain filtered out, then linear steps of two, each sharpened without halos."""
    picture, steps = flatten(picture), FACTOR.bit_length() - 1
    for _ in range(steps):
        picture = sharpen(sharpen(cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)))
    return picture
