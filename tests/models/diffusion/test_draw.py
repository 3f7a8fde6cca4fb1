"""The drawer on a tiny Stable Diffusion of real classes, loaded from a local folder."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.diffusion.bands import Bands
from models.diffusion.coefficients import Table, format_table
from models.diffusion.draw import Drawer, load_drawer
from models.diffusion.loading import digest_folder, make_scheduler, pick_dtype
from models.diffusion.request import DrawRequest
from models.errors import InputError, SceneError, SetupError
from models.profiles import Profile, load_profile
from models.prompt import Prompt
from tests.models.diffusion.tiny import tiny_illustrator, tiny_stable_diffusion

DOUBLE = "double:low=0.05,high=0.02"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("tiny")
    tiny_stable_diffusion(path).save_pretrained(path / "model")
    return path / "model"


@pytest.fixture(scope="module")
def profile(folder) -> Profile:
    changes = {"drawing": str(folder), "dtype": "float32", "scheduler": "DDIM", "width": 64, "height": 32}
    return replace(load_profile("embedded"), name="tiny", **changes)


@pytest.fixture(scope="module")
def drawer(profile) -> Drawer:
    return load_drawer(profile)


@pytest.fixture(scope="module")
def base(drawer) -> np.ndarray:
    """The picture of `a_request()`."""
    return drawer(a_request())


def a_request(**changes) -> DrawRequest:
    prompt = Prompt(subject="a red rocket", setting="a starry sky", negative="text")
    return replace(DrawRequest(prompt, seed=5, width=128, height=64, steps=3, guidance=3.0), **changes)


def test_the_same_request_gives_identical_pixels(drawer, profile, base):
    assert base.shape == (64, 128, 3)
    assert base.dtype == np.uint8
    assert base.std() > 1
    drawer(a_request(seed=6, correction=DOUBLE, steps=2))
    assert np.array_equal(drawer(a_request()), base)
    assert np.array_equal(load_drawer(profile)(a_request()), base)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 6},
        {"steps": 4},
        {"guidance": 1.5},
        {"correction": DOUBLE},
        {"prompt": Prompt(subject="the sea")},
    ],
    ids=str,
)
def test_every_setting_matters(drawer, change, base):
    assert not np.array_equal(drawer(a_request(**change)), base)


@pytest.mark.parametrize("scheduler", ["", "DPMSolverMultistep", "UniPC", "EulerAncestral"])
def test_schedulers_and_their_repeatability(profile, scheduler):
    """Solvers with a memory start each picture afresh, and random ones draw from the request's seed."""
    drawer = load_drawer(replace(profile, scheduler=scheduler))
    request = a_request(correction=DOUBLE, steps=4)
    first = drawer(request)
    with pytest.raises(InputError):
        drawer(a_request(correction=DOUBLE + ",wavelet=sym20"))  # stops in the middle of a picture
    assert np.array_equal(drawer(request), first)
    assert not np.array_equal(drawer(a_request(steps=4)), first)


def test_size_follows_the_request_from_the_native_area(drawer):
    assert drawer.drawn_size(a_request(width=1280, height=640)) == (64, 32)
    assert drawer.drawn_size(a_request(width=360, height=640)) == (32, 64)
    assert drawer(a_request(width=50, height=90)).shape == (90, 50, 3)


def test_auto_without_a_calibration_is_off_and_says_so_once(drawer, base, caplog):
    for _ in range(2):
        assert np.array_equal(drawer(a_request(correction="auto")), base)
    assert [record.message for record in caplog.records] == [
        "correction auto is off: tiny has no calibration for 3 steps at guidance 3"
    ]


