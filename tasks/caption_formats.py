"""Caption texts: SubRip and WebVTT read and written, SubStation Alpha and TTML read.

Reading is lenient, since real files break every rule: cues that make sense are kept, the others counted. Times of
single words, where the file has them, are kept; captions that roll, each repeating the end of the one before, are
collapsed. `parse(format(cues))` gives the cues back, to the millisecond; SubRip has no speakers, no times of words
and no escapes, so that these, angle brackets and braces are lost on its way.
"""

import html
import re
import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from models.errors import InputError
from tasks.records import Cue
from tasks.ttml import parse_ttml

SUFFIXES = (".vtt", ".srt", ".ass", ".ssa", ".ttml", ".dfxp", ".xml")
PICTURE_SUFFIXES = (".sup", ".idx", ".sub")  # Blu-ray and DVD subtitles: pictures of text
FOREIGN_SHARE = 0.25  # of a text's bytes above ASCII: more than any language in Latin letters has
LEAST_TO_GUESS = 100  # bytes: fewer tell no encoding from another
LEAST_OVERLAP = 2  # words that a rolling caption repeats of the one before
ROLLING_SHARE = 0.4  # of all cues that do so, in captions that roll
TOUCHING = 0.5  # s at most between a cue and the one that goes on with it

_TIME = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})(?:[.,:](\d{1,3})\d*)?"  # [h:]mm:ss[.fraction]
_TIMING = re.compile(rf"\s*{_TIME}\s*--?>\s*{_TIME}(?:\s|$)", re.ASCII)
_ALMOST_TIMING = re.compile(r"\s*-?\d+\s*:[^<>]*--?>|\s*-->")  # a cue begins here, but nobody knows when
_SPEAKER = re.compile(r"<v(?:\.[^\s<>]*)?\s([^<>]*)>")
_STAMP = re.compile(r"<((?:\d{1,4}:)?\d{1,2}:\d{1,2}\.\d{1,3})>")  # when the words after it are said
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<\d[\d:.]*>|\{\\[^{}]*\}")  # <i>, </c.x>, <00:01.000>, {\an8}
_ENTITY = re.compile(r"&(?:amp|lt|gt|nbsp|lrm|rlm|quot|apos|#\d{1,6}|#x[0-9a-fA-F]{1,6});")
_MARKS = dict.fromkeys(map(ord, "\ufeff\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"))


@dataclass(frozen=True)
class ParsedCaptions:
    """What a caption file holds."""

    cues: tuple[Cue, ...]  # sorted by start, ids from 0
    broken: int = 0  # cues left out: no readable time, or an end before the start
    encoding: str = "utf-8"  # as found out
    collapsed: int = 0  # cues that only repeated the one before


def parse_captions(data: bytes, suffix: str) -> tuple[Cue, ...]:
    """The cues of a caption file's bytes, sorted by start, without markup.

    Raises InputError for a suffix that is not read here and for bytes that are no text.
    """
    return parse_caption_file(data, suffix).cues


def parse_caption_file(data: bytes, suffix: str) -> ParsedCaptions:
    """As `parse_captions`, with the number of broken cues and the encoding that was found."""
    if suffix.lower() not in SUFFIXES:
        if suffix.lower() in PICTURE_SUFFIXES:
            raise InputError(
                f"captions of the kind {suffix!r} are pictures of text and are not read: turn them into .srt with a "
                "tool that recognises text (Subtitle Edit does), or leave --captions out to have the speech recognised"
            )
        raise InputError(f"captions of the kind {suffix!r} are not read: give one of {', '.join(SUFFIXES)}")
    text, encoding = decode_text(data)
    if suffix.lower() in (".ass", ".ssa"):
        raw, broken = _read_substation(text)
    elif suffix.lower() in (".vtt", ".srt"):
        raw, broken = _read_timed_blocks(text)
    else:
        raw, broken = _read_ttml(text)
    kept = {cue for cue in raw if cue.text and cue.end > cue.start}
    broken += sum(cue.end <= cue.start for cue in raw)
    ordered = collapse_rolling(sorted(kept, key=lambda cue: (cue.start, cue.end, cue.text, cue.speaker, cue.words)))
    cues = tuple(replace(cue, id=k) for k, cue in enumerate(ordered))
    return ParsedCaptions(cues, broken, encoding, len(kept) - len(cues) if len(cues) < len(kept) else 0)


