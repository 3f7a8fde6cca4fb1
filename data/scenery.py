"""The pictures of the sample videos, as SVG: a speaker in a room, and slides whose figures move.

Every function maps time to SVG text in a space of 640 x 360; nothing is random, so a frame is always the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, exp, pi, sin

WIDTH, HEIGHT = 640, 360


@dataclass(frozen=True)
class Palette:
    paper: str  # background of the slide
    card: str  # behind the figure
    ink: str  # text
    main: str  # the figure's chief colour
    second: str  # its other colour


PALETTES = {
    "plum": Palette("#f6e9f0", "#ffffff", "#4a2545", "#a8436f", "#f0b46a"),
    "crust": Palette("#f9ecd8", "#fffaf1", "#5a3315", "#c77a33", "#e9b872"),
    "ink": Palette("#dfeaf4", "#f8fbfe", "#1d3557", "#2f6690", "#f2a65a"),
    "meadow": Palette("#e0f0e0", "#f9fdf8", "#1f4d38", "#2d8659", "#f4c95d"),
    "honey": Palette("#fff1c7", "#fffbef", "#5c4100", "#e0a100", "#6b4b00"),
    "night": Palette("#20264d", "#151a38", "#f3f1ff", "#f2c14e", "#8ea4ff"),
}


@dataclass(frozen=True)
class Person:
    shirt: str
    skin: str
    hair: str
    wall: str
    long_hair: bool


PEOPLE = {
    "teal": Person("#1f7a7a", "#e8b28c", "#4b2e24", "#f3e3d3", True),
    "brick": Person("#b5503c", "#c68863", "#2a1d18", "#dfe8e4", False),
    "navy": Person("#2c4a7c", "#f0c7a4", "#8a5a2b", "#e9e2ef", False),
}


def _rect(x, y, width, height, fill, radius=0, more=""):
    size = f'x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}"'
    return f'<rect {size} rx="{radius}" fill="{fill}" {more}/>'


def _dot(x, y, radius, fill, more=""):
    return f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{radius:.2f}" fill="{fill}" {more}/>'


def _oval(x, y, across, down, fill, more=""):
    return f'<ellipse cx="{x:.2f}" cy="{y:.2f}" rx="{across:.2f}" ry="{down:.2f}" fill="{fill}" {more}/>'


def _line(x1, y1, x2, y2, colour, width, more=""):
    ends = f'x1="{x1:.2f}" y1="{y1:.2f}" x2="{x2:.2f}" y2="{y2:.2f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width}" stroke-linecap="round" {more}/>'


def _path(d, fill="none", stroke="none", width=0.0):
    edge = f'stroke="{stroke}" stroke-width="{width}" stroke-linecap="round" stroke-linejoin="round"'
    return f'<path d="{d}" fill="{fill}" {edge}/>'


def _group(inner, transform):
    return f'<g transform="{transform}">{inner}</g>'


def _settle(t: float, start: float) -> float:
    """0 before `start`, then quickly towards 1."""
    return 0.0 if t < start else 1 - exp(-4.0 * (t - start))


def draw_speaker(person: Person, close: bool, t: float, since: float, mouth: float) -> str:
    """The speaker at time `t` (s), `since` seconds after the cut, with the mouth open by `mouth` in 0..1."""
    scale = (1.6 if close else 1.0) * (1 + 0.004 * since)  # a slow push-in: no shot stands still
    x, y = (320, 150) if close else (320, 180)
    focus = f"translate(320 {165 if close else 180}) scale({scale:.4f}) translate({-x} {-y})"
    room = _room(person, t)
    body = _person(person, t, mouth)
    return _frame(_group(room + body + ("" if close else _desk()), focus))


def _room(person: Person, t: float) -> str:
    cloud = 60 + (t * 4) % 150
    window = (
        _rect(60, 50, 150, 120, "#ffffff", 8)
        + '<clipPath id="pane"><rect x="68" y="58" width="134" height="104" rx="4"/></clipPath>'
        + '<g clip-path="url(#pane)">'
        + _rect(68, 58, 134, 104, "#bfe0f2")
        + _oval(cloud, 92, 24, 9, "#ffffff")
        + _oval(cloud + 16, 86, 15, 9, "#ffffff")
        + _path("M60 170 Q100 128 140 150 T215 140 L215 175 Z", "#8fc29b")
        + "</g>"
        + _rect(132, 54, 5, 112, "#ffffff")
    )
    shelf = _rect(452, 96, 140, 7, "#a9744f", 3) + "".join(
        _rect(462 + 15 * k, 96 - height, 12, height, colour, 2)
        for k, (height, colour) in enumerate(
            [(38, "#d96c5f"), (46, "#e8b04b"), (34, "#5b8e7d"), (42, "#49679c"), (30, "#8c5a8f"), (44, "#c98d5b")]
        )
    )
    sway = 2 * sin(t * 0.9)
    plant = "".join(_leaf(k, dx, sway) for k, dx in enumerate((-40, -20, 2, 22, 42)))
    plant += _path("M536 262 L584 262 L577 306 L543 306 Z", "#c96f4a")
    floor = _rect(-40, 300, 720, 100, "#d9bfa3") + _rect(-40, 296, 720, 6, "#ffffff", 0, 'opacity="0.6"')
    return _rect(-40, -40, 720, 440, person.wall) + window + shelf + floor + plant


def _leaf(k: int, dx: float, sway: float) -> str:
    tip = f"{560 + dx + sway * 1.5:.1f} {205 - k % 3 * 12}"
    return _path(f"M560 262 Q{560 + dx / 2 + sway:.1f} {225 - k % 2 * 14} {tip}", "none", "#3f8f5f", 9)


def _desk() -> str:
    mug = _rect(214, 286, 26, 30, "#f2f2ee", 5) + _path("M240 293 q13 2 0 16", "none", "#f2f2ee", 5)
    papers = _path("M392 314 L456 314 L446 304 L400 304 Z", "#fbfaf6")
    return _rect(110, 314, 420, 14, "#8a5a3c", 5) + _rect(124, 328, 392, 40, "#74492f") + mug + papers


def _person(person: Person, t: float, mouth: float) -> str:
    lean, nod = 3 * sin(t * 0.7), 1.5 * sin(t * 1.9) + 1.5 * mouth
    torso = _path("M252 330 Q250 236 292 222 L348 222 Q390 236 388 330 Z", person.shirt)
    neck = _rect(305, 190, 30, 42, _shade(person.skin), 12)
    collar = _path("M296 222 Q320 246 344 222", "none", "#ffffff", 5)
    body = torso + neck + collar + _arms(person, t, mouth)
    return _group(
        body + _group(_head(person, t, mouth), f"translate({lean:.2f} {nod:.2f})"), f"translate({lean:.2f} 0)"
    )


def _arms(person: Person, t: float, mouth: float) -> str:
    lift = 10 * sin(t * 1.3) + 12 * sin(t * 0.53) + 8 * mouth
    parts = ""
    for side, raised in ((-1, 18 + lift), (1, 18 - lift)):
        shoulder, elbow = 320 + side * 56, 320 + side * 82
        hand_x, hand_y = 320 + side * (52 + 0.3 * raised), 284 - max(raised, 0) * 0.9
        parts += _path(
            f"M{shoulder} 246 Q{elbow + side * 6} 282 {elbow} 300 L{hand_x:.1f} {hand_y:.1f}",
            "none",
            _shade(person.shirt),
            24,
        )
        parts += _dot(hand_x, hand_y, 13, person.skin)
    return parts


def _head(person: Person, t: float, mouth: float) -> str:
    back = (
        _path(
            "M272 150 Q266 96 320 92 Q374 96 368 150 L372 214 Q356 226 344 212 L296 212 Q284 226 268 214 Z", person.hair
        )
        if person.long_hair
        else ""
    )
    face = _oval(275, 158, 8, 11, person.skin) + _oval(365, 158, 8, 11, person.skin)
    face += _path(
        "M276 140 Q276 104 320 104 Q364 104 364 140 L362 166 Q356 204 320 206 Q284 204 278 166 Z", person.skin
    )
    fringe = _path(
        "M270 146 Q268 92 322 88 Q374 92 370 146 Q362 122 338 116 Q300 134 278 128 Q272 134 270 146 Z", person.hair
    )
    cheeks = _oval(291, 176, 9, 6, "#e5766b", 'opacity="0.25"') + _oval(349, 176, 9, 6, "#e5766b", 'opacity="0.25"')
    nose = _path("M320 158 q5 11 -3 13", "none", _shade(person.skin), 3)
    return back + face + fringe + cheeks + nose + _eyes(person, t) + _mouth(mouth)


def _eyes(person: Person, t: float) -> str:
    blink = 0.12 if t % 3.7 < 0.12 else 1.0
    glance = 1.5 * sin(t * 0.6)
    eyes = "".join(_oval(x + glance, 154, 4.6, 5.8 * blink, "#2b2523") for x in (301, 339))
    brows = "".join(
        _path(f"M{x - 9} {141 - sin(t * 0.8):.1f} q9 -5 18 0", "none", person.hair, 3.5) for x in (301, 339)
    )
    return eyes + brows


def _mouth(mouth: float) -> str:
    if mouth < 0.15:
        return _path("M306 186 Q320 195 334 186", "none", "#8f3b3b", 3.5)
    return _oval(320, 188, 11 + 2 * mouth, 2 + 8 * mouth, "#7a2e33") + _oval(
        320, 190 + 5 * mouth, 7, 2.4 * mouth, "#d9787a"
    )


def _shade(colour: str) -> str:
    """A little darker."""
    return "#" + "".join(f"{int(int(colour[k : k + 2], 16) * 0.86):02x}" for k in (1, 3, 5))


def draw_slide(look: str, figure: str, title: str, points: tuple[str, ...], since: float, length: float) -> str:
    """A slide `since` seconds after its cut, of a shot that lasts `length` seconds."""
    palette = PALETTES[look]
    card = _rect(372, 62, 228, 228, palette.card, 22) + _group(FIGURES[figure](palette, since), "translate(486 176)")
    rule = _rect(40, 152, 300 * _settle(since, 0.15) * 0.3, 5, palette.main, 2.5)
    words = _text(40, 134, title, 44 if len(title) < 15 else 34, palette.ink)
    for k, point in enumerate(points):
        shown = _settle(since, 0.6 + 1.1 * k)
        words += _rect(40 - 24 * (1 - shown), 180 + 40 * k, 10, 10, palette.main, 5, f'opacity="{shown:.3f}"')
        words += _text(62 - 24 * (1 - shown), 192 + 40 * k, point, 22, palette.ink, shown)
    done = min(max(since / length, 0.0), 1.0)
    bar = _rect(40, 322, 560, 6, palette.card, 3) + _rect(40, 322, max(560 * done, 6), 6, palette.main, 3)
    return _frame(_rect(0, 0, WIDTH, HEIGHT, palette.paper) + _blobs(palette, since) + card + rule + words + bar)


def _blobs(palette: Palette, t: float) -> str:
    spots = ((90, 30, 60, 0.5), (610, 20, 90, 0.35), (20, 330, 80, 0.4))
    return "".join(
        _dot(x + 10 * sin(t * speed), y + 8 * cos(t * speed), radius, palette.card, 'opacity="0.45"')
        for x, y, radius, speed in spots
    )


def _text(x: float, y: float, text: str, size: int, fill: str, opacity: float = 1.0) -> str:
    place = f'x="{x:.2f}" y="{y:.2f}" font-size="{size}" font-family="Roboto"'
    return f'<text {place} fill="{fill}" opacity="{opacity:.3f}">{text}</text>'


def _frame(inner: str) -> str:
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{inner}</svg>'


def _dots(palette: Palette, t: float) -> str:
    colours = (palette.main, palette.second, "#5b8e7d", "#49679c", "#d96c5f")
    return "".join(
        _dot(62 * cos(2 * pi * k / 5 + t * 0.5), 62 * sin(2 * pi * k / 5 + t * 0.5), 24 * _settle(t, 0.3 * k), colour)
        for k, colour in enumerate(colours)
    )


def _dough(palette: Palette, t: float) -> str:
    rise = 26 + 22 * (1 - exp(-t / 3)) + 2 * sin(t * 1.5)
    bowl = _path("M-78 28 L78 28 Q70 84 0 84 Q-70 84 -78 28 Z", palette.main) + _rect(
        -86, 20, 172, 14, _shade(palette.main), 7
    )
    top = 24 - 2 * rise
    dough = _path(f"M-68 24 Q-66 {top:.1f} 0 {top:.1f} Q66 {top:.1f} 68 24 Z", palette.second)
    steam = "".join(
        _path(f"M{x} {-78 - 4 * sin(t * 2 + x):.1f} q{8 * sin(t * 2 + x):.1f} -10 0 -20", "none", palette.main, 4)
        for x in (-30, 0, 30)
    )
    return dough + bowl + steam


def _dial(palette: Palette, t: float) -> str:
    ticks = "".join(_group(_rect(-2, -82, 4, 12, palette.main, 2), f"rotate({30 * k})") for k in range(12))
    hands = _group(_rect(-4, -44, 8, 50, palette.ink, 4), f"rotate({300 + 6 * t:.2f})")
    hands += _group(_rect(-3, -66, 6, 74, palette.second, 3), f"rotate({72 * t:.2f})")
    ring = _dot(0, 0, 92, "none", f'stroke="{palette.main}" stroke-width="9"')
    return ring + ticks + hands + _dot(0, 0, 7, palette.ink)


def _wheels(palette: Palette, t: float) -> str:
    wheel = _dot(0, 0, 36, "none", f'stroke="{palette.main}" stroke-width="6"')
    wheel += "".join(_group(_line(0, -34, 0, 34, palette.main, 1.5), f"rotate({30 * k})") for k in range(6))
    spin = f"rotate({150 * t:.2f})"
    wheels = "".join(_group(_group(wheel, spin), f"translate({x} 28)") for x in (-54, 54))
    frame = _path("M-54 28 L-22 -26 L34 -26 L0 30 Z M0 30 L-26 -40 M54 28 L30 -46", "none", palette.second, 6)
    seat = _line(-38, -42, -16, -42, palette.ink, 7) + _path("M14 -48 L32 -48 L42 -40", "none", palette.ink, 6)
    road = "".join(_line(x, 74, x + 22, 74, palette.ink, 4) for x in _moving(t * -60, 44))
    return wheels + frame + seat + road


def _moving(offset: float, step: float) -> list[float]:
    """Places `step` apart within the card, shifted by `offset`."""
    return [x for k in range(-4, 6) if -96 <= (x := k * step + offset % step) <= 74]


def _comb(palette: Palette, t: float) -> str:
    cells = ""
    for k, (column, row) in enumerate((c, r) for r in range(-1, 2) for c in range(-1, 2)):
        x, y = column * 52 + (row % 2) * 26 - 13, row * 45
        points = " ".join(f"{x + 27 * sin(pi * s / 3):.1f},{y + 27 * cos(pi * s / 3):.1f}" for s in range(6))
        filled = _settle(t, 0.5 + 0.55 * ((k * 4) % 9))
        paint = f'fill="{palette.main}" fill-opacity="{filled:.3f}" stroke="{palette.main}" stroke-width="5"'
        cells += f'<polygon points="{points}" {paint}/>'
    x, y, tilt = 70 * sin(t * 0.8), -30 + 45 * sin(t * 1.3), 20 * cos(t * 0.8)
    wings = _oval(-4, -13, 8, 12 * (0.7 + 0.3 * sin(t * 40)), "#ffffff", 'opacity="0.9"')
    bee = (
        wings
        + _oval(0, 0, 18, 12, palette.second)
        + _rect(-6, -11, 5, 22, palette.main)
        + _rect(4, -10, 5, 20, palette.main)
    )
    return cells + _group(bee, f"translate({x:.2f} {y:.2f}) rotate({tilt:.2f})")


def _moons(palette: Palette, t: float) -> str:
    stars = "".join(
        _dot((k * 61) % 200 - 100, (k * 37) % 190 - 95, 1.6 + 0.9 * sin(t * 2 + k), "#ffffff") for k in range(16)
    )
    planet = _dot(0, 0, 34, "#e3b98a") + _rect(-33, -10, 66, 8, "#c98f5e", 4) + _rect(-31, 8, 62, 7, "#d6a273", 3)
    moons = "".join(
        _dot(reach * cos(t * speed + k), 0.22 * reach * sin(t * speed + k), 6, palette.main)
        for k, (reach, speed) in enumerate(((50, 1.5), (66, 1.0), (82, 0.7), (98, 0.45)))
    )
    return stars + _line(-100, 0, 100, 0, palette.second, 1, 'opacity="0.5"') + planet + moons


def _crown(palette: Palette, t: float) -> str:
    rings = "".join(
        _dot(0, 0, radius * _settle(t, 0.25 * k), "none", f'stroke="{colour}" stroke-width="{5 + k % 3 * 2}"')
        for k, (radius, colour) in enumerate((12 + 14 * k, "#b98755" if k % 2 else "#8f6238") for k in range(6))
    )
    return _dot(0, 0, 96, "#e6c79c") + rings + _line(0, 0, 92 * cos(t * 0.4), 92 * sin(t * 0.4), palette.main, 4)


def _ascent(palette: Palette, t: float) -> str:
    stars = "".join(_dot((k * 53) % 196 - 98, ((k * 41 + t * 60) % 200) - 100, 1.8, "#ffffff") for k in range(18))
    curve = _path(f"M-80 90 Q-60 {-20 - 8 * t:.1f} {20 + 4 * t:.1f} -80", "none", palette.second, 3)
    gauge = _rect(64, -80, 16, 160, "#2c3566", 8)
    left = 150 * exp(-t / 5)
    return (
        stars
        + curve
        + gauge
        + _rect(67, 75 - left, 10, left, palette.main, 5)
        + _dot(-80 + 18 * t % 90, 90 - 34 * t % 160, 6, palette.main)
    )


def _rain(palette: Palette, t: float) -> str:
    places = [((k * 67) % 190 - 95, ((k * 47 + t * 150) % 190) - 100) for k in range(14)]
    drops = "".join(_line(x, y, x - 4, y + 12, palette.main, 3) for x, y in places if y < -62 or abs(x) > 72)
    arc = _path("M-66 10 Q-60 -48 0 -50 Q60 -48 66 10 Z", palette.second)
    return drops + arc + _path("M0 -56 L0 70 q-2 14 -16 8", "none", palette.ink, 5)


FIGURES: dict[str, Callable[[Palette, float], str]] = {
    "dots": _dots,
    "dough": _dough,
    "dial": _dial,
    "wheels": _wheels,
    "comb": _comb,
    "moons": _moons,
    "crown": _crown,
    "ascent": _ascent,
    "rain": _rain,
}
