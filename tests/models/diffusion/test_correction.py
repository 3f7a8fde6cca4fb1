"""The correction against an independent wavelet transform, its identities, and what it refuses."""

import numpy as np
import pytest
import pywt
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.diffusion.bands import HAAR, Bands, Transform
from models.diffusion.correction import correct
from models.errors import InputError

DOUBLE = Bands(0.3, -0.2, -0.2, -0.2)
EACH = Bands(0.3, -0.2, 0.15, 0.05)


def pair(*shape: int, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    return tuple(torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for _ in range(2))


def by_pywt(sample: torch.Tensor, denoised: torch.Tensor, bands: Bands, transform: Transform, signal: float = 1.0):
    """Both images through the transform, band by band as the paper writes it, and back."""
    options = {"wavelet": transform.wavelet, "level": transform.level, "mode": "symmetric"}
    mine = pywt.wavedec2(sample.double().numpy(), **options)
    theirs = pywt.wavedec2(signal * denoised.double().numpy(), **options)
    out = [mine[0] + bands.ll * (mine[0] - theirs[0])]
    for own, other in zip(mine[1:], theirs[1:], strict=True):
        weights = (bands.lh, bands.hl, bands.hh)
        out.append(tuple(x + w * (x - y) for w, x, y in zip(weights, own, other, strict=True)))
    height, width = sample.shape[-2:]
    return torch.from_numpy(pywt.waverec2(out, transform.wavelet, mode="symmetric")[..., :height, :width])


@pytest.mark.parametrize("bands", [DOUBLE, EACH, Bands(ll=0.1), Bands(0, 0.1, 0.1, 0.1), Bands(0.1, 0.1, 0.1, 0.1)])
@pytest.mark.parametrize(
    "transform", [HAAR, Transform(level=2), Transform("db4"), Transform("sym8"), Transform("bior2.2", 2)], ids=str
)
def test_equals_an_independent_transform(bands, transform):
    sample, denoised = pair(2, 3, 34, 48)
    got = correct(sample, denoised, bands, transform=transform, signal=0.8)
    assert torch.allclose(got.double(), by_pywt(sample, denoised, bands, transform, 0.8), atol=3e-6)


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 33), st.integers(2, 33), st.sampled_from([DOUBLE, EACH, Bands(hh=0.4)]))
def test_odd_sizes_keep_their_shape_and_equal_the_transform(height, width, bands):
    sample, denoised = pair(1, 2, height, width)
    got = correct(sample, denoised, bands)
    assert got.shape == sample.shape
    assert torch.allclose(got.double(), by_pywt(sample, denoised, bands, HAAR), atol=3e-6)


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("size", [(17, 23), (16, 24), (8, 9)])
def test_low_band_is_an_orthogonal_projection(size, level):
    """P P = P and <P u, v> = <u, P v>, at odd sizes too: the low weight never touches what the high one does."""
    first, second = pair(1, 1, *size, dtype=torch.float64)
    zero = torch.zeros_like(first)

    def project(image):
        return correct(image, zero, Bands(ll=1.0), transform=Transform(level=level)) - image

    assert torch.allclose(project(project(first)), project(first))
    assert torch.allclose((project(first) * second).sum(), (first * project(second)).sum())


def test_packed_equals_unpacked():
    sample, denoised = pair(2, 4, 6, 10)

    def pack(latent):  # as FLUX does: (B, C, H, W) -> (B, H/2 * W/2, C * 4)
        return latent.view(2, 4, 3, 2, 5, 2).permute(0, 2, 4, 1, 3, 5).reshape(2, 15, 16)

    for bands in (DOUBLE, EACH):
        got = correct(pack(sample), pack(denoised), bands, layout="packed", signal=0.7)
        assert torch.allclose(got, pack(correct(sample, denoised, bands, signal=0.7)), atol=1e-6)


def test_one_frame_of_a_video_latent_is_an_image():
    sample, denoised = pair(1, 4, 1, 8, 8)
    got = correct(sample, denoised, DOUBLE)
    assert torch.equal(got[:, :, 0], correct(sample[:, :, 0], denoised[:, :, 0], DOUBLE))


def test_no_weights_is_the_sample_itself():
    sample, denoised = pair(1, 4, 8, 8)
    assert correct(sample, denoised, Bands()) is sample


def test_bfloat16_is_rounded_once():
    """In bfloat16 throughout, a small correction would drown in rounding; here only the result is rounded."""
    sample, denoised = pair(1, 4, 32, 32, dtype=torch.bfloat16)
    got = correct(sample, denoised, DOUBLE)
    assert got.dtype == torch.bfloat16
    assert torch.equal(got, correct(sample.float(), denoised.float(), DOUBLE).bfloat16())


def test_mask_and_mean():
    sample, denoised = pair(1, 4, 8, 8)
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., :4, :] = 1
    whole, part = correct(sample, denoised, DOUBLE), correct(sample, denoised, DOUBLE, mask=mask)
    assert torch.equal(part[..., 4:, :], sample[..., 4:, :])
    assert torch.allclose(part[..., :4, :], whole[..., :4, :])
    noise = torch.ones_like(sample)
    moved = correct(sample + noise, denoised, DOUBLE, mean=sample)
    assert torch.allclose(moved - noise, whole, atol=1e-6)  # fresh noise passes through unchanged


def test_inputs_are_left_alone():
    sample, denoised = pair(1, 4, 8, 8)
    before = sample.clone(), denoised.clone()
    correct(sample, denoised, DOUBLE)
    assert torch.equal(sample, before[0]) and torch.equal(denoised, before[1])


def test_non_contiguous_latents():
    sample, denoised = pair(2, 4, 8, 12)
    last = [tensor.to(memory_format=torch.channels_last) for tensor in (sample, denoised)]
    assert torch.allclose(correct(*last, DOUBLE), correct(sample, denoised, DOUBLE), atol=1e-6)
    turned = correct(sample.transpose(2, 3), denoised.transpose(2, 3), DOUBLE)
    assert torch.allclose(turned, correct(sample, denoised, DOUBLE).transpose(2, 3), atol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, "0.1", None, True])
def test_bad_weights(value):
    with pytest.raises(InputError, match="weight of band ll"):
        Bands(ll=value)


@pytest.mark.parametrize(
    ("shape", "transform", "layout", "said"),
    [
        ((1, 4, 5, 9), Transform("db4"), "planes", "smaller than the filter"),
        ((1, 4, 3, 3), Transform(level=2), "planes", "smaller than the filter"),
        ((1, 4, 3, 8, 8), HAAR, "planes", "video"),
        ((1, 100, 64), HAAR, "planes", "audio"),
        ((1, 100, 64), Transform("db2"), "packed", "neighbouring"),
        ((1, 100, 63), HAAR, "packed", "tokens"),
    ],
)
def test_latents_that_cannot_be_corrected(shape, transform, layout, said):
    sample, denoised = pair(*shape)
    with pytest.raises(InputError, match=said):
        correct(sample, denoised, DOUBLE, transform=transform, layout=layout)


def test_unknown_wavelet_and_level():
    with pytest.raises(InputError, match="unknown wavelet 'harr'"):
        Transform("harr")
    with pytest.raises(InputError, match="unknown wavelet 'mexh'"):  # continuous: no inverse
        Transform("mexh")
    with pytest.raises(InputError, match="level 0"):
        Transform(level=0)


def test_shapes_must_agree():
    with pytest.raises(InputError, match="predicted clean image is"):
        correct(torch.zeros(1, 4, 8, 8), torch.zeros(1, 4, 8, 4), DOUBLE)
