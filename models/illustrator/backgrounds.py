"""Backgrounds as small vector drawings: one function a setting, every number drawn from a seeded generator.

Each returns the inside of an SVG with view box 0 0 320 180. Colours stay light and calm, so that a subject reads
in front of them; the composer's lighting and palette are applied later, to subject and background alike.
"""

import colorsys
import io
import random
from collections.abc import Callable

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 320, 180  # px, the illustrator's native picture


def colour(hue: float, saturation: float, value: float) -> str:
    """An SVG colour; hue in turns, wrapped; the others clipped to 0..1."""
    saturation, value = min(max(saturation, 0.0), 1.0), min(max(value, 0.0), 1.0)
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


def rect(left: float, top: float, width: float, height: float, fill: str, radius: float = 0) -> str:
    return f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{radius}" fill="{fill}"/>'


def circle(x: float, y: float, radius: float, fill: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{fill}"/>'


def polygon(points: list[tuple[float, float]], fill: str) -> str:
    return f'<polygon points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}" fill="{fill}"/>'


def gradient(top: str, bottom: str) -> str:
    """The whole picture filled from top to bottom."""
    return (
        f'<defs><linearGradient id="g" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="{top}"/>'
        f'<stop offset="1" stop-color="{bottom}"/></linearGradient></defs>' + rect(0, 0, WIDTH, HEIGHT, "url(#g)")
    )


def hills(rng: random.Random, base: float, height: float, fill: str) -> str:
    """A row of soft hills whose crest lies about `height` above `base`."""
    path = [f"M0 {HEIGHT} L0 {base - rng.uniform(0, height):.1f}"]
    x = 0.0
    while x < WIDTH:
        step = rng.uniform(70, 140)
        crest, foot = base - height * rng.uniform(0.6, 1.2), base - height * rng.uniform(0.0, 0.4)
        path.append(f"Q{x + step / 2:.1f} {crest:.1f} {x + step:.1f} {foot:.1f}")
        x += step
    return f'<path d="{" ".join(path)} L{x:.1f} {HEIGHT} Z" fill="{fill}"/>'


def clouds(rng: random.Random, count: int, top: float = 20, bottom: float = 60) -> str:
    parts = []
    for _ in range(count):
        x, y, size = rng.uniform(10, 310), rng.uniform(top, bottom), rng.uniform(7, 13)
        parts += [circle(x, y, size, "#ffffff"), circle(x - size, y + 3, size * 0.7, "#ffffff")]
        parts.append(circle(x + size, y + 2, size * 0.8, "#ffffff"))
    return "".join(parts)


def plain(rng: random.Random) -> str:
    return rect(0, 0, WIDTH, HEIGHT, colour(rng.random(), rng.uniform(0.05, 0.45), rng.uniform(0.82, 1)))


def gradient_background(rng: random.Random) -> str:
    hue = rng.random()
    return gradient(
        colour(hue, rng.uniform(0.3, 0.6), rng.uniform(0.75, 1)), colour(hue + rng.uniform(-0.12, 0.12), 0.15, 1)
    )


def meadow(rng: random.Random) -> str:
    sky = gradient(colour(0.55, 0.35, 1), colour(0.53, 0.1, 1))
    green = rng.uniform(0.25, 0.33)
    far, near = colour(green, 0.45, 0.8), colour(green, 0.55, 0.68)
    flowers = "".join(
        circle(
            rng.uniform(0, 320), rng.uniform(140, 178), 1.8, rng.choice(["#fff5c2", "#ffffff", "#ffc4d6", "#ffd84d"])
        )
        for _ in range(rng.randint(8, 24))
    )
    return sky + clouds(rng, rng.randint(1, 3)) + hills(rng, 125, 30, far) + hills(rng, 148, 22, near) + flowers


def city_street(rng: random.Random) -> str:
    parts = [gradient(colour(0.56, 0.3, 1), colour(0.56, 0.08, 1))]
    for depth, value in ((95, 0.86), (112, 0.72)):
        x = -rng.uniform(0, 20)
        hue = rng.choice([0.58, 0.62, 0.05, 0.1, 0.52])
        while x < WIDTH:
            width, tall = rng.uniform(24, 46), rng.uniform(30, 80)
            parts.append(
                rect(x, depth + 35 - tall, width - 2, tall, colour(hue + rng.uniform(-0.03, 0.03), 0.22, value))
            )
            for row in range(int(tall // 14)):
                for column in range(int(width // 11)):
                    parts.append(rect(x + 4 + column * 10, depth + 40 - tall + row * 13, 5, 7, colour(0.13, 0.2, 0.98)))
            x += width
    parts += [rect(0, 142, WIDTH, 6, "#d5d2cd"), rect(0, 148, WIDTH, 32, "#8b8f99")]
    parts += [rect(x, 163, 18, 2.5, "#f4f1e4") for x in range(rng.randint(0, 20), WIDTH, 40)]
    return "".join(parts)


def office(rng: random.Random) -> str:
    wall = colour(rng.choice([0.1, 0.55, 0.6, 0.45]), rng.uniform(0.06, 0.16), 0.95)
    parts = [rect(0, 0, WIDTH, HEIGHT, wall), rect(0, 138, WIDTH, 42, colour(0.08, 0.3, 0.72))]
    left = rng.choice([24, 210])
    parts += [
        rect(left, 22, 84, 58, "#ffffff"),
        rect(left + 4, 26, 36, 50, "#bfe3f5"),
        rect(left + 44, 26, 36, 50, "#cfeaf7"),
    ]
    shelf = 220 - left + 10
    for level in range(2):
        parts.append(rect(shelf, 52 + level * 34, 76, 4, "#a9794f"))
        x = shelf + 3.0
        while x < shelf + 66:
            width, tall = rng.uniform(4, 8), rng.uniform(14, 24)
            parts.append(rect(x, 52 + level * 34 - tall, width, tall, colour(rng.random(), 0.4, 0.85)))
            x += width + 1
    return "".join(parts)


def living_room(rng: random.Random) -> str:
    hue = rng.choice([0.08, 0.95, 0.45, 0.12, 0.6])
    parts = [rect(0, 0, WIDTH, HEIGHT, colour(hue, rng.uniform(0.12, 0.25), 0.94))]
    parts += [rect(0, 134, WIDTH, 46, colour(0.07, 0.38, 0.68)), rect(0, 130, WIDTH, 5, "#fbf6ee")]
    side = rng.choice([20, 228])
    parts += [rect(side, 24, 70, 50, "#ffffff", 2), rect(side + 4, 28, 62, 42, colour(rng.random(), 0.3, 0.9))]
    lamp = 290 - side
    parts += [rect(lamp, 60, 3, 74, "#7a6a5d")]
    parts.append(polygon([(lamp - 14, 62), (lamp + 17, 62), (lamp + 9, 38), (lamp - 6, 38)], "#ffe29a"))
    parts.append(f'<ellipse cx="160" cy="162" rx="118" ry="13" fill="{colour(hue + 0.4, 0.25, 0.88)}"/>')
    return "".join(parts)


def seaside(rng: random.Random) -> str:
    parts = [gradient(colour(0.55, 0.3, 1), colour(0.12, 0.12, 1)), clouds(rng, rng.randint(0, 2))]
    parts += [circle(rng.choice([50, 270]), 40, 15, "#ffe27a"), rect(0, 96, WIDTH, 54, colour(0.54, 0.55, 0.8))]
    for _ in range(8):
        parts.append(rect(rng.uniform(-10, 290), rng.uniform(102, 134), rng.uniform(14, 34), 2, "#c6ecf5", 1))
    wave = f"M0 142 Q80 {rng.uniform(132, 138):.0f} 160 142 T320 142 L320 180 L0 180 Z"
    return "".join(parts) + f'<path d="{wave}" fill="{colour(0.12, 0.32, 0.96)}"/>'


def mountains(rng: random.Random) -> str:
    parts = [gradient(colour(0.57, 0.35, 0.98), colour(0.08, 0.1, 1))]
    for _ in range(rng.randint(3, 5)):
        x, tall, half = rng.uniform(0, 320), rng.uniform(60, 105), rng.uniform(55, 90)
        parts.append(
            polygon([(x - half, 140), (x, 140 - tall), (x + half, 140)], colour(0.6, 0.22, rng.uniform(0.6, 0.78)))
        )
        cap = 0.28
        snow = [(x - half * cap, 140 - tall * (1 - cap)), (x, 140 - tall), (x + half * cap, 140 - tall * (1 - cap))]
        parts.append(polygon(snow, "#ffffff"))
    return "".join(parts) + hills(rng, 146, 16, colour(0.38, 0.4, 0.62))


def starry_sky(rng: random.Random) -> str:
    parts = [gradient(colour(0.66, 0.75, 0.22), colour(0.7, 0.55, 0.45))]
    for _ in range(rng.randint(30, 60)):
        parts.append(circle(rng.uniform(0, 320), rng.uniform(0, 170), rng.uniform(0.6, 1.7), "#fff8dc"))
    return "".join(parts) + (hills(rng, 168, 14, colour(0.68, 0.6, 0.2)) if rng.random() < 0.6 else "")


def stage(rng: random.Random) -> str:
    hue = rng.choice([0.98, 0.0, 0.75, 0.6])
    parts = [rect(0, 0, WIDTH, HEIGHT, colour(hue, 0.45, 0.4))]
    for x in range(0, 70, 14):
        shade = colour(hue, 0.75, 0.62 if x // 14 % 2 else 0.72)
        parts += [rect(x, 0, 14, 150, shade), rect(306 - x, 0, 14, 150, shade)]
    parts += [polygon([(120, 0), (200, 0), (250, 150), (70, 150)], colour(hue, 0.25, 0.62))]
    return (
        "".join(parts)
        + rect(0, 142, WIDTH, 38, colour(0.08, 0.5, 0.6))
        + rect(0, 142, WIDTH, 3, colour(0.08, 0.4, 0.72))
    )


def workshop(rng: random.Random) -> str:
    parts = [rect(0, 0, WIDTH, HEIGHT, colour(0.09, 0.22, 0.88))]
    parts += [rect(0, y, WIDTH, 1.5, colour(0.09, 0.3, 0.78)) for y in range(18, 130, 22)]
    board = rng.choice([30, 170])
    parts.append(rect(board, 20, 120, 62, colour(0.5, 0.2, 0.72), 3))
    for _ in range(7):
        x, y = board + rng.uniform(10, 100), rng.uniform(26, 50)
        parts += [rect(x, y, 4, 24, "#9b6b43"), rect(x - 4, y - 2, 12, 7, "#6d737d")]
    return "".join(parts) + rect(0, 132, WIDTH, 8, "#b07c4c") + rect(0, 140, WIDTH, 40, "#8d6240")


def desert(rng: random.Random) -> str:
    parts = [gradient(colour(0.55, 0.25, 1), colour(0.1, 0.2, 1)), circle(rng.choice([60, 260]), 38, 16, "#fff0b8")]
    parts += [hills(rng, 126, 22, colour(0.1, 0.42, 0.92)), hills(rng, 150, 18, colour(0.09, 0.5, 0.84))]
    return "".join(parts)


DRAW: dict[str, Callable[[random.Random], str]] = {
    "a plain background": plain, "a gradient background": gradient_background, "a meadow": meadow,
    "a city street": city_street, "an office": office, "a living room": living_room, "a seaside": seaside,
    "mountains": mountains, "a starry sky": starry_sky, "a stage": stage, "a workshop": workshop, "a desert": desert,
}  # fmt: skip

#: Height of the ground that a subject stands on, as a fraction of the picture; None where it floats.
GROUND: dict[str, float | None] = {
    "a plain background": None, "a gradient background": None, "a starry sky": None,
    "a meadow": 0.9, "a city street": 0.92, "an office": 0.92, "a living room": 0.93, "a seaside": 0.9,
    "mountains": 0.92, "a stage": 0.9, "a workshop": 0.88, "a desert": 0.92,
}  # fmt: skip


def draw_background(setting: str, seed: int, size: tuple[int, int] = (WIDTH, HEIGHT)) -> np.ndarray:
    """The background of a setting, (height, width, 3) uint8; the same seed gives the same picture."""
    import resvg_py

    inside = DRAW[setting](random.Random(seed))
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">{inside}</svg>'
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=size[0], height=size[1]))
    return np.array(Image.open(io.BytesIO(png)).convert("RGB"))
