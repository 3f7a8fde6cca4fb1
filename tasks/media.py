"""Decoding: frames and sound out of a video file, by ffmpeg in a child process that cannot do harm.

The file is taken for hostile. ffmpeg gets a `file:` address and a whitelist of containers, so that a playlist
in disguise opens nothing; it runs under limits of memory and processor time; a child that says nothing for
`STALL` seconds is ended; what it said on stderr travels with the error.

Times are seconds from the container's start, which is what a player shows as 0:00.
"""

import functools
import hashlib
import os
import queue
import re
import select
import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from fractions import Fraction
from pathlib import Path

import ffmpeg
import numpy as np

from models.errors import DecodeError, InputError, SetupError
from tasks.records import Video

# Demuxers that read one file and never name another. The audio ones are here so that a sound file is told
# "has no picture" and not "unknown". No hls, dash, concat, imf, sdp, image2: those open what they name.
FORMATS = "mov,matroska,avi,mpegts,mpeg,flv,ogg,asf,mxf,mp3,wav,flac,aac"
BROADCAST = ("mpegts", "mpeg", "ogg")  # whose clocks may jump
SAMPLE_RATE = 16_000  # Hz, what Whisper hears
STALL = 120.0  # s without a byte; a 4K file on a busy laptop needs a few seconds for its first frame
MEMORY_LIMIT = 4 << 30  # bytes of address space; 8K HEVC on 4 threads stays under 3 GiB
CPU_LIMIT = 4 * 3600  # s of processor time: an hour of 4K takes less, a decoder in a loop does not end by itself
THREADS = 4  # more would cost address space for each core of a large machine
STDERR_LINES = 40
OLDEST_FFMPEG = 6  # the first major version with `-enc_time_base demux`


@functools.cache
def ffmpeg_program() -> str:
    """Path of the ffmpeg to run: the PATH's where it is recent enough, else the packaged one.

    Raises SetupError where there is none.
    """
    found = shutil.which("ffmpeg")
    if found and _major_version(found) >= OLDEST_FFMPEG:
        return found
    import imageio_ffmpeg  # only where needed: its import looks for programs itself

    try:
        return imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise SetupError(
            f"no ffmpeg {OLDEST_FFMPEG} or newer was found: install imageio-ffmpeg or put ffmpeg on the PATH"
        ) from error


def _major_version(program: str) -> int:
    """Major version of an ffmpeg; builds from its development branch, which bear no number, count as new."""
    try:
        said = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=20).stdout
    except (OSError, subprocess.SubprocessError):
        return 0
    number = re.match(r"ffmpeg version n?(\d+)\.", said)
    return int(number[1]) if number else (99 if said.startswith("ffmpeg version") else 0)


