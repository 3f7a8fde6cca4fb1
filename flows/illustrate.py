"""The main job: from a video to a folder of new illustrations. Read top to bottom, this is what happens."""

from pathlib import Path

from prefect import flow

from flows import steps
from flows.desks import open_desk, reopen_desk
from tasks.desk import Desk, Options
from tasks.estimate import foretell
from tasks.output import Outcome, write_run
from tasks.records import Storyboard


@flow(name="illustrate", persist_result=False)
def illustrate(video: str, options: Options) -> Outcome:
    """Everything: the storyboard, the pictures, the folder."""
    steps.SECONDS.clear()
    facts = steps.probe_video(video)
    with open_desk(facts, options) as (desk, board):
        return finish(desk, illustrate_scenes(desk, plan_scenes(desk, board)))


@flow(name="storyboard", persist_result=False)
def storyboard(video: str, options: Options) -> Outcome:
    """Everything up to the prompts; nothing is drawn."""
    steps.SECONDS.clear()
    facts = steps.probe_video(video)
    with open_desk(facts, options) as (desk, board):
        return finish(desk, plan_scenes(desk, board))


@flow(name="render", persist_result=False)
def render(folder: str, options: Options, video: str = "") -> Outcome:
    """Draw what the storyboard of `folder` still lacks; `video`, where given, must be the one it was made from."""
    steps.SECONDS.clear()
    facts = steps.probe_video(video) if video else None
    with reopen_desk(Path(folder), options, facts) as (desk, board):
        return finish(desk, illustrate_scenes(desk, board))


def plan_scenes(desk: Desk, board: Storyboard) -> Storyboard:
    """What is said and seen, divided into scenes, each described and with its prompt."""
    board = steps.caption(desk, board)
    shots = steps.see_shots(desk, board)
    board = steps.divide(desk, board, shots)
    for scene in board.scenes:
        board = steps.describe(desk, board, scene.id)
        board = steps.write_prompt(desk, board, scene.id)
    return board


def illustrate_scenes(desk: Desk, board: Storyboard) -> Storyboard:
    """Each scene's candidates drawn, the best of them chosen."""
    for scene in board.scenes:
        foretell(desk, board)
        board = steps.draw_candidates(desk, board, scene.id)
        board = steps.choose_candidate(desk, board, scene.id)
    return board


def finish(desk: Desk, board: Storyboard) -> Outcome:
    """The pictures placed, the folder written, the run recorded."""
    board = steps.place(desk, board)
    board = steps.write_outputs(desk, board)
    steps.refresh_index(desk)
    return write_run(desk, board, steps.SECONDS)
