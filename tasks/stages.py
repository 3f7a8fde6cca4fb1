"""The way of the data, stage by stage: each takes the desk and the storyboard and hands the storyboard on, saved.

probe -> captions -> shots -> screen -> scenes -> describe -> prompts -> draw -> judge -> place -> write the folder.
A stage says what its result depends on; `tasks.desk.keep` decides whether there is anything to do.
"""

import itertools
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from models.errors import InputError
from tasks import insights
from tasks.captions import find_sidecar, read_captions
from tasks.describe import DescribeTools, describe_scene
from tasks.desk import Desk
from tasks.edits import apply_edits, apply_prompt, has_place, is_locked, read_edits, shown_span
from tasks.folder import locate, write_whole
from tasks.keeping import attempt, find_scene, keep, own_cues, put_scene
from tasks.media import file_digest
from tasks.metaphors import LEXICON
from tasks.pictures import read_picture
from tasks.place import APART, place_panels
from tasks.prompts import is_banned, write_prompt
from tasks.records import Clear, Placement, Scene, Shot, Storyboard
from tasks.scenes import find_scenes
from tasks.screen import find_keep_clear, read_screens
from tasks.shots import find_shots
from tasks.storyboard import digest_of, from_plain, to_plain

#: Raised by one when a step's results change for the same input, so that old results are made anew.
STEP_VERSIONS = {
    "captions": 2,
    "shots": 2,
    "screen": 1,
    "scenes": 1,
    "describe": 2,
    "prompt": 2,
    "insights": 1,
    "judge": 1,
}
SHOTS_NAME = "frames/shots.json"
SHORTEST_REST = 1.0  # s: what a locked scene leaves of another and is shorter is no scene


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


def heed_edits(desk: Desk, board: Storyboard, text: str | None = None) -> Storyboard:
    """The board as the person wants it, by their file or by `text` in its place.

    InputError lists all that is wrong, before anything is done.
    """
    if not board.scenes:
        return board
    edits = read_edits(desk.folder, board, bool(desk.tools.names["vocabulary"]), text)
    for name in sorted(set(edits.scenes) - {scene.id for scene in board.scenes}):
        desk.note(f"storyboard.yaml has an entry for {name}, a scene that is no more: it is left aside")
    return apply_edits(board, edits.scenes)


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


def read_screen(desk: Desk, board: Storyboard, shots: tuple[Shot, ...]) -> Storyboard:
    """What is written on screen, and which spans a viewer has to be left to read."""
    if desk.tools.read_text is None:
        return board
    reader = desk.tools.read_text
    key = _key("screen", shots, desk.tools.names["ocr"])

    def compute() -> Storyboard:
        shown = read_screens(shots, lambda shot: read_picture(locate(desk.folder, shot.keyframe)), reader())
        return replace(board, shown=shown, keep_clear=tuple(Clear(*span) for span in find_keep_clear(shown)))

    return keep(desk, board, "screen", key, compute)


def divide(desk: Desk, board: Storyboard, shots: tuple[Shot, ...]) -> Storyboard:
    """Scenes by meaning and by cuts. One that spans the same frames as before keeps its id and its pictures."""
    wanted = desk.settings.scenes
    key = _key("scenes", board.captions.cues, shots, wanted, desk.tools.names["sentences"])

    def compute() -> Storyboard:
        found = find_scenes(board.video, board.captions, shots, desk.tools.embed(), wanted or None)
        scenes = carry_over(board.scenes, found, tuple(board.versions.get("gone", ())))
        return _drop_steps(replace(_note_gone(board, scenes), scenes=scenes))

    return keep(desk, board, "scenes", key, compute)


def _note_gone(board: Storyboard, scenes: tuple[Scene, ...]) -> Storyboard:
    """The board with the ids that are used no more: they are never given again, and a person's entry is understood."""
    gone = {*board.versions.get("gone", ()), *(scene.id for scene in board.scenes)} - {scene.id for scene in scenes}
    return replace(board, versions={**board.versions, "gone": sorted(gone)}) if gone else board


