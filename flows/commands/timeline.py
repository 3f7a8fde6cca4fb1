"""`broll timeline DIR`: the timelines of a folder written anew, without a model or Prefect."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("folder", metavar="DIR")
@click.option("--start-timecode", "start", metavar="TC", help="First frame's label: 10:00:00:00, 10000000, or auto.")
@click.option("--drop-frame/--non-drop-frame", "drop", default=None, help="Labels at 29.97 and 59.94. [default: as TC]")
@click.option("--media", type=click.Choice(["absolute", "relative"]), help="Paths of the media. [default: absolute]")
@click.option(
    "--map", "maps", multiple=True, metavar="A=B", help="Folder A is called B where it is edited; repeatable."
)
@click.option("--runners-up/--no-runners-up", default=None, help="Second-best pictures on track 3, disabled.")
@click.option(
    "--bundle-source/--no-bundle-source", "bundle", default=None, help="Video in the .otioz. [default: to 1 GB]"
)
@click.option("--reset", is_flag=True, help="Forget what was chosen before.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else there.")
def timeline(folder: str, reset: bool, as_json: bool, **given: Any) -> int:
    """Write the timelines of DIR anew; what is chosen here holds for later runs, too."""
    from tasks.folder import list_files, reopen_folder, save_board
    from tasks.storyboard import from_plain
    from tasks.timeline.choices import Choices
    from tasks.timeline.edit import build_timeline
    from tasks.timeline.files import write_timelines

    with reopen_folder(Path(folder)) as (given_place, board):
        before = from_plain(Choices, board.settings.get("timeline", {}), "settings.timeline")
        choices = choose(Choices() if reset else before, given)
        place = given_place.absolute()
        build_timeline(place, board, choices)  # what does not fit the video is refused before anything is written
        if board.settings and choices != before:
            save_board(place, replace(board, settings={**board.settings, "timeline": asdict(choices)}))
        notes = write_timelines(place, board, choices)
        files = [name for name in list_files(place) if name.startswith("timelines/")]
    report(place, choices, files, notes, as_json)
    return 0


def choose(before: Any, given: dict[str, Any]) -> Any:
    """The choices with those that were given in place of the old ones; `auto` takes a start time code back."""
    fresh = {name: value for name, value in given.items() if value is not None and value != ()}
    if fresh.get("start") == "auto":
        fresh["start"] = ""
    return replace(before, **fresh)


def report(folder: Path, choices: Any, files: list[str], notes: tuple[str, ...], as_json: bool) -> None:
    """One JSON object on stdout, or the files there and notes on stderr."""
    if as_json:
        import json

        facts = {"folder": str(folder), "choices": asdict(choices), "files": files, "notes": notes}
        click.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    for note in notes:
        click.echo(f"note  {note}", err=True)
    for name in files:
        click.echo(str(folder / name))
