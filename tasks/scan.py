"""Reading a film no closer than asked: its table of packets, and the pictures of some spans, by a child process.

Where packets cannot be relied on, `ScanError` says why, and the caller decodes everything.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np

from models.errors import DecodeError
from tasks.media import FORMATS, STALL, read_exactly, shown_size
from tasks.packets import Group, Packets, Run, Span, make_packets, plan_runs
from tasks.records import Video
from tasks.scan_protocol import CORRUPT, END, HIDDEN, KEY, NO_STAMP

DENSE = 4  # packets a key frame: with fewer there is nothing to leave out

Picture = tuple[int, np.ndarray]  # time stamp in ticks, (H, W, 3) uint8 RGB


class ScanError(DecodeError):
    """Packet facts do not suffice; the message says why, and decoding everything still may do."""


def read_packets(video: Video) -> Packets:
    """The packets of a video's picture track. Raises ScanError and DecodeError."""
    with _child(video, "table", (), (2, 2)) as (pictures, ending):
        assert not list(pictures)  # a table has none
        facts, table = ending()
    rows = np.frombuffer(table, "<i8").reshape(-1, 3)
    stamps, flags = rows[:, 0], rows[:, 2]
    keys = (flags & KEY) > 0
    if not len(rows) or not keys[0]:
        raise ScanError("it does not begin with a key frame")
    if (stamps == NO_STAMP).any() or len(np.unique(stamps)) < len(stamps):
        raise ScanError("its packets have no times of their own")
    if (flags & CORRUPT).any():
        raise ScanError("it is damaged")
    if (flags & HIDDEN).any():
        raise ScanError("an edit list hides some of its pictures")
    if len(rows) < DENSE * keys.sum():
        raise ScanError("almost every picture is a key frame")
    return make_packets(rows[:, :2], keys, Fraction(*facts["time_base"]), facts["container_start"], video.codec)


def decode_spans(
    video: Video, packets: Packets, groups: Sequence[Group], spans: Sequence[Span], size: tuple[int, int]
) -> Iterator[Picture]:
    """The pictures of all spans (joined, in order) at `size`, in order of time. Raises ScanError and DecodeError."""
    yield from _pictures(video, "runs", plan_runs(groups, packets, spans), size)


def grab_pictures(
    video: Video, packets: Packets, groups: Sequence[Group], stamps: Sequence[int], width: int
) -> Iterator[Picture]:
    """The pictures of these time stamps (ticks), upright, with square pixels, `width` px wide at most."""
    wide, high = shown_size(video, width)
    size = (high, wide) if video.rotation % 180 else (wide, high)
    runs = plan_runs(groups, packets, [(stamp, stamp) for stamp in sorted(set(stamps))])
    for stamp, picture in _pictures(video, "grab", runs, size):
        yield stamp, np.rot90(picture, -video.rotation // 90)


def _pictures(video: Video, mode: str, runs: Sequence[Run], size: tuple[int, int]) -> Iterator[Picture]:
    if not runs:
        return
    last = None
    with _child(video, mode, runs, size) as (read, ending):
        for stamp, picture in read:
            if last is None or stamp > last:  # an open group shows its next key frame once more
                yield stamp, picture
                last = stamp
        facts, _ = ending()
    if facts["errors"]:
        raise ScanError("it is damaged")


@contextmanager
def _child(
    video: Video, mode: str, runs: Sequence[Run], size: tuple[int, int]
) -> Iterator[tuple[Iterator[Picture], Callable[[], tuple[dict, bytes]]]]:
    """Runs the child: (its pictures, what gives its last words). Raises DecodeError where it ends badly."""
    script = Path(__file__).with_name("scan_child.py")
    command = [sys.executable, "-P", str(script), video.path, FORMATS, str(size[0]), str(size[1])]
    request = {"mode": mode, "runs": [[run.first, run.last, run.spans] for run in runs]}
    with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as said:
        asked.write(json.dumps(request).encode())
        asked.seek(0)
        child = subprocess.Popen(command, stdin=asked, stdout=subprocess.PIPE, stderr=said, bufsize=0)
        assert child.stdout  # a pipe was asked for
        pipe = child.stdout.fileno()
        try:
            yield _read_pictures(pipe, size, video.path), lambda: _read_ending(pipe, video.path)
        except _EndedEarlyError as error:
            child.wait(timeout=STALL)
            said.seek(0)
            words = said.read().decode("utf-8", "replace").strip()
            last = words.splitlines()[-1] if words else f"the reader ended with code {child.returncode}"
            raise DecodeError(f"cannot decode {video.path!r}: {last}", words) from error
        finally:
            child.kill()
            child.wait()
            child.stdout.close()


class _EndedEarlyError(Exception):
    """The child ended in the middle of what it had to say."""


def _read_pictures(pipe: int, size: tuple[int, int], name: str) -> Iterator[Picture]:
    width, height = size
    while (stamp := int.from_bytes(_read(pipe, 8, name), "little", signed=True)) != END:
        yield stamp, np.frombuffer(_read(pipe, width * height * 3, name), np.uint8).reshape(height, width, 3)


def _read_ending(pipe: int, name: str) -> tuple[dict, bytes]:
    """The facts, and the table of packets where one was asked for."""
    facts_size, table_size = (int.from_bytes(_read(pipe, 8, name), "little") for _ in range(2))
    facts = json.loads(_read(pipe, facts_size, name))
    return facts, _read(pipe, table_size, name) if table_size else b""


def _read(pipe: int, size: int, name: str) -> bytes:
    data = read_exactly(pipe, size, name)
    if not data:
        raise _EndedEarlyError
    return data
