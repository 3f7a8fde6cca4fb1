"""`storyboard.yaml`, what a person wants: read, checked line by line, and laid over the storyboard.

Everything that is wrong is told at once, each with its line, its field, the value got and what is allowed; nothing is
applied then, and nothing is written.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from models.errors import InputError
from models.images import read_image
from models.prompt import CONTROLS, Prompt, format_core, format_full
from tasks.records import Edit, Scene, Storyboard

EDITS_NAME = "storyboard.yaml"
EDITS_VERSION = 1
MOST_BYTES = 4 * 2**20  # a day of video has 100 kB
MOST_TOLD = 8  # problems in one message
TEXT_LENGTH = 500  # characters of a prompt's field; `full` holds them all
SHOWN = 5.0  # s on screen where only one end is given: between the shortest and longest that the rule places

#: The prompt's fields as they stand in the file; `core` and `full` follow from the others where they are not given.
PROMPT_FIELDS = ("subject", "relation", "setting", *CONTROLS, "negative", "core", "full")
TOP_FIELDS = ("version", "video", "scenes")


@dataclass(frozen=True)
class Edits:
    """A file's content: what is wanted of each scene, and where that is written."""

    scenes: dict[str, Edit]
    lines: dict[tuple[str, str], int]  # (scene, field) -> line, from 1; field "" is the scene itself

    def at(self, scene_id: str, *names: str) -> str:
        """`line 12: s003.in`, of the first field named that is there."""
        name = next((name for name in names if (scene_id, name) in self.lines), "")
        return f"line {self.lines.get((scene_id, name), 0)}: {scene_id}{'.' * bool(name)}{name}"


class NotAllowedError(Exception):
    """What is allowed instead."""


# --- reading -------------------------------------------------------------------------------------------------------


def read_edits(folder: Path, board: Storyboard, strict: bool, text: str | None = None) -> Edits:
    """What the folder's file says, or `text` in its place, fit for `board`; no edits where there is no file.

    strict: the prompt's controls take the embedded model's words only. InputError lists all that is wrong.
    """
    path = folder / EDITS_NAME
    if text is None and not path.exists():
        return Edits({}, {})
    edits = parse_edits(read_text(path) if text is None else text, board, strict)
    if problems := list(check_edits(edits, board, folder)):
        raise_problems(problems)
    return edits


def read_text(path: Path) -> str:
    """The file's text; InputError where it is none."""
    try:
        data = path.read_bytes()
        if len(data) > MOST_BYTES:
            raise InputError(
                f"{path} has {len(data) // 2**20} MB: a file of edits has {MOST_BYTES // 2**20} MB at most"
            )
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError(f"{path.name} line {line}: not UTF-8 text: save it as UTF-8") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None


def parse_edits(text: str, board: Storyboard, strict: bool) -> Edits:
    """The edits of a file's text; InputError lists every unknown field and wrong value by line."""
    data = load_yaml(text)
    problems = list(_check_head(data, board))
    scenes, lines = {}, {}
    entries = data.get("scenes")
    if entries is not None and not isinstance(entries, CommentedMap):
        problems.append(f"line {_line(data, 'scenes')}: scenes must be entries such as `s001:`, got {_brief(entries)}")
        entries = None
    for key in entries or ():
        lines[(str(key), "")] = _line(entries, key)
        edit, wrong = _read_scene(str(key), entries[key], lines, strict)
        scenes[str(key)] = edit
        problems += wrong if isinstance(entries[key], CommentedMap) or entries[key] is None else [
            f"line {_line(entries, key)}: {key} must hold fields such as `do: keep`, got {_brief(entries[key])}"
        ]  # fmt: skip
    if problems:
        raise_problems(problems)
    return Edits(scenes, lines)


def load_yaml(text: str) -> CommentedMap:
    """The text's top level; InputError with the line where it is no YAML, or a key stands twice."""
    try:
        data = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = re.sub(r"\s+", " ", str(error.problem or error.context or "")).removesuffix(", ")
        raise InputError(f"{EDITS_NAME} line {mark.line + 1 if mark else 1}: {said}") from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{EDITS_NAME} is not YAML: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(data, CommentedMap):
        raise InputError(f"{EDITS_NAME} line 1: expected {', '.join(TOP_FIELDS)}, got {_brief(data)}")
    return data


def raise_problems(problems: Sequence[str]) -> None:
    """InputError with all of them in one line."""
    more = f"; and {len(problems) - MOST_TOLD} more" if len(problems) > MOST_TOLD else ""
    raise InputError(f"{EDITS_NAME} {'; '.join(problems[:MOST_TOLD])}{more}; nothing was changed")


