"""A video's folder: its name, its lock, and how everything in it is written whole or not at all.

out/<slug>/ storyboard.json storyboard.yaml index.html run.json provenance.json captions.vtt <slug>.<lang>.srt
images/ frames/ thumbs/ timelines/ sketches/ inputs/ .history/
"""

import errno
import fcntl
import os
import re
import shutil
import socket
import time
import unicodedata
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from models.errors import BusyError, InputError
from tasks.records import Storyboard, Video
from tasks.storyboard import format_storyboard, read_storyboard

STORYBOARD_NAME = "storyboard.json"
LOCK_NAME = ".lock"
SUBFOLDERS = ("frames", "images", "thumbs", "timelines")
SLUG_LENGTH = 40  # characters: leaves room for scene, version, time and subject in a still's 100
STILL_LENGTH = 100  # characters: the longest name that every editor shows and relinks by
SPARE_BYTES = 64 * 2**20  # room for frames, captions, timelines and the page of one video
PICTURE_BYTES = 4 * 2**20  # a 1280x720 PNG of noise, the worst case


def make_slug(text: str, length: int = SLUG_LENGTH) -> str:
    """Lower-case ASCII `[a-z0-9-]` of a name, `""` where nothing of it can be kept."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:length].strip("-")


def name_still(slug: str, scene_id: str, number: int, seconds: float, subject: str) -> str:
    """`talk_s012_v1_00h12m03s_rocket.png`: unique in the project, never ending in digits.

    Editors take files that differ only in their last digits for the frames of one image sequence.
    """
    whole = int(seconds)
    clock = f"{whole // 3600:02d}h{whole // 60 % 60:02d}m{whole % 60:02d}s"
    stem = f"{slug}_{make_slug(scene_id, 12)}_v{number}_{clock}"
    subject = re.sub(r"[0-9-]+$", "", make_slug(subject, 30)) or "picture"
    return f"{stem[: STILL_LENGTH - len(subject) - 5]}_{subject}.png"


# --- which folder --------------------------------------------------------------------------------------------------


@contextmanager
def claim_folder(out: Path, video: Video) -> Iterator[Path]:
    """Make, lock and yield the folder of `video` under `out`; another video's folder is never touched.

    InputError where `out` cannot be written or another run holds the folder.
    """
    stem = Path(video.path).stem
    slug, suffix = make_slug(stem), video.digest[:6]
    for name in filter(None, (slug, f"{slug}-{suffix}".strip("-"))):
        folder = out / name
        if not _may_hold(folder, video):
            continue
        make_folder(folder)
        with lock_folder(folder):
            if _may_hold(folder, video):  # asked again: someone may have come between
                _tidy(folder)
                yield folder
                return
    raise InputError(f"{out / slug} and {folder} both hold another video: choose another --out")


@contextmanager
def reopen_folder(folder: Path) -> Iterator[tuple[Path, Storyboard]]:
    """Lock a video's folder that exists and yield it with its storyboard; InputError where it is none."""
    if not (folder / STORYBOARD_NAME).is_file():
        raise InputError(f"{folder} is no video's folder: it has no {STORYBOARD_NAME}; make one by `broll storyboard`")
    make_folder(folder)
    with lock_folder(folder):
        _tidy(folder)
        yield folder, read_storyboard(folder / STORYBOARD_NAME)


def check_same_video(folder: Path, board: Storyboard, video: Video) -> None:
    """InputError where the folder was made for a file of other content."""
    if board.video.digest != video.digest:
        raise InputError(
            f"{folder} belongs to another video: it was made from {board.video.path} "
            f"({board.video.digest[:12]}), {video.path} has {video.digest[:12]}; choose another --out"
        )


def _may_hold(folder: Path, video: Video) -> bool:
    """True for a folder that is new, empty, ours from a run cut short, or already this video's."""
    if not folder.exists():
        return True
    board = folder / STORYBOARD_NAME
    if board.is_file():
        return read_storyboard(board).video.digest == video.digest
    return folder.is_dir() and all(item.name in (LOCK_NAME, *SUBFOLDERS) or item.suffix == ".part"
                                   for item in folder.iterdir())  # fmt: skip


