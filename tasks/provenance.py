"""How a picture came about: told inside the picture, in `provenance.json`, and read back to make it again.

A reader of PNG text finds plain words; the chunk `manifest` holds the same for programs, with the whole request.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from models.diffusion.request import DrawRequest
from models.errors import InputError
from tasks.desk import Desk
from tasks.keeping import own_cues
from tasks.media import file_digest
from tasks.pictures import MANIFEST_KEY, SOURCE_TYPE, XMP_KEY, read_notes, read_picture
from tasks.records import Candidate, Cue, Scene, Storyboard
from tasks.storyboard import from_plain, to_plain

PROVENANCE_NAME = "provenance.json"
MANIFEST_VERSION = 1
CAPTION_LENGTH = 1000  # characters of what is said
GUIDES = ("sketch", "image", "mask")  # a request's fields that name a file
#: Facts without which the same request gives other pixels, and what to say of them.
NEEDED = {
    "weights": "the model's weights",
    "sampler": "the sampler",
    "dtype": "the number format",
    "device": "the device",
    "processor": "the processor",
    "libraries": "the libraries",
}


@dataclass(frozen=True)
class Drawn:
    """A picture as it came from the model."""

    pixels: np.ndarray  # (H, W, 3) uint8 RGB
    request: DrawRequest  # its files relative to the folder
    correction: str  # what `auto` came to
    facts: Mapping[str, str]  # of the model and the machine; see `models.diffusion.draw.Drawer.facts`


# --- written -------------------------------------------------------------------------------------------------------


def make_notes(desk: Desk, board: Storyboard, scene: Scene, candidate: Candidate, drawn: Drawn) -> dict[str, str]:
    """What the PNG says about itself, the manifest among it."""
    settings = {**candidate.settings, "correction": drawn.correction}
    cues = evidence_cues(board, scene)
    notes = {
        "software": "broll",
        **{name: str(value) for name, value in settings.items() if name not in ("width", "height")},
        "negative": drawn.request.prompt.negative,
        "seed": str(candidate.seed),
        "model digest": drawn.facts.get("model", ""),
        "scene": scene.id,
        "source": f"{desk.folder.name} {scene.keyframe} at {scene.keyframe_time:.3f} s",
        "captions": "\n".join(f"{cue.start:.3f} {cue.text}" for cue in cues)[:CAPTION_LENGTH],
        "pixels": pixel_digest(drawn.pixels),
        "digest": candidate.digest,
    }
    return {**notes, MANIFEST_KEY: json.dumps(make_manifest(desk, board, scene, drawn), ensure_ascii=False)}


def make_manifest(desk: Desk, board: Storyboard, scene: Scene, drawn: Drawn) -> dict[str, Any]:
    """Everything that it takes to draw the picture again, and what it was drawn for."""
    files = {name: value for name in GUIDES if (value := getattr(drawn.request, name))}
    return {
        "version": MANIFEST_VERSION,
        "digital_source_type": SOURCE_TYPE,
        "profile": desk.settings.profile,
        "request": to_plain(replace(drawn.request, correction=_repeatable(drawn))),
        "files": {name: file_digest(desk.folder / value) for name, value in files.items()},
        "facts": dict(drawn.facts),
        "source": {
            "video": Path(board.video.path).name,
            "video_digest": board.video.digest,
            "scene": scene.id,
            "frame": scene.keyframe,
            "frame_time": scene.keyframe_time,
            "captions": [to_plain(cue) for cue in evidence_cues(board, scene)],
        },
    }


def _repeatable(drawn: Drawn) -> str:
    """`auto` that came to nothing is off, whatever calibrations a later reader has."""
    return "off" if drawn.correction == "off" else drawn.request.correction


def evidence_cues(board: Storyboard, scene: Scene) -> list[Cue]:
    """The cues that the gist rests on, else the scene's first ones, as far as `CAPTION_LENGTH` reaches."""
    own = own_cues(board, scene)
    proof = set(scene.summary.evidence) if scene.summary else set()
    kept: list[Cue] = []
    for cue in [cue for cue in own if cue.id in proof] or own[:3]:
        if sum(len(other.text) for other in kept) + len(cue.text) <= CAPTION_LENGTH:
            kept.append(cue)
    return kept


