"""A person's own files: copied into the folder by their content, and own pictures fitted to the timeline.

The files themselves are never altered. What is kept in `inputs/` lets a picture be drawn again when they are gone.
"""

from pathlib import Path

import numpy as np

from models.errors import InputError
from models.images import cover, read_image
from tasks.folder import write_whole
from tasks.media import file_digest
from tasks.pictures import write_own

INPUTS_NAME = "inputs"
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
MOST_BYTES = 200 * 2**20  # of one file


def name_input(path: Path) -> str:
    """`inputs/0123456789abcdef.png`: where a file's copy is kept, by its content."""
    suffix = path.suffix.lower()
    return f"{INPUTS_NAME}/{file_digest(path)[:16]}{suffix if suffix in SUFFIXES else '.img'}"


def keep_input(folder: Path, path: Path) -> str:
    """Copy a file into `inputs/` where it is not there yet; its name there. InputError where it is no picture."""
    if not path.is_file():
        raise InputError(f"there is no file {str(path)!r}: give a PNG, JPEG or WebP file")
    if path.stat().st_size > MOST_BYTES:
        raise InputError(
            f"{path} has {path.stat().st_size // 2**20} MB: give a picture of {MOST_BYTES // 2**20} MB at most"
        )
    read_image(str(path))
    name = name_input(path)
    if not (folder / name).is_file():
        (folder / INPUTS_NAME).mkdir(exist_ok=True)
        write_whole(folder / name, path.read_bytes())
    return name


def fit_own(source: Path, target: Path, size: tuple[int, int], digest: str) -> Path:
    """Write a person's own picture at the timeline's size, what hangs over cropped evenly."""
    pixels = np.asarray(cover(read_image(str(source)), *size))
    notes = {
        "software": "broll",
        "origin": "own picture, not generated",
        "source": source.name,
        "source digest": file_digest(source),
        "digest": digest,
    }
    return write_own(target, pixels, notes)
