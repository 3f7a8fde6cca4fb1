"""How a step's result is kept, and how a scene fails without taking the others along.

Each step's result stands in `storyboard.json` with the digest of all that it was made from. A rerun that finds the
same digest keeps the result, so a run that was killed goes on where it was, and changed settings redo what depends
on them and nothing else.
"""

import time
from collections.abc import Callable
from dataclasses import replace

from models import meter
from models.errors import BrollError, InputError, SceneError
from tasks.cost import put_cost, tally_kept_step, tally_tokens
from tasks.desk import Desk
from tasks.folder import save_board
from tasks.records import Cue, Scene, Storyboard

#: What is made of a scene, in order: what fails takes the later ones along.
SCENE_STAGES = ("describe", "prompt", "draw", "judge")


def keep(desk: Desk, board: Storyboard, step: str, key: str, compute: Callable[[], Storyboard]) -> Storyboard:
    """The board as it is where `step` was done from what `key` stands for; else what `compute` makes of it, saved."""
    if board.versions.get("steps", {}).get(step) == key:
        tally_kept_step(desk, board, step)
        return board
    began, before = time.perf_counter(), meter.TOKENS.copy()
    fresh = compute()
    tokens = meter.tokens_since(before)
    desk.tally["steps done"] += 1
    tally_tokens(desk, tokens)
    return save_board(desk.folder, put_cost(mark_done(fresh, step, key, time.perf_counter() - began), step, tokens))


def mark_done(board: Storyboard, step: str, key: str, seconds: float) -> Storyboard:
    """The board with the step's key and its time, in seconds."""
    steps = {**board.versions.get("steps", {}), step: key}
    timings = {**board.timings, step: round(seconds, 3)}
    return replace(board, versions={**board.versions, "steps": steps}, timings=timings)


def find_scene(board: Storyboard, scene_id: str) -> Scene:
    """The scene of that id; InputError where the board has none."""
    for scene in board.scenes:
        if scene.id == scene_id:
            return scene
    raise InputError(f"storyboard has no scene {scene_id!r}: it has {', '.join(s.id for s in board.scenes) or 'none'}")


def put_scene(board: Storyboard, scene: Scene) -> Storyboard:
    """The board with the scene of the same id replaced."""
    return replace(board, scenes=tuple(scene if other.id == scene.id else other for other in board.scenes))


def own_cues(board: Storyboard, scene: Scene) -> tuple[Cue, ...]:
    """The scene's cues, in order."""
    wanted = set(scene.captions)
    return tuple(cue for cue in board.captions.cues if cue.id in wanted)


def attempt(desk: Desk, board: Storyboard, step: str, compute: Callable[[], Storyboard]) -> Storyboard:
    """What `compute` makes of the board; where it fails, the board with the scene of `step` failed, saved.

    `step` is "STAGE SCENE". What is wrong with the user's input or this machine would fail every scene alike: that
    ends the run.
    """
    try:
        return compute()
    except SceneError as error:
        reason = str(error)
    except (BrollError, OSError):
        raise
    except Exception as error:  # a model may fail in any way on one odd scene; the others still get their pictures
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:300]
    return save_board(desk.folder, fail_scene(board, step, reason))


def fail_scene(board: Storyboard, step: str, reason: str) -> Storyboard:
    """The board with the scene of `step` failed, and without what that step and the later ones had made."""
    stage, scene_id = step.split(" ")
    later = SCENE_STAGES[SCENE_STAGES.index(stage) :]
    scene = find_scene(board, scene_id)
    scene = replace(
        scene,
        state="failed",
        error=f"{stage}: {reason}",
        summary=None if "describe" in later else scene.summary,
        prompt=None if "prompt" in later else scene.prompt,
        panel=replace(scene.panel, chosen=-1),
    )
    gone = {f"{name} {scene_id}" for name in later}
    steps = {name: key for name, key in board.versions.get("steps", {}).items() if name not in gone}
    return replace(put_scene(board, scene), versions={**board.versions, "steps": steps})
