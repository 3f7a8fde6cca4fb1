"""Where each scheduler's correction belongs, and what it takes to place it there.

Notation: a state is x = signal * clean + sigma * noise, in the scheduler's own scaling. A step starts from the level
of one `sigma` and lands on `next_sigma`; the correction acts where it lands.

- output: on the sample that `step` returns; solvers that carry predictions, not states, keep such a change.
- block end: the same, but only on the call that closes a two-stage or singlestep block, for the ones before it hand
  the model a state that is thrown away.
- input: on the model's output, so that the sample comes out corrected; for predictor-corrector solvers, which
  recompute the state from their own last one and would lose a changed output.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch

from models.diffusion.bands import Bands, Transform
from models.diffusion.correction import weigh_bands


@dataclass(frozen=True)
class Level:
    """The coefficients of one call of `step`."""

    start: float  # sigma at the start of the step, or of the block that this call closes: the paper's sigma_i
    sigma: float  # noise coefficient of the state that the model saw
    signal: float  # its signal coefficient
    next_sigma: float  # noise coefficient of the state that the step lands on
    next_signal: float

    @property
    def still(self) -> bool:
        """Nothing to correct: the step lands on the prediction itself (no noise left), or where it started."""
        return self.next_sigma in (0.0, self.start)


def _no_reason(scheduler: Any) -> str:
    return ""


def _always(scheduler: Any, index: int) -> bool:
    return True


def _deterministic(scheduler: Any, level: Level, call: dict) -> float | None:
    return None


@dataclass(frozen=True)
class Site:
    """How one scheduler class is corrected."""

    place: str  # "output" | "block end" | "input"
    levels: Callable[[Any], list[Level]]  # one per entry of `timesteps`
    clean: Callable[..., torch.Tensor]  # (scheduler, result, call, level) -> predicted clean image
    position: Callable[[Any, Any, list], int]  # (scheduler, timestep, timesteps) -> the coming step's place in them
    closes: Callable[[Any, int], bool] = _always  # whether the coming call lands on a state that is kept
    kept: Callable[[Any, Level, dict], float | None] = _deterministic  # noise kept from the estimate, None: all of it
    reason: Callable[[Any], str] = _no_reason  # why this configuration cannot be corrected, "" where it can
    dtype_of: str = "model_output"  # which argument's dtype the plain step returns; "both": the promoted one


# --- levels -----------------------------------------------------------------------------------------------------


def flow_levels(scheduler: Any) -> list[Level]:
    """Flow matching: x = (1 - s) clean + s noise."""
    sigmas = scheduler.sigmas.tolist()
    return [Level(s, s, 1 - s, after, 1 - after) for s, after in pairwise(sigmas)]


def exploding_levels(scheduler: Any) -> list[Level]:
    """Variance exploding: x = clean + s noise (the k-diffusion scaling)."""
    sigmas = scheduler.sigmas.tolist()
    return [Level(s, s, 1.0, after, 1.0) for s, after in pairwise(sigmas)]


def _pairs(levels: list[Level]) -> list[Level]:
    """Two-stage blocks: the second call lands where the first one aimed, and starts where the first one did."""
    for index in range(1, len(levels), 2):
        first = levels[index - 1]
        levels[index] = replace(
            levels[index], start=first.start, next_sigma=first.next_sigma, next_signal=first.next_signal
        )
    return levels


def flow_pair_levels(scheduler: Any) -> list[Level]:
    return _pairs(flow_levels(scheduler))


def exploding_pair_levels(scheduler: Any) -> list[Level]:
    return _pairs(exploding_levels(scheduler))


def solver_levels(scheduler: Any) -> list[Level]:
    """The DPM-Solver family: variance preserving or flow, as the scheduler itself splits its sigmas."""
    pairs = [scheduler._sigma_to_alpha_sigma_t(sigma) for sigma in scheduler.sigmas.double()]
    points = [(float(sigma), float(signal)) for signal, sigma in pairs]
    return [Level(sigma, sigma, signal, *after) for (sigma, signal), after in pairwise(points)]


def singlestep_levels(scheduler: Any) -> list[Level]:
    """As `solver_levels`, a block starting at its last call of order 1."""
    levels, start = [], 0.0
    for order, level in zip(scheduler.order_list, solver_levels(scheduler), strict=False):
        start = level.start if order == 1 else start
        levels.append(replace(level, start=start))
    return levels


def _preserving(scheduler: Any, timestep: int, before: float) -> tuple[float, float]:
    """(sigma, signal) at a training timestep; before the first one the signal's square is `before`."""
    squared = float(scheduler.alphas_cumprod[timestep]) if timestep >= 0 else before
    return (1 - squared) ** 0.5, squared**0.5


