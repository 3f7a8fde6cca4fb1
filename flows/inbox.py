"""The inbox as a flow: one round over it, each video by the same flow as `broll illustrate`."""

import time
from collections.abc import Callable
from pathlib import Path

from prefect import flow

from flows import interrupt
from flows.illustrate import illustrate
from models.profiles import load_profile
from tasks.desk import Options
from tasks.output import Outcome
from tasks.watch import Round, Watch, go_round


@flow(name="inbox", persist_result=False)
def inbox(folder: str, options: Options, settle: float = 10.0) -> Round:
    """One round over `folder`, for a schedule: what has stopped growing and is new, changed or due again."""
    return go_once(open_watch(folder, options, settle))


def open_watch(folder: str, options: Options, settle: float, tell: Callable[[str], None] = print) -> Watch:
    """The watch over `folder`; models stay loaded from one video to the next, for they are the process's."""
    profile = load_profile(options.profile or "embedded")
    return Watch(Path(folder).resolve(), options, profile, lambda video: handle(video, options), settle, tell)


def go_once(watch: Watch) -> Round:
    """A round with the two looks that tell whether a file has stopped growing."""
    first = go_round(watch)
    if not first.growing:
        return first
    time.sleep(watch.settle)
    return go_round(watch)


def handle(video: str, options: Options) -> Outcome:
    """One video; Ctrl-C comes out as such, whatever Prefect made of it."""
    try:
        outcome = illustrate(video, options)
    except Exception:
        interrupt.check()
        raise
    interrupt.check()
    return outcome
