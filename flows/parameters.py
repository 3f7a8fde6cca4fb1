"""The options of the command line: their forms, their limits, and what they come to as one record."""

import os
import re
from collections.abc import Callable
from typing import Any

import click

from models.errors import InputError

SIDES = (64, 4096)  # px that a finished picture's sides may have


class Scenes(click.ParamType):
    """`auto` or a number of scenes; 0 stands for auto."""

    name = "N|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if value == "auto":
            return 0
        if not str(value).isdecimal() or not 1 <= int(value) <= 999:
            self.fail(f"{value!r} is neither auto nor a number from 1 to 999", param, ctx)
        return int(value)


class Size(click.ParamType):
    """`1280x720`: width and height of a finished picture in px."""

    name = "WxH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        sides = str(value).lower().split("x")
        if len(sides) != 2 or not all(side.isdecimal() and SIDES[0] <= int(side) <= SIDES[1] for side in sides):
            self.fail(f"{value!r} is not WxH with sides from {SIDES[0]} to {SIDES[1]}, such as 1280x720", param, ctx)
        return int(sides[0]), int(sides[1])


class Correction(click.ParamType):
    """`auto`, `off`, a calibration file or `MODE:coefficients`; the grammar is `models.diffusion.coefficients`."""

    name = "CORRECTION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value).strip()
        if text == "auto":  # for the drawing model to settle
            return text
        from models.diffusion.coefficients import parse_correction

        try:
            parse_correction(text)
        except InputError as error:
            self.fail(str(error), param, ctx)
        return os.path.abspath(text) if text.endswith(".json") else text


class Language(click.ParamType):
    """A language tag such as `de` or `pt-BR`."""

    name = "TAG"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}", str(value)):
            self.fail(f"{value!r} is no language tag such as en, de or pt-BR", param, ctx)
        return str(value).lower()


class GivenFile(click.ParamType):
    """The absolute path of a file; whether it is there is told by who reads it."""

    name = "FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return os.path.abspath(value) if value else ""


SCENES, SIZE, CORRECTION, LANGUAGE, FILE = Scenes(), Size(), Correction(), Language(), GivenFile()


def _options(*options: Callable) -> Callable:
    def add(command: Callable) -> Callable:
        for option in reversed(options):
            command = option(command)
        return command

    return add


#: What concerns the way from the video to the prompts.
planning_options = _options(
    click.option("--out", default="out", show_default=True, help="Where the video's folder is made."),
    click.option("--captions", help="Captions to use (.vtt, .srt, ...); else beside, inside, or heard."),
    click.option("--language", type=LANGUAGE, help="Captions wanted where there are several: de, pt-BR. [default: en]"),
    click.option("--profile", help="A set of models: a name or a .toml file. [default: embedded]"),
    click.option("--style-file", help="The look of a series: a style.toml. [default: as before, else a neutral look]"),
    click.option("--scenes", type=SCENES, help="How many scenes. [default: auto]"),
    click.option("--cover-slides/--keep-slides", "cover_slides", default=None, help="May pictures cover slides?"),
    click.option("--density", type=click.FloatRange(0, 1), help="Share of the video under pictures. [default: 0.25]"),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else there."),
)

#: What concerns the drawing; what is left out is the storyboard's own, else the profile's.
drawing_options = _options(
    click.option("--candidates", type=click.IntRange(1, 64), help="Pictures drawn for each scene."),
    click.option("--steps", type=click.IntRange(1, 1000), help="Denoising steps of a picture."),
    click.option("--guidance", type=click.FloatRange(0, 100), help="Guidance scale; 0 and 1 switch it off."),
    click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Seed of the run. [default: 0]"),
    click.option("--size", type=SIZE, help="Finished pictures in px. [default: HD in the video's aspect]"),
    click.option("--correction", type=CORRECTION, help="auto, off, FILE.json or MODE:low=x,high=y. [default: auto]"),
)


def make_options(given: dict[str, Any]) -> Any:
    """`tasks.desk.Options` of what was given; imported here because its module brings numpy."""
    captions = given.get("captions")
    if captions is not None and not os.path.isfile(captions):
        raise InputError(f"captions {captions!r} are no file: give a .vtt or .srt file")
    from tasks.desk import Options

    size = given.pop("size", None) or (None, None)
    return Options(**given, width=size[0], height=size[1])
