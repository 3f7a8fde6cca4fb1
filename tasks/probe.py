"""Facts about a video file: read once, by PyAV in a child process, before anything else touches the file.

Every file that is no usable video ends in one clear line. A playlist in disguise opens nothing: only formats
that hold their own pictures are allowed (`tasks.media.FORMATS`).
"""

import json
import os
import stat
import subprocess
import sys
from array import array
from fractions import Fraction
from pathlib import Path

import numpy as np

from models.errors import DecodeError, InputError
from tasks.media import FORMATS, file_digest
from tasks.records import SubtitleStream, Video

TIMEOUT = 600.0  # s; a file of many gigabytes on a slow disk is read through once
LONGEST = 24 * 3600  # s; beyond it time stamps are broken rather than the talk long
FASTEST = 1000  # frames/s
HEAD = 4096  # bytes looked at to tell text from video

_NTSC = [Fraction(n * 1000, 1001) for n in (12, 15, 24, 30, 48, 60, 120)]
STANDARD_RATES = (*_NTSC, *(Fraction(n) for n in (10, 12, 15, 24, 25, 30, 48, 50, 60, 100, 120)))  # frames/s


def probe_video(path: str | Path) -> Video:
    """Reads the facts of one video file.

    Raises InputError where it is no usable video and DecodeError where its picture cannot be decoded.
    """
    path = _check_path(path)
    facts, ticks, last_span = _ask_child(path)
    picture = facts["video"]
    if picture is None:
        what = "only sound" if facts["has_audio"] else "no video stream"
        raise InputError(f"{path!r} holds {what}, no picture track: give a video file")
    if len(ticks) == 0:
        raise InputError(
            f"{path!r} has a picture track of which not one frame is there: it is empty or was cut short; "
            "copy or export it again"
        )
    if not picture["width"] or not picture["height"]:
        reason = picture["failure"] or "no frame could be decoded"
        raise DecodeError(f"the {picture['codec']} picture of {path!r} cannot be decoded: {reason}")
    return _describe(path, facts, picture, ticks, last_span)


def fit_rate(ticks: np.ndarray, time_base: Fraction, hints: tuple[Fraction, ...] = ()) -> tuple[Fraction, bool]:
    """(frames/s, whether the spacing is uneven) of sorted time stamps (n,) int64 in units of `time_base`.

    An even track gets the exact rate whose grid all its stamps keep to, the container's own (`hints`) first;
    an uneven one the nominal rate that an editor would give it.
    """
    if len(ticks) < 2:
        return next((_snap(rate) for rate in hints if rate > 0), Fraction(25)), False
    candidates = list(dict.fromkeys([_snap(rate) for rate in hints if rate > 0] + list(STANDARD_RATES)))
    errors = [_grid_error(ticks, time_base, rate) for rate in candidates]
    # Half a tick between two rates is the container's rounding, not evidence: the earlier candidate wins.
    best = next(k for k, error in enumerate(errors) if error <= min(errors) + 0.5)
    # Stamps are rounded to ticks; a twentieth of a frame more moves no frame of any conversion.
    allowed = 1.0 + 0.05 / float(candidates[best] * time_base)
    if errors[best] <= allowed:
        return candidates[best], False
    return _nominal_rate(ticks, time_base), True


def _check_path(path: str | Path) -> str:
    """The absolute path of a regular, readable, non-empty file that does not look like text."""
    path = os.path.abspath(path)
    try:
        path.encode("utf-8")
        status = os.stat(path)
        head = b"" if not stat.S_ISREG(status.st_mode) else _read_head(path)
    except UnicodeEncodeError as error:
        raise InputError(f"the name {path!r} is not valid UTF-8: rename the file") from error
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path!r}: check the path") from error
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path!r}: {getattr(error, 'strerror', None) or error}") from error
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{path!r} is a folder: give one video file")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path!r} is not a regular file: give a video file on a disk")
    if not head:
        raise InputError(f"{path!r} is empty (0 bytes): give a video file")
    if kind := _text_kind(head):
        raise InputError(f"{path!r} is {kind}, whatever its name says: give a video file")
    return path


