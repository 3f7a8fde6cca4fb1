"""The compiled kernel, the other ways that it is timed against, and how memory traffic is counted."""

import pytest
import torch

from models.diffusion import enable
from models.diffusion.bands import Bands, Transform
from models.diffusion.correction import correct
from models.diffusion.fused import correct_fused, haar_kernel
from models.diffusion.speed import by_ptwt, count_traffic, list_ways, median_seconds
from tests.models.diffusion.test_correction import DOUBLE, EACH, pair
from tests.models.diffusion.test_schedulers import SAMPLERS, sample_with


@pytest.mark.parametrize("level", [1, 2])
def test_the_kernels_formula(level):
    sample, denoised = pair(2, 3, 8, 12)
    weights = torch.tensor([0.8, 0.3, -0.2])
    got = haar_kernel(sample, denoised, *weights.unbind(), 2**level)
    assert torch.allclose(
        got, correct(sample, denoised, DOUBLE, signal=0.8, transform=Transform(level=level)), atol=1e-6
    )


def test_compiled_it_is_the_same_and_compiles_once(need_program):
    need_program("g++")
    sample, denoised = pair(1, 4, 16, 16)
    for weight in (0.1, 0.2, 0.3):
        bands = Bands(weight, 0.05, 0.05, 0.05)
        got = correct_fused(sample, denoised, bands, signal=weight)
        assert torch.allclose(got, correct(sample, denoised, bands, signal=weight), atol=1e-6)
    counted = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    correct_fused(sample, denoised, DOUBLE)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == counted


def test_what_is_no_plain_haar_goes_the_ordinary_way():
    sample, denoised = pair(1, 4, 9, 16)
    assert torch.equal(correct_fused(sample, denoised, DOUBLE), correct(sample, denoised, DOUBLE))
    even = pair(1, 4, 16, 16)
    for options in ({"transform": Transform("db2")}, {"mask": torch.ones(1, 1, 16, 16)}):
        assert torch.equal(correct_fused(*even, DOUBLE, **options), correct(*even, DOUBLE, **options))
    assert torch.equal(correct_fused(*even, EACH), correct(*even, EACH))
    assert correct_fused(*even, Bands()) is even[0]


def test_a_scheduler_takes_another_kernel():
    calls = []

    def kernel(*arguments, **options):
        calls.append(1)
        return correct(*arguments, **options)

    plain = sample_with(enable(SAMPLERS["flow"](), "low:low=0.05"))
    assert torch.equal(sample_with(enable(SAMPLERS["flow"](), "low:low=0.05", kernel=kernel)), plain)
    assert len(calls) == 6


def test_the_ways_agree():
    sample, denoised = pair(1, 4, 16, 16)
    ways, skipped = list_ways("cpu")
    assert "ptwt" in ways and "closed form, eager" in ways
    assert len(ways) + len(skipped) == 4
    for name, way in ways.items():
        assert torch.allclose(way(sample, denoised, DOUBLE), correct(sample, denoised, DOUBLE), atol=1e-5), name


def test_traffic_and_medians():
    sample, denoised = pair(1, 4, 64, 64)
    assert count_traffic(lambda x, d, bands: x + d, sample, denoised, DOUBLE) == 12  # two read, one written
    assert count_traffic(lambda x, d, bands: x.view(-1), sample, denoised, DOUBLE) == 0
    assert 20 < count_traffic(correct, sample, denoised, DOUBLE) < count_traffic(by_ptwt, sample, denoised, DOUBLE)
    assert median_seconds({"none": lambda: None}, 3)["none"] < 0.1