def ddim_levels(scheduler: Any) -> list[Level]:
    """Variance preserving, landing `num_train_timesteps // num_inference_steps` lower."""
    stride = scheduler.config.num_train_timesteps // scheduler.num_inference_steps
    final = float(scheduler.final_alpha_cumprod)
    levels = []
    for timestep in scheduler.timesteps.tolist():
        sigma, signal = _preserving(scheduler, timestep, final)
        levels.append(Level(sigma, sigma, signal, *_preserving(scheduler, timestep - stride, final)))
    return levels


def ddpm_levels(scheduler: Any) -> list[Level]:
    """Variance preserving, landing on the next timestep of the list and at last on the clean image."""
    timesteps = scheduler.timesteps.tolist()
    points = [_preserving(scheduler, timestep, 1.0) for timestep in (*timesteps, -1)]
    return [Level(here[0], *here, *after) for here, after in pairwise(points)]


def pndm_levels(scheduler: Any) -> list[Level]:
    """As DDIM, but the second call repeats the first step with what it has learnt."""
    levels = ddim_levels(scheduler)
    if len(levels) > 1:
        first, second = levels[0], levels[1]
        levels[1] = Level(first.start, second.sigma, second.signal, second.sigma, second.signal)
    return levels


def ipndm_levels(scheduler: Any) -> list[Level]:
    points = list(zip(scheduler.betas.tolist(), scheduler.alphas.tolist(), strict=True))
    return [Level(here[0], *here, *after) for here, after in pairwise(points)]


# --- position and block ends ------------------------------------------------------------------------------------


def counted(scheduler: Any, timestep: Any, timesteps: list) -> int:
    """The step about to be taken, of schedulers that count: image-to-image starts in the middle of the list."""
    if scheduler.step_index is not None:
        return scheduler.step_index
    if scheduler.begin_index is not None:
        return scheduler.begin_index
    if isinstance(timestep, torch.Tensor):
        timestep = timestep.to(scheduler.timesteps.device)
    return scheduler.index_for_timestep(timestep)


def looked_up(scheduler: Any, timestep: Any, timesteps: list) -> int:
    """The step about to be taken, of schedulers that only know the timestep."""
    return timesteps.index(int(timestep))


def pndm_position(scheduler: Any, timestep: Any, timesteps: list) -> int:
    """The timestep given twice means the repeated first step at call 1, and the second one after it."""
    first = timesteps.index(int(timestep))
    last = len(timesteps) - 1 - timesteps[::-1].index(int(timestep))
    return first if scheduler.counter == 1 else last


def second_stage(scheduler: Any, index: int) -> bool:
    return not scheduler.state_in_first_order


def singlestep_end(scheduler: Any, index: int) -> bool:
    orders = scheduler.order_list
    return index + 1 >= len(orders) or orders[index + 1] == 1


def pndm_end(scheduler: Any, index: int) -> bool:
    """Past the Runge-Kutta calls; and not at call 0, whose result only serves call 1."""
    if not scheduler.config.skip_prk_steps:
        return scheduler.counter >= len(scheduler.prk_timesteps)
    # Image-to-image that starts late lands beside the listed levels at call 1: that one call is left alone.
    return scheduler.counter > 1 or (scheduler.counter == 1 and index == 1)


# --- the predicted clean image ----------------------------------------------------------------------------------


