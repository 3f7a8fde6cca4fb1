"""Time codes: labels of frames, counted at a whole number of frames a second whatever the true rate is.

At 29.97 and 59.94 the labels fall behind the clock by 3.6 s an hour. Drop-frame labels leave out the first two (or
four) numbers of every minute but each tenth, so that they keep to it; no frame of the picture is ever dropped.
"""

import re
from fractions import Fraction

DROP_RATES = (Fraction(30000, 1001), Fraction(60000, 1001))  # the only ones with a drop-frame count
DAY = 24 * 3600  # s: after it labels begin again at zero


def has_drop(rate: Fraction) -> bool:
    """True where a drop-frame count exists."""
    return rate in DROP_RATES


def count_base(rate: Fraction) -> int:
    """Frame numbers in a label's second: 30 at 29.97."""
    return max(1, round(rate))


def day_frames(rate: Fraction, drop: bool = False) -> int:
    """Frames until the labels begin again."""
    base = count_base(rate)
    return DAY * base - (_skipped(rate) * (DAY // 60 - DAY // 600) if drop else 0)


def format_timecode(frame: int, rate: Fraction, drop: bool = False) -> str:
    """The label of a frame, `01:00:00:00`, with `;` before the frames where it is drop-frame."""
    base, frame = count_base(rate), frame % day_frames(rate, drop)
    if drop:
        frame += _skipped(rate) * _minutes_with_skip(frame, rate)
    seconds, frames = divmod(frame, base)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{';' if drop else ':'}{frames:02d}"


def parse_timecode(text: str, rate: Fraction, drop: bool | None = None) -> int:
    """Frames since the label of zeros. Colons may be left out: `1000000` is one hour.

    `drop` None: as the text says by `;` or `.` before the frames, where the rate has such a count.
    ValueError says what is wrong with the text.
    """
    hours, minutes, seconds, frames, marked = _split(text)
    drop = (marked and has_drop(rate)) if drop is None else drop
    base, skipped = count_base(rate), _skipped(rate)
    if hours > 23 or minutes > 59 or seconds > 59 or frames >= base:
        last = f"23:59:59:{base - 1:02d}"
        raise ValueError(f"time code {text!r} has a part out of range: up to {last} at {show_rate(rate)}")
    if drop and minutes % 10 and seconds == 0 and frames < skipped:
        raise ValueError(
            f"time code {text!r} does not exist in drop-frame: {hours:02d}:{minutes:02d}:00;{skipped:02d} is the first "
            "of that minute"
        )
    elapsed = hours * 60 + minutes
    return (elapsed * 60 + seconds) * base + frames - (skipped * (elapsed - elapsed // 10) if drop else 0)


def is_marked_drop(text: str) -> bool:
    """True where a time code says by `;` or `.` before its frames that it is drop-frame."""
    return bool(re.search(r"[;.]\d+$", text.strip()))


def show_rate(rate: Fraction) -> str:
    """`25`, `29.97`, `23.976`: as editors call it."""
    return f"{float(rate):.3f}".rstrip("0").rstrip(".")


def _split(text: str) -> tuple[int, int, int, int, bool]:
    """(hours, minutes, seconds, frames, marked as drop-frame)."""
    text = text.strip()
    if re.fullmatch(r"[0-9]{1,8}", text):
        text = re.sub(r"(..)(?=.)", r"\1:", text.zfill(8))
    match = re.fullmatch(r"([0-9]{1,2}):([0-9]{2}):([0-9]{2})([:;.])([0-9]{2,3})", text)
    if not match:
        raise ValueError(f"time code {text!r} is not HH:MM:SS:FF, nor those digits without colons")
    return int(match[1]), int(match[2]), int(match[3]), int(match[5]), match[4] != ":"


def _skipped(rate: Fraction) -> int:
    """Frame numbers left out at the start of a minute: 2 at 29.97, 4 at 59.94."""
    return count_base(rate) // 15


def _minutes_with_skip(frame: int, rate: Fraction) -> int:
    """How many minutes began with numbers left out, up to a frame that is counted by drop-frame."""
    minute = 60 * count_base(rate) - _skipped(rate)  # frames of such a minute
    ten = 10 * minute + _skipped(rate)  # the first of ten leaves none out
    tens, rest = divmod(frame, ten)
    return 9 * tens + max(0, rest - _skipped(rate)) // minute
