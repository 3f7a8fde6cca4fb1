"""Line charts as SVG text: small, self-contained, readable in light and dark; for calibrations and reports."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 460, 260  # px
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 34, 40  # px, margins
COLOURS = ("#4477aa", "#cc6677", "#228833", "#aa7700", "#9955bb", "#555555")  # apart for colour-blind eyes too


@dataclass(frozen=True)
class Line:
    """One curve."""

    name: str
    values: Sequence[float]  # one per x; NaN leaves a gap
    dashed: bool = False
    colour: int = -1  # of COLOURS; -1: its place among the lines


def draw_chart(title: str, x_label: str, xs: Sequence[float], lines: Sequence[Line], percent: bool = False) -> str:
    """An `<svg>` element. percent: values are shares, shown as such."""
    low, high = _range([value for line in lines for value in line.values if value == value])
    across = _scale(min(xs), max(xs), LEFT, WIDTH - RIGHT)
    down = _scale(low, high, HEIGHT - BOTTOM, TOP)
    parts = [f'<text x="{LEFT}" y="14" font-weight="600">{escape(title)}</text>']
    for value in _ticks(low, high):
        label = f"{100 * value:.3g} %" if percent else f"{value:.3g}"
        y = down(value)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="currentColor" opacity=".18"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    if low < 0 < high:
        parts.append(f'<path d="M{LEFT} {down(0):.1f}H{WIDTH - RIGHT}" stroke="currentColor" opacity=".6"/>')
    for x in sorted({xs[round(k * (len(xs) - 1) / 4)] for k in range(5)}):
        parts.append(f'<text x="{across(x):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{x:.3g}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x_label)}</text>')
    parts += [_draw_line(line, place, xs, across, down) for place, line in enumerate(lines)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="sans-serif" font-size="11" fill="currentColor" role="img" aria-label="{escape(title)}">'
        + "".join(parts)
        + "</svg>"
    )


def draw_charts(charts: Sequence[str]) -> str:
    """Several charts side by side as one SVG file, on white."""
    moved = [chart.replace("<svg ", f'<svg x="{place * WIDTH}" ', 1) for place, chart in enumerate(charts)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH * len(charts)} {HEIGHT}" color="#222">'
        '<rect width="100%" height="100%" fill="#fff"/>' + "".join(moved) + "</svg>\n"
    )


def _draw_line(line: Line, place: int, xs: Sequence[float], across, down) -> str:
    """The curve, with its name in the legend at the top."""
    colour = COLOURS[(line.colour if line.colour >= 0 else place) % len(COLOURS)]
    path, pen = [], "M"
    for x, y in zip(xs, line.values, strict=True):
        if y == y:
            path.append(f"{pen}{across(x):.1f} {down(y):.1f}")
        pen = "L" if y == y else "M"
    dash = ' stroke-dasharray="5 3"' if line.dashed else ""
    at = LEFT + place % 4 * 98
    return (
        f'<path d="{"".join(path)}" fill="none" stroke="{colour}" stroke-width="1.8"{dash}/>'
        f'<path d="M{at} 24h16" stroke="{colour}" stroke-width="2.4"{dash}/>'
        f'<text x="{at + 20}" y="28">{escape(line.name)}</text>'
    )


def _range(values: Sequence[float]) -> tuple[float, float]:
    """The values' range with 0 in it, never empty."""
    low, high = min(0.0, *values), max(0.0, *values)
    return (low, high) if high > low else (0.0, 1.0)


def _scale(low: float, high: float, start: float, end: float):
    span = (high - low) or 1.0
    return lambda value: start + (value - low) / span * (end - start)


def _ticks(low: float, high: float) -> list[float]:
    """About five round values within the range."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    return [k * step for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
