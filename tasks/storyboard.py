"""The storyboard as text: JSON to records and back, its JSON Schema, and digests of what things depend on.

`parse_storyboard(format_storyboard(board)) == board` for every board. The names in the file are the records'
own, but for a placement's times, which an editor calls `in` and `out`.
"""

import hashlib
import inspect
import json
import math
import re
import types
import typing
from dataclasses import MISSING, fields, is_dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from models.errors import InputError
from tasks.records import STORYBOARD_VERSION, Edit, Placement, Storyboard

SCHEMA_PATH = Path(__file__).with_name("storyboard.schema.json")

#: A record's field -> its name in the file.
FILE_NAMES: dict[type, dict[str, str]] = {
    Placement: {"start": "in", "end": "out", "start_frame": "in_frame", "end_frame": "out_frame"},
    Edit: {"first": "in", "last": "out"},
}
_JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", dict: "object"}


def format_storyboard(board: Storyboard) -> str:
    """JSON text, UTF-8 characters kept, two spaces a level, a line feed at the end."""
    return json.dumps(to_plain(board), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def parse_storyboard(text: str) -> Storyboard:
    """Read a storyboard; InputError names the field, the value got and what is allowed."""
    try:
        data = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InputError(f"storyboard is not valid JSON: {error}") from None
    version = data.get("version") if isinstance(data, dict) else None
    if version != STORYBOARD_VERSION:
        raise InputError(
            f"storyboard has version {version!r}, this program reads {STORYBOARD_VERSION}: "
            "use the program that wrote it, or another --out"
        )
    return from_plain(Storyboard, data, "")


def read_storyboard(path: Path) -> Storyboard:
    """Read `storyboard.json`; InputError names the file as well."""
    try:
        return parse_storyboard(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8 text: restore it or remove it") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def digest_of(*parts: Any) -> str:
    """sha256 (hex) of records, paths' texts, numbers and texts: the same parts give the same digest anywhere."""
    text = json.dumps([to_plain(part) for part in parts], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def to_plain(value: Any) -> Any:
    """A record as dicts, lists, texts and numbers; a rate as `"30000/1001"`."""
    if is_dataclass(value) and not isinstance(value, type):
        names = FILE_NAMES.get(type(value), {})
        return {names.get(f.name, f.name): to_plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_plain(item) for item in value]
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    if isinstance(value, Path):
        return str(value)
    return value


def from_plain(kind: Any, data: Any, where: str) -> Any:
    """The inverse of `to_plain` for an annotated type; `where` is the field's path for the error."""
    if is_dataclass(kind):
        return _read_record(kind, data, where)
    arguments = typing.get_args(kind)
    if isinstance(kind, types.UnionType):
        return None if data is None else from_plain(arguments[0], data, where)
    if typing.get_origin(kind) is tuple:
        items = _expect(list, data, where)
        return tuple(from_plain(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(items))
    if kind is Fraction:
        return _read_fraction(data, where)
    return _expect(kind, data, where)


def _read_record(kind: Any, data: Any, where: str) -> Any:
    data = _expect(dict, data, where or "storyboard")
    hints, names = _hints(kind), FILE_NAMES.get(kind, {})
    known = {names.get(f.name, f.name): f for f in fields(kind)}
    for name in data:
        if name not in known:
            raise InputError(f"unknown field {_join(where, name)}: allowed are {', '.join(known)}")
    for name, field in known.items():
        if name not in data and field.default is MISSING and field.default_factory is MISSING:
            raise InputError(f"field {_join(where, name)} is missing")
    return kind(**{known[n].name: from_plain(hints[known[n].name], v, _join(where, n)) for n, v in data.items()})


def _expect(kind: type, data: Any, where: str) -> Any:
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        data = float(data)
    if not isinstance(data, kind) or (isinstance(data, bool) and kind is not bool):
        wanted = "array" if kind is list else _JSON_TYPES[kind]
        raise InputError(f"field {where}: expected {wanted}, got {_brief(data)}")
    if isinstance(data, float) and not math.isfinite(data):
        raise InputError(f"field {where}: expected a finite number, got {data}")
    return data


def _read_fraction(data: Any, where: str) -> Fraction:
    match = re.fullmatch(r"(\d{1,12})/(\d{1,12})", data) if isinstance(data, str) else None
    if not match or int(match[2]) == 0:
        raise InputError(f'field {where}: expected a rate such as "30000/1001", got {_brief(data)}')
    return Fraction(int(match[1]), int(match[2]))


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")


def _brief(data: Any) -> str:
    text = repr(data)
    return text if len(text) <= 60 else text[:57] + "..."


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


# --- JSON Schema -------------------------------------------------------------------------------------------------


def storyboard_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) made from the records; their comments are its descriptions.

    `storyboard.schema.json` beside this file is its output; a test holds the two together.
    """
    definitions: dict[str, Any] = {}
    reference = _describe_type(Storyboard, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "storyboard.json",
        **reference,
        "$defs": definitions,
    }


def _describe_type(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if is_dataclass(kind):
        name = typing.cast(type, kind).__name__
        if name not in definitions:
            definitions[name] = {}
            definitions[name] = _describe_record(kind, definitions)
        return {"$ref": f"#/$defs/{name}"}
    if isinstance(kind, types.UnionType):
        return {"anyOf": [_describe_type(typing.get_args(kind)[0], definitions), {"type": "null"}]}
    if typing.get_origin(kind) is tuple:
        return {"type": "array", "items": _describe_type(typing.get_args(kind)[0], definitions)}
    if kind is Fraction:
        return {"type": "string", "pattern": "^[0-9]{1,12}/[0-9]{1,12}$"}
    return {"type": _JSON_TYPES[kind]}


def _describe_record(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    hints, names = _hints(kind), FILE_NAMES.get(kind, {})
    comments = dict(re.findall(r"^    (\w+): [^#\n]*#\s*(.+)$", inspect.getsource(kind), re.MULTILINE))
    properties, required = {}, []
    for field in fields(kind):
        name = names.get(field.name, field.name)
        properties[name] = _describe_type(hints[field.name], definitions)
        if field.name in comments:
            properties[name]["description"] = comments[field.name]
        if field.default is MISSING and field.default_factory is MISSING:
            required.append(name)
    if kind is Storyboard:
        properties["version"] = {"const": STORYBOARD_VERSION}
        required.append("version")
    summary = (kind.__doc__ or "").strip().split("\n")[0]
    return {
        "type": "object",
        "description": summary,
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
