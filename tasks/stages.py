"""The way of the data, stage by stage: each takes the desk and the storyboard and hands the storyboard on, saved.

probe -> captions -> shots -> scenes -> describe -> prompts -> draw -> judge -> place -> write the folder.
A stage says what its result depends on; `tasks.desk.keep` decides whether there is anything to do.
"""

import itertools
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from models.errors import InputError
from tasks.captions import find_sidecar, read_captions
from tasks.describe import describe_scene
from tasks.desk import Desk
from tasks.folder import locate, write_whole
from tasks.keeping import attempt, find_scene, keep, own_cues, put_scene
from tasks.media import file_digest
from tasks.metaphors import LEXICON
from tasks.pictures import read_picture
from tasks.place import place_panels
from tasks.prompts import Look, write_prompt
from tasks.records import Scene, Shot, Storyboard
from tasks.scenes import find_scenes
from tasks.shots import find_shots
from tasks.storyboard import digest_of, from_plain, to_plain

#: Raised by one when a step's results change for the same input, so that old results are made anew.
STEP_VERSIONS = {"captions": 2, "shots": 2, "scenes": 1, "describe": 1, "prompt": 1, "judge": 1}
SHOTS_NAME = "frames/shots.json"


def caption(desk: Desk, board: Storyboard) -> Storyboard:
    """What is said: captions from the file given, beside, inside, or heard."""
    given = Path(desk.settings.captions) if desk.settings.captions else None
    wanted = desk.settings.language
    beside = find_sidecar(board.video.path, wanted)
    files = [file_digest(given) if given else "", file_digest(beside[0]) if beside else ""]
    key = _key("captions", board.video.digest, files, desk.tools.names["speech"], wanted)

    def compute() -> Storyboard:
        heard = read_captions(board.video, given, desk.tools.transcribe, partial(_report_hearing, desk), wanted)
        return replace(board, captions=heard)

    return keep(desk, board, "captions", key, compute)


def _report_hearing(desk: Desk, share: float) -> None:
    desk.report("captions", share, 1.0)


def see_shots(desk: Desk, board: Storyboard) -> tuple[Shot, ...]:
    """The shots between cuts, each with its keyframe saved; kept in `frames/shots.json`."""
    key = _key("shots", board.video.digest)
    known = _read_shots(desk.folder, key)
    if known is not None:
        desk.tally["steps kept"] += 1
        return known
    shots = find_shots(board.video, desk.folder, desk.note)
    write_whole(desk.folder / SHOTS_NAME, json.dumps({"key": key, "shots": to_plain(shots)}, indent=1) + "\n")
    return shots


def _read_shots(folder: Path, key: str) -> tuple[Shot, ...] | None:
    """The shots as kept; None where they are not there, another's, or a keyframe of theirs is gone."""
    try:
        data = json.loads((folder / SHOTS_NAME).read_text("utf-8"))
        shots = from_plain(tuple[Shot, ...], data["shots"], "shots")
        whole = all(locate(folder, shot.keyframe).is_file() for shot in shots)
    except (OSError, ValueError, TypeError, KeyError, InputError):
        return None
    return shots if whole and data.get("key") == key else None


def divide(desk: Desk, board: Storyboard, shots: tuple[Shot, ...]) -> Storyboard:
    """Scenes by meaning and by cuts. One that spans the same frames as before keeps its id and its pictures."""
    wanted = desk.settings.scenes
    key = _key("scenes", board.captions.cues, shots, wanted, desk.tools.names["sentences"])

    def compute() -> Storyboard:
        found = find_scenes(board.video, board.captions, shots, desk.tools.embed(), wanted or None)
        return _drop_steps(replace(board, scenes=carry_over(board.scenes, found)))

    return keep(desk, board, "scenes", key, compute)


