"""One scene's picture made anew by hand: another seed, a changed prompt, a sketch, a photo, a region, a variation.

The former pictures stay; the new one becomes a candidate beside them, and the one that is shown.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

from models.diffusion.request import DrawRequest
from models.errors import InputError
from models.prompt import Prompt
from tasks.desk import Desk
from tasks.draw import (
    Plan,
    candidate_seed,
    ensure_picture,
    guide_fields,
    judge,
    make_request,
    mark_request,
    plan_candidates,
)
from tasks.edit_file import set_fields
from tasks.edits import EDITS_NAME, change_prompt, read_text, version_of
from tasks.folder import locate, save_board, write_whole
from tasks.inputs import keep_input
from tasks.keeping import find_scene, put_scene
from tasks.pictures import MANIFEST_KEY, read_notes
from tasks.provenance import parse_manifest
from tasks.records import Candidate, Scene, Storyboard
from tasks.storyboard import from_plain

FIRST_NUMBER = 1_000_000  # of the seeds that are given by hand: far from those of a scene's own candidates
AMOUNT = 0.3  # of a variation: the same picture, visibly another


@dataclass(frozen=True)
class Redo:
    """What is asked for; what is left out stays as the base picture has it."""

    scene: str
    base: int = 0  # version of the picture to begin from; 0: the one shown
    seed: int | None = None
    prompt: dict[str, str] = field(default_factory=dict)  # fields to change
    sketch: str = ""  # path of a rough painting
    photo: str = ""  # path of a picture to start from
    strength: float | None = None  # of photo or sketch
    mask: str = ""  # path of a mask: white is drawn anew
    vary: bool = False  # mix another seed's noise into the base picture's
    amount: float = AMOUNT  # of it, 0..1


def redraw(desk: Desk, board: Storyboard, asked: Redo) -> Storyboard:
    """The board with the picture asked for drawn, judged, and shown; the edits say so.

    InputError for a scene that is locked or shows a person's own picture, and for what the base cannot give.
    """
    scene = find_scene(board, asked.scene)
    check_free(scene)
    plan = plan_redo(desk, scene, asked)
    board = ensure_picture(desk, board, scene.id, plan)
    board = _judge_new(desk, board, scene.id, plan.digest)
    candidate = next(c for c in find_scene(board, scene.id).panel.candidates if c.digest == plan.digest)
    if candidate.note:
        desk.note(f"{scene.id}: the new picture {candidate.image} was refused ({candidate.note}); the former stays")
        return board
    version = version_of(candidate.image)
    path = desk.folder / EDITS_NAME
    write_whole(path, set_fields(read_text(path), scene.id, {"choose": version}))
    scene = find_scene(board, scene.id)
    at = scene.panel.candidates.index(candidate)
    shown = replace(scene, panel=replace(scene.panel, chosen=at), edit=replace(scene.edit, choose=version))
    return save_board(desk.folder, put_scene(board, shown))


def check_free(scene: Scene) -> None:
    """InputError where a new picture would not be shown."""
    if scene.edit.lock:
        raise InputError(f"{scene.id} is locked: take `lock: true` out of {EDITS_NAME} to redo it")
    if scene.edit.picture:
        raise InputError(f"{scene.id} shows your own picture: take `picture:` out of {EDITS_NAME} to redo it")
    if scene.edit.drop:
        raise InputError(f"{scene.id} is dropped: set `do: keep` in {EDITS_NAME} to redo it")
    if scene.prompt is None:
        raise InputError(f"{scene.id} has no prompt yet: run `broll storyboard` first")


def plan_redo(desk: Desk, scene: Scene, asked: Redo) -> Plan:
    """The picture that is asked for, as a candidate after all others."""
    base = find_base(scene, asked.base)
    request = base_request(desk, scene, base)
    own_seed = asked.seed if asked.seed is not None else request.seed
    changed = bool(asked.prompt or asked.sketch or asked.photo or asked.vary)
    seed = own_seed if changed or asked.seed is not None else new_seed(desk, scene)
    request = replace(request, prompt=change_prompt(request.prompt, asked.prompt), seed=seed)
    request = replace(request, **_asked_guides(desk, request, base, asked))
    if asked.vary:
        other = new_seed(desk, scene) if asked.seed is None else asked.seed
        request = replace(request, seed=base_request(desk, scene, base).seed, other_seed=other, amount=asked.amount)
    return Plan(len(scene.panel.candidates), request, mark_request(desk, request), kind="redone")


def _asked_guides(desk: Desk, request: DrawRequest, base: Candidate | None, asked: Redo) -> dict:
    """Sketch, photo and mask, copied into the folder; a mask without a photo lies over the base picture."""
    sketch, photo, mask = (
        keep_input(desk.folder, Path(name)) if name else "" for name in (asked.sketch, asked.photo, asked.mask)
    )
    fields = guide_fields(desk, sketch, photo, asked.strength)
    if not mask:
        return fields
    if not photo and base is None:
        raise InputError(f"{asked.scene} has no picture yet to lay a mask over: give a --photo with it")
    over = photo or (base.image if base else "")
    return {**fields, "image": over, "mask": mask, "strength": 1.0 if asked.strength is None else asked.strength}


def find_base(scene: Scene, version: int) -> Candidate | None:
    """The picture of that version, of 0 the one shown; None where nothing is drawn yet."""
    candidates = scene.panel.candidates
    if not version:
        shown = scene.panel.chosen if 0 <= scene.panel.chosen < len(candidates) else 0
        return candidates[shown] if candidates else None
    found = next((c for c in candidates if version_of(c.image) == version), None)
    if found is None:
        versions = ", ".join(str(version_of(candidate.image)) for candidate in candidates) or "none"
        raise InputError(f"{scene.id} has no picture {version}: it has {versions}")
    if found.kind == "own":
        raise InputError(f"{scene.id}: picture {version} is your own: give it as --photo to start from it")
    return found


def base_request(desk: Desk, scene: Scene, base: Candidate | None) -> DrawRequest:
    """What the base picture was drawn from, at this run's settings; the scene's own first candidate without one.

    A picture says so itself; one from before that was so has the scene's prompt and its seed.
    """
    prompt, seed = scene.prompt or Prompt(""), base.seed if base else plan_candidates(desk, scene)[0].seed
    request = make_request(desk, prompt, seed)
    manifest = parse_manifest(read_notes(locate(desk.folder, base.image)).get(MANIFEST_KEY, "")) if base else {}
    if not manifest:
        return request
    told = from_plain(DrawRequest, manifest.get("request"), "request")
    return replace(
        told, **{name: getattr(request, name) for name in ("width", "height", "steps", "guidance", "correction")}
    )


def new_seed(desk: Desk, scene: Scene) -> int:
    """A seed that no picture of the scene has had."""
    return candidate_seed(desk.settings.seed, scene.id, FIRST_NUMBER + len(scene.panel.candidates))


def _judge_new(desk: Desk, board: Storyboard, scene_id: str, digest: str) -> Storyboard:
    scene = find_scene(board, scene_id)
    new = tuple(candidate for candidate in scene.panel.candidates if candidate.digest == digest)
    kept = replace(
        scene, edit=replace(scene.edit, choose=version_of(new[0].image))
    )  # refused, it is told and no failure
    judged = judge(desk, board, kept, new)
    fresh = find_scene(judged, scene_id)
    return save_board(desk.folder, put_scene(judged, replace(fresh, edit=scene.edit)))
