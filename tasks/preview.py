"""`preview.mp4`: the video with its illustrations cut in, to be watched before anything is edited.

ffmpeg decodes, lays the pictures over and encodes; the pictures' frames come to it through a pipe, each made when it is
needed, so that a talk of three hours with hundreds of pictures takes no more memory than one with three.
The sound is copied as it is; where MP4 cannot hold its coding it is encoded anew, and that is said.
"""

import os
import re
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import cv2
import ffmpeg
import numpy as np

from models.errors import InputError
from tasks.caption_formats import format_srt
from tasks.desk import Report
from tasks.folder import locate
from tasks.media import file_digest, open_source, run_ffmpeg, run_to_file
from tasks.pictures import read_picture
from tasks.records import Cue, Storyboard, Video

PREVIEW_NAME = "preview.mp4"
LONG, SHORT = 1280, 720  # px that the preview's sides may have: it is for judging the edit, not for delivery
INSET = 0.36  # width of a picture-in-picture, as a share of the video's
MARGIN = 0.03  # its distance from the corner, as a share of the video's shorter side
BORDER = 0.006  # of the inset, as a share of the video's shorter side
ZOOM = 0.07  # how much a moving picture grows or shrinks while it is on screen: felt, hardly seen
MP4_SOUND = frozenset(("aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"))  # what players take inside MP4
FONTS = Path(__file__).parents[1] / "data" / "fonts"


@dataclass(frozen=True)
class Look:
    """How the pictures are shown."""

    inset: bool = False  # in a corner, the speaker stays in view; else full screen
    motion: bool = False  # a slow zoom
    captions: bool = False  # burnt in


@dataclass(frozen=True)
class Insert:
    """One picture on screen."""

    picture: Path
    start: int  # frame of the video
    end: int  # the frame after its last


def write_preview(
    folder: Path, board: Storyboard, look: Look, report: Report = lambda stage, done, total: None
) -> tuple[Path, str]:
    """Write the preview into the video's folder, whole; its path, and what happened to the sound ("" for untouched).

    InputError where the video is gone or another one by now, or nothing is there to be cut in; DecodeError.
    """
    inserts = list_inserts(folder, board)
    if not inserts:
        raise InputError(f"{folder} has no picture on the time line: draw them first by `broll render {folder}`")
    check_source(board.video)
    target = folder / PREVIEW_NAME
    part = target.with_name(target.name + ".part")
    sound = name_sound(board.video)
    try:
        with tempfile.TemporaryDirectory() as place:
            subtitles = _write_captions(Path(place), board.captions.cues) if look.captions else None
            _run(board.video, inserts, look, part, sound, subtitles, report)
        os.replace(part, target)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
    return target, f"its sound was {sound}, which MP4 cannot hold, and is AAC" if _is_recoded(sound) else ""


def list_inserts(folder: Path, board: Storyboard) -> list[Insert]:
    """The chosen pictures that have a place, in order; one that would overlap the one before is left out."""
    found: list[Insert] = []
    for scene in sorted(board.scenes, key=lambda scene: scene.start):
        place, panel = scene.panel.placement, scene.panel
        if place is None or not 0 <= panel.chosen < len(panel.candidates) or place.end_frame <= place.start_frame:
            continue
        picture = locate(folder, panel.candidates[panel.chosen].image)
        if picture.is_file() and (not found or place.start_frame >= found[-1].end):
            found.append(Insert(picture, place.start_frame, place.end_frame))
    return found


def check_source(video: Video) -> None:
    """InputError where the file is gone, or is another one than the storyboard was made from."""
    if not Path(video.path).is_file():
        raise InputError(f"the video {video.path} is not there: give its place by --video")
    if file_digest(video.path) != video.digest:
        raise InputError(f"{video.path} has changed since its storyboard was made: give the right file by --video")


