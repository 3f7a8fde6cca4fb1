"""Arming a diffusers scheduler: `enable` swaps its class for one whose `step` corrects, `disable` swaps it back.

The armed class keeps the base's name and module, so isinstance, `save_pretrained`, `inspect.signature` and pipelines
that look at the class all see the plain scheduler; the state lives in the instance, so that deepcopy and pickle carry
it along while `from_config`, which makes a new instance, gives an unarmed one. The scheduler's config is untouched:
coefficients in it would travel into other scheduler classes, where they are wrong.
"""

import copy
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from models.diffusion.bands import Bands
from models.diffusion.coefficients import UNCORRECTED, Correction, parse_correction
from models.diffusion.correction import LAYOUTS, correct, weigh_bands
from models.diffusion.sites import Level, Site, clean_from, mean_of, shift_output
from models.diffusion.support import find_site
from models.errors import InputError, SceneError

_STATE = "_dcw"

#: Packages of diffusers.pipelines whose `_pack_latents` is the 2x2 packing of correction.LAYOUTS.
PACKED_FAMILIES = ("bria", "chroma", "flux", "flux2", "longcat_image", "ovis_image", "qwenimage", "visualcloze")


@dataclass(frozen=True)
class Seen:
    """What an observer is shown of one step: the plain landing, before any correction."""

    index: int  # of the step in the scheduler's timesteps
    level: Level
    landed: torch.Tensor  # where the plain step lands, without a stochastic step's fresh noise; float32
    clean: torch.Tensor  # the predicted clean image, float32
    acts: bool  # a correction acts here: the landing is kept, and noise is left in it
    planned: Bands  # the weights that this step has unless the observer answers
    effect: Callable[[Bands], torch.Tensor]  # how far the landing would move under these weights; linear in them


#: Looks at a step, and may answer with weights to use there instead of the planned ones.
Observer = Callable[[Seen], Bands | None]


@dataclass
class Armed:
    """What an armed scheduler carries; plain, so that it copies and pickles (an observer as far as it does)."""

    correction: Correction | None  # None: only watch
    layout: str = "planes"
    watch: bool = True  # refuse NaN and Inf in the model's output
    observe: Observer | None = None
    kernel: Callable[..., torch.Tensor] = correct
    timesteps: torch.Tensor | None = None  # the schedule that the plan below is of, compared by identity
    listed: list[float] = field(default_factory=list)  # the same as numbers
    levels: list[Level] = field(default_factory=list)
    bands: tuple[Bands, ...] = ()
    broken: list[torch.Tensor] = field(default_factory=list)  # per step, 0-d: whether it had NaN or Inf; accelerators

    def refresh(self, scheduler: Any, site: Site, correction: Correction) -> None:
        """Plan anew where `set_timesteps` has been called since."""
        if self.timesteps is scheduler.timesteps:
            return
        self.levels = site.levels(scheduler)
        self.bands = correction.plan([level.start for level in self.levels])
        self.listed = scheduler.timesteps.tolist()
        self.timesteps = scheduler.timesteps


def enable(
    target: Any,
    correction: Correction | str,
    *,
    layout: str | None = None,
    watch: bool = True,
    observe: Observer | None = None,
    kernel: Callable[..., torch.Tensor] = correct,
) -> Any:
    """Arm a scheduler, or a pipeline's, with a correction and return it; arming again replaces the correction.

    correction: as `parse_correction` reads it, or its result. "off" disarms.
    layout: "planes" or "packed", how the latents lie; a pipeline's is known, a bare scheduler's is "planes".
    watch: raise SceneError when the model's output holds NaN or Inf, naming step and scheduler.
    observe: called at every step; keeps a scheduler armed even where `correction` is off.
    kernel: what computes a correction of an output: `correct`, or `models.diffusion.fused.correct_fused`.
    InputError where the scheduler, the latents or the coefficients cannot be corrected, with the reason.
    """
    scheduler, found = _scheduler_of(target)
    wanted = parse_correction(correction) if isinstance(correction, str) else correction
    if wanted is None:
        if observe is None:
            return disable(scheduler)
        wanted = UNCORRECTED
    find_site(scheduler)
    layout = layout or found
    if layout not in LAYOUTS:
        raise InputError(f"latent layout {layout!r}: give one of {', '.join(LAYOUTS)}")
    return _arm(scheduler, Armed(wanted, layout, watch, observe, kernel))


def watch(target: Any) -> Any:
    """Arm a scheduler of any kind to refuse NaN and Inf, and to change nothing."""
    scheduler, _ = _scheduler_of(target)
    return _arm(scheduler, Armed(None))


