"""Films whose cuts are known, made on the spot: talks with cuts, cutaways, dissolves, fades, flashes, zooms, slides.

A film is a row of takes. Each take is drawn and encoded once and kept in the cache; long films repeat takes by stream
copy, so that an hour costs a minute's encoding. Every take begins and ends with a figure at rest: the same view may
follow itself without a jump.
"""

import itertools
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from models.weights import cache_folder
from tasks.media import ffmpeg_program

RATE = 25  # frames/s
SWAY = 50  # frames of one sway: takes are whole multiples of it
NOISE = 3.0  # 8-bit levels: at 1080p it comes to 2 Mbit/s, as video hosts serve


@dataclass(frozen=True)
class Boundary:
    """Where one shot ends: a hard cut has `first == last`, a dissolve or fade lies in [first, last]."""

    first: int  # frame
    last: int  # frame
    kind: str  # cut | dissolve | fade


@dataclass(frozen=True)
class Take:
    """A few seconds of film."""

    frames: int
    draw: Callable[[int, tuple[int, int]], np.ndarray]  # (frame, (width, height)) -> (H, W, 3) uint8 RGB
    opens: str  # the view it begins with
    ends: str  # the view it ends with
    boundaries: tuple[Boundary, ...] = ()  # inside it


@dataclass(frozen=True)
class Film:
    """A file and what there is to find in it."""

    path: Path
    boundaries: tuple[Boundary, ...]
    frames: int


#: Options of the encoder by name. `fixed`: key frames at fixed places and at no cut; `sparse`: the same, ten seconds.
ENCODERS: dict[str, tuple[str, ...]] = {
    "h264": ("-c:v", "libx264", "-preset", "veryfast"),
    "h264-fixed": ("-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-keyint_min", "50", "-sc_threshold", "0"),
    "h264-sparse": ("-c:v", "libx264", "-preset", "veryfast", "-g", "250", "-keyint_min", "250", "-sc_threshold", "0"),
    "h264-open": ("-c:v", "libx264", "-preset", "veryfast", "-g", "60", "-x264-params", "open-gop=1:scenecut=0"),
    "hevc": ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:keyint=75"),
    "vp9": ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "100", "-b:v", "1M"),
    "av1": ("-c:v", "libsvtav1", "-preset", "12", "-g", "100", "-svtav1-params", "lp=2"),
}


def view(name: str, size: tuple[int, int]) -> np.ndarray:
    """The still part of a view, (H, W, 3) uint8: a room, a slide, or a plain colour."""
    return _view(name, size).copy()


_VIEWS: dict[tuple[str, tuple[int, int]], np.ndarray] = {}


def _view(name: str, size: tuple[int, int]) -> np.ndarray:
    if (name, size) not in _VIEWS:
        _VIEWS[name, size] = _slide(name, size) if name.startswith("slide") else _room(name, size)
    return _VIEWS[name, size]