def test_auto_takes_the_calibration_of_exactly_this_setting(drawer, base, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("models.diffusion.draw.CALIBRATIONS", tmp_path)
    key = tuple(sorted(drawer.calibration_key(a_request()).items()))
    table = Table((Bands(0.1, 0.05, 0.05, 0.05),) * 3, key=key)
    (tmp_path / "tiny.json").write_text(format_table(table), "utf-8")
    corrected = drawer(a_request(correction="auto"))
    assert np.array_equal(corrected, drawer(a_request(correction=str(tmp_path / "tiny.json"))))
    assert not np.array_equal(corrected, base)
    assert not caplog.records
    for other in ({"steps": 4}, {"guidance": 2.0}, {"width": 64}):
        assert drawer.correction(a_request(correction="auto", **other)) is None
    with pytest.raises(InputError, match="measured with other steps than"):
        drawer(a_request(correction=str(tmp_path / "tiny.json"), steps=4))


def test_identity_stands_for_the_model(drawer, profile, folder, tmp_path):
    assert drawer.identity == load_drawer(profile).identity
    others = [replace(profile, scheduler="Euler"), replace(profile, dtype="bfloat16")]
    assert len({drawer.identity, *(load_drawer(other).identity for other in others)}) == 3
    shutil.copytree(folder, tmp_path / "copy")
    assert digest_folder(tmp_path / "copy") == digest_folder(folder)
    weights = next((tmp_path / "copy" / "unet").glob("*.safetensors"))
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert digest_folder(tmp_path / "copy") != digest_folder(folder)


def test_nan_in_one_picture_leaves_the_others(drawer, base):
    weight = next(drawer.loaded.pipe.unet.parameters()).data
    kept = weight.clone()
    weight.fill_(float("nan"))
    for correction in ("off", DOUBLE):
        with pytest.raises(SceneError, match="NaN or Inf at step 1 of 3 with DDIMScheduler"):
            drawer(a_request(correction=correction))
    weight.copy_(kept)
    assert np.array_equal(drawer(a_request()), base)


def test_nan_of_the_decoder(profile):
    drawer = load_drawer(profile)
    drawer.loaded.pipe.vae.decoder.conv_out.bias.data.fill_(float("nan"))
    with pytest.raises(SceneError, match="decoder of .* gave NaN or Inf after 3 steps with DDIMScheduler"):
        drawer(a_request())


def test_pickles_are_never_opened(folder, profile, tmp_path):
    from safetensors.torch import load_file

    shutil.copytree(folder, tmp_path / "pickled")
    weights = next((tmp_path / "pickled" / "unet").glob("*.safetensors"))
    torch.save(load_file(weights), weights.with_suffix(".bin"))
    weights.unlink()
    with pytest.raises(SetupError, match="safetensors alone") as caught:
        load_drawer(replace(profile, drawing=str(tmp_path / "pickled")))
    assert "\n" not in str(caught.value)


def test_folders_that_are_no_pipeline(profile, tmp_path):
    with pytest.raises(SetupError):
        load_drawer(replace(profile, drawing=str(tmp_path)))
    with pytest.raises(SetupError, match="nowhere/atall"):
        load_drawer(replace(profile, drawing="nowhere/atall"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"steps": 0}, "steps 0"),
        ({"seed": -1}, "seed -1"),
        ({"width": 0}, "width 0"),
        ({"guidance": float("nan")}, "guidance nan"),
        ({"correction": "low"}, "needs low"),
        ({"sketch": "absent.png"}, "sketch absent.png cannot be read as an image"),
        ({"image": "absent.png", "strength": 0.5}, "picture absent.png cannot be read"),
        ({"mask": "mask.png"}, "a picture with it"),
        ({"strength": 0.0}, "strength 0.0"),
        ({"amount": 1.5}, "amount 1.5"),
    ],
)
def test_bad_requests(drawer, change, said):
    with pytest.raises(InputError, match=said):
        drawer(a_request(**change))


def test_a_pipelines_own_failure_is_that_scenes(drawer):
    with pytest.raises(SceneError, match="could not draw 'a red rocket'"):
        drawer(a_request(steps=1000, prompt=Prompt(subject="a red rocket", full=7)))


def test_schedulers_that_do_not_fit(folder):
    from diffusers import DDIMScheduler, FlowMatchEulerDiscreteScheduler

    with pytest.raises(InputError, match="flow-matching models only"):
        make_scheduler("FlowMatchEuler", DDIMScheduler())
    with pytest.raises(InputError, match="cannot sample a flow-matching model"):
        make_scheduler("DDIM", FlowMatchEulerDiscreteScheduler())
    with pytest.raises(InputError, match="unknown scheduler 'Runge'"):
        make_scheduler("Runge", DDIMScheduler())
    solver = make_scheduler("DPMSolverMultistep", FlowMatchEulerDiscreteScheduler(shift=3.0))
    assert (solver.config.prediction_type, solver.config.flow_shift) == ("flow_prediction", 3.0)
    assert make_scheduler("FlowMatchEuler", solver).config.shift == 3.0


def test_dtype():
    assert pick_dtype("float16", "cpu") is torch.float16
    assert pick_dtype("auto", "cpu") in (torch.float32, torch.bfloat16)


@pytest.fixture(scope="module")
def embedded(need_weight) -> Drawer:
    return tiny_illustrator(need_weight("minilm-l6"))


def test_the_embedded_illustrator(embedded, tmp_path):
    """Its native size, scaled up; the composer's sketch or a given one; corrected like any other."""
    prompt = Prompt(subject="rocket", setting="a starry sky", style="flat illustration")
    request = a_request(prompt=prompt, width=640, height=360, steps=2, guidance=2.0)
    first = embedded(request)
    assert first.shape == (360, 640, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(embedded(request), first)
    Image.new("RGB", (64, 36), "red").save(tmp_path / "sketch.png")
    changes = ({"sketch": str(tmp_path / "sketch.png")}, {"correction": DOUBLE}, {"seed": 6})
    for change in changes:
        assert not np.array_equal(embedded(replace(request, **change)), first)
    (tmp_path / "sketch.png").write_bytes(b"no image")
    with pytest.raises(InputError, match="cannot be read as an image"):
        embedded(replace(request, sketch=str(tmp_path / "sketch.png")))


def test_five_lines_on_any_pipeline(tmp_path):
    """As the README shows them."""
    pipe = tiny_stable_diffusion(tmp_path)
    from models.diffusion import disable, enable

    enable(pipe, "double:low=0.05,high=0.01")
    image = pipe("a lighthouse by the sea", num_inference_steps=2).images[0]
    disable(pipe)
    assert isinstance(image, Image.Image)
