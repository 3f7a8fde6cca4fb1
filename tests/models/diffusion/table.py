"""The documents' table of schedulers, made by the tests that prove it: python -m tests.models.diffusion.table

Each row is run against the plainly written reference of `test_support.py`, in both directions; what is said of
agreement is the bound that the largest difference lies under, as a share of the latents' mean size.
"""

import math
import re
from pathlib import Path
from typing import Any

import pytest

from models.diffusion.support import REFUSED, SITES
from tests.models.diffusion.test_schedulers import SD
from tests.models.diffusion.test_support import CASES, HIGH, LOW, armed, plain_step, reference, run

PAGE = Path(__file__).parents[3] / "docs" / "schedulers.md"
HEADER = """# Schedulers

Made by `python -m tests.models.diffusion.table`; every row is a run of
`tests/models/diffusion/test_support.py::test_equals_the_plain_reference` against a reference that shares nothing with
the code but the schedule's arrays, along the paper's direction and the noise direction. *Site*: where the correction
acts, on the sample that `step` returns (output), on the call that closes a block of several (block end), or through the
model's output (input). *Effect*: largest change of the final latents; *agrees to*: a bound of the largest difference
from the reference; both as shares of the latents' mean size.

| scheduler | prediction | options | site | effect | agrees to |
|---|---|---|---|---|---|
"""


def describe_options(config: dict[str, Any]) -> str:
    """What sets a configuration apart from the class's other ones."""
    shown = {key: value for key, value in config.items() if key not in (*SD, "prediction_type", "use_flow_sigmas")}
    return ", ".join(f"{key} {value}" for key, value in shown.items() if not (key == "clip_sample" and not value))


def measure(name: str, config: dict[str, Any]) -> tuple[float, float]:
    """(effect, difference from the reference), the larger of both directions."""
    plain = run(name, config, plain_step)
    scale, effects, errors = float(plain.abs().mean()), [], []
    with pytest.MonkeyPatch.context() as patch:
        for direction in ("paper", "noise"):
            got = armed(name, config, f"double:low={LOW},high={HIGH},direction={direction}")
            errors.append(float((got - reference(name, config, direction, patch)).abs().max()) / scale)
            effects.append(float((got - plain).abs().max()) / scale)
    return max(effects), max(errors)


def prediction_of(name: str, config: dict[str, Any]) -> str:
    if name.startswith("FlowMatch") or name == "IPNDMScheduler":
        return "velocity"
    return config.get("prediction_type", "epsilon")


def format_row(name: str, config: dict[str, Any]) -> str:
    cells = [f"`{name}`", prediction_of(name, config), describe_options(config), SITES[name].place]
    if name == "LMSDiscreteScheduler":
        return f"| {' | '.join(cells)} | not run: needs scipy | |"
    effect, error = measure(name, config)
    bound = 10.0 ** math.ceil(math.log10(max(error, 1e-9)))
    return f"| {' | '.join(cells)} | {effect:.0%} | {bound:.0e} |"


def keys_of(page: str) -> list[str]:
    """The rows' first four cells: what they are about."""
    rows = re.findall(r"^\| (`\w+` \|[^|\n]*\|[^|\n]*\|[^|\n]*)\|", page, re.MULTILINE)
    return [" ".join(row.split()) for row in rows]


def format_page() -> str:
    rows = [format_row(name, config) for name, configs in CASES.items() for config in configs]
    refused = "".join(f"| `{name}` | {reason} |\n" for name, reason in REFUSED.items())
    return HEADER + "\n".join(rows) + f"\n\n## Refused\n\n| scheduler | why |\n|---|---|\n{refused}"


if __name__ == "__main__":
    PAGE.write_text(format_page(), "utf-8")
