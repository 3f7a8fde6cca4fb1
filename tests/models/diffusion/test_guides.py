"""Manual control: from a sketch, from a picture, under a mask, varied; on the embedded pipeline and diffusers' own."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.diffusion.draw import Drawer, load_drawer
from models.diffusion.guides import mix_noise
from models.diffusion.request import DrawRequest
from models.errors import InputError
from models.illustrator.composer import sketch_of
from models.images import keep_outside, place_native, read_image
from models.profiles import load_profile
from models.prompt import Prompt
from tests.models.diffusion.tiny import tiny_illustrator, tiny_stable_diffusion

SIZE = (320, 180)
COLOUR = (140, 120, 110)  # far from black and white, where an untrained network's picture would be clipped


@pytest.fixture(scope="module")
def embedded(need_weight) -> Drawer:
    return tiny_illustrator(need_weight("minilm-l6"))


@pytest.fixture(scope="module")
def stable(tmp_path_factory) -> Drawer:
    folder = tmp_path_factory.mktemp("tiny")
    tiny_stable_diffusion(folder).save_pretrained(folder / "model")
    changes = {"drawing": str(folder / "model"), "dtype": "float32", "scheduler": "DDIM", "width": 64, "height": 32}
    return load_drawer(replace(load_profile("embedded"), name="tiny", **changes))


@pytest.fixture(scope="module")
def drawers(embedded, stable) -> dict[str, Drawer]:
    return {"embedded": embedded, "stable": stable}


@pytest.fixture(scope="module")
def photo(tmp_path_factory) -> Path:
    """Red above, blue below, a white disc in the middle."""
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    image = Image.new("RGB", SIZE, "red")
    image.paste("blue", (0, 90, 320, 180))
    image.paste("white", (140, 70, 180, 110))
    image.save(path)
    return path


@pytest.fixture(scope="module")
def mask(tmp_path_factory) -> Path:
    """The left half is drawn anew."""
    path = tmp_path_factory.mktemp("mask") / "mask.png"
    image = Image.new("L", (32, 18), 0)
    image.paste(255, (0, 0, 16, 18))
    image.save(path)
    return path


def ask(**changes) -> DrawRequest:
    prompt = Prompt(subject="rocket", setting="a starry sky")
    return replace(DrawRequest(prompt, seed=5, width=SIZE[0], height=SIZE[1], steps=10, guidance=1.0), **changes)


def distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other.astype(float)).mean())


@pytest.mark.parametrize("name", ["embedded", "stable"])
def test_less_strength_stays_nearer_to_the_picture(drawers, name, photo):
    drawer, image = drawers[name], np.asarray(read_image(str(photo)))
    drawn = [drawer(ask(image=str(photo), strength=strength, hold=0.0)) for strength in (0.2, 0.5, 1.0)]
    distances = [distance(picture, image) for picture in drawn]
    assert len(set(distances)) == 3
    if name == "embedded":  # the other's decoder is random: nothing comes out as it went in
        assert distances == sorted(distances)
        assert distances[0] < 0.6 * distances[2]
    again = drawer(ask(image=str(photo), strength=0.5, hold=0.0))
    assert np.array_equal(again, drawn[1])
    assert not np.array_equal(drawer(ask(image=str(photo), strength=0.5, hold=0.0, seed=6)), drawn[1])


@pytest.mark.parametrize("name", ["embedded", "stable"])
@pytest.mark.parametrize("correction", ["off", "low:low=0.02"])
def test_under_a_mask_all_else_stays_to_the_pixel(drawers, name, photo, mask, correction):
    request = ask(image=str(photo), mask=str(mask), correction=correction)
    drawer, image = drawers[name], np.asarray(read_image(str(photo)))
    drawn = drawer(request)
    assert np.array_equal(drawn[:, 160:], image[:, 160:])
    assert distance(drawn[:, :140], image[:, :140]) > 5
    assert not np.array_equal(drawer(replace(request, seed=6))[:, :140], drawn[:, :140])


@pytest.mark.parametrize("name", ["embedded", "stable"])
def test_a_variation_moves_with_its_amount_and_nothing_else_changes_after_it(drawers, name):
    drawer = drawers[name]
    base = drawer(ask())
    near, far = (drawer(ask(other_seed=9, amount=amount)) for amount in (0.15, 0.7))
    assert 0 < distance(near, base) < distance(far, base)
    assert np.array_equal(drawer(ask(other_seed=9, amount=0.0)), base)
    assert np.array_equal(drawer(ask()), base)


def test_mixed_noise_keeps_its_variance():
    one, other = (torch.randn(100_000, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))
    assert torch.equal(mix_noise(one, other, 0.0), one)
    for amount in (0.3, 0.5, 1.0):
        assert mix_noise(one, other, amount).std().item() == pytest.approx(1, abs=0.02)


def test_a_sketch_is_seen_as_it_was_given_and_held_as_firmly_as_asked(embedded, tmp_path):
    Image.fromarray(np.full((360, 640, 3), COLOUR, np.uint8)).save(tmp_path / "grey.png")
    sketch = {"sketch": str(tmp_path / "grey.png")}
    assert (embedded.sketch(ask(**sketch)) == COLOUR).all()
    loose, firm = (embedded(ask(hold=hold, **sketch)).mean(axis=(0, 1)) for hold in (0.0, 1.0))
    assert abs(firm - COLOUR).sum() < abs(loose - COLOUR).sum()


def test_the_composers_sketch_can_be_saved_and_given_back(embedded, tmp_path):
    """Blown up to a size that a person can paint in, it is the same sketch again, and gives the same picture."""
    cells = embedded.sketch(ask())
    Image.fromarray(cells).resize((640, 360), Image.Resampling.NEAREST).save(tmp_path / "sketch.png")
    given = ask(sketch=str(tmp_path / "sketch.png"))
    assert np.array_equal(embedded.sketch(given), cells)
    assert np.array_equal(embedded(given), embedded(ask()))


def test_a_pictures_own_colours_are_its_sketch_and_a_mask_mixes_two(embedded, photo, mask):
    own = embedded.sketch(ask(image=str(photo)))
    exact = torch.from_numpy(np.array(read_image(str(photo)))).permute(2, 0, 1)[None].float()
    assert (
        np.abs(own - sketch_of(exact, 0)[0].permute(1, 2, 0).numpy()).mean() < 1
    )  # cells of 2.5 px, weighed otherwise
    mixed = embedded.sketch(ask(image=str(photo), mask=str(mask)))
    assert np.array_equal(mixed[:, 80:], own[:, 80:])
    assert np.array_equal(mixed[:, :48], embedded.sketch(ask())[:, :48])


def test_a_model_without_sketches_paints_over_one(stable, photo):
    drawn = stable(ask(sketch=str(photo), strength=0.5))
    assert np.array_equal(drawn, stable(ask(image=str(photo), strength=0.5)))


def test_a_family_without_the_way_is_one_clear_line(stable, photo, mask):
    class Odd(type(stable.loaded.pipe)):
        """A pipeline that diffusers knows no relatives of."""

    odd = Drawer(stable.profile, replace(stable.loaded, pipe=Odd(**stable.loaded.pipe.components)))
    with pytest.raises(InputError, match=r"Odd has no way to start from a picture"):
        odd(ask(image=str(photo), strength=0.5))
    with pytest.raises(InputError, match=r"Odd has no way to redraw a region"):
        odd(ask(image=str(photo), mask=str(mask)))


def test_a_black_mask_is_refused(embedded, photo, tmp_path):
    Image.new("L", (32, 18), 0).save(tmp_path / "black.png")
    with pytest.raises(InputError, match="black all over"):
        embedded(ask(image=str(photo), mask=str(tmp_path / "black.png")))


def test_pictures_of_phones_and_of_logos_are_read_upright_on_white(tmp_path):
    tall = Image.new("RGB", (4, 8), "red")
    exif = tall.getexif()
    exif[0x0112] = 6  # turned a quarter
    tall.save(tmp_path / "phone.jpg", exif=exif)
    assert read_image(str(tmp_path / "phone.jpg")).size == (8, 4)
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(tmp_path / "logo.png")
    assert read_image(str(tmp_path / "logo.png")).getpixel((0, 0)) == (255, 255, 255)
    (tmp_path / "bad.svg").write_text("<svg/>")
    with pytest.raises(InputError, match="give a PNG, JPEG or WebP"):
        read_image(str(tmp_path / "bad.svg"))


@pytest.mark.parametrize("finished", [(1280, 720), (720, 1280), (1000, 1000), (1920, 800)])
def test_what_is_placed_natively_is_found_again_when_scaled_up(finished):
    from models.illustrator.upscale import upscale

    image = Image.new("RGB", finished, (40, 90, 160))
    middle = (finished[0] // 2 - 100, finished[1] // 2 - 100, finished[0] // 2 + 100, finished[1] // 2 + 100)
    image.paste("white", middle)
    back = upscale(place_native(image, finished, SIZE), *finished)
    assert distance(back, np.asarray(image)) < 6


def test_the_border_of_a_redrawn_region_passes_over_inside():
    drawn, image = np.full((60, 80, 3), 200, np.uint8), Image.new("RGB", (80, 60), (100, 100, 100))
    mask = Image.new("L", (80, 60), 0)
    mask.paste(255, (0, 0, 40, 60))
    mixed = keep_outside(drawn, image, mask)
    assert (mixed[:, 40:] == 100).all() and (mixed[:, :30] == 200).all()
    assert (np.diff(mixed[30, 30:41, 0].astype(int)) <= 0).all()
