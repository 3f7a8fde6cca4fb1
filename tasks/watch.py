"""One round over an inbox: what is new, changed or due again is handed on, and what became of it is written down.

Safe beside other watchers of the same output folder: a video is claimed by its content's digest while it is worked on,
by a lock that the kernel drops when its holder dies.
"""

import errno
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from models.errors import BrollError, BusyError, InputError, SetupError
from models.profiles import Profile
from tasks.desk import Options
from tasks.folder import check_space, hold_lock
from tasks.inbox import Arrival, Sighting, digest_settings, is_unchanged, list_arrivals, settle
from tasks.ledger import CUT_SHORT, PLACE, Entry, change_ledger, fail, identify, is_due, read_ledger

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
PICTURES = 20  # that there must be room for before a video is begun


class Result(Protocol):
    """What handling one video comes to; `tasks.output.Outcome` is one."""

    @property
    def folder(self) -> str: ...
    @property
    def failed(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Watch:
    """An inbox, where its videos go, and how one is handled."""

    root: Path  # absolute
    options: Options
    profile: Profile
    handle: Callable[[str], Result]
    settle: float = 10.0  # s that a file must be seen unchanged
    tell: Callable[[str], None] = lambda text: None
    clock: Callable[[], float] = time.monotonic  # s, for waits of this process
    wall: Callable[[], float] = time.time  # s since the epoch, for what is written down
    sightings: dict[str, Sighting] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)  # so that a round does not repeat what the last one said

    @property
    def out(self) -> Path:
        """The output folder."""
        return Path(self.options.out)


@dataclass(frozen=True)
class Round:
    """What one round did, by the videos' paths."""

    done: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()  # will be tried again
    aside: tuple[str, ...] = ()  # will not
    unchanged: int = 0  # done before
    growing: int = 0  # seen, not yet steady
    waiting: int = 0  # for their next try, for another watcher, or gone meanwhile
    refused: tuple[str, ...] = ()
    paused: str = ""  # why the round ended early: the disk is full


def go_round(watch: Watch) -> Round:
    """One look, and each video that is due handled. SetupError and Ctrl-C end it and count as nobody's failure."""
    arrivals, refused = list_arrivals(watch.root, watch.out)
    steady, sightings = settle(arrivals, watch.sightings, watch.clock(), watch.settle)
    watch.sightings.clear()
    watch.sightings.update(sightings)
    for reason in refused:
        say_once(watch, f"refused: {reason}")
    counts: dict[str, list[str]] = {}
    paused = ""
    for arrival in steady:
        try:
            counts.setdefault(_take(watch, arrival), []).append(arrival.path)
        except OSError as error:
            if error.errno not in FULL:
                raise
            paused = f"{error.strerror}: {error.filename or watch.out}"
            break
    _forget_gone(watch, arrivals)
    counted = {name: tuple(counts.get(name, ())) for name in ("done", "failed", "aside")}
    numbers = {name: len(counts.get(name, ())) for name in ("unchanged", "waiting")}
    return Round(**counted, **numbers, growing=len(arrivals) - len(steady), refused=refused, paused=paused)  # type: ignore[arg-type]


def say_once(watch: Watch, text: str) -> None:
    """Tell something that stays true for many rounds."""
    if text not in watch.told:
        watch.told.add(text)
        watch.tell(text)


def _take(watch: Watch, arrival: Arrival) -> str:
    """The state that one video is in after this: done, failed, aside, unchanged, waiting."""
    key = digest_settings(watch.options, watch.profile, arrival.captions)
    ledger = read_ledger(watch.out)
    try:
        digest, mark = identify(ledger, arrival)
    except InputError:
        return "waiting"  # gone, or not ours to read; it says so itself once it can be read
    if ledger.digests.get(arrival.path) != mark:
        change_ledger(watch.out, {}, {arrival.path: mark})
    entry = ledger.entries.get(digest)
    if not is_due(entry, key, watch.out, watch.wall()):
        return _name_state(watch, arrival, entry)
    try:
        with hold_lock(watch.out / PLACE / f"{digest[:32]}.lock"):
            entry = read_ledger(watch.out).entries.get(digest)
            if not is_due(entry, key, watch.out, watch.wall()):  # another watcher has just done it
                return _name_state(watch, arrival, entry)
            return _work(watch, arrival, digest, key, entry)
    except BusyError:
        return "waiting"


def _name_state(watch: Watch, arrival: Arrival, entry: Entry | None) -> str:
    if entry is not None and entry.state == "aside":
        say_once(watch, f"set aside after {entry.tries} tries: {Path(arrival.path).name!r}: {entry.reason}")
        return "aside"
    return "unchanged" if entry is not None and entry.state == "done" else "waiting"


def _work(watch: Watch, arrival: Arrival, digest: str, key: str, before: Entry | None) -> str:
    """Handle a video under its claim. The try is written down beforehand, so that one which kills us counts, too."""
    if not is_unchanged(watch.root, arrival):
        return "waiting"
    _check_room(watch)
    name = Path(arrival.path).name
    change_ledger(watch.out, {digest: fail(before, key, arrival.path, CUT_SHORT, watch.wall())})
    try:
        result = watch.handle(arrival.path)
    except (KeyboardInterrupt, SetupError, BusyError):
        change_ledger(watch.out, {digest: before})
        raise
    except Exception as error:  # whatever one odd file does to a model, the others are still done
        if not is_unchanged(watch.root, arrival) or (isinstance(error, OSError) and error.errno in FULL):
            change_ledger(watch.out, {digest: before})
            if isinstance(error, OSError) and error.errno in FULL:
                raise
            return "waiting"
        return _write_failure(watch, name, digest, fail(before, key, arrival.path, describe(error), watch.wall()))
    folder = Path(result.folder).name
    if result.failed:
        entry = fail(before, key, arrival.path, "; ".join(result.failed)[:300], watch.wall())
        return _write_failure(watch, name, digest, replace(entry, folder=folder))
    change_ledger(watch.out, {digest: Entry("done", key, arrival.path, folder, at=watch.wall())})
    watch.tell(f"done: {name!r} -> {str(watch.out / folder)!r}")
    return "done"


def _write_failure(watch: Watch, name: str, digest: str, entry: Entry) -> str:
    change_ledger(watch.out, {digest: entry})
    if entry.state == "aside":
        say_once(watch, f"set aside after {entry.tries} tries: {name!r}: {entry.reason}")
    else:
        watch.tell(f"failed: {name!r}: {entry.reason}; next try in {entry.after - entry.at:.0f} s")
    return entry.state


def describe(error: Exception) -> str:
    """An error as one line."""
    text = str(error) if isinstance(error, BrollError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:300]


def _check_room(watch: Watch) -> None:
    """OSError (no space left) before a video is begun that would fail for it: a full disk is no file's fault."""
    watch.out.mkdir(parents=True, exist_ok=True)
    try:
        check_space(watch.out, PICTURES)
    except InputError as error:
        raise OSError(errno.ENOSPC, str(error), str(watch.out)) from None


def _forget_gone(watch: Watch, arrivals: Iterable[Arrival]) -> None:
    """Digests of files that have left this inbox are remembered no longer."""
    here, below = {one.path for one in arrivals}, f"{watch.root}/"
    gone = [path for path in read_ledger(watch.out).digests if path.startswith(below) and path not in here]
    if gone:
        change_ledger(watch.out, {}, dict.fromkeys(gone, ()))
