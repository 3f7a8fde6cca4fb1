"""Shots: where the picture is cut, and a sharp, typical frame of each stretch between two cuts.

Every frame is decoded once, small and in order. Two frames differ by the mean distance of their colours on a
coarse grid, which a moving speaker hardly changes and a cut changes everywhere; where the whole picture moved (a
pan, a shaking hand) it is compared in its moved place. A cut is a difference that is large, stands out from its
neighbours in time, and parts two pictures for good: after a flash the old one comes back.
"""

import os
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from models.errors import DecodeError
from tasks.media import read_frames
from tasks.records import Shot, Video

SCAN_WIDTH = 160  # px; a cut shows at any size, and sharpness can be compared at this one
GRID = (32, 18)  # cells across and down, of the comparison
LEAST_CHANGE = 6.0  # mean CIELAB distance (8-bit units) of a cut; noise and compression stay under 2
STANDS_OUT = 3.0  # a cut differs this many times more than the frames around it
AROUND = 0.3  # s on either side that count as around
FLASH = 5  # frames; a picture that is back after so many was never left
BACK = 0.5  # of the change: nearer to the picture before than this means that it came back
SHORTEST = 0.2  # s; of two cuts that are nearer, the stronger one counts
SAMPLE = 0.25  # s; the sharpest frame of each such span can become a keyframe
MARGIN = 0.15  # s beside a cut that a keyframe avoids: frames there are often blended
KEYFRAME_WIDTH = 1280  # px at most
JPEG_QUALITY = 92


@dataclass
class Scan:
    """What one pass over all frames keeps: a few numbers a frame, one small picture a quarter second."""

    times: list[float]  # s, of every frame
    changes: list[float]  # from the frame before, as moved; 0 for the first
    returns: list[float]  # least distance between the few frames before and the few from this one on
    samples: list[tuple[float, float, np.ndarray]]  # (time s, sharpness, grid (18, 32, 3) uint8 CIELAB)


def find_shots(video: Video, folder: Path) -> tuple[Shot, ...]:
    """The shots of a video, in order and without gaps; their keyframes are saved under `folder`/frames.

    A shot's times are time stamps of frames; the last one ends with the video. Raises DecodeError.
    """
    scan = scan_frames(read_frames(video, width=SCAN_WIDTH))
    if not scan.times:
        raise DecodeError(f"{video.path!r} gave no frame")
    starts = [scan.times[0], *find_cuts(scan)]
    end = video.start + video.duration
    if end <= scan.times[-1]:  # an AVI tells no times of showing: prober and decoder may guess differently
        end = scan.times[-1] + float(1 / video.frame_rate)
    spans = list(zip(starts, [*starts[1:], end], strict=True))
    chosen = [choose_keyframe(scan, start, end) for start, end in spans]
    saved = _save_keyframes(video, chosen, Path(folder))
    return tuple(
        Shot(start, end, round(start * video.frame_rate), round(end * video.frame_rate), *keyframe)
        for (start, end), keyframe in zip(spans, saved, strict=True)
    )


def scan_frames(frames: Iterable[tuple[float, np.ndarray]]) -> Scan:
    """Measures frames (time s, (H, W, 3) uint8 RGB) as they come; holds a handful of them at a time."""
    scan = Scan([], [], [], [])
    grids: deque[np.ndarray] = deque(maxlen=2 * FLASH)  # the last is the newest
    before = None
    for time, frame in frames:
        grids.append(_grid(frame))
        scan.times.append(time)
        scan.changes.append(0.0 if before is None else _change(before, frame))
        if len(scan.times) >= FLASH:
            scan.returns.append(_return_distance(list(grids)))
        _keep_sample(scan.samples, time, _sharpness(frame), grids[-1])
        before = frame
    scan.returns += [np.inf] * (len(scan.times) - len(scan.returns))  # too few frames follow to tell a flash
    return scan


def find_cuts(scan: Scan) -> list[float]:
    """Time stamps (s) of the first frames of new shots."""
    changes, times = np.array(scan.changes), np.array(scan.times)
    strong = changes >= LEAST_CHANGE
    stays = np.array(scan.returns) >= BACK * changes
    cuts: list[int] = []
    for k in map(int, np.flatnonzero(strong & stays)):
        if changes[k] < STANDS_OUT * _around(changes, times, k):
            continue
        if cuts and times[k] - times[cuts[-1]] < SHORTEST:
            if changes[k] > changes[cuts[-1]]:
                cuts[-1] = k
        else:
            cuts.append(k)
    return [float(times[k]) for k in cuts]