def disable(target: Any) -> Any:
    """Give the scheduler its own class back and return it; nothing of the correction is left in it."""
    scheduler, _ = _scheduler_of(target)
    if is_armed(scheduler):
        scheduler.__class__ = type(scheduler).__mro__[1]
    scheduler.__dict__.pop(_STATE, None)
    return scheduler


def layout_of(target: Any) -> str:
    """How a pipeline's latents lie, one of correction.LAYOUTS."""
    return _scheduler_of(target)[1]


def is_armed(scheduler: Any) -> bool:
    return getattr(type(scheduler), "_dcw_armed", False)


def check_watched(scheduler: Any) -> None:
    """SceneError where a watched run on an accelerator met NaN or Inf; one transfer for the whole run."""
    broken = scheduler.__dict__[_STATE].broken
    flags = torch.stack(broken).tolist() if broken else []
    broken.clear()
    if any(flags):
        raise _broken_step(scheduler, flags.index(True))


def _scheduler_of(target: Any) -> tuple[Any, str]:
    """The scheduler of a pipeline and its latents' layout, or a bare scheduler."""
    if hasattr(target, "step"):
        return target, "planes"
    if not hasattr(getattr(target, "scheduler", None), "step"):
        raise InputError(f"{type(target).__name__} is neither a diffusers scheduler nor a pipeline that has one")
    family = type(target).__module__.removeprefix("diffusers.pipelines.").partition(".")[0]
    return target.scheduler, "packed" if family in PACKED_FAMILIES else "planes"


def _arm(scheduler: Any, state: Armed) -> Any:
    base: Any = type(disable(scheduler))
    scheduler.__class__ = armed_class(base)
    scheduler.__dict__[_STATE] = state
    return scheduler


@functools.cache
def armed_class(base: Any) -> Any:
    """The subclass of a scheduler class that corrects; one per base, so that types of equal schedulers agree."""

    @functools.wraps(base.step)
    def step(self, *args, **kwargs):
        return _armed_step(base, self, self.__dict__[_STATE], args, kwargs)

    members = {
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
        "__doc__": base.__doc__,
        "__new__": lambda cls, *args, **kwargs: base(*args, **kwargs),  # a new instance is a plain one: from_config
        "__reduce_ex__": lambda self, protocol: (_revive, (base,), self.__dict__),
        "_dcw_armed": True,
        "step": step,
    }
    return type(base.__name__, (base,), members)


def _revive(base: Any) -> Any:
    """An empty armed instance for copy and pickle to fill."""
    return object.__new__(armed_class(base))


def _armed_step(base: Any, scheduler: Any, state: Armed, args: tuple, kwargs: dict) -> Any:
    """The base's `step`, watched, and corrected where this step has weights; else the base's own, untouched."""
    call = _bound(base, scheduler, args, kwargs)
    if state.watch:
        _watch_output(scheduler, state, call)
    if state.correction is None:
        return base.step(scheduler, *args, **kwargs)
    site = find_site(scheduler)
    state.refresh(scheduler, site, state.correction)
    index = site.position(scheduler, call["timestep"], state.listed)
    level = state.levels[index]
    acts = not level.still and site.closes(scheduler, index)
    bands = state.bands[index] if acts else Bands()
    if not bands and state.observe is None:
        return base.step(scheduler, *args, **kwargs)
    if call.get("per_token_timesteps") is not None:
        raise InputError("per_token_timesteps gives each token its own noise level: use --correction off")
    wanted = _plain_dtype(site, call)
    # float32 in, so that the correction is not made on a state that has already been rounded to bfloat16
    call |= {"model_output": call["model_output"].float(), "sample": call["sample"].float()}
    take = _shifted_step if site.place == "input" else _corrected_step
    result = take(_Step(base, scheduler, site, state, state.correction, call, index, level, acts), bands)
    return _replaced(result, _sample_of(result).to(wanted))


@dataclass(frozen=True)
class _Step:
    """One call of `step` that is corrected or observed."""

    base: Any
    scheduler: Any
    site: Site
    state: Armed
    correction: Correction
    call: dict[str, Any]
    index: int
    level: Level
    acts: bool

    @property
    def signal(self) -> float:
        return 1.0 if self.correction.direction == "paper" else self.level.next_signal

    def twin(self) -> Any:
        """The scheduler as it is before this step, to try one on: a step changes its solver's memory."""
        return copy.deepcopy(self.scheduler, {id(self.state): self.state})

    def observed(self, landed: Any, clean: Any, effect: Callable[[Bands], Any], planned: Bands) -> Bands:
        """The weights of this step once the observer, where there is one, has seen it."""
        if self.state.observe is None:
            return planned
        answer = self.state.observe(Seen(self.index, self.level, landed, clean, self.acts, planned, effect))
        return planned if answer is None or not self.acts else answer


