"""`index.html`: a video's own page: time line, frame beside picture, words, prompt, candidates, costs.

The page needs nothing but the pictures beside it and works without its script, which adds search, keys, and marks
(choose, redo, drop) that leave as an edit file for `broll render DIR --edits FILE`.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.prompt import CONTROLS
from tasks.cost import Kept, describe_board_cost, describe_kept, describe_picture, picture_cost
from tasks.folder import write_whole
from tasks.library_page import may_have_index
from tasks.pages import PAGE_NAME, address, format_clock, render_page, render_style
from tasks.place import covered_share
from tasks.preview import PREVIEW_NAME
from tasks.records import Candidate, Cue, Scene, Storyboard
from tasks.thumbs import thumb_name, write_thumbs

SOURCES = {
    "given": "captions given",
    "sidecar": "captions from the file beside the video",
    "stream": "captions from the video's subtitle stream",
    "speech": "captions by speech recognition",
    "none": "nothing said: scenes from the pictures alone",
}
FILTERS = (
    ("all", "All"), ("drawn", "Illustrated"), ("onscreen", "On screen"), ("bare", "No picture"), ("failed", "Failed"),
    ("marked", "Marked"),
)  # fmt: skip
KEYS = (
    ("j →", "next scene"), ("k ←", "scene before"), ("o", "large; then j and k, f for the frame beside"),
    ("1 2 3", "choose that candidate"), ("r", "mark: redo"), ("x", "mark: drop"), ("/", "search"),
    ("t", "light or dark"), ("?", "these keys"),
)  # fmt: skip
PARTS = ("subject", "relation", "setting", *CONTROLS, "negative")
#: What can be done with a scene by hand: what it does, the command before the folder's name and after it.
COMMANDS = (
    ("Draw one more picture", "broll redo ", " {scene} --seed {seed}"),
    ("The shown picture, slightly otherwise", "broll redo ", " {scene} --vary {version}"),
    ("One part of the prompt changed, the same seed", "broll redo ", " {scene} --set lighting=night"),
    ("Follow a rough painting of yours", "broll redo ", " {scene} --sketch SKETCH.PNG"),
    ("Begin from a photo of yours", "broll redo ", " {scene} --photo PHOTO.JPG --strength 0.6"),
    ("Take the last change back", "broll undo ", ""),
)
KINDS = {"redone": "redone by hand", "own": "your own picture"}


@dataclass(frozen=True)
class Beside:
    """What lies around the storyboard when its page is written."""

    slug: str  # the folder's name
    thumbs: frozenset[str] = frozenset()  # small copies that are there
    kept: Kept | None = None  # what the run was spared that writes the page
    preview: bool = False  # whether the video with its pictures cut in is there
    home: bool = False  # whether there is a page over all videos one folder up


def write_gallery(folder: Path, board: Storyboard, kept: Kept | None = None) -> Path:
    """Write the page into a video's folder, whole, and the small pictures that it shows."""
    home = may_have_index(folder.absolute().parent)
    preview = (folder / PREVIEW_NAME).is_file()
    beside = Beside(folder.name, write_thumbs(folder, board), kept, preview, home)
    return write_whole(folder / PAGE_NAME, format_gallery(board, beside))


def format_gallery(board: Storyboard, beside: Beside) -> str:
    """The page as text; the same board gives the same page."""
    video = board.video
    rows = [_row(number, scene, board, beside) for number, scene in enumerate(board.scenes, 1)]
    ticks = _ticks(video.duration)
    numbers = {"rows": rows, "video": video, "ratio": _ratio(board), "ticks": ticks}
    return render_page(
        "video.html.j2",
        render_style("base.css", "video.css.j2", **numbers),
        ("common.js", "video.js"),
        title=Path(video.path).name,
        slug=beside.slug,
        home=beside.home,
        preview=PREVIEW_NAME if beside.preview else "",
        facts=_facts(board),
        note=board.captions.note,
        costs=_costs(board, beside.kept),
        filters=list(_filters(rows)),
        keys=KEYS,
        **numbers,
    )


def _facts(board: Storyboard) -> list[str]:
    drawn = sum(_chosen(scene) is not None for scene in board.scenes)
    failed = sum(scene.state == "failed" for scene in board.scenes)
    video, language = board.video, board.captions.language
    source = SOURCES.get(board.captions.source, board.captions.source)
    facts = [
        f"{format_clock(video.duration)} min",
        f"{video.width}×{video.height}, {float(video.frame_rate):.6g} frames/s",
        f"{len(board.scenes)} scenes, {drawn} illustrated" + (f", {failed} failed" if failed else ""),
        f"{covered_share(video, board.scenes):.0%} of the time under pictures",
        source + (f" ({language})" if language != "und" and board.captions.cues else ""),
    ]
    return facts + ([f"profile {board.settings['profile']}"] if "profile" in board.settings else [])


def _costs(board: Storyboard, kept: Kept | None) -> list[tuple[str, str]]:
    spared = describe_kept(kept) if kept else ""
    return [*describe_board_cost(board), *([("the last run found finished", spared)] if spared else [])]