def list_provenance(board: Storyboard) -> dict[str, Any]:
    """`provenance.json`: for every picture of the folder whether it was generated, and from what."""
    return {
        "version": MANIFEST_VERSION,
        "video": {"name": Path(board.video.path).name, "digest": board.video.digest},
        "pictures": {c.image: _entry(board, scene, c) for scene in board.scenes for c in scene.panel.candidates},
    }


def _entry(board: Storyboard, scene: Scene, candidate: Candidate) -> dict[str, Any]:
    shared = {"scene": scene.id, "digest": candidate.digest, **candidate.settings}
    if candidate.kind == "own":
        return {"generated": False, **shared}
    return {
        "generated": True,
        "digital_source_type": SOURCE_TYPE,
        **shared,
        "seed": candidate.seed,
        "frame": scene.keyframe,
        "frame_time": scene.keyframe_time,
        "captions": [cue.text for cue in evidence_cues(board, scene)],
    }


def pixel_digest(pixels: np.ndarray) -> str:
    """sha256 of a picture's size and pixels, hex: whatever the file's compression is."""
    return hashlib.sha256(f"{pixels.shape}".encode() + np.ascontiguousarray(pixels).tobytes()).hexdigest()


# --- read back -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Provenance:
    """What a picture says about itself."""

    path: Path
    notes: dict[str, str]  # text chunks in words
    manifest: dict[str, Any]  # {} where there is none
    labelled: bool  # whether its XMP says that it was generated
    untouched: bool | None  # whether its pixels are those that were drawn; None where it does not say


def read_provenance(path: Path) -> Provenance:
    """What the picture says; InputError where it is none, or says nothing."""
    try:
        pixels = read_picture(path)
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(f"{path} cannot be read as a picture ({error}): give a PNG that broll wrote") from None
    notes = read_notes(path)
    if notes.get("software") != "broll":
        raise InputError(f"{path} does not say how it was made: it is none of broll's pictures, or was saved anew")
    text, xmp = notes.pop(MANIFEST_KEY, ""), notes.pop(XMP_KEY, "")
    same = pixel_digest(pixels) == notes["pixels"] if "pixels" in notes else None
    return Provenance(path, notes, parse_manifest(text), SOURCE_TYPE in xmp, same)


def parse_manifest(text: str) -> dict[str, Any]:
    """A manifest's content; {} where the text is none that this version reads."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) and data.get("version") == MANIFEST_VERSION else {}


def read_request(found: Provenance) -> DrawRequest:
    """The request that made the picture, its files where they lie; InputError names what is not there any more."""
    if found.notes.get("origin"):
        raise InputError(f"{found.path} is a person's own picture: it was fitted, not drawn")
    if not found.manifest:
        raise InputError(f"{found.path} holds no manifest: it was drawn by an earlier version, or saved anew")
    request = from_plain(DrawRequest, found.manifest.get("request"), "request")
    files = {name: _find_file(found, name, value) for name in GUIDES if (value := getattr(request, name))}
    return replace(request, **files)


def _find_file(found: Provenance, name: str, value: str) -> str:
    folder = found.path.resolve().parent.parent
    path = (folder / value).resolve()
    digests = found.manifest.get("files")
    wanted = digests.get(name) if isinstance(digests, dict) else None
    if not path.is_relative_to(folder) or not path.is_file():
        raise InputError(f"its {name} {value} is not in {folder}: put it back there to draw the picture again")
    if file_digest(path) != wanted:
        raise InputError(
            f"its {name} {value} has been changed since: put the former one back to draw the picture again"
        )
    return str(path)


def list_differences(found: Provenance, facts: Mapping[str, str]) -> Iterator[str]:
    """What is not as it was when the picture was drawn: identical pixels are not promised then."""
    before = found.manifest.get("facts")
    for name, words in NEEDED.items():
        was, now = (str(side.get(name, "")) for side in (before if isinstance(before, dict) else {}, facts))
        if was != now:
            yield f"{words}: {_short(was) or 'unknown'} then, {_short(now) or 'unknown'} now"


def draw_again(found: Provenance, draw: Callable[[DrawRequest], np.ndarray]) -> tuple[np.ndarray, float]:
    """The picture drawn again, and how far its pixels are from the file's: 0 is identical, 255 the most."""
    pixels, before = draw(read_request(found)), read_picture(found.path)
    if pixels.shape != before.shape:
        return pixels, 255.0
    return pixels, float(np.abs(pixels.astype(np.int16) - before).max())


def _short(text: str) -> str:
    return text[:16] if len(text) == 64 else text
