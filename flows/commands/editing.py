"""`broll redo` and `broll undo`: one picture made anew by hand, and the last change taken back."""

from typing import Any

import click

from flows.parameters import FILE


class Setting(click.ParamType):
    """`palette=vivid`: a field of the prompt and its text."""

    name = "FIELD=TEXT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        field, sign, text = str(value).partition("=")
        if not sign:
            self.fail(f"{value!r} is not FIELD=TEXT, such as lighting=night", param, ctx)
        return field.strip(), text.strip()


class Version(click.ParamType):
    """`2` or `v2`: the number after _v in a picture's name."""

    name = "K"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value).removeprefix("v")
        if not text.isdecimal() or not 1 <= int(text) < 10**6:
            self.fail(f"{value!r} is no picture's version: give the number after _v in its name", param, ctx)
        return int(text)


@click.command()
@click.argument("folder", metavar="DIR")
@click.argument("scene")
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), help="Another seed. [default: the picture's own, or a new one]"
)
@click.option("--set", "changes", type=Setting(), multiple=True, help="Change one part of the prompt; may be repeated.")
@click.option("--sketch", type=FILE, default="", help="A rough painting whose colours are followed.")
@click.option("--photo", type=FILE, default="", help="A picture to start from.")
@click.option("--strength", type=click.FloatRange(0, 1), help="Of photo or sketch. [default: 0.6 or 1]")
@click.option("--mask", type=FILE, default="", help="Redraw only what is white in it.")
@click.option("--from", "base", type=Version(), help="The picture to begin from. [default: the one shown]")
@click.option("--vary", type=Version(), help="Draw picture K again, slightly otherwise.")
@click.option("--amount", type=click.FloatRange(0, 1), default=0.3, show_default=True, help="How far --vary goes.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else there.")
def redo(folder: str, scene: str, changes: tuple[tuple[str, str], ...], as_json: bool, **given: Any) -> int:
    """Draw one picture of SCENE anew; it becomes a candidate and is shown, the others stay.

    Without --seed a changed picture keeps its seed, so that only the change is seen.
    """
    from flows.cli import run_flow
    from flows.redoing import check_redo

    return run_flow("redo", as_json, "", folder, check_redo(folder, scene, changes, given))


@click.command()
@click.argument("folder", metavar="DIR")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else there.")
def undo(folder: str, as_json: bool) -> int:
    """Take the last change of DIR back: its edits and what was chosen. Pictures are never thrown away."""
    from flows.redoing import undo_last

    return undo_last(folder, as_json)
