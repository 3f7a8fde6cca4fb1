"""The text of `storyboard.yaml`: written once with what there is to edit, added to, and changed in single values.

A person's words and comments stay to the letter: what is changed is the value itself, found by its place in the text.
"""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from models.errors import InputError
from models.prompt import CONTROLS, SETTINGS
from tasks.edits import EDITS_NAME, EDITS_VERSION, PROMPT_FIELDS, load_yaml, read_text
from tasks.folder import write_whole
from tasks.gallery import format_clock
from tasks.keeping import own_cues
from tasks.records import Scene, Storyboard

QUOTE_LENGTH = 70  # characters of what is said, to know a scene by
_WORDS = ("true", "false", "null", "yes", "no", "on", "off")  # which YAML, or an older one, takes for something else
_HEAD = """\
# What you want of the pictures of {video}. Change it and save it; then, DIR being this folder,
#   broll render DIR --dry-run   says what would be redone, and how long it takes
#   broll render DIR             does it, and leaves all else as it is
#   broll undo DIR               takes the last change back
#
# do: keep | drop (no picture) | redo (other pictures; redo 2, redo 3 for still others)
# choose: 2                    the picture with _v2_ in its name; best is the program's choice
# picture: me/photo.jpg        your own picture in place of a drawn one; it is fitted, the file is left alone
# lock: true                   never redone, whatever else changes
# seed: 7                      another number, other pictures
# in: 0:12.5   out: 0:17       when the picture is on screen
# start: 0:10  end: 0:31.2     where the scene begins and ends
# sketch: sketches/x.png       colours to follow: repaint the sketch of a picture, or paint your own; strength: 0 to 1
# photo: me/sea.jpg            a picture to start from; strength: near 0 keeps it, 1 keeps its colours only
#
# To change a part of a prompt remove the # before it. Any words do for subject, relation, setting and negative;
{words}
#
# Scenes are added at the end; nothing else here is ever changed without your asking.
version: {version}
video: {digest}
scenes:
"""


# --- writing -------------------------------------------------------------------------------------------------------


def write_edits(folder: Path, board: Storyboard) -> None:
    """Write the file where there is none, else add the scenes that it lacks."""
    path = folder / EDITS_NAME
    text = read_text(path) if path.exists() else format_head(board)
    whole = add_scenes(text, board)
    if not path.exists() or whole != text:
        write_whole(path, whole)


def format_head(board: Storyboard) -> str:
    """The file without scenes."""
    words = "\n".join(f"#   {name}: {' | '.join(choices)}" for name, choices in CONTROLS.items())
    return _HEAD.format(
        video=_plain(Path(board.video.path).name),
        words=f"#   setting: {' | '.join(SETTINGS[:6])} ...\n{words}",
        version=EDITS_VERSION,
        digest=format_scalar(board.video.digest[:12]),
    )


def add_scenes(text: str, board: Storyboard) -> str:
    """`text` with an entry for each scene of the board that it has none for."""
    known = load_yaml(text).get("scenes") or {}
    missing = [scene for scene in board.scenes if scene.id not in known]
    if not missing:
        return text
    top = _compose(text)
    at, indent = _end_of_scenes(text, top)
    added = "\n".join(format_scene(board, scene, indent) for scene in missing)
    before, after = text[:at].rstrip(), text[at:]
    return f"{before}\n\n{added}" + (f"\n{after}" if after.strip() else "")


def format_scene(board: Storyboard, scene: Scene, indent: str = "  ") -> str:
    """A scene's entry: when it is, what is said, and its prompt, ready to be changed."""
    said = _plain(" ".join(cue.text for cue in own_cues(board, scene)))
    said = said if len(said) <= QUOTE_LENGTH else said[: QUOTE_LENGTH - 3].rstrip() + "..."
    head = f"{indent}{scene.id}: # {format_clock(scene.start)}-{format_clock(scene.end)}  {said}".rstrip()
    lines = [head, f"{indent}  do: keep"]
    prompt = scene.written or scene.prompt
    if prompt:
        values = ((name, getattr(prompt, name)) for name in PROMPT_FIELDS if name not in ("core", "full"))
        lines += [f"{indent}  # {name}: {format_scalar(value)}".rstrip() for name, value in values]
    return "\n".join(lines) + "\n"


