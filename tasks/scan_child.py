"""The child process of `tasks.scan`: packet facts and small pictures of one video, decoded no further than asked.

Run as a script by its path (`python -P scan_child.py VIDEO FORMATS WIDTH HEIGHT`), the request as JSON on stdin:

    {"mode": "table"}    no picture, the table of all packets
    {"mode": "runs", "runs": [[first, last, [[from, to], ...]], ...]}  packets first..last-1, pictures of these spans
    {"mode": "grab", "runs": [...]}   the same in full quality

A picture goes out as its time stamp (int64) and WIDTH x HEIGHT RGB bytes, not yet turned upright. END marks the end of
the pictures; then come the lengths of two more parts, facts as JSON and the table: stamp, size, flags of each packet.
Packets are counted in the order of the file, so no index is needed and every container is alike.
"""

import json
import os
import sys
from array import array

import av
import av.logging
import cv2
import numpy as np

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # last: it stands in for nothing
from tasks.probe_child import open_container, set_limits
from tasks.scan_protocol import CORRUPT, END, HIDDEN, KEY, NO_STAMP

PLAIN_FORMATS = ("yuv420p", "yuvj420p")  # whose planes are read as they are; others go through swscale
MOST_THREADS = 4


class Decoder:
    """The picture track's decoder, which outlives the holes between two runs."""

    def __init__(self, stream, size: tuple[int, int], fast: bool) -> None:
        self.context = stream.codec_context
        self.context.thread_type = "AUTO"
        self.context.thread_count = min(os.cpu_count() or 1, MOST_THREADS)
        if fast:  # the error stays under what a coarse comparison sees, and ends with the next key frame
            self.context.options = {"skip_loop_filter": "all"}
        self.size, self.errors = size, 0

    def feed(self, packet) -> list:
        """Pictures that are ready; a packet that cannot be decoded counts as an error. None drains the decoder."""
        try:
            return self.context.decode(packet)
        except av.EOFError:
            return []
        except av.FFmpegError:
            self.errors += 1
            return []

    def drain(self) -> list:
        """The last pictures; the decoder is ready for another run."""
        pictures = self.feed(None)
        self.context.flush_buffers()
        return pictures


def shrink(frame, size: tuple[int, int]) -> bytes:
    """The picture in RGB at `size`, every pixel the mean of what it covers."""
    if frame.format.name not in PLAIN_FORMATS:
        return frame.reformat(*size, format="rgb24", interpolation="AREA").to_ndarray().tobytes()
    planes = [cv2.resize(_plane(plane), size, interpolation=cv2.INTER_AREA) for plane in frame.planes]
    luma, blue, red = planes
    return cv2.cvtColor(np.stack([luma, red, blue], axis=-1), cv2.COLOR_YCrCb2RGB).tobytes()


def _plane(plane) -> np.ndarray:
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]


def write_picture(frame, size: tuple[int, int], full: bool) -> None:
    """Sends a picture; `full`: as good as can be."""
    data = frame.reformat(*size, format="rgb24", interpolation="AREA").to_ndarray().tobytes() if full else None
    sys.stdout.buffer.write(int(frame.pts).to_bytes(8, "little", signed=True) + (data or shrink(frame, size)))


def read_table(container, stream) -> tuple[dict, array]:
    """(facts, table of packets): nothing is decoded."""
    table = array("q")
    for packet in container.demux(stream):
        if packet.size:
            flags = KEY * packet.is_keyframe | CORRUPT * packet.is_corrupt | HIDDEN * packet.is_discard
            table.extend((NO_STAMP if packet.pts is None else packet.pts, packet.size, flags))
    facts = {"time_base": [stream.time_base.numerator, stream.time_base.denominator]}
    return {**facts, "container_start": (container.start_time or 0) / 1_000_000}, table


def scan_runs(container, stream, decoder: Decoder, runs: list, full: bool) -> None:
    """Sends the pictures of each run; packets between two runs are read and not decoded."""
    waiting, number = iter(runs), -1
    run = next(waiting, None)
    for packet in container.demux(stream):
        number += bool(packet.size)
        if run and number >= run[1]:
            show_run(decoder.drain(), run, decoder.size, full)
            run = next(waiting, None)
        if not run:
            return
        if packet.size and number >= run[0]:
            # What nobody looks at is decoded only where later pictures are made from it.
            decoder.context.skip_frame = "DEFAULT" if is_wanted(packet.pts, run) else "NONREF"
            show_run(decoder.feed(packet), run, decoder.size, full)
    if run:
        show_run(decoder.drain(), run, decoder.size, full)


def is_wanted(stamp: int, run: list) -> bool:
    """Whether the run's spans hold this time stamp."""
    return any(first <= stamp <= last for first, last in run[2])


def show_run(frames: list, run: list, size: tuple[int, int], full: bool) -> None:
    """Sends those of the pictures that a run asks for."""
    for frame in frames:
        if frame.pts is not None and is_wanted(frame.pts, run):
            write_picture(frame, size, full)


def main() -> None:
    """Answers the request; exit code 1 and one line on stderr where the file cannot be read."""
    set_limits()
    av.logging.restore_default_callback()
    av.logging.set_level(av.logging.ERROR)
    cv2.setNumThreads(1)
    path, formats, size = sys.argv[1], sys.argv[2], (int(sys.argv[3]), int(sys.argv[4]))
    request = json.load(sys.stdin)
    table = array("q")
    try:
        with open_container(path, formats) as container:
            stream = next(
                s for s in container.streams.video if s.codec_context and not s.disposition & s.disposition.attached_pic
            )
            decoder = Decoder(stream, size, fast=request["mode"] != "grab")
            facts: dict = {}
            if request["mode"] == "table":
                facts, table = read_table(container, stream)
            else:
                scan_runs(container, stream, decoder, request["runs"], request["mode"] == "grab")
    except (av.FFmpegError, MemoryError, ValueError, StopIteration) as error:
        print(getattr(error, "strerror", None) or type(error).__name__, file=sys.stderr)
        sys.exit(1)
    facts["errors"] = decoder.errors
    words = json.dumps(facts).encode()
    sizes = b"".join(len(part).to_bytes(8, "little") for part in (words, table.tobytes()))
    sys.stdout.buffer.write(END.to_bytes(8, "little", signed=True) + sizes + words + table.tobytes())


if __name__ == "__main__":
    main()