def clean_from(prediction: str, level: Level, sample: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
    """The clean image that a model's output stands for, by its prediction type."""
    if prediction == "epsilon":
        return (sample - level.sigma * output) / level.signal
    if prediction == "sample":
        return output
    if prediction == "v_prediction":
        return level.signal * sample - level.sigma * output
    return sample - level.sigma * output  # flow_prediction: output is noise - clean


def returned_clean(scheduler: Any, result: Any, call: dict, level: Level) -> torch.Tensor:
    """The scheduler's own, thresholded or clipped as it does."""
    return result[1] if isinstance(result, tuple) else result.pred_original_sample


def velocity_clean(scheduler: Any, result: Any, call: dict, level: Level) -> torch.Tensor:
    return clean_from("flow_prediction", level, call["sample"], call["model_output"])


def stored_clean(scheduler: Any, result: Any, call: dict, level: Level) -> torch.Tensor:
    """What a multistep solver has just stored, which is the clean image or, for noise solvers, the noise."""
    stored = scheduler.model_outputs[-1]
    if scheduler.config.algorithm_type in ("dpmsolver++", "sde-dpmsolver++"):
        return stored
    return clean_from("epsilon", level, call["sample"], stored)


def pndm_clean(scheduler: Any, result: Any, call: dict, level: Level) -> torch.Tensor:
    return clean_from(scheduler.config.prediction_type, level, call["sample"], call["model_output"])


def ipndm_clean(scheduler: Any, result: Any, call: dict, level: Level) -> torch.Tensor:
    return clean_from("v_prediction", level, call["sample"], call["model_output"])


# --- stochastic steps -------------------------------------------------------------------------------------------


def ddim_kept(scheduler: Any, level: Level, call: dict) -> float | None:
    """Eq. 12 of DDIM: sqrt(1 - a'^2 - std^2), std = eta * sqrt(variance)."""
    eta = call.get("eta", 0.0)
    if not eta:
        return None
    variance = (level.next_sigma / level.sigma) ** 2 * (1 - (level.signal / level.next_signal) ** 2)
    return max(0.0, level.next_sigma**2 - eta**2 * variance) ** 0.5


def ddpm_kept(scheduler: Any, level: Level, call: dict) -> float | None:
    """Eq. 7 of DDPM: the posterior's mean has this much of the estimated noise."""
    return level.signal / level.next_signal * level.next_sigma**2 / level.sigma


def ancestral_kept(scheduler: Any, level: Level, call: dict) -> float | None:
    """sigma_down of an ancestral step."""
    return level.next_sigma**2 / level.sigma


def solver_kept(scheduler: Any, level: Level, call: dict) -> float | None:
    """SDE-DPM-Solver++: s' e^-h, h the step in log(signal / sigma); of its first-order mean at every order."""
    if scheduler.config.algorithm_type != "sde-dpmsolver++":
        return None
    return level.next_sigma * (level.signal / level.sigma) * (level.next_sigma / level.next_signal)


def mean_of(level: Level, kept: float, clean: torch.Tensor, sample: torch.Tensor) -> torch.Tensor:
    """Where a stochastic step lands before its fresh noise, float32."""
    clean = clean.float()
    noise = (sample.float() - level.signal * clean) / level.sigma
    return level.next_signal * clean + kept * noise


# --- the input site ---------------------------------------------------------------------------------------------


def shift_output(
    call: dict, level: Level, bands: Bands, prediction: str, direction: str, transform: Transform, layout: str
) -> torch.Tensor:
    """The model's output that makes a first-order step land corrected, float32.

    With x fixed, changing the noise by e changes the clean image by -(s/a) e and the landing by (a s' - a' s)/a e.
    A learned variance, the second half of the channels, is left as it is.
    """
    sample = call["sample"].float()
    output, variance = call["model_output"].float(), None
    if output.shape[1] == 2 * sample.shape[1]:
        output, variance = output.chunk(2, dim=1)
    clean = clean_from(prediction, level, sample, output)
    noise = (sample - level.signal * clean) / level.sigma
    signal = 1.0 if direction == "paper" else level.next_signal
    landing = level.next_signal * clean + level.next_sigma * noise
    change = weigh_bands(landing - signal * clean, bands, transform, layout)
    change = change / (level.signal * level.next_sigma - level.next_signal * level.sigma)
    output = output + change * {"epsilon": level.signal, "sample": -level.sigma}.get(prediction, 1.0)
    return output if variance is None else torch.cat([output, variance], dim=1)


# --- configurations that cannot be corrected --------------------------------------------------------------------


def flow_reason(scheduler: Any) -> str:
    if scheduler.config.get("invert_sigmas"):
        return "its noise levels run backwards (invert_sigmas), as video models use it"
    if scheduler.config.get("stochastic_sampling"):
        return "stochastic_sampling redraws all the noise at every step, so that no mismatch is left to correct"
    return ""


def solver_reason(scheduler: Any) -> str:
    if scheduler.config.algorithm_type == "sde-dpmsolver":
        return "algorithm_type sde-dpmsolver can turn the noise's sign in one step; use sde-dpmsolver++"
    return ""


def no_sde_reason(scheduler: Any) -> str:
    if scheduler.config.algorithm_type.startswith("sde"):
        return f"algorithm_type {scheduler.config.algorithm_type} hides its noise-free state; use dpmsolver++"
    return ""


def adams_reason(scheduler: Any) -> str:
    if scheduler.config.get("use_flow_sigmas"):
        return "its schedule for flow-matching models ends in noise, not in the clean image"
    return ""