def file_digest(path: str | Path) -> str:
    """sha256 of the file's bytes, in hex. Raises InputError where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {str(path)!r}: {error.strerror}") from error


def open_source(path: str, **options):
    """The ffmpeg-python input node of a local file: nothing but this file can be opened through it."""
    address = "file:" + os.path.abspath(path)
    return ffmpeg.input(address, format_whitelist=FORMATS, protocol_whitelist="file", threads=THREADS, **options)


def run_ffmpeg(output, name: str, most_bytes: int = 1 << 30) -> bytes:
    """What an ffmpeg-python output graph that writes to `pipe:1` gives.

    `name` is the file that messages speak of. Raises DecodeError where ffmpeg fails, stalls or gives more
    than `most_bytes`.
    """
    data = bytearray()
    with _child(output, name) as child:
        while chunk := _read(_pipe(child), 1 << 20, name):
            data += chunk
            if len(data) > most_bytes:
                raise DecodeError(f"{name!r} unpacks to more than {most_bytes >> 20} MiB: it is not read further")
    return bytes(data)


def run_to_file(
    output, name: str, pass_fds: tuple[int, ...] = (), told: Callable[[str], None] = lambda line: None
) -> None:
    """Runs an ffmpeg-python output graph that writes its file itself; `told` gets each line said on `pipe:1`.

    It must say something there at times (`-progress pipe:1`), else it counts as stalled. Raises DecodeError.
    """
    rest = b""
    with _child(output, name, pass_fds) as child:
        for descriptor in pass_fds:  # the child's own from here on: its end must be seen when the child ends
            os.close(descriptor)
        while chunk := _read(_pipe(child), 1 << 12, name):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                told(line.decode("ascii", "replace"))


def shown_size(video: Video, width: int | None) -> tuple[int, int]:
    """(width, height) in pixels of a frame scaled to `width`; never larger than the video itself."""
    width = min(width or video.width, video.width)
    return width, max(1, round(width * video.height / video.width))


def read_frames(
    video: Video,
    times: Sequence[float] | None = None,
    rate: float | None = None,
    width: int | None = None,
) -> Iterator[tuple[float, np.ndarray]]:
    """Yields (time in s, frame (H, W, 3) uint8 RGB), upright and with square pixels.

    The time is the frame's own time stamp. Without `times` and `rate` every frame comes, in one pass; `rate`
    thins that pass to so many frames per second; `times` (in any order) seeks, and gives for each the first
    frame from half a frame before it on. Raises DecodeError.
    """
    if times is not None and rate is not None:
        raise ValueError("give times or a rate, not both")
    if times is None:
        yield from _decode(video, open_source(video.path), shown_size(video, width), rate)
        return
    for time in times:
        yield _decode_one(video, time, shown_size(video, width))


def read_audio(video: Video) -> np.ndarray:
    """The first sound track, (n,) float32 in -1..1, mono, 16 kHz; sample i is heard at i / 16000 s.

    Silence stands where the track starts late or has gaps. Raises DecodeError, and InputError without sound.
    """
    if not video.has_audio:
        raise InputError(f"{video.path!r} has no sound track")
    seconds = video.start + video.duration + 1.0  # a sound track may outlast the picture a little
    source = open_source(video.path)
    sound = source["a:0"].filter("aresample", SAMPLE_RATE, **{"async": 1, "first_pts": 0})
    output = ffmpeg.output(sound, "pipe:1", format="s16le", ac=1, t=seconds)
    if video.container in BROADCAST:
        output = ffmpeg.merge_outputs(output, _keep_clock(source["V:0"]))
    samples = np.frombuffer(run_ffmpeg(output, video.path, int(seconds * SAMPLE_RATE * 2) + 4096), "<i2")
    return samples.astype(np.float32) / 32768.0


def _decode_one(video: Video, time: float, size: tuple[int, int]) -> tuple[float, np.ndarray]:
    """The first frame from half a frame before `time` on, found by seeking; past the last one, the last one."""
    wanted = time - 0.5 / float(video.frame_rate)
    # Broadcast containers have no index: a seek may land between key frames and lose all up to the next one.
    first = 10.0 if video.container in BROADCAST else 0.0
    last = None
    for back in (first, 10.0, wanted):  # s; a slide show can hold its last frame for long
        source = open_source(video.path, ss=f"{max(0.0, wanted - back):.6f}")
        with closing(_decode(video, source, size)) as frames:
            for last in frames:
                if last[0] >= wanted:
                    return last
        if last:
            return last
    raise DecodeError(f"{video.path!r} has no frame at {time:.3f} s")


def _decode(
    video: Video, source, size: tuple[int, int], rate: float | None = None
) -> Generator[tuple[float, np.ndarray], None, None]:
    """Frames on one pipe, their exact time stamps (ffmpeg's `framecrc` lines) on another."""
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "r", encoding="ascii", errors="replace") as lines:
        try:
            output = _frames_output(source, size, rate, f"pipe:{write_end}")
            if video.container in BROADCAST and video.has_audio:
                output = ffmpeg.merge_outputs(output, _keep_clock(source["a:0"]))
            output = output.global_args("-copyts", "-start_at_zero")  # stamps as in the file, also after a seek
            with _child(output, video.path, (write_end,)) as child:
                os.close(write_end)
                write_end = -1
                stamps = _read_stamps(lines)
                yield from _pair(_pipe(child), stamps, size, video.path)
        finally:
            if write_end >= 0:
                os.close(write_end)


def _frames_output(source, size: tuple[int, int], rate: float | None, stamps_to: str):
    """The graph: pick, scale, then the same frames twice, as pixels and as lines of time stamps."""
    picture = source["V:0"]  # V: a cover picture is no video
    if rate is not None:
        # Half a millisecond of slack: a container that counts in milliseconds must not lose every other frame.
        picture = picture.filter("select", f"isnan(prev_selected_t)+gte(t-prev_selected_t,{1 / rate - 5e-4:.6f})")
    picture = picture.filter("scale", size[0], size[1], flags="area").filter("setsar", 1).filter("format", "rgb24")
    twice = picture.filter_multi_output("split")
    plain = {"vcodec": "rawvideo", "fps_mode": "passthrough", "enc_time_base": "demux"}
    return ffmpeg.merge_outputs(
        ffmpeg.output(twice[0], "pipe:1", format="rawvideo", **plain),
        ffmpeg.output(twice[1], stamps_to, format="framecrc", flush_packets=1, **plain),
    )


