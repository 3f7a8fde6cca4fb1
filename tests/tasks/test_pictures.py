"""PNG files that say how they were made, to any reader."""

import subprocess
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tasks.media import ffmpeg_program
from tasks.pictures import (
    NOTE_LENGTH,
    SOURCE_TYPE,
    XMP_KEY,
    format_picture,
    is_whole,
    read_notes,
    read_picture,
    write_picture,
)


def make_pixels(seed: int = 0, height: int = 9, width: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=50),
)
@settings(max_examples=25, deadline=None)
def test_round_trip(tmp_path_factory, height, width, prompt):
    path = tmp_path_factory.mktemp("png") / "a.png"
    pixels = make_pixels(1, height, width)
    write_picture(path, pixels, {"prompt": prompt, "digest": "d1"})
    assert np.array_equal(read_picture(path), pixels)
    assert read_notes(path)["digest"] == "d1"
    assert is_whole(path, "d1")
    assert not is_whole(path, "d2")


def test_label_of_generated_media(tmp_path):
    path = write_picture(tmp_path / "a.png", make_pixels(), {"prompt": "a <b> & \x00 'c'", "seed": "7"})
    packet = read_notes(path)[XMP_KEY]
    root = ET.fromstring(packet[packet.index("<x:") : packet.index("<?xpacket end")])
    source = root.find(".//{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType")
    assert source.text == SOURCE_TYPE
    assert root.find(".//{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li").text == "a <b> &  'c'"
    with Image.open(path) as image:
        assert image.text["seed"] == "7"


def test_same_input_same_bytes_and_notes_before_pixels():
    data = format_picture(make_pixels(), {"prompt": "x"})
    assert data == format_picture(make_pixels(), {"prompt": "x"})
    assert data.index(b"iTXt") < data.index(b"IDAT")
    assert b"sRGB" in data


def test_other_readers_take_the_file(tmp_path):
    path = write_picture(tmp_path / "a.png", make_pixels(0, 36, 64), {"prompt": "häuser 日本"})
    command = [ffmpeg_program(), "-v", "error", "-xerror", "-i", str(path), "-f", "null", "-"]
    subprocess.run(command, check=True, timeout=60)


def test_long_notes_are_cut(tmp_path):
    path = write_picture(tmp_path / "a.png", make_pixels(), {"prompt": "x" * 10**5})
    assert len(read_notes(path)["prompt"]) == NOTE_LENGTH


@pytest.mark.parametrize("broken", [b"", b"no picture", None])
def test_a_broken_file_is_no_finished_picture(tmp_path, broken):
    path = write_picture(tmp_path / "a.png", make_pixels(0, 90, 160), {"digest": "d"})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] if broken is None else broken)
    assert not is_whole(path, "d")
    assert not is_whole(tmp_path / "absent.png", "d")


def test_a_flipped_byte_is_seen(tmp_path):
    path = write_picture(tmp_path / "a.png", make_pixels(0, 90, 160), {"digest": "d"})
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    assert not is_whole(path, "d")


@pytest.mark.parametrize(
    "pixels", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((4, 4, 4), np.uint8)]
)
def test_only_rgb_bytes(pixels):
    with pytest.raises(ValueError, match="uint8"):
        format_picture(pixels, {})