def collapse_rolling(cues: list[Cue]) -> list[Cue]:
    """The cues without what they repeat of the one before, where most of them do; else the same list.

    Automatic captions roll: each shows the last line once more above the new one, so that read as they are every
    word is said twice.
    """
    shared = [_overlap(one, other) for one, other in pairwise(cues)]
    if sum(count >= LEAST_OVERLAP for count in shared) < max(2, ROLLING_SHARE * len(cues)):
        return cues
    kept = cues[:1]
    for cue, count in zip(cues[1:], shared, strict=True):
        words = cue.text.split()
        if count == len(words):  # nothing new: it only stays
            kept[-1] = replace(kept[-1], end=max(kept[-1].end, cue.end))
        else:
            start = cue.words[count] if cue.words and count else cue.start
            new = replace(cue, start=start, text=" ".join(words[count:]), words=cue.words[count:])
            kept[-1] = replace(kept[-1], end=min(kept[-1].end, max(new.start, kept[-1].start + 0.001)))
            kept.append(new)
    return kept


def _overlap(one: Cue, other: Cue) -> int:
    """How many words at the end of a cue are also the beginning of the next one."""
    if other.start - one.end > TOUCHING:
        return 0
    before, after = one.text.split(), other.text.split()
    longest = min(len(before), len(after), 60)  # two or three lines; a cue of a book's length rolls with nothing
    return next((count for count in range(longest, 0, -1) if before[-count:] == after[:count]), 0)


def format_vtt(cues: Iterable[Cue]) -> str:
    """WebVTT text, with speakers as voice tags."""
    blocks = ["WEBVTT"]
    for cue in cues:
        voice = f"<v {_escape(cue.speaker)}>" if cue.speaker else ""
        blocks.append(f"{_timing(cue, '.')}\n{voice}{_with_stamps(cue)}")
    return "\n\n".join(blocks) + "\n"


def _with_stamps(cue: Cue) -> str:
    """The text, each word that does not begin with the cue behind its time."""
    words = cue.text.split(" ")
    if len(words) != len(cue.words):
        return _escape(cue.text)
    start = round(cue.start * 1000)
    stamps = [round(time * 1000) for time in cue.words]
    return " ".join(
        (f"<{_clock(stamp, '.')}>" if stamp > start else "") + _escape(word)
        for stamp, word in zip(stamps, words, strict=True)
    )


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
    high = sum(byte > 127 for byte in data)
    if len(data) >= LEAST_TO_GUESS and high > FOREIGN_SHARE * len(data) and (best := _guess_encoding(data)):
        return data.decode(best, "replace"), best
    try:
        return data.decode("cp1252"), "cp1252"
    except UnicodeDecodeError:
        return data.decode("latin-1"), "latin-1"  # five bytes have no meaning in cp1252


def _guess_encoding(data: bytes) -> str:
    """The encoding of a text that is not in Latin letters, "" where there is no telling."""
    import charset_normalizer  # here: few files need it

    best = charset_normalizer.from_bytes(data[: 64 << 10]).best()
    return best.encoding if best else ""


def _decode_wide(data: bytes) -> tuple[str, str]:
    even, odd = data[0::2].count(0), data[1::2].count(0)
    if max(even, odd) < len(data) // 8 or min(even, odd) > max(even, odd) // 4:
        raise InputError("the captions are binary data, not text: give a .vtt or .srt file")
    encoding = "utf-16-le" if odd > even else "utf-16-be"
    return data.decode(encoding, "replace"), encoding