def _keep_clock(stream):
    """An output to nowhere, for BROADCAST containers: ffmpeg counts their time from the first stream in use."""
    return ffmpeg.output(stream, "-", format="null", codec="copy")


def _pair(
    pixels: int, stamps: "queue.SimpleQueue[float | None]", size: tuple[int, int], name: str
) -> Iterator[tuple[float, np.ndarray]]:
    width, height = size
    while data := read_exactly(pixels, width * height * 3, name):
        try:
            time = stamps.get(timeout=STALL)
        except queue.Empty:
            time = None
        if time is None:
            raise DecodeError(f"{name!r}: ffmpeg gave a frame without a time stamp")
        yield time, np.frombuffer(data, np.uint8).reshape(height, width, 3)  # (H, W, 3)


def _read_stamps(lines) -> "queue.SimpleQueue[float | None]":
    """Reads `framecrc` lines in a thread, so that neither pipe ever waits for the other; None marks the end."""
    stamps: queue.SimpleQueue[float | None] = queue.SimpleQueue()

    def follow() -> None:
        tick = Fraction(0)
        try:
            for line in lines:
                if line.startswith("#tb 0:"):
                    tick = Fraction(line.split(":")[1].strip())
                elif not line.startswith("#"):
                    stamps.put(float(int(line.split(",")[2]) * tick))  # stream, dts, pts, duration, size, checksum
        except (ValueError, IndexError, ZeroDivisionError):
            pass  # a broken line: `_pair` misses its stamp and says so
        stamps.put(None)

    threading.Thread(target=follow, daemon=True).start()
    return stamps


@contextmanager
def _child(output, name: str, pass_fds: tuple[int, ...] = ()) -> Iterator[subprocess.Popen]:
    """Runs ffmpeg over an output graph; raises DecodeError where it ends badly, ends it where the caller leaves."""
    # The shell sets the limits and then becomes ffmpeg: a preexec_fn is not safe in a process with threads.
    limits = f'ulimit -v {MEMORY_LIMIT >> 10} 2>/dev/null; ulimit -t {CPU_LIMIT}; exec "$0" "$@"'
    command = ["sh", "-c", limits, ffmpeg_program(), "-hide_banner", "-nostdin", "-nostats", "-loglevel", "error"]
    child = subprocess.Popen(
        ffmpeg.compile(output, cmd=command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=pass_fds,
        bufsize=0,
    )
    last_words: deque[bytes] = deque(maxlen=STDERR_LINES)
    listener = threading.Thread(target=_listen, args=(child.stderr, last_words), daemon=True)
    listener.start()
    try:
        yield child
        code = child.wait(timeout=STALL)
        listener.join(timeout=5)
        if code != 0:
            raise _explain(name, code, last_words)
    except subprocess.TimeoutExpired as error:
        raise DecodeError(f"{name!r}: ffmpeg did not end") from error
    finally:
        child.kill()
        child.wait()
        if child.stdout:
            child.stdout.close()


def _pipe(child: subprocess.Popen) -> int:
    """The descriptor of what the child writes."""
    assert child.stdout is not None  # `_child` asked for a pipe
    return child.stdout.fileno()


def _listen(stream, last_words: deque) -> None:
    with stream:
        while line := stream.readline(4096):
            last_words.append(line)


def _explain(name: str, code: int, last_words: deque) -> DecodeError:
    said = b"".join(last_words).decode("utf-8", "replace").strip()
    last = said.splitlines()[-1].strip() if said else f"exit code {code}"
    return DecodeError(f"cannot decode {name!r}: ffmpeg says: {last}", stderr=said)


def _read(descriptor: int, size: int, name: str) -> bytes:
    """Some bytes, or none at the end; DecodeError when nothing comes for `STALL` seconds."""
    ready, _, _ = select.select([descriptor], [], [], STALL)
    if not ready:
        raise DecodeError(f"{name!r}: the decoder gave nothing for {STALL:.0f} s and was ended")
    return os.read(descriptor, size)


def read_exactly(descriptor: int, size: int, name: str) -> bytes:
    """Exactly `size` bytes of a pipe; none at the end, where a last piece that is too short is dropped.

    Raises DecodeError when nothing comes for `STALL` seconds; `name` is the file that it speaks of.
    """
    data = bytearray()
    while len(data) < size:
        chunk = _read(descriptor, size - len(data), name)
        if not chunk:
            return b""
        data += chunk
    return bytes(data)
