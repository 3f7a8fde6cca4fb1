"""Small media files with known content, made on the spot by the same ffmpeg that the program uses."""

import subprocess
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from tasks.media import ffmpeg_program

SIZE = (160, 90)  # px, width and height
FAST = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-threads", "1")
TONE = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=16000")


def run(*arguments: object) -> None:
    """ffmpeg with these arguments; fails loudly."""
    command = [ffmpeg_program(), "-v", "error", "-y", "-nostdin", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


def make_clip(path: Path, seconds: float = 1.0, rate: str = "25", size: str = "160x90", sound: bool = True) -> Path:
    """A moving test picture, with a 440 Hz tone or without; the container follows the name."""
    picture = ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}")
    with_sound = (*TONE, "-map", "0", "-map", "1") if sound else ()
    run(*picture, *with_sound, *FAST, "-t", seconds, f"file:{path}")
    return path


def make_sound(path: Path, seconds: float = 1.0) -> Path:
    """A tone without any picture."""
    run(*TONE, "-t", seconds, f"file:{path}")
    return path


def make_uneven(path: Path) -> Path:
    """Two seconds at 30 frames/s, then two at 15, in one track: a variable frame rate."""
    picture = "testsrc2=size=160x90:rate=30,select='lt(n,60)+not(mod(n,2))'"
    run("-f", "lavfi", "-i", picture, *FAST, "-fps_mode", "passthrough", "-t", 4, f"file:{path}")
    return path


def make_rotated(path: Path, degrees: int = 90) -> Path:
    """A clip whose left half is red as stored, marked as turned `degrees` clockwise when shown."""
    plain = path.with_name("plain-" + path.name)
    left_red = "color=blue:size=160x90:rate=10,drawbox=x=0:y=0:w=80:h=90:color=red:t=fill"
    run("-f", "lavfi", "-i", left_red, *FAST, "-t", 1, f"file:{plain}")
    run("-display_rotation", -degrees, "-i", f"file:{plain}", "-c", "copy", f"file:{path}")
    plain.unlink()
    return path


def make_subtitled(path: Path, captions: Path, codec: str, language: str = "eng", seconds: float = 6.0) -> Path:
    """A silent clip with a caption file as its subtitle stream."""
    picture = ("-f", "lavfi", "-i", "color=gray:size=160x90:rate=10")
    streams = ("-map", "0:v", "-map", "1:s", "-c:s", codec, "-metadata:s:s:0", f"language={language}")
    run(*picture, "-i", f"file:{captions}", *streams, *FAST, "-t", seconds, f"file:{path}")
    return path


def write_frames(path: Path, frames: Iterable[np.ndarray], rate: Fraction | int = 25, *options: object) -> Path:
    """Encodes frames (H, W, 3) uint8 RGB at `rate`, well enough that cuts stay where they are."""
    frames = iter(frames)
    first = next(frames)
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{first.shape[1]}x{first.shape[0]}", "-r", str(rate))
    command = [ffmpeg_program(), "-v", "error", "-y", *raw, "-i", "pipe:0", *FAST, "-crf", "20"]
    child = subprocess.Popen([*command, *map(str, options), f"file:{path}"], stdin=subprocess.PIPE)
    with child.stdin:
        child.stdin.write(first.tobytes())
        for frame in frames:
            child.stdin.write(frame.tobytes())
    assert child.wait(timeout=120) == 0
    return path


def talk_frames(count: int, seed: int, size: tuple[int, int] = SIZE) -> Iterator[np.ndarray]:
    """A figure that sways before a still background, with camera noise; each seed is another place and person."""
    chance = np.random.default_rng(seed)
    width, height = size
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    place = chance.uniform(30, 220, (4, 5, 3))[np.newaxis].repeat(1, 0)[0]  # coarse patches of colour
    background = place[(rows * 4 // height).astype(int), (columns * 5 // width).astype(int)]  # (H, W, 3)
    skin, centre = chance.uniform(60, 230, 3), chance.uniform(0.3, 0.7)
    for k in range(count):
        x = width * (centre + 0.03 * np.sin(k / 12))
        head = ((columns - x) / (0.11 * width)) ** 2 + ((rows - 0.5 * height) / (0.3 * height)) ** 2 < 1
        frame = np.where(head[..., None], skin, background) + chance.normal(0, 3, (height, width, 3))
        yield frame.clip(0, 255).astype(np.uint8)


def cut_frames(lengths: Iterable[int], seed: int = 0, size: tuple[int, int] = SIZE) -> Iterator[np.ndarray]:
    """Shots of these lengths in frames, one after the other; cuts lie at the running sums."""
    for k, length in enumerate(lengths):
        yield from talk_frames(length, seed * 100 + k, size)
