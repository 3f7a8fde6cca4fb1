"""All videos of an output folder in one SQLite file: what was said, shown and drawn, to be searched.

The file is made from the storyboards on disk and never the truth: a storyboard that changed is read again, one that is
gone is forgotten, and a file that is broken or another version's is made anew. Where the folder cannot be written the
library lives in memory for as long as it is asked.
"""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from models.errors import InputError
from tasks.folder import STORYBOARD_NAME
from tasks.keeping import own_cues
from tasks.records import Scene, Storyboard
from tasks.storyboard import read_storyboard
from tasks.thumbs import thumb_name

LIBRARY_NAME = "library.sqlite"
LIBRARY_VERSION = 1  # raised by one when the tables change
WAIT = 10.0  # s for another run that is writing
MOST_WORDS = 20_000  # characters of what is said in one scene
_TABLES = """
CREATE TABLE video (folder TEXT PRIMARY KEY, stamp TEXT, made REAL, digest TEXT, title TEXT, duration REAL,
                    failed INTEGER, note TEXT);
CREATE TABLE scene (row INTEGER PRIMARY KEY, folder TEXT, number INTEGER, id TEXT, start REAL, subject TEXT, core TEXT,
                    style TEXT, gist TEXT, said TEXT, picture TEXT, thumb TEXT);
CREATE INDEX scene_folder ON scene (folder);
CREATE VIRTUAL TABLE words USING fts5 (core, gist, said, style, title,
                                       tokenize = 'porter unicode61 remove_diacritics 2');
"""


@dataclass(frozen=True)
class Wish:
    """What is looked for; an empty field asks for nothing."""

    words: tuple[str, ...] = ()  # all of them, in what was said, the gist or the prompt; beginnings of words count
    subject: str = ""  # part of what is drawn
    style: str = ""  # part of the style's name
    since: date | None = None  # worked on that day or later


@dataclass(frozen=True)
class Entry:
    """One scene of one video."""

    folder: str  # name of the video's folder
    title: str  # the video's file name
    made: float  # s since 1970: when the storyboard was last written
    duration: float  # s, of the video
    failed: int  # scenes of the video that failed
    number: int  # of the scene, from 1
    id: str
    start: float  # s
    subject: str
    core: str
    style: str
    gist: str
    said: str
    picture: str  # relative to the video's folder, "" for none
    thumb: str  # its small copy, relative to the video's folder


@contextmanager
def open_library(out: Path) -> Iterator[sqlite3.Connection]:
    """The library of an output folder, as new as its storyboards; InputError where there is no such folder."""
    if not out.is_dir():
        raise InputError(f"{out} is no folder: give the one that videos' folders are made in by --out")
    with closing(_connect(out / LIBRARY_NAME) or _start()) as library:
        refresh(library, out)
        yield library


def find_videos(out: Path) -> Iterator[Path]:
    """The videos' folders in an output folder, by name."""
    for folder in sorted(out.iterdir()):
        if (folder / STORYBOARD_NAME).is_file():
            yield folder


def refresh(library: sqlite3.Connection, out: Path) -> None:
    """Read again what has changed since it was read, forget what is gone; all of it or nothing."""
    known = dict(library.execute("SELECT folder, stamp FROM video"))
    there = {folder.name: folder for folder in find_videos(out)}
    with library:
        for name in known.keys() - there.keys():
            _forget(library, name)
        for name, folder in there.items():
            with suppress(FileNotFoundError):  # taken away this moment: the next look forgets it
                stamp, made = _stamp(folder)
                if known.get(name) != stamp:
                    _forget(library, name)
                    _read(library, folder, stamp, made)


def search(library: sqlite3.Connection, wish: Wish) -> list[Entry]:
    """Scenes that fit the whole wish: best first where words are asked for, else newest video first."""
    conditions: list[str] = ["1"]
    values: list[Any] = []
    if wish.words:
        conditions.append("words MATCH ?")
        values.append(_match(wish.words))
    for column, text in (("scene.subject || ' ' || scene.core", wish.subject), ("scene.style", wish.style)):
        if text:
            conditions.append(f"{column} LIKE ? ESCAPE '!'")
            values.append(f"%{text.replace('!', '!!').replace('%', '!%').replace('_', '!_')}%")
    if wish.since:
        conditions.append("video.made >= ?")
        values.append(datetime.combine(wish.since, datetime.min.time()).timestamp())
    order = "bm25(words, 4, 2, 1, 1, 1), scene.row" if wish.words else "video.made DESC, video.folder, scene.number"
    return [Entry(*row) for row in library.execute(_select(conditions, order, bool(wish.words)), values)]


def list_notes(library: sqlite3.Connection) -> list[str]:
    """One line for each storyboard that could not be read."""
    return [f"{folder}: {note}" for folder, note in library.execute("SELECT folder, note FROM video WHERE note <> ''")]


