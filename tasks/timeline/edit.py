"""The edit: one frozen record in whole frames at a rational rate, from which every timeline format is written.

All frames count from the first frame of the timeline, which shows the first frame of the source. What their labels
are (start time code, drop-frame) is apart from where they are, so a source's own time code never moves anything.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from models.errors import InputError
from tasks.folder import locate
from tasks.records import Candidate, Panel, Scene, Storyboard, Video
from tasks.timeline.choices import Choices, check_choices
from tasks.timeline.places import name_place
from tasks.timeline.timecode import format_timecode, has_drop, is_marked_drop, parse_timecode, show_rate

#: Rates that an editor's timeline can have, in frames/s.
RATES = (Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(50),
         Fraction(60000, 1001), Fraction(60))  # fmt: skip
DEFAULT_START = "01:00:00:00"  # what broadcasters and editors begin at
SUBFOLDER = "timelines"


@dataclass(frozen=True)
class Source:
    """The video that was illustrated."""

    name: str  # its file name
    file: str  # where it lies on this machine
    place: str  # where the timelines say that it lies
    digest: str  # sha256 of its bytes
    rate: Fraction  # its own, frames/s; nominal where variable
    start: int  # frame that its own time code gives its first frame, at the timeline's rate; 0 without one
    drop: bool  # its own time code is drop-frame
    audio_channels: int  # 0: it has no sound
    audio_rate: int  # Hz


@dataclass(frozen=True)
class Still:
    """A picture on the timeline: a clip as long as it is on screen."""

    scene: str  # id
    version: int  # the number of this picture among the scene's
    name: str  # its file name, which never ends in digits; editors relink by it
    image: str  # its file, from the video's folder
    place: str  # where the timelines say that it lies
    width: int  # px
    height: int  # px
    first: int  # frame
    last: int  # frame after its last
    prompt: str
    seed: int
    digest: str  # of what its pixels depend on
    generated: bool = True  # False for a person's own picture


@dataclass(frozen=True)
class Mark:
    """What a scene is about, as a marker over its length."""

    scene: str  # id
    name: str  # short: id and subject
    gist: str
    prompt: str
    first: int  # frame
    last: int  # frame after its last
    error: str = ""  # why the scene has no picture


@dataclass(frozen=True)
class Timeline:
    """The edit of one video."""

    name: str
    rate: Fraction  # frames/s
    drop: bool  # labels are drop-frame
    start: int  # frame that the label of the first frame stands for
    length: int  # frames
    width: int  # px
    height: int  # px
    source: Source  # on track 1, whole
    stills: tuple[Still, ...]  # on track 2, in order, apart from each other
    spares: tuple[Still, ...]  # on track 3, disabled, in order
    marks: tuple[Mark, ...]  # in order
    notes: tuple[str, ...] = ()  # what the user should know

    def label(self, frame: int) -> str:
        """The time code of a frame."""
        return format_timecode(self.start + frame, self.rate, self.drop)

    def source_label(self, frame: int) -> str:
        """The source's own time code at a frame of the timeline."""
        return format_timecode(self.source.start + frame, self.rate, self.source.drop)


def build_timeline(folder: Path, board: Storyboard, choices: Choices) -> Timeline:
    """The edit of a storyboard in its folder; InputError where the choices do not fit the video."""
    check_choices(choices)
    video, rate = board.video, choose_rate(board.video)
    source, complaint = _describe_source(folder, video, rate, choices)
    drop, start = choose_start(choices, source, bool(video.timecode) and not complaint, rate)
    length = max(1, move_frame(video.frame_count, video.frame_rate, rate))
    stills, cut = _keep_apart(_list_stills(folder, board, rate, choices, _chosen), length)
    spares, _ = _keep_apart(_list_stills(folder, board, rate, choices, _runner_up), length)
    marks = tuple(filter(None, (_mark(scene, video.frame_rate, rate, length) for scene in board.scenes)))
    return Timeline(
        name=plain_text(folder.absolute().name) or "timeline",
        rate=rate,
        drop=drop,
        start=start,
        length=length,
        width=video.width,
        height=video.height,
        source=source,
        stills=stills,
        spares=spares if choices.runners_up else (),
        marks=tuple(sorted(marks, key=lambda mark: mark.first)),
        notes=tuple(
            filter(None, (*_remark_rate(video, rate), complaint, *cut, *_remark_files(folder, source, stills)))
        ),
    )


