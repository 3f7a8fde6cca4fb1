"""Shots: where the picture is cut, dissolves or fades, and a sharp, typical frame of each stretch between.

`tasks.scan` tells which frames need a look; the others changed nothing. Two frames differ by the mean distance of
their colours on a coarse grid, which a moving speaker hardly changes and a cut changes everywhere; where the whole
picture moved (a pan, a shaking hand) it is compared in its moved place. A cut is a difference that is large, stands
out from its neighbours in time, and parts two pictures for good: after a flash the old one comes back. Dissolves and
fades are found by `tasks.transitions`.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from models.errors import DecodeError
from tasks.media import read_frames, shown_size
from tasks.packets import (
    Group,
    Packets,
    Span,
    choose_glimpses,
    find_changes,
    find_groups,
    is_sudden,
    join_spans,
    search_hole,
)
from tasks.records import Shot, Video
from tasks.scan import ScanError, decode_spans, grab_pictures, read_packets
from tasks.transitions import Boundary, find_transitions

SCAN_WIDTH = 160  # px; a cut shows at any size, and sharpness can be compared at this one
GRID = (32, 18)  # cells across and down, of the comparison
LEAST_CHANGE = 6.0  # mean CIELAB distance (8-bit units) of a cut; noise and compression stay under 2
CLEAR = 12.0  # the same, of frames seconds apart: more than a speaker's moving about
HIDDEN = 9.0  # between frames seconds apart: what lies between has to be looked at
STANDS_OUT = 3.0  # a cut differs this many times more than the frames around it
AROUND = 0.3  # s on either side that count as around
FLASH = 5  # frames; a picture that is back after so many was never left
BACK = 0.5  # of the change: nearer to the picture before than this means that it came back
SHORTEST = 0.2  # s; of two cuts that are nearer, the stronger one counts
SAMPLE = 0.25  # s; the sharpest frame of each such span can become a keyframe
MARGIN = 0.15  # s beside a cut that a keyframe avoids: frames there are often blended
KEYFRAME_WIDTH = 1280  # px at most
JPEG_QUALITY = 92


@dataclass(frozen=True)
class Frame:
    """A frame that is looked at."""

    time: float  # s
    picture: np.ndarray  # (H, W, 3) uint8 RGB
    key: bool = False  # a key frame of the stream: it can be decoded alone
    hole: bool | None = None  # were frames left out before it, and if so, would a change be a cut right here?


@dataclass(frozen=True)
class Sample:
    """A frame that may become a shot's keyframe."""

    time: float  # s
    sharpness: float
    grid: np.ndarray  # (18, 32, 3) uint8 CIELAB
    cheap: bool  # a key frame of the stream


@dataclass
class Scan:
    """What one pass over the frames keeps: a few numbers and a grid a frame, one small picture a quarter second."""

    times: list[float] = field(default_factory=list)  # s, of every frame looked at
    changes: list[float] = field(default_factory=list)  # from the frame before, as moved; 0 for the first
    grids: list[np.ndarray] = field(default_factory=list)  # (18, 32, 3) uint8 CIELAB
    samples: list[Sample] = field(default_factory=list)
    holes: set[int] = field(default_factory=set)  # frames before which some were left out
    hidden: list[tuple[float, float]] = field(default_factory=list)  # (s, s) holes that hide a change


def find_shots(video: Video, folder: Path, notice: Callable[[str], None] = lambda text: None) -> tuple[Shot, ...]:
    """The shots of a video, in order and without gaps; their keyframes are saved under `folder`/frames.

    A shot's times are time stamps of frames; the last one ends with the video. `notice` is told where the whole
    file had to be decoded. Raises DecodeError.
    """
    try:
        scan, boundaries, grab = _see_quickly(video)
    except ScanError as error:
        notice(f"shots: every frame was decoded, which takes longer, since of the file {error}")
        scan, boundaries, grab = _see_everything(video)
    if not scan.times:
        raise DecodeError(f"{video.path!r} gave no frame")
    starts = [scan.times[0], *(boundary.time for boundary in boundaries)]
    settled = [scan.times[0], *(boundary.last for boundary in boundaries)]
    opens = ["start", *(boundary.kind for boundary in boundaries)]
    end = video.start + video.duration
    if end <= scan.times[-1]:  # an AVI tells no times of showing: prober and decoder may guess differently
        end = scan.times[-1] + float(1 / video.frame_rate)
    spans = list(zip(starts, [*starts[1:], end], strict=True))
    chosen = [choose_keyframe(scan, *span, clear) for span, clear in zip(spans, settled, strict=True)]
    saved = _save_keyframes(grab, chosen, Path(folder))
    return tuple(
        Shot(start, end, round(start * video.frame_rate), round(end * video.frame_rate), *keyframe, how)
        for (start, end), keyframe, how in zip(spans, saved, opens, strict=True)
    )