def _filters(rows: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Name and label of each that would show something, and some but not all."""
    for name, label in FILTERS:
        count = sum(name in row["kinds"].split() for row in rows)
        if name in ("all", "marked"):
            yield name, label
        elif 0 < count < len(rows):
            yield name, f"{label} {count}"


def _row(number: int, scene: Scene, board: Storyboard, beside: Beside) -> dict[str, Any]:
    """What the page shows of a scene; numbers in it are ours, texts may be hostile."""
    duration = max(board.video.duration, 1e-6)
    place, chosen, own = scene.panel.placement, _chosen(scene), set(scene.captions)
    return {
        "number": number,
        "scene": scene,
        "name": (scene.prompt.core or scene.prompt.subject) if scene.prompt else scene.id,
        "left": 100 * scene.start / duration,
        "width": 100 * (scene.end - scene.start) / duration,
        "place": place and {"left": 100 * place.start / duration, "width": 100 * (place.end - place.start) / duration},
        "kinds": " ".join(_kinds(scene)),
        "cues": [cue for cue in board.captions.cues if cue.id in own],
        "evidence": _evidence(scene, board.captions.cues),
        "frame": address(scene.keyframe),
        "picture": chosen and address(chosen.image),
        "thumb": chosen and _small(chosen, beside),
        "chosen": chosen,
        "version": _version(scene, scene.panel.chosen) if chosen else 0,
        "took": describe_picture(picture_cost(board, scene, chosen)) if chosen else "",
        "candidates": [_candidate(i, scene, board, beside) for i in range(len(scene.panel.candidates))],
        "parts": [(name.replace("_", " "), text) for name in PARTS if (text := getattr(scene.prompt, name, ""))],
        "commands": list(_commands(scene)),
    }


def _candidate(index: int, scene: Scene, board: Storyboard, beside: Beside) -> dict[str, Any]:
    candidate = scene.panel.candidates[index]
    return {
        "image": address(candidate.image),
        "thumb": _small(candidate, beside),
        "version": _version(scene, index),
        "is_chosen": index == scene.panel.chosen,
        "seed": candidate.seed,
        "score": candidate.score,
        "note": candidate.note or KINDS.get(candidate.kind, ""),
        "refused": bool(candidate.note),
        "took": describe_picture(picture_cost(board, scene, candidate)),
    }


def _version(scene: Scene, index: int) -> int:
    """The number that people know a candidate by: the one in its file's name."""
    found = re.search(r"_v(\d{1,9})_", scene.panel.candidates[index].image)
    return int(found[1]) if found else index + 1


def _commands(scene: Scene) -> Iterator[tuple[str, str, str]]:
    """What it does, and the command before and after the folder's name, which the page knows best itself."""
    candidates, chosen = scene.panel.candidates, _chosen(scene)
    if scene.prompt is None:
        return
    seed = max((candidate.seed for candidate in candidates), default=0) % 10**6 + 1  # short enough to be typed
    version = _version(scene, scene.panel.chosen) if chosen else 1
    for what, before, after in COMMANDS:
        if chosen or "--vary" not in after:
            yield what, before, after.format(scene=shlex.quote(scene.id), seed=seed, version=version)


def _small(candidate: Candidate, beside: Beside) -> str:
    """The address of the small copy, of the picture itself where there is none."""
    name = thumb_name(candidate)
    return address(name if name in beside.thumbs else candidate.image)


def _kinds(scene: Scene) -> Iterator[str]:
    """What a scene can be filtered by."""
    chosen = _chosen(scene)
    yield "drawn" if chosen else "bare"
    if scene.state == "failed":
        yield "failed"
    if chosen and scene.panel.placement:
        yield "onscreen"


def _chosen(scene: Scene) -> Candidate | None:
    panel = scene.panel
    return panel.candidates[panel.chosen] if 0 <= panel.chosen < len(panel.candidates) else None


def _evidence(scene: Scene, cues: tuple[Cue, ...]) -> list[Cue]:
    """The cues that the gist rests on, else the scene's first ones: what was said for this picture."""
    proof = set(scene.summary.evidence) if scene.summary else set()
    own = set(scene.captions)
    return [cue for cue in cues if cue.id in proof] or [cue for cue in cues if cue.id in own][:3]


def _ratio(board: Storyboard) -> tuple[int, int]:
    """Width and height of the boxes that pictures and frames lie in, from the first picture's size."""
    for scene in board.scenes:
        for candidate in scene.panel.candidates:
            width, height = candidate.settings.get("width"), candidate.settings.get("height")
            if isinstance(width, int) and isinstance(height, int) and min(width, height) > 0:
                return width, height
    return max(board.video.width, 1), max(board.video.height, 1)


def _ticks(duration: float) -> list[dict]:
    """About six marks at round times under the strip."""
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
    step = next((s for s in steps if duration / s <= 7), 14400)
    times = (t for t in range(0, int(duration) + 1, step) if t <= 0.97 * duration)  # the last would be cut off
    return [{"left": 100 * t / max(duration, 1e-6), "text": format_clock(t)} for t in times]
