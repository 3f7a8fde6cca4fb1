"""Calibration against a model whose truth is known, its gate, and its resumption."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler, EulerAncestralDiscreteScheduler

from models.diffusion.bands import Bands
from models.diffusion.calibrate import calibrate, check_scheduler, count_evaluations, estimate_seconds, fit
from models.diffusion.calibrate import plot_calibration as plot
from models.diffusion.coefficients import format_table, parse_table
from models.diffusion.energy import LARGEST_WEIGHT, Leverage, band_energies, match_energy, shrunk_match
from models.diffusion.gate import Held, energy_distance, judge_held
from models.diffusion.rendezvous import Rendezvous
from models.diffusion.request import DrawRequest
from models.diffusion.trials import Effort, Job, Population, batches, make_requests, run_batch
from models.errors import InputError, SceneError
from models.prompt import Prompt
from tests.models.diffusion.gaussian import LEVEL, VARIANCE, gaussian_drawer

STEPS = 8
EFFORT = Effort(seeds=8, held_out=16, fineness=3, largest=0.3)


def a_job(folder, drawer=None, **changes) -> Job:
    settings = DrawRequest(Prompt(""), 0, 128, 128, STEPS, 1.0)
    job = Job(drawer or gaussian_drawer(), settings, EFFORT, LEVEL, folder, lambda text: None)
    return replace(job, **changes)


@pytest.fixture(scope="module")
def calibration(tmp_path_factory):
    return calibrate(a_job(tmp_path_factory.mktemp("parts")))


def exact_weight(c: float, s: float, after: float) -> float:
    """The weight along the noise direction that makes an exact step of a Gaussian band of one of Euler's.

    Both are factors on the state: the exact one is the ratio of the standard deviations; Euler's lands on
    a' D + s' e with D = gain * x and e = (x - a D) / s, and the correction adds weight * s' e to it.
    """
    signal, landing = 1 - s, 1 - after
    gain = signal * c / (signal**2 * c + s**2)
    noise = (1 - signal * gain) / s
    exact = ((landing**2 * c + after**2) / (signal**2 * c + s**2)) ** 0.5
    return (exact - landing * gain - after * noise) / (after * noise)


def test_the_weights_are_those_of_the_closed_form(calibration):
    levels = calibration.table.sigmas
    assert (levels[0], levels[-1]) == pytest.approx((1, 0.05), abs=1e-3)
    for step in range(STEPS - 1):  # the last step lands on the prediction itself
        for band, c in VARIANCE.items():
            got = getattr(calibration.table.bands[step], "ll" if band == "low" else "hh")
            wanted = min(exact_weight(c, levels[step], levels[step + 1]), LARGEST_WEIGHT)
            assert got == pytest.approx(wanted, rel=0.1, abs=0.003), (step, band)
    assert not calibration.table.bands[-1]


def test_it_is_let_through_and_closes_the_gap(calibration):
    assert calibration.table.reason == ""
    figures = calibration.measured["figures"]
    assert figures["gap change"] < -0.8
    assert figures["error to fine run, change"] < -0.5
    assert figures["distance after"] < figures["distance before"]


def test_it_survives_its_file_and_draws(calibration):
    text = format_table(calibration.table, calibration.measured)
    assert parse_table(text) == calibration.table
    assert json.loads(text)["measured"]["figures"] == calibration.measured["figures"]
    assert len(text) < 10_000
    chart = plot(calibration)
    assert chart.count("<path") > 8 and "NaN" not in chart and "nan" not in chart


def test_a_killed_run_goes_on_where_it_was(calibration, tmp_path):
    class KilledError(Exception):
        pass

    said: list[str] = []

    def report(text: str) -> None:
        said.append(text)
        if len(said) == 45:
            raise KilledError

    with pytest.raises(KilledError):
        calibrate(a_job(tmp_path, report=report))
    drawer = gaussian_drawer()
    again = calibrate(a_job(tmp_path, drawer))
    assert again.table == calibration.table
    first = count_evaluations(a_job(tmp_path)) / 2  # the kill came after more than half
    calls = len(drawer.loaded.pipe.calls)
    assert 0 < calls < first
    assert calibrate(a_job(tmp_path, drawer)).measured == again.measured
    assert len(drawer.loaded.pipe.calls) == calls


def test_a_wrong_correction_is_not_let_through(calibration, monkeypatch, tmp_path):
    """Turned the other way round, even a quarter of it, it is off, and the table says so and has no weights."""
    wrong = replace(calibration.table, bands=tuple(Bands(-b.ll, -b.lh, -b.hl, -b.hh) for b in calibration.table.bands))
    monkeypatch.setattr("models.diffusion.calibrate.fit", lambda *arguments: wrong)
    result = calibrate(a_job(tmp_path))
    assert "came no nearer" in result.table.reason
    assert not any(result.table.bands)
    assert any(result.measured["fitted"]["low"])
    assert parse_table(format_table(result.table)) == result.table


def test_an_exact_step_needs_no_correction(tmp_path):
    """Where the clean image is known from the start, Euler is exact: nothing to correct, and that is said."""
    drawer = gaussian_drawer(spoil=lambda clean: torch.full_like(clean, 0.3))
    result = calibrate(a_job(tmp_path, drawer))
    assert result.table.reason
    assert not any(result.table.bands)


def test_nan_in_the_model_ends_it_with_step_and_scheduler(tmp_path):
    drawer = gaussian_drawer(spoil=lambda clean: clean * float("nan"))
    with pytest.raises(SceneError, match="NaN or Inf at step 1 of"):
        calibrate(a_job(tmp_path, drawer))


def test_nan_in_one_thread_of_the_fit_ends_all(tmp_path):
    drawer = gaussian_drawer()
    job = a_job(tmp_path, drawer)
    chunks = batches(job, make_requests(job.settings, 4, 0))
    references = [run_batch(job, "fine", chunk, None, fine=True) for chunk in chunks]
    calls = iter(range(10**6))
    drawer.loaded.pipe.spoil = lambda clean: clean * (float("nan") if next(calls) == 9 else 1.0)
    with pytest.raises(SceneError, match="NaN or Inf"):
        fit(job, make_requests(job.settings, 4, 0), Population(references))


def test_the_estimate_counts_every_evaluation(tmp_path):
    job = a_job(tmp_path)
    assert estimate_seconds(job) > 0
    job.drawer.loaded.pipe.calls.clear()
    result = calibrate(job)
    assert result.measured["share"] == 1
    assert len(job.drawer.loaded.pipe.calls) == count_evaluations(job)


@pytest.mark.parametrize("kind", [DDPMScheduler, EulerAncestralDiscreteScheduler])
def test_schedulers_with_fresh_noise_are_refused(kind):
    with pytest.raises(InputError, match="fresh noise"):
        check_scheduler(kind())


# --- the parts --------------------------------------------------------------------------------------------------


def test_the_bands_share_the_energy():
    state = torch.randn(3, 4, 10, 14)
    energies = band_energies(state, LEVEL, "planes")
    assert energies.shape == (2, 3)
    assert np.allclose(energies.sum(0), state.square().flatten(1).mean(1))


def test_match_energy_finds_the_weight():
    rng = np.random.default_rng(0)
    x, e = rng.normal(size=(2, 9, 500))
    e = 0.5 * x + 0.3 * e
    lever = Leverage((x * x).mean(1), (x * e).mean(1), (e * e).mean(1))
    for weight in (-0.2, 0.01, 0.3):
        wanted = np.square(x + weight * e).mean(1)
        assert match_energy(lever, wanted) == pytest.approx(weight, abs=1e-9)
    assert match_energy(lever, lever.own) == 0
    assert match_energy(lever, 0 * lever.own) == 0  # out of reach
    sideways = Leverage((x * x).mean(1), 0 * lever.cross, lever.effect)
    assert match_energy(sideways, 1.1 * lever.own) == 0


def test_an_uncertain_weight_is_shrunk_and_a_large_one_held():
    rng = np.random.default_rng(0)
    one = np.ones(30)
    lever = Leverage(one, one, one)
    assert shrunk_match(lever, 1.21 * one, 0.5, rng)[0] == pytest.approx(0.1)
    assert shrunk_match(lever, 1.21 * one, 0.05, rng)[0] == pytest.approx(0.05)
    noisy = 1 + rng.normal(size=30)
    weight, error = shrunk_match(lever, noisy.clip(0.1), 0.5, rng)
    assert abs(weight) < error


def held(rng, shift: float = 0.0, loud: float = 1.0, gap: float = 0.2) -> Held:
    features = rng.normal(size=(40, 12)) + shift
    levels = np.stack([np.full((40, 3), shift), np.ones((40, 3))], 1)
    peaks = np.stack([np.full(40, loud), np.full(40, 0.01)], 1)
    return Held(np.full((5, 2, 40), 1 - gap), features, levels, peaks, np.full(40, gap))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"gap": 0.01}, ""),
        ({"gap": 0.19}, "came no nearer"),
        ({"gap": 0.01, "shift": 1.0}, "farther from the fine run"),
        ({"gap": 0.01, "loud": 1.2}, "largest values grew"),
        ({"gap": float("nan")}, "not finite"),
    ],
)
def test_what_the_gate_lets_through(changes, said):
    runs = [held(np.random.default_rng(0), **change) for change in ({}, changes, {"gap": 0.0})]
    assert said in judge_held(*runs).reason
    assert bool(said) == bool(judge_held(*runs).reason)


def test_energy_distance_tells_distributions_apart():
    rng = np.random.default_rng(0)
    x, y, z = rng.normal(size=(200, 3)), rng.normal(size=(200, 3)), rng.normal(size=(200, 3)) + 0.5

    def distance(a, b):
        pairs = [np.linalg.norm(p[:, None] - q, axis=2) for p, q in ((a, b), (a, a), (b, b))]
        return energy_distance(*pairs)

    assert abs(distance(x, y)) < 0.02
    assert distance(x, z) > 0.1
    assert distance(x, x) == pytest.approx(0, abs=1e-12)


def test_a_rendezvous_gives_all_the_same_answer():
    meeting: Rendezvous = Rendezvous(3, sum)
    got = []

    def job(party: int):
        def work():
            for step in range(4):
                got.append(meeting.meet(party, party + step))

        return work

    meeting.run([job(party) for party in range(3)])
    assert sorted(got) == sorted([3 + 3 * step for step in range(4) for _ in range(3)])
    with pytest.raises(ZeroDivisionError):
        Rendezvous(2, sum).run([lambda: None, lambda: 1 / 0])
