"""Upscaling: any size, grain out, edges kept, no halos; by the weights that ship and by the classical way."""

import numpy as np
import pytest
import torch

from models.illustrator.upscale import enlarge, enlarge_classically, flatten, sharpen, upscale
from models.illustrator.upscaler import Upscaler

WAYS = [enlarge, enlarge_classically]


def half_and_half() -> np.ndarray:
    picture = np.full((180, 320, 3), 210, np.uint8)
    picture[:, 160:] = (40, 90, 60)
    return picture


def grainy() -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 6, (180, 320, 3))
    return np.clip(half_and_half() + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (720, 1280), (1000, 1000), (320, 180), (160, 90)])
def test_any_size(size):
    picture = upscale(half_and_half(), *size)
    assert picture.shape == (size[1], size[0], 3) and picture.dtype == np.uint8


@pytest.mark.parametrize(("way", "overshoot"), [(enlarge, 6), (enlarge_classically, 3)])
def test_an_edge_stays_an_edge_without_halos(way, overshoot):
    picture = upscale(half_and_half(), 1280, 720, way)[360].astype(int)
    assert abs(picture[:600] - (210, 210, 210)).max() <= 3 and abs(picture[680:] - (40, 90, 60)).max() <= 3
    assert picture[:, 0].max() <= 210 + overshoot and picture[:, 0].min() >= 40 - overshoot
    between = (np.abs(picture[:, 0] - 210) > 8) & (np.abs(picture[:, 0] - 40) > 8)
    assert np.count_nonzero(between) <= 12  # of 1280: three of the small picture's pixels


@pytest.mark.parametrize("way", WAYS)
def test_grain_goes(way):
    small = grainy()
    large = upscale(small, 1280, 720, way)
    assert large[80:640, 80:560].std() < 0.35 * small[20:160, 20:140].std()


def test_flattening_takes_grain_out():
    assert flatten(grainy())[20:160, 20:140].std() < 0.35 * grainy()[20:160, 20:140].std()


def test_sharpening_stays_in_range():
    ramp = np.repeat(np.linspace(30, 220, 320).astype(np.uint8)[None, :, None], 180, 0).repeat(3, 2)
    assert sharpen(ramp).min() >= 30 and sharpen(ramp).max() <= 220


def test_an_untrained_upscaler_interpolates():
    picture = torch.rand(2, 3, 20, 28)
    large = Upscaler(widths=(8, 8, 8), large=(4, 4))(picture)
    assert large.shape == (2, 3, 80, 112)
    assert torch.allclose(large.mean((2, 3)), picture.mean((2, 3)), atol=0.02)