def name_sound(video: Video) -> str:
    """The coding of the first sound track, as ffmpeg names it; "" without sound."""
    if not video.has_audio:
        return ""
    header = ffmpeg.output(open_source(video.path)["a:0"], "pipe:1", format="framecrc", codec="copy", t=0.01)
    found = re.search(rb"^#codec_id 0: (\w+)", run_ffmpeg(header, video.path), re.MULTILINE)
    return found[1].decode("ascii") if found else "unknown"


def preview_size(video: Video) -> tuple[int, int]:
    """(width, height) in px: the video's, no larger than HD, even as the encoder wants it."""
    long, short = max(video.width, video.height), min(video.width, video.height)
    scale = min(1.0, LONG / long, SHORT / short)
    width, height = (max(2, 2 * round(side * scale / 2)) for side in (video.width, video.height))
    return width, height


# --- the graph -----------------------------------------------------------------------------------------------------


def _run(
    video: Video, inserts: Sequence[Insert], look: Look, part: Path, sound: str, subtitles: Path | None, report: Report
) -> None:
    size = preview_size(video)
    picture_size = _inset_size(size) if look.inset else size
    read_end, write_end = os.pipe()
    frames = (frame for insert in inserts for frame in draw_insert(insert, picture_size, look))
    failures: list[Exception] = []
    feeder = threading.Thread(target=_feed, args=(write_end, frames, failures), daemon=True)
    feeder.start()
    pictures = ffmpeg.input(
        f"pipe:{read_end}", format="rawvideo", pix_fmt="rgb24", s="{}x{}".format(*picture_size),
        framerate=str(video.frame_rate),
    )  # fmt: skip
    shown = _compose(open_source(video.path), pictures, video, inserts, look, size, subtitles)

    def told(line: str) -> None:
        if match := re.fullmatch(r"out_time_us=(\d+)", line.strip()):
            report("preview", min(int(match[1]) / 1e6, video.duration), video.duration)

    output = _encode(shown, open_source(video.path), part, sound)
    run_to_file(output.global_args("-y", "-progress", "pipe:1"), video.path, (read_end,), told)
    feeder.join()
    if failures:
        raise InputError(f"a picture in {inserts[0].picture.parent} cannot be read ({failures[0]}): restore or redo it")


def _compose(source, pictures, video: Video, inserts: Sequence[Insert], look: Look, size, subtitles: Path | None):
    """The video with the pictures over it."""
    rate = video.frame_rate
    shown = source["V:0"]  # V: a cover picture is no video
    if video.variable_rate:  # else a slide that stands still would let a picture come late
        shown = shown.filter("fps", str(rate))
    shown = shown.filter("scale", *size, flags="bicubic").filter("setsar", 1).filter("format", "yuv420p")
    pictures = pictures.filter("setpts", _times_expression(inserts, rate, look.motion)).filter("format", "yuv420p")
    margin = round(MARGIN * min(size))
    at = {"x": f"W-w-{margin}", "y": str(margin)} if look.inset else {"x": "0", "y": "0"}
    shown = ffmpeg.overlay(shown, pictures, eof_action="repeat", enable=_enable_expression(inserts, rate), **at)
    if subtitles:
        style = "FontName=Roboto Medium,FontSize=19,Outline=1,Shadow=0,MarginV=18,BackColour=&H80000000,BorderStyle=4"
        shown = shown.filter("subtitles", str(subtitles), fontsdir=str(FONTS), force_style=style)
    return shown


def _encode(shown, source, part: Path, sound: str):
    options = {
        "vcodec": "libx264", "preset": "superfast", "crf": 23, "pix_fmt": "yuv420p", "movflags": "+faststart",
        "format": "mp4", "map_metadata": -1,
    }  # fmt: skip
    address = "file:" + os.path.abspath(part)
    if not sound:
        return ffmpeg.output(shown, address, **options)
    how = {"acodec": "aac", "audio_bitrate": "192k"} if _is_recoded(sound) else {"acodec": "copy"}
    return ffmpeg.output(shown, source["a:0"], address, **options, **how)