Grab = Callable[[list[float]], Iterable[tuple[float, np.ndarray]]]


def _see_everything(video: Video) -> tuple[Scan, list[Boundary], Grab]:
    """Every frame, and how to get some of them large."""
    scan = scan_frames(every_frame(read_frames(video, width=SCAN_WIDTH)))
    return scan, find_boundaries(scan), lambda times: read_frames(video, times=times, width=KEYFRAME_WIDTH)


def _see_quickly(video: Video) -> tuple[Scan, list[Boundary], Grab]:
    """Key frames and what changes, and how to get some of them large. Raises ScanError where that does not do."""
    packets = read_packets(video)
    groups = find_groups(packets)

    def grab(times: list[float]) -> Iterator[tuple[float, np.ndarray]]:
        stamps = [packets.stamp(time) for time in times]
        for stamp, picture in grab_pictures(video, packets, groups, stamps, KEYFRAME_WIDTH):
            yield packets.seconds(stamp), picture

    scan = scan_spans(video, packets, groups, [*choose_glimpses(packets, groups), *find_changes(packets, groups)])
    boundaries = find_boundaries(scan)
    holes = [(packets.stamp(one), packets.stamp(other)) for one, other in scan.hidden]
    if again := [span for hole in holes for span in search_hole(packets, groups, hole)]:
        more = scan_spans(video, packets, groups, again)
        boundaries = join_boundaries(boundaries, find_boundaries(more))
        scan.samples = sorted([*scan.samples, *more.samples], key=lambda sample: sample.time)
    return scan, boundaries, grab


def join_boundaries(known: Sequence[Boundary], more: Sequence[Boundary]) -> list[Boundary]:
    """Both in order; of those that stand for the same change, the one known before."""

    def is_new(one: Boundary) -> bool:
        return all(one.first > other.last + SHORTEST or one.last < other.first - SHORTEST for other in known)

    return sorted([*known, *filter(is_new, more)], key=lambda boundary: boundary.time)


def scan_spans(video: Video, packets: Packets, groups: Sequence[Group], spans: Sequence[Span]) -> Scan:
    """Measures the pictures of some spans; what changes between two spans is a cut only where it came at once."""
    joined = join_spans(spans)
    early = {group.begin for group in groups if group.early and group.clocked}
    keys = {group.begin for group in groups}

    def look() -> Iterator[Frame]:
        before, ends = None, iter(last for _, last in joined)
        end = next(ends, 0)
        for stamp, picture in decode_spans(video, packets, groups, joined, shown_size(video, SCAN_WIDTH)):
            hole = None
            if before is not None and stamp > end:
                hole = stamp in early and is_sudden(packets, (before, stamp))
            while stamp > end:
                end = next(ends)
            yield Frame(packets.seconds(stamp), picture, stamp in keys, hole)
            before = stamp

    return scan_frames(look())


def scan_frames(frames: Iterable[Frame]) -> Scan:
    """Measures frames as they come; holds two of them at a time."""
    scan = Scan()
    before = None
    for frame in frames:
        change = 0.0 if before is None else _change(before.picture, frame.picture)
        if before is not None and frame.hole is not None:
            scan.holes.add(len(scan.times))
            if not (frame.hole and change >= CLEAR):
                if change >= HIDDEN:
                    scan.hidden.append((before.time, frame.time))
                change = 0.0
        scan.times.append(frame.time)
        scan.changes.append(change)
        scan.grids.append(_grid(frame.picture))
        _keep_sample(scan.samples, Sample(frame.time, _sharpness(frame.picture), scan.grids[-1], frame.key))
        before = frame
    return scan


def every_frame(frames: Iterable[tuple[float, np.ndarray]]) -> Iterator[Frame]:
    """Frames (time s, picture) of which none is left out."""
    return (Frame(time, picture) for time, picture in frames)


def find_boundaries(scan: Scan) -> list[Boundary]:
    """Where shots end, in order: hard cuts, and the middles of dissolves and fades."""
    cuts = [Boundary(time, time, time, "cut") for time in find_cuts(scan)]
    soft = find_transitions(scan.times, scan.grids, scan.holes, cuts)
    # What looks like a cut within a dissolve is the dissolve.
    kept = [cut for cut in cuts if not any(other.first <= cut.time <= other.last for other in soft)]
    return sorted([*kept, *soft], key=lambda boundary: boundary.time)


def find_cuts(scan: Scan) -> list[float]:
    """Time stamps (s) of the first frames of new shots after hard cuts."""
    changes, times = np.array(scan.changes), np.array(scan.times)
    cuts: list[int] = []
    for k in map(int, np.flatnonzero(changes >= LEAST_CHANGE)):
        if changes[k] < STANDS_OUT * _around(scan, changes, times, k):
            continue
        if _return_distance(scan, k) < BACK * changes[k]:
            continue
        if cuts and times[k] - times[cuts[-1]] < SHORTEST:
            if changes[k] > changes[cuts[-1]]:
                cuts[-1] = k
        else:
            cuts.append(k)
    return [float(times[k]) for k in cuts]