def _check_head(data: CommentedMap, board: Storyboard) -> Iterator[str]:
    for key in data:
        if key not in TOP_FIELDS:
            yield f"line {_line(data, key)}: unknown field {key!r}, allowed are {', '.join(TOP_FIELDS)}"
    if data.get("version") != EDITS_VERSION:
        line = _line(data, "version") if "version" in data else 1
        yield f"line {line}: version: got {_brief(data.get('version'))}, this program reads {EDITS_VERSION}"
    video = data.get("video", "")
    if not isinstance(video, str) or not board.video.digest.startswith(video):
        yield (
            f"line {_line(data, 'video')}: video: got {_brief(video)}, this folder's video has "
            f"{board.video.digest[:12]}: this is another video's file"
        )


def _read_scene(name: str, entry: Any, lines: dict, strict: bool) -> tuple[Edit, list[str]]:
    """One scene's edit and what is wrong with it."""
    values: dict[str, Any] = {}
    prompt: dict[str, str] = {}
    problems = []
    for field in entry if isinstance(entry, CommentedMap) else ():
        lines[(name, str(field))] = _line(entry, field)
        reader = READERS.get(field)
        try:
            if reader is None:
                raise NotAllowedError(f"unknown field, allowed are {', '.join(READERS)}")
            if entry[field] is None:  # `palette:` with nothing behind it is no wish
                continue
            if field in PROMPT_FIELDS:
                prompt[field] = read_prompt_text(field, entry[field], strict)
            else:
                values |= reader(entry[field])
        except NotAllowedError as problem:
            got = "" if reader is None else f"got {_brief(entry[field])}, "
            problems.append(f"line {_line(entry, field)}: {name}.{field}: {got}{problem}")
    return Edit(**values, prompt=prompt), problems


def read_prompt_text(field: str, value: Any, strict: bool = True) -> str:
    """A field's text, a control's in full where its beginning tells it; raises `NotAllowedError`."""
    text = " ".join(value.split()) if isinstance(value, str) else ""
    limit = TEXT_LENGTH * 4 if field == "full" else TEXT_LENGTH
    if not isinstance(value, str) or not text.isprintable() or len(text) > limit or not (text or field != "subject"):
        raise NotAllowedError(f"allowed is a text of up to {limit} characters")
    if not strict or field not in CONTROLS or not text:
        return text
    fits = [word for word in CONTROLS[field] if word == text] or [
        word for word in CONTROLS[field] if word.startswith(f"{text.lower()} ")
    ]
    if len(fits) != 1:
        raise NotAllowedError(f"allowed are {', '.join(CONTROLS[field])}")
    return fits[0]


def _read_do(value: Any) -> dict[str, Any]:
    found = re.fullmatch(r"(keep)|(drop)|redo(?: ([1-9]\d{0,5}))?", value) if isinstance(value, str) else None
    if not found:
        raise NotAllowedError("allowed are keep, redo, redo 2 (and so on, for still other pictures), drop")
    return {"drop": bool(found[2]), "redo": 0 if found[1] or found[2] else int(found[3] or 1)}


def _whole(name: str, low: int, high: int, words: dict[str, int] | None = None) -> Callable[[Any], dict[str, Any]]:
    def read(value: Any) -> dict[str, Any]:
        if isinstance(value, str) and words and value in words:
            return {name: words[value]}
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise NotAllowedError(
                f"allowed are whole numbers from {low} to {high}" + "".join(f" or {w}" for w in words or ())
            )
        return {name: int(value)}

    return read


def _read_lock(value: Any) -> dict[str, Any]:
    if not isinstance(value, bool):
        raise NotAllowedError("allowed are true and false")
    return {"lock": value}


def _read_strength(value: Any) -> dict[str, Any]:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise NotAllowedError("allowed are numbers from 0 to 1")
    return {"strength": float(value)}


def _path(name: str) -> Callable[[Any], dict[str, Any]]:
    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            raise NotAllowedError("allowed is the path of a PNG, JPEG or WebP file")
        return {name: value.strip()}

    return read


def _time(name: str) -> Callable[[Any], dict[str, Any]]:
    def read(value: Any) -> dict[str, Any]:
        seconds = read_seconds(value)
        if seconds is None:
            raise NotAllowedError("allowed are seconds (12.5) or a clock's time (0:12.5)")
        return {name: seconds}

    return read


