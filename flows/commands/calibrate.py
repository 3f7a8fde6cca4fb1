"""`broll calibrate`: measure the correction that fits one model, scheduler, step count and guidance."""

import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from flows.parameters import SIZE


@click.command()
@click.option("--profile", default="embedded", show_default=True, help="A set of models: a name or a .toml file.")
@click.option("--steps", type=click.IntRange(2, 1000), help="Denoising steps. [default: the profile's]")
@click.option("--guidance", type=click.FloatRange(0, 100), help="Guidance scale. [default: the profile's]")
@click.option("--scheduler", default="", help="Scheduler, such as DPMSolverMultistep. [default: the profile's]")
@click.option("--size", type=SIZE, help="Size of the finished pictures. [default: the profile's native size]")
@click.option("--level", type=click.IntRange(1, 6), help="Levels of the Haar transform. [default: 1; embedded 3]")
@click.option("--quick", is_flag=True, help="A first look in minutes; its weights only come out smaller.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder of calibrations. [default: cache]"
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else there.")
def calibrate(profile: str, quick: bool, out: Path | None, as_json: bool, **given: Any) -> int:
    """Measure and correct what the sampler of PROFILE loses in its steps; needs no images. Killed, it resumes."""
    from models.diffusion.calibrate import Calibration, calibrate, count_evaluations, estimate_seconds
    from models.diffusion.draw import own_calibrations
    from models.diffusion.trials import FULL, QUICK

    job = make_job(profile, QUICK if quick else FULL, **given)
    say(f"{count_evaluations(job)} evaluations, about {estimate_seconds(job) / 60:.0f} minutes at this pace; "
        "what is finished is kept")  # fmt: skip
    began = time.perf_counter()
    calibration: Calibration = calibrate(job)
    path = write_calibration(calibration, out or own_calibrations(), file_stem(job))
    summary = {
        "file": str(path),
        "in use": not calibration.table.reason,
        "reason": calibration.table.reason,
        "minutes": round((time.perf_counter() - began) / 60, 1),
        **calibration.measured["figures"],
    }
    if as_json:
        print(json.dumps(summary, indent=2))
    else:
        for name, value in summary.items():
            print(f"{name:34} {value}")
    return 0


def say(text: str) -> None:
    """Progress, on stderr."""
    print(text, file=sys.stderr, flush=True)


def make_job(profile: str, effort: Any, steps: int | None, guidance: float | None, scheduler: str, size, level) -> Any:
    """The calibration that the options name; InputError where the scheduler cannot be calibrated."""
    from models.diffusion.bands import Transform
    from models.diffusion.calibrate import check_scheduler, work_folder
    from models.diffusion.request import DrawRequest
    from models.diffusion.trials import Job
    from models.profiles import EMBEDDED, load_profile
    from models.prompt import Prompt
    from models.registry import drawer
    from models.weights import cache_folder

    chosen = load_profile(profile)
    chosen = replace(chosen, scheduler=scheduler or chosen.scheduler)
    draw = drawer(chosen)
    check_scheduler(draw.loaded.pipe.scheduler)
    width, height = size or (chosen.width, chosen.height)
    guide = chosen.guidance if guidance is None else guidance
    settings = DrawRequest(Prompt(""), 0, width, height, steps or chosen.steps, guide)
    transform = Transform(level=level or (3 if chosen.drawing == EMBEDDED else 1))
    root = cache_folder() / "calibration-parts"
    return Job(
        draw, settings, effort, transform, work_folder(root, draw.calibration_key(settings), effort, transform), say
    )


def file_stem(job: Any) -> str:
    """`embedded-FlowMatchEuler-10-g1-bfloat16`."""
    profile, settings = job.drawer.profile, job.settings
    size = "x".join(str(side) for side in job.drawer.drawn_size(settings))
    return (
        f"{profile.name}-{profile.scheduler}-{settings.steps}-g{settings.guidance:g}-{size}-{job.drawer.loaded.dtype}"
    )


def write_calibration(calibration: Any, folder: Path, stem: str) -> Path:
    """The table as JSON and its curves as SVG, each written whole or not at all; the table's path."""
    from models.diffusion.calibrate import plot_calibration
    from models.diffusion.coefficients import format_table

    folder.mkdir(parents=True, exist_ok=True)
    texts = {".svg": plot_calibration(calibration), ".json": format_table(calibration.table, calibration.measured)}
    for suffix, text in texts.items():
        part = folder / f"{stem}{suffix}.part"
        part.write_text(text, "utf-8")
        part.replace(folder / f"{stem}{suffix}")
    return folder / f"{stem}.json"
