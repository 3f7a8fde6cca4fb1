"""The pages' colours can be read by everyone: contrast computed from the style sheet, light and dark."""

import re

import pytest

from tasks.pages import address, read_template, show_plain

TEXT, LARGE = 4.5, 3.0  # WCAG 2.2 AA: text; outlines, edges of controls and other marks that are no text
PAIRS = [
    ("ink", "paper", TEXT), ("ink", "card", TEXT), ("ink", "well", TEXT), ("ink", "tint", TEXT), ("ink", "found", TEXT),
    ("soft", "paper", TEXT), ("soft", "card", TEXT), ("soft", "well", TEXT), ("soft", "tint", TEXT),
    ("accent", "card", TEXT), ("accent", "paper", TEXT), ("accent-ink", "accent", TEXT),
    ("bad", "card", TEXT), ("bad", "well", TEXT),
    ("focus", "card", LARGE), ("focus", "paper", LARGE), ("focus", "well", LARGE),
    ("edge", "card", LARGE), ("edge", "paper", LARGE), ("accent", "line", LARGE),
]  # fmt: skip


def colours() -> dict[str, tuple[str, str]]:
    """Name -> (light, dark)."""
    found = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\);", read_template("base.css"))
    return {name: (light, dark) for name, light, dark in found}


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_measure_is_the_standard_one():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("front", "back", "least"), PAIRS)
def test_contrast(front, back, least, theme):
    shades = colours()
    pair = [shades[name][theme == "dark"] for name in (front, back)]
    assert contrast(*pair) >= least, (front, back, pair, round(contrast(*pair), 2))


def test_every_colour_of_text_is_among_the_pairs():
    tried = {front for front, _, _ in PAIRS}
    sheets = "".join(read_template(name) for name in ("base.css", "video.css.j2", "library.css"))
    used = set(re.findall(r"[^-\w]color: var\(--([\w-]+)\)", sheets))
    assert used and used <= tried
    fixed = re.findall(r"[^-\w]color: (#\w+)", sheets)
    assert set(fixed) <= {"#fff", "#f2f1ee", "#c9c9cf"}  # on the near-black of the number tags and the large view
    assert all(contrast(colour, "#101114") >= 7 for colour in ("#ffffff", "#f2f1ee", "#c9c9cf"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x00b\x1b[31m\x7f", "a␀b␛[31m␡"),
        ("x\u202etxt.exe", "x[U+202E]txt.exe"), ("\u2066a\u2069", "[U+2066]a[U+2069]"),
        ("שלום عالم", "שלום عالم"), ("a\nb\tc", "a\nb\tc"), ("\ud800\x85", "\ufffd\ufffd"), (7, 7),
    ],
)  # fmt: skip
def test_what_would_act_is_shown(text, shown):
    assert show_plain(text) == shown


@pytest.mark.parametrize("name", ["/etc/passwd", "../x.png", "images/../../x.png", ""])
def test_no_address_leads_out_of_the_folder(name):
    assert address(name) == ""
    assert address("images/a b\ud800#?.png") == "images/a%20b%3F%23%3F.png"
