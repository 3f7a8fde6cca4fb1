"""What happens inside one picture's sampling: what each step predicts, what settles when, what a correction changes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from models.diffusion.bands import Transform
from models.diffusion.charts import Line, draw_chart
from models.diffusion.coefficients import Correction
from models.diffusion.correction import weigh_bands
from models.diffusion.draw import Drawer
from models.diffusion.energy import LOW, band_energies
from models.diffusion.request import DrawRequest
from models.diffusion.schedulers import Seen, layout_of
from models.diffusion.trials import interpolate_cubic, level_energy, log_snr

OCTAVES = 4  # bands by halving: what is finer than 2 cells of the latent, 2-4, 4-8, and all that is coarser
FINENESS = 3  # steps of the fine run for each step


@dataclass(frozen=True)
class Trace:
    """One run, looked at step by step."""

    name: str
    clean: tuple[torch.Tensor, ...]  # the predicted clean latents of each step, (1, ...)
    landings: tuple[tuple[float, np.ndarray], ...]  # log-SNR and energies (bands,) of each kept landing
    final: torch.Tensor  # (1, ...)


def trace_run(
    drawer: Drawer, request: DrawRequest, name: str, correction: Correction | None, scheduler: str, transform: Transform
) -> Trace:
    """Sample one request and keep what its steps show."""
    layout = layout_of(drawer.loaded.pipe)
    clean: list[torch.Tensor] = []
    landings: list[tuple[float, np.ndarray]] = []

    def observe(seen: Seen) -> None:
        clean.append(seen.clean.float().cpu())
        if seen.acts:
            landed = seen.landed + seen.effect(seen.planned) if seen.planned else seen.landed
            energies = band_energies(landed, transform, layout)[:, 0] / level_energy(seen)
            landings.append((log_snr(seen), energies))

    final = drawer.sample([request], correction, observe, scheduler)
    return Trace(name, tuple(clean), tuple(landings), final.float().cpu())


def trace_all(drawer: Drawer, request: DrawRequest, correction: Correction | None) -> tuple[list[Trace], Trace]:
    """The runs of one seed without and, where there is one, with the correction; and the fine run."""
    transform = correction.transform if correction is not None else Transform()
    runs = [trace_run(drawer, request, "off", None, "", transform)]
    if correction is not None:
        runs.append(trace_run(drawer, request, "corrected", correction, "", transform))
    fine = replace(request, steps=FINENESS * (request.steps - 1) + 1)
    return runs, trace_run(drawer, fine, "fine run", None, "UniPC", transform)


def split_octaves(latents: torch.Tensor, layout: str) -> list[torch.Tensor]:
    """The latents' parts from coarse to fine; they add up to the whole. Packed latents have two."""
    count = OCTAVES - 1 if layout == "planes" else 1
    smooth = [latents, *(weigh_bands(latents, LOW, Transform(level=k), layout) for k in range(1, count + 1))]
    return [smooth[-1], *(smooth[k] - smooth[k + 1] for k in reversed(range(count)))]


def settled(trace: Trace, layout: str) -> np.ndarray:
    """(octaves, steps): how much of the final picture's octave each prediction has, 1 all of it."""
    goal = split_octaves(trace.final, layout)
    rows = []
    for clean in trace.clean:
        parts = split_octaves(clean, layout)
        rows.append([1 - _energy(g - p) / (_energy(g) + 1e-12) for g, p in zip(goal, parts, strict=True)])
    return np.array(rows).T


def octave_energies(trace: Trace, layout: str) -> np.ndarray:
    """(octaves, steps): energy of each prediction's octaves as a share of the final picture's."""
    goal = [_energy(part) + 1e-12 for part in split_octaves(trace.final, layout)]
    rows = [[_energy(part) for part in split_octaves(clean, layout)] for clean in trace.clean]
    return (np.array(rows) / goal).T


def _energy(latents: torch.Tensor) -> float:
    return float(latents.double().square().mean())


def mismatch(trace: Trace, fine: Trace) -> np.ndarray:
    """(bands, steps): energy of the run's landings against the fine run's at the same level, less 1."""
    levels = np.array([snr for snr, _ in fine.landings])
    order = np.argsort(levels)
    known = np.stack([energies for _, energies in fine.landings])[order]
    wanted = interpolate_cubic(levels[order], known, np.array([snr for snr, _ in trace.landings]))
    return (np.stack([energies for _, energies in trace.landings]) / wanted - 1).T


def draw_figures(runs: Sequence[Trace], fine: Trace, layout: str) -> list[str]:
    """The report's charts, SVG."""
    off = runs[0]
    steps = list(range(1, len(off.clean) + 1))
    names = ["coarsest", "4-8", "2-4", "finest"] if layout == "planes" else ["coarse", "fine"]
    shares, energies = settled(off, layout).clip(-0.5, 1), octave_energies(off, layout).clip(0, 2)
    charts = [
        draw_chart("How settled each octave is", "step", steps,
                   [Line(name, row.tolist()) for name, row in zip(names, shares, strict=True)], percent=True),
        draw_chart("Energy of the prediction, of the final's", "step", steps,
                   [Line(name, row.tolist()) for name, row in zip(names, energies, strict=True)], percent=True),
    ]  # fmt: skip
    for band, name in enumerate(("low", "high")):
        lines = [Line(run.name, mismatch(run, fine)[band].tolist(), run.name == "off") for run in runs]
        landings = list(range(1, len(lines[0].values) + 1))
        charts.append(draw_chart(f"Energy against the fine run, {name} band", "step", landings, lines, percent=True))
    return charts


def to_pixels(latents: torch.Tensor) -> np.ndarray:
    """(h, w, 3) uint8 of latents (1, C, h, w): as they are in pixel space, else the first three channels, stretched."""
    planes = latents[0] if latents.ndim == 4 else latents[0].T[:, None]  # packed tokens as one row
    planes = planes[[min(k, len(planes) - 1) for k in range(3)]]
    if latents.shape[1] != 3:
        planes = planes / (planes.abs().amax() + 1e-6)
    return ((planes.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