def choose_keyframe(scan: Scan, start: float, end: float) -> float:
    """Time stamp (s) of the sharp frame that is most like the rest of the shot [start, end)."""
    inside = [sample for sample in scan.samples if start <= sample[0] < end]
    middle = [sample for sample in inside if start + MARGIN <= sample[0] < end - MARGIN] or inside
    if not middle:  # a shot so short that its sample lies in the neighbour's span
        return min((time for time in scan.times if start <= time < end), default=start)
    grids = np.stack([grid for _, _, grid in middle]).astype(np.float32)  # (n, 18, 32, 3)
    away = np.abs(grids - np.median(grids, axis=0)).mean(axis=(1, 2, 3))
    sharp = np.array([sharpness for _, sharpness, _ in middle])
    # Sharpness counts up to that of the sharpest sixth: a moment of noise is far sharper than any face.
    crisp = np.minimum(sharp / (np.quantile(sharp, 5 / 6) + 1e-6), 1.0)
    score = crisp - away / (np.median(away) + 1.0)
    return middle[int(np.argmax(score))][0]


def _grid(frame: np.ndarray) -> np.ndarray:
    """(18, 32, 3) uint8 CIELAB: the frame's colours, blind to small movements and to noise."""
    return cv2.cvtColor(cv2.resize(frame, GRID, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2LAB)


def _distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(cv2.absdiff(one, other).mean()) * 3  # the sum over the three channels, averaged over cells


def _change(before: np.ndarray, frame: np.ndarray) -> float:
    """Distance between two frames (H, W, 3); where it is large, of what both show after the best shift."""
    plain = _distance(_grid(before), _grid(frame))
    if plain < LEAST_CHANGE:
        return plain
    height, width = frame.shape[:2]
    old, new = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) for image in (before, frame))
    (right, down), _ = cv2.phaseCorrelate(old, new, cv2.createHanningWindow((width, height), cv2.CV_32F))
    if not np.isfinite([right, down]).all() or abs(right) > width / 3 or abs(down) > height / 3:
        return plain
    # Shifted by parts of a pixel: whole pixels would let a steady pan of a fine texture flicker.
    moved = cv2.warpAffine(before, np.array([[1, 0, right], [0, 1, down]], np.float32), (width, height))
    x, y = int(np.ceil(abs(right))), int(np.ceil(abs(down)))
    rows = slice(y, height) if down > 0 else slice(0, height - y)
    columns = slice(x, width) if right > 0 else slice(0, width - x)
    return min(plain, _distance(_grid(moved[rows, columns]), _grid(frame[rows, columns])))


def _return_distance(grids: list[np.ndarray]) -> float:
    """For the frame that has FLASH - 1 after it: how near a frame before it is to one from it on.

    The two frames right at the change are left out: theirs is the change itself.
    """
    cut = len(grids) - FLASH
    pairs = [(a, b) for a in range(max(0, cut - FLASH), cut) for b in range(cut, len(grids)) if 1 < b - a <= FLASH + 1]
    return min((_distance(grids[a], grids[b]) for a, b in pairs), default=np.inf)


def _sharpness(frame: np.ndarray) -> float:
    """Variance of the Laplacian: high where edges are crisp, low in blur, fades and blank frames."""
    return float(cv2.Laplacian(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.CV_32F).var())


def _keep_sample(samples: list, time: float, sharpness: float, grid: np.ndarray) -> None:
    """Keeps the sharpest frame of each span of SAMPLE seconds."""
    if samples and int(samples[-1][0] / SAMPLE) == int(time / SAMPLE):
        if sharpness > samples[-1][1]:
            samples[-1] = (time, sharpness, grid)
    else:
        samples.append((time, sharpness, grid))


def _around(changes: np.ndarray, times: np.ndarray, k: int) -> float:
    """The usual change beside frame `k`; a second strong one beside it (a flash, a short shot) does not count."""
    near = np.flatnonzero(np.abs(times[max(0, k - 60) : k + 61] - times[k]) <= AROUND) + max(0, k - 60)
    others = np.sort(changes[near[near != k]])
    return float(others[: max(1, len(others) - 2)].mean()) if len(others) else 0.0


def _save_keyframes(video: Video, times: list[float], folder: Path) -> list[tuple[float, str]]:
    """(time s, relative path) of the saved frames. Names do not end in digits: editors join such files to films."""
    (folder / "frames").mkdir(parents=True, exist_ok=True)
    saved = []
    for k, (time, frame) in enumerate(read_frames(video, times=times, width=KEYFRAME_WIDTH)):
        name = f"frames/shot_{k:03d}_k.jpg"
        _write_jpeg(folder / name, frame)
        saved.append((time, name))
    return saved


def _write_jpeg(path: Path, frame: np.ndarray) -> None:
    done, data = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise DecodeError(f"the keyframe {path.name!r} could not be packed as a JPEG")
    part = path.with_name(path.name + ".part")
    part.write_bytes(data.tobytes())
    os.replace(part, path)
