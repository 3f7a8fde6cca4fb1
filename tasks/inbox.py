"""What lies in an inbox: the videos that have stopped growing, each with the captions beside it.

A name alone proves nothing: a copy in progress has its final name from the first byte. So a file is taken when two
looks at it, `settle` seconds apart, found the same sizes and times. Links that lead out of the inbox are refused.
"""

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from models.profiles import Profile
from tasks.caption_formats import SUFFIXES as CAPTION_SUFFIXES
from tasks.desk import Options
from tasks.media import file_digest

#: What is taken for a video by its name; the probe has the last word.
VIDEO_SUFFIXES = frozenset(
    ".mp4 .m4v .mov .mkv .webm .avi .ts .mts .m2ts .mpg .mpeg .flv .ogv .wmv .asf .mxf".split()
)  # fmt: skip
#: What programs put behind the name of a file that they are still writing, or beside it.
PARTIAL_SUFFIXES = (".part", ".partial", ".crdownload", ".download", ".tmp", ".temp", ".filepart", ".aria2", ".!qb")

#: (name, bytes, time of the last change in ns)
Stamp = tuple[str, int, int]


@dataclass(frozen=True)
class Arrival:
    """A video in the inbox, as one look found it."""

    path: str  # absolute
    size: int  # bytes
    changed: int  # ns since the epoch: its last change
    captions: tuple[Stamp, ...] = ()  # the caption files beside it, by name


@dataclass(frozen=True)
class Sighting:
    """Since when a video has been seen as it is."""

    arrival: Arrival
    since: float  # s, by the clock of the looks
    seen: float  # s, the last look


def list_arrivals(root: Path, without: Path | None = None) -> tuple[tuple[Arrival, ...], tuple[str, ...]]:
    """(the videos below `root`, oldest first; what was refused and why). `without` is a folder to leave out."""
    found: list[Arrival] = []
    refused: list[str] = []
    for folder, names in _walk(root, without, refused):
        found.extend(_list_folder(root, folder, names, refused))
    return tuple(sorted(found, key=lambda one: (one.changed, one.path))), tuple(refused)


def settle(
    arrivals: tuple[Arrival, ...], before: Mapping[str, Sighting], now: float, span: float
) -> tuple[tuple[Arrival, ...], dict[str, Sighting]]:
    """(those seen unchanged for `span` seconds, all sightings for the next look); `now` in seconds of any clock.

    A clock that went backwards starts the wait anew.
    """
    sightings = {}
    for arrival in arrivals:
        last = before.get(arrival.path)
        same = last is not None and last.arrival == arrival and last.seen <= now
        sightings[arrival.path] = Sighting(arrival, last.since if last and same else now, now)
    return tuple(one for one in arrivals if now - sightings[one.path].since >= span), sightings


def is_unchanged(root: Path, arrival: Arrival) -> bool:
    """Whether the video and its captions are still what the look found; False where they are gone."""
    path = Path(arrival.path)
    try:
        names = sorted(os.listdir(path.parent))
    except OSError:
        return False
    return any(one == arrival for one in _list_folder(root, path.parent, names, [], only=path.name))


def is_partial(name: str, beside: frozenset[str]) -> bool:
    """Whether a name is hidden, temporary, or that of a file which a program is still writing next to it."""
    low = name.lower()
    return low.startswith((".", "~")) or low.endswith(PARTIAL_SUFFIXES) or any(
        low + suffix in beside for suffix in PARTIAL_SUFFIXES
    )  # fmt: skip


def digest_settings(options: Options, profile: Profile, captions: tuple[Stamp, ...] = ()) -> str:
    """What changes when a video must be done anew: what is asked for, the profile, the captions beside it.

    InputError where the style file cannot be read.
    """
    asked = {name: value for name, value in asdict(options).items() if name != "out"}
    if options.style_file is not None:
        asked["style_file"] = file_digest(options.style_file)
    text = json.dumps([asked, asdict(profile), captions], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _walk(root: Path, without: Path | None, refused: list[str]) -> Iterator[tuple[Path, list[str]]]:
    """(folder, names of its files); hidden folders and links to folders are not entered."""

    def refuse(error: OSError) -> None:
        refused.append(f"{error.filename!r} cannot be read ({error.strerror})")

    skip = without.resolve() if without else None
    for place, folders, names in os.walk(root, onerror=refuse):
        folder = Path(place)
        for name in folders:
            if (folder / name).is_symlink():
                refused.append(f"{str(folder / name)!r} is a link to a folder, which is not followed")
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and (folder / name).resolve() != skip
        )  # fmt: skip
        yield folder, sorted(names)


def _list_folder(root: Path, folder: Path, names: list[str], refused: list[str], only: str = "") -> Iterator[Arrival]:
    """The videos of one folder, or the one named `only`."""
    beside = frozenset(name.lower() for name in names)
    captions = _group_captions(folder, names)
    for name in [only] if only else names:
        stem, suffix = os.path.splitext(name)
        if suffix.lower() not in VIDEO_SUFFIXES or is_partial(name, beside):
            continue
        path = folder / name
        if path.is_symlink() and not _is_inside(root, path):
            refused.append(f"{str(path)!r} is a link that leads out of the inbox")
        elif (found := _stat(path)) and found.st_size:
            yield Arrival(str(path), found.st_size, found.st_mtime_ns, tuple(captions.get(stem, ())))


def _group_captions(folder: Path, names: list[str]) -> dict[str, list[Stamp]]:
    """Stem -> the caption files that may belong to it: `talk.en.srt` to `talk` and to `talk.en`."""
    grouped: dict[str, list[Stamp]] = {}
    for name in names:
        if not name.lower().endswith(CAPTION_SUFFIXES) or not (found := _stat(folder / name)):
            continue
        parts = name.split(".")[:-1]
        for count in range(1, len(parts) + 1):
            grouped.setdefault(".".join(parts[:count]), []).append((name, found.st_size, found.st_mtime_ns))
    return grouped


def _stat(path: Path) -> os.stat_result | None:
    """The facts of a regular file that is there, else None."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def _is_inside(root: Path, path: Path) -> bool:
    try:
        return path.resolve(strict=True).is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        return False