def read_seconds(value: Any) -> float | None:
    """Seconds of 12.5, "0:12.5" or "1:02:03"; None where it is none of these."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if 0 <= value < 10**6 else None
    found = re.fullmatch(r"(?:(\d{1,2}):)?(\d{1,3}):(\d{1,2}(?:\.\d{1,6})?)", value) if isinstance(value, str) else None
    return int(found[1] or 0) * 3600 + int(found[2]) * 60 + float(found[3]) if found else None


READERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "do": _read_do,
    "choose": _whole("choose", 1, 10**6, {"best": 0}),
    "picture": _path("picture"),
    "lock": _read_lock,
    "seed": _whole("seed", 0, 2**63 - 1),
    "in": _time("first"),
    "out": _time("last"),
    "start": _time("start"),
    "end": _time("end"),
    "sketch": _path("sketch"),
    "photo": _path("photo"),
    "strength": _read_strength,
    **{name: lambda value: {} for name in PROMPT_FIELDS},
}


# --- whether they fit the board ------------------------------------------------------------------------------------


def check_edits(edits: Edits, board: Storyboard, folder: Path) -> Iterator[str]:
    """What cannot be done with this board and these files."""
    known, gone = {scene.id: scene for scene in board.scenes}, set(board.versions.get("gone", ()))
    for name, edit in edits.scenes.items():
        if name not in known:
            if name not in gone:
                yield f"{edits.at(name)}: there is no such scene, allowed are {', '.join(known)}"
            continue
        yield from _check_times(edits, name, edit, known[name], board.video.duration)
        yield from _check_choice(edits, name, edit, known[name], board)
        yield from _check_picture(edits, name, edit, known[name], folder)
        yield from _check_files(edits, name, edit, folder)
    yield from _check_overlaps(edits, board)


def _check_times(edits: Edits, name: str, edit: Edit, scene: Scene, duration: float) -> Iterator[str]:
    for field in ("start", "end", "first", "last"):
        written = {"first": "in", "last": "out"}.get(field, field)
        value = getattr(edit, field)
        if value is not None and value > duration + 0.001:
            yield f"{edits.at(name, written)}: got {value:g}, allowed are times up to the video's end at {duration:g} s"
    for fields, (start, end) in ((("start", "end"), scene_span(scene, edit)), (("in", "out"), shown_span(edit))):
        if end <= start and any((name, field) in edits.lines for field in fields):
            yield f"{edits.at(name, *fields)}: from {start:g} to {end:g} s, but {fields[1]} has to be the later one"


def _check_choice(edits: Edits, name: str, edit: Edit, scene: Scene, board: Storyboard) -> Iterator[str]:
    versions = [version_of(candidate.image) for candidate in scene.panel.candidates]
    versions = versions or list(range(1, int(board.settings.get("candidates", 0)) + 1))
    if edit.choose and edit.choose not in versions:
        yield f"{edits.at(name, 'choose')}: got {edit.choose}, allowed are {', '.join(map(str, versions))} and best"
    if edit.choose and edit.picture:
        yield f"{edits.at(name, 'picture')}: an own picture and `choose: {edit.choose}` exclude each other: remove one"
    if edit.strength is not None and not (edit.sketch or edit.photo):
        yield f"{edits.at(name, 'strength')}: it needs a sketch or a photo beside it"
    if edit.photo and edit.strength == 0:
        yield f"{edits.at(name, 'strength')}: 0 would leave the photo as it is: use `picture:` for that"


def _check_picture(edits: Edits, name: str, edit: Edit, scene: Scene, folder: Path) -> Iterator[str]:
    """A picture that was asked for by hand is drawn once; the program does not draw it again by itself."""
    for candidate in scene.panel.candidates:
        wanted = candidate.kind == "redone" and version_of(candidate.image) == edit.choose
        if wanted and not (folder / candidate.image).is_file():
            yield f"{edits.at(name, 'choose')}: {candidate.image} is missing: restore it or choose another"


def _check_files(edits: Edits, name: str, edit: Edit, folder: Path) -> Iterator[str]:
    for field in ("picture", "sketch", "photo"):
        value = getattr(edit, field)
        if value and not (folder / value).is_file():
            yield f"{edits.at(name, field)}: there is no file {value!r}, allowed is one in {folder} or a full path"
        elif value:
            try:
                read_image(str(folder / value))
            except InputError as error:
                yield f"{edits.at(name, field)}: {error}"


def _check_overlaps(edits: Edits, board: Storyboard) -> Iterator[str]:
    """Scenes over each other, and pictures that a person has placed over each other."""
    wanted = [(scene, edits.scenes.get(scene.id, Edit())) for scene in board.scenes]
    scenes = [(*scene_span(scene, edit), scene.id) for scene, edit in wanted]
    shown = [(*shown_span(edit), s.id) for s, edit in wanted if has_place(edit) and not edit.drop]
    for spans, what, fields in ((scenes, "scenes", ("start", "end")), (shown, "pictures", ("in", "out"))):
        for (start, end, one), (later, until, other) in zip(sorted(spans), sorted(spans)[1:], strict=False):
            if later < end - 0.0005:
                name = other if any((other, field) in edits.lines for field in fields) else one
                yield (
                    f"{edits.at(name, *fields)}: {what} overlap: {one} from {start:g} to {end:g} s, "
                    f"{other} from {later:g} to {until:g} s"
                )


def scene_span(scene: Scene, edit: Edit) -> tuple[float, float]:
    """Start and end in s: as found, where the person sets no others."""
    start, end = scene.span[:2] or (scene.start, scene.end)
    return (start if edit.start is None else edit.start), (end if edit.end is None else edit.end)


def has_place(edit: Edit) -> bool:
    """Whether a person has placed the picture."""
    return edit.first is not None or edit.last is not None


def shown_span(edit: Edit) -> tuple[float, float]:
    """When the picture is on screen, s; `SHOWN` long where only one end is given."""
    if not has_place(edit):
        return 0.0, SHOWN
    first = edit.first if edit.first is not None else max(0.0, (edit.last or 0.0) - SHOWN)
    return first, edit.last if edit.last is not None else first + SHOWN


def version_of(image: str) -> int:
    """The number after _v in a picture's name, 0 where it has none."""
    found = re.search(r"_v(\d{1,9})_", image)
    return int(found[1]) if found else 0


