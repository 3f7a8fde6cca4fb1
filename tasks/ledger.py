"""What became of the videos of an inbox: a small file in the output folder, by the videos' content.

The truth is the folders on disk: an entry says "done" only of a folder that is there, and a ledger that is lost costs
no more than a look at each video's folder, for a run finds finished work and keeps it.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from filelock import FileLock

from tasks.folder import STORYBOARD_NAME, write_whole
from tasks.inbox import Arrival
from tasks.media import file_digest

PLACE = ".inbox"  # in the output folder
LEDGER_NAME = "ledger.json"
#: s to wait after the first, second, ... failure; after the last of them the video is set aside.
WAITS = (60.0, 300.0, 1800.0, 4 * 3600.0)
CUT_SHORT = "the run was cut short (killed, or out of memory)"


@dataclass(frozen=True)
class Entry:
    """One video's fate under one set of settings."""

    state: str  # done | failed (will be tried again) | aside (will not)
    key: str  # of the settings and captions
    video: str  # where it lay
    folder: str = ""  # of what was made, relative to the output folder
    tries: int = 0  # that failed
    reason: str = ""  # of the last failure
    at: float = 0.0  # s since the epoch, of the last try
    after: float = 0.0  # s since the epoch, not to be tried before


@dataclass(frozen=True)
class Ledger:
    """All entries, and the digests of files that need not be read again while they are unchanged."""

    entries: dict[str, Entry] = field(default_factory=dict)  # by digest of the content
    digests: dict[str, tuple[int, int, int, str]] = field(default_factory=dict)  # path -> bytes, mtime, ctime, digest


def is_due(entry: Entry | None, key: str, out: Path, now: float) -> bool:
    """Whether a video is to be done now. A clock that went backwards does not prolong a wait."""
    if entry is None or entry.key != key:
        return True
    if entry.state == "done":
        return not is_there(out, entry.folder)
    return entry.state == "failed" and (now >= entry.after or now < entry.at)


def is_there(out: Path, folder: str) -> bool:
    """Whether a finished video's folder is on disk; `run.json` is written last."""
    return bool(folder) and all((out / folder / name).is_file() for name in (STORYBOARD_NAME, "run.json"))


def fail(entry: Entry | None, key: str, video: str, reason: str, now: float) -> Entry:
    """The entry after one more failure: to be tried again after a wait, or set aside."""
    tries = (entry.tries if entry and entry.key == key and entry.state != "done" else 0) + 1
    folder = entry.folder if entry else ""
    if tries > len(WAITS):
        return Entry("aside", key, video, folder, tries, reason, now)
    return Entry("failed", key, video, folder, tries, reason, now, now + WAITS[tries - 1])


def read_ledger(out: Path) -> Ledger:
    """The ledger of an output folder; an empty one where there is none or it cannot be understood."""
    try:
        data = json.loads((out / PLACE / LEDGER_NAME).read_text("utf-8"))
        entries = {digest: Entry(**entry) for digest, entry in data["entries"].items()}
        if not all(isinstance(one.after, float | int) and isinstance(one.folder, str) for one in entries.values()):
            return Ledger()
        return Ledger(entries, {path: tuple(facts) for path, facts in data["digests"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Ledger()


def change_ledger(out: Path, entries: Mapping[str, Entry | None], digests: Mapping[str, tuple] | None = None) -> None:
    """Put entries (None takes one out) into the ledger as it is now on disk; several watchers may do so at once."""
    place = out / PLACE
    place.mkdir(parents=True, exist_ok=True)
    with FileLock(place / "ledger.lock"):
        before = read_ledger(out)
        after = {digest: entry for digest, entry in {**before.entries, **entries}.items() if entry is not None}
        known = before.digests if digests is None else {**before.digests, **digests}
        known = {path: facts for path, facts in known.items() if facts}
        data = {"version": 1, "entries": {digest: asdict(entry) for digest, entry in after.items()}, "digests": known}
        write_whole(place / LEDGER_NAME, json.dumps(data, indent=1) + "\n")  # ASCII: names may be no UTF-8


def identify(ledger: Ledger, arrival: Arrival) -> tuple[str, tuple[int, int, int, str]]:
    """(digest of the content, what to remember of it). InputError where the file cannot be read."""
    try:
        facts = os.stat(arrival.path)
        mark = (facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
    except OSError:
        mark = (-1, -1, -1)
    known = ledger.digests.get(arrival.path)
    digest = known[3] if known and tuple(known[:3]) == mark else file_digest(arrival.path)
    return digest, (*mark, digest)


def forgive(out: Path) -> int:
    """Let what was set aside be tried anew; how many that were."""
    aside = {digest: one for digest, one in read_ledger(out).entries.items() if one.state == "aside"}
    change_ledger(out, {digest: replace(one, state="failed", tries=0, after=0.0) for digest, one in aside.items()})
    return len(aside)
