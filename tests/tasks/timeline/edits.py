"""Edits to test with: boards of any rate and length, and any edit at all from Hypothesis."""

import string
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from hypothesis import strategies as st

from tasks.place import place_panels
from tasks.records import Candidate, Captions, Panel, Placement, Storyboard, Summary
from tasks.timeline.choices import Choices
from tasks.timeline.edit import RATES, Mark, Source, Still, Timeline, build_timeline, one_line, plain_text
from tasks.timeline.timecode import day_frames, has_drop
from tests.tasks.boards import DIGEST, make_board, make_scene, make_video

#: Every rate with every way to count its labels.
COUNTS = [(rate, drop) for rate in RATES for drop in ((False, True) if has_drop(rate) else (False,))]
NASTY = [
    "quote \" and 'tick'", "a | b", "line\nfeed", "]]> <!-- & &amp; <script>", "עברית من اليمين 123", "\u202eevil",
    "nul\x00bell\x07esc\x1b", "half \ud83d of a pair", "\ufffe\uffff", "=cmd|'/c calc'!A0", "a,b;c\td",
    "\u2028\u0085\x0b", "日本語 🎬", "* FROM CLIP NAME: x", "%41 #1? 50%", "back\\slash; # = \\", "", " ", "\r\n\r",
]  # fmt: skip


def placed_board(rate: Fraction = Fraction(25), **video) -> Storyboard:
    """Three scenes in a minute, each with its picture in its place."""
    board = make_board()
    facts = replace(board.video, frame_rate=rate, frame_count=round(board.video.duration * rate), **video)
    scenes = tuple(
        replace(s, start_frame=round(s.start * rate), end_frame=round(s.end * rate)) for s in board.scenes
    )  # fmt: skip
    board = replace(board, video=facts, scenes=scenes)
    return replace(board, scenes=place_panels(facts, board.captions.cues, scenes, 0.5))


def long_board(rate: Fraction, hours: float = 10, step: float = 353.7, **video) -> Storyboard:
    """Hours of video, a scene every `step` seconds with a picture of five seconds in its middle."""
    facts = replace(make_video(hours * 3600, rate), **video)
    scenes = []
    for k in range(int(facts.duration / step)):
        scene = make_scene(facts, k + 1, k * step, (k + 1) * step, summary=Summary(f"Part {k}."), state="drawn")
        first = round((k + 0.5) * step * rate)
        last = first + round(5 * rate)
        place = Placement(float(first / rate), float(last / rate), first, last)
        pictures = tuple(
            Candidate(f"images/talk_s{k + 1:03d}_v{v}_a.png", k, 1 / v, f"{k}-{v}", {"width": 1280, "height": 720})
            for v in (1, 2)
        )
        scenes.append(replace(scene, panel=Panel(place, pictures, 0)))
    return Storyboard(facts, Captions("none", "und"), {}, tuple(scenes))


def make_timeline(board: Storyboard | None = None, folder: Path = Path("/out/talk"), **choices) -> Timeline:
    """The edit of a board."""
    return build_timeline(folder, board or placed_board(), Choices(**choices))


# --- any edit at all -----------------------------------------------------------------------------------------------

_any_text = st.one_of(st.sampled_from(NASTY), st.text(max_size=30)).map(plain_text)
_line = _any_text.map(one_line)
_path = st.one_of(
    st.sampled_from(["/a b/ü#?%.mp4", "../../videos/x.mp4", "D:/show/a.mov", "//server/share/ä.mov"]),
    _line.map(lambda text: "/videos/" + (text.replace("/", "") or "x").replace("\\", "")),
)


@st.composite
def spans(draw, length: int) -> list[tuple[int, int]]:
    """Some stretches of frames, in order and apart."""
    edges = sorted(draw(st.lists(st.integers(0, length), unique=True, max_size=8)))
    return list(zip(edges[::2], edges[1::2], strict=False))


@st.composite
def stills(draw, length: int, version: int) -> tuple[Still, ...]:
    """Pictures on one track."""
    letters = st.text(string.ascii_lowercase, min_size=1, max_size=5)
    return tuple(
        Still(
            scene=f"s{k:03d}", version=version, name=f"t_s{k:03d}_v{version}_{draw(letters)}.png", image="images/x.png",
            place=f"../images/t_s{k:03d}_v{version}.png", width=draw(st.integers(1, 4096)), height=720, first=first,
            last=last, prompt=draw(_any_text), seed=draw(st.integers(0, 2**63 - 1)), digest="ab",
        )
        for k, (first, last) in enumerate(draw(spans(length)))
    )  # fmt: skip


@st.composite
def timelines(draw) -> Timeline:
    """Any edit: every rate and count, up to ten hours, hostile texts everywhere that a text may stand."""
    rate, drop = draw(st.sampled_from(COUNTS))
    own_drop = has_drop(rate) and draw(st.booleans())
    length = draw(st.integers(1, int(10 * 3600 * rate)))
    starts = st.integers(0, day_frames(rate, True) - length - 1)
    source = Source(
        name=draw(_line) or "x", file="/videos/x.mp4", place=draw(_path), digest=DIGEST, rate=rate,
        start=draw(starts), drop=own_drop, audio_channels=draw(st.integers(0, 6)), audio_rate=44100,
    )  # fmt: skip
    marks = tuple(
        Mark(f"s{k:03d}", draw(_line), draw(_any_text), draw(_any_text), *span, draw(_any_text))
        for k, span in enumerate(draw(spans(length)))
    )
    return Timeline(
        name=draw(_line) or "t", rate=rate, drop=drop, start=draw(starts), length=length, width=1920, height=1080,
        source=source, stills=draw(stills(length, 1)), spares=draw(stills(length, 2)), marks=marks,
    )  # fmt: skip
