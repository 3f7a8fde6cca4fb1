"""What a calibration consists of: runs over populations of seeds and prompts, observed, measured and kept on disk."""

import hashlib
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from models.diffusion.bands import Bands, Transform
from models.diffusion.coefficients import PaperSchedule, Table
from models.diffusion.draw import Drawer
from models.diffusion.energy import band_energies
from models.diffusion.gate import Held, describe, measure_levels
from models.diffusion.request import DrawRequest
from models.diffusion.schedulers import Observer, Seen, layout_of
from models.profiles import EMBEDDED

Report = Callable[[str], None]


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    seeds: int  # pictures that the weights are fitted on
    held_out: int  # other pictures, on which they are judged
    fineness: int  # steps of the reference, a second-order solver, for each step
    largest: float = 0.05  # how far a correction may move a band, as a share of its size
    caution: float = 0.0  # standard errors that a weight is brought nearer to 0 by


FULL = Effort(seeds=32, held_out=64, fineness=3)
#: For a first look: from so few seeds a weight may only come out smaller than the full effort's, by its own error.
QUICK = Effort(seeds=8, held_out=16, fineness=2, caution=1.0)

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


def batches(job: Job, requests: Sequence[DrawRequest]) -> list[Sequence[DrawRequest]]:
    return [requests[at : at + job.batch] for at in range(0, len(requests), job.batch)]


def reference_scheduler(job: Job) -> str:
    """A second-order solver of the same differential equation, one evaluation a step."""
    template = job.drawer.loaded.pipe.scheduler
    return "EDMDPMSolver" if type(template).__name__.startswith("EDM") else "UniPC"


def run_batch(job: Job, name: str, requests: Sequence[DrawRequest], table: Table | None, fine: bool = False) -> dict:
    """One batch sampled and measured: log-SNR (s,), energies (s, bands, b), latents (b, ...) float16; kept on disk."""
    mark = hashlib.sha256(repr((name, requests, table and table.bands)).encode()).hexdigest()[:20]
    path = job.folder / f"{mark}.npz"
    if path.exists():
        with np.load(path) as parts:
            return dict(parts)
    began = time.perf_counter()
    trace: list[tuple[float, np.ndarray]] = []
    steps = job.fine_steps if fine else job.settings.steps
    latents = job.drawer.sample(
        [replace(request, steps=steps) for request in requests],
        table or job.untouched,
        traced(job, trace),
        reference_scheduler(job) if fine else "",
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


def level_energy(seen: Seen) -> float:
    """Energy per element that the level's scaling stands for: signal^2 + sigma^2."""
    return seen.level.next_signal**2 + seen.level.next_sigma**2


def traced(job: Job, into: list[tuple[float, np.ndarray]]) -> Observer:
    """An observer that notes each kept landing's energies, corrected as it is going to be."""

    def observe(seen: Seen) -> None:
        if seen.acts:
            landed = seen.landed + seen.effect(seen.planned) if seen.planned else seen.landed
            into.append((log_snr(seen), band_energies(landed, job.transform, job.layout) / level_energy(seen)))

    return observe


def interpolate_cubic(xs: np.ndarray, rows: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Rows (n, k) known at rising xs (n,), at other places, by the cubic through the four nearest; NaN outside.

    Straight lines would err by as much as the gaps that are looked for.
    """
    found = np.full((len(wanted), rows.shape[1]), np.nan)
    margin = 1e-2 * (xs[-1] - xs[0]) / len(xs)  # two schedulers' rounding of one level
    for k, x in enumerate(wanted):
        if xs[0] - margin <= x <= xs[-1] + margin:
            first = int(np.clip(np.searchsorted(xs, x) - 2, 0, max(0, len(xs) - 4)))
            near = range(first, min(first + 4, len(xs)))
            shares = [np.prod([(x - xs[j]) / (xs[i] - xs[j]) for j in near if j != i]) for i in near]
            found[k] = np.array(shares) @ rows[list(near)]
    return found


class Population:
    """Batches of one run, as one."""

    def __init__(self, parts: Sequence[dict]) -> None:
        self.snr = parts[0]["snr"]
        self.energies = np.concatenate([part["energies"] for part in parts], 2)  # (s, bands, n)
        self.rest = {k: np.concatenate([part[k] for part in parts]) for k in ("features", "levels", "peaks", "latents")}

    def energies_at(self, snr: np.ndarray) -> np.ndarray:
        """(len(snr), bands, n): energies at other levels, between the measured ones; NaN where none are near."""
        order = np.argsort(self.snr)
        flat = interpolate_cubic(self.snr[order], self.energies[order].reshape(len(order), -1), snr)
        return flat.reshape(len(snr), *self.energies.shape[1:])

    def held_against(self, fine: "Population") -> Held:
        wanted = fine.energies_at(self.snr).mean(2, keepdims=True)
        wanted = np.where(np.isnan(wanted), self.energies.mean(2, keepdims=True), wanted)  # not compared
        apart = self.rest["latents"].astype(np.float32) - fine.rest["latents"].astype(np.float32)
        error = np.square(apart).reshape(len(apart), -1).mean(1)
        return Held(self.energies / wanted, self.rest["features"], self.rest["levels"], self.rest["peaks"], error)
