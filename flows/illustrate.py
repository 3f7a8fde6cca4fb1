"""The main job: from a video to a folder of new illustrations. Read top to bottom, this is what happens."""

from pathlib import Path

from prefect import flow

from flows import steps
from flows.desks import open_desk, reopen_desk, take_marks
from tasks.desk import Desk, Options
from tasks.estimate import foretell
from tasks.output import Outcome, write_run
from tasks.records import Storyboard
from tasks.redo import Redo


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
def render(folder: str, options: Options, video: str = "", marks: str = "") -> Outcome:
    """Draw what the storyboard of `folder` and the person's edits ask for and is not there, and nothing else.

    `video`, where given, must be the one it was made from; `marks` is a file of edits that the gallery exported.
    """
    steps.SECONDS.clear()
    facts = steps.probe_video(video) if video else None
    with reopen_desk(Path(folder), options, facts) as (desk, board):
        wanted = steps.heed_edits(desk, board, take_marks(desk, board, marks))
        return finish(desk, illustrate_scenes(desk, wanted))


@flow(name="redo", persist_result=False)
def redo(folder: str, asked: Redo) -> Outcome:
    """One scene's picture made anew by hand; all others stay."""
    steps.SECONDS.clear()
    with reopen_desk(Path(folder), Options(), None) as (desk, board):
        return finish(desk, steps.redraw(desk, steps.heed_edits(desk, board), asked))


def plan_scenes(desk: Desk, board: Storyboard) -> Storyboard:
    """What is said and seen, divided into scenes, each described and with its prompt; what is worth quoting."""
    board = steps.heed_edits(desk, board)
    board = steps.caption(desk, board)
    shots = steps.see_shots(desk, board)
    board = steps.read_screen(desk, board, shots)
    board = steps.heed_edits(desk, steps.divide(desk, board, shots))
    for scene in board.scenes:
        board = steps.describe(desk, board, scene.id)
        board = steps.write_prompt(desk, board, scene.id)
    return steps.pick_insights(desk, board)


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
