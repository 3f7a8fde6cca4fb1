"""Opening a video's folder for work: lock, settings, tools, and the storyboard as far as it has come."""

import logging
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from flows.toolbox import open_toolbox
from models.errors import InputError
from models.profiles import Profile, load_profile
from tasks.desk import Desk, Options, Report, Settings, resolve_settings
from tasks.edit_file import add_scenes, format_head
from tasks.edits import EDITS_NAME, read_edits, read_text
from tasks.folder import (
    STORYBOARD_NAME,
    check_same_video,
    check_space,
    claim_folder,
    reopen_folder,
    save_board,
    write_whole,
)
from tasks.marks import merge_marks, read_marks
from tasks.records import Captions, Storyboard, Video
from tasks.storyboard import from_plain, read_storyboard

#: Who is told how far a stage has come; the command line puts its progress bars here.
REPORT: ContextVar[Report] = ContextVar("report", default=lambda stage, done, total: None)
#: Who is told at once what the user should know before a long wait.
TELL: ContextVar[Callable[[str], None]] = ContextVar("tell", default=lambda text: None)
#: What a run's record names the versions of.
LIBRARIES = ("torch", "diffusers", "transformers", "faster-whisper", "opencv-python-headless", "prefect")


@contextmanager
def open_desk(video: Video, options: Options) -> Iterator[tuple[Desk, Storyboard]]:
    """The folder of `video` under `options.out`, locked, with the storyboard found there or a new one."""
    with claim_folder(Path(options.out), video) as folder:
        found = folder / STORYBOARD_NAME
        board = read_storyboard(found) if found.is_file() else Storyboard(video, Captions("none", "und"), {})
        desk, board = _set_up(folder, replace(board, video=video), options)
        with collect_warnings(desk.note):
            yield desk, board


@contextmanager
def reopen_desk(folder: Path, options: Options, video: Video | None) -> Iterator[tuple[Desk, Storyboard]]:
    """A folder that exists, locked; InputError where it is another video's than `video`."""
    with reopen_folder(folder) as (place, found):
        if video is not None:
            check_same_video(place, found, video)
        desk, board = _set_up(place, replace(found, video=video or found.video), options)
        with collect_warnings(desk.note):
            yield desk, board


def peek_desk(folder: Path, options: Options) -> tuple[Desk, Storyboard]:
    """A folder as it is, for looking only: no lock is taken and nothing is written."""
    path = folder / STORYBOARD_NAME
    if not path.is_file():
        raise InputError(f"{folder} is no video's folder: it has no {STORYBOARD_NAME}; make one by `broll storyboard`")
    board = read_storyboard(path)
    return _make_desk(folder, board, options), board


def take_marks(desk: Desk, board: Storyboard, marks: str, write: bool = True) -> str | None:
    """The text of the edits with the gallery's marks put in, written unless only looked at; None without marks."""
    if not marks:
        return None
    path = desk.folder / EDITS_NAME
    before = read_text(path) if path.exists() else add_scenes(format_head(board), board)
    text = merge_marks(before, board, read_marks(Path(marks), board), bool(desk.tools.names["vocabulary"]))
    read_edits(desk.folder, board, bool(desk.tools.names["vocabulary"]), text)
    if write:
        write_whole(path, text)
    return text


class _Noting(logging.Handler):
    """Hands each message of warning or above to `note`."""

    def __init__(self, note: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self.note = note

    def emit(self, record: logging.LogRecord) -> None:
        """Tell the message."""
        self.note(record.getMessage())


@contextmanager
def collect_warnings(note: Callable[[str], None]) -> Iterator[None]:
    """What our own modules warn of goes to the run's notes and not to the screen."""
    logger, handler = logging.getLogger("models"), _Noting(note)
    logger.addHandler(handler)
    before, logger.propagate = logger.propagate, False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = before


def _set_up(folder: Path, board: Storyboard, options: Options) -> tuple[Desk, Storyboard]:
    desk = _make_desk(folder, board, options)
    check_space(folder, desk.settings.candidates * max(len(board.scenes), 1))
    settings = asdict(desk.settings)
    board = replace(board, settings=settings, versions={**board.versions, **list_versions()})
    return desk, save_board(folder, board)


def _make_desk(folder: Path, board: Storyboard, options: Options) -> Desk:
    before = from_plain(Settings, board.settings, "settings") if board.settings else None
    profile = load_profile(options.profile or (before.profile if before else "embedded"))
    settings = resolve_settings(options, profile, board.video, before)
    desk = Desk(folder.absolute(), settings, open_toolbox(profile), REPORT.get(), TELL.get())
    desk.notes.extend(_remark(settings, profile))
    return desk


def _remark(settings: Settings, profile: Profile) -> Iterator[str]:
    """What the user should know before the pictures are drawn."""
    if not profile.commercial:
        yield f"profile {profile.name}: its drawing model ({profile.licence}) forbids commercial use"


def list_versions() -> dict[str, str]:
    """Of the program, of Python, of the libraries that results depend on."""
    return {"broll": _version("broll"), "python": platform.python_version()} | {
        name: found for name in LIBRARIES if (found := _version(name))
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