def _is_recoded(sound: str) -> bool:
    return bool(sound) and sound not in MP4_SOUND


def _times_expression(inserts: Sequence[Insert], rate: Fraction, motion: bool) -> str:
    """When the n-th frame of the pipe is shown: half a frame early, so that no rounding makes it late."""
    terms, first = [], 0
    for insert in inserts:
        count = insert.end - insert.start if motion else 1
        terms.append(f"between(N,{first},{first + count - 1})*({insert.start - first}+N)")
        first += count
    return f"({'+'.join(terms)}-0.5)*{rate.denominator}/{rate.numerator}/TB"


def _enable_expression(inserts: Sequence[Insert], rate: Fraction) -> str:
    """True while a picture is on screen, half open, asked half a frame early."""
    frame = f"(t*{rate.numerator}/{rate.denominator}+0.5)"
    return "+".join(f"gte({frame},{insert.start})*lt({frame},{insert.end})" for insert in inserts)


# --- the pictures' frames ------------------------------------------------------------------------------------------


def draw_insert(insert: Insert, size: tuple[int, int], look: Look) -> Iterator[np.ndarray]:
    """The frames (height, width, 3) uint8 RGB of one picture: one, or with motion one for each frame on screen."""
    picture = _cover(read_picture(insert.picture), size)
    count = insert.end - insert.start if look.motion else 1
    grows = insert.start % 2 == 0  # as good as chance, and the same in each preview
    for number in range(count):
        share = number / max(count - 1, 1)
        yield _finish(_zoom(picture, 1 + ZOOM * (share if grows else 1 - share)) if look.motion else picture, look)


def _cover(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The picture filling `size`, the overhang cropped evenly."""
    rows, columns = picture.shape[:2]
    scale = max(size[0] / columns, size[1] / rows)
    whole = (max(size[0], round(columns * scale)), max(size[1], round(rows * scale)))
    resized = cv2.resize(picture, whole, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    left, top = (whole[0] - size[0]) // 2, (whole[1] - size[1]) // 2
    return np.ascontiguousarray(resized[top : top + size[1], left : left + size[0]])


def _zoom(picture: np.ndarray, scale: float) -> np.ndarray:
    """Enlarged about its centre by fractions of a pixel: whole ones would tremble."""
    rows, columns = picture.shape[:2]
    move = np.array([[scale, 0, (1 - scale) * columns / 2], [0, scale, (1 - scale) * rows / 2]])
    return cv2.warpAffine(picture, move, (columns, rows), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _finish(frame: np.ndarray, look: Look) -> np.ndarray:
    if not look.inset:
        return frame
    framed, edge = frame.copy(), max(2, round(BORDER / INSET * frame.shape[1]))
    framed[:edge], framed[-edge:], framed[:, :edge], framed[:, -edge:] = 255, 255, 255, 255
    return framed


def _inset_size(size: tuple[int, int]) -> tuple[int, int]:
    width, height = (max(2, 2 * round(side * INSET / 2)) for side in size)
    return width, height


def _feed(descriptor: int, frames: Iterator[np.ndarray], failures: list[Exception]) -> None:
    """Write frames into a pipe until they end or nobody reads; what else ends them goes into `failures`."""
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as pipe:
            for frame in frames:
                data = memoryview(frame.tobytes())
                while data:
                    data = data[pipe.write(data) :]
    except BrokenPipeError:
        pass  # ffmpeg has ended, well or badly: its own exit status tells
    except Exception as error:
        failures.append(error)


def _write_captions(place: Path, cues: Sequence[Cue]) -> Path:
    """A file that the renderer reads; what it would take for commands is written with other signs."""
    signs = str.maketrans({"{": "(", "}": ")", "<": "‹", ">": "›", "\\": "∖"})
    path = place / "captions.srt"
    path.write_text(format_srt([replace(cue, text=cue.text.translate(signs)) for cue in cues]), "utf-8")
    return path