def choose_rate(video: Video) -> Fraction:
    """The source's own rate where editors have it, else a multiple or a part of it, else the nearest."""
    own = video.frame_rate
    if own in RATES:
        return own
    whole = [rate for rate in RATES if (rate / own).denominator == 1 or (own / rate).denominator == 1]
    return min(whole or RATES, key=lambda rate: (abs(rate - max(own, RATES[0])), rate))


def move_frame(frame: int, rate: Fraction, to: Fraction) -> int:
    """The frame at another rate that is nearest in time; the same number where the rate is the same."""
    return round(frame * to / rate)


def choose_start(choices: Choices, source: Source, has_code: bool, rate: Fraction) -> tuple[bool, int]:
    """(drop-frame, frame of the first label); InputError where what was asked for does not exist at this rate."""
    typed = choices.start
    if choices.drop is False and is_marked_drop(typed):
        raise InputError(f"start time code {typed!r} is drop-frame by its {typed.strip()[-3]!r}: use colons")
    if (choices.drop or is_marked_drop(typed)) and not has_drop(rate):
        raise InputError(
            f"drop-frame exists at 29.97 and 59.94 only and this timeline has {show_rate(rate)}: "
            "use --non-drop-frame and a start time code with colons"
        )
    drop = choices.drop if choices.drop is not None else is_marked_drop(typed) or (has_code and source.drop)
    if not typed and has_code:
        return drop, source.start
    try:
        return drop, parse_timecode(typed or DEFAULT_START, rate, drop)
    except ValueError as error:
        raise InputError(f"--start-timecode: {error}") from None


def plain_text(text: Any) -> str:
    """Text that every format can carry: no control characters, no half characters, plain line feeds."""
    lines = re.sub("\r\n?|[\x85\u2028\u2029\v\f]", "\n", str(text))
    # Of what is no text, XML forbids these; a null would end a name in many a reader.
    return re.sub("[^\t\n -\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", lines)


def one_line(text: str) -> str:
    """The text with every run of white space as one space."""
    return " ".join(text.split())


# --- source --------------------------------------------------------------------------------------------------------


def _describe_source(folder: Path, video: Video, rate: Fraction, choices: Choices) -> tuple[Source, str]:
    """(the source, what is wrong with its time code)."""
    start, drop, complaint = 0, False, ""
    try:
        if video.timecode:
            own = parse_timecode(video.timecode, video.frame_rate)
            start = move_frame(own, video.frame_rate, rate)
            drop = has_drop(rate) and is_marked_drop(video.timecode)
    except ValueError as error:
        complaint = f"the source's own time code is left out of account: {error}"
    source = Source(
        name=one_line(plain_text(Path(video.path).name)) or "source",
        file=video.path,
        place=name_place(Path(video.path), folder / SUBFOLDER, choices),
        digest=video.digest,
        rate=video.frame_rate,
        start=start,
        drop=drop,
        audio_channels=(video.audio_channels or 2) if video.has_audio else 0,
        audio_rate=video.audio_rate or 48000,
    )
    return source, complaint


def _remark_rate(video: Video, rate: Fraction) -> Iterator[str]:
    if video.variable_rate:
        yield (
            f"the source has a variable frame rate: its timelines are at {show_rate(rate)}, pictures placed by time "
            "stamp; set the clip to that rate in the editor if it shows another"
        )
    elif video.frame_rate != rate:
        yield (
            f"editors have no timeline at the source's {show_rate(video.frame_rate)} frames/s: its timelines are at "
            f"{show_rate(rate)}"
        )