def _room(name: str, size: tuple[int, int]) -> np.ndarray:
    """Soft light, furniture as rectangles, a fine texture; `dark` rooms have a third of the light."""
    chance = np.random.default_rng(sum(map(ord, name)) * 7919)
    width, height = size
    picture = cv2.resize(chance.uniform(40, 220, (4, 6, 3)).astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    for _ in range(14):
        x, y = chance.uniform(0, 0.9, 2) * size
        w, h = chance.uniform(0.03, 0.25, 2) * size
        colour = tuple(map(float, chance.uniform(20, 235, 3)))
        cv2.rectangle(picture, (int(x), int(y)), (int(x + w), int(y + h)), colour, -1)
    grain = cv2.resize(chance.normal(0, 9, (height // 4, width // 4)).astype(np.float32), size)
    picture = cv2.GaussianBlur(picture, (0, 0), width / 900) + grain[..., None]
    return (picture * (0.3 if name.startswith("dark") else 1.0)).clip(0, 255).astype(np.uint8)


def _slide(name: str, size: tuple[int, int]) -> np.ndarray:
    """A light page with a title and lines of text."""
    chance = np.random.default_rng(sum(map(ord, name)))
    width, height = size
    picture = np.full((height, width, 3), (244, 242, 236), np.uint8)
    words = ["market", "signal", "garden", "method", "result", "energy", "number", "theory"]
    lines = [" ".join(chance.choice(words, count)) for count in (2, 4, 5, 4)]
    for k, line in enumerate(lines):
        scale = width / (500 if k == 0 else 900)
        place = (width // 12, int(height * (0.2 + 0.18 * k)))
        cv2.putText(
            picture, line.capitalize(), place, cv2.FONT_HERSHEY_SIMPLEX, scale, (30, 40, 70), int(scale * 2) + 1
        )
    return picture


def talk(name: str, k: int, size: tuple[int, int], zoom: float = 1.0) -> np.ndarray:
    """Frame `k` of a view: someone who sways and gestures before the room; a slide has nobody."""
    picture = view(name, size)
    if not name.startswith("slide"):
        chance = np.random.default_rng(sum(map(ord, name)))
        width, height = size
        middle = width * (0.35 + 0.3 * chance.random()) + 0.02 * width * np.sin(2 * np.pi * k / SWAY)
        skin, coat = (tuple(map(float, chance.uniform(50, 220, 3))) for _ in range(2))
        cv2.ellipse(picture, (int(middle), height), (width // 6, int(height * 0.45)), 0, 0, 360, coat, -1, cv2.LINE_AA)
        head = (int(middle), int(height * 0.42))
        cv2.ellipse(picture, head, (width // 16, height // 6), 0, 0, 360, skin, -1, cv2.LINE_AA)
        mouth = int(height * (0.012 + 0.01 * np.sin(2 * np.pi * k / 10)))
        cv2.ellipse(picture, (head[0], int(height * 0.5)), (width // 50, mouth), 0, 0, 360, (90, 30, 30), -1)
        hand = (int(middle - width * 0.13), int(height * (0.8 - 0.05 * np.sin(2 * np.pi * k / 25))))
        cv2.circle(picture, hand, width // 40, skin, -1, cv2.LINE_AA)
    if zoom != 1.0:
        turn = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), 0, zoom)
        picture = cv2.warpAffine(picture, turn, size)
    return _with_noise(picture, k)


_GRAIN: dict[tuple[int, ...], np.ndarray] = {}


def _with_noise(picture: np.ndarray, k: int) -> np.ndarray:
    """Camera noise out of one field, shifted from frame to frame."""
    if picture.shape not in _GRAIN:
        chance = np.random.default_rng(1)
        height, width, _ = picture.shape
        _GRAIN[picture.shape] = chance.normal(0, NOISE, (height + 64, width + 64, 1)).round().astype(np.int16)
    x, y = (k * 37) % 64, (k * 23) % 64
    grain = _GRAIN[picture.shape][y : y + picture.shape[0], x : x + picture.shape[1]]
    return cv2.add(picture, np.repeat(grain, 3, axis=2), dtype=cv2.CV_8U)


def steady(name: str, frames: int) -> Take:
    """One view without a cut."""
    return Take(frames, lambda k, size: talk(name, k, size), name, name)


def cutting(parts: Sequence[tuple[str, int]]) -> Take:
    """Views of so many frames each, hard cuts between."""
    ends = list(itertools.accumulate(length for _, length in parts))

    def draw(k: int, size: tuple[int, int]) -> np.ndarray:
        return talk(next(name for (name, _), end in zip(parts, ends, strict=True) if k < end), k, size)

    cuts = tuple(Boundary(end, end, "cut") for end in ends[:-1])
    return Take(ends[-1], draw, parts[0][0], parts[-1][0], cuts)


def dissolving(before: str, after: str, frames: int, first: int, length: int) -> Take:
    """One view passes into another over `length` frames from `first` on."""

    def draw(k: int, size: tuple[int, int]) -> np.ndarray:
        share = float(np.clip((k - first + 1) / (length + 1), 0, 1))
        return cv2.addWeighted(talk(before, k, size), 1 - share, talk(after, k, size), share, 0)

    return Take(frames, draw, before, after, (Boundary(first, first + length, "dissolve"),))


def fading(before: str, after: str, frames: int, first: int, length: int) -> Take:
    """One view fades to black and another out of it, `length` frames each, ten frames of black between."""

    def draw(k: int, size: tuple[int, int]) -> np.ndarray:
        dark, light = first + length, first + length + 10
        share = np.clip((dark - k) / length if k < dark else (k - light) / length, 0, 1)
        return cv2.convertScaleAbs(talk(before if k < dark else after, k, size), alpha=float(share))

    return Take(frames, draw, before, after, (Boundary(first, first + 2 * length + 10, "fade"),))


def flashing(name: str, frames: int, at: Sequence[int]) -> Take:
    """One view with photographers' flashes of two frames: no cut."""

    def draw(k: int, size: tuple[int, int]) -> np.ndarray:
        picture = talk(name, k, size)
        return cv2.convertScaleAbs(picture, alpha=1.2, beta=110) if any(0 <= k - f < 2 for f in at) else picture

    return Take(frames, draw, name, name)


def zooming(name: str, frames: int, most: float = 1.5) -> Take:
    """The camera closes in and goes back: no cut."""
    return Take(
        frames, lambda k, size: talk(name, k, size, 1 + (most - 1) * np.sin(np.pi * k / frames) ** 2), name, name
    )


def write_take(take: Take, path: Path, size: tuple[int, int], encoder: Sequence[str]) -> Path:
    """Draws and encodes a take unless it is there already."""
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name("part-" + path.name)
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}", "-r", str(RATE), "-i", "pipe:0")
    command = [ffmpeg_program(), "-v", "error", "-y", *raw, *encoder, "-pix_fmt", "yuv420p", f"file:{part}"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert child.stdin is not None  # asked for
    with child.stdin as pipe:
        for k in range(take.frames):
            pipe.write(take.draw(k, size).tobytes())
    if child.wait() != 0:
        raise RuntimeError(f"ffmpeg could not encode {path.name}")
    return part.replace(path)


def make_film(name: str, order: Sequence[int], size: tuple[int, int], encoder: str) -> Film:
    """`TALK[i] for i in order`, joined by stream copy; takes and films are kept in the cache."""
    takes, folder = TALK, cache_folder() / "films" / f"talk-{encoder}-{size[1]}"
    parts = {i: write_take(takes[i], folder / f"take{i}.mkv", size, ENCODERS[encoder]) for i in sorted(set(order))}
    path, row = folder / f"{name}.mkv", folder / f"{name}.txt"
    wanted = "".join(f"file '{parts[i].name}'\n" for i in order)
    if not path.is_file() or row.read_text() != wanted:
        row.write_text(wanted)
        command = [ffmpeg_program(), "-v", "error", "-y", "-f", "concat", "-safe", "0", "-i", str(row), "-c", "copy"]
        subprocess.run([*command, f"file:{path}"], check=True)
    return Film(path, tuple(_boundaries(takes, order)), sum(takes[i].frames for i in order))


def _boundaries(takes: Sequence[Take], order: Sequence[int]) -> Iterator[Boundary]:
    begin, before = 0, takes[order[0]].opens
    for i in order:
        take = takes[i]
        if take.opens != before:
            yield Boundary(begin, begin, "cut")
        for inside in take.boundaries:
            yield Boundary(begin + inside.first, begin + inside.last, inside.kind)
        begin, before = begin + take.frames, take.ends


#: Takes of a talk; an editor's usual means, and what looks like a cut and is none.
TALK: tuple[Take, ...] = (
    steady("room a", 400),
    cutting([("room a", 160), ("room b", 190)]),
    cutting([("room a", 105), ("slide 1", 22), ("room a", 173)]),
    zooming("room b", 200),
    dissolving("room b", "room c", 250, 110, 25),
    flashing("room c", 200, [70, 131]),
    fading("room c", "room a", 250, 90, 15),
    cutting([("room b", 60), ("dark room", 14), ("room b", 126)]),
    cutting([("room a", 90), ("slide 2", 170), ("room c", 90)]),
    steady("room b", 300),
)
#: A talk of ten minutes, a cut about every half minute.
ORDER = (0, 0, 2, 0, 0, 1, 9, 9, 7, 9, 9, 3, 9, 9, 4, 5, 6) * 3
