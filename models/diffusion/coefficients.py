"""Coefficients as data: what to correct, by how much at each step, and the `--correction` option that names it.

    auto | off | FILE.json | MODE[:low=x,high=y][,wavelet=db4][,level=2][,direction=noise][,schedule=constant]

MODE is `low`, `high`, `double` (low and high), `pixel` (scale=x, no transform) or `bands` (ll=,lh=,hl=,hh=). The
published constants are those of one model and one step count and do harm elsewhere, so a mode has no default
coefficient: without one it is an InputError.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.diffusion.bands import HAAR, Bands, Transform
from models.errors import InputError

TABLE_VERSION = 1

#: paper: x' - D.  noise: x' - a'D, which keeps its sign on flow-matching models (see correction.py).
DIRECTIONS = ("paper", "noise")

#: sigma: the published code's, low bands by sigma/sigma_max and high ones by 1 - sigma/sigma_max, sigma that of the
#: step's start (the paper's Eq. 21 prints the high weight otherwise, against its own prose; the code is followed).
#: constant: the same at every step.  early, late: constant in the first or second half of the steps, else 0.
SCHEDULES = ("sigma", "constant", "early", "late")

#: The coefficients that each mode must be given, all of them.
MODES = {
    "pixel": ("scale",),
    "low": ("low",),
    "high": ("high",),
    "double": ("low", "high"),
    "bands": ("ll", "lh", "hl", "hh"),
}

#: Beyond this a band is no longer corrected but replaced (weight -1 removes it wholly); nothing published exceeds 0.1.
LARGEST = 1.0

#: Noise levels of a table and of a run agree to this: the rounding of a float32 schedule, not another schedule's.
SIGMA_TOLERANCE = 1e-5

USAGE = "give auto, off, a calibration FILE.json, or MODE:low=x,high=y as in double:low=0.05,high=0.01"


@dataclass(frozen=True)
class PaperSchedule:
    """One of the paper's modes with constants, which a schedule spreads over the steps (Eqs. 17-21)."""

    mode: str  # one of MODES
    weights: Bands  # the constants by band; pixel has the same in all
    transform: Transform = HAAR
    direction: str = "paper"  # one of DIRECTIONS
    schedule: str = "sigma"  # one of SCHEDULES

    def plan(self, sigmas: Sequence[float]) -> tuple[Bands, ...]:
        """The bands' weights at each step, given the noise level at which each step starts."""
        if self.schedule == "sigma" and self.mode != "pixel":  # Eq. 17's pixel weight is a constant
            largest = max(sigmas, default=0.0) or 1.0
            return tuple(self._scaled(sigma / largest, 1 - sigma / largest) for sigma in sigmas)
        half = math.ceil(len(sigmas) / 2)
        active = {"early": range(half), "late": range(half, len(sigmas))}.get(self.schedule, range(len(sigmas)))
        return tuple(self.weights if step in active else Bands() for step in range(len(sigmas)))

    def _scaled(self, low: float, high: float) -> Bands:
        given = self.weights
        return Bands(given.ll * low, given.lh * high, given.hl * high, given.hh * high)


@dataclass(frozen=True)
class Table:
    """Measured coefficients, bands by steps, valid for the one schedule that they were measured on."""

    bands: tuple[Bands, ...]  # one per step of the scheduler's `timesteps`
    sigmas: tuple[float, ...] = ()  # the noise level at which each step starts; empty: only the count is checked
    transform: Transform = HAAR
    direction: str = "noise"  # one of DIRECTIONS
    key: tuple[tuple[str, str], ...] = ()  # what it was measured on, sorted (name, value) pairs
    name: str = "table"  # for messages: the file's name
    reason: str = ""  # why it has no weights, where its own check on other seeds did not let them through

    def plan(self, sigmas: Sequence[float]) -> tuple[Bands, ...]:
        """The stored weights; InputError where the run's schedule is another: a table never carries over."""
        if len(sigmas) != len(self.bands):
            raise InputError(
                f"calibration {self.name} holds {len(self.bands)} steps, this run has {len(sigmas)}: "
                f"run {len(self.bands)} steps, calibrate for {len(sigmas)}, or use --correction off"
            )
        apart = max((abs(a - b) for a, b in zip(self.sigmas, sigmas, strict=False)), default=0.0)
        if apart > SIGMA_TOLERANCE * max(1.0, *sigmas):
            raise InputError(
                f"calibration {self.name} was measured on another noise schedule (off by up to {apart:.3g}): "
                "calibrate this scheduler and size, or use --correction off"
            )
        return self.bands


Correction = PaperSchedule | Table

#: No weights at any step: what a scheduler that is only observed is armed with.
UNCORRECTED = PaperSchedule("low", Bands(), direction="noise")


