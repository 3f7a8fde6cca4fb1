"""Which candidate is best, and which is none at all: a near-copy of the frame is refused, a new image is promised.

Likeness is measured on small grey pictures with their brightness and contrast taken out, so that scaling,
recompression, a filter or a colour cast hides nothing; twice, because each measure alone is fooled: the layout by
two pictures that merely share a dark ground, the edges by two that merely share a frame around them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from models.prompt import Prompt

Score = Callable[[Sequence[np.ndarray], Sequence[str]], np.ndarray]

WIDTH, HEIGHT = 96, 54  # px: keeps who stands where, loses grain and lettering
HASH_SIDE = 8  # 63 bits of the lowest frequencies
# Set on 38 film frames and 8 slides: of 3,312 pairs with drawings none is taken for a copy, 1 % differ in fewer than
# 22 bits, 1 % lie above 0.45 in layout and 0.35 in edges; copies scaled, dimmed, blurred, cropped, posterised are all
# found, those cropped by a tenth on each side in 15 of 16.
SAME_BITS = 14  # of 63 may differ
SAME_LAYOUT = 0.80  # correlation of the small grey pictures
SAME_EDGES = 0.50  # correlation of their blurred edge strengths
FLAT = 2.0  # grey levels of standard deviation: below, a picture shows nothing that could be copied
MIN_VARIETY = 4.0  # grey levels of standard deviation: below, a drawing is an empty sheet


@dataclass(frozen=True)
class Verdict:
    score: float  # the judge's similarity of picture and prompt, higher is better
    note: str  # why the picture is refused, "" where it may be used


def judge_candidates(
    pictures: Sequence[np.ndarray], frame: np.ndarray | None, prompt: Prompt, score: Score
) -> tuple[Verdict, ...]:
    """One verdict per picture, (H, W, 3) uint8 RGB; `frame` is the scene's keyframe, None where there is none."""
    if not pictures:
        return ()
    scores = np.asarray(score(pictures, [prompt.core or prompt.subject]), dtype=float)[:, 0]  # (n_pictures,)
    return tuple(
        Verdict(round(float(value), 6) if np.isfinite(value) else 0.0, find_fault(picture, frame))
        for picture, value in zip(pictures, scores, strict=True)
    )


def choose_best(verdicts: Sequence[Verdict]) -> int:
    """Index of the best verdict that is not refused, the first of equals; -1 where all are refused."""
    able = [i for i, verdict in enumerate(verdicts) if not verdict.note]
    return max(able, key=lambda i: (verdicts[i].score, -i), default=-1)


def find_fault(picture: np.ndarray, frame: np.ndarray | None) -> str:
    """Why a picture must not be used, "" where nothing speaks against it."""
    if _small_grey(picture).std() < MIN_VARIETY:
        return "empty: one even colour"
    if frame is not None and is_near_copy(picture, frame):
        return "near-copy of the frame"
    return ""


def is_near_copy(picture: np.ndarray, frame: np.ndarray) -> bool:
    """True where `picture` restates `frame`, both (H, W, 3) uint8 RGB of any size; mirrored copies count."""
    one, other = _small_grey(picture), _small_grey(frame)
    if one.std() < FLAT or other.std() < FLAT:
        return False
    return _is_like(one, other) or _is_like(one[:, ::-1], other)


def _is_like(one: np.ndarray, other: np.ndarray) -> bool:
    bits = int(np.count_nonzero(_hash_bits(one) != _hash_bits(other)))
    same_layout = bits <= SAME_BITS or abs(_correlate(one, other)) >= SAME_LAYOUT  # abs: a negative is a copy too
    return same_layout and _correlate(_edges(one), _edges(other)) >= SAME_EDGES


def _small_grey(image: np.ndarray) -> np.ndarray:
    """(HEIGHT, WIDTH) float32 luma."""
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(np.float32)


def _hash_bits(grey: np.ndarray) -> np.ndarray:
    """(63,) bool: each low frequency against their median, the constant one left out."""
    low = cv2.dct(np.ascontiguousarray(cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA)))
    low = low[:HASH_SIDE, :HASH_SIDE].ravel()[1:]
    return low > np.median(low)


def _edges(grey: np.ndarray) -> np.ndarray:
    """(HEIGHT, WIDTH) strength of edges, blurred so that a shift of a pixel or two changes little."""
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    strength = np.sqrt(cv2.magnitude(across, down))  # the root: weak edges count beside one strong outline
    return cv2.GaussianBlur(strength, (0, 0), 1.2)


def _correlate(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's correlation, -1..1; 0 where either is constant."""
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((one * one).sum() * (other * other).sum()))
    return float((one * other).sum()) / scale if scale > 1e-6 else 0.0
