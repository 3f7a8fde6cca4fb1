"""Whether a calibration is let through: judged on held-out seeds and prompts against the model's own fine-step run.

A corrected run must come nearer to the fine one in its bands' energies, must not come farther from it as a
distribution, must keep colours' level and spread, and must not clip more. Each by a bootstrap over the seeds.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

RESAMPLES = 1000
NEARER = -0.10  # relative change of the energy gap that a correction must reach
WORSE_BAND = 0.02  # of either band's gap
FARTHER = 0.05  # of the distance
LEAST_DISTANCE = 1e-4  # of the mean distance of two pictures: less than that is no difference
DRIFT = 0.02  # of the standard deviation, of any channel
LOUDER = 0.05  # of the largest values and of the clipped share
TINY = 1e-9  # keeps a ratio finite where there is nothing to correct
GRID = (6, 10)  # cells over which a picture is described


@dataclass(frozen=True)
class Held:
    """What a run over the held-out seeds left, one row a picture."""

    energies: np.ndarray  # (steps, bands, n) where the correction acts, as shares of the reference's mean
    features: np.ndarray  # (n, features) of the final latents
    levels: np.ndarray  # (n, 2, channels) mean and standard deviation
    peaks: np.ndarray  # (n, 2) 99.9th percentile of the size, share beyond 1
    error: np.ndarray  # (n,) mean square distance to the reference's latents


@dataclass(frozen=True)
class Verdict:
    """The gate's answer."""

    reason: str  # why it is not let through; "" where it is
    figures: dict[str, float]


def describe(latents: torch.Tensor) -> np.ndarray:
    """(B, features) float32: coarse colours, and the strength of three bands of detail, cell by cell."""
    planes = latents.float()
    if planes.ndim == 5:
        planes = planes[:, :, 0]
    if planes.ndim == 3:  # packed tokens: neighbours in the sequence are neighbours in a row
        planes = planes.transpose(1, 2)[:, :, None]
    grid = GRID if planes.shape[2] > 1 else (1, GRID[0] * GRID[1])
    parts = [F.adaptive_avg_pool2d(planes, grid)]
    for _ in range(3 if planes.shape[2] > 1 else 1):
        coarse = F.avg_pool2d(planes, 2, ceil_mode=True, count_include_pad=False) if planes.shape[2] > 1 else planes
        wide = F.interpolate(coarse, planes.shape[-2:], mode="nearest")
        parts.append(F.adaptive_avg_pool2d((planes - wide).square(), grid).sqrt())
        planes = coarse
    return torch.cat([part.flatten(1) for part in parts], 1).cpu().numpy()


