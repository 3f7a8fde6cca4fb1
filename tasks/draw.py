"""Drawing and choosing: one scene's candidates, each on disk the moment it is drawn, then the best of them.

A candidate's digest stands for everything that its pixels depend on. A picture that is there under that digest is
kept, whoever drew it and however that run ended.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from models.diffusion.request import DrawRequest
from models.errors import SceneError
from models.prompt import Prompt
from tasks.cost import count_evaluations, draw_step, put_cost, tally_drawn_picture, tally_kept_picture
from tasks.desk import Desk
from tasks.edits import is_locked, version_of
from tasks.folder import locate, name_still, save_board, write_whole
from tasks.inputs import fit_own, keep_input, name_input
from tasks.judge import Verdict, choose_best, judge_candidates
from tasks.keeping import attempt, find_scene, keep, put_scene
from tasks.media import file_digest
from tasks.pictures import encode_png, is_whole, read_notes, read_picture, write_picture
from tasks.provenance import GUIDES, Drawn, make_notes
from tasks.records import Candidate, Panel, Scene, Storyboard
from tasks.stages import frame_mark, read_keyframe
from tasks.storyboard import digest_of

DRAW_VERSION, JUDGE_VERSION = 1, 1  # raised by one when the same input gives another result
MOST_CANDIDATES = 64  # of one scene and one try: where the next try's seeds begin
PHOTO_STRENGTH = 0.6  # keeps what is where, draws what it is anew
SKETCH_STRENGTH = 0.8  # of a model that paints over a sketch instead of following it
PAINTABLE = 5  # px of a saved sketch's cell: 640x360 in all, large enough to paint in


@dataclass(frozen=True)
class Plan:
    """A candidate as it is wanted."""

    number: int  # its place among the scene's candidates, from 0
    request: DrawRequest  # its files relative to the folder
    digest: str  # of everything that the pixels depend on
    kind: str = "drawn"  # as of a candidate

    @property
    def seed(self) -> int:
        """The seed of its noise."""
        return self.request.seed


def candidate_seed(run_seed: int, scene_id: str, number: int) -> int:
    """The seed of candidate `number` of a scene, 0 <= seed < 2^32: it depends on nothing else, least of all a batch."""
    digest = hashlib.sha256(f"{run_seed}:{scene_id}:{number}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


# --- what is wanted ------------------------------------------------------------------------------------------------


def plan_candidates(desk: Desk, scene: Scene) -> list[Plan]:
    """The candidates that settings and edits ask for; none where nothing is to be drawn."""
    if is_locked(scene) or scene.edit.drop or scene.edit.picture or scene.prompt is None:
        return []
    seeds = [wanted_seed(desk, scene, number) for number in range(desk.settings.candidates)]
    requests = [replace(make_request(desk, scene.prompt, seed), **_guides(desk, scene)) for seed in seeds]
    return [Plan(number, request, mark_request(desk, request)) for number, request in enumerate(requests)]


def wanted_seed(desk: Desk, scene: Scene, number: int) -> int:
    """The seed of candidate `number` as the person or the run has it; every further try begins past the last one's."""
    number += MOST_CANDIDATES * scene.edit.redo
    if scene.edit.seed is not None:
        return (scene.edit.seed + number) % 2**63
    return candidate_seed(desk.settings.seed, scene.id, number)


def make_request(desk: Desk, prompt: Prompt, seed: int) -> DrawRequest:
    """A picture of that prompt with the run's settings."""
    s = desk.settings
    return DrawRequest(prompt, seed, s.width, s.height, s.steps, s.guidance, s.correction)


def mark_request(desk: Desk, request: DrawRequest) -> str:
    """The digest of everything that a request's pixels depend on: the model, the words, the contents of its files."""
    r, names = request, desk.tools.names
    parts = [DRAW_VERSION, r.prompt, r.steps, r.guidance, r.width, r.height, _correction_mark(desk), r.seed]
    return digest_of(names["drawing"], *parts, *_guide_marks(desk.folder, request))


