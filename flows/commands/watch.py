"""`broll watch DIR`: an inbox whose videos are illustrated as they arrive."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import click

from flows.parameters import LANGUAGE, SCENES, drawing_options, make_options
from models.errors import InputError

FAILED, PAUSED, ENDED = 3, 2, 130  # exit codes: two of --once, one for Ctrl-C and SIGTERM


@click.command()
@click.argument("folder", metavar="DIR")
@click.option("--out", default="out", show_default=True, help="Where the videos' folders are made.")
@click.option("--once", is_flag=True, help="One round, then end: 3 where a video failed, 2 where the disk is full.")
@click.option("--interval", type=click.FloatRange(1, 86400), default=30, show_default=True, help="s between rounds.")
@click.option("--settle", type=click.FloatRange(0, 3600), default=10, show_default=True, help="s of unchanged size.")
@click.option("--retry", is_flag=True, help="Try what was set aside once more.")
@click.option("--profile", help="A set of models: a name or a .toml file. [default: embedded]")
@click.option("--language", type=LANGUAGE, help="Captions wanted where there are several. [default: en]")
@click.option("--style-file", help="The look of a series: a style.toml; the videos are done anew when it changes.")
@click.option("--scenes", type=SCENES, help="How many scenes. [default: auto]")
@click.option("--density", type=click.FloatRange(0, 1), help="Share of the video under pictures. [default: 0.25]")
@drawing_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a round on stdout and nothing else there.")
def watch(
    folder: str, once: bool, interval: float, settle: float, retry: bool, as_json: bool, **given: Any
) -> int:  # fmt: skip
    """Illustrate the videos in DIR, at any depth, as they arrive; each once, until it or the settings change."""
    given["out"] = os.path.abspath(given["out"])
    check_inbox(folder, given["out"])
    options = make_options(given)
    from flows import interrupt
    from flows.environment import orchestration
    from flows.report import show_progress

    interrupt.listen(terminate=True)
    try:
        with orchestration(), show_progress(quiet=as_json) as (report, tell):
            from flows.desks import REPORT, TELL
            from flows.inbox import go_once, open_watch
            from tasks.ledger import forgive
            from tasks.watch import go_round

            REPORT.set(report)
            TELL.set(tell)
            if retry and (count := forgive(options_out(options))):
                tell(f"{count} set aside before, to be tried once more")
            watched = open_watch(folder, options, min(settle, interval) if not once else settle, tell)
            if once:
                return finish(go_once(watched), as_json, tell)
            tell(f"watching {os.path.abspath(folder)} every {interval:g} s; Ctrl-C ends it")
            while True:
                show_round(go_round(watched), as_json, tell)
                time.sleep(interval)
    except (KeyboardInterrupt, Exception):
        if not interrupt.asked():  # Prefect may stumble over Ctrl-C and raise something of its own
            raise
        click.echo("broll: ended; what is finished is kept, the next watch goes on", err=True)
        return ENDED


def options_out(options: Any) -> Any:
    """The output folder as a path."""
    from pathlib import Path

    return Path(options.out)


def check_inbox(folder: str, out: str) -> None:
    """InputError where there is nothing to watch, or where it would watch its own results."""
    if not os.path.isdir(folder):
        raise InputError(f"{folder!r} is no folder: give the folder that videos arrive in")
    if os.path.realpath(folder) == os.path.realpath(out):
        raise InputError(f"--out {out!r} is the inbox itself: choose another folder for the results")


def finish(found: Any, as_json: bool, tell: Callable[[str], None]) -> int:
    """Show the one round; the exit code."""
    show_round(found, as_json, tell)
    tell(
        f"{len(found.done)} done, {found.unchanged} done before, {len(found.failed)} failed, {len(found.aside)} set "
        f"aside, {found.waiting} waiting, {found.growing} still growing"
    )
    return PAUSED if found.paused else FAILED if found.failed or found.aside else 0


def show_round(found: Any, as_json: bool, tell: Callable[[str], None]) -> None:
    """One JSON object a round, or a line where something holds the work up; the rest was told as it happened."""
    if as_json:
        click.echo(json.dumps(asdict(found)))  # ASCII: names may be no UTF-8
    if found.paused:
        tell(f"paused: {found.paused}")
