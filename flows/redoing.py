"""Behind `broll redo` and `broll undo`: what can be told before models load, and what needs none."""

import json
import sys
from pathlib import Path
from typing import Any

from flows.desks import peek_desk, reopen_desk
from models.errors import InputError
from tasks.desk import Options
from tasks.edits import PROMPT_FIELDS, NotAllowedError, read_prompt_text
from tasks.history import go_back
from tasks.keeping import find_scene
from tasks.output import write_outputs
from tasks.redo import Redo, check_free, find_base
from tasks.stages import heed_edits, place


def check_redo(folder: str, scene_id: str, changes: tuple[tuple[str, str], ...], given: dict[str, Any]) -> Redo:
    """What was asked for as one record; InputError for all that can be known to be wrong by now."""
    desk, board = peek_desk(Path(folder), Options())
    for name in ("sketch", "photo", "mask"):
        if given[name] and not Path(given[name]).is_file():
            raise InputError(f"--{name} {given[name]}: there is no such file: give a PNG, JPEG or WebP file")
    prompt = dict(_check_change(name, text, bool(desk.tools.names["vocabulary"])) for name, text in changes)
    scene = find_scene(heed_edits(desk, board), scene_id)
    check_free(scene)
    vary, start = given.pop("vary"), given.pop("base")
    if vary and start:
        raise InputError("--vary names the picture to begin from: leave --from out")
    base = vary or start or 0
    if vary and (given["mask"] or given["photo"]):
        raise InputError("--vary goes with neither --mask nor --photo: vary the picture that they gave")
    if given["strength"] == 0 and given["photo"]:
        raise InputError("--strength 0 would leave the photo as it is: use `picture:` in storyboard.yaml for that")
    find_base(scene, base)
    return Redo(**{**given, "base": base, "scene": scene_id, "prompt": prompt, "vary": bool(vary)})


def _check_change(name: str, text: str, strict: bool) -> tuple[str, str]:
    if name not in PROMPT_FIELDS:
        raise InputError(f"--set {name}: unknown field, allowed are {', '.join(PROMPT_FIELDS)}")
    try:
        return name, read_prompt_text(name, text, strict)
    except NotAllowedError as problem:
        raise InputError(f"--set {name}={text}: {problem}") from None


def undo_last(folder: str, as_json: bool) -> int:
    """Take the last change back and write the folder anew; no model is needed for that."""
    with reopen_desk(Path(folder), Options(), None) as (desk, board):
        restored, told = go_back(desk.folder, board)
        write_outputs(desk, place(desk, heed_edits(desk, restored)))
    if as_json:
        print(json.dumps({"undone": told, "folder": str(desk.folder)}, ensure_ascii=False))
    else:
        print(f"taken back: {told}", file=sys.stderr)
    return 0
