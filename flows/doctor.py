"""`broll doctor` and `broll models list`: what is there, what is missing, and what would be downloaded."""

import json
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from models.errors import BrollError
from models.profiles import EMBEDDED, load_profile, profile_names
from models.registry import MODEL_FIELDS, hub_models, profile_weights
from models.weights import cache_folder, list_weights, weight_path

PACKAGES = (
    "torch", "diffusers", "transformers", "faster-whisper", "rapidocr", "av", "opencv-python-headless", "ptwt",
    "opentimelineio", "pysubs2", "prefect", "fastapi",
)  # fmt: skip


def find_facts() -> dict[str, Any]:
    """Everything that `broll doctor` tells; `problems` names what keeps the embedded profile from running."""
    packages = {name: _installed(name) for name in PACKAGES}
    weights = {weight.name: _find_weight(weight.name) for weight in list_weights()}
    needed = profile_weights(load_profile(EMBEDDED))
    facts: dict[str, Any] = {
        "broll": _installed("broll") or "not installed as a package",
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "packages": packages,
        "ffmpeg": _find_ffmpeg(),
        "devices": _find_devices(),
        "cache": str(cache_folder()),
        "weights": weights,
        "would download": {w.name: f"{w.size / 2**20:.0f} MB" for w in list_weights()
                           if w.name in needed and weights[w.name] == "not cached"},
        "prefect api": os.environ.get("PREFECT_API_URL") or "a temporary server for each run",
    }  # fmt: skip
    problems = [f"package {name} is missing: run `make setup`" for name, found in packages.items() if not found]
    problems += [f"weight {name} is not cached: run `broll models fetch embedded`" for name in facts["would download"]]
    if facts["ffmpeg"].startswith("none"):
        problems.append("no ffmpeg: run `make setup`, which brings a packaged one")
    return {**facts, "problems": problems}


def print_findings(as_json: bool) -> int:
    """Print the facts; 0 where the embedded profile can run, else 2."""
    facts = find_facts()
    if as_json:
        print(json.dumps(facts, indent=2))
        return 2 if facts["problems"] else 0
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in facts.items():
        if name != "problems":
            table.add_row(name, escape(_as_text(value)))
    console = Console()
    console.print(table)
    for problem in facts["problems"]:
        console.print(f"[red]missing[/] {escape(problem)}", highlight=False)
    if not facts["problems"]:
        console.print("[green]ready[/] the embedded profile has all that it needs", highlight=False)
    return 2 if facts["problems"] else 0


def print_models(as_json: bool) -> int:
    """Print every profile with its models and what of them is here."""
    profiles = [_describe_profile(name) for name in profile_names()]
    if as_json:
        print(json.dumps(profiles, indent=2))
        return 0
    console = Console()
    for profile in profiles:
        tried = "" if profile["tried"] else " [yellow](declared, not yet run on its real weights)[/]"
        console.print(f"[bold]{escape(profile['name'])}[/] {escape(profile['description'])}{tried}", highlight=False)
        table = Table(show_header=False, box=None, padding=(0, 2, 0, 2))
        for role, model in profile["models"].items():
            table.add_row(role, escape(model["model"]), escape(model["state"]))
        table.add_row("licence", escape(profile["licence"]), "")
        console.print(table)
    return 0


def _describe_profile(name: str) -> dict[str, Any]:
    profile = load_profile(name)
    from_hub = {model for model, _ in hub_models(profile)}
    models = {
        role: {"model": model, "state": "from the Hub" if model in from_hub else _find_weight(model)}
        for role in MODEL_FIELDS
        if (model := getattr(profile, role))
    }
    return {
        "name": name,
        "description": profile.description,
        "tried": profile.tried,
        "licence": profile.licence,
        "commercial": profile.commercial,
        "models": models,
    }


def _find_weight(name: str) -> str:
    if name == EMBEDDED:
        return "in the repository"
    try:
        weight_path(name)
        return "cached"
    except BrollError:
        return "not cached"


def _find_ffmpeg() -> str:
    from tasks.media import ffmpeg_program

    try:
        return ffmpeg_program()
    except BrollError as error:
        return f"none: {error}"


def _find_devices() -> dict[str, str]:
    try:
        import torch
    except ImportError:
        return {"cpu": "torch is missing"}
    units = [name for name in ("avx512_bf16", "amx_bf16", "avx512f", "avx2") if name in _processor_flags()]
    cpu = f"{processor_name()}, {os.cpu_count()} cores, bfloat16 matrix units: "
    devices = {"cpu": cpu + ("yes" if {"avx512_bf16", "amx_bf16"} & set(units) else "no") + f" ({', '.join(units)})"}
    for index in range(torch.cuda.device_count()):
        card = torch.cuda.get_device_properties(index)
        devices[f"cuda:{index}"] = f"{card.name}, {card.total_memory / 2**30:.0f} GB"
    if torch.backends.mps.is_available():
        devices["mps"] = "Apple GPU"
    return devices


def _processor_flags() -> set[str]:
    return set(_cpuinfo("flags").split())


def processor_name() -> str:
    """The processor as the system names it: every speed claim needs it."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def _cpuinfo(field: str) -> str:
    """A field of /proc/cpuinfo, "" where the system has none."""
    if not sys.platform.startswith("linux"):
        return ""
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        return next((line.partition(":")[2].strip() for line in file if line.startswith(field)), "")


def _installed(name: str) -> str:
    for known in (name, name.removesuffix("-headless")):
        try:
            return version(known)
        except PackageNotFoundError:
            continue
    return ""


def _as_text(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{name}: {item or 'missing'}" for name, item in value.items()) or "nothing"
    return str(value)
