"""Calibrating: one model, scheduler, step count and guidance -> the weights that bring its bands' energies right.

A solver's coarse steps leave other energies in the wavelet bands than the same model's fine steps do. Step after
step, each band's landing is scaled along the noise direction so that its mean energy, over a population of seeds and
prompts, becomes that of the fine run. Each step is fitted on states that the earlier corrections have already
changed. No images are needed, and guidance is part of what is measured. What was fitted must then pass
the gate on other seeds and prompts, else the calibration says that it is off, and why.

Finished parts lie in the work folder, so a run that was killed goes on where it was.
"""

import hashlib
import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from models.diffusion.bands import Bands, Transform
from models.diffusion.charts import Line, draw_chart, draw_charts
from models.diffusion.coefficients import Table, format_table, read_table
from models.diffusion.energy import BANDS, Leverage, band_energies, shrunk_match
from models.diffusion.gate import Held, Verdict, judge_held
from models.diffusion.rendezvous import Rendezvous
from models.diffusion.request import DrawRequest
from models.diffusion.schedulers import Seen
from models.diffusion.support import find_site
from models.diffusion.trials import (
    FIRST_HELD,
    FIRST_SEED,
    Effort,
    Job,
    Population,
    batches,
    level_energy,
    log_snr,
    make_requests,
    run_batch,
)
from models.errors import InputError

#: What is tried in turn where the gate does not open: the whole correction, half, a quarter.
SHARES = (1.0, 0.5, 0.25)

#: Classes that draw fresh noise at each step; the solvers among them are known by their algorithm's name.
STOCHASTIC = ("DDPMScheduler", "DDPMParallelScheduler", "EulerAncestralDiscreteScheduler", "SASolverScheduler")


@dataclass(frozen=True)
class Calibration:
    """What came of it."""

    table: Table
    measured: dict[str, Any]  # plain: the gate's figures, the energy gap by band and step, the effort


def count_evaluations(job: Job) -> int:
    """Passes through the network for one picture each, guidance included; the gate is taken to open at once."""
    effort, steps = job.effort, job.settings.steps
    coarse = steps * (effort.seeds + 2 * effort.held_out)
    fine = job.fine_steps * (effort.seeds + effort.held_out)
    return (coarse + fine) * (2 if job.settings.guidance > 1 else 1)


def estimate_seconds(job: Job) -> float:
    """Seconds that the whole calibration will take, from one short run."""
    requests = make_requests(replace(job.settings, steps=2), job.batch, FIRST_SEED)
    job.drawer.sample(requests[:1])  # the first run pays for what is done once
    began = time.perf_counter()
    job.drawer.sample(requests)
    passes = 2 * len(requests) * (2 if job.settings.guidance > 1 else 1)
    return (time.perf_counter() - began) / passes * count_evaluations(job)


def calibrate(job: Job) -> Calibration:
    """Measure, fit, judge. SceneError where the model gives NaN or Inf."""
    job.folder.mkdir(parents=True, exist_ok=True)
    fitted = make_requests(job.settings, job.effort.seeds, FIRST_SEED)
    held = make_requests(job.settings, job.effort.held_out, FIRST_HELD)
    references = [run_batch(job, "fine for fitting", chunk, None, fine=True) for chunk in batches(job, fitted)]
    table = _kept_fit(job, fitted, references)
    fine = Population([run_batch(job, "fine, held out", chunk, None, fine=True) for chunk in batches(job, held)])
    off = Population([run_batch(job, "uncorrected, held out", chunk, None) for chunk in batches(job, held)])
    baseline, reference = off.held_against(fine), fine.held_against(fine)
    for share in SHARES:
        tried = replace(table, bands=tuple(_scaled(bands, share) for bands in table.bands))
        if not any(tried.bands):
            verdict = Verdict("no band is off by more than its uncertainty", {})
            return _conclude(job, tried, verdict, baseline, baseline, share)
        name = f"corrected by {share:g}, held out"
        on = Population([run_batch(job, name, chunk, tried) for chunk in batches(job, held)]).held_against(fine)
        verdict = judge_held(baseline, on, reference)
        job.report(f"{name}: {verdict.reason or 'let through'}")
        if not verdict.reason:
            break
    return _conclude(job, tried, verdict, baseline, on, share)


def _conclude(job: Job, table: Table, verdict: Verdict, off: Held, on: Held, share: float) -> Calibration:
    """The calibration, without weights where the gate stayed shut; the curves are kept either way."""
    measured = {
        "effort": asdict(job.effort),
        "share": share,
        "figures": {name: round(value, 6) for name, value in verdict.figures.items()},
        "gap": {
            when: {band: np.round(held.energies[:, k].mean(1) - 1, 6).tolist() for k, band in enumerate(BANDS)}
            for when, held in (("before", off), ("after", on))
        },
        "fitted": {band: [getattr(bands, at) for bands in table.bands] for band, at in (("low", "ll"), ("high", "hh"))},
    }
    if verdict.reason:
        table = replace(table, bands=(Bands(),) * len(table.bands), reason=verdict.reason)
    return Calibration(table, measured)


