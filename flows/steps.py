"""The steps that flows call: pure functions of `tasks`, each wrapped as a Prefect task and timed.

Prefect's own cache stays out of it: a step finds in the storyboard whether there is anything to do, so that a run
goes on after any kill whatever became of Prefect's database.
"""

import time
from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE

from flows import interrupt
from flows.early import probe_early
from tasks import draw, library_page, output, redo, stages

P = ParamSpec("P")
R = TypeVar("R")

#: Seconds spent inside each step by the present run; what a flow takes beyond their sum is Prefect's.
SECONDS: dict[str, float] = defaultdict(float)


def timed(name: str, function: Callable[P, R]) -> Callable[P, R]:
    """`function` with the seconds that it takes added up under `name`."""

    @wraps(function)
    def measured(*args: P.args, **kwargs: P.kwargs) -> R:
        interrupt.check()
        began = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            SECONDS[name] += time.perf_counter() - began

    return measured


def as_step(name: str, function: Callable[P, R]) -> Callable[P, R]:
    """`function` as a Prefect task of that name."""
    return task(name=name, cache_policy=NO_CACHE, persist_result=False)(timed(name, function))


probe_video = as_step("probe", probe_early)
heed_edits = as_step("edits", stages.heed_edits)
caption = as_step("captions", stages.caption)
see_shots = as_step("shots", stages.see_shots)
read_screen = as_step("screen", stages.read_screen)
divide = as_step("scenes", stages.divide)
describe = as_step("describe", stages.describe)
pick_insights = as_step("insights", stages.pick_insights)
write_prompt = as_step("prompts", stages.write_scene_prompt)
draw_candidates = as_step("draw", draw.draw_candidates)
choose_candidate = as_step("judge", draw.choose_candidate)
redraw = as_step("redraw", redo.redraw)
place = as_step("place", stages.place)
write_outputs = as_step("folder", output.write_outputs)
refresh_index = as_step("index", library_page.refresh_index)
