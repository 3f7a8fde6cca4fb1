"""Every scheduler class: corrected as a plainly written reference says, or refused with a reason.

The reference takes the scheduler's plain step, and has its own noise levels, clean images, block ends and wavelet
transform; it shares nothing with the code under test but the schedule's arrays.
"""

import copy
import functools
import inspect
import sys

import diffusers
import numpy as np
import pytest
import torch

from models.diffusion import enable
from models.diffusion.support import REFUSED, SITES
from models.errors import InputError
from tests.models.diffusion.test_schedulers import SD, alphas_bar, clean_of, correct_by_pywt, model, start

STEPS = 7
LOW, HIGH = 0.06, 0.03
FLOW = {"prediction_type": "flow_prediction", "use_flow_sigmas": True, "flow_shift": 3.0}
PREDICTIONS = ("epsilon", "sample", "v_prediction")

#: class -> its configurations (prediction types and variants) that a pipeline can carry.
CASES = {
    "FlowMatchEulerDiscreteScheduler": [{}, {"shift": 3.0}],
    "FlowMatchHeunDiscreteScheduler": [{}, {"shift": 3.0}],
    "DDIMScheduler": [{**SD, "prediction_type": p, "clip_sample": clip} for p in PREDICTIONS for clip in (False, True)],
    "DDIMParallelScheduler": [{**SD, "prediction_type": p, "clip_sample": False} for p in PREDICTIONS],
    "DDPMScheduler": [{**SD, "prediction_type": p, "clip_sample": False} for p in PREDICTIONS],
    "DDPMParallelScheduler": [{**SD, "prediction_type": p, "clip_sample": False} for p in PREDICTIONS],
    "EulerDiscreteScheduler": [{**SD, "prediction_type": p} for p in PREDICTIONS],
    "LMSDiscreteScheduler": [{**SD, "prediction_type": p} for p in PREDICTIONS],
    "EDMEulerScheduler": [{"prediction_type": p} for p in ("epsilon", "v_prediction")],
    "EulerAncestralDiscreteScheduler": [{**SD, "prediction_type": p} for p in ("epsilon", "v_prediction")],
    "HeunDiscreteScheduler": [{**SD, "prediction_type": p} for p in PREDICTIONS],
    "KDPM2DiscreteScheduler": [{**SD, "prediction_type": p} for p in ("epsilon", "v_prediction")],
    "DPMSolverMultistepScheduler": [
        *({**SD, "prediction_type": p} for p in PREDICTIONS),
        {**SD, "algorithm_type": "sde-dpmsolver++"},
        {**SD, "algorithm_type": "dpmsolver", "final_sigmas_type": "sigma_min"},
        {**SD, "solver_order": 3, "use_karras_sigmas": True},
        FLOW,
    ],
    "DEISMultistepScheduler": [*({**SD, "prediction_type": p} for p in PREDICTIONS), FLOW],
    "EDMDPMSolverMultistepScheduler": [{"prediction_type": p} for p in ("epsilon", "v_prediction")],
    "DPMSolverSinglestepScheduler": [
        *({**SD, "prediction_type": p} for p in PREDICTIONS),
        {**SD, "solver_order": 3},
        FLOW,
    ],
    "PNDMScheduler": [
        {**SD, "prediction_type": p, "skip_prk_steps": skip}
        for p in ("epsilon", "v_prediction")
        for skip in (True, False)
    ],
    "IPNDMScheduler": [{}],
    "UniPCMultistepScheduler": [*({**SD, "prediction_type": p} for p in PREDICTIONS), FLOW],
    "SASolverScheduler": [{**SD, "prediction_type": p} for p in PREDICTIONS],
}
ALL = [(name, config) for name, configs in CASES.items() for config in configs]


def make(name: str, config: dict):
    if name == "LMSDiscreteScheduler":
        pytest.importorskip("scipy", reason="optional: diffusers' LMS integrates with scipy, which nothing here needs")
    return copy.deepcopy(_made(name, tuple(config.items())))


@functools.cache
def _made(name: str, config: tuple):
    """KDPM2 takes a quarter of a second to make."""
    return getattr(diffusers, name)(**dict(config))


