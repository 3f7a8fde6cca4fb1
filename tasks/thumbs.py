"""Small copies of the pictures for the pages: a time line of hundreds must not decode hundreds of full ones."""

import hashlib
import io
from contextlib import suppress
from pathlib import Path

from PIL import Image

from models.errors import InputError
from tasks.folder import locate, write_whole
from tasks.pictures import format_xmp
from tasks.records import Candidate, Storyboard

FOLDER = "thumbs"
WIDTH = 384  # px: sharp at the width of a candidate on a dense screen
QUALITY = 80


def thumb_name(candidate: Candidate) -> str:
    """`thumbs/0123456789abcdef.jpg`: another for each picture and for each state of it."""
    key = f"{candidate.digest} {candidate.image}".encode("utf-8", "replace")
    return f"{FOLDER}/{hashlib.sha256(key).hexdigest()[:16]}.jpg"


def write_thumbs(folder: Path, board: Storyboard) -> frozenset[str]:
    """Make those that are missing, remove those of no picture; the names of those that are there."""
    wanted = {thumb_name(c): c for scene in board.scenes for c in scene.panel.candidates}
    place = folder / FOLDER
    place.mkdir(exist_ok=True)
    for old in place.glob("*.jpg"):
        if f"{FOLDER}/{old.name}" not in wanted:
            old.unlink(missing_ok=True)
    for name, candidate in wanted.items():
        if not (folder / name).is_file():
            with suppress(InputError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
                _write_thumb(locate(folder, candidate.image), folder / name)
    return frozenset(name for name in wanted if (folder / name).is_file())


def _write_thumb(source: Path, target: Path) -> None:
    with Image.open(source, formats=("PNG", "JPEG", "WEBP")) as image:
        small = image.convert("RGB")
        small.thumbnail((WIDTH, WIDTH), Image.Resampling.BOX, reducing_gap=2.0)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=QUALITY, optimize=True, xmp=format_xmp("", "broll").encode())
    write_whole(target, buffer.getvalue())
