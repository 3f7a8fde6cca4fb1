"""Pipelines from a Hub id, a local folder or this repository, with their scheduler, dtype, device and digest."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from models.diffusion.support import SITES
from models.errors import InputError, SetupError
from models.profiles import EMBEDDED, Profile

#: What a picture can depend on in a model's folder; pickles are never opened, so they do not count.
MODEL_FILES = (".safetensors", ".json", ".txt", ".model", ".toml", ".png")

#: Samplers that take a flow-matching model when told so (DEIS and SA-Solver would too, but their schedules for it end
#: in noise), and the two that take nothing else.
FLOW_SOLVERS = (
    "DPMSolverMultistepScheduler",
    "DPMSolverSinglestepScheduler",
    "UniPCMultistepScheduler",
)
FLOW_ONLY = ("FlowMatchEulerDiscreteScheduler", "FlowMatchHeunDiscreteScheduler")


@dataclass(frozen=True)
class Loaded:
    """A pipeline ready to draw."""

    pipe: Any  # a diffusers pipeline; its scheduler is a template, never stepped
    weights: str  # sha256 over the files that its predictions come from, hex
    dtype: str  # "float32", "bfloat16", "float16"
    device: str  # "cpu", "cuda", "mps"
    files: str = ""  # sha256 over all of its files, hex: also what lays out sketches and enlarges pictures


def load(profile: Profile) -> Loaded:
    """The profile's pipeline on the best device, with the profile's scheduler; SetupError where it cannot be had."""
    device = best_device()
    dtype = pick_dtype(profile.dtype, device)
    _quiet()
    if profile.drawing == EMBEDDED:
        folder = Path(__file__).parents[1] / "illustrator" / "weights"
        pipe, network = _load_embedded(dtype), folder / "transformer"
    else:
        from models.registry import model_path

        folder = model_path(profile.drawing, profile.revision)
        pipe, network = _load_folder(folder, dtype), folder
    pipe.scheduler = make_scheduler(profile.scheduler, pipe.scheduler)
    _place(pipe, device, profile.memory)
    files = digest_folder(folder)
    weights = files if network == folder else digest_folder(network)
    return Loaded(pipe, weights, str(dtype).removeprefix("torch."), device, files)


def _quiet() -> None:
    """No progress bars and no hints about optional packages but the program's own."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    for library in (diffusers_logging, transformers_logging):
        library.disable_progress_bar()
        library.set_verbosity_error()


def _load_embedded(dtype: torch.dtype) -> Any:
    from models.illustrator.pipeline import load_pipeline

    return load_pipeline(dtype=dtype)


def _load_folder(folder: Path, dtype: torch.dtype) -> Any:
    """Any diffusers text-to-image pipeline, from safetensors only and without code of the folder's."""
    from diffusers import DiffusionPipeline

    try:
        pipe = DiffusionPipeline.from_pretrained(
            str(folder), dtype=dtype, use_safetensors=True, trust_remote_code=False, local_files_only=True
        )
    except (OSError, ValueError, KeyError, AttributeError, ImportError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SetupError(
            f"{folder} is no diffusers pipeline that can be loaded from safetensors alone ({reason}): "
            "choose another model, or one stored as safetensors"
        ) from error
    if not hasattr(getattr(pipe, "scheduler", None), "step"):
        raise SetupError(f"{type(pipe).__name__} of {folder} has no scheduler: choose a diffusion pipeline")
    return pipe


def _place(pipe: Any, device: str, memory: int) -> None:
    """On the device; where a card is smaller than the profile asks for, one component at a time."""
    pipe.set_progress_bar_config(disable=True)
    if device == "cuda" and torch.cuda.mem_get_info()[0] < memory * 10**9:
        pipe.enable_model_cpu_offload()
    elif device != "cpu":
        pipe.to(device)


def best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def pick_dtype(name: str, device: str) -> torch.dtype:
    """A profile's dtype; "auto" is bfloat16 where the device multiplies in it, else float32."""
    if name != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[name]
    if device == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device == "cpu" and torch.cpu._is_avx512_bf16_supported():
        return torch.bfloat16
    return torch.float32


def make_scheduler(name: str, current: Any) -> Any:
    """A new scheduler of a short or full name ("Euler", "DPMSolverMultistep") with the model's configuration.

    "" keeps the class. InputError where the name is unknown or the model cannot be sampled with it.
    """
    kind: Any = type(current) if not name else _scheduler_class(name)
    config, flow = current.config, is_flow(current)
    if kind is type(current):
        return kind.from_config(config)
    if kind.__name__ in FLOW_ONLY:
        if not flow:
            raise InputError(
                f"scheduler {name} samples flow-matching models only; this one has {type(current).__name__}"
            )
        return kind.from_config(config, shift=config.get("shift", config.get("flow_shift", 1.0)))
    if flow and kind.__name__ not in FLOW_SOLVERS:
        raise InputError(f"scheduler {name} cannot sample a flow-matching model: give FlowMatchEuler")
    if flow:
        shift = config.get("flow_shift", config.get("shift", 1.0))
        return kind.from_config(config, prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=shift)
    return kind.from_config(config)


def is_flow(scheduler: Any) -> bool:
    """Whether the scheduler's model predicts velocities of a straight path from image to noise."""
    return type(scheduler).__name__ in FLOW_ONLY or scheduler.config.get("prediction_type") == "flow_prediction"


def _scheduler_class(name: str) -> type:
    import diffusers

    for suffix in ("", "Scheduler", "DiscreteScheduler", "MultistepScheduler"):
        if name + suffix in SITES:
            return getattr(diffusers, name + suffix)
    raise InputError(f"unknown scheduler {name!r}: give one of {', '.join(sorted(SITES))}")


def digest_config(scheduler: Any) -> str:
    """sha256 of a scheduler's class and options, hex; the library's own notes in the config do not count."""
    options = {key: value for key, value in scheduler.config.items() if not key.startswith("_")}
    text = json.dumps([type(scheduler).__name__, options], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def digest_folder(folder: Path) -> str:
    """sha256 over the names and contents of a model's files, hex."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.suffix in MODEL_FILES and path.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()} {_digest_file(path)}\n".encode())
    return digest.hexdigest()


def _digest_file(path: Path) -> str:
    """sha256 of a file; the Hub's cache names its large files by theirs, which saves reading them."""
    name = path.resolve().name
    if path.is_symlink() and len(name) == 64 and all(letter in "0123456789abcdef" for letter in name):
        return name
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
