"""Upscaling: any size, grain out, edges kept, no halos."""

import numpy as np
import pytest

from models.illustrator.upscale import flatten, sharpen, upscale


def half_and_half() -> np.ndarray:
    picture = np.full((180, 320, 3), 210, np.uint8)
    picture[:, 160:] = (40, 90, 60)
    return picture


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (720, 1280), (1000, 1000), (320, 180), (160, 90)])
def test_any_size(size):
    picture = upscale(half_and_half(), *size)
    assert picture.shape == (size[1], size[0], 3) and picture.dtype == np.uint8


def test_an_edge_stays_an_edge_without_halos():
    picture = upscale(half_and_half(), 1280, 720)[360].astype(int)
    assert abs(picture[:600] - (210, 210, 210)).max() <= 3 and abs(picture[680:] - (40, 90, 60)).max() <= 3
    assert picture[:, 0].max() <= 213 and picture[:, 0].min() >= 37
    blurred = np.abs(picture[:, 0] - 210) > 8
    width = np.count_nonzero(blurred & (np.abs(picture[:, 0] - 40) > 8))
    assert width <= 12  # of 1280: three of the small picture's pixels


def test_grain_goes():
    noise = np.random.default_rng(0).normal(0, 6, (180, 320, 3))
    grainy = np.clip(half_and_half() + noise, 0, 255).astype(np.uint8)
    assert flatten(grainy)[20:160, 20:140].std() < 0.35 * grainy[20:160, 20:140].std()


def test_sharpening_stays_in_range():
    ramp = np.repeat(np.linspace(30, 220, 320).astype(np.uint8)[None, :, None], 180, 0).repeat(3, 2)
    assert sharpen(ramp).min() >= 30 and sharpen(ramp).max() <= 220
