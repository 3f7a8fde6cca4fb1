"""Time codes: every frame has one label, and it is the one that another reader gives it."""

from fractions import Fraction
from itertools import pairwise

import opentimelineio as otio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.timeline.timecode import day_frames, format_timecode, parse_timecode, show_rate
from tests.tasks.timeline.edits import COUNTS

N24, N30, N60 = (Fraction(n * 1000, 1001) for n in (24, 30, 60))


@pytest.mark.parametrize(
    ("text", "rate", "frames"),
    [
        ("01:00:00;00", N30, 107_892),  # one real hour
        ("00:59:56:12", N30, 107_892),
        ("00:10:00;00", N30, 17_982),
        ("00:00:59;29", N30, 1799),
        ("00:01:00;02", N30, 1800),
        ("00:01:00.02", N30, 1800),
        ("01:00:00;00", N60, 215_784),
        ("00:01:00;04", N60, 3600),
        ("01:00:00:00", N24, 86_400),
        ("01:00:00;00", Fraction(25), 90_000),  # no such count there: as it is written by some cameras
        ("10000000", Fraction(25), 900_000),
        ("1000000", Fraction(25), 90_000),
        ("112", Fraction(25), 37),
        ("0", Fraction(25), 0),
        (" 1:02:03:04 ", Fraction(50), 186_154),
    ],
)
def test_what_labels_stand_for(text, rate, frames):
    assert parse_timecode(text, rate) == frames


@pytest.mark.parametrize(
    ("text", "rate", "drop", "words"),
    [
        ("noon", Fraction(25), None, "not HH:MM:SS:FF"),
        ("", Fraction(25), None, "not HH:MM:SS:FF"),
        ("١٢:00:00:00", Fraction(25), None, "not HH:MM:SS:FF"),
        ("123456789", Fraction(25), None, "not HH:MM:SS:FF"),
        ("24:00:00:00", Fraction(25), None, "out of range: up to 23:59:59:24 at 25"),
        ("00:00:00:25", Fraction(25), None, "out of range"),
        ("00:60:00:00", N30, None, "up to 23:59:59:29 at 29.97"),
        ("00:01:00;01", N30, None, "00:01:00;02 is the first"),
        ("00:01:00:01", N30, True, "does not exist in drop-frame"),
        ("01:01:00;03", N60, None, "01:01:00;04 is the first"),
    ],
)
def test_what_is_no_label_is_told(text, rate, drop, words):
    with pytest.raises(ValueError, match=words):
        parse_timecode(text, rate, drop)


@given(st.sampled_from(COUNTS), st.integers(0, 2**40))
@settings(max_examples=500, deadline=None)
def test_every_frame_has_its_own_label(count, frame):
    rate, drop = count
    frame %= day_frames(rate, drop)
    label = format_timecode(frame, rate, drop)
    assert parse_timecode(label, rate, drop) == frame
    assert parse_timecode(label.replace(":", "").replace(";", ""), rate, drop) == frame
    assert format_timecode(frame + day_frames(rate, drop), rate, drop) == label


@pytest.mark.parametrize(("rate", "nominal"), [(N30, 29.97), (N60, 59.94)])
def test_drop_frame_agrees_with_another_reader(rate, nominal):
    """Every frame around the turns of 21 minutes, and every 101st of ten hours."""
    turns = [round(60 * k * rate) + d for k in range(1, 22) for d in range(-6, 7)]
    for frame in (*turns, *range(0, round(36000 * rate), 101)):
        wanted = otio.opentime.to_timecode(otio.opentime.RationalTime(frame, nominal), nominal, drop_frame=True)
        assert format_timecode(frame, rate, True) == wanted


def test_labels_of_a_day_without_gap_or_double():
    """Drop-frame at 29.97, frame by frame over twenty minutes: numbers rise, minutes begin at 2, tenths at 0."""
    labels = [format_timecode(frame, N30, True) for frame in range(round(1200 * N30))]
    assert labels == sorted(set(labels))
    firsts = [label for before, label in pairwise(labels) if before[3:5] != label[3:5]]
    assert [label[-2:] for label in firsts] == ["02"] * 9 + ["00"] + ["02"] * 9
    assert day_frames(N30, True) == 2_589_408


def test_rates_are_called_as_editors_call_them():
    assert [show_rate(rate) for rate in (N24, Fraction(25), N30, N60)] == ["23.976", "25", "29.97", "59.94"]
