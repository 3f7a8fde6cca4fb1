"""What a run works with: its settings, the models as callables, the folder."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from models.ocr import ReadText
from models.profiles import EMBEDDED, Profile
from models.speech import Transcribe
from tasks.look import Look, read_look
from tasks.records import Video
from tasks.timeline.choices import Choices

#: (stage, done, total): how far a stage has come, in units of its own.
Report = Callable[[str, float, float], None]
SMALLEST_PICTURE = (1280, 720)  # px, long and short side: what an HD timeline needs to fill its frame
LARGEST_SIDE = 4096  # px: 4K timelines; more costs memory and shows nothing


@dataclass(frozen=True)
class Options:
    """What a user asks for; None means: as the profile, or the storyboard at hand, has it."""

    out: str = "out"
    captions: str | None = None  # a file
    profile: str | None = None  # a name or a .toml file; "embedded" where nothing names one
    scenes: int | None = None  # how many; 0 is auto
    candidates: int | None = None  # pictures drawn for each scene
    steps: int | None = None  # denoising steps
    guidance: float | None = None  # guidance scale
    seed: int | None = None  # of the run
    width: int | None = None  # px of a finished picture
    height: int | None = None  # px
    correction: str | None = None  # auto | off | FILE | MODE:...
    density: float | None = None  # share of the video under pictures, 0..1
    cover_slides: bool | None = None  # pictures may cover what is kept clear
    language: str | None = None  # tag of the captions wanted where there are several
    style_file: str | None = None  # a style.toml: the look of the series


@dataclass(frozen=True)
class Settings:
    """A run's choices with every gap filled in; the storyboard keeps them, and a rerun may be fed with them."""

    profile: str
    captions: str  # path of the file given, "" for none
    scenes: int  # 0 is auto
    candidates: int
    steps: int
    guidance: float
    seed: int
    width: int  # px of a finished picture
    height: int  # px
    correction: str
    density: float  # share of the video under pictures, 0..1
    timeline: Choices = field(default_factory=Choices)  # set by `broll timeline`
    cover_slides: bool = False  # pictures may cover what is kept clear
    language: str = "en"  # tag of the captions wanted where there are several
    look: Look = field(default_factory=Look)  # of the series, as its style file had it


@dataclass(frozen=True)
class Toolbox:
    """The models, each behind a call that loads it when it is first needed, and what they are."""

    transcribe: Callable[[], Transcribe]
    embed: Callable[[], Callable[[Sequence[str]], np.ndarray]]
    describe: Callable[[], Any]  # -> tasks.describe.DescribeTools
    vocabulary: Callable[[], Any]  # what the drawing model can draw; None: anything
    draw: Callable[[], Callable[[Any], np.ndarray]]
    judge: Callable[[], Callable[[Sequence[np.ndarray], Sequence[str]], np.ndarray]]
    names: dict[str, str]  # role -> what identifies the model, its weights included
    read_text: Callable[[], ReadText] | None = None  # None: nobody reads what is on screen


@dataclass(frozen=True)
class Desk:
    """One video's work in hand."""

    folder: Path
    settings: Settings
    tools: Toolbox
    report: Report = lambda stage, done, total: None
    tell: Callable[[str], None] = lambda text: None  # says something at once, where someone is looking
    tally: Counter = field(default_factory=Counter)  # what this run did: drawn, kept, evaluations
    laps: list[float] = field(default_factory=list)  # s per network evaluation, of each picture drawn by this run
    notes: list[str] = field(default_factory=list)  # what the user should know, in the order it came up

    def note(self, text: str) -> None:
        """Tell the user something, once."""
        if text not in self.notes:
            self.notes.append(text)


def resolve_settings(options: Options, profile: Profile, video: Video, before: Settings | None) -> Settings:
    """The run's settings: as asked for, else as the storyboard at hand has them, else the profile's.

    Another profile than the storyboard's brings its own defaults for all that describes drawing.
    """
    name = options.profile or (before.profile if before else profile.name)
    kept = before if before and before.profile == name else None
    width, height = options.width, options.height
    if width is None or height is None:
        width, height = (kept.width, kept.height) if kept else picture_size(video.width, video.height)

    def pick(name: str, default: Any, source: Any = kept) -> Any:
        asked = getattr(options, name)
        return asked if asked is not None else getattr(source, name) if source else default

    return Settings(
        profile=name,
        captions=str(Path(options.captions).absolute()) if options.captions else before.captions if before else "",
        scenes=pick("scenes", 0, before),
        candidates=pick("candidates", profile.candidates),
        steps=pick("steps", profile.steps),
        guidance=float(pick("guidance", profile.guidance)),
        seed=pick("seed", 0, before),
        width=width,
        height=height,
        correction=pick("correction", "auto"),
        density=float(pick("density", 0.25, before)),
        timeline=before.timeline if before else Choices(),
        cover_slides=pick("cover_slides", False, before),
        language=pick("language", "en", before),
        look=_resolve_look(options, profile, before),
    )


def _resolve_look(options: Options, profile: Profile, before: Settings | None) -> Look:
    if options.style_file is not None:
        return read_look(Path(options.style_file), embedded=profile.drawing == EMBEDDED)
    return before.look if before else Look()


def picture_size(width: int, height: int) -> tuple[int, int]:
    """(width, height) in px of the pictures for a timeline: its aspect, HD at least, even numbers."""
    long, short = max(width, height), min(width, height)
    scale = max(1.0, SMALLEST_PICTURE[0] / long, SMALLEST_PICTURE[1] / short)
    scale = min(scale, LARGEST_SIDE / long)
    return _even(width * scale), _even(height * scale)


def _even(length: float) -> int:
    return max(2, 2 * round(length / 2))