def _guide_marks(folder: Path, request: DrawRequest) -> list[dict[str, Any]]:
    """What is beside words, seed and settings; nothing where there is nothing."""
    plain = DrawRequest(request.prompt, 0, 1, 1, 1, 1.0)
    marks = {f.name: getattr(request, f.name) for f in fields(request)[7:]}
    marks = {name: value for name, value in marks.items() if value != getattr(plain, name)}
    files = {name: _content_mark(folder, marks[name]) for name in GUIDES if name in marks}
    return [marks | files] if marks else []


def _content_mark(folder: Path, name: str) -> str:
    """A file kept in `inputs/` is named by its content and need not be there yet."""
    return name if name.startswith("inputs/") else file_digest(locate(folder, name))


def _guides(desk: Desk, scene: Scene) -> dict[str, Any]:
    """The request's fields for a sketch or photo that a person gave."""
    edit = scene.edit
    sketch = name_input(desk.folder / edit.sketch) if edit.sketch else ""
    photo = name_input(desk.folder / edit.photo) if edit.photo else ""
    return guide_fields(desk, sketch, photo, edit.strength)


def guide_fields(desk: Desk, sketch: str, photo: str, strength: float | None) -> dict[str, Any]:
    """`strength` is the photo's where there is one, else the sketch's."""
    if photo:
        return {"sketch": sketch, "image": photo, "strength": PHOTO_STRENGTH if strength is None else strength}
    if not sketch:
        return {}
    if desk.tools.names["vocabulary"]:  # the embedded model follows a sketch
        return {"sketch": sketch, "hold": 1.0 if strength is None else strength}
    return {"sketch": sketch, "strength": SKETCH_STRENGTH if strength is None else max(strength, 0.01)}


# --- drawing -------------------------------------------------------------------------------------------------------


def draw_candidates(desk: Desk, board: Storyboard, scene_id: str) -> Storyboard:
    """The scene's candidates drawn, those asked for now first, older ones after them; a failure is recorded."""
    scene, step = find_scene(board, scene_id), f"draw {scene_id}"
    if scene.prompt is None and not scene.edit.picture:
        return board
    if scene.edit.picture and not scene.edit.drop:
        return attempt(desk, board, step, partial(_ensure_own, desk, board, scene))
    for name in filter(None, (scene.edit.sketch, scene.edit.photo)):
        keep_input(desk.folder, desk.folder / name)
    plans = plan_candidates(desk, scene)
    for plan in plans:
        board = attempt(desk, board, step, partial(ensure_picture, desk, board, scene_id, plan))
        _report(desk, len(plans), len(board.scenes))
        if find_scene(board, scene_id).state == "failed":
            return board
    return board


def ensure_picture(desk: Desk, board: Storyboard, scene_id: str, plan: Plan) -> Storyboard:
    """The board with the planned candidate at its place: found on disk, or drawn now."""
    scene = find_scene(board, scene_id)
    known = next((c for c in scene.panel.candidates if c.digest == plan.digest), None)
    candidate = known or _describe_candidate(desk, scene, plan)
    path, costed = locate(desk.folder, candidate.image), board
    if is_whole(path, plan.digest):
        tally_kept_picture(desk, board, scene, candidate)
    else:
        costed = put_cost(board, draw_step(scene.id, plan.digest), _draw(desk, board, scene, candidate, plan))
    if not known:  # what `auto` came to is known to the picture itself, whoever drew it
        settings = {**candidate.settings, "correction": read_notes(path)["correction"]}
        candidate = replace(candidate, settings=settings)
    panel = _with_candidate(scene.panel, plan.number, candidate)
    fresh = put_scene(costed, replace(scene, panel=panel, state="drawn", error=""))
    return board if fresh == board else save_board(desk.folder, fresh)


def _draw(desk: Desk, board: Storyboard, scene: Scene, candidate: Candidate, plan: Plan) -> dict[str, Any]:
    """Draw a picture into its file, and the sketch that guided it beside it; what it has cost."""
    draw, request = desk.tools.draw(), at_place(desk.folder, plan.request)
    began = time.perf_counter()
    pixels = draw(request)
    seconds = time.perf_counter() - began
    if pixels.shape != (request.height, request.width, 3):
        raise SceneError(f"the model drew {pixels.shape}, asked for were {(request.height, request.width, 3)}")
    save_sketch(desk.folder, candidate.image, draw, request)
    drawn = Drawn(pixels, plan.request, _name_correction(draw, request), getattr(draw, "facts", {}))
    write_picture(locate(desk.folder, candidate.image), pixels, make_notes(desk, board, scene, candidate, drawn))
    return tally_drawn_picture(desk, count_evaluations(request.steps, request.guidance), seconds)