def list_empty(library: sqlite3.Connection) -> list[tuple[str, str, float]]:
    """(folder, title, made) of the videos that have no scenes yet."""
    query = "SELECT folder, title, made FROM video WHERE note = '' AND folder NOT IN (SELECT folder FROM scene)"
    return list(library.execute(query))


def _select(conditions: Sequence[str], order: str, by_words: bool) -> str:
    names = ("folder", "title", "made", "duration", "failed")
    columns = [f"video.{name}" for name in names]
    columns += [f"scene.{name}" for name in Entry.__dataclass_fields__ if name not in names]
    joined = "scene JOIN video USING (folder)" + " JOIN words ON words.rowid = scene.row" * by_words
    return f"SELECT {', '.join(columns)} FROM {joined} WHERE {' AND '.join(conditions)} ORDER BY {order}"


def _match(words: Sequence[str]) -> str:
    """FTS5's own syntax is nothing that a user should meet: what is a word goes into quotes, the rest is left out."""
    parts = [part for word in words for part in re.split(r"[^\w]+", word) if any(map(str.isalnum, part))]
    return " AND ".join(f'"{part}"*' for part in parts) or '""'


def _connect(path: Path) -> sqlite3.Connection | None:
    """The file's library; a broken one is made anew. None where it cannot be written, or is busy for too long."""
    with suppress(sqlite3.OperationalError, OSError):
        try:
            return _start(path)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:  # broken, or another version's
            path.unlink(missing_ok=True)
            return _start(path)
    return None


def _start(path: Path | str = ":memory:") -> sqlite3.Connection:
    library = sqlite3.connect(path, timeout=WAIT)
    try:
        _prepare(library)
    except sqlite3.Error:
        library.close()
        raise
    return library


def _prepare(library: sqlite3.Connection) -> None:
    """The tables, where there are none; DatabaseError for a file that cannot be used as it is."""
    with library:
        library.execute("BEGIN IMMEDIATE")
        (version,) = library.execute("PRAGMA user_version").fetchone()
        if library.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("broken")
        if version == 0:
            for statement in filter(str.strip, _TABLES.split(";")):
                library.execute(statement)
            library.execute(f"PRAGMA user_version = {LIBRARY_VERSION}")
        elif version != LIBRARY_VERSION:
            raise sqlite3.DatabaseError(f"version {version}")


def _stamp(folder: Path) -> tuple[str, float]:
    state = (folder / STORYBOARD_NAME).stat()
    return f"{state.st_mtime_ns} {state.st_size}", state.st_mtime


def _forget(library: sqlite3.Connection, name: str) -> None:
    library.execute("DELETE FROM words WHERE rowid IN (SELECT row FROM scene WHERE folder = ?)", (name,))
    library.execute("DELETE FROM scene WHERE folder = ?", (name,))
    library.execute("DELETE FROM video WHERE folder = ?", (name,))


def _read(library: sqlite3.Connection, folder: Path, stamp: str, made: float) -> None:
    try:
        board = read_storyboard(folder / STORYBOARD_NAME)
    except InputError as error:
        row = (folder.name, stamp, made, "", "", 0.0, 0, str(error))
        library.execute("INSERT INTO video VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _storable(row))
        return
    failed, title = sum(scene.state == "failed" for scene in board.scenes), Path(board.video.path).name
    row = (folder.name, stamp, made, board.video.digest, title, board.video.duration, failed, "")
    library.execute("INSERT INTO video VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _storable(row))
    for number, scene in enumerate(board.scenes, 1):
        _read_scene(library, (folder.name, number), board, scene)


def _read_scene(library: sqlite3.Connection, place: tuple[str, int], board: Storyboard, scene: Scene) -> None:
    prompt, panel = scene.prompt, scene.panel
    chosen = panel.candidates[panel.chosen] if 0 <= panel.chosen < len(panel.candidates) else None
    said = " ".join(cue.text for cue in own_cues(board, scene))[:MOST_WORDS]
    core, style = (prompt.core or prompt.subject, prompt.style) if prompt else ("", "")
    gist = scene.summary.gist if scene.summary else ""
    picture, thumb = (chosen.image, thumb_name(chosen)) if chosen else ("", "")
    subject = prompt.subject if prompt else ""
    row = (*place, scene.id, scene.start, subject, core, style, gist, said, picture, thumb)
    marks = ", ".join("?" * len(row))
    at = library.execute(f"INSERT INTO scene VALUES (NULL, {marks})", _storable(row)).lastrowid
    words = (at, core, gist, said, style, Path(board.video.path).name)
    library.execute(
        "INSERT INTO words (rowid, core, gist, said, style, title) VALUES (?, ?, ?, ?, ?, ?)", _storable(words)
    )


def _storable(row: Sequence[Any]) -> tuple[Any, ...]:
    """SQLite holds UTF-8: half a surrogate pair, which JSON can spell, becomes a question mark."""
    return tuple(value.encode("utf-8", "replace").decode() if isinstance(value, str) else value for value in row)
