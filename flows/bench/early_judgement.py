"""Whether bad candidates can be told early: what successive halving spares, and what it costs in the judge's score.

For each prompt, K candidates are drawn to their ends and scored; what each predicted at every step is scored too,
so that every plan of halving is played from one set of runs. "Random" is a candidate picked blindly. Off by default
in the drawing path unless this shows that it pays. About 2 minutes on 2 quiet cores.
"""

import json
import sys
from dataclasses import replace
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table as Grid

from flows.doctor import processor_name
from models.diffusion.drafts import Rounds
from models.diffusion.report import to_pixels
from models.diffusion.request import DrawRequest
from models.diffusion.trials import make_requests
from models.profiles import EMBEDDED, load_profile
from models.prompt import Prompt
from models.registry import drawer, judge

FIRST = 50_000_000  # seed
SHARES = (0.2, 0.3, 0.4, 0.6)  # of the steps before the first judgement

OPTIONS = [
    click.Option(["--prompts"], type=click.IntRange(2, 1000), default=24, show_default=True, help="How many prompts."),
    click.Option(["--candidates"], type=click.IntRange(2, 16), default=4, show_default=True, help="For each prompt."),
]


def score_steps(request: DrawRequest) -> np.ndarray:
    """(steps + 1,): the judge's score of what is predicted at each step, and of the finished picture."""
    profile = load_profile(EMBEDDED)
    draw, look = drawer(profile), judge(profile)
    seen: list[np.ndarray] = []

    def observe(step: Any) -> None:
        seen.append(to_pixels(step.clean.float()))

    final = draw.sample([request], None, observe)
    return look([*seen, to_pixels(final.float())], [request.prompt.subject])[:, 0]


def play(scores: np.ndarray, rounds: Rounds) -> tuple[int, int]:
    """(the candidate that is left, evaluations spent) of one prompt's scores (candidates, steps + 1)."""
    steps, alive, spent, done = scores.shape[1] - 1, list(range(len(scores))), 0, 0
    for step, keep in rounds.plan(len(scores), steps).items():
        spent += len(alive) * (step + 1 - done)
        done = step + 1
        alive = sorted(alive, key=lambda k: -scores[k, step])[:keep]
    spent += len(alive) * (steps - done)
    return max(alive, key=lambda k: scores[k, -1]), spent


def summarise(scores: np.ndarray) -> list[dict[str, Any]]:
    """One row a plan, from scores (prompts, candidates, steps + 1)."""
    _, candidates, columns = scores.shape
    finals = scores[:, :, -1]
    best, random = finals.max(1), finals.mean(1)
    rows = [
        {"plan": "finish all", "spared": 0.0, "score": float(best.mean()), "kept": 1.0, "found": 1.0},
        {"plan": "random", "spared": 1 - 1 / candidates, "score": float(random.mean()), "kept": 0.0,
         "found": 1 / candidates},
    ]  # fmt: skip
    for share in SHARES:
        played = [play(one, Rounds(first=share)) for one in scores]
        reached = np.array([finals[k, left] for k, (left, _) in enumerate(played)])
        spent = np.mean([spent for _, spent in played]) / (candidates * (columns - 1))
        rows.append({
            "plan": f"first judged after {share:.0%} of the steps", "spared": float(1 - spent),
            "score": float(reached.mean()),
            "kept": float((reached - random).mean() / max((best - random).mean(), 1e-9)),
            "found": float((reached == best).mean()),
        })  # fmt: skip
    return rows


def main(as_json: bool, prompts: int, candidates: int) -> int:
    """Draw, score, play, print; the exit code."""
    profile = load_profile(EMBEDDED)
    settings = DrawRequest(Prompt(""), 0, 320, 180, profile.steps, profile.guidance)
    scores = []
    for number, request in enumerate(make_requests(settings, prompts, FIRST)):
        seeds = [FIRST + 1000 * (number + 1) + k for k in range(candidates)]
        scores.append([score_steps(replace(request, seed=seed)) for seed in seeds])
        print(f"prompt {number + 1} of {prompts}", file=sys.stderr, flush=True)
    rows = summarise(np.array(scores))
    if as_json:
        result = {"processor": processor_name(), "prompts": prompts, "candidates": candidates, "plans": rows}
        print(json.dumps(result, indent=2))
        return 0
    grid = Grid("plan", "evaluations spared", "mean score", "of the gain over random", "best one found")
    for row in rows:
        shares = (f"{row[name]:.0%}" for name in ("kept", "found"))
        grid.add_row(row["plan"], f"{row['spared']:.0%}", f"{row['score']:.4f}", *shares)
    Console(width=110).print(grid)
    return 0