def _read_head(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(HEAD)


def _text_kind(head: bytes) -> str:
    """What kind of text a file begins with, "" for binary data."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    names = (b"#ext", b"ffconcat", b"[playlist]", b"file ", b"file:", b"<smil", b"v=0")
    if text.startswith(names) or (text.startswith(b"<") and b"<mpd" in text):
        return "a playlist that names other files"
    controls = sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head)
    try:
        head[:-3].decode("utf-8")  # the cut at HEAD may split a character of up to four bytes
    except UnicodeDecodeError:
        return ""
    return "text" if controls == 0 else ""


def _ask_child(path: str) -> tuple[dict, np.ndarray, int]:
    """(facts, sorted distinct time stamps (n,) int64 in ticks, ticks that the last frame lasts)."""
    script = Path(__file__).with_name("probe_child.py")
    # -P: a module beside the script must not stand in for one of Python's own.
    command = [sys.executable, "-P", str(script), path, FORMATS]
    try:
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=TIMEOUT)
    except subprocess.TimeoutExpired as error:
        raise DecodeError(f"reading {path!r} took longer than {TIMEOUT:.0f} s and was ended") from error
    said = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode != 0:
        raise _explain(path, said, done.returncode)
    line, _, packed = done.stdout.partition(b"\n")
    stamps = array("q", packed)
    last_span = stamps.pop() if stamps else 0
    return json.loads(line), np.unique(np.array(stamps, dtype=np.int64)), last_span


def _explain(path: str, said: str, code: int) -> DecodeError:
    box = _read_head(path)[4:8]  # an MP4 or MOV begins with one of these
    if "moov atom not found" in said and box in (b"ftyp", b"mdat", b"free", b"wide", b"skip"):
        return DecodeError(
            f"{path!r} is cut short (its index, the moov atom, is missing): copy or export it again", said
        )
    if "not on whitelist" in said:
        return DecodeError(
            f"{path!r} is not in a video format that is read here (MP4, MOV, MKV, WebM, AVI, TS, ...)", said
        )
    if code < 0 or not said:
        return DecodeError(
            f"{path!r} cannot be read: the reader ended with code {code} (damaged or far too large)", said
        )
    return DecodeError(f"{path!r} is damaged or no video at all ({said.splitlines()[-1]})", said)


def _describe(path: str, facts: dict, picture: dict, ticks: np.ndarray, last_span: int) -> Video:
    time_base = Fraction(*picture["time_base"])
    hints = (Fraction(*picture["average_rate"]), Fraction(*picture["base_rate"]))
    rate, uneven = fit_rate(ticks, time_base, hints)
    span = Fraction(int(ticks[-1] - ticks[0])) * time_base
    last = Fraction(last_span) * time_base
    duration = float(span + (last if 0 < last <= 60 else 1 / rate))
    if duration > LONGEST or rate > FASTEST:
        raise InputError(f"{path!r} claims {duration:.0f} s at {float(rate):g} frames/s: its time stamps are broken")
    width, height = _shown_size(picture)
    return Video(
        path=path,
        digest=file_digest(path),
        duration=duration,
        width=width,
        height=height,
        frame_rate=rate,
        frame_count=round(duration * rate),
        variable_rate=uneven,
        rotation=round(picture["rotation"] / 90) * 90 % 360,
        has_audio=facts["has_audio"],
        audio_channels=facts["audio_channels"],
        audio_rate=facts["audio_rate"],
        container=facts["container"],
        codec=picture["codec"],
        subtitles=tuple(SubtitleStream(**stream) for stream in facts["subtitles"]),
        timecode=facts["timecode"],
        start=float(int(ticks[0]) * time_base) - picture["container_start"],
    )


def _shown_size(picture: dict) -> tuple[int, int]:
    """(width, height) with square pixels, upright."""
    width, height = picture["width"], picture["height"]
    aspect = Fraction(*picture["aspect"])
    if Fraction(1, 10) < aspect < 10:  # 0 means unknown; beyond lies nonsense
        width = round(width * aspect)
    return (height, width) if round(picture["rotation"] / 90) % 2 else (width, height)


def _grid_error(ticks: np.ndarray, time_base: Fraction, rate: Fraction) -> float:
    """How far the worst stamp is from the grid of `rate`, in ticks."""
    step = float(1 / (rate * time_base))  # ticks between two frames
    grid = np.arange(len(ticks)) * step
    return float(np.abs(ticks - ticks[0] - grid).max())


def _snap(rate: Fraction) -> Fraction:
    """The standard rate where `rate` is one that was rounded (2997/100, 19001/634), else itself."""
    nearest = min(STANDARD_RATES, key=lambda standard: abs(standard - rate))
    # 29.97 is 1e-6 off 30000/1001, while the nearest two standard rates are 1e-3 apart.
    return nearest if abs(nearest - rate) < nearest / 20_000 else rate


def _nominal_rate(ticks: np.ndarray, time_base: Fraction) -> Fraction:
    """The rate of the usual spacing, standard where it is within 2 % of one."""
    gaps = np.diff(ticks)
    middle = np.median(gaps)
    usual = gaps[(gaps >= 0.75 * middle) & (gaps <= 1.25 * middle)]
    spacing = usual.mean() if len(usual) else middle  # two spacings in equal parts have no gap near the median
    rate = 1 / (Fraction(float(spacing)) * time_base)
    nearest = min(STANDARD_RATES, key=lambda standard: abs(standard - rate))
    return nearest if abs(nearest - rate) < nearest / 50 else rate.limit_denominator(1001)