def _scaled(bands: Bands, share: float) -> Bands:
    low, high = (round(share * weight, 7) for weight in (bands.ll, bands.hh))
    return Bands(low, high, high, high)


# --- the fit ----------------------------------------------------------------------------------------------------


def _kept_fit(job: Job, requests: Sequence[DrawRequest], references: Sequence[dict]) -> Table:
    """`fit`, or what an earlier run's came to."""
    path = job.folder / "fit.json"
    if path.exists():
        return replace(read_table(path), name=Table.name)
    table = fit(job, requests, Population(references))
    path.with_suffix(".part").write_text(format_table(table), "utf-8")
    path.with_suffix(".part").replace(path)
    return table


def fit(job: Job, requests: Sequence[DrawRequest], reference: Population) -> Table:
    """The weights, step after step, each from all the pictures' states after the steps before."""
    rng, chunks = np.random.default_rng(0), batches(job, requests)
    starts: dict[int, float] = {}
    chosen: dict[int, Bands] = {}

    def settle(brought: list[tuple[Seen, list[Leverage]]]) -> Bands:
        seen = brought[0][0]
        wanted = reference.energies_at(np.array([log_snr(seen)]))[0] * level_energy(seen)
        weights = [_weight(job, [own[k] for _, own in brought], wanted[k], rng) for k in range(len(BANDS))]
        chosen[seen.index] = Bands(weights[0], *[weights[1]] * 3)
        job.report(
            f"fitting: step {seen.index + 1} of {job.settings.steps}, low {weights[0]:+.4f}, high {weights[1]:+.4f}"
        )
        return chosen[seen.index]

    meeting: Rendezvous[Bands] = Rendezvous(len(chunks), settle)

    def sample(party: int) -> None:
        def observe(seen: Seen) -> Bands | None:
            starts[seen.index] = seen.level.start
            if not seen.acts:
                return None
            own = band_energies(seen.landed, job.transform, job.layout)
            return meeting.meet(
                party,
                (seen, [Leverage.of(seen.landed, seen.effect(b), e) for b, e in zip(BANDS.values(), own, strict=True)]),
            )

        job.drawer.sample(chunks[party], job.untouched, observe)

    meeting.run([partial(sample, party) for party in range(len(chunks))])
    steps = range(max(starts) + 1)
    return Table(
        tuple(chosen.get(step, Bands()) for step in steps),
        tuple(starts[step] for step in steps),
        job.transform,
        "noise",
        tuple(sorted(job.key.items())),
    )


def _weight(job: Job, leverages: Sequence[Leverage], wanted: np.ndarray, rng: np.random.Generator) -> float:
    """One band's weight at one step."""
    if np.isnan(wanted).any():  # the fine run has no landing near this level
        return 0.0
    joined = Leverage(
        *(np.concatenate([getattr(one, name) for one in leverages]) for name in ("own", "cross", "effect"))
    )
    weight, error = shrunk_match(joined, wanted, job.effort.largest, rng)
    return math.copysign(max(0.0, abs(weight) - job.effort.caution * error), weight)


def work_folder(root: Path, job_key: dict[str, str], effort: Effort, transform: Transform) -> Path:
    """Where the finished parts of exactly this calibration lie."""
    text = json.dumps([job_key, asdict(effort), asdict(transform)], sort_keys=True)
    return root / hashlib.sha256(text.encode()).hexdigest()[:16]


def check_scheduler(scheduler: Any) -> None:
    """InputError where a scheduler cannot be calibrated: not corrected at all, or drawing fresh noise at each step."""
    find_site(scheduler)
    name = type(scheduler).__name__
    if name in STOCHASTIC or str(scheduler.config.get("algorithm_type", "")).startswith("sde"):
        raise InputError(
            f"scheduler {name} draws fresh noise at each step, so that its fine run is another process: "
            "calibrate a deterministic one, as FlowMatchEuler, DDIM, Euler or DPMSolverMultistep"
        )


def plot_calibration(calibration: Calibration) -> str:
    """SVG: the gap of each band's energy over the steps, before and after, and the weights."""
    gap, fitted = calibration.measured["gap"], calibration.measured["fitted"]
    steps = list(range(1, len(next(iter(gap["before"].values()))) + 1))
    lines = [
        Line(f"{band} {when}", gap[when][band], when == "before", place)
        for place, band in enumerate(BANDS)
        for when in ("before", "after")
    ]
    weights = [Line(band, fitted[band][: len(steps)]) for band in BANDS]
    held = "Energy against the fine run, held-out seeds"
    state = "not in use" if calibration.table.reason else "in use"
    return draw_charts(
        [draw_chart(held, "step", steps, lines, percent=True), draw_chart(f"Weights ({state})", "step", steps, weights)]
    )