def carry_over(before: tuple[Scene, ...], found: tuple[Scene, ...]) -> tuple[Scene, ...]:
    """`found` with stable ids: same span, same scene; a new span gets a number never used before."""
    known = {(scene.start_frame, scene.end_frame): scene for scene in before}
    used = max((int(scene.id[1:]) for scene in before if scene.id[1:].isdigit()), default=0)
    fresh = itertools.count(used + 1)
    return tuple(
        _continue(old, scene)
        if (old := known.get((scene.start_frame, scene.end_frame)))
        else replace(scene, id=f"s{next(fresh):03d}")
        for scene in found
    )


def _continue(old: Scene, scene: Scene) -> Scene:
    """`scene` as found now, with what has been made of it so far."""
    return replace(
        scene, id=old.id, summary=old.summary, prompt=old.prompt, panel=old.panel, state=old.state, error=old.error
    )


def _drop_steps(board: Storyboard) -> Storyboard:
    """Without the keys, times and costs of scenes that are no more."""
    ids = {scene.id for scene in board.scenes}

    def stays(step: str) -> bool:
        return " " not in step or step.split(" ")[1] in ids

    steps = {step: key for step, key in board.versions.get("steps", {}).items() if stays(step)}
    timings = {step: seconds for step, seconds in board.timings.items() if stays(step)}
    costs = {step: cost for step, cost in board.costs.items() if stays(step)}
    return replace(board, versions={**board.versions, "steps": steps}, timings=timings, costs=costs)


def describe(desk: Desk, board: Storyboard, scene_id: str) -> Storyboard:
    """What one scene is about, from its words and its keyframe."""
    scene, cues = find_scene(board, scene_id), own_cues(board, find_scene(board, scene_id))
    names = [desk.tools.names[role] for role in ("language", "sentences", "vision", "ocr", "vocabulary")]
    key = _key("describe", scene.start, scene.end, cues, frame_mark(desk, scene), file_digest(LEXICON), names)

    def compute() -> Storyboard:
        tools = replace(desk.tools.describe(), notice=desk.note)
        summary = describe_scene(scene, cues, read_keyframe(desk, scene), tools)
        return put_scene(board, replace(scene, summary=summary, state="described", error=""))

    step = f"describe {scene_id}"
    return attempt(desk, board, step, lambda: keep(desk, board, step, key, compute))


def write_scene_prompt(desk: Desk, board: Storyboard, scene_id: str) -> Storyboard:
    """The structured prompt of one scene; a scene that could not be described has none."""
    scene = find_scene(board, scene_id)
    summary = scene.summary
    if summary is None:
        return board
    look, names = Look(), desk.tools.names
    key = _key("prompt", scene.id, scene.start, scene.end, summary, look, names["sentences"], names["vocabulary"])

    def compute() -> Storyboard:
        prompt = write_prompt(summary, scene, look, desk.tools.vocabulary(), desk.tools.embed())
        return put_scene(board, replace(scene, prompt=prompt, state="prompted", error=""))

    step = f"prompt {scene_id}"
    board = attempt(desk, board, step, lambda: keep(desk, board, step, key, compute))
    scene = find_scene(board, scene_id)
    return put_scene(board, replace(scene, state="prompted")) if scene.state == "described" else board


def place(desk: Desk, board: Storyboard) -> Storyboard:
    """When each picture is on screen; cheap, so it is done anew each time."""
    scenes = place_panels(board.video, board.captions.cues, board.scenes, desk.settings.density)
    return replace(board, scenes=scenes)


def read_keyframe(desk: Desk, scene: Scene) -> np.ndarray | None:
    """(H, W, 3) uint8 RGB of the scene's keyframe; None where it has none."""
    return read_picture(locate(desk.folder, scene.keyframe)) if scene.keyframe else None


def frame_mark(desk: Desk, scene: Scene) -> str:
    """sha256 of the scene's keyframe as it lies on disk; "" where it has none."""
    return file_digest(locate(desk.folder, scene.keyframe)) if scene.keyframe else ""


def _key(step: str, *parts) -> str:
    return digest_of(step, STEP_VERSIONS[step], *parts)
