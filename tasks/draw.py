"""Drawing and choosing: one scene's candidates, each on disk the moment it is drawn, then the best of them.

A candidate's digest stands for everything that its pixels depend on. A picture that is there under that digest is
kept, whoever drew it and however that run ended.
"""

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from models.diffusion.request import DrawRequest
from models.errors import SceneError
from models.prompt import Prompt
from tasks.cost import count_evaluations, draw_step, put_cost, tally_drawn_picture, tally_kept_picture
from tasks.desk import Desk
from tasks.folder import locate, name_still, save_board
from tasks.judge import choose_best, judge_candidates
from tasks.keeping import attempt, find_scene, keep, put_scene
from tasks.media import file_digest
from tasks.pictures import is_whole, read_notes, read_picture, write_picture
from tasks.records import Candidate, Panel, Scene, Storyboard
from tasks.stages import frame_mark, read_keyframe
from tasks.storyboard import digest_of

DRAW_VERSION, JUDGE_VERSION = 1, 1  # raised by one when the same input gives another result


@dataclass(frozen=True)
class Plan:
    """A candidate as it is wanted."""

    number: int  # of the candidate in its scene, from 0
    seed: int
    digest: str  # of everything that the pixels depend on


def candidate_seed(run_seed: int, scene_id: str, number: int) -> int:
    """The seed of candidate `number` of a scene, 0 <= seed < 2^32: it depends on nothing else, least of all a batch."""
    digest = hashlib.sha256(f"{run_seed}:{scene_id}:{number}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


def plan_candidates(desk: Desk, scene: Scene) -> list[Plan]:
    """The candidates that the settings ask for."""
    s = desk.settings
    shared = (DRAW_VERSION, scene.prompt, s.steps, s.guidance, s.width, s.height, _correction_mark(desk))
    seeds = [candidate_seed(s.seed, scene.id, number) for number in range(s.candidates)]
    return [Plan(n, seed, digest_of(desk.tools.names["drawing"], *shared, seed)) for n, seed in enumerate(seeds)]


def draw_candidates(desk: Desk, board: Storyboard, scene_id: str) -> Storyboard:
    """The scene's candidates drawn, those asked for now first, older ones after them; a failure is recorded."""
    scene = find_scene(board, scene_id)
    if scene.prompt is None:
        return board
    plans = plan_candidates(desk, scene)
    for plan in plans:
        board = attempt(desk, board, f"draw {scene_id}", partial(_ensure, desk, board, scene_id, plan))
        _report(desk, len(plans), len(board.scenes))
        if find_scene(board, scene_id).state == "failed":
            return board
    return board


def choose_candidate(desk: Desk, board: Storyboard, scene_id: str) -> Storyboard:
    """The best of the candidates asked for now is chosen; the scene fails where every one is refused."""
    scene = find_scene(board, scene_id)
    if scene.state != "drawn":
        return board
    current = scene.panel.candidates[: desk.settings.candidates]
    names, marks = desk.tools.names["judge"], [candidate.digest for candidate in current]
    key = digest_of(JUDGE_VERSION, names, marks, frame_mark(desk, scene), scene.prompt)
    step = f"judge {scene_id}"
    return attempt(desk, board, step, lambda: keep(desk, board, step, key, lambda: _judge(desk, board, scene, current)))


def _judge(desk: Desk, board: Storyboard, scene: Scene, current: tuple[Candidate, ...]) -> Storyboard:
    pictures = [read_picture(locate(desk.folder, candidate.image)) for candidate in current]
    verdicts = judge_candidates(pictures, read_keyframe(desk, scene), _prompt(scene), desk.tools.judge())
    judged = tuple(replace(c, score=v.score, note=v.note) for c, v in zip(current, verdicts, strict=True))
    best = choose_best(verdicts)
    if best < 0:
        reasons = ", ".join(sorted({verdict.note for verdict in verdicts}))
        raise SceneError(f"all {len(verdicts)} candidates were refused ({reasons}): try another --seed")
    panel = replace(scene.panel, candidates=judged + scene.panel.candidates[len(current) :], chosen=best)
    return put_scene(board, replace(scene, panel=panel))


def _ensure(desk: Desk, board: Storyboard, scene_id: str, plan: Plan) -> Storyboard:
    """The board with the planned candidate at its place: found on disk, or drawn now."""
    scene = find_scene(board, scene_id)
    known = next((c for c in scene.panel.candidates if c.digest == plan.digest), None)
    candidate = known or _describe_candidate(desk, scene, plan)
    path, costed = locate(desk.folder, candidate.image), board
    if is_whole(path, plan.digest):
        tally_kept_picture(desk, board, scene, candidate)
    else:
        pixels, notes, cost = _draw(desk, scene, candidate)
        write_picture(path, pixels, notes)
        costed = put_cost(board, draw_step(scene.id, plan.digest), cost)
    if not known:  # what `auto` came to is known to the picture itself, whoever drew it
        settings = {**candidate.settings, "correction": read_notes(path)["correction"]}
        candidate = replace(candidate, settings=settings)
    panel = _with_candidate(scene.panel, plan.number, candidate)
    fresh = put_scene(costed, replace(scene, panel=panel, state="drawn", error=""))
    return board if fresh == board else save_board(desk.folder, fresh)


def _draw(desk: Desk, scene: Scene, candidate: Candidate) -> tuple[np.ndarray, dict[str, str], dict[str, Any]]:
    """A picture's pixels, its notes, and what it has cost."""
    s, draw = desk.settings, desk.tools.draw()
    request = DrawRequest(_prompt(scene), candidate.seed, s.width, s.height, s.steps, s.guidance, s.correction)
    began = time.perf_counter()
    pixels = draw(request)
    seconds = time.perf_counter() - began
    if pixels.shape != (s.height, s.width, 3):
        raise SceneError(f"the model drew {pixels.shape}, asked for were {(s.height, s.width, 3)}")
    cost = tally_drawn_picture(desk, count_evaluations(s.steps, s.guidance), seconds)
    return pixels, _notes(desk, scene, candidate, _name_correction(draw, request)), cost


def _name_correction(draw: Callable, request: Any) -> str:
    """What was applied: the text asked for, or what `auto` came to with this model."""
    settle = getattr(draw, "correction", None)
    if request.correction != "auto" or settle is None:
        return request.correction
    table = settle(request)
    return "off" if table is None else f"auto: {table.name}"


def _describe_candidate(desk: Desk, scene: Scene, plan: Plan) -> Candidate:
    s, names, prompt = desk.settings, desk.tools.names, _prompt(scene)
    settings = {
        "prompt": prompt.full or prompt.core or prompt.subject,
        "model": names["drawing"],
        "sampler": names["sampler"],
        "correction": s.correction,
        "steps": s.steps,
        "guidance": s.guidance,
        "width": s.width,
        "height": s.height,
    }
    return Candidate(f"images/{_name(desk, scene, plan)}", plan.seed, 0.0, plan.digest, settings)


def _prompt(scene: Scene) -> Prompt:
    """What the scene's pictures show; SceneError where a storyboard calls a scene drawn that has no prompt."""
    if scene.prompt is None:
        raise SceneError("it has no prompt: make its storyboard again")
    return scene.prompt


def _name(desk: Desk, scene: Scene, plan: Plan) -> str:
    """The picture's file name; its version number is one that no other picture of the scene bears."""
    taken = {int(found[1]) for c in scene.panel.candidates if (found := re.search(r"_v(\d{1,9})_", c.image))}
    number = plan.number + 1 if plan.number + 1 not in taken else max(taken) + 1
    return name_still(desk.folder.name, scene.id, number, scene.start, _prompt(scene).subject)


def _notes(desk: Desk, scene: Scene, candidate: Candidate, correction: str) -> dict[str, str]:
    """What the PNG says about itself."""
    settings = {**candidate.settings, "correction": correction}
    return {
        "software": "broll",
        **{name: str(value) for name, value in settings.items() if name not in ("width", "height")},
        "negative": _prompt(scene).negative,
        "seed": str(candidate.seed),
        "scene": scene.id,
        "source": f"{desk.folder.name} {scene.keyframe} at {scene.keyframe_time:.3f} s",
        "digest": candidate.digest,
    }


def _with_candidate(panel: Panel, number: int, candidate: Candidate) -> Panel:
    """`candidate` at place `number`, the others in their order; the chosen one stays the chosen one."""
    chosen = panel.candidates[panel.chosen].digest if 0 <= panel.chosen < len(panel.candidates) else ""
    others = [other for other in panel.candidates if other.digest != candidate.digest]
    candidates = (*others[:number], candidate, *others[number:])
    at = next((i for i, other in enumerate(candidates) if other.digest == chosen), -1)
    return replace(panel, candidates=candidates, chosen=at)


def _correction_mark(desk: Desk) -> str:
    """What the correction's own effect depends on: a table's content, what is there for `auto` to find."""
    text = desk.settings.correction
    if text.endswith(".json"):
        return file_digest(text)
    return f"auto {desk.tools.names['calibrations']}" if text == "auto" else text


def _report(desk: Desk, candidates: int, scenes: int) -> None:
    desk.report("draw", desk.tally["drawn"] + desk.tally["kept"], candidates * scenes)
