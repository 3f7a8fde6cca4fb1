"""Arming a diffusers scheduler: `enable` swaps its class for one whose `step` corrects, `disable` swaps it back.

The armed class keeps the base's name and module, so isinstance, `save_pretrained`, `inspect.signature` and pipelines
that look at the class all see the plain scheduler; the state lives in the instance, so that deepcopy and pickle carry
it along while `from_config`, which makes a new instance, gives an unarmed one. The scheduler's config is untouched:
coefficients in it would travel into other scheduler classes, where they are wrong.
"""

import functools
import inspect
from dataclasses import dataclass, field
from typing import Any

import torch

from models.diffusion.bands import Bands
from models.diffusion.coefficients import Correction, parse_correction
from models.diffusion.correction import LAYOUTS, correct
from models.diffusion.sites import Level, Site, mean_of, shift_output
from models.diffusion.support import find_site
from models.errors import InputError, SceneError

_STATE = "_dcw"

#: Packages of diffusers.pipelines whose `_pack_latents` is the 2x2 packing of correction.LAYOUTS.
PACKED_FAMILIES = ("bria", "chroma", "flux", "flux2", "longcat_image", "ovis_image", "qwenimage", "visualcloze")


@dataclass
class Armed:
    """What an armed scheduler carries; plain, so that it copies and pickles."""

    correction: Correction | None  # None: only watch
    layout: str = "planes"
    watch: bool = True  # refuse NaN and Inf in the model's output
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


def enable(target: Any, correction: Correction | str, *, layout: str | None = None, watch: bool = True) -> Any:
    """Arm a scheduler, or a pipeline's, with a correction and return it; arming again replaces the correction.

    correction: as `parse_correction` reads it, or its result. "off" disarms.
    layout: "planes" or "packed", how the latents lie; a pipeline's is known, a bare scheduler's is "planes".
    watch: raise SceneError when the model's output holds NaN or Inf, naming step and scheduler.
    InputError where the scheduler, the latents or the coefficients cannot be corrected, with the reason.
    """
    scheduler, found = _scheduler_of(target)
    wanted = parse_correction(correction) if isinstance(correction, str) else correction
    if wanted is None:
        return disable(scheduler)
    find_site(scheduler)
    layout = layout or found
    if layout not in LAYOUTS:
        raise InputError(f"latent layout {layout!r}: give one of {', '.join(LAYOUTS)}")
    return _arm(scheduler, Armed(wanted, layout, watch))


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
    correction = state.correction
    if correction is None:
        return base.step(scheduler, *args, **kwargs)
    site = find_site(scheduler)
    state.refresh(scheduler, site, correction)
    index = site.position(scheduler, call["timestep"], state.listed)
    bands, level = state.bands[index], state.levels[index]
    if not bands or level.still or not site.closes(scheduler, index):
        return base.step(scheduler, *args, **kwargs)
    if call.get("per_token_timesteps") is not None:
        raise InputError("per_token_timesteps gives each token its own noise level: use --correction off")
    wanted = _plain_dtype(site, call)
    # float32 in, so that the correction is not made on a state that has already been rounded to bfloat16
    call |= {"model_output": call["model_output"].float(), "sample": call["sample"].float()}
    if site.place == "input":
        prediction = scheduler.config.prediction_type
        options = (prediction, correction.direction, correction.transform, state.layout)
        call["model_output"] = shift_output(call, level, bands, *options)
        result = base.step(scheduler, **call)
        return _replaced(result, _sample_of(result).to(wanted))
    result = base.step(scheduler, **call)
    signal = 1.0 if correction.direction == "paper" else level.next_signal
    clean = site.clean(scheduler, result, call, level)
    kept = site.kept(scheduler, level, call)
    corrected = correct(
        _sample_of(result),
        clean,
        bands,
        signal=signal,
        transform=correction.transform,
        layout=state.layout,
        mean=None if kept is None else mean_of(level, kept, clean, call["sample"]),
    )
    return _replaced(result, corrected.to(wanted))


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