def carry_over(before: tuple[Scene, ...], found: tuple[Scene, ...], gone: tuple[str, ...] = ()) -> tuple[Scene, ...]:
    """`found` with stable ids: same span, same scene; a new span gets a number never used before, `gone` ones neither.

    A locked scene stays as it is; what is found anew makes way for it.
    """
    locked = tuple(scene for scene in before if is_locked(scene))
    known = {_found_frames(scene): scene for scene in before if scene not in locked}
    numbers = (name[1:] for name in (*(scene.id for scene in before), *gone))
    fresh = itertools.count(max((int(number) for number in numbers if number.isdigit()), default=0) + 1)
    made_way = tuple(piece for scene in found for piece in make_way(scene, locked))
    carried = (
        _continue(old, scene)
        if (old := known.get((scene.start_frame, scene.end_frame)))
        else replace(scene, id=f"s{next(fresh):03d}")
        for scene in made_way
    )
    return tuple(sorted((*carried, *locked), key=lambda scene: scene.start))


def make_way(scene: Scene, locked: tuple[Scene, ...]) -> tuple[Scene, ...]:
    """`scene` without what `locked` scenes hold: whole, cut shorter, in two, or gone."""
    pieces: tuple[Scene, ...] = (scene,)
    for other in locked:
        pieces = tuple(rest for piece in pieces for rest in _cut_out(piece, other))
    return pieces


def _cut_out(scene: Scene, other: Scene) -> tuple[Scene, ...]:
    if scene.end_frame <= other.start_frame or other.end_frame <= scene.start_frame:
        return (scene,)
    taken = set(other.captions)
    rest = replace(scene, captions=tuple(cue for cue in scene.captions if cue not in taken))
    before = replace(rest, end=other.start, end_frame=other.start_frame)
    after = replace(rest, start=other.end, start_frame=other.end_frame)
    return tuple(_keep_inside(piece) for piece in (before, after) if piece.end - piece.start >= SHORTEST_REST)


def _keep_inside(scene: Scene) -> Scene:
    """A keyframe outside of what is left of its scene is none of it."""
    inside = scene.start <= scene.keyframe_time < scene.end
    return scene if inside else replace(scene, keyframe="", keyframe_time=scene.start)


def _found_frames(scene: Scene) -> tuple[int, int]:
    """The frames that the scene was found at, whatever span a person has given it since."""
    return (int(scene.span[2]), int(scene.span[3])) if scene.span else (scene.start_frame, scene.end_frame)


def _continue(old: Scene, scene: Scene) -> Scene:
    """`scene` as found now, with what has been made of it so far."""
    made = {
        name: getattr(old, name) for name in ("id", "summary", "prompt", "written", "panel", "state", "error", "edit")
    }
    return replace(scene, **made)


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
    if is_locked(scene):
        return board
    names = [desk.tools.names[role] for role in ("language", "sentences", "vision", "ocr", "vocabulary")]
    banned = desk.settings.look.banned
    key = _key("describe", scene.start, scene.end, cues, frame_mark(desk, scene), file_digest(LEXICON), names, banned)

    def compute() -> Storyboard:
        tools = forbid(replace(desk.tools.describe(), notice=desk.note), banned)
        summary = describe_scene(scene, cues, read_keyframe(desk, scene), tools)
        return put_scene(board, replace(scene, summary=summary, state="described", error=""))

    step = f"describe {scene_id}"
    return attempt(desk, board, step, lambda: keep(desk, board, step, key, compute))


def forbid(tools: DescribeTools, banned: tuple[str, ...]) -> DescribeTools:
    """`tools` without the concepts that a banned word names."""
    if not banned:
        return tools
    synonyms = tools.synonyms or ((),) * len(tools.concepts)
    kept = [pair for pair in zip(tools.concepts, synonyms, strict=True) if not is_banned(pair[0], banned)]
    return replace(tools, concepts=tuple(name for name, _ in kept), synonyms=tuple(words for _, words in kept))


