"""What a run has cost and what it was spared, per stage and per picture; how long a drawing will take.

Costs stand in the storyboard by step (`describe s003`, `draw s003 0123456789ab`), so that a picture keeps its cost
when a later run finds it finished. Seconds per network evaluation are remembered in the cache folder.
"""

import json
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from models.meter import device_of
from models.weights import cache_folder
from tasks.desk import Desk
from tasks.folder import write_whole
from tasks.records import Candidate, Scene, Storyboard

SPEEDS_NAME = "speeds.json"
LAPS_KEPT = 9  # of the newest runs with one model and size: their median is not moved by one busy afternoon
SCENE_STEPS = ("describe", "prompt", "judge")  # what is spent on a scene and not on one picture of it


@dataclass(frozen=True)
class StageCost:
    seconds: float
    device: str  # "cpu", "cuda", "cpu, cuda": where its models ran


@dataclass(frozen=True)
class PictureCost:
    """What one picture took when it was drawn, by whichever run."""

    evaluations: int  # passes through the drawing network
    seconds: float  # of drawing, the model's loading left out; 0 where a run cut short did not tell
    device: str


@dataclass(frozen=True)
class SceneCost:
    """What was spent on a scene beside its pictures: describing, the prompt, judging."""

    seconds: float
    tokens: dict[str, int]  # "language read", "language written", "vision read", "vision written"


@dataclass(frozen=True)
class Kept:
    """What this run was spared because it was found finished."""

    pictures: int
    steps: int
    evaluations: int
    tokens: int
    seconds: float  # that those steps and pictures took when they were made, as far as recorded


@dataclass(frozen=True)
class Cost:
    """What one run has used, and what it was spared."""

    evaluations: int  # passes through the drawing network
    tokens: dict[str, int]  # as in SceneCost
    stages: dict[str, StageCost]
    kept: Kept
    scenes: dict[str, SceneCost]  # by scene id
    pictures: dict[str, PictureCost]  # by file, those of earlier runs among them


def sum_up_cost(desk: Desk, board: Storyboard, seconds: Mapping[str, float]) -> Cost:
    """The run's cost; `seconds` are those spent in each stage."""
    tally, prefix = desk.tally, "tokens "
    return Cost(
        evaluations=tally["evaluations"],
        tokens={name.removeprefix(prefix): count for name, count in tally.items() if name.startswith(prefix)},
        stages={name: StageCost(round(value, 3), device_of(name)) for name, value in seconds.items()},
        kept=count_kept(desk),
        scenes={scene.id: scene_cost(board, scene) for scene in board.scenes},
        pictures={c.image: picture_cost(board, scene, c) for scene in board.scenes for c in scene.panel.candidates},
    )


def count_kept(desk: Desk) -> Kept:
    """What the run has been spared so far."""
    tally = desk.tally
    return Kept(
        tally["kept"],
        tally["steps kept"],
        tally["evaluations kept"],
        tally["kept tokens"],
        tally["microseconds kept"] / 1e6,
    )


def picture_cost(board: Storyboard, scene: Scene, candidate: Candidate) -> PictureCost:
    """What a candidate took; its evaluations follow from its settings where no run has told."""
    known = _entry(board, draw_step(scene.id, candidate.digest))
    settings = candidate.settings
    counted = count_evaluations(_number(settings.get("steps")), settings.get("guidance", 0))
    return PictureCost(
        int(_number(known.get("evaluations", counted))),
        float(_number(known.get("seconds"))),
        str(known.get("device", "")),
    )


def scene_cost(board: Storyboard, scene: Scene) -> SceneCost:
    """What was spent on a scene beside its pictures."""
    tokens: dict[str, int] = {}
    for stage in SCENE_STEPS:
        for name, count in _entry(board, f"{stage} {scene.id}").items():
            tokens[name] = tokens.get(name, 0) + int(_number(count))
    seconds = sum(_number(board.timings.get(f"{stage} {scene.id}")) for stage in SCENE_STEPS)
    return SceneCost(round(seconds, 3), tokens)


def count_evaluations(steps: int | float, guidance: Any) -> int:
    """Passes through the network for one picture: guidance other than 0 and 1 asks twice a step."""
    return int(steps) * (1 if guidance in (0, 1) else 2)


# --- told step by step ---------------------------------------------------------------------------------------------


def draw_step(scene_id: str, digest: str) -> str:
    """The name that a picture's cost stands under."""
    return f"draw {scene_id} {digest[:12]}"


def put_cost(board: Storyboard, step: str, cost: Mapping[str, Any]) -> Storyboard:
    """The board with a step's cost; a step that has used nothing is not listed."""
    others = {name: entry for name, entry in board.costs.items() if name != step}
    return replace(board, costs={**others, step: dict(cost)} if cost else others)


def tally_tokens(desk: Desk, tokens: Mapping[str, int]) -> None:
    """Add a step's tokens to the run's."""
    desk.tally.update({f"tokens {name}": count for name, count in tokens.items()})


def tally_kept_step(desk: Desk, board: Storyboard, step: str) -> None:
    """Add to what the run was spared."""
    desk.tally["steps kept"] += 1
    desk.tally["microseconds kept"] += round(1e6 * _number(board.timings.get(step)))
    desk.tally["kept tokens"] += sum(int(_number(count)) for count in _entry(board, step).values())