def _corrected_step(step: _Step, planned: Bands) -> Any:
    """Correction on what the plain step returns (sites output and block end), float32."""
    result = step.base.step(step.scheduler, **step.call)
    landed, sample = _sample_of(result), step.call["sample"]
    clean = step.site.clean(step.scheduler, result, step.call, step.level)
    kept = step.site.kept(step.scheduler, step.level, step.call)
    mean = None if kept is None else mean_of(step.level, kept, clean, sample)
    origin, transform, layout = landed if mean is None else mean, step.correction.transform, step.state.layout

    def effect(bands: Bands) -> torch.Tensor:
        return weigh_bands(origin.float() - step.signal * clean.float(), bands, transform, layout)

    bands = step.observed(origin, clean, effect, planned)
    corrected = step.state.kernel(
        landed, clean, bands, signal=step.signal, transform=transform, layout=layout, mean=mean
    )
    return _replaced(result, corrected)


def _shifted_step(step: _Step, planned: Bands) -> Any:
    """Correction through the model's output (site input), float32."""
    prediction = step.scheduler.config.prediction_type
    options = (prediction, step.correction.direction, step.correction.transform, step.state.layout)

    def land(bands: Bands, scheduler: Any) -> Any:
        output = shift_output(step.call, step.level, bands, *options) if bands else step.call["model_output"]
        return step.base.step(scheduler, **step.call | {"model_output": output})

    bands = planned
    if step.state.observe is not None:
        plain = _sample_of(land(Bands(), step.twin()))
        clean = clean_from(prediction, step.level, step.call["sample"], _mean_half(step.call))

        def effect(bands: Bands) -> torch.Tensor:
            return _sample_of(land(bands, step.twin())) - plain

        bands = step.observed(plain, clean, effect, planned)
    return land(bands, step.scheduler)


def _mean_half(call: dict[str, Any]) -> torch.Tensor:
    """A model's output without its learned variance."""
    return call["model_output"][:, : call["sample"].shape[1]]


@functools.cache
def _signature(base: Any) -> inspect.Signature:
    return inspect.signature(base.step)


def _bound(base: Any, scheduler: Any, args: tuple, kwargs: dict) -> dict[str, Any]:
    """The call's arguments by name, self left out."""
    call = dict(_signature(base).bind(scheduler, *args, **kwargs).arguments)
    call.pop("self", None)
    return call


def _plain_dtype(site: Site, call: dict) -> torch.dtype:
    """The dtype that the plain step would return."""
    if site.dtype_of == "both":
        return torch.promote_types(call["sample"].dtype, call["model_output"].dtype)
    return call[site.dtype_of].dtype


def _sample_of(result: Any) -> torch.Tensor:
    return result[0] if isinstance(result, tuple) else result.prev_sample


def _replaced(result: Any, sample: torch.Tensor) -> Any:
    """The result with its sample changed, in the form and of the length that the caller asked for."""
    if isinstance(result, tuple):
        return (sample, *result[1:])
    result.prev_sample = sample
    return result


def _watch_output(scheduler: Any, state: Armed, call: dict) -> None:
    """On CPU refuse at once; on an accelerator note a flag, for reading it now would stall the device."""
    output = call["model_output"]
    if not isinstance(output, torch.Tensor) or not output.is_floating_point():
        return
    bad = ~torch.isfinite(output).all()
    if output.device.type != "cpu":
        state.broken.append(bad)
    elif bad:
        raise _broken_step(scheduler, getattr(scheduler, "step_index", None) or _place(scheduler, call["timestep"]))


def _place(scheduler: Any, timestep: Any) -> int:
    """The first place of a timestep in the schedule, 0 where it is not in it."""
    places = [index for index, listed in enumerate(scheduler.timesteps.tolist()) if listed == float(timestep)]
    return places[0] if places else 0


def _broken_step(scheduler: Any, index: int) -> SceneError:
    return SceneError(
        f"the model's output has NaN or Inf at step {index + 1} of {len(scheduler.timesteps)} with "
        f"{type(scheduler).__name__}: try dtype float32, less guidance, or --correction off"
    )
