"""The folder as it is handed over: captions, timeline, page, and `run.json`, the record of the run itself."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tasks.caption_formats import format_srt, format_vtt
from tasks.cost import Cost, count_kept, remember_lap, sum_up_cost
from tasks.desk import Desk
from tasks.edit_file import write_edits
from tasks.folder import list_files, save_board, write_whole
from tasks.gallery import write_gallery
from tasks.history import remember
from tasks.insights import write_insights
from tasks.place import covered_share
from tasks.provenance import PROVENANCE_NAME, list_provenance
from tasks.records import Storyboard
from tasks.timeline.files import write_timelines

RUN_NAME = "run.json"


@dataclass(frozen=True)
class Outcome:
    """What one run did; `run.json` is this and the list of files."""

    folder: str  # absolute
    gallery: str  # absolute path of the page
    scenes: int
    illustrated: int  # scenes with a chosen picture
    failed: tuple[str, ...]  # "s004: draw: ..."
    drawn: int  # pictures made by this run
    kept: int  # pictures found finished
    refused: int  # candidates that must not be used
    coverage: float  # share of the video under pictures
    evaluations: int  # passes through the drawing network, by this run
    captions: str  # where they came from
    cues: int
    notes: tuple[str, ...]  # what the user should know
    seconds: dict[str, float]  # by stage, of this run
    cost: Cost  # what it has used, by stage and by picture, and what it was spared
    settings: dict[str, Any]
    versions: dict[str, Any]
    files: tuple[str, ...] = ()  # everything in the folder, relative to it


def write_outputs(desk: Desk, board: Storyboard) -> Storyboard:
    """Everything but `run.json`: storyboard, captions, timelines, provenance, edits, page, history."""
    board = save_board(desk.folder, board)
    slug, cues = desk.folder.name, board.captions.cues
    if cues:
        language = re.sub(r"[^a-z-]", "", board.captions.language.lower())[:12] or "und"
        write_whole(desk.folder / "captions.vtt", format_vtt(cues))
        write_whole(desk.folder / f"{slug}.{language}.srt", format_srt(cues))
    for note in write_timelines(desk.folder, board, desk.settings.timeline):
        desk.note(note)
    write_whole(desk.folder / PROVENANCE_NAME, json.dumps(list_provenance(board), indent=1, ensure_ascii=False) + "\n")
    write_edits(desk.folder, board)
    write_insights(desk.folder, board)
    write_gallery(desk.folder, board, count_kept(desk))
    remember(desk.folder, board)
    return board


def write_run(desk: Desk, board: Storyboard, seconds: Mapping[str, float]) -> Outcome:
    """Write `run.json` and hand on what it says."""
    remember_lap(desk)
    files = sorted({*list_files(desk.folder), RUN_NAME})
    outcome = _sum_up(desk, board, seconds, tuple(files))
    write_whole(desk.folder / RUN_NAME, json.dumps(asdict(outcome), indent=2, ensure_ascii=False) + "\n")
    return outcome


def _sum_up(desk: Desk, board: Storyboard, seconds: Mapping[str, float], files: tuple[str, ...]) -> Outcome:
    scenes = board.scenes
    illustrated = [s for s in scenes if 0 <= s.panel.chosen < len(s.panel.candidates)]
    notes = [note for note in (board.captions.note, *desk.notes) if note]
    folder = desk.folder.absolute()
    return Outcome(
        folder=str(folder),
        gallery=str(folder / "index.html"),
        scenes=len(scenes),
        illustrated=len(illustrated),
        failed=tuple(f"{scene.id}: {scene.error}" for scene in scenes if scene.state == "failed"),
        drawn=desk.tally["drawn"],
        kept=desk.tally["kept"],
        refused=sum(bool(candidate.note) for scene in scenes for candidate in scene.panel.candidates),
        coverage=round(covered_share(board.video, illustrated), 4),
        evaluations=desk.tally["evaluations"],
        captions=board.captions.source,
        cues=len(board.captions.cues),
        notes=tuple(notes),
        seconds={name: round(value, 3) for name, value in seconds.items()},
        cost=sum_up_cost(desk, board, seconds),
        settings=board.settings,
        versions={name: value for name, value in board.versions.items() if name != "steps"},
        files=files,
    )
