"""`broll library`: all videos of an output folder, searched and shown on one page."""

import json
from datetime import date
from typing import Any

import click


@click.group()
@click.option("--out", default="out", show_default=True, help="The folder that holds the videos' folders.")
@click.pass_context
def library(ctx: click.Context, out: str) -> None:
    """Search all videos of an output folder, or write the page over them."""
    ctx.obj = out


@library.command("search")
@click.argument("words", nargs=-1)
@click.option("--subject", default="", help="Only scenes whose picture shows this.")
@click.option("--style", default="", help="Only scenes drawn in this style.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Only videos worked on that day or later.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else there.")
@click.pass_obj
def library_search(out: str, words: tuple[str, ...], as_json: bool, **given: Any) -> int:
    """Find the scenes in which all WORDS were said or drawn; beginnings of words count."""
    from dataclasses import asdict
    from pathlib import Path

    from tasks.library import Wish, list_notes, open_library, search

    day: date | None = given["since"].date() if given["since"] else None
    with open_library(Path(out)) as opened:
        found = search(opened, Wish(words, given["subject"], given["style"], day))
        notes = list_notes(opened)
    for note in notes:
        click.echo(f"broll: {note}", err=True)
    if as_json:
        click.echo(json.dumps({"found": [asdict(entry) for entry in found]}, indent=2, ensure_ascii=False))
        return 0
    for entry in found:
        click.echo(format_entry(out, entry))
    click.echo(f"{len(found)} scene{'s' * (len(found) != 1)} found", err=True)
    return 0


@library.command("index")
@click.pass_obj
def library_index(out: str) -> int:
    """Write the page over all videos and print where it is."""
    from pathlib import Path

    from tasks.library_page import write_index

    click.echo(str(write_index(Path(out)).absolute()))
    return 0


def format_entry(out: str, entry: Any) -> str:
    """`out/talk/index.html#scene-3  0:43  clock: The clock also gave us ...`, in one line whatever was said."""
    from tasks.pages import format_clock, show_plain

    text = f"{entry.core or entry.id}: {entry.gist}" if entry.gist else entry.core or entry.id
    place = f"{out.rstrip('/')}/{entry.folder}/index.html#scene-{entry.number}"
    return f"{show_plain(place)}  {format_clock(entry.start)}  {' '.join(show_plain(text).split())}"
