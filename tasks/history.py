"""What was, kept so that it can be had again: after every run that changed something, the edits and the storyboard.

`.history/0007.json` holds both as they were when that run had ended. Going back restores the edits to the letter and
the storyboard with its choices; pictures made since stay in the folder, as candidates.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from models.errors import InputError
from tasks.changes import list_differences
from tasks.edits import EDITS_NAME, read_text
from tasks.folder import save_board, write_whole
from tasks.records import Scene, Storyboard
from tasks.storyboard import from_plain, to_plain

HISTORY_NAME = ".history"
UNDONE_NAME = "undone.yaml"  # the edits that the last undo took back
ENTRIES_KEPT = 20  # the oldest go first; an hour of video takes about 300 kB each


@dataclass(frozen=True)
class State:
    """The edits and the storyboard at the end of a run."""

    edits: str  # the text of storyboard.yaml
    board: Storyboard


def remember(folder: Path, board: Storyboard) -> None:
    """Keep the present state, where it differs from the one kept last in anything that a person may want back."""
    numbers = list_entries(folder)
    path = folder / EDITS_NAME
    state = State(read_text(path) if path.exists() else "", board)
    if numbers and _essence(read_state(folder, numbers[-1])) == _essence(state):
        return
    (folder / HISTORY_NAME).mkdir(exist_ok=True)
    text = json.dumps({"edits": state.edits, "board": to_plain(board)}, ensure_ascii=False)
    write_whole(_entry(folder, (numbers or [0])[-1] + 1), text)
    for number in numbers[: len(numbers) + 1 - ENTRIES_KEPT]:
        _entry(folder, number).unlink(missing_ok=True)


def go_back(folder: Path, board: Storyboard) -> tuple[Storyboard, str]:
    """The board before the last change, and in words what was taken back; the edits are restored on disk.

    Edits that no run has applied yet are the last change. InputError where nothing is kept to go back to.
    """
    numbers = list_entries(folder)
    path = folder / EDITS_NAME
    text = read_text(path) if path.exists() else ""
    if not numbers:
        raise InputError(f"{folder} has nothing to undo: no run has changed it since its history began")
    last = read_state(folder, numbers[-1])
    if text != last.edits:
        _restore(folder, text, last.edits)
        return board, f"edits of {EDITS_NAME} that were not applied yet"
    if len(numbers) < 2:
        raise InputError(f"{folder} has nothing to undo: it is as its first run left it")
    before = read_state(folder, numbers[-2])
    _restore(folder, text, before.edits)
    restored = replace(before.board, scenes=tuple(_with_pictures(scene, board) for scene in before.board.scenes))
    save_board(folder, restored)
    _entry(folder, numbers[-1]).unlink(missing_ok=True)
    return restored, describe_change(before.board, last.board)


def describe_change(before: Storyboard, after: Storyboard) -> str:
    """In words what differs between two states: `s002 (palette), s003 (another picture)`."""
    then = {scene.id: scene for scene in before.scenes}
    told = [
        f"{scene.id} ({', '.join(what)})" for scene in after.scenes if (what := _differences(then.get(scene.id), scene))
    ]
    return ", ".join(told) or "settings"


def _differences(before: Scene | None, after: Scene) -> list[str]:
    if before is None:
        return ["new"]
    pictures = ["another picture"] if _shown(before) != _shown(after) else []
    return [*(name for name in list_differences(before, after) if name != "choose"), *pictures]


def list_entries(folder: Path) -> list[int]:
    """Numbers of the states kept, oldest first."""
    return sorted(int(path.stem) for path in (folder / HISTORY_NAME).glob("*.json") if path.stem.isdigit())


def read_state(folder: Path, number: int) -> State:
    """A state that was kept; InputError where it cannot be read."""
    path = _entry(folder, number)
    try:
        data: Any = json.loads(path.read_text("utf-8"))
        return State(from_plain(str, data["edits"], "edits"), from_plain(Storyboard, data["board"], ""))
    except (OSError, ValueError, KeyError, TypeError, InputError) as error:
        raise InputError(f"{path} cannot be read ({error}): remove it to begin a new history") from None


def _restore(folder: Path, text: str, edits: str) -> None:
    write_whole(folder / HISTORY_NAME / UNDONE_NAME, text)
    write_whole(folder / EDITS_NAME, edits)


def _with_pictures(scene: Scene, now: Storyboard) -> Scene:
    """The scene as it was, with the candidates that have come since after its own."""
    known = {candidate.digest for candidate in scene.panel.candidates}
    later = [c for other in now.scenes if other.id == scene.id for c in other.panel.candidates if c.digest not in known]
    return replace(scene, panel=replace(scene.panel, candidates=(*scene.panel.candidates, *later)))


def _essence(state: State) -> Any:
    """What a person may want back: what they wrote, what is shown, and when."""
    shown = [(scene.id, scene.prompt, _shown(scene), scene.panel.placement) for scene in state.board.scenes]
    return state.edits, shown, state.board.settings


def _shown(scene: Scene) -> str:
    panel = scene.panel
    return panel.candidates[panel.chosen].digest if 0 <= panel.chosen < len(panel.candidates) else ""


def _entry(folder: Path, number: int) -> Path:
    return folder / HISTORY_NAME / f"{number:04d}.json"
