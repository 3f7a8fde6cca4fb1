"""Early judgement: of several candidates for one picture, the promising ones are found before the work is done.

Composition settles in the first steps. So all candidates run the first part of the schedule, what they predict as
clean is judged, the better half goes on, and so again until one is left: successive halving (Jamieson & Talwalkar
2016).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from models.diffusion.coefficients import Correction
from models.diffusion.draw import Drawer
from models.diffusion.rendezvous import Rendezvous
from models.diffusion.request import DrawRequest
from models.diffusion.schedulers import Seen

#: A score for each latent picture (B, ...): higher is better.
Judge = Callable[[torch.Tensor], Sequence[float]]


@dataclass(frozen=True)
class Rounds:
    """When candidates are judged, and how many go on."""

    first: float = 0.4  # share of the steps before the first judgement
    keep: float = 0.5  # share of the candidates that goes on, rounded up

    def plan(self, candidates: int, steps: int) -> dict[int, int]:
        """Step after which is judged -> candidates that go on; the last round leaves one or comes too late."""
        left, planned, at = candidates, {}, max(1, math.ceil(self.first * steps))
        while left > 1 and at < steps:
            left = math.ceil(self.keep * left) if left > 2 else 1
            planned[at - 1] = left
            at += max(1, math.ceil((steps - at) / 2))
        return planned


@dataclass(frozen=True)
class Drafted:
    """The candidate that was left, and what finding it took."""

    seed: int
    latents: torch.Tensor  # (1, ...)
    evaluations: int  # network passes of all candidates, guidance not counted
    spared: int  # passes that finishing every candidate would have taken besides
    order: tuple[int, ...]  # seeds, the last to stay first


class _Dropped(Exception):  # noqa: N818  # no error: it ends a candidate's loop from within
    """Raised in the loop of a candidate that does not go on."""


def draw_best(
    drawer: Drawer, requests: Sequence[DrawRequest], judge: Judge, correction: Correction | None = None,
    rounds: Rounds = Rounds(),
) -> Drafted:  # fmt: skip
    """Draw the most promising of several requests that differ by their seeds; each runs in a thread of its own.

    The one that is left is drawn exactly as it would have been alone. SceneError as `Drawer.sample` raises it.
    """
    steps = requests[0].steps
    plan = rounds.plan(len(requests), steps)
    alive, dropped = set(range(len(requests))), list[int]()
    taken, finished = [0] * len(requests), dict[int, torch.Tensor]()

    def settle(brought: list[torch.Tensor | None]) -> set[int]:
        """The candidates that go on: those of the best predicted pictures, in a round of judgement."""
        if all(picture is None for picture in brought):
            return set(alive)
        order = sorted(alive)
        scores = dict(zip(order, judge(torch.cat([brought[k] for k in order])), strict=True))  # type: ignore[misc]
        ranked = sorted(order, key=lambda k: -scores[k])
        keep = plan[max(taken) - 1]
        dropped.extend(reversed(ranked[keep:]))
        alive.intersection_update(ranked[:keep])
        return set(alive)

    meeting: Rendezvous[set[int]] = Rendezvous(len(requests), settle)

    def run(party: int) -> None:
        def observe(seen: Seen) -> None:
            taken[party] += 1
            if taken[party] - 1 in plan and party not in meeting.meet(party, seen.clean):
                raise _Dropped

        try:
            finished[party] = drawer.sample([requests[party]], correction, observe)
        except _Dropped:
            for _ in range(sum(step >= taken[party] for step in plan)):  # the others' later rounds count on it
                meeting.meet(party, None)

    meeting.run([partial(run, party) for party in range(len(requests))])
    [best] = alive if len(alive) == 1 else [_best_finished(finished, judge)]
    order = (best, *sorted(set(finished) - {best}), *reversed(dropped))
    spent = sum(taken)
    return Drafted(
        requests[best].seed,
        finished[best],
        spent,
        steps * len(requests) - spent,
        tuple(requests[k].seed for k in order),
    )


def _best_finished(finished: dict[int, torch.Tensor], judge: Judge) -> int:
    """Where the plan left several, the finished pictures decide."""
    order = sorted(finished)
    scores = judge(torch.cat([finished[k] for k in order]))
    return order[max(range(len(order)), key=lambda k: scores[k])]
