"""Caption texts: SubRip and WebVTT read and written, SubStation Alpha read.

Reading is lenient, since real files break every rule: cues that make sense are kept, the others counted.
`parse(format(cues))` gives the cues back, to the millisecond; SubRip has no speakers and no escapes, so that
speakers, angle brackets and braces are lost on its way.
"""

import html
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from models.errors import InputError
from tasks.records import Cue

SUFFIXES = (".vtt", ".srt", ".ass", ".ssa")

_TIME = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})(?:[.,:](\d{1,3})\d*)?"  # [h:]mm:ss[.fraction]
_TIMING = re.compile(rf"\s*{_TIME}\s*--?>\s*{_TIME}(?:\s|$)", re.ASCII)
_ALMOST_TIMING = re.compile(r"\s*-?\d+\s*:[^<>]*--?>|\s*-->")  # a cue begins here, but nobody knows when
_SPEAKER = re.compile(r"<v(?:\.[^\s<>]*)?\s([^<>]*)>")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<\d[\d:.]*>|\{\\[^{}]*\}")  # <i>, </c.x>, <00:01.000>, {\an8}
_ENTITY = re.compile(r"&(?:amp|lt|gt|nbsp|lrm|rlm|quot|apos|#\d{1,6}|#x[0-9a-fA-F]{1,6});")
_MARKS = dict.fromkeys(map(ord, "\ufeff\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"))


@dataclass(frozen=True)
class ParsedCaptions:
    """What a caption file holds."""

    cues: tuple[Cue, ...]  # sorted by start, ids from 0
    broken: int = 0  # cues left out: no readable time, or an end before the start
    encoding: str = "utf-8"  # as found out


def parse_captions(data: bytes, suffix: str) -> tuple[Cue, ...]:
    """The cues of a caption file's bytes, sorted by start, without markup.

    Raises InputError for a suffix that is not read here and for bytes that are no text.
    """
    return parse_caption_file(data, suffix).cues


def parse_caption_file(data: bytes, suffix: str) -> ParsedCaptions:
    """As `parse_captions`, with the number of broken cues and the encoding that was found."""
    if suffix.lower() not in SUFFIXES:
        raise InputError(f"captions of the kind {suffix!r} are not read: give one of {', '.join(SUFFIXES)}")
    text, encoding = decode_text(data)
    if suffix.lower() in (".ass", ".ssa"):
        raw, broken = _read_substation(text)
    else:
        raw, broken = _read_timed_blocks(text)
    kept = {(start, end, words, speaker) for start, end, words, speaker in raw if words and end > start}
    broken += sum(end <= start for start, end, _, _ in raw)
    ordered = sorted(kept, key=lambda cue: cue[:3])
    return ParsedCaptions(tuple(Cue(k, *cue) for k, cue in enumerate(ordered)), broken, encoding)


def format_vtt(cues: Iterable[Cue]) -> str:
    """WebVTT text, with speakers as voice tags."""
    blocks = ["WEBVTT"]
    for cue in cues:
        voice = f"<v {_escape(cue.speaker)}>" if cue.speaker else ""
        blocks.append(f"{_timing(cue, '.')}\n{voice}{_escape(cue.text)}")
    return "\n\n".join(blocks) + "\n"


def format_srt(cues: Iterable[Cue]) -> str:
    """SubRip text, numbered from 1."""
    blocks = []
    for number, cue in enumerate(cues, 1):
        words = cue.text.replace("-->", "→")  # would be taken for a time line
        blocks.append(f"{number}\n{_timing(cue, ',')}\n{words}\n")
    return "\n".join(blocks)


