"""The look of a series: the choices that stay alike over all scenes and episodes, read from a `style.toml`.

Everything in it is the user's; nothing is added to it anywhere.

    palette = "muted palette"            # also: style, setting, shot_type, camera_angle, lens, lighting, negative
    style = "outlined illustration"
    banned = ["skull", "bomb"]           # never drawn, and named as unwanted to models that listen to that

    [characters]                         # recurring: whenever a scene tells of the left, the right is in its picture
    customer = "dog"
"""

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from models.errors import InputError
from models.prompt import CONTROLS, PALETTES, SETTINGS, STYLES

#: Bytes of a style file; one that is larger is something else.
MOST_BYTES = 100_000
#: Characters of a value: a phrase, not a page.
MOST_CHARACTERS = 200


@dataclass(frozen=True)
class Character:
    """Somebody or something that a series draws the same way each time."""

    who: str  # as the talk says it: "customer"
    drawn: str  # what stands for it: "dog"


@dataclass(frozen=True)
class Look:
    """The user's choices for all pictures of a series; empty text leaves a control to the rules."""

    palette: str = PALETTES[0]
    style: str = STYLES[0]
    setting: str = ""
    shot_type: str = ""
    camera_angle: str = ""
    lens: str = ""
    lighting: str = ""
    negative: str = ""  # what must not appear
    banned: tuple[str, ...] = ()  # words that nothing drawn may be named by
    characters: tuple[Character, ...] = ()


_TEXTS = tuple(field.name for field in fields(Look) if field.name not in ("banned", "characters"))
_KEYS = (*_TEXTS, "banned", "characters")


def read_look(path: Path, embedded: bool) -> Look:
    """The look of a style file; InputError names what is wrong.

    `embedded`: only the words that the embedded model knows are allowed.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"style file {path} has {path.stat().st_size} bytes, {MOST_BYTES} are allowed")
        values = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"style file {path}: {error.strerror}; give a .toml file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"style file {path} is not TOML: {error}") from None
    try:
        return make_look(values, embedded)
    except InputError as error:
        raise InputError(f"style file {path}: {error}") from None


def make_look(values: dict[str, Any], embedded: bool) -> Look:
    """The look of a table of values."""
    if unknown := sorted(set(values) - set(_KEYS)):
        raise InputError(f"unknown key {', '.join(unknown)}; known are {', '.join(_KEYS)}")
    texts = {name: _text(name, values[name]) for name in _TEXTS if name in values}
    if embedded:
        _check_words(texts)
    banned, characters = values.get("banned", []), values.get("characters", {})
    if not isinstance(banned, list):
        raise InputError(f"banned is {banned!r}, should be a list of words")
    if not isinstance(characters, dict):
        raise InputError(f"characters is {characters!r}, should be a table of who = what is drawn")
    return Look(
        **texts,
        banned=tuple(_text("banned", word).lower() for word in banned),
        characters=tuple(Character(who.lower(), _text(f"characters.{who}", what)) for who, what in characters.items()),
    )


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > MOST_CHARACTERS or (name == "banned" and not value.strip()):
        raise InputError(f"{name} is {str(value)[:60]!r}, should be a text of at most {MOST_CHARACTERS} characters")
    return " ".join(value.split())


def _check_words(texts: dict[str, str]) -> None:
    for name, words in {**CONTROLS, "setting": SETTINGS}.items():
        if texts.get(name) and texts[name] not in words:
            raise InputError(f"{name} is {texts[name]!r}; the embedded model knows {', '.join(words)}")