def plain_plan(name: str, scheduler) -> list[tuple]:
    """One call each: signal and sigma that the model saw, signal and sigma landed on, start, whether it is kept."""
    bar = alphas_bar()
    if name == "PNDMScheduler":
        return pndm_plan(scheduler, bar)
    if name.startswith("DD"):
        times = [int(time) for time in scheduler.timesteps]
        after = [bar[time - 1000 // STEPS] if time >= 1000 // STEPS else 1.0 for time in times]
        return [
            (bar[t] ** 0.5, (1 - bar[t]) ** 0.5, b**0.5, (1 - b) ** 0.5, (1 - bar[t]) ** 0.5, True)
            for t, b in zip(times, after, strict=True)
        ]
    if name == "IPNDMScheduler":
        b, a = scheduler.betas.numpy(), scheduler.alphas.numpy()
        return [(a[i], b[i], a[i + 1], b[i + 1], b[i], True) for i in range(STEPS)]
    s = scheduler.sigmas.double().numpy()
    if name in ("HeunDiscreteScheduler", "KDPM2DiscreteScheduler", "FlowMatchHeunDiscreteScheduler"):
        flow = name.startswith("Flow")
        plan = []
        for block in range(0, len(s) - 1, 2):
            begin, end = s[block], s[block + 1]
            middle = (begin * end) ** 0.5 if name.startswith("KDPM2") else end
            for seen, kept in ((begin, False), (middle, True)):
                plan.append((1 - seen if flow else 1.0, seen, 1 - end if flow else 1.0, end, begin, kept))
        return plan[: len(scheduler.timesteps)]
    if name.startswith(("Euler", "LMS", "EDM")):
        return [(1.0, s[i], 1.0, s[i + 1], s[i], True) for i in range(STEPS)]
    flow = name.startswith("Flow") or scheduler.config.get("use_flow_sigmas")
    a = 1 - s if flow else 1 / np.sqrt(1 + s**2)
    s = s if flow else s * a
    kept, begins = [True] * STEPS, s
    if "Singlestep" in name:  # blocks of solver_order, the last step on its own
        order = scheduler.config.solver_order
        kept = [step % order == order - 1 or step == STEPS - 1 for step in range(STEPS)]
        begins = [s[step - step % order] for step in range(STEPS)]
    return [(a[i], s[i], a[i + 1], s[i + 1], begins[i], kept[i]) for i in range(STEPS)]


def pndm_plan(scheduler, bar: np.ndarray) -> list[tuple]:
    stride = 1000 // STEPS
    times = [int(time) for time in scheduler.timesteps]
    moves = [(time, time - stride, time) for time in times]  # seen, landed on, started from
    kept = [True] * len(times)
    if scheduler.config.skip_prk_steps:
        moves[1], kept[0] = (times[1], times[1], times[0]), False
    else:
        kept[:12] = [False] * 12
    plan = []
    for (seen, landed, began), keep in zip(moves, kept, strict=True):
        after = bar[landed] if landed >= 0 else bar[0]
        sigma = (1 - bar[began]) ** 0.5
        plan.append((bar[seen] ** 0.5, (1 - bar[seen]) ** 0.5, after**0.5, (1 - after) ** 0.5, sigma, keep))
    return plan


def plain_clean(name: str, scheduler, x, output, a: float, s: float):
    prediction = scheduler.config.get("prediction_type", "flow_prediction")
    if name == "IPNDMScheduler":
        prediction = "v_prediction"
    if name.startswith("EDM"):  # Karras et al. 2022, table 1, sigma_data 0.5
        skip, out = 0.25 / (s**2 + 0.25), 0.5 * s / (s**2 + 0.25) ** 0.5
        return skip * x + (-out if prediction == "v_prediction" else out) * output
    if prediction == "flow_prediction":
        return x - s * output
    if a == 1.0:  # variance exploding: the model saw x / sqrt(1 + s^2)
        a = 1 / (1 + s**2) ** 0.5
        x, s = x * a, s * a
    clean = clean_of(prediction, x, output, a, s)
    return clean.clamp(-1, 1) if scheduler.config.get("clip_sample") else clean


def mean_step(scheduler, output, timestep, x, monkeypatch):
    """Where the plain step lands when its fresh noise is nought."""
    twin = copy.deepcopy(scheduler)
    if scheduler.config.get("algorithm_type") == "sde-dpmsolver++":
        twin.register_to_config(solver_order=1)  # the direction is that of the first-order mean, as documented
    with monkeypatch.context() as patch:
        module = sys.modules[type(scheduler).__module__]
        if hasattr(module, "randn_tensor"):
            patch.setattr(module, "randn_tensor", lambda shape, **options: torch.zeros(shape))
        return twin.step(output, timestep, x, return_dict=False)[0]


def plain_shift(name: str, scheduler, x, output, call: tuple, low: float, high: float, direction: str):
    """The output that moves a first-order landing a' D + s' e by the wanted correction, found by its own algebra."""
    a, s, a2, s2, *_ = call
    clean = plain_clean(name, scheduler, x, output, a, s)
    noise = (x - a * clean) / s
    landing = a2 * clean + s2 * noise
    wanted = correct_by_pywt(landing, clean, low, high, 1.0 if direction == "paper" else a2)
    clean = (wanted - s2 / s * x) / (a2 - s2 * a / s)  # landing = a' D + s' (x - a D) / s, solved for D
    noise = (x - a * clean) / s
    return {
        "epsilon": noise,
        "sample": clean,
        "v_prediction": a * noise - s * clean,
        "flow_prediction": noise - clean,
    }[scheduler.config.prediction_type]


def run(name: str, config: dict, step, steps: int = STEPS) -> torch.Tensor:
    scheduler = make(name, config)
    scheduler.set_timesteps(steps)
    x = start() * float(getattr(scheduler, "init_noise_sigma", 1.0))
    generator = torch.Generator().manual_seed(3)
    takes = inspect.signature(scheduler.step).parameters
    options = {"generator": generator} if "generator" in takes else {}
    for index, timestep in enumerate(scheduler.timesteps):
        seen = scheduler.scale_model_input(x, timestep) if hasattr(scheduler, "scale_model_input") else x
        x = step(scheduler, index, model(seen, timestep if name != "IPNDMScheduler" else timestep * 1000), timestep, x,
                 options)  # fmt: skip
    return x


def plain_step(scheduler, index, output, timestep, x, options):
    return scheduler.step(output, timestep, x, return_dict=False, **options)[0]


def reference(name: str, config: dict, direction: str, monkeypatch) -> torch.Tensor:
    def step(scheduler, index, output, timestep, x, options):
        plan = plain_plan(name, scheduler)
        a, s, a2, s2, begin, kept = plan[index]
        share = begin / max(call[4] for call in plan)
        low, high = LOW * share, HIGH * (1 - share)
        if not kept or s2 < 1e-9 or s2 == begin:
            return plain_step(scheduler, index, output, timestep, x, options)
        if SITES[name].place == "input":
            output = plain_shift(name, scheduler, x, output, plan[index], low, high, direction)
            return plain_step(scheduler, index, output.float(), timestep, x, options)
        clean = plain_clean(name, scheduler, x, output, a, s)
        mean = mean_step(scheduler, output, timestep, x, monkeypatch)
        landed = plain_step(scheduler, index, output, timestep, x, options)
        moved = correct_by_pywt(mean, clean, low, high, 1.0 if direction == "paper" else a2)
        return landed + moved - mean

    return run(name, config, step)


def armed(name: str, config: dict, correction: str) -> torch.Tensor:
    def step(scheduler, index, output, timestep, x, options):
        if index == 0:
            enable(scheduler, correction)
        return plain_step(scheduler, index, output, timestep, x, options)

    return run(name, config, step)


@pytest.mark.parametrize("direction", ["paper", "noise"])
@pytest.mark.parametrize(("name", "config"), ALL, ids=[f"{n}-{i}" for i, (n, _) in enumerate(ALL)])
def test_equals_the_plain_reference(name, config, direction, monkeypatch):
    got = armed(name, config, f"double:low={LOW},high={HIGH},direction={direction}")
    expected = reference(name, config, direction, monkeypatch)
    plain = run(name, config, plain_step)
    scale = plain.abs().mean()
    error = (got - expected).abs().max() / scale
    effect = (got - plain).abs().max() / scale
    assert effect > 1e-3, "the correction had no effect"
    assert error < 1e-3 * max(1.0, float(effect)), f"off by {error:.2e} of the mean"


def test_every_class_of_diffusers_is_supported_or_refused():
    names = {
        name
        for name in dir(diffusers.schedulers)
        if inspect.isclass(kind := getattr(diffusers.schedulers, name))
        and issubclass(kind, diffusers.SchedulerMixin)
        and kind is not diffusers.SchedulerMixin
    }
    assert names <= set(SITES) | set(REFUSED)
    assert not set(SITES) & set(REFUSED)
    assert set(CASES) == set(SITES)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refusals_say_why(name):
    scheduler = type(name, (), {"step": lambda self: None})()  # several of these need libraries that are not installed
    with pytest.raises(InputError, match=f"{name} cannot be corrected: it") as caught:
        enable(scheduler, "low:low=0.05")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "config", "said"),
    [
        ("FlowMatchEulerDiscreteScheduler", {"stochastic_sampling": True}, "redraws all the noise"),
        ("FlowMatchEulerDiscreteScheduler", {"invert_sigmas": True}, "backwards"),
        (
            "DPMSolverMultistepScheduler",
            {"algorithm_type": "sde-dpmsolver", "final_sigmas_type": "sigma_min"},
            "sde-dpmsolver",
        ),
        ("DPMSolverSinglestepScheduler", {"algorithm_type": "sde-dpmsolver++"}, "noise-free state"),
        ("SASolverScheduler", FLOW, "ends in noise"),
        ("EDMDPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}, "noise-free state"),
    ],
)
def test_refused_configurations(name, config, said):
    with pytest.raises(InputError, match=said):
        enable(make(name, config), "low:low=0.05")


@pytest.mark.parametrize("name", sorted(SITES))
@pytest.mark.parametrize("sample_dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("output_dtype", [torch.float32, torch.bfloat16])
def test_dtype_is_that_of_the_plain_step(name, sample_dtype, output_dtype):
    dtypes = []
    for correction in ("off", f"double:low={LOW},high={HIGH}"):
        scheduler = make(name, CASES[name][0])
        enable(scheduler, correction)
        scheduler.set_timesteps(STEPS)
        x, got = start().to(sample_dtype), []
        for timestep in scheduler.timesteps[:4]:
            if hasattr(scheduler, "scale_model_input"):
                scheduler.scale_model_input(x, timestep)
            landed = scheduler.step(x.to(output_dtype), timestep, x, return_dict=False)[0]
            got.append(landed.dtype)
        dtypes.append(got)
    assert dtypes[0] == dtypes[1]


@pytest.mark.parametrize("name", ["UniPCMultistepScheduler", "SASolverScheduler"])
def test_a_learned_variance_is_left_as_it_is(name):
    """Twice the channels: the mean half is shifted, the other passes."""
    from models.diffusion.bands import HAAR, Bands
    from models.diffusion.sites import Level, shift_output

    x, output = start(), torch.cat([start(1), start(2)], dim=1)
    call = {"sample": x, "model_output": output}
    level = Level(0.8, 0.8, 0.6, 0.6, 0.8)
    options = (level, Bands(0.1, 0.1, 0.1, 0.1), "epsilon", "noise", HAAR, "planes")
    shifted = shift_output(call, *options)
    assert torch.equal(shifted[:, 4:], output[:, 4:])
    assert torch.equal(shifted[:, :4], shift_output({**call, "model_output": output[:, :4]}, *options))


def test_the_documents_table_has_every_case():
    """Made by `python -m tests.models.diffusion.table` from these very cases; what it says of sites is still so."""
    from tests.models.diffusion import table

    page = table.PAGE.read_text("utf-8")
    cases = [(name, config) for name, configs in CASES.items() for config in configs]
    rows = [
        f"`{name}` | {table.prediction_of(name, config)} | {table.describe_options(config)} | {SITES[name].place}"
        for name, config in cases
    ]
    assert table.keys_of(page) == [" ".join(row.split()) for row in rows]
    assert all(f"| `{name}` | {reason} |" in page for name, reason in REFUSED.items())
    effect, error = table.measure(*cases[0])
    assert f"| {effect:.0%} |" in page and error < 1e-4
