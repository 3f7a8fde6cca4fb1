"""Soft ends of shots: dissolves, where one picture passes into another, and fades through black or white.

In a dissolve every frame is a mixture of the picture before and the one after, in growing parts. A zoom or a walk
through the picture is no mixture, and changing light leaves the forms as they are.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

LENGTHS = (5, 8, 12, 18, 27, 40, 60)  # frames, of dissolves looked for; between them the nearest fits well enough
LEAST_CHANGE = 8.0  # mean CIELAB distance (8-bit units) of the pictures before and after
MOST_RESIDUE = 0.22  # of that distance: how far the middle may be from a mixture; a cut has 0.5, motion 0.3
STEADY = 0.35  # of that distance: how much the picture may change just before and just after
MOST_ALIKE = 0.8  # correlation of the brightness before and after: above, the light changed and not the picture
EVEN_SPREAD = 6.0  # 8-bit levels: a picture that varies less is plain black or white
LONGEST_PLAIN = 3.0  # s of it that are a fade; a longer one is a shot of its own


@dataclass(frozen=True)
class Boundary:
    """Where one shot ends and the next begins."""

    time: float  # s, the first frame that is reckoned to the new shot
    first: float  # s, where the change begins
    last: float  # s, where it is over; all three are the same for a hard cut
    kind: str  # cut | dissolve | fade


def find_transitions(
    times: Sequence[float], grids: Sequence[np.ndarray], holes: Collection[int], cuts: Sequence[Boundary]
) -> list[Boundary]:
    """Dissolves and fades in stretches of frames without holes, in order; grids (18, 32, 3) uint8 CIELAB."""
    edges = [0, *sorted(holes), len(grids)]
    found: list[Boundary] = []
    for begin, end in zip(edges, edges[1:], strict=False):
        if end - begin >= LENGTHS[0] + 2:
            stretch = np.stack(grids[begin:end])  # (n, 18, 32, 3)
            fades = _find_fades(times[begin:end], stretch, cuts)
            found += fades + _find_dissolves(times[begin:end], stretch, [*cuts, *fades])
    return sorted(found, key=lambda boundary: boundary.time)


def _find_fades(times: Sequence[float], grids: np.ndarray, cuts: Sequence[Boundary]) -> list[Boundary]:
    """Stretches of plain black or white between two pictures, entered and left without a cut."""
    bright = grids[..., 0].astype(np.float32).reshape(len(grids), -1)  # (n, cells)
    mean, spread = bright.mean(axis=1), bright.std(axis=1)
    plain = (spread < EVEN_SPREAD) & ((mean < 30) | (mean > 230))
    found = []
    for first, last in _runs_of_true(plain):
        if first == 0 or last == len(plain) or times[last] - times[first] > LONGEST_PLAIN:
            continue
        start, end = _slope(spread, first, -1), _slope(spread, last - 1, 1)
        soft = end - start > (last - first) + 3
        cut = any(times[start] <= boundary.time <= times[end] for boundary in cuts)
        if soft and not cut:
            found.append(Boundary(times[(first + last) // 2], times[start], times[end], "fade"))
    return found


def _slope(spread: np.ndarray, place: int, step: int) -> int:
    """The frame at which the contrast, followed from `place` on, stops growing."""
    top = place
    while 0 <= top + step < len(spread) and spread[top + step] > spread[top] + 0.3:
        top += step
    return top


def _runs_of_true(flags: np.ndarray) -> list[tuple[int, int]]:
    """Half-open index ranges in which the flags are set."""
    steps = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(steps[::2], steps[1::2], strict=True)]


def _find_dissolves(times: Sequence[float], grids: np.ndarray, known: Sequence[Boundary]) -> list[Boundary]:
    candidates = []
    for length in LENGTHS:
        for residue, change, first in _mixtures(grids, length):
            candidates.append((residue - 0.002 * change, first, first + length))
    chosen: list[tuple[int, int]] = []
    for _, first, last in sorted(candidates):
        inside = any(times[first] <= boundary.last and boundary.first <= times[last] for boundary in known)
        if not inside and all(last <= a or b <= first for a, b in chosen):
            chosen.append((first, last))
    return [Boundary(times[(a + b + 1) // 2], times[a], times[b], "dissolve") for a, b in sorted(chosen)]


def _mixtures(grids: np.ndarray, length: int) -> list[tuple[float, float, int]]:
    """(residue, change, first frame) of the windows of `length` frames that pass evenly from one picture to another."""
    count = len(grids) - length
    found = []
    margin = max(2, length // 4)
    for k in range(margin, count - margin):
        change = _distance(grids[k], grids[k + length])
        if change < LEAST_CHANGE:
            continue
        before, after = grids[k].astype(np.float32), grids[k + length].astype(np.float32)
        residue = max(
            np.abs(grids[k + length * part // 4] - (before * (4 - part) + after * part) / 4).mean() * 3 / change
            for part in (1, 2, 3)
        )
        if residue > MOST_RESIDUE:
            continue
        steady = max(_distance(grids[k - margin], grids[k]), _distance(grids[k + length], grids[k + length + margin]))
        if steady > STEADY * change or _alike(before[..., 0], after[..., 0]) > MOST_ALIKE:
            continue
        found.append((float(residue), float(change), k))
    return found


def _distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(np.int16) - other).mean()) * 3


def _alike(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation of two pictures' brightness; 0 where one of them is plain."""
    one, other = one - one.mean(), other - other.mean()
    size = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / size if size > 1e-3 else 0.0
