"""Slides are told from rooms, names and signs; what they say is read, and pictures stay off them."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.bench import _films as films
from models.ocr import TextLine, load_text_reader
from tasks.place import place_panels
from tasks.records import Cue, Scene, Shot, Shown, Video
from tasks.screen import describe_screen, find_keep_clear, ground_share, read_screens

SIZE = (640, 360)


def shot(k: int) -> Shot:
    return Shot(10.0 * k, 10.0 * k + 10, 250 * k, 250 * k + 250, 10.0 * k + 1, f"frames/{k}.jpg")


def line(text: str, top: float, bottom: float, left: float = 0.1) -> TextLine:
    return TextLine(text, left, top, left + 0.02 * len(text), bottom, 0.9)


def test_a_slide_is_read_and_kept_clear():
    pictures = [films.talk(name, 0, SIZE) for name in ("room a", "slide 1", "room b", "slide 1")]
    reader, calls = load_text_reader(), []

    def read_text(picture: np.ndarray):
        calls.append(picture)
        return reader(picture)

    shots = [shot(k) for k in range(4)]
    shown = read_screens(shots, lambda one: pictures[shots.index(one)], read_text)
    assert [(one.start, one.kind) for one in shown] == [(10.0, "slide"), (30.0, "slide")]
    assert shown[0].title.lower() == "method garden"
    assert [text.text.split()[0].lower() for text in shown[0].lines] == ["method", "theory", "result", "energy"]
    assert all(0 <= text.left < text.right <= 1 and 0 <= text.top < text.bottom <= 1 for text in shown[0].lines)
    assert len(calls) == 1  # rooms are not read, and the same page once
    assert find_keep_clear(shown) == ((10.0, 20.0), (30.0, 40.0))


def test_ground():
    assert ground_share(films.view("slide 1", SIZE)) > 0.8
    assert ground_share(films.view("room a", SIZE)) < 0.2
    terminal = np.full((360, 640, 3), 20, np.uint8)
    cv2.putText(terminal, "$ make test", (10, 40), cv2.FONT_HERSHEY_PLAIN, 1.5, (80, 220, 80), 1)
    assert ground_share(terminal) > 0.9


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ([], "text"),
        ([line("Ann Lee", 0.8, 0.86), line("Professor of bees", 0.87, 0.91)], "text"),
        ([line("EXIT", 0.1, 0.13)], "text"),
        ([line("The bee", 0.25, 0.4)], "slide"),
        ([line("flower to flower to flower", 0.2 * k, 0.2 * k + 0.04) for k in range(1, 4)], "slide"),
        ([line(f"let x{k} = f(x{k + 1});", 0.05 * k, 0.05 * k + 0.03) for k in range(16)], "demo"),
        ([line("山", 0.1, 0.3), line("di", 0.3, 0.5)], "text"),
    ],
    ids=["nothing", "lower third", "sign", "title alone", "page without title", "code", "window frames"],
)
def test_kinds(lines, kind):
    assert describe_screen(lines).kind == kind


@given(st.lists(st.tuples(st.integers(0, 50), st.sampled_from(["slide", "demo", "text"])), max_size=12))
def test_spans_hold_what_has_to_be_read_and_nothing_else(items):
    shown = [Shown(float(k), float(k + 1), kind, "") for k, kind in sorted(dict(items).items())]
    spans = find_keep_clear(shown)
    held = {t for start, end in spans for t in range(int(start), int(end))}
    assert held == {int(one.start) for one in shown if one.kind != "text"}
    assert all(one[1] < other[0] for one, other in zip(spans, spans[1:], strict=False))


def test_pictures_stay_off_what_is_kept_clear():
    video = Video("/v.mp4", "", 60.0, 640, 360, Fraction(25), 1500, False, 0, False, "mov", "h264")
    scene = Scene("s001", 0.0, 60.0, 0, 1500, (0,))
    cues = (Cue(0, 2.0, 6.0, "a bee"),)
    (free,) = place_panels(video, cues, (scene,), 0.25)
    assert free.panel.placement.start == 2.0
    (kept,) = place_panels(video, cues, (scene,), 0.25, [(1.0, 20.0)])
    assert kept.panel.placement.start == 20.0