def write_scene_prompt(desk: Desk, board: Storyboard, scene_id: str) -> Storyboard:
    """The structured prompt of one scene; a scene that could not be described has none."""
    scene = find_scene(board, scene_id)
    summary = scene.summary
    if summary is None or is_locked(scene):
        return board
    look, names = desk.settings.look, desk.tools.names
    key = _key("prompt", scene.id, scene.start, scene.end, summary, look, names["sentences"], names["vocabulary"])

    def compute() -> Storyboard:
        prompt = write_prompt(summary, scene, look, desk.tools.vocabulary(), desk.tools.embed())
        return put_scene(board, apply_prompt(replace(scene, prompt=prompt, written=None, state="prompted", error="")))

    step = f"prompt {scene_id}"
    board = attempt(desk, board, step, lambda: keep(desk, board, step, key, compute))
    scene = find_scene(board, scene_id)
    return put_scene(board, replace(scene, state="prompted")) if scene.state == "described" else board


def pick_insights(desk: Desk, board: Storyboard) -> Storyboard:
    """The statements that stand alone, none that an episode beside this one tells already."""
    spans = [(scene.id, scene.start, scene.end) for scene in board.scenes]
    key = _key("insights", board.captions.cues, spans, desk.tools.names["sentences"])

    def compute() -> Storyboard:
        found = insights.pick_insights(board, desk.tools.embed(), insights.read_told(desk.folder))
        return replace(board, insights=found)

    return keep(desk, board, "insights", key, compute)


def place(desk: Desk, board: Storyboard) -> Storyboard:
    """When each picture is on screen, a person's own times before the rule's; cheap, so it is done anew each time."""
    fixed = {scene.id: _fixed_placement(board, scene) for scene in board.scenes}
    clear = [(p.start - APART, p.end + APART) for p in fixed.values() if p]
    if not desk.settings.cover_slides:
        clear += [(span.start, span.end) for span in board.keep_clear]
    free = [scene for scene in board.scenes if not fixed[scene.id] and not scene.edit.drop]
    placed = place_panels(board.video, board.captions.cues, free, desk.settings.density, clear)
    placements = {scene.id: scene.panel.placement for scene in placed} | {name: p for name, p in fixed.items() if p}
    return replace(board, scenes=tuple(_put_placement(scene, placements.get(scene.id)) for scene in board.scenes))


def _put_placement(scene: Scene, placement: Placement | None) -> Scene:
    return replace(scene, panel=replace(scene.panel, placement=placement))


def _fixed_placement(board: Storyboard, scene: Scene) -> Placement | None:
    """Where a person has put the picture, or where it is locked; None where the rule decides."""
    if scene.edit.drop or scene.state == "failed":
        return None
    if not has_place(scene.edit):
        return scene.panel.placement if is_locked(scene) else None
    rate, (start, end) = board.video.frame_rate, shown_span(scene.edit)
    last = min(round(end * rate), board.video.frame_count)
    first = min(round(start * rate), last - 1)
    return Placement(float(first / rate), float(last / rate), first, last)


def read_keyframe(desk: Desk, scene: Scene) -> np.ndarray | None:
    """(H, W, 3) uint8 RGB of the scene's keyframe; None where it has none."""
    return read_picture(locate(desk.folder, scene.keyframe)) if scene.keyframe else None


def frame_mark(desk: Desk, scene: Scene) -> str:
    """sha256 of the scene's keyframe as it lies on disk; "" where it has none."""
    return file_digest(locate(desk.folder, scene.keyframe)) if scene.keyframe else ""


def _key(step: str, *parts) -> str:
    return digest_of(step, STEP_VERSIONS[step], *parts)