def format_scalar(text: str) -> str:
    """A text as YAML: plain where that is safe, else in double quotes."""
    text = _plain(text)
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9 ,.()/_-]*[A-Za-z0-9)]|", text) and text.lower() not in _WORDS:
        return text
    return json.dumps(text, ensure_ascii=False)


def _plain(text: str) -> str:
    """One printable line of a text that others wrote."""
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))


# --- changing single values ----------------------------------------------------------------------------------------


def set_fields(text: str, scene_id: str, fields: dict[str, str | int | float | bool]) -> str:
    """`text` with fields of one scene set; everything else stays to the letter.

    InputError where the text is laid out so that this cannot be done: then it is for the person to do.
    """
    for name, value in fields.items():
        text = _set_field(text, scene_id, name, _format_value(value))
    found = (load_yaml(text).get("scenes") or {}).get(scene_id) or {}
    if any(found.get(name) != value for name, value in fields.items()):
        wanted = ", ".join(f"{name}: {_format_value(value)}" for name, value in fields.items())
        raise InputError(
            f"{EDITS_NAME}: the entry {scene_id} cannot be changed as it is laid out: set {wanted} by hand"
        )
    return text


def _set_field(text: str, scene_id: str, name: str, value: str) -> str:
    scenes = _child(_compose(text), "scenes")
    entry = _pair(scenes, scene_id)
    if entry is None:
        raise InputError(f"{EDITS_NAME} has no entry {scene_id}: add one, or remove the file and run `broll render`")
    key, node = entry
    if not isinstance(node, MappingNode):  # an entry with nothing in it
        at = _end_of_line(text, key.end_mark.index)
        return f"{text[:at]}\n{' ' * (key.start_mark.column + 2)}{name}: {value}{text[at:]}"
    field = _pair(node, name)
    if field is not None:
        start, end = field[1].start_mark.index, field[1].end_mark.index
        if start == end:  # nothing is there yet: behind the colon
            start = end = text.index(":", field[0].end_mark.index) + 1
            value = f" {value}"
        return text[:start] + value + text[end:]
    if node.flow_style:
        at = node.start_mark.index + 1
        return f"{text[:at]}{name}: {value}, {text[at:]}"
    first_key, first = node.value[0]
    if not isinstance(first, ScalarNode):
        return text  # told by `set_fields`
    at = _end_of_line(text, max(first_key.end_mark.index, first.end_mark.index))
    return f"{text[:at]}\n{' ' * first_key.start_mark.column}{name}: {value}{text[at:]}"


def _compose(text: str) -> Node:
    return YAML().compose(text)


def _pair(node: Node | None, name: str) -> tuple[Node, Node] | None:
    pairs: Iterable[tuple[Node, Node]] = node.value if isinstance(node, MappingNode) else ()
    return next(((key, value) for key, value in pairs if key.value == name), None)


def _child(node: Node, name: str) -> Node | None:
    found = _pair(node, name)
    return found[1] if found else None


def _end_of_scenes(text: str, top: Node) -> tuple[int, str]:
    """Where the text of `scenes` ends, and how far its entries are indented."""
    names: Sequence[tuple[Node, Node]] = top.value
    at = [key.value for key, _ in names].index("scenes") if _pair(top, "scenes") else -1
    if at < 0:
        raise InputError(f"{EDITS_NAME} has no `scenes:`: add that line at its end")
    scenes = names[at][1]
    if isinstance(scenes, MappingNode) and scenes.flow_style:
        raise InputError(
            f"{EDITS_NAME} line {scenes.start_mark.line + 1}: write `scenes:` with one scene below the other"
        )
    indent = scenes.value[0][0].start_mark.column if isinstance(scenes, MappingNode) and scenes.value else 2
    end = names[at + 1][0].start_mark.index if at + 1 < len(names) else len(text)
    return end, " " * indent


def _end_of_line(text: str, index: int) -> int:
    """The index of the line break after `index`, before which a comment may stand."""
    found = text.find("\n", index)
    return len(text) if found < 0 else found


def _format_value(value: str | int | float | bool) -> str:
    return (
        str(value).lower()
        if isinstance(value, bool)
        else format_scalar(value)
        if isinstance(value, str)
        else str(value)
    )
