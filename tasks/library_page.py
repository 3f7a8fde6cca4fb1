"""`index.html` of an output folder: one page over all its videos, from the library; search, filters, no server.

A folder's own `index.html` that is not ours is never written over, and the page is only made unasked in a folder that
holds nothing but videos' folders.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from sqlite3 import Error as LibraryError

from models.errors import InputError
from tasks.desk import Desk
from tasks.folder import STORYBOARD_NAME, SUBFOLDERS, write_whole
from tasks.library import LIBRARY_NAME, Entry, Wish, list_empty, list_notes, open_library, search
from tasks.pages import GENERATOR, PAGE_NAME, address, format_clock, render_page, render_style

MOST_SCENES = 4000  # on the page, newest first: 3 MB of text; the command line searches all
MOSAIC = 4  # pictures of a video's card


@dataclass(frozen=True)
class Card:
    """One video on the page."""

    folder: str
    title: str
    made: float
    duration: float
    failed: int
    entries: tuple[Entry, ...]


def refresh_index(desk: Desk) -> None:
    """The page over the videos beside this one; what stands in its way is noted and no reason to fail."""
    out = desk.folder.absolute().parent
    try:
        if may_have_index(out):
            write_index(out)
    except (LibraryError, OSError) as error:
        desk.note(f"{out / PAGE_NAME} was not renewed: {error}")


def may_have_index(out: Path) -> bool:
    """True where the page is ours already, or could stand without being in anyone's way."""
    page = out / PAGE_NAME
    if page.exists():
        return is_ours(page)
    return all(_belongs(item) for item in out.iterdir() if not item.name.startswith("."))


def is_ours(page: Path) -> bool:
    """True for a page that this program has written."""
    try:
        with page.open("rb") as file:
            return GENERATOR.encode() in file.read(4096)
    except OSError:
        return False


def write_index(out: Path) -> Path:
    """Write the page, whole; InputError where another's page lies there."""
    page = out / PAGE_NAME
    if page.exists() and not is_ours(page):
        raise InputError(f"{page} was not made by this program: move it away, or choose another --out")
    with open_library(out) as library:
        entries, notes, empty = search(library, Wish()), list_notes(library), list_empty(library)
    return write_whole(page, format_index(out, entries, empty, notes))


def format_index(
    out: Path, entries: Iterable[Entry], empty: Iterable[tuple[str, str, float]] = (), notes: Iterable[str] = ()
) -> str:
    """The page as text; `entries` come video by video, the newest first."""
    cards = [_make_card(list(group)) for _, group in groupby(entries, key=lambda entry: entry.folder)]
    cards += [Card(folder, title, made, 0.0, 0, ()) for folder, title, made in empty]
    left, shown = MOST_SCENES, []
    for card in cards:
        shown.append({"card": card, "scenes": [_tile(out, entry) for entry in card.entries[: max(left, 0)]]})
        left -= len(card.entries)
    return render_page(
        "library.html.j2",
        render_style("base.css", "library.css"),
        ("common.js", "library.js"),
        title=out.name or "Videos",
        cards=shown,
        scenes=sum(len(card.entries) for card in cards),
        hours=sum(card.duration for card in cards) / 3600,
        styles=sorted({entry.style for card in cards for entry in card.entries if entry.style}),
        cut=left < 0,
        most=MOST_SCENES,
        notes=list(notes),
        mosaic=MOSAIC,
        address=address,
        day=_format_day,
    )


def _make_card(entries: list[Entry]) -> Card:
    first = entries[0]
    return Card(first.folder, first.title, first.made, first.duration, first.failed, tuple(entries))


def _tile(out: Path, entry: Entry) -> dict:
    small = entry.thumb if entry.thumb and (out / entry.folder / entry.thumb).is_file() else entry.picture
    return {
        "entry": entry,
        "image": address(f"{entry.folder}/{small}") if small else "",
        "link": f"{address(entry.folder)}/{PAGE_NAME}#scene-{entry.number}",
        "clock": format_clock(entry.start),
    }


def _format_day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d")


def _belongs(item: Path) -> bool:
    """True for what this program puts into an output folder."""
    if item.name in (PAGE_NAME, LIBRARY_NAME) or item.name.startswith(LIBRARY_NAME) or item.suffix == ".part":
        return True
    return item.is_dir() and ((item / STORYBOARD_NAME).is_file() or all(i.name in SUBFOLDERS for i in item.iterdir()))
