"""Profiles: a set of models with its defaults, read from `profiles.toml` or a user's own file. Torch-free."""

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from models.errors import InputError

PROFILES = Path(__file__).with_name("profiles.toml")
EMBEDDED = "embedded"  # as `drawing`: the illustrator of this repository
DTYPES = ("auto", "float32", "bfloat16", "float16")  # "auto": the fastest that the processor has units for
SCHEDULERS = ("FlowMatchEuler", "DDIM", "Euler")


@dataclass(frozen=True)
class Profile:
    """One set of models. A model is `EMBEDDED`, a weight's name, a local folder or a Hub id; "" is none."""

    name: str
    description: str
    tried: bool  # whether this project has run it on the real weights
    drawing: str  # the text-to-image pipeline
    revision: str  # of `drawing` on the Hub, "" for the newest
    dtype: str  # one of DTYPES
    scheduler: str  # one of SCHEDULERS
    steps: int  # denoising steps
    guidance: float  # classifier-free guidance scale; 0 and 1 switch it off
    width: int  # px, native size of `drawing`
    height: int  # px
    candidates: int  # pictures drawn for each scene
    licence: str  # of `drawing`
    commercial: bool  # whether that licence allows commercial use
    memory: int  # GB of GPU memory needed, 0 for none
    speech: str  # recogniser, a CTranslate2 Whisper folder
    speech_languages: tuple[str, ...]  # ISO 639-1 tags that `speech` understands
    language: str  # text model
    sentences: str  # sentence vectors
    vision: str  # vision-language model
    vision_revision: str  # of `vision` on the Hub
    ocr: str  # reader of on-screen text: "rapidocr"


#: The fields that name a model, with the field that holds its revision.
MODEL_FIELDS = {"drawing": "revision", "speech": "", "language": "", "sentences": "", "vision": "vision_revision"}


def profile_names() -> tuple[str, ...]:
    """Names of the profiles that come with the program."""
    return tuple(tomllib.loads(PROFILES.read_text("utf-8")))


def load_profile(name_or_file: str = EMBEDDED) -> Profile:
    """The profile of that name, or of a `.toml` file; InputError where there is none or a value cannot be used."""
    if name_or_file.endswith(".toml"):
        return _read_profile(Path(name_or_file))
    table = tomllib.loads(PROFILES.read_text("utf-8"))
    return _make_profile(name_or_file, _inherit(name_or_file, table, ()))


def _read_profile(path: Path) -> Profile:
    try:
        own = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"profile {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"profile {path} is not a TOML file: {error}") from error
    table = tomllib.loads(PROFILES.read_text("utf-8"))
    return _make_profile(path.stem, _inherit(path.stem, {**table, path.stem: own}, ()))


def _inherit(name: str, table: dict[str, dict[str, Any]], seen: tuple[str, ...]) -> dict[str, Any]:
    """The values of profile `name`, with those of its `base` below them."""
    if not isinstance(name, str) or name not in table:
        raise InputError(f"no profile {name!r}: choose {', '.join(profile_names())} or a .toml file")
    if name in seen:
        raise InputError(f"profile {name} is its own base")
    own = table[name]
    below = _inherit(own["base"], table, (*seen, name)) if "base" in own else {}
    return {**below, **{key: value for key, value in own.items() if key != "base"}}


def _make_profile(name: str, values: dict[str, Any]) -> Profile:
    kinds = {field.name: field.type for field in fields(Profile) if field.name != "name"}
    _check_keys(name, set(values), set(kinds))
    return _check_ranges(Profile(name, **{key: _checked(name, key, kinds[key], values[key]) for key in kinds}))


def _check_keys(name: str, given: set[str], known: set[str]) -> None:
    if unknown := sorted(given - known):
        raise InputError(f"profile {name}: unknown key {', '.join(unknown)}; known are {', '.join(sorted(known))}")
    if missing := sorted(known - given):
        raise InputError(f'profile {name} lacks {", ".join(missing)}: give them or `base = "embedded"`')


def _checked(name: str, key: str, kind: Any, value: Any) -> Any:
    """`value` as the field's type; a bool is no number here, an int is a float."""
    if kind == tuple[str, ...] and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is kind:
        return value
    wanted = getattr(kind, "__name__", "list of texts") if kind != tuple[str, ...] else "list of texts"
    raise InputError(f"profile {name}: {key} is {value!r}, should be a {wanted}")


def _check_ranges(profile: Profile) -> Profile:
    checks = {
        "dtype": (profile.dtype in DTYPES, f"one of {', '.join(DTYPES)}"),
        "scheduler": (profile.scheduler in SCHEDULERS, f"one of {', '.join(SCHEDULERS)}"),
        "steps": (1 <= profile.steps <= 1000, "1 to 1000"),
        "guidance": (0 <= profile.guidance <= 100, "0 to 100"),
        "width": (64 <= profile.width <= 4096, "64 to 4096"),
        "height": (64 <= profile.height <= 4096, "64 to 4096"),
        "candidates": (1 <= profile.candidates <= 64, "1 to 64"),
        "drawing": (bool(profile.drawing), "a model"),
        "sentences": (bool(profile.sentences), "a model"),
        "speech_languages": (bool(profile.speech_languages) or not profile.speech, "at least one tag"),
    }
    for key, (fits, allowed) in checks.items():
        if not fits:
            raise InputError(f"profile {profile.name}: {key} is {getattr(profile, key)!r}, should be {allowed}")
    return profile
