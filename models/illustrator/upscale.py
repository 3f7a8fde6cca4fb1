"""From the model's 320x180 to the size of a timeline, with flat edges kept clean.

Classical for now: edge-preserving filters first (the first weights leave grain), then linear steps of two,
each followed by a mild sharpening that is held inside the range of the neighbourhood, so that edges get steeper
without halos.
"""

import cv2
import numpy as np


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


def upscale(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """(h, w, 3) uint8 -> (height, width, 3) uint8; other aspects are covered, the overhang cropped evenly."""
    scale = max(width / picture.shape[1], height / picture.shape[0])
    wide, tall = max(width, round(picture.shape[1] * scale)), max(height, round(picture.shape[0] * scale))
    picture = flatten(picture)
    while picture.shape[1] * 2 <= wide and picture.shape[0] * 2 <= tall:
        picture = cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
        picture = sharpen(sharpen(picture))
    if picture.shape[:2] != (tall, wide):
        picture = cv2.resize(picture, (wide, tall), interpolation=cv2.INTER_LINEAR)
    top, left = (tall - height) // 2, (wide - width) // 2
    return np.ascontiguousarray(picture[top : top + height, left : left + width])