# --- laying them over the board ------------------------------------------------------------------------------------


def apply_edits(board: Storyboard, edits: dict[str, Edit]) -> Storyboard:
    """The board as the edits want it; a scene without any is as the program made it."""
    return replace(board, scenes=tuple(_apply(board, scene, edits.get(scene.id, Edit())) for scene in board.scenes))


def _apply(board: Storyboard, scene: Scene, edit: Edit) -> Scene:
    scene = _set_span(board, replace(scene, edit=edit), edit)
    return scene if is_locked(scene) else apply_prompt(scene)


def is_locked(scene: Scene) -> bool:
    """Whether nothing of the scene may be made anew: it is locked and has a picture to keep."""
    return scene.edit.lock and bool(scene.panel.candidates)


def apply_prompt(scene: Scene) -> Scene:
    """The scene with its prompt as written by the program and changed by the person."""
    written = scene.written or scene.prompt
    if written is None:
        return scene
    changed = change_prompt(written, scene.edit.prompt)
    return replace(scene, prompt=changed, written=written if scene.edit.prompt else None)


def change_prompt(prompt: Prompt, changes: dict[str, str]) -> Prompt:
    """`prompt` with some of its fields set; `core` and `full` follow where they are not set themselves."""
    if not changes:
        return prompt
    changed = replace(prompt, **changes)
    core = changes.get("core") or format_core(changed)
    return replace(changed, core=core, full=changes.get("full") or format_full(changed))


def _set_span(board: Storyboard, scene: Scene, edit: Edit) -> Scene:
    """The scene between the times that the person sets, with the cues that have their middle there."""
    start, end = scene_span(scene, edit)
    if (start, end) == (scene.start, scene.end):
        return scene if edit.start is not None or edit.end is not None else replace(scene, span=())
    rate = board.video.frame_rate
    cues = tuple(cue.id for cue in board.captions.cues if start <= (cue.start + cue.end) / 2 < end)
    own = edit.start is not None or edit.end is not None
    found = scene.span or (scene.start, scene.end, float(scene.start_frame), float(scene.end_frame))
    first, last = round(start * rate), round(end * rate)
    return replace(
        scene, start=start, end=end, start_frame=first, end_frame=last, captions=cues, span=found if own else ()
    )


def _line(mapping: CommentedMap, key: Any) -> int:
    """The line, from 1, on which a key stands; merged keys have none of their own."""
    try:
        return mapping.lc.key(key)[0] + 1
    except (KeyError, AttributeError, TypeError):
        return 1


def _brief(value: Any) -> str:
    text = repr(str(value) if isinstance(value, str) else value)
    return text if len(text) <= 60 else text[:57] + "..."