def at_place(folder: Path, request: DrawRequest) -> DrawRequest:
    """The request with its files where they lie."""
    files: Any = {name: str(locate(folder, value)) for name in GUIDES if (value := getattr(request, name))}
    return replace(request, **files)


def save_sketch(folder: Path, image: str, draw: Callable, request: DrawRequest) -> None:
    """`sketches/` gets the colours that guided a picture, under the picture's name, for a person to repaint."""
    layout = getattr(draw, "sketch", None)
    cells = layout(request) if layout else None
    if cells is None:
        return
    (folder / "sketches").mkdir(exist_ok=True)
    size = (cells.shape[1] * PAINTABLE, cells.shape[0] * PAINTABLE)
    large = Image.fromarray(cells).resize(size, Image.Resampling.NEAREST)
    write_whole(folder / "sketches" / Path(image).name, encode_png(np.asarray(large)))


def _name_correction(draw: Callable, request: Any) -> str:
    """What was applied: the text asked for, or what `auto` came to with this model."""
    settle = getattr(draw, "correction", None)
    if request.correction != "auto" or settle is None:
        return request.correction
    table = settle(request)
    return "off" if table is None else f"auto: {table.name}"


def _ensure_own(desk: Desk, board: Storyboard, scene: Scene) -> Storyboard:
    """The board with the person's own picture, fitted, after the drawn ones."""
    s, source = desk.settings, desk.folder / scene.edit.picture
    digest = digest_of("own", file_digest(source), s.width, s.height)
    known = next((c for c in scene.panel.candidates if c.digest == digest), None)
    name = f"images/{name_picture(desk, scene, len(scene.panel.candidates), 'own')}"
    settings = {"width": s.width, "height": s.height, "source": source.name}
    candidate = known or Candidate(name, 0, 0.0, digest, settings, kind="own")
    if not is_whole(locate(desk.folder, candidate.image), digest):
        fit_own(source, locate(desk.folder, candidate.image), (s.width, s.height), digest)
    panel = _with_candidate(scene.panel, len(scene.panel.candidates), candidate) if not known else scene.panel
    fresh = put_scene(board, replace(scene, panel=panel, state="drawn", error=""))
    return board if fresh == board else save_board(desk.folder, fresh)


def _describe_candidate(desk: Desk, scene: Scene, plan: Plan) -> Candidate:
    r, names = plan.request, desk.tools.names
    settings = {
        "prompt": r.prompt.full or r.prompt.core or r.prompt.subject,
        "model": names["drawing"],
        "sampler": names["sampler"],
        "correction": r.correction,
        "steps": r.steps,
        "guidance": r.guidance,
        "width": r.width,
        "height": r.height,
        **(_guide_marks(desk.folder, r) or [{}])[0],
        **{name: getattr(r, name) for name in GUIDES if getattr(r, name)},
    }
    name = f"images/{name_picture(desk, scene, plan.number, r.prompt.subject)}"
    return Candidate(name, r.seed, 0.0, plan.digest, settings, kind=plan.kind)


def name_picture(desk: Desk, scene: Scene, number: int, subject: str) -> str:
    """The picture's file name; its version number is one that no other picture of the scene bears."""
    taken = {version_of(candidate.image) for candidate in scene.panel.candidates}
    version = number + 1 if number + 1 not in taken else max(taken) + 1
    return name_still(desk.folder.name, scene.id, version, scene.start, subject)


def _with_candidate(panel: Panel, number: int, candidate: Candidate) -> Panel:
    """`candidate` at place `number`, the others in their order; the chosen one stays the chosen one."""
    chosen = panel.candidates[panel.chosen].digest if 0 <= panel.chosen < len(panel.candidates) else ""
    others = [other for other in panel.candidates if other.digest != candidate.digest]
    candidates = (*others[:number], candidate, *others[number:])
    at = next((i for i, other in enumerate(candidates) if other.digest == chosen), -1)
    return replace(panel, candidates=candidates, chosen=at)


