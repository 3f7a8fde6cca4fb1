"""`index.html`: one plain page a video, frame beside picture, with the words said and the prompt that came of them.

No script runs on it; everything that people or models wrote is escaped by jinja2, and a content security policy
stands behind that. The page needs nothing but the pictures beside it.
"""

import base64
import hashlib
from functools import cache
from pathlib import Path
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from tasks.folder import write_whole
from tasks.place import covered_share
from tasks.records import Candidate, Cue, Scene, Storyboard

TEMPLATES = Path(__file__).with_name("templates")
PAGE_NAME = "index.html"
SOURCES = {
    "given": "captions given",
    "sidecar": "captions from the file beside the video",
    "stream": "captions from the video's subtitle stream",
    "speech": "captions by speech recognition",
    "none": "nothing said: scenes from the pictures alone",
}


def write_gallery(folder: Path, board: Storyboard) -> Path:
    """Write the page into a video's folder, whole."""
    return write_whole(folder / PAGE_NAME, format_gallery(board))


def format_gallery(board: Storyboard) -> str:
    """The page as text; the same board gives the same page."""
    video = board.video
    rows = [_row(number, scene, board) for number, scene in enumerate(board.scenes, 1)]
    style = (
        _environment()
        .get_template("index.css.j2")
        .render(rows=rows, video=video, ratio=_ratio(board), ticks=_ticks(video.duration))
    )
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        _environment()
        .get_template("index.html.j2")
        .render(
            title=Path(video.path).name,
            video=video,
            rows=rows,
            facts=_facts(board),
            note=board.captions.note,
            settings=board.settings,
            style=Markup(style),  # our own rules and numbers only, see the style sheet
            style_digest=digest,
            ticks=_ticks(video.duration),
            clock=format_clock,
        )
    )


def format_clock(seconds: float) -> str:
    """`0:07`, `12:03`, `1:02:03`: whole seconds, as a player shows them."""
    whole = int(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _facts(board: Storyboard) -> list[str]:
    drawn = sum(0 <= scene.panel.chosen < len(scene.panel.candidates) for scene in board.scenes)
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


def _row(number: int, scene: Scene, board: Storyboard) -> dict:
    """What the page shows of a scene; numbers in it are ours, texts may be hostile."""
    duration = max(board.video.duration, 1e-6)
    wanted = set(scene.captions)
    place, chosen = scene.panel.placement, _chosen(scene)
    return {
        "number": number,
        "scene": scene,
        "left": 100 * scene.start / duration,
        "width": 100 * (scene.end - scene.start) / duration,
        "place": place and {"left": 100 * place.start / duration, "width": 100 * (place.end - place.start) / duration},
        "cues": [cue for cue in board.captions.cues if cue.id in wanted],
        "evidence": _evidence(scene, board.captions.cues),
        "frame": quote(scene.keyframe),
        "picture": chosen and quote(chosen.image),
        "chosen": chosen,
        "others": [(c, quote(c.image)) for i, c in enumerate(scene.panel.candidates) if i != scene.panel.chosen],
    }


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


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
