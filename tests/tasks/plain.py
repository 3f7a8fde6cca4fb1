"""The flow's stages called plainly, in its order, for tests that need no Prefect; runs as a program of its own, too.

python -m tests.tasks.plain VIDEO OUT [SECONDS A DRAWING TAKES]
"""

import sys
import time
from dataclasses import asdict
from pathlib import Path

from models.profiles import load_profile
from tasks import draw, output, stages
from tasks.desk import Desk, Options, resolve_settings
from tasks.folder import STORYBOARD_NAME, claim_folder, save_board
from tasks.probe import probe_video
from tasks.records import Captions, Storyboard
from tasks.storyboard import read_storyboard
from tests.flows.tools import Tools

SMALL = Options(candidates=2, width=160, height=90, steps=2, scenes=3)


def run_plainly(video: Path, out: Path, tools: Tools, options: Options = SMALL) -> tuple[Desk, Storyboard]:
    """Everything from the probe to `run.json`."""
    facts = probe_video(str(video))
    with claim_folder(out, facts) as folder:
        found = folder / STORYBOARD_NAME
        board = read_storyboard(found) if found.is_file() else Storyboard(facts, Captions("none", "und"), {})
        desk = Desk(folder, resolve_settings(options, load_profile("embedded"), facts, None), tools.box())
        board = save_board(folder, Storyboard(**{**vars(board), "video": facts, "settings": asdict(desk.settings)}))
        board = stages.caption(desk, stages.heed_edits(desk, board))
        board = stages.heed_edits(desk, stages.divide(desk, board, stages.see_shots(desk, board)))
        for scene in board.scenes:
            board = stages.describe(desk, board, scene.id)
            board = stages.write_scene_prompt(desk, board, scene.id)
        board = stages.pick_insights(desk, board)
        for scene in board.scenes:
            board = draw.draw_candidates(desk, board, scene.id)
            board = draw.choose_candidate(desk, board, scene.id)
        board = output.write_outputs(desk, stages.place(desk, board))
        output.write_run(desk, board, {})
    return desk, board


def main() -> None:
    """Run with a drawing model that takes its time."""
    tools, pause = Tools(), float(sys.argv[3])
    quick = tools.draw

    def slow(request):
        time.sleep(pause)
        return quick(request)

    tools.draw = slow
    run_plainly(Path(sys.argv[1]), Path(sys.argv[2]), tools)


if __name__ == "__main__":
    main()