def make_folder(folder: Path) -> None:
    """Make a video's folder with its subfolders; InputError says who refuses."""
    try:
        for part in SUBFOLDERS:
            (folder / part).mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise InputError(f"{error.filename} is a file where a folder is needed: choose another --out") from None
    except OSError as error:
        _raise_unwritable(folder, error)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{folder} cannot be written: choose another --out or change its rights")


def _raise_unwritable(folder: Path, error: OSError) -> None:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        raise error
    raise InputError(f"{folder} cannot be written ({error.strerror}): choose another --out") from None


def check_space(folder: Path, pictures: int) -> None:
    """InputError where the disk is too full for a run of so many pictures, before any work is done."""
    need = SPARE_BYTES + pictures * PICTURE_BYTES
    free = shutil.disk_usage(folder).free
    if free < need:
        raise InputError(
            f"{folder} has {free // 2**20} MB free, {pictures} pictures may need {need // 2**20} MB: "
            "free some space or choose another --out"
        )


# --- lock ----------------------------------------------------------------------------------------------------------


def lock_folder(folder: Path) -> AbstractContextManager[None]:
    """Hold the folder for this process; BusyError says who holds it otherwise."""
    return hold_lock(folder / LOCK_NAME)


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Hold a lock file for this process, without waiting; BusyError says who holds it otherwise.

    The kernel drops the lock when its holder dies, however it dies; a file that is left is therefore harmless.
    """
    try:
        handle = _take_lock(path)
    except OSError as error:
        _raise_unwritable(path.parent, error)
    try:
        os.ftruncate(handle, 0)
        os.write(handle, f"process {os.getpid()} on {socket.gethostname()} since {time.strftime('%H:%M:%S')}".encode())
        yield
    finally:
        with suppress(FileNotFoundError):
            path.unlink()
        os.close(handle)


def _take_lock(path: Path) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 200).decode(errors="replace") or "another run"
            os.close(handle)
            raise BusyError(f"{path.parent} is in use by {holder}: wait for it or stop it") from None
        if _is_current(handle, path):
            return handle
        os.close(handle)  # its last holder removed the file between our open and our lock: try the new one


def _is_current(handle: int, path: Path) -> bool:
    try:
        return os.fstat(handle).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False


# --- writing -------------------------------------------------------------------------------------------------------


def write_whole(path: Path, data: bytes | str) -> Path:
    """Write a file so that its name only ever shows it complete, even if the machine stops."""
    with write_file(path) as file:
        file.write(data.encode() if isinstance(data, str) else data)
    return path


@contextmanager
def write_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that takes its name once it is complete; what is left half-written is removed."""
    part = path.with_name(path.name + ".part")
    try:
        with open(part, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def save_board(folder: Path, board: Storyboard) -> Storyboard:
    """Write `storyboard.json` and hand the board on."""
    write_whole(folder / STORYBOARD_NAME, format_storyboard(board))
    return board


def locate(folder: Path, name: str) -> Path:
    """The path of a file that a storyboard names; InputError where it would lie outside the folder."""
    path = folder / name
    if not name or Path(name).is_absolute() or not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"storyboard names the file {name!r}, which is not inside {folder}")
    return path


def list_files(folder: Path) -> list[str]:
    """Every file of the folder, relative and sorted; lock, history and unfinished parts are none."""
    files = (path for path in folder.rglob("*") if path.is_file())
    names = (path.relative_to(folder).as_posix() for path in files)
    return sorted(name for name in names if not name.startswith(".") and not name.endswith(".part"))


def _tidy(folder: Path) -> None:
    """Remove what a run cut short left unfinished; only under the lock."""
    for place in (folder, *(folder / part for part in (*SUBFOLDERS, "sketches", "inputs", ".history"))):
        for part in place.glob("*.part"):
            part.unlink(missing_ok=True)
