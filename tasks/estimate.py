"""How much is left to draw and how long it will take: told before a long run, not after it."""

from dataclasses import dataclass

from tasks.cost import count_evaluations, known_lap
from tasks.desk import Desk
from tasks.draw import plan_candidates
from tasks.folder import locate
from tasks.pictures import read_notes
from tasks.records import Scene, Storyboard

WORTH_TELLING = 60.0  # s: a shorter wait needs no announcement


@dataclass(frozen=True)
class Estimate:
    pictures: int  # still to draw
    evaluations: int  # passes through the network that they take
    seconds: float | None  # None where this model has never been timed at this size


def estimate_drawing(desk: Desk, board: Storyboard) -> Estimate:
    """What the pictures take that the settings ask for and that are not on disk."""
    pictures = sum(count_missing(desk, scene) for scene in board.scenes)
    evaluations = pictures * count_evaluations(desk.settings.steps, desk.settings.guidance)
    lap = known_lap(desk)
    return Estimate(pictures, evaluations, None if lap is None else lap * evaluations)


def format_estimate(estimate: Estimate) -> str:
    """`about 120 pictures, 14 minutes`."""
    if estimate.seconds is None:
        return f"{estimate.pictures} pictures, no estimate of the time: this model was never timed here"
    return f"about {estimate.pictures} pictures, {_format_length(estimate.seconds)}"


def foretell(desk: Desk, board: Storyboard) -> None:
    """Tell once how long drawing will take, where that is more than a minute: as soon as there is a speed to go by."""
    if desk.tally["foretold"] or known_lap(desk) is None:
        return
    desk.tally["foretold"] = 1
    estimate = estimate_drawing(desk, board)
    if estimate.seconds is not None and estimate.seconds > WORTH_TELLING:
        desk.tell(f"drawing: {format_estimate(estimate)}")


def _format_length(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    if minutes < 90:
        return f"{minutes} minute{'s' * (minutes > 1)}"
    return f"{minutes / 60:.1f} hours"


def count_missing(desk: Desk, scene: Scene) -> int:
    """How many of the pictures asked for are not there."""
    if scene.prompt is None or scene.state == "failed":
        return 0
    known = {candidate.digest: candidate for candidate in scene.panel.candidates}
    plans = plan_candidates(desk, scene)
    return sum(plan.digest not in known or not _is_there(desk, known[plan.digest]) for plan in plans)


def _is_there(desk: Desk, candidate) -> bool:
    """By the notes before the pixels: quick, and enough for an estimate."""
    return read_notes(locate(desk.folder, candidate.image)).get("digest") == candidate.digest
