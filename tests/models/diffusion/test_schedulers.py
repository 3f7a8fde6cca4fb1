"""The armed scheduler against independent loops, and what it looks like to the world around it."""

import copy
import inspect
import pickle

import diffusers
import numpy as np
import pytest
import pywt
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    SchedulerMixin,
    UniPCMultistepScheduler,
)

from models.diffusion import disable, enable
from models.diffusion.bands import Bands, Transform
from models.diffusion.coefficients import PaperSchedule, Table
from models.diffusion.schedulers import check_watched, is_armed, watch
from models.errors import InputError, SceneError

STEPS = 7
DOUBLE = "double:low=0.05,high=0.02"
SD = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def model(sample: torch.Tensor, timestep) -> torch.Tensor:
    """Some smooth function of state and time, standing for a network."""
    return torch.tanh(1.3 * sample.roll(1, -1)) * (0.5 + float(timestep) / 2000) + 0.1 * sample


def start(seed: int = 0, size: tuple[int, int] = (9, 12)) -> torch.Tensor:
    return torch.randn(2, 4, *size, generator=torch.Generator().manual_seed(seed))


def sample_with(scheduler, steps: int = STEPS, dtype: torch.dtype = torch.float32, **options) -> torch.Tensor:
    """A pipeline's loop."""
    scheduler.set_timesteps(steps)
    latents = (start() * scheduler.init_noise_sigma if hasattr(scheduler, "init_noise_sigma") else start()).to(dtype)
    for timestep in scheduler.timesteps:
        output = model(scheduler.scale_model_input(latents, timestep) if hasattr(scheduler, "scale_model_input")
                       else latents, timestep)  # fmt: skip
        latents = scheduler.step(output, timestep, latents, return_dict=False, **options)[0]
    return latents


def correct_by_pywt(sample, clean, low: float, high: float, signal: float = 1.0) -> torch.Tensor:
    """The paper's Eq. 18-19 as they stand: transform both, correct each band, transform back."""
    height, width = sample.shape[-2:]
    mine = pywt.dwt2(sample.double().numpy(), "haar", mode="symmetric")
    theirs = pywt.dwt2(signal * clean.double().numpy(), "haar", mode="symmetric")
    ll = mine[0] + low * (mine[0] - theirs[0])
    details = tuple(x + high * (x - y) for x, y in zip(mine[1], theirs[1], strict=True))
    return torch.from_numpy(pywt.idwt2((ll, details), "haar")[..., :height, :width]).float()


# --- whole loops written out, no scheduler of diffusers in them -------------------------------------------------


def flow_loop(low: float, high: float, direction: str) -> torch.Tensor:
    sigmas = np.append(np.linspace(1, 1 / 1000, STEPS, dtype=np.float32), 0)
    x = start()
    for s, after in zip(sigmas, sigmas[1:], strict=False):
        velocity = model(x, s * 1000)
        clean = x - s * velocity
        x = x + (after - s) * velocity
        if after > 0:
            signal = 1.0 if direction == "paper" else 1 - after
            x = correct_by_pywt(x, clean, low * s / sigmas[0], high * (1 - s / sigmas[0]), signal)
    return x


def alphas_bar() -> np.ndarray:
    betas = np.linspace(SD["beta_start"] ** 0.5, SD["beta_end"] ** 0.5, 1000) ** 2
    return np.cumprod(1 - betas)


def clean_of(prediction: str, x, output, signal, sigma):
    return {
        "epsilon": lambda: (x - sigma * output) / signal,
        "sample": lambda: output,
        "v_prediction": lambda: signal * x - sigma * output,
    }[prediction]()