def _remark_files(folder: Path, source: Source, stills: Sequence[Still]) -> Iterator[str]:
    missing = [still.image for still in stills if not (folder / still.image).is_file()]
    if missing:
        yield (
            f"{len(missing)} pictures of the timelines are not there ({missing[0]}, ...): draw them by `broll render`"
        )
    if not Path(source.file).is_file():
        yield f"the source {source.file} is not there: the timelines name it where it was; relink it in the editor"


# --- pictures ------------------------------------------------------------------------------------------------------


def _chosen(panel: Panel) -> int:
    return panel.chosen


def _runner_up(panel: Panel) -> int:
    """The best that was neither chosen nor refused; -1 where there is none, or nothing was chosen."""
    others = [i for i, other in enumerate(panel.candidates) if i != panel.chosen and not other.note]
    return max(others, key=lambda i: (panel.candidates[i].score, -i), default=-1) if panel.chosen >= 0 else -1


def _list_stills(folder: Path, board: Storyboard, rate: Fraction, choices: Choices, pick: Any) -> Iterator[Still]:
    """The picked candidate of every scene that has one and a place."""
    for scene in board.scenes:
        number, place = pick(scene.panel), scene.panel.placement
        if place is None or not 0 <= number < len(scene.panel.candidates):
            continue
        picture = scene.panel.candidates[number]
        yield Still(
            scene=one_line(plain_text(scene.id)),
            version=_version(picture.image, number + 1),
            name=one_line(plain_text(Path(picture.image).name)),
            image=picture.image,
            place=name_place(locate(folder, picture.image), folder / SUBFOLDER, choices),
            width=_size(picture, "width", board.video.width),
            height=_size(picture, "height", board.video.height),
            first=move_frame(place.start_frame, board.video.frame_rate, rate),
            last=move_frame(place.end_frame, board.video.frame_rate, rate),
            prompt=plain_text(scene.prompt.full) if scene.prompt else "",
            seed=picture.seed,
            digest=plain_text(picture.digest),
            generated=picture.kind != "own",
        )


def _version(image: str, position: int) -> int:
    """The number after `_v` in a picture's name."""
    match = re.search(r"_v([0-9]{1,4})_", Path(image).name)
    return int(match[1]) if match else position


def _size(picture: Candidate, side: str, otherwise: int) -> int:
    length = picture.settings.get(side)
    return length if isinstance(length, int) and length > 0 else otherwise


def _keep_apart(stills: Iterable[Still], length: int) -> tuple[tuple[Still, ...], tuple[str, ...]]:
    """(stills in order, within the timeline, none over another; what was cut for it)."""
    kept: list[Still] = []
    cut: list[str] = []
    within = (replace(still, first=max(still.first, 0), last=min(still.last, length)) for still in stills)
    for still in sorted(within, key=lambda still: still.first):
        if kept and kept[-1].last > still.first:
            cut.append(f"the picture of {still.scene} begins before that of {kept[-1].scene} ends: that is cut short")
            kept[-1] = replace(kept[-1], last=still.first)
            if kept[-1].last <= kept[-1].first:
                kept.pop()
        if still.last > still.first:
            kept.append(still)
    return tuple(kept), tuple(cut)


def _mark(scene: Scene, own: Fraction, rate: Fraction, length: int) -> Mark | None:
    first, last = (move_frame(frame, own, rate) for frame in (scene.start_frame, scene.end_frame))
    first, last = max(first, 0), min(last, length)
    if last <= first:
        return None
    subject = scene.prompt.subject if scene.prompt else ""
    return Mark(
        scene=one_line(plain_text(scene.id)),
        name=one_line(plain_text(f"{scene.id} {subject}")),
        gist=plain_text(scene.summary.gist) if scene.summary else "",
        prompt=plain_text(scene.prompt.full) if scene.prompt else "",
        first=first,
        last=last,
        error=plain_text(scene.error),
    )