def _read_timed_blocks(text: str) -> tuple[list[Cue], int]:
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
        if web and "" in words:  # a line of blanks ends no cue: automatic captions have them
            words = words[: words.index("")]  # what follows are notes, styles and names
        if match:
            times = _seconds(match.groups()[:4]), _seconds(match.groups()[4:])
            cues.append(_make_cue(*times, "\n".join(words)))
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


def _make_cue(start: float, end: float, marked: str) -> Cue:
    """A cue from text with tags, entities and time stamps of words."""
    speaker = _SPEAKER.search(marked)
    name = _plain(speaker[1]) if speaker else ""
    said, words = _time_words([(piece, time) for piece, time in _split_at_stamps(marked, start)])
    timed = words if len(set(words)) > 1 and all(start <= time < end for time in words) else ()
    return Cue(0, start, end, said, name, timed)


def _split_at_stamps(marked: str, start: float) -> Iterator[tuple[str, float]]:
    """Pieces of plain text with the time from which on they are said, s."""
    pieces = _STAMP.split(marked)  # text, stamp, text, stamp, ...
    time = start
    for k, piece in enumerate(pieces):
        if k % 2:
            match = re.fullmatch(_TIME, piece)
            time = max(time, _seconds(match.groups())) if match else time
        else:
            yield _plain_spaces(_TAG.sub("", piece)), time


def _time_words(pieces: Iterable[tuple[str, float]]) -> tuple[str, tuple[float, ...]]:
    """(text on one line, when each of its words begins): a word in two pieces begins with the first."""
    words: list[str] = []
    times: list[float] = []
    apart = True  # whether the next letters begin a word
    for piece, time in pieces:
        parts = piece.split()
        if parts and not apart and not piece[0].isspace():
            words[-1] += parts.pop(0)
        words += parts
        times += [time] * len(parts)
        apart = piece[-1].isspace() if piece else apart
    return " ".join(words), tuple(times)


def _plain(words: str) -> str:
    return " ".join(_plain_spaces(words).split())


def _plain_spaces(words: str) -> str:
    """Without entities, marks and control characters; blanks stay as they are."""
    words = _ENTITY.sub(lambda entity: html.unescape(entity[0]), words).translate(_MARKS)
    return "".join(c if unicodedata.category(c) not in ("Cc", "Cs") or c.isspace() else "" for c in words)


def _escape(words: str) -> str:
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _timing(cue: Cue, point: str) -> str:
    start = max(0, round(cue.start * 1000))
    end = max(start + 1, round(cue.end * 1000))  # a cue that rounds to nothing would be lost
    return f"{_clock(start, point)} --> {_clock(end, point)}"


def _clock(milliseconds: int, point: str) -> str:
    seconds, milliseconds = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{point}{milliseconds:03d}"


def _read_substation(text: str) -> tuple[list[Cue], int]:
    import pysubs2  # here: only these files need it

    try:
        with warnings.catch_warnings():  # of margins and layers that cannot be read; nothing here depends on them
            warnings.simplefilter("ignore", RuntimeWarning)
            events = pysubs2.SSAFile.from_string(text, format_="ass").events
    except Exception as error:  # pysubs2 lets many kinds through on broken input
        raise InputError(f"the SubStation captions are broken: {error}") from error
    spoken = [event for event in events if not event.is_comment and not event.is_drawing]
    cues = [replace(_make_cue(e.start / 1000, e.end / 1000, e.plaintext), speaker=_plain(e.name)) for e in spoken]
    return cues, 0


def _read_ttml(text: str) -> tuple[list[Cue], int]:
    cues, broken = [], 0
    found, broken = parse_ttml(text)
    for one in found:
        said, words = _time_words([(_plain_spaces(piece), one.start if at is None else at) for piece, at in one.pieces])
        end = one.end if one.end is not None else one.start  # a cue that never ends is as broken as one without time
        timed = words if len(set(words)) > 1 and all(one.start <= time < end for time in words) else ()
        cues.append(Cue(0, one.start, end, said, _plain(one.agent), timed))
    return cues, broken