def decode_text(data: bytes) -> tuple[str, str]:
    """(text, encoding): by byte order mark, else UTF-8, else UTF-16 by its zeros, else Windows-1252.

    Raises InputError for bytes that are no text.
    """
    marks = (
        (b"\xef\xbb\xbf", "utf-8-sig"),
        (b"\xff\xfe\0\0", "utf-32"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    )
    for mark, encoding in marks:
        if data.startswith(mark):
            return data.decode(encoding, "replace"), encoding
    if b"\0" in data:
        return _decode_wide(data)
    text = data.decode("utf-8", "replace")
    wrong = text.count("\ufffd")
    if not wrong:
        return text, "utf-8"
    # A few damaged bytes among many good characters are damage; otherwise it never was UTF-8.
    if sum(ord(character) > 127 for character in text) - wrong > wrong:
        return text, "utf-8"
    try:
        return data.decode("cp1252"), "cp1252"
    except UnicodeDecodeError:
        return data.decode("latin-1"), "latin-1"  # five bytes have no meaning in cp1252


def _decode_wide(data: bytes) -> tuple[str, str]:
    even, odd = data[0::2].count(0), data[1::2].count(0)
    if max(even, odd) < len(data) // 8 or min(even, odd) > max(even, odd) // 4:
        raise InputError("the captions are binary data, not text: give a .vtt or .srt file")
    encoding = "utf-16-le" if odd > even else "utf-16-be"
    return data.decode(encoding, "replace"), encoding


RawCue = tuple[float, float, str, str]  # start s, end s, text, speaker


def _read_timed_blocks(text: str) -> tuple[list[RawCue], int]:
    """Cues of SubRip and WebVTT alike, found by their time lines; and how many time lines made no sense."""
    web = text.lstrip("\ufeff \n\r\t").startswith("WEBVTT")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    timings = [(k, _TIMING.match(line)) for k, line in enumerate(lines) if _ALMOST_TIMING.match(line)]
    ends = [k for k, _ in timings[1:]] + [len(lines)]  # the last one ends with the file
    cues, number = [], ""
    for (k, match), end in zip(timings, ends, strict=False):
        number = lines[k - 1].strip() if k else number
        words = lines[k + 1 : end]
        if end < len(lines) and _numbers_next(words, number):
            words = words[:-1]
        if web and "" in (bare := [line.strip() for line in words]):
            words = words[: bare.index("")]  # what follows are notes, styles and names
        if match:
            cues.append((_seconds(match.groups()[:4]), _seconds(match.groups()[4:]), *_clean("\n".join(words))))
    return cues, sum(match is None for _, match in timings)


def _numbers_next(words: list[str], number: str) -> bool:
    """Whether the last line before a time line is the next cue's number, not text of this one."""
    last = words[-1].strip() if words else ""
    if not last.isdecimal():
        return False
    stands_alone = len(words) == 1 or not words[-2].strip()
    return stands_alone or (number.isdecimal() and int(last[:9]) == int(number[:9]) + 1)


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = parts
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    return (whole * 1000 + int((fraction or "0").ljust(3, "0"))) / 1000


def _clean(words: str) -> tuple[str, str]:
    """(text on one line, speaker) without tags, entities and control characters."""
    speaker = _SPEAKER.search(words)
    return _plain(_TAG.sub("", words)), _plain(speaker[1]) if speaker else ""


def _plain(words: str) -> str:
    words = _ENTITY.sub(lambda entity: html.unescape(entity[0]), words).translate(_MARKS)
    words = "".join(c if unicodedata.category(c) not in ("Cc", "Cs") or c.isspace() else "" for c in words)
    return " ".join(words.split())


def _escape(words: str) -> str:
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _timing(cue: Cue, point: str) -> str:
    start = max(0, round(cue.start * 1000))
    end = max(start + 1, round(cue.end * 1000))  # a cue that rounds to nothing would be lost
    return f"{_clock(start, point)} --> {_clock(end, point)}"


def _clock(milliseconds: int, point: str) -> str:
    seconds, milliseconds = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{point}{milliseconds:03d}"


def _read_substation(text: str) -> tuple[list[RawCue], int]:
    import pysubs2  # here: only these files need it

    try:
        events = pysubs2.SSAFile.from_string(text, format_="ass").events
    except Exception as error:  # pysubs2 lets many kinds through on broken input
        raise InputError(f"the SubStation captions are broken: {error}") from error
    spoken = [event for event in events if not event.is_comment and not event.is_drawing]
    return [(e.start / 1000, e.end / 1000, *_clean(e.plaintext)[:1], _plain(e.name)) for e in spoken], 0
