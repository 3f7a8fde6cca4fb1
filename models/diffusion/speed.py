"""Timing the correction: ways of doing the same thing, interleaved in one run, and the memory that each moves."""

import logging
import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from models.diffusion.bands import HAAR, Bands
from models.diffusion.correction import correct
from models.diffusion.fused import correct_fused

#: Latents of one picture, and of the embedded model's pixel space.
SIZES = {
    "SD 1.5, 512x512": (1, 4, 64, 64),
    "SDXL, 1024x1024": (1, 4, 128, 128),
    "FLUX, 1024x1024": (1, 16, 128, 128),
    "embedded, 320x180": (1, 3, 180, 320),
}
MODES = {"low": Bands(0.02), "double": Bands(0.02, 0.01, 0.01, 0.01)}
REPEATS = 200

Way = Callable[[torch.Tensor, torch.Tensor, Bands], torch.Tensor]


def by_ptwt(sample: torch.Tensor, denoised: torch.Tensor, bands: Bands) -> torch.Tensor:
    """Both images through ptwt, band by band, and back."""
    import ptwt

    mine: Any
    theirs: Any
    mine, theirs = (ptwt.wavedec2(image, "haar", level=1, mode="zero") for image in (sample, denoised))
    low = mine[0] + bands.ll * (mine[0] - theirs[0])
    details: Any = [x + bands.lh * (x - y) if bands.lh else x for x, y in zip(mine[1], theirs[1], strict=True)]
    return ptwt.waverec2((low, ptwt.constants.WaveletDetailTuple2d(*details)), "haar")


def load_reference(device: str) -> Way:
    """The way of the method's published code: DWT of both, band by band, IDWT. ImportError where it is missing."""
    from pytorch_wavelets import DWTForward, DWTInverse

    forward, inverse = (
        DWTForward(J=1, wave="haar", mode="zero").to(device),
        DWTInverse(wave="haar", mode="zero").to(device),
    )

    def by_reference(sample: torch.Tensor, denoised: torch.Tensor, bands: Bands) -> torch.Tensor:
        low, [high] = forward(sample)
        other, [detail] = forward(denoised)
        low = low + bands.ll * (low - other)
        return inverse((low, [high + bands.lh * (high - detail) if bands.lh else high]))

    return by_reference


class Traffic(TorchDispatchMode):
    """Bytes read and written by the operators dispatched while it is open; views move nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not func.is_view and "view" not in func.__name__ and "detach" not in func.__name__:
            moved = [leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, torch.Tensor)]
            self.bytes += sum(leaf.numel() * leaf.element_size() for leaf in moved)
        return result


def count_traffic(way: Way, sample: torch.Tensor, denoised: torch.Tensor, bands: Bands) -> float:
    """Bytes that one call moves, for each value of the sample."""
    if way is correct_fused:
        return _count_compiled(sample, denoised, bands)
    with Traffic() as traffic:
        way(sample, denoised, bands)
    return traffic.bytes / sample.numel()


def _count_compiled(sample: torch.Tensor, denoised: torch.Tensor, bands: Bands) -> float:
    """As Inductor counts its kernels' reads and writes, compiling anew."""
    from torch._inductor import compile_fx, metrics, utils

    log: Any = compile_fx.inductor_metrics_log  # it counts only while this would be written
    before, log.propagate = log.level, False
    torch._dynamo.reset()
    metrics.reset()
    log.setLevel(logging.INFO)
    try:
        with utils.fresh_cache():
            correct_fused(sample, denoised, bands)
    finally:
        log.setLevel(before)
    return metrics.num_bytes_accessed / sample.numel()


def median_seconds(jobs: Mapping[str, Callable[[], Any]], repeats: int = REPEATS) -> dict[str, float]:
    """Median wall seconds of each job, all of them in turn, so that what disturbs one disturbs all."""
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for job in jobs.values():
        job()
        job()
    for _ in range(repeats):
        for name, job in jobs.items():
            _wait()
            began = time.perf_counter()
            job()
            _wait()
            taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in taken.items()}


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def list_ways(device: str) -> tuple[dict[str, Way], list[str]]:
    """The ways that can be measured here, and why others cannot."""
    ways: dict[str, Way] = {"closed form, eager": correct, "closed form, compiled": correct_fused, "ptwt": by_ptwt}
    skipped = []
    try:
        ways["reference's way"] = load_reference(device)
    except ImportError as error:
        skipped.append(f"reference's way: {error}; pip install pytorch_wavelets 'setuptools<81'")
    try:
        correct_fused(torch.zeros(1, 1, 4, 4, device=device), torch.zeros(1, 1, 4, 4, device=device), MODES["double"])
    except Exception as error:  # Inductor raises many kinds where there is no compiler
        del ways["closed form, compiled"]
        skipped.append(f"closed form, compiled: {type(error).__name__}: {' '.join(str(error).split())[:120]}")
    return ways, skipped


@torch.inference_mode()
def measure_sizes() -> tuple[list[dict[str, Any]], list[str]]:
    """One row for each size, mode and way; and what was skipped."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    ways, skipped = list_ways(device)
    rows = []
    for size, shape in SIZES.items():
        sample, denoised = torch.randn(shape, device=device), torch.randn(shape, device=device)
        for mode, bands in MODES.items():
            jobs = {name: partial(way, sample, denoised, bands) for name, way in ways.items()}
            seconds = median_seconds(jobs)
            for name, way in ways.items():
                faster = seconds["reference's way"] / seconds[name] if "reference's way" in seconds else 0.0
                row = {"size": size, "mode": mode, "way": name, "microseconds": 1e6 * seconds[name], "faster": faster}
                rows.append(row | {"bytes": count_traffic(way, sample, denoised, bands)})
    return rows, skipped


def measure_step() -> dict[str, Any]:
    """The correction's share of the embedded model's step: the armed `step` against the plain one, and the network."""
    from models.diffusion.comparison import Cell, request_for
    from models.diffusion.schedulers import enable
    from models.diffusion.trials import make_requests
    from models.profiles import EMBEDDED, load_profile
    from models.registry import drawer

    draw = drawer(load_profile(EMBEDDED))
    pipe, steps = draw.loaded.pipe, 10
    [request] = make_requests(request_for(Cell("Euler", steps, "off")), 1, 0)
    plain, armed = (type(pipe.scheduler).from_config(pipe.scheduler.config) for _ in range(2))
    enable(armed, "double:low=0.002,high=0.002")
    x, velocity = torch.randn(1, 3, 180, 320), torch.randn(1, 3, 180, 320)
    for scheduler in (plain, armed):
        scheduler.set_timesteps(steps)

    def step(scheduler: Any) -> None:
        scheduler._step_index = 4
        scheduler.step(velocity, scheduler.timesteps[4], x, return_dict=False)

    seconds = median_seconds({"plain": lambda: step(plain), "armed": lambda: step(armed)}, 100)
    whole = median_seconds({"picture": lambda: draw.sample([request])}, 3)["picture"] / steps
    added = seconds["armed"] - seconds["plain"]
    return {
        "one step of the embedded model, ms": round(1e3 * whole, 2),
        "of that the plain scheduler, ms": round(1e3 * seconds["plain"], 3),
        "added by the correction, ms": round(1e3 * added, 3),
        "added, share of the step": f"{added / whole:.2%}",
        "wavelet": HAAR.wavelet,
    }
