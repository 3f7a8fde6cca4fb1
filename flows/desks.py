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
from models.profiles import Profile, load_profile
from tasks.desk import Desk, Options, Report, Settings, resolve_settings
from tasks.folder import STORYBOARD_NAME, check_same_video, check_space, claim_folder, reopen_folder, save_board
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
    before = from_plain(Settings, board.settings, "settings") if board.settings else None
    profile = load_profile(options.profile or (before.profile if before else "embedded"))
    settings = resolve_settings(options, profile, board.video, before)
    check_space(folder, settings.candidates * max(len(board.scenes), 1))
    desk = Desk(folder.absolute(), settings, open_toolbox(profile), REPORT.get(), TELL.get())
    desk.notes.extend(_remark(settings, profile))
    board = replace(board, settings=asdict(settings), versions={**board.versions, **list_versions()})
    return desk, save_board(folder, board)


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