def ddim_loop(low: float, high: float, direction: str, prediction: str) -> torch.Tensor:
    bar, x = alphas_bar(), start()
    times = [step * (1000 // STEPS) for step in reversed(range(STEPS))]
    largest = (1 - bar[times[0]]) ** 0.5
    for time in times:
        before = time - 1000 // STEPS
        a, s = bar[time] ** 0.5, (1 - bar[time]) ** 0.5
        after = bar[before] if before >= 0 else 1.0
        clean = clean_of(prediction, x, model(x, time), a, s)
        x = after**0.5 * clean + (1 - after) ** 0.5 * (x - a * clean) / s
        if after < 1:
            signal = 1.0 if direction == "paper" else after**0.5
            x = correct_by_pywt(x, clean, low * s / largest, high * (1 - s / largest), signal)
    return x


def euler_loop(low: float, high: float, direction: str, prediction: str) -> torch.Tensor:
    bar = alphas_bar()
    times = np.linspace(0, 999, STEPS)[::-1]
    sigmas = np.append(np.interp(times, np.arange(1000), ((1 - bar) / bar) ** 0.5), 0)
    x = start() * float(sigmas[0])
    for time, s, after in zip(times, sigmas, sigmas[1:], strict=False):
        output = model(x / (s**2 + 1) ** 0.5, time)
        # the model sees a variance-preserving state: signal 1/sqrt(1+s^2)
        a = 1 / (s**2 + 1) ** 0.5
        clean = output if prediction == "sample" else clean_of(prediction, x * a, output, a, s * a)
        x = clean + after * (x - clean) / s
        if after > 0:
            x = correct_by_pywt(x, clean, low * s / sigmas[0], high * (1 - s / sigmas[0]))
    return x


@pytest.mark.parametrize("direction", ["paper", "noise"])
def test_flow_match_euler_equals_a_plain_loop(direction):
    scheduler = FlowMatchEulerDiscreteScheduler()
    enable(scheduler, f"{DOUBLE},direction={direction}")
    got, expected = sample_with(scheduler), flow_loop(0.05, 0.02, direction)
    assert torch.allclose(got, expected, atol=3e-5)
    assert not torch.allclose(got, sample_with(FlowMatchEulerDiscreteScheduler()), atol=1e-3)


@pytest.mark.parametrize("direction", ["paper", "noise"])
@pytest.mark.parametrize("prediction", ["epsilon", "sample", "v_prediction"])
def test_ddim_equals_a_plain_loop(prediction, direction):
    scheduler = DDIMScheduler(**SD, prediction_type=prediction, clip_sample=False)
    enable(scheduler, f"{DOUBLE},direction={direction}")
    assert torch.allclose(sample_with(scheduler), ddim_loop(0.05, 0.02, direction, prediction), atol=1e-4)


@pytest.mark.parametrize("direction", ["paper", "noise"])
@pytest.mark.parametrize("prediction", ["epsilon", "sample", "v_prediction"])
def test_euler_equals_a_plain_loop(prediction, direction):
    scheduler = EulerDiscreteScheduler(**SD, prediction_type=prediction)
    enable(scheduler, f"{DOUBLE},direction={direction}")
    expected = euler_loop(0.05, 0.02, direction, prediction)
    assert torch.allclose(sample_with(scheduler), expected, atol=1e-3)  # states reach 15 at the start


# --- off, identities, and steps that are left alone -------------------------------------------------------------

SAMPLERS = {
    "flow": FlowMatchEulerDiscreteScheduler,
    "ddim": lambda: DDIMScheduler(**SD),
    "euler": lambda: EulerDiscreteScheduler(**SD),
    "dpm": lambda: DPMSolverMultistepScheduler(**SD),
    "unipc": lambda: UniPCMultistepScheduler(**SD),
}


@pytest.mark.parametrize("make", SAMPLERS.values(), ids=SAMPLERS)
def test_off_is_bit_identical(make):
    plain = sample_with(make())
    for change in (
        lambda scheduler: enable(scheduler, "off"),
        lambda scheduler: enable(scheduler, "low:low=0"),
        watch,
        lambda scheduler: disable(enable(scheduler, DOUBLE)),
        lambda scheduler: enable(enable(scheduler, DOUBLE), "off"),
    ):
        assert torch.equal(sample_with(change(make())), plain)
    assert not torch.equal(sample_with(enable(make(), DOUBLE)), plain)


def test_the_last_step_is_left_alone():
    """It lands on the prediction itself; a table with a weight there only has that step's plain result."""
    only_last = PaperSchedule("low", Bands(0.5), schedule="late")
    scheduler = enable(FlowMatchEulerDiscreteScheduler(), only_last)
    assert torch.equal(sample_with(scheduler, steps=1), sample_with(FlowMatchEulerDiscreteScheduler(), steps=1))


def test_pixel_correction_is_epsilon_scaling():
    """lam = (s/s' - 1)(1 - 1/b) at every step is the same as dividing the predicted noise by b."""
    scheduler, b = EulerDiscreteScheduler(**SD), 1.03
    scheduler.set_timesteps(STEPS)
    s = scheduler.sigmas.tolist()
    lam = [(s[i] / s[i + 1] - 1) * (1 - 1 / b) if s[i + 1] else 0.0 for i in range(STEPS)]
    table = Table(tuple(Bands(x, x, x, x) for x in lam), tuple(s[:-1]), direction="paper")
    corrected = sample_with(enable(EulerDiscreteScheduler(**SD), table))

    x = start() * scheduler.init_noise_sigma
    for index, timestep in enumerate(scheduler.timesteps):
        output = model(scheduler.scale_model_input(x, timestep), timestep)
        last = s[index + 1] == 0
        x = scheduler.step(output if last else output / b, timestep, x).prev_sample
    assert torch.allclose(corrected, x, atol=1e-4)


def test_input_site_equals_output_site_at_first_order():
    plain = {**SD, "solver_order": 1}
    ours = sample_with(enable(UniPCMultistepScheduler(**plain, disable_corrector=list(range(STEPS))), DOUBLE))
    theirs = sample_with(enable(DPMSolverMultistepScheduler(**plain), DOUBLE))
    assert torch.allclose(ours, theirs, atol=1e-4)


def test_bfloat16_keeps_a_small_correction():
    """The step is made and corrected in float32 and rounded once, so that nearly all of the correction survives."""
    small = Table((Bands(0.004, 0.004, 0.004, 0.004),) * 20, direction="paper")
    x = start(size=(64, 64)).bfloat16()
    output = model(x, 500).bfloat16()

    def step(correction, dtype):
        scheduler = enable(FlowMatchEulerDiscreteScheduler(), correction)
        scheduler.set_timesteps(20)
        return scheduler.step(output.to(dtype), scheduler.timesteps[10], x.to(dtype)).prev_sample

    rounded, on, off = step(small, torch.bfloat16), step(small, torch.float32), step("off", torch.float32)
    assert torch.equal(rounded, on.bfloat16())
    gain = ((rounded.float() - off) * (on - off)).sum() / ((on - off) ** 2).sum()
    assert gain > 0.9  # corrected after the rounding, about half


@pytest.mark.parametrize("make", SAMPLERS.values(), ids=SAMPLERS)
def test_image_to_image_starts_in_the_middle(make):
    """The weights are those of the step's place in the schedule, not of how many steps have been taken."""
    scheduler = make()
    scheduler.set_timesteps(STEPS)
    table = Table(tuple(Bands() if step < 5 else Bands(0.5) for step in range(len(scheduler.timesteps))))
    results = []
    for correction in ("off", table):
        scheduler = enable(make(), correction)
        scheduler.set_timesteps(STEPS)
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(4)
        x, changed = start(), []
        for timestep in scheduler.timesteps[4:6]:
            if hasattr(scheduler, "scale_model_input"):
                scheduler.scale_model_input(x, timestep)
            x = scheduler.step(model(x, timestep), timestep, x).prev_sample
            changed.append(x)
        results.append(changed)
    assert torch.equal(results[0][0], results[1][0])
    assert not torch.equal(results[0][1], results[1][1])


def test_the_plan_follows_set_timesteps():
    scheduler = enable(EulerDiscreteScheduler(**SD), DOUBLE)
    first = sample_with(scheduler)
    sample_with(scheduler, steps=4)
    assert torch.equal(sample_with(scheduler), first)


def test_a_table_of_other_length_is_refused_at_the_first_step():
    scheduler = enable(EulerDiscreteScheduler(**SD), Table((Bands(0.1),) * 3))
    with pytest.raises(InputError, match="holds 3 steps, this run has 7"):
        sample_with(scheduler)


# --- identity ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", SAMPLERS.values(), ids=SAMPLERS)
def test_looks_like_the_plain_scheduler(make):
    plain, scheduler = make(), enable(make(), DOUBLE)
    kind = type(plain)
    assert isinstance(scheduler, kind)
    assert isinstance(scheduler, SchedulerMixin)
    assert (type(scheduler).__name__, type(scheduler).__module__) == (kind.__name__, kind.__module__)
    assert inspect.signature(scheduler.step) == inspect.signature(plain.step)
    assert inspect.signature(scheduler.set_timesteps) == inspect.signature(plain.set_timesteps)
    assert scheduler.config == plain.config
    disable(scheduler)
    assert type(scheduler) is kind
    assert set(vars(scheduler)) == set(vars(plain))


def test_arming_twice_and_disarming_twice():
    scheduler = enable(enable(DDIMScheduler(**SD), "low:low=0.5"), DOUBLE)
    assert torch.equal(sample_with(scheduler), sample_with(enable(DDIMScheduler(**SD), DOUBLE)))
    assert type(disable(disable(scheduler))) is DDIMScheduler


@pytest.mark.parametrize("make", SAMPLERS.values(), ids=SAMPLERS)
def test_copies_and_pickles_stay_armed(make):
    scheduler = enable(make(), DOUBLE)
    expected = sample_with(scheduler)
    for twin in (copy.deepcopy(scheduler), copy.copy(scheduler), pickle.loads(pickle.dumps(scheduler))):
        assert is_armed(twin)
        assert torch.equal(sample_with(twin), expected)
        assert type(twin) is type(scheduler)
    mid = enable(make(), DOUBLE)  # in the middle of a run, too
    mid.set_timesteps(STEPS)
    mid.scale_model_input(start(), mid.timesteps[0]) if hasattr(mid, "scale_model_input") else None
    mid.step(start(1), mid.timesteps[0], start())
    twin = copy.deepcopy(mid)
    ends = [one.step(start(2), one.timesteps[1], start(), return_dict=False)[0] for one in (mid, twin)]
    assert torch.equal(*ends)


@pytest.mark.parametrize("make", SAMPLERS.values(), ids=SAMPLERS)
def test_new_instances_are_unarmed(make):
    scheduler = enable(make(), DOUBLE)
    plain = make()
    for twin in (type(scheduler).from_config(scheduler.config), scheduler.from_config(scheduler.config)):
        assert type(twin) is type(plain)
        assert twin.config == plain.config
    assert type(type(scheduler)()) is type(plain)


@pytest.mark.parametrize("make", SAMPLERS.values(), ids=SAMPLERS)
def test_saved_and_reloaded_it_is_plain(make, tmp_path):
    scheduler = enable(make(), DOUBLE)
    scheduler.save_pretrained(tmp_path / "armed")
    make().save_pretrained(tmp_path / "plain")
    files = [tmp_path / which / "scheduler_config.json" for which in ("armed", "plain")]
    assert files[0].read_bytes() == files[1].read_bytes()
    reloaded = getattr(diffusers, type(scheduler).__name__).from_pretrained(tmp_path / "armed")
    assert type(reloaded) is type(make())
    assert torch.equal(sample_with(reloaded), sample_with(make()))


def test_results_keep_the_callers_form():
    for options in ({"return_dict": False}, {}):
        scheduler = enable(DDIMScheduler(**SD), DOUBLE)
        plain = DDIMScheduler(**SD)
        results = []
        for one in (scheduler, plain):
            one.set_timesteps(STEPS)
            results.append(one.step(start(1), one.timesteps[2], start(), **options))
        assert type(results[0]) is type(results[1])
        assert len(results[0]) == len(results[1])
        assert torch.equal(results[0][1], results[1][1])  # the predicted clean image is left alone
        assert not torch.equal(results[0][0], results[1][0])
        assert results[0][0] is (results[0][0] if isinstance(results[0], tuple) else results[0].prev_sample)


def test_packed_latents_take_the_packed_layout():
    def pack(latent):
        return latent.view(2, 4, 4, 2, 6, 2).permute(0, 2, 4, 1, 3, 5).reshape(2, 24, 16)

    x, output = start(size=(8, 12)), start(1, size=(8, 12))
    landed = []
    for form, layout in ((lambda latent: latent, "planes"), (pack, "packed")):
        scheduler = enable(FlowMatchEulerDiscreteScheduler(), DOUBLE, layout=layout)
        scheduler.set_timesteps(STEPS)
        landed.append(scheduler.step(form(output), scheduler.timesteps[2], form(x)).prev_sample)
    assert torch.allclose(pack(landed[0]), landed[1], atol=1e-6)
    scheduler = enable(FlowMatchEulerDiscreteScheduler(), DOUBLE)
    scheduler.set_timesteps(STEPS)
    with pytest.raises(InputError, match="packed image tokens need"):
        scheduler.step(pack(output), scheduler.timesteps[2], pack(x))


# --- what is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("make", SAMPLERS.values(), ids=SAMPLERS)
def test_nan_names_step_and_scheduler(make, bad):
    for arm in (watch, lambda scheduler: enable(scheduler, DOUBLE)):
        scheduler = arm(make())
        scheduler.set_timesteps(STEPS)
        name = type(scheduler).__name__
        x = start()
        for index in range(3):
            timestep = scheduler.timesteps[index]
            output = start(index)
            if index == 2:
                output[0, 0, 0, 0] = bad
                with pytest.raises(SceneError, match=f"NaN or Inf at step 3 of {STEPS} with {name}"):
                    scheduler.step(output, timestep, x)
                break
            x = scheduler.step(output, timestep, x).prev_sample


def test_unwatched_nan_passes_as_in_the_plain_scheduler():
    scheduler = enable(DDIMScheduler(**SD), DOUBLE, watch=False)
    scheduler.set_timesteps(STEPS)
    assert scheduler.step(start() * float("nan"), scheduler.timesteps[0], start()).prev_sample.isnan().any()


def test_flags_of_an_accelerator_are_read_at_the_end():
    scheduler = watch(DDIMScheduler(**SD))
    scheduler.set_timesteps(STEPS)
    vars(scheduler)["_dcw"].broken = [torch.tensor(False), torch.tensor(True)]
    with pytest.raises(SceneError, match=f"step 2 of {STEPS} with DDIMScheduler"):
        check_watched(scheduler)
    check_watched(scheduler)  # told once


def test_what_is_no_scheduler():
    with pytest.raises(InputError, match="neither a diffusers scheduler nor a pipeline"):
        enable(object(), DOUBLE)
    with pytest.raises(InputError, match="layout 'cubes'"):
        enable(DDIMScheduler(**SD), DOUBLE, layout="cubes")
    scheduler = enable(FlowMatchEulerDiscreteScheduler(), DOUBLE)
    scheduler.set_timesteps(STEPS)
    with pytest.raises(InputError, match="per_token_timesteps"):
        scheduler.step(start(), scheduler.timesteps[0], start(), per_token_timesteps=torch.ones(1, 1))


def test_too_small_a_latent_for_the_wavelet():
    scheduler = enable(DDIMScheduler(**SD), "low:low=0.05,wavelet=sym8")
    with pytest.raises(InputError, match="smaller than the filter of wavelet sym8"):
        sample_with(scheduler)


def test_other_wavelets_reach_the_sampler():
    results = [
        sample_with(enable(DDIMScheduler(**SD), PaperSchedule("low", Bands(0.05), Transform(wavelet, level))))
        for wavelet, level in (("haar", 1), ("haar", 2), ("db2", 1), ("db4", 1))
    ]
    assert all(torch.isfinite(result).all() for result in results)
    assert len({result.sum().item() for result in results}) == 4


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (DDPMScheduler, {"variance_type": "learned_range", "clip_sample": False}),
        (DPMSolverMultistepScheduler, {"variance_type": "learned_range"}),
    ],
    ids=["ddpm", "dpm"],
)
def test_a_learned_variance_does_not_disturb_the_correction(make, options):
    """Models that predict their variance beside the mean: the correction sees the mean half alone."""
    x, mean, variance = (start(seed)[:, :3] for seed in range(3))  # three channels: diffusers splits no others
    landed = []
    for correction in ("off", DOUBLE):
        scheduler = enable(make(**SD, **options), correction)
        scheduler.set_timesteps(STEPS)
        given = {"generator": torch.Generator().manual_seed(0)} if make is DDPMScheduler else {}
        output = torch.cat([mean, 0.1 * variance], dim=1)
        landed.append(scheduler.step(output, scheduler.timesteps[0], x, **given).prev_sample)
    assert landed[0].shape == landed[1].shape == x.shape
    assert 1e-4 < (landed[1] - landed[0]).abs().max() / landed[0].abs().max() < 0.5
    if make is DPMSolverMultistepScheduler:  # deterministic: the whole correction by the paper's formula
        clean = clean_of("epsilon", x, mean, *alphas_at(scheduler, 0))
        assert torch.allclose(landed[1], correct_by_pywt(landed[0], clean, 0.05, 0.0), atol=2e-3)


def alphas_at(scheduler, step: int) -> tuple[float, float]:
    """Signal and noise at one of a scheduler's timesteps."""
    bar = float(scheduler.alphas_cumprod[int(scheduler.timesteps[step])])
    return bar**0.5, (1 - bar) ** 0.5
