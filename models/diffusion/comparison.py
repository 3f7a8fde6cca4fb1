"""Comparing samplers on one model: one set of prompts and seeds through every cell, and how far each lands.

Distances are between features of a judge. Cells share their seeds with each other and with the model's own
fine-step run, so that differences are paired; intervals are by bootstrap over the seeds.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.diffusion.bands import Bands
from models.diffusion.coefficients import Correction, Table, parse_correction
from models.diffusion.draw import Drawer
from models.diffusion.gate import cross_distances, energy_distance
from models.diffusion.loading import make_scheduler
from models.diffusion.request import DrawRequest

#: As tables name them -> as diffusers does; evaluations of n steps: n, of Heun's 2n - 1.
SOLVERS = {"Euler": "FlowMatchEuler", "Heun": "FlowMatchHeun", "DPM++ 2M": "DPMSolverMultistep", "UniPC": "UniPC"}

#: Euler on the schedule that a flow-matching scheduler has by itself, whose last steps lie below the level at which the
#: embedded network still tells noise from none.
PLAIN_END = "Euler, plain end"

#: Correction -> its small grid of constants; `off` and `calibrated` have none to choose.
GRIDS: dict[str, tuple[str, ...]] = {
    "epsilon": ("0.99", "0.995", "1.005", "1.01"),
    "pixel": ("pixel:scale=0.002", "pixel:scale=0.005", "pixel:scale=0.01", "pixel:scale=-0.005"),
    "low": ("low:low=0.005", "low:low=0.01", "low:low=0.02", "low:low=-0.01"),
    "high": ("high:high=0.005", "high:high=0.02", "high:high=0.05", "high:high=-0.01"),
    "double": ("double:low=0.01,high=0.01", "double:low=0.01,high=0.05", "double:low=0.02,high=0.02"),
}


@dataclass(frozen=True)
class Cell:
    """One way of sampling."""

    solver: str  # a name of SOLVERS, or PLAIN_END
    evaluations: int  # passes through the network at most
    correction: str  # "off", "calibrated" or a name of GRIDS

    @property
    def steps(self) -> int:
        return (self.evaluations + 1) // 2 if self.solver == "Heun" else self.evaluations

    @property
    def spent(self) -> int:
        """Evaluations that these steps come to."""
        return 2 * self.steps - 1 if self.solver == "Heun" else self.steps

    @property
    def baseline(self) -> "Cell":
        return replace(self, correction="off")


def drawer_for(drawer: Drawer, solver: str) -> Drawer:
    """The drawer with another solver, the network shared."""
    pipe = copy.copy(drawer.loaded.pipe)
    name = SOLVERS["Euler" if solver == PLAIN_END else solver]
    pipe.scheduler = make_scheduler(name, pipe.scheduler)
    if solver == PLAIN_END:
        pipe.scheduler = type(pipe.scheduler).from_config(pipe.scheduler.config, shift_terminal=None)
    return Drawer(replace(drawer.profile, scheduler=name), replace(drawer.loaded, pipe=pipe))


def scale_epsilon(levels: Sequence[float], scale: float) -> Table:
    """Epsilon scaling (Ning et al. 2024) on a flow-matching model, as the table of weights that it equals for Euler.

    Dividing the predicted noise by `scale` moves the landing by (a s' - a' s) / a times the change of the noise.
    levels: where the steps start. The first step, whose state is all noise, is left alone.
    """
    weights = []
    for s, after in zip(levels, [*levels[1:], 0.0], strict=True):
        signal, landing = 1 - s, 1 - after
        reach = (signal * after - landing * s) / (signal * after) if signal > 1e-3 and after > 0 else 0.0
        weights.append((1 / scale - 1) * reach)
    return Table(tuple(Bands(w, w, w, w) for w in weights), tuple(levels), direction="noise", name="epsilon scaling")


def make_correction(drawer: Drawer, cell: Cell, constant: str) -> Correction | None:
    """The cell's correction on its own drawer; None is off. constant: one of GRIDS, "" where there is none."""
    if cell.correction == "off":
        return None
    if cell.correction == "calibrated":
        return drawer.correction(request_for(cell, "auto"))
    if cell.correction != "epsilon":
        return parse_correction(constant)
    scheduler: Any = make_scheduler("", drawer.loaded.pipe.scheduler)
    scheduler.set_timesteps(cell.steps)
    return scale_epsilon(scheduler.sigmas[:-1].tolist(), float(constant))