# --- choosing ------------------------------------------------------------------------------------------------------


def choose_candidate(desk: Desk, board: Storyboard, scene_id: str) -> Storyboard:
    """The picture that the person chose, else the best of those asked for now; refused all, the scene fails."""
    scene = find_scene(board, scene_id)
    if scene.state != "drawn":
        return board
    current = {plan.digest for plan in plan_candidates(desk, scene)}
    board = _judge_these(desk, board, scene, tuple(c for c in scene.panel.candidates if c.digest in current))
    scene = find_scene(board, scene_id)
    if scene.state == "failed":
        return board
    fresh = put_scene(board, replace(scene, panel=replace(scene.panel, chosen=pick(desk, scene, current))))
    return board if fresh == board else save_board(desk.folder, fresh)


def pick(desk: Desk, scene: Scene, current: set[str]) -> int:
    """Index of the candidate to show, -1 for none; `current` holds the digests of those asked for now."""
    candidates, edit = scene.panel.candidates, scene.edit
    if edit.drop:
        return -1
    if edit.choose:
        return next((i for i, candidate in enumerate(candidates) if version_of(candidate.image) == edit.choose), -1)
    if edit.picture:
        mark = digest_of("own", file_digest(desk.folder / edit.picture), desk.settings.width, desk.settings.height)
        return next((i for i, candidate in enumerate(candidates) if candidate.digest == mark), -1)
    if is_locked(scene) and scene.panel.chosen >= 0:
        return scene.panel.chosen
    if is_locked(scene):  # nothing is asked for now: all that was drawn by itself stands
        current = {candidate.digest for candidate in candidates if candidate.kind == "drawn"}
    return choose_best([Verdict(c.score, c.note if c.digest in current else "not asked for now") for c in candidates])


def _judge_these(desk: Desk, board: Storyboard, scene: Scene, current: tuple[Candidate, ...]) -> Storyboard:
    """The board with these candidates judged; the scene fails where all are refused and nothing else is to be shown."""
    if not current:
        return board
    marks = [candidate.digest for candidate in current]
    key = digest_of(JUDGE_VERSION, desk.tools.names["judge"], marks, frame_mark(desk, scene), scene.prompt)
    step = f"judge {scene.id}"
    return attempt(desk, board, step, lambda: keep(desk, board, step, key, lambda: judge(desk, board, scene, current)))


def judge(desk: Desk, board: Storyboard, scene: Scene, current: tuple[Candidate, ...]) -> Storyboard:
    """The board with the scores of `current`; SceneError where all are refused and the person chose no other."""
    pictures = [read_picture(locate(desk.folder, candidate.image)) for candidate in current]
    verdicts = judge_candidates(pictures, read_keyframe(desk, scene), _prompt(scene), desk.tools.judge())
    judged = {c.digest: replace(c, score=v.score, note=v.note) for c, v in zip(current, verdicts, strict=True)}
    if choose_best(verdicts) < 0 and not scene.edit.choose:
        reasons = ", ".join(sorted({verdict.note for verdict in verdicts}))
        raise SceneError(f"all {len(verdicts)} candidates were refused ({reasons}): try another --seed")
    candidates = tuple(judged.get(candidate.digest, candidate) for candidate in scene.panel.candidates)
    return put_scene(board, replace(scene, panel=replace(scene.panel, candidates=candidates)))


def _prompt(scene: Scene) -> Prompt:
    """What the scene's pictures show; SceneError where a storyboard calls a scene drawn that has no prompt."""
    if scene.prompt is None:
        raise SceneError("it has no prompt: make its storyboard again")
    return scene.prompt


def _correction_mark(desk: Desk) -> str:
    """What the correction's own effect depends on: a table's content, what is there for `auto` to find."""
    text = desk.settings.correction
    if text.endswith(".json"):
        return file_digest(text)
    return f"auto {desk.tools.names['calibrations']}" if text == "auto" else text


def _report(desk: Desk, candidates: int, scenes: int) -> None:
    desk.report("draw", desk.tally["drawn"] + desk.tally["kept"], candidates * scenes)