def parse_correction(text: str) -> Correction | None:
    """The correction that `--correction` names; None for off. InputError says what is wrong and what is allowed.

    `auto` is not settled here, for it depends on the model at hand: see `Drawer` and `find_calibration`.
    """
    text = text.strip()
    if text == "off":
        return None
    if text == "auto":
        raise InputError(
            "correction auto is the drawer's to settle, for it knows the model: here give off, a file or a mode"
        )
    head = text.partition(":")[0].partition(",")[0]
    if head in MODES:
        return _parse_mode(head, text[len(head) :].lstrip(":,"))
    if text.endswith(".json"):
        return read_table(Path(text))
    raise InputError(f"unknown correction {text!r}: {USAGE}")


def _parse_mode(mode: str, options: str) -> PaperSchedule:
    """`low=0.05,wavelet=db4` of one mode."""
    given = _split_options(mode, options)
    missing = [name for name in MODES[mode] if name not in given]
    if missing:
        example = ",".join(f"{name}=0.02" for name in MODES[mode])
        raise InputError(
            f"correction mode {mode} needs {' and '.join(missing)}: the right values differ by model and step count, "
            f"so there is no default; write {mode}:{example}"
        )
    values = [_parse_coefficient(mode, name, given.pop(name)) for name in MODES[mode]]
    transform = Transform(given.pop("wavelet", "haar"), _parse_level(given.pop("level", "1")))
    return PaperSchedule(
        mode,
        _spread(mode, values),
        transform,
        _choose("direction", given.pop("direction", "paper"), DIRECTIONS),
        _choose("schedule", given.pop("schedule", "sigma"), SCHEDULES),
    )


def _split_options(mode: str, options: str) -> dict[str, str]:
    """`a=1,b=2` as a dictionary of the names that the mode knows."""
    allowed = (*MODES[mode], "wavelet", "level", "direction", "schedule")
    given: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in options.split(","))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or name not in allowed or name in given:
            raise InputError(f"correction mode {mode} cannot use {part!r}: give each of {', '.join(allowed)} once")
        given[name] = value
    return given


def _spread(mode: str, values: list[float]) -> Bands:
    """A mode's coefficients on the four bands."""
    if mode == "bands":
        return Bands(*values)
    low = 0.0 if mode == "high" else values[0]
    high = 0.0 if mode == "low" else values[-1]
    return Bands(low, high, high, high)


def _parse_coefficient(mode: str, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not -LARGEST <= value <= LARGEST:
        raise InputError(f"correction {mode}:{name}={text}: give a number from -{LARGEST:g} to {LARGEST:g}")
    return value


def _parse_level(text: str) -> int:
    if not text.isdecimal():
        raise InputError(f"wavelet level {text!r}: give a whole number from 1 to 6")
    return int(text)


def _choose(what: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise InputError(f"correction {what} {value!r}: give one of {', '.join(allowed)}")
    return value


def read_table(path: Path) -> Table:
    """A calibration from its JSON file; InputError where it is missing, damaged or of another version."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"calibration {path} cannot be read ({error}): {USAGE}") from error
    return parse_table(text, path.name)


def parse_table(text: str, name: str = "table") -> Table:
    """A table from its JSON text, the inverse of `format_table`."""
    try:
        data = json.loads(text)
        if data["kind"] != "broll-calibration" or data["version"] != TABLE_VERSION:
            raise InputError(
                f"calibration {name} is of version {data['version']!r}, this program reads {TABLE_VERSION}: "
                "calibrate again"
            )
        rows = zip(*(data["bands"][band] for band in ("ll", "lh", "hl", "hh")), strict=True)
        return Table(
            tuple(Bands(*row) for row in rows),
            tuple(float(sigma) for sigma in data["sigmas"]),
            Transform(data["wavelet"], data["level"]),
            _choose("direction", data["direction"], DIRECTIONS),
            tuple(sorted((str(key), str(value)) for key, value in data["key"].items())),
            name,
            str(data["reason"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"calibration {name} is damaged ({type(error).__name__}: {error}): calibrate again") from error


def format_table(table: Table, measured: dict[str, Any] | None = None) -> str:
    """A table as JSON text; `parse_table` reads it back equal. measured: what it rests on, kept for people."""
    data = {
        "kind": "broll-calibration",
        "version": TABLE_VERSION,
        "key": dict(table.key),
        "wavelet": table.transform.wavelet,
        "level": table.transform.level,
        "direction": table.direction,
        "reason": table.reason,
        "sigmas": list(table.sigmas),
        "bands": {band: [getattr(bands, band) for bands in table.bands] for band in ("ll", "lh", "hl", "hh")},
    }
    return json.dumps(data | ({"measured": measured} if measured else {}), indent=1) + "\n"


def find_calibration(folders: Sequence[Path], key: dict[str, str]) -> Table | None:
    """The calibration that was measured on exactly `key`, of the first folder that has one; None where none has."""
    wanted = tuple(sorted(key.items()))
    for path in (path for folder in folders for path in sorted(folder.glob("*.json"))):
        table = read_table(path)
        if table.key == wanted:
            return table
    return None