def request_for(cell: Cell, correction: str = "off") -> DrawRequest:
    """The embedded model's request of a cell, without prompt and seed."""
    from models.prompt import Prompt

    return DrawRequest(Prompt(""), 0, 320, 180, cell.steps, 1.0, correction)


@torch.inference_mode()
def load_grader(folder: Path) -> Any:
    """features(latents (B, 3, H, W) in -1..1) -> (B, n) float32, of the judge whose weights lie in `folder`."""
    from models.illustrator.judge import JudgeEncoder, judge_input
    from models.illustrator.quantised import load_quantised

    judge = load_quantised(JudgeEncoder, folder)

    @torch.inference_mode()
    def features(latents: torch.Tensor) -> np.ndarray:
        pixels = ((latents.float() + 1) * 127.5).round().clamp(0, 255) / 255  # as they would be saved
        return judge.features(judge_input(pixels)).float().numpy()

    return features


# --- distances --------------------------------------------------------------------------------------------------

AXES = 24  # principal axes of the reference that Frechet distances are taken in; more would need more pictures
RESAMPLES = 1000


@dataclass(frozen=True)
class Change:
    """Of a cell's distance against its baseline's."""

    relative: float
    low: float  # ends of the 95 % interval
    high: float
    p: float  # two-sided, by bootstrap


def standardise(reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return reference.mean(0), reference.std(0) + 1e-6


def frechet(first: np.ndarray, second: np.ndarray, axes: int = AXES) -> float:
    """Frechet distance of Gaussians (Heusel et al. 2017) on the principal axes of `second`."""
    axes = min(axes, len(first) - 1, len(second) - 1)
    directions = np.linalg.svd(second - second.mean(0), full_matrices=False)[2][:axes].T
    a, b = first @ directions, second @ directions
    ca, cb = np.cov(a.T), np.cov(b.T)
    eigenvalues = np.linalg.eigvals(ca @ cb).real.clip(0)
    return float(np.square(a.mean(0) - b.mean(0)).sum() + np.trace(ca + cb) - 2 * np.sqrt(eigenvalues).sum())


class Distances:
    """Energy distances of cells to a reference, over one set of bootstrap samples."""

    def __init__(self, reference: np.ndarray, seed: int = 0) -> None:
        self.centre, self.scale = standardise(reference)
        self.reference = self._place(reference)
        self.rr = cross_distances(self.reference, self.reference)
        count = len(reference)
        self.draws = np.random.default_rng(seed).integers(count, size=(RESAMPLES, count))
        self._samples: dict[bytes, np.ndarray] = {}

    def _place(self, features: np.ndarray) -> np.ndarray:
        return (features - self.centre) / self.scale / math.sqrt(features.shape[1])

    def of(self, features: np.ndarray) -> float:
        return self._all(features)[0]

    def _all(self, features: np.ndarray) -> np.ndarray:
        """The distance, then that of every bootstrap sample."""
        mark = features.tobytes()
        if mark not in self._samples:
            x = self._place(features)
            xr, xx = cross_distances(x, self.reference), cross_distances(x, x)
            values = [energy_distance(xr, xx, self.rr, draw) for draw in (None, *self.draws)]
            self._samples[mark] = np.array(values)
        return self._samples[mark]

    def interval(self, features: np.ndarray) -> tuple[float, float]:
        low, high = np.quantile(self._all(features)[1:], (0.025, 0.975))
        return float(low), float(high)

    def change(self, features: np.ndarray, baseline: np.ndarray) -> Change:
        new, old = self._all(features), self._all(baseline)
        differences, size = new[1:] - old[1:], abs(old[0]) + 1e-12
        low, high = np.quantile(differences, (0.025, 0.975)) / size
        tail = min((differences > 0).mean(), (differences < 0).mean())
        return Change(float((new[0] - old[0]) / size), float(low), float(high), max(2 * float(tail), 1 / RESAMPLES))


def holm(values: Sequence[float]) -> list[float]:
    """p-values corrected for their number (Holm 1979), in the given order."""
    order, corrected, highest = np.argsort(values), [0.0] * len(values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[index]))
        corrected[index] = highest
    return corrected
