"""The command line. Only light modules are imported here: `--help` and usage errors answer at once."""

import errno
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import click

from flows.commands.bench import bench
from flows.commands.calibrate import calibrate
from flows.commands.editing import redo, undo
from flows.commands.inspecting import inspect
from flows.commands.library import library
from flows.commands.preview import preview
from flows.commands.sampler_report import sampler_report
from flows.commands.timeline import timeline
from flows.commands.watch import watch
from flows.parameters import FILE, drawing_options, make_options, planning_options
from models.errors import BrollError, InputError

INTERRUPTED, FAILED_SCENES, BAD_INPUT = 130, 3, 2


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="broll", prog_name="broll", message="%(prog)s %(version)s")
def cli() -> None:
    """New illustrations for what is said in a video, drawn here and placed on its timeline."""


@cli.command()
@click.argument("video")
@planning_options
@drawing_options
def illustrate(video: str, as_json: bool, **given: Any) -> int:
    """Turn VIDEO into a folder of new illustrations."""
    path = check_video(video)
    return run_flow("illustrate", as_json, path, path, make_options(given))


@cli.command()
@click.argument("video")
@planning_options
def storyboard(video: str, as_json: bool, **given: Any) -> int:
    """Do everything up to the prompts for VIDEO and draw nothing."""
    path = check_video(video)
    return run_flow("storyboard", as_json, path, path, make_options(given))


@cli.command()
@click.argument("folder", metavar="DIR")
@click.option("--video", default="", help="The video; it must be the one that DIR was made from.")
@click.option("--density", type=click.FloatRange(0, 1), help="Share of the video under pictures.")
@click.option("--cover-slides/--keep-slides", "cover_slides", default=None, help="May pictures cover slides?")
@drawing_options
@click.option(
    "--edits", "marks", type=FILE, default="", help="Marks exported by the gallery, put into storyboard.yaml."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be done and how long it takes.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else there.")
def render(folder: str, video: str, marks: str, dry_run: bool, as_json: bool, **given: Any) -> int:
    """Do what storyboard.yaml in DIR asks for: draw what changed or is missing, keep all else."""
    from flows.outlook import tell_outlook

    path, options = check_video(video) if video else "", make_options(given)
    tell_outlook(folder, options, marks, as_json and dry_run, silent=as_json and not dry_run)
    return 0 if dry_run else run_flow("render", as_json, path, folder, options, path, marks)


for command in (bench, calibrate, inspect, library, preview, redo, sampler_report, timeline, undo, watch):
    cli.add_command(command)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else there.")
def doctor(as_json: bool) -> int:
    """Tell what is installed, which devices and weights are there, and what is missing."""
    from flows.doctor import print_findings

    return print_findings(as_json)


@cli.group()
def models() -> None:
    """List or fetch the models of the profiles."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else there.")
def models_list(as_json: bool) -> int:
    """Name every profile with its models, licences and what is cached."""
    from flows.doctor import print_models

    return print_models(as_json)


@models.command("fetch")
@click.argument("profile", default="embedded")
def models_fetch(profile: str) -> int:
    """Fetch all that PROFILE needs into the cache."""
    from flows.environment import prepare_orchestration
    from models.profiles import load_profile
    from models.registry import fetch_profile

    fetch_profile(load_profile(profile), lambda text: click.echo(text, err=True))
    prepare_orchestration()
    return 0


def check_video(path: str) -> str:
    """The absolute path of a file that is there; the rest is for the probe to say."""
    if not os.path.exists(path):
        raise InputError(f"{path!r} does not exist: give the path of a video file")
    if not os.path.isfile(path):
        raise InputError(f"{path!r} is not a file: give the path of a video file")
    return os.path.abspath(path)


def run_flow(name: str, as_json: bool, video: str, *arguments: Any) -> int:
    """Run a flow of `flows.illustrate` on `video` ("" for none) and show what came of it; the exit code."""
    began = time.perf_counter()
    from flows import interrupt
    from flows.early import probe_early
    from flows.environment import orchestration
    from flows.report import print_outcome, show_progress

    interrupt.listen()
    try:
        with orchestration(lambda: video and probe_early(video)), show_progress(quiet=as_json) as (report, tell):
            from flows import illustrate as flows
            from flows.desks import REPORT, TELL

            REPORT.set(report)
            TELL.set(tell)
            outcome = getattr(flows, name)(*arguments)
            interrupt.check()
    except (KeyboardInterrupt, Exception):  # here, for click would add an empty line of its own
        if not interrupt.asked():  # Prefect may stumble over Ctrl-C and raise something of its own
            raise
        return _say("interrupted; what is finished is kept, run it again to go on", INTERRUPTED)
    print_outcome(outcome, time.perf_counter() - began, as_json)
    return FAILED_SCENES if outcome.failed else 0


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 2 bad input or usage, 3 some scenes failed, 130 interrupted."""
    sys.exit(guard(lambda: cli.main(arguments, prog_name="broll", standalone_mode=False)))


def guard(command: Callable[[], Any]) -> int:
    """The exit code of a command; what a user may meet becomes one line on stderr."""
    try:
        return command() or 0
    except (click.exceptions.Abort, KeyboardInterrupt):
        return _say("interrupted", INTERRUPTED)
    except click.ClickException as error:
        return _say(f"{error.format_message()} (see broll --help)", BAD_INPUT)
    except BrollError as error:
        return _say(str(error), error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads on: say nothing more
        return 0
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM):
            raise
        return _say(f"{error.strerror}: {error.filename or 'the output folder'}; make room or choose another --out", 2)


def _say(message: str, code: int) -> int:
    print("broll: " + " ".join(message.split()), file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
