"""TTML captions (`.ttml`, `.dfxp`, `.xml`) read event by event: no tree, so that no depth of nesting can do harm.

Times of elements count from the start of the element around them, as the standard has it. Declarations of entities
are refused: a few lines of them unpack to gigabytes, or name other files.
"""

import re
from dataclasses import dataclass, field
from xml.parsers import expat

from models.errors import InputError

_CLOCK = re.compile(r"(\d{1,4}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,9})|:(\d{1,3})(?:\.\d+)?)?")
_OFFSET = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)(h|m|s|ms|f|t)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
MOST_DEPTH = 200  # elements within each other; real files have under 10


@dataclass
class _Element:
    """An element that is open."""

    name: str
    begin: float | None  # s, absolute; None outside of all timing
    end: float | None
    timed: bool  # it has a begin of its own
    agent: str


@dataclass
class TimedText:
    """What one `p` holds."""

    start: float  # s
    end: float | None  # s
    agent: str  # name of the speaker, "" where none is named
    pieces: list[tuple[str, float | None]] = field(default_factory=list)  # (text, s from which on it is said)


def parse_ttml(text: str) -> tuple[list[TimedText], int]:
    """(paragraphs with a time, number of those without). Raises InputError for what is no TTML."""
    reader = _Reader()
    try:
        reader.parser.Parse(text, True)
    except expat.ExpatError as error:
        raise InputError(f"the TTML captions are broken: {error}") from error
    if not reader.is_ttml:
        raise InputError("the captions are XML but not TTML (its outermost element is not <tt>)")
    return reader.found, reader.broken


class _Reader:
    """The handlers of one parse, and what they have seen so far."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.EntityDeclHandler = self._refuse
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.open: list[_Element] = []
        self.found: list[TimedText] = []
        self.broken, self.is_ttml, self.frame_rate, self.tick_rate = 0, False, 30.0, 0.0
        self.agents: dict[str, str] = {}
        self.naming = ""  # the agent whose name is being read
        self.paragraph: TimedText | None = None

    def _refuse(self, *_) -> None:
        raise InputError("the TTML captions declare entities or a document type: remove the <!DOCTYPE ...>")

    def _start(self, tag: str, given: dict[str, str]) -> None:
        name, attributes = _local(tag), {_local(key): value for key, value in given.items()}
        if len(self.open) >= MOST_DEPTH:
            raise InputError(f"the TTML captions nest elements more than {MOST_DEPTH} deep: they are broken")
        if not self.open:
            self.is_ttml = name == "tt"
            self._read_rates(attributes)
        around = self.open[-1] if self.open else _Element("", 0.0, None, False, "")
        element = self._place(name, attributes, around)
        self.open.append(element)
        if name == "agent":
            self.naming = attributes.get("id", "")
        elif name == "p":
            self._start_paragraph(element, bool({"begin", "end", "dur"} & attributes.keys()))
        elif name == "br" and self.paragraph:
            self.paragraph.pieces.append(("\n", None))

    def _place(self, name: str, attributes: dict[str, str], around: _Element) -> _Element:
        offset = around.begin or 0.0
        begin, end, length = (self._seconds(attributes.get(key)) for key in ("begin", "end", "dur"))
        start = offset + (begin or 0.0)
        if begin is None and "begin" in attributes:
            return _Element(name, None, None, False, around.agent)  # a time that nobody can read
        if end is not None:
            until: float | None = offset + end
        else:
            until = start + length if length is not None else around.end
        agent = attributes.get("agent", around.agent)
        return _Element(name, start, until, begin is not None, agent.split(" ")[0])

    def _start_paragraph(self, element: _Element, timed: bool) -> None:
        if element.begin is None:
            self.broken += 1
            return
        if timed or any(other.timed for other in self.open):
            self.paragraph = TimedText(element.begin, element.end, element.agent)
        else:  # times may stand at its spans alone
            self.paragraph = TimedText(-1.0, None, element.agent)

    def _end(self, tag: str) -> None:
        name = _local(tag)
        element = self.open.pop()
        if name == "agent":
            self.naming = ""
        if name == "span" and self.paragraph and self.paragraph.start < 0 and element.timed:
            self.paragraph.start = element.begin or 0.0
        if name == "span" and self.paragraph and element.timed and element.end is not None:
            self.paragraph.end = max(self.paragraph.end or 0.0, element.end)
        if name == "p" and self.paragraph:
            if self.paragraph.start >= 0:
                self.paragraph.agent = self.agents.get(self.paragraph.agent, "").strip()
                self.found.append(self.paragraph)
            elif self.paragraph.pieces:
                self.broken += 1
            self.paragraph = None

    def _characters(self, data: str) -> None:
        if self.naming:
            self.agents[self.naming] = self.agents.get(self.naming, "") + data
        elif self.paragraph and not any(element.name == "metadata" for element in self.open[-3:]):
            timed = next((e for e in reversed(self.open) if e.timed and e.name == "span"), None)
            self.paragraph.pieces.append((data, timed.begin if timed else None))

    def _read_rates(self, attributes: dict[str, str]) -> None:
        try:
            above, below = map(float, attributes.get("frameRateMultiplier", "1 1").replace(":", " ").split())
            self.frame_rate = float(attributes.get("frameRate", 30)) * above / below
            self.tick_rate = float(attributes.get("tickRate", 0)) or self.frame_rate
        except (ValueError, ZeroDivisionError):
            self.tick_rate = self.frame_rate = 30.0
        if not 1 <= self.frame_rate <= 1000 or not 1 <= self.tick_rate <= 1e12:
            self.tick_rate = self.frame_rate = 30.0

    def _seconds(self, text: str | None) -> float | None:
        text = (text or "").strip()
        if clock := _CLOCK.fullmatch(text):
            hours, minutes, seconds, fraction, frames = clock.groups()
            whole = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
            return whole + (float(f"0.{fraction}") if fraction else int(frames or 0) / self.frame_rate)
        if offset := _OFFSET.fullmatch(text):
            value, unit = float(offset[1]), offset[2]
            if unit in _UNITS:
                return value * _UNITS[unit]
            return value / (self.frame_rate if unit == "f" else self.tick_rate)
        return None


def _local(name: str) -> str:
    return name.rpartition(":")[2]
