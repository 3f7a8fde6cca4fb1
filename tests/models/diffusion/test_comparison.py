"""Epsilon scaling as a table, the distances, and the correction for many comparisons."""

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from models.diffusion import enable
from models.diffusion.comparison import SOLVERS, Cell, Distances, frechet, holm, scale_epsilon
from models.diffusion.loading import make_scheduler
from tests.models.diffusion.test_schedulers import model, start


def test_epsilon_scaling_is_that_table_of_weights():
    """Against a loop that divides the noise itself, on a flow-matching Euler."""
    scheduler, scale = FlowMatchEulerDiscreteScheduler(shift=2.0), 1.03
    scheduler.set_timesteps(7)
    levels = scheduler.sigmas.tolist()
    enable(scheduler, scale_epsilon(levels[:-1], scale))
    x = y = start()
    for index, timestep in enumerate(scheduler.timesteps):
        s, after = levels[index : index + 2]
        x = scheduler.step(model(x, timestep), timestep, x).prev_sample
        velocity = model(y, timestep)
        clean = y - s * velocity
        noise = y + (1 - s) * velocity
        if index > 0 and after > 0:
            noise = noise / scale
            clean = (y - s * noise) / (1 - s)
        y = (1 - after) * clean + after * noise
    assert torch.allclose(x, y, atol=1e-4)


def test_cells_spend_what_they_say():
    assert [(Cell("Heun", n, "off").steps, Cell("Heun", n, "off").spent) for n in (5, 8, 12)] == [
        (3, 5),
        (4, 7),
        (6, 11),
    ]
    assert Cell("Euler", 8, "off").spent == 8
    for name in SOLVERS.values():
        scheduler = make_scheduler(name, FlowMatchEulerDiscreteScheduler(shift=2.0, shift_terminal=0.05))
        scheduler.set_timesteps(4)
        assert len(scheduler.timesteps) == (7 if "Heun" in name else 4)


def test_frechet_distance_of_gaussians():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 5))
    assert frechet(x, x) == pytest.approx(0, abs=1e-6)
    assert frechet(2 * x + [3, 0, 0, 0, 0], x) == pytest.approx(9 + 5, rel=0.1)  # mean apart, and (2 - 1)^2 an axis


def test_a_change_is_found_where_there_is_one_and_not_elsewhere():
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(60, 8))
    far = reference + 0.4 + 0.05 * rng.normal(size=(60, 8))
    near = reference + 0.2 + 0.05 * rng.normal(size=(60, 8))
    distances = Distances(reference)
    change = distances.change(near, far)
    assert change.relative < -0.5 and change.high < -0.3 and change.p < 0.01
    assert distances.interval(near)[0] < distances.of(near) < distances.interval(near)[1]
    same = distances.change(reference + 0.4 + 0.05 * rng.normal(size=(60, 8)), far)
    assert abs(same.relative) < 0.05


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
