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
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from models.diffusion.bands import Bands, Transform
from models.diffusion.charts import Line, draw_chart, draw_charts
from models.diffusion.coefficients import PaperSchedule, Table
from models.diffusion.draw import Drawer
from models.diffusion.energy import BANDS, Leverage, band_energies, shrunk_match
from models.diffusion.gate import Held, Verdict, describe, judge_held, measure_levels
from models.diffusion.loading import is_flow
from models.diffusion.rendezvous import Rendezvous
from models.diffusion.request import DrawRequest
from models.diffusion.schedulers import Observer, Seen, layout_of
from models.diffusion.support import find_site
from models.errors import InputError
from models.profiles import EMBEDDED

Report = Callable[[str], None]


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    seeds: int  # pictures that the weights are fitted on
    held_out: int  # other pictures, on which they are judged
    fineness: int  # steps of the reference for each step, each of two evaluations
    largest: float = 0.05  # how far a correction may move a band, as a share of its size
    caution: float = 0.0  # standard errors that a weight is brought nearer to 0 by


FULL = Effort(seeds=32, held_out=64, fineness=3)
#: For a first look: from so few seeds a weight may only come out smaller than the full effort's, by its own error.
QUICK = Effort(seeds=8, held_out=16, fineness=2, caution=1.0)

#: What is tried in turn where the gate does not open: the whole correction, half, a quarter.
SHARES = (1.0, 0.5, 0.25)

#: Classes that draw fresh noise at each step; the solvers among them are known by their algorithm's name.
STOCHASTIC = ("DDPMScheduler", "DDPMParallelScheduler", "EulerAncestralDiscreteScheduler", "SASolverScheduler")

#: Seeds of the two populations; their prompts follow from them.
FIRST_SEED, FIRST_HELD = 10_000_000, 20_000_000


@dataclass(frozen=True)
class Job:
    """One calibration."""

    drawer: Drawer
    settings: DrawRequest  # steps, guidance and size count, not prompt and seed
    effort: Effort
    transform: Transform
    folder: Path  # of finished parts
    report: Report

    @property
    def batch(self) -> int:
        """Pictures in one pass; foreign pipelines take one."""
        return 4 if self.drawer.profile.drawing == EMBEDDED else 1

    @property
    def key(self) -> dict[str, str]:
        return self.drawer.calibration_key(self.settings)

    @property
    def untouched(self) -> PaperSchedule:
        """What an observed run without correction is armed with."""
        return PaperSchedule("low", Bands(), self.transform, "noise")

    @property
    def layout(self) -> str:
        return layout_of(self.drawer.loaded.pipe)

    @property
    def fine_steps(self) -> int:
        return self.effort.fineness * (self.settings.steps - 1) + 1


@dataclass(frozen=True)
class Calibration:
    """What came of it."""

    table: Table
    measured: dict[str, Any]  # plain: the gate's figures, the energy gap by band and step, the effort


def prompts_for(count: int, first: int) -> list[Any]:
    """`count` prompts as the embedded model's training had them; for other models words like any others."""
    from models.illustrator.layout import sample_prompt
    from models.illustrator.vocabulary import load_vocabulary

    names = list(load_vocabulary().names)
    return [sample_prompt(names, [1.0] * len(names), random.Random(f"prompt {first + k}")) for k in range(count)]


def make_requests(settings: DrawRequest, count: int, first: int) -> list[DrawRequest]:
    """Requests with prompts and seeds of their own; the settings are shared."""
    prompts = prompts_for(count, first)
    return [replace(settings, prompt=prompt, seed=first + k, sketch="") for k, prompt in enumerate(prompts)]


def count_evaluations(job: Job) -> int:
    """Passes through the network for one picture each, guidance included; the gate is taken to open at once."""
    effort, steps = job.effort, job.settings.steps
    coarse = steps * (effort.seeds + 2 * effort.held_out)
    fine = 2 * job.fine_steps * (effort.seeds + effort.held_out)
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
    references = [_run(job, "fine for fitting", chunk, None, fine=True) for chunk in _chunks(job, fitted)]
    table = _kept_fit(job, fitted, references)
    fine = _Population([_run(job, "fine, held out", chunk, None, fine=True) for chunk in _chunks(job, held)])
    off = _Population([_run(job, "uncorrected, held out", chunk, None) for chunk in _chunks(job, held)])
    baseline, reference = off.held_against(fine), fine.held_against(fine)
    for share in SHARES:
        tried = replace(table, bands=tuple(_scaled(bands, share) for bands in table.bands))
        if not any(tried.bands):
            verdict = Verdict("no band is off by more than its uncertainty", {})
            return _conclude(job, tried, verdict, baseline, baseline, share)
        name = f"corrected by {share:g}, held out"
        on = _Population([_run(job, name, chunk, tried) for chunk in _chunks(job, held)]).held_against(fine)
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


def _chunks(job: Job, requests: Sequence[DrawRequest]) -> list[Sequence[DrawRequest]]:
    return [requests[at : at + job.batch] for at in range(0, len(requests), job.batch)]


# --- runs -------------------------------------------------------------------------------------------------------