def choose_keyframe(scan: Scan, start: float, end: float, settled: float | None = None) -> float:
    """Time stamp (s) of the sharp frame that is most like the rest of the shot [start, end).

    `settled`: from when on the picture is the shot's own. Key frames of the stream go before others.
    """
    inside = [sample for sample in scan.samples if start <= sample.time < end]
    middle = [sample for sample in inside if (settled or start) + MARGIN <= sample.time < end - MARGIN]
    # A key frame right at a hard cut is whole: the encoder began anew with it.
    cheap = [sample for sample in inside if sample.cheap and (settled or start) <= sample.time < end - MARGIN]
    middle = cheap or middle or inside
    if not middle:  # a shot so short that its sample lies in the neighbour's span
        return min((time for time in scan.times if start <= time < end), default=start)
    grids = np.stack([sample.grid for sample in middle]).astype(np.float32)  # (n, 18, 32, 3)
    away = np.abs(grids - np.median(grids, axis=0)).mean(axis=(1, 2, 3))
    sharp = np.array([sample.sharpness for sample in middle])
    # Sharpness counts up to that of the sharpest sixth: a moment of noise is far sharper than any face.
    crisp = np.minimum(sharp / (np.quantile(sharp, 5 / 6) + 1e-6), 1.0)
    score = crisp - away / (np.median(away) + 1.0)
    return middle[int(np.argmax(score))].time


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


def _return_distance(scan: Scan, cut: int) -> float:
    """How near a frame of the few before `cut` is to one of the few from it on; inf where too few follow to tell.

    The two frames right at the change are left out: theirs is the change itself. A hole holds the same picture
    throughout: before the cut its first frame stands for it, after the cut nothing comes back any more.
    """
    before = range(cut - 1, max(-1, cut - 1 - FLASH), -1)
    after = range(cut, min(len(scan.times), cut + FLASH))
    if len(after) < FLASH:
        return np.inf
    left = next((k for k in before if k in scan.holes), None)
    if cut in scan.holes:
        before = range(cut - 1, cut - 2, -1)
    elif left is not None:
        before = range(cut - 1, max(-1, left - 2), -1)
    stop = next((k for k in after if k > cut and k in scan.holes), after.stop)
    pairs = [(a, b) for a in before for b in range(cut, stop) if 1 < b - a <= FLASH + 1]
    return min((_distance(scan.grids[a], scan.grids[b]) for a, b in pairs), default=np.inf)


def _sharpness(frame: np.ndarray) -> float:
    """Variance of the Laplacian: high where edges are crisp, low in blur, fades and blank frames."""
    return float(cv2.Laplacian(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.CV_32F).var())


def _keep_sample(samples: list[Sample], sample: Sample) -> None:
    """Keeps the key frame, else the sharpest frame, of each span of SAMPLE seconds."""
    if samples and int(samples[-1].time / SAMPLE) == int(sample.time / SAMPLE):
        if (sample.cheap, sample.sharpness) > (samples[-1].cheap, samples[-1].sharpness):
            samples[-1] = sample
    else:
        samples.append(sample)


def _around(scan: Scan, changes: np.ndarray, times: np.ndarray, k: int) -> float:
    """The usual change beside frame `k`; a second strong one beside it (a flash, a short shot) does not count."""
    near = np.flatnonzero(np.abs(times[max(0, k - 60) : k + 61] - times[k]) <= AROUND) + max(0, k - 60)
    others = np.sort([changes[j] for j in near if j != k and j not in scan.holes])
    return float(others[: max(1, len(others) - 2)].mean()) if len(others) else 0.0


def _save_keyframes(grab: Grab, times: list[float], folder: Path) -> list[tuple[float, str]]:
    """(time s, relative path) of the saved frames. Names do not end in digits: editors join such files to films."""
    (folder / "frames").mkdir(parents=True, exist_ok=True)
    saved = []
    for k, (time, frame) in enumerate(grab(times)):
        name = f"frames/shot_{k:03d}_k.jpg"
        _write_jpeg(folder / name, frame)
        saved.append((time, name))
    if len(saved) < len(times):
        raise DecodeError(f"{len(times) - len(saved)} key frames could not be decoded again")
    return saved


def _write_jpeg(path: Path, frame: np.ndarray) -> None:
    done, data = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise DecodeError(f"the keyframe {path.name!r} could not be packed as a JPEG")
    part = path.with_name(path.name + ".part")
    part.write_bytes(data.tobytes())
    os.replace(part, path)
