"""What a render would do, told before it starts: which scenes, why, and how long it takes."""

from collections.abc import Iterator
from dataclasses import dataclass

from tasks.cost import count_evaluations, known_lap
from tasks.desk import Desk
from tasks.draw import pick, plan_candidates
from tasks.edits import is_locked, version_of
from tasks.estimate import count_missing
from tasks.records import Scene, Storyboard
from tasks.storyboard import to_plain


@dataclass(frozen=True)
class Change:
    """What happens to one scene."""

    scene: str
    does: str  # "draws 2 pictures", "fits your own picture", "shows picture 3", "shows no picture"
    why: tuple[str, ...]  # what differs: "palette", "seed", "settings", "not drawn yet"
    pictures: int = 0  # to draw


@dataclass(frozen=True)
class Outlook:
    """What a render would do."""

    changes: tuple[Change, ...]
    kept: int  # scenes that stay as they are, to the bit
    pictures: int  # to draw
    seconds: float | None  # of drawing; None where this model was never timed here at this size


def foresee(desk: Desk, before: Storyboard, after: Storyboard) -> Outlook:
    """What rendering makes of `after`, the board `before` with the edits laid over it."""
    then = {scene.id: scene for scene in before.scenes}
    changes = tuple(change for scene in after.scenes if (change := _foresee_scene(desk, then[scene.id], scene)))
    pictures = sum(change.pictures for change in changes)
    lap = known_lap(desk)
    evaluations = pictures * count_evaluations(desk.settings.steps, desk.settings.guidance)
    seconds = 0.0 if not pictures else None if lap is None else lap * evaluations
    return Outlook(changes, len(after.scenes) - len(changes), pictures, seconds)


def _foresee_scene(desk: Desk, before: Scene, scene: Scene) -> Change | None:
    missing = count_missing(desk, scene)
    why = tuple(list_differences(before, scene))
    if missing:
        reason = why or (("not drawn yet",) if not scene.panel.candidates else ("settings or missing files",))
        return Change(scene.id, f"draws {missing} picture{'s' * (missing > 1)}", reason, missing)
    if (
        scene.edit.picture
        and not scene.edit.drop
        and (before.edit.picture != scene.edit.picture or not _fitted(desk, scene))
    ):
        return Change(scene.id, "fits your own picture", why or ("the file has changed",))
    shown = pick(desk, scene, {plan.digest for plan in plan_candidates(desk, scene)})
    if shown != before.panel.chosen and scene.state != "failed":
        does = f"shows picture {version_of(scene.panel.candidates[shown].image)}" if shown >= 0 else "shows no picture"
        return Change(scene.id, does, why or ("choice",))
    if why and is_locked(scene):
        return Change(scene.id, "stays as it is: it is locked", why) if not before.edit.lock else None
    return Change(scene.id, "takes it over", why) if why else None


def _fitted(desk: Desk, scene: Scene) -> bool:
    return pick(desk, scene, set()) >= 0


def list_differences(before: Scene, after: Scene) -> Iterator[str]:
    """The names of what a person has changed of a scene, as they stand in `storyboard.yaml`."""
    one, other = to_plain(before.edit), to_plain(after.edit)
    prompts = one.pop("prompt"), other.pop("prompt")
    yield from sorted(name for name in prompts[0] | prompts[1] if prompts[0].get(name) != prompts[1].get(name))
    yield from (name for name in one if one[name] != other[name])


def format_outlook(outlook: Outlook) -> str:
    """One line a scene that changes, then the sum."""
    lines = [f"{change.scene}  {change.does} ({', '.join(change.why)})" for change in outlook.changes]
    kept = f"{outlook.kept} scene{'s' * (outlook.kept != 1)} stay{'s' * (outlook.kept == 1)} as they are"
    if not outlook.changes:
        return f"nothing to do: {kept}"
    return "\n".join([*lines, f"{_format_sum(outlook)}; {kept if outlook.kept != 1 else '1 scene stays as it is'}"])


def _format_sum(outlook: Outlook) -> str:
    if not outlook.pictures:
        return "nothing to draw"
    length = (
        "time unknown: this model was never timed here"
        if outlook.seconds is None
        else f"about {_length(outlook.seconds)}"
    )
    return f"{outlook.pictures} picture{'s' * (outlook.pictures > 1)} to draw, {length}, and the models to load"


def _length(seconds: float) -> str:
    return f"{max(seconds, 1):.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
