"""The marks that a person sets in the gallery, exported as a file of edits, put into `storyboard.yaml`.

    {"video_digest": "3f2a...", "scenes": {"s003": {"choose": 2}, "s004": {"redo": true}, "s005": {"drop": true}}}

`choose` is a picture's version, the number after _v in its name; `keep` takes a drop back.
"""

import json
from pathlib import Path
from typing import Any

from models.errors import InputError
from tasks.edit_file import set_fields
from tasks.edits import parse_edits
from tasks.records import Edit, Storyboard

MARKS = {"choose": int, "redo": bool, "drop": bool, "keep": bool}
MOST_BYTES = 4 * 2**20


def read_marks(path: Path, board: Storyboard) -> dict[str, dict[str, Any]]:
    """The marks of each scene; InputError names the field, the value got and what is allowed."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(
                f"edits {path} have more than {MOST_BYTES // 2**20} MB: export them from the gallery again"
            )
        data = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"edits {path} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"edits {path} are not JSON ({error}): export them from the gallery again") from None
    return check_marks(data, board, str(path))


def check_marks(data: Any, board: Storyboard, where: str) -> dict[str, dict[str, Any]]:
    """The marks of each scene out of a file's content."""
    if not isinstance(data, dict) or not isinstance(data.get("scenes"), dict):
        raise InputError(f"edits {where}: expected video_digest and scenes: export them from the gallery again")
    if data.get("video_digest") != board.video.digest:
        raise InputError(
            f"edits {where}: video_digest is {str(data.get('video_digest'))[:12]!r}, this folder's video has "
            f"{board.video.digest[:12]!r}: they belong to another video"
        )
    known = [scene.id for scene in board.scenes]
    for name, marks in data["scenes"].items():
        if name not in known:
            raise InputError(f"edits {where}: scenes.{name}: there is no such scene, allowed are {', '.join(known)}")
        _check_scene(f"edits {where}: scenes.{name}", marks)
    return data["scenes"]


def _check_scene(where: str, marks: Any) -> None:
    if not isinstance(marks, dict):
        raise InputError(f'{where}: got {marks!r:.60}, allowed are marks such as {{"redo": true}}')
    for mark, value in marks.items():
        kind = MARKS.get(mark)
        if kind is None:
            raise InputError(f"{where}.{mark}: unknown mark, allowed are {', '.join(MARKS)}")
        if type(value) is not kind or (isinstance(value, int) and not isinstance(value, bool) and value < 1):
            allowed = "true and false" if kind is bool else "versions of pictures from 1"
            raise InputError(f"{where}.{mark}: got {value!r:.60}, allowed are {allowed}")


def merge_marks(text: str, board: Storyboard, marks: dict[str, dict[str, Any]], strict: bool) -> str:
    """The text of `storyboard.yaml` with the marks put in; all else stays to the letter."""
    before = parse_edits(text, board, strict).scenes
    for name, wished in marks.items():
        edit = before.get(name, Edit())
        if wished.get("redo") and edit.lock:
            raise InputError(
                f"{name} is locked and marked to be redone: take `lock: true` out of storyboard.yaml first"
            )
        text = set_fields(text, name, _fields(wished, edit))
    return text


def _fields(wished: dict[str, Any], edit: Edit) -> dict[str, str | int | float | bool]:
    """What the marks come to in the file: the last of them wins where they contradict each other."""
    fields: dict[str, str | int | float | bool] = {}
    if wished.get("choose"):
        fields["choose"] = wished["choose"]
    if wished.get("keep") or (wished.get("choose") and edit.drop):
        fields["do"] = "keep"
    if wished.get("redo"):
        fields |= {"do": f"redo {edit.redo + 1}" if edit.redo else "redo", "choose": "best"}
    if wished.get("drop"):
        fields["do"] = "drop"
    return fields