def _reference_scheduler(job: Job) -> str:
    """A second-order solver of the same differential equation."""
    template = job.drawer.loaded.pipe.scheduler
    if is_flow(template):
        return "FlowMatchHeun"
    return "EDMDPMSolver" if type(template).__name__.startswith("EDM") else "Heun"


def _run(job: Job, name: str, requests: Sequence[DrawRequest], table: Table | None, fine: bool = False) -> dict:
    """One batch sampled and measured: log-SNR (s,), energies (s, bands, b), latents (b, ...) float16; kept on disk."""
    mark = hashlib.sha256(repr((name, requests, table and table.bands)).encode()).hexdigest()[:20]
    path = job.folder / f"{mark}.npz"
    if path.exists():
        with np.load(path) as parts:
            return dict(parts)
    began, trace = time.perf_counter(), []
    steps = job.fine_steps if fine else job.settings.steps
    latents = job.drawer.sample(
        [replace(request, steps=steps) for request in requests],
        table or job.untouched,
        traced(job, trace),
        _reference_scheduler(job) if fine else "",
    )
    parts = {
        "snr": np.array([snr for snr, _ in trace]),
        "energies": np.stack([energies for _, energies in trace]),
        "features": describe(latents),
        "latents": latents.half().cpu().numpy(),
    }
    parts["levels"], parts["peaks"] = measure_levels(latents)
    with path.with_suffix(".part").open("wb") as file:
        np.savez(file, **parts)
    path.with_suffix(".part").replace(path)
    job.report(
        f"{name}: pictures {requests[0].seed % 1000}-{requests[-1].seed % 1000}, {time.perf_counter() - began:.0f} s"
    )
    return parts


def log_snr(seen: Seen) -> float:
    """Of the level that the step lands on; the same in every scheduler's scaling."""
    return math.log(max(seen.level.next_signal, 1e-9) / seen.level.next_sigma)


def _size(seen: Seen) -> float:
    """Energy per element that the level's scaling stands for: signal^2 + sigma^2."""
    return seen.level.next_signal**2 + seen.level.next_sigma**2


def traced(job: Job, into: list) -> Observer:
    """An observer that notes each kept landing's energies, corrected as it is going to be."""

    def observe(seen: Seen) -> None:
        if seen.acts:
            landed = seen.landed + seen.effect(seen.planned) if seen.planned else seen.landed
            into.append((log_snr(seen), band_energies(landed, job.transform, job.layout) / _size(seen)))

    return observe


class _Population:
    """Batches of one run, as one."""

    def __init__(self, parts: Sequence[dict]) -> None:
        self.snr = parts[0]["snr"]
        self.energies = np.concatenate([part["energies"] for part in parts], 2)  # (s, bands, n)
        self.rest = {k: np.concatenate([part[k] for part in parts]) for k in ("features", "levels", "peaks", "latents")}

    def energies_at(self, snr: np.ndarray) -> np.ndarray:
        """(len(snr), bands, n): energies at other levels, between the measured ones."""
        order = np.argsort(self.snr)
        flat = self.energies[order].reshape(len(order), -1)
        columns = [np.interp(snr, self.snr[order], column) for column in flat.T]
        return np.stack(columns, -1).reshape(len(snr), *self.energies.shape[1:])

    def held_against(self, fine: "_Population") -> Held:
        wanted = fine.energies_at(self.snr).mean(2, keepdims=True)
        apart = self.rest["latents"].astype(np.float32) - fine.rest["latents"].astype(np.float32)
        error = np.square(apart).reshape(len(apart), -1).mean(1)
        return Held(self.energies / wanted, self.rest["features"], self.rest["levels"], self.rest["peaks"], error)


# --- the fit ----------------------------------------------------------------------------------------------------


def _kept_fit(job: Job, requests: Sequence[DrawRequest], references: Sequence[dict]) -> Table:
    """`fit`, or what an earlier run's came to."""
    from models.diffusion.coefficients import format_table, read_table

    path = job.folder / "fit.json"
    if path.exists():
        return replace(read_table(path), name="fit")
    table = fit(job, requests, _Population(references))
    path.with_suffix(".part").write_text(format_table(table), "utf-8")
    path.with_suffix(".part").replace(path)
    return table


def fit(job: Job, requests: Sequence[DrawRequest], reference: _Population) -> Table:
    """The weights, step after step, each from all the pictures' states after the steps before."""
    rng, chunks = np.random.default_rng(0), _chunks(job, requests)
    starts: dict[int, float] = {}
    chosen: dict[int, Bands] = {}

    def settle(brought: list[tuple[Seen, list[Leverage]]]) -> Bands:
        seen = brought[0][0]
        wanted = reference.energies_at(np.array([log_snr(seen)]))[0] * _size(seen)
        weights = [_weight(job, [own[k] for _, own in brought], wanted[k], rng) for k in range(len(BANDS))]
        chosen[seen.index] = Bands(weights[0], *[weights[1]] * 3)
        job.report(
            f"fitting: step {seen.index + 1} of {job.settings.steps}, low {weights[0]:+.4f}, high {weights[1]:+.4f}"
        )
        return chosen[seen.index]

    meeting: Rendezvous = Rendezvous(len(chunks), settle)

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