def measure_levels(latents: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """((B, 2, channels) means and spreads, (B, 2) peak and share beyond 1) of latents."""
    flat = latents.float().flatten(2) if latents.ndim > 3 else latents.float().transpose(1, 2)
    sizes = latents.float().flatten(1).abs()
    stride = max(1, sizes.shape[1] // 100_000)  # a percentile needs no more
    peak = torch.quantile(sizes[:, ::stride], 0.999, dim=1)
    levels = torch.stack((flat.mean(2), flat.std(2)), 1)
    return levels.cpu().numpy(), torch.stack((peak, (sizes > 1).float().mean(1)), 1).cpu().numpy()


def cross_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(n, m) Euclidean distances."""
    return torch.cdist(torch.from_numpy(first).double(), torch.from_numpy(second).double()).numpy()


def energy_distance(xy: np.ndarray, xx: np.ndarray, yy: np.ndarray, picked: np.ndarray | None = None) -> float:
    """Unbiased energy distance from matrices (n, n) of distances, pictures of one seed paired in their places.

    Pairs of one seed are left out everywhere: they share their noise. picked: rows of a bootstrap sample, of which
    pairs that are one picture twice are left out too.
    """
    picked = np.arange(len(xy)) if picked is None else picked
    apart = picked[:, None] != picked
    at = np.ix_(picked, picked)
    return float(2 * xy[at][apart].mean() - xx[at][apart].mean() - yy[at][apart].mean())


def judge_held(off: Held, on: Held, reference: Held, seed: int = 0) -> Verdict:
    """The verdict on a correction, given the runs without it, with it, and in fine steps."""
    rng = np.random.default_rng(seed)
    count = len(off.features)
    draws = rng.integers(count, size=(RESAMPLES, count))
    gap, gaps = _gap_change(off, on, draws)
    distance = _distance_change(off, on, reference, draws)
    drift = float(_drift(on, reference) - _drift(off, reference))
    off_peak, off_clip = off.peaks.mean(0)
    fair_peak, fair_clip = np.maximum(off.peaks.mean(0), reference.peaks.mean(0))  # the fine run may be the louder one
    peak, clip = on.peaks.mean(0)
    error = _bootstrap(lambda d: on.error[d].mean() / (off.error[d].mean() + TINY) - 1, draws)
    figures = {
        "gap before": gaps[0], "gap after": gaps[1], "gap change": gap[0], "gap change at most": gap[2],
        **distance, "drift change": drift, "peak before": float(off_peak), "peak after": float(peak),
        "clipped before": float(off_clip), "clipped after": float(clip),
        "error to fine run, change": error[0], "error change at most": error[2],
    }  # fmt: skip
    checks = (
        (not np.isfinite(list(figures.values())).all(), "it gave values that are not finite"),
        (
            gap[0] > NEARER or gap[2] > 0,
            f"energies came no nearer to the fine run ({gap[0]:+.0%}, at most {gap[2]:+.0%})",
        ),
        (gaps[2] > WORSE_BAND, f"one band's energy went farther off ({gaps[2]:+.1%})"),
        (
            distance["distance change at most"]
            > max(FARTHER * abs(distance["distance before"]), distance["distance that counts"]),
            f"the pictures may have gone farther from the fine run's ({distance['distance change at most']:+.4f})",
        ),
        (drift > DRIFT, f"a channel's level drifted by {drift:.1%} of its spread"),
        (peak > fair_peak * (1 + LOUDER), f"the largest values grew by {peak / fair_peak - 1:.1%}"),
        (clip > fair_clip * (1 + LOUDER) + 1e-3, f"{clip:.2%} of the values lie beyond 1, {off_clip:.2%} without it"),
    )
    return Verdict(next((text for failed, text in checks if failed), ""), figures)


def _bootstrap(statistic, draws: np.ndarray) -> tuple[float, float, float]:
    """A statistic over all, and the ends of its 95 % interval."""
    low, high = np.quantile([statistic(d) for d in draws], (0.025, 0.975))
    return float(statistic(np.arange(draws.shape[1]))), float(low), float(high)


def _gaps(held: Held, picked: np.ndarray) -> np.ndarray:
    """(bands,): sum over the steps of how far the mean energy is off the reference's."""
    return np.abs(held.energies[:, :, picked].mean(2) - 1).sum(0)


def _gap_change(
    off: Held, on: Held, draws: np.ndarray
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Relative change of the gap of all bands with its interval; (before, after, the worst band's relative change)."""
    every = np.arange(draws.shape[1])
    before, after = _gaps(off, every), _gaps(on, every)
    change = _bootstrap(lambda d: _gaps(on, d).sum() / (_gaps(off, d).sum() + TINY) - 1, draws)
    worst = float(((after - before) / (before.sum() + TINY)).max())
    return change, (float(before.sum()), float(after.sum()), worst)


def _distance_change(off: Held, on: Held, reference: Held, draws: np.ndarray) -> dict[str, float]:
    """Energy distance to the fine run before and after, the change's upper end, and what is too small to count."""
    scale = reference.features.std(0).mean() + 1e-12
    x, y, r = (held.features / scale for held in (off, on, reference))
    xr, yr, xx, yy, rr = (cross_distances(*pair) for pair in ((x, r), (y, r), (x, x), (y, y), (r, r)))
    change = _bootstrap(lambda d: energy_distance(yr, yy, rr, d) - energy_distance(xr, xx, rr, d), draws[:300])
    return {
        "distance before": energy_distance(xr, xx, rr), "distance after": energy_distance(yr, yy, rr),
        "distance change at most": change[2], "distance that counts": LEAST_DISTANCE * float(rr.mean()),
    }  # fmt: skip


def _drift(held: Held, reference: Held) -> float:
    """The largest shift of a channel's mean level or spread, in units of the reference's spread."""
    spread = reference.levels[:, 1].mean(0) + 1e-6
    return float((np.abs(held.levels.mean(0) - reference.levels.mean(0)) / spread).max())
