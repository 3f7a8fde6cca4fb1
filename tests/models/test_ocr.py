"""On-screen text on pictures drawn here; the network is closed by the suite, so nothing can be fetched."""

import cv2
import numpy as np
import pytest

from models.ocr import load_text_reader


@pytest.fixture(scope="module")
def read_text():
    return load_text_reader()


def slide(*lines: tuple[str, int]) -> np.ndarray:
    image = np.full((360, 640, 3), 235, np.uint8)
    for text, baseline in lines:
        cv2.putText(image, text, (60, baseline), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (20, 20, 20), 3, cv2.LINE_AA)
    return image


def test_lines_come_in_reading_order_with_their_boxes(read_text, capfd) -> None:
    lines = read_text(slide(("How bees dance", 100), ("Eight kilometres", 240)))
    assert [line.text for line in lines] == ["How bees dance", "Eight kilometres"]
    first, second = lines
    assert 0.05 < first.left < 0.13 and 0.45 < first.right < 0.75
    assert first.top < 100 / 360 < first.bottom + 0.05 < second.top + 0.1
    assert all(line.confidence > 0.8 for line in lines)
    assert "".join(capfd.readouterr()) == ""  # no log line on the screen


@pytest.mark.parametrize(
    "image",
    [np.zeros((360, 640, 3), np.uint8), np.full((90, 1600, 3), 255, np.uint8), np.zeros((4, 4, 3), np.uint8)],
    ids=["black", "banner", "tiny"],
)
def test_a_picture_without_text_has_none(read_text, image) -> None:
    assert read_text(image) == ()