def tally_kept_picture(desk: Desk, board: Storyboard, scene: Scene, candidate: Candidate) -> None:
    """Add to what the run was spared."""
    cost = picture_cost(board, scene, candidate)
    desk.tally["kept"] += 1
    desk.tally["evaluations kept"] += cost.evaluations
    desk.tally["microseconds kept"] += round(1e6 * cost.seconds)


def tally_drawn_picture(desk: Desk, evaluations: int, seconds: float) -> dict[str, Any]:
    """Add a picture drawn now to the run's; its entry for the storyboard."""
    desk.tally["drawn"] += 1
    desk.tally["evaluations"] += evaluations
    desk.laps.append(seconds / max(evaluations, 1))
    return {"evaluations": evaluations, "seconds": round(seconds, 6), "device": device_of("draw")}


# --- speeds --------------------------------------------------------------------------------------------------------


def known_lap(desk: Desk) -> float | None:
    """Seconds per evaluation: of this run's pictures, else of earlier runs with this model and size, else None."""
    laps = desk.laps or _read_speeds().get(_speed_key(desk), [])
    return statistics.median(laps) if laps else None


def remember_lap(desk: Desk) -> None:
    """Keep this run's speed for the next estimate; a cache that cannot be written is no reason to fail."""
    if not desk.laps:
        return
    speeds, key = _read_speeds(), _speed_key(desk)
    speeds[key] = [*speeds.get(key, []), round(statistics.median(desk.laps), 6)][-LAPS_KEPT:]
    with suppress(OSError):
        cache_folder().mkdir(parents=True, exist_ok=True)
        write_whole(_speeds_path(), json.dumps(speeds, indent=1) + "\n")


def _speeds_path() -> Path:
    return cache_folder() / SPEEDS_NAME


def _speed_key(desk: Desk) -> str:
    s = desk.settings
    return f"{desk.tools.names['drawing']} {s.width}x{s.height}"


def _read_speeds() -> dict[str, list[float]]:
    """{} where the file is missing or says anything else than speeds."""
    try:
        data = json.loads(_speeds_path().read_text("utf-8"))
        return {key: [float(lap) for lap in laps if lap > 0] for key, laps in data.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _entry(board: Storyboard, step: str) -> dict[str, Any]:
    entry = board.costs.get(step)
    return entry if isinstance(entry, dict) else {}


def _number(value: Any) -> float:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else 0


# --- shown ---------------------------------------------------------------------------------------------------------


def describe_cost(cost: Cost) -> Iterator[tuple[str, str]]:
    """(name, text) lines for people: what was used, by stage where it counts, and what was spared."""
    yield "network evaluations", f"{cost.evaluations:,}"
    for name, count in cost.tokens.items():
        yield f"{name.split()[0]} model, tokens {name.split()[1]}", f"{count:,}"
    for name, stage in sorted(cost.stages.items(), key=lambda item: -item[1].seconds):
        yield name, f"{stage.seconds:.1f} s on {stage.device}"
    if spared := describe_kept(cost.kept):
        yield "found finished", spared


def describe_board_cost(board: Storyboard) -> Iterator[tuple[str, str]]:
    """(name, text) lines: what the pictures at hand and their scenes took, whichever runs did the work."""
    pictures = [picture_cost(board, scene, c) for scene in board.scenes for c in scene.panel.candidates]
    if pictures:
        drawn = f"{len(pictures)}: {sum(p.evaluations for p in pictures):,} network evaluations"
        seconds, devices = sum(p.seconds for p in pictures), sorted({p.device for p in pictures if p.device})
        yield "pictures drawn", drawn + (f", {seconds:.1f} s on {', '.join(devices)}" if devices else "")
    tokens: Counter[str] = Counter()
    for scene in board.scenes:
        tokens.update(scene_cost(board, scene).tokens)
    for name, count in tokens.items():
        yield f"{name.split()[0]} model, tokens {name.split()[-1]}", f"{count:,}"
    by_stage: dict[str, float] = {}
    for step, value in board.timings.items():
        stage = step.split(" ")[0]
        by_stage[stage] = by_stage.get(stage, 0.0) + _number(value)
    for stage, total in sorted(by_stage.items(), key=lambda item: -item[1]):
        yield stage, f"{total:.1f} s"


def describe_picture(cost: PictureCost) -> str:
    """`20 evaluations, 0.6 s on cpu`."""
    told = f", {cost.seconds:.1f} s on {cost.device}" if cost.seconds and cost.device else ""
    return f"{cost.evaluations} evaluations{told}" if cost.evaluations else ""


def describe_kept(kept: Kept) -> str:
    """`14 pictures and 22 steps: 280 evaluations, 3,100 tokens, 19.1 s`; "" where nothing was."""
    if not kept.pictures and not kept.steps:
        return ""
    found = [f"{kept.pictures} pictures"] * bool(kept.pictures) + [f"{kept.steps} steps"] * bool(kept.steps)
    spared = [f"{kept.evaluations:,} evaluations"] * bool(kept.evaluations)
    spared += [f"{kept.tokens:,} tokens"] * bool(kept.tokens) + [f"{kept.seconds:.1f} s"] * bool(kept.seconds)
    return " and ".join(found) + (": " + ", ".join(spared) if spared else "")
