"""The records that travel between the steps, and that the storyboard stores.

Frozen and plain: no arrays, no handles, no I/O. Times are seconds, half-open `[start, end)`;
frames are integers at the video's rational rate; paths inside a video's folder are relative to it.
"""

from dataclasses import dataclass, field
from fractions import Fraction

from models.prompt import Prompt

STORYBOARD_VERSION = 1


@dataclass(frozen=True)
class SubtitleStream:
    index: int  # stream index in the container
    codec: str  # "mov_text", "subrip", "ass", "webvtt", ...
    language: str  # ISO tag as stored, "und" where the container names none


@dataclass(frozen=True)
class Video:
    """Facts about the source file, read once by `tasks.probe`."""

    path: str  # absolute path of the source
    digest: str  # sha256 of the file's bytes, hex
    duration: float  # s, of the picture track
    width: int  # px, as shown (rotation applied, square pixels)
    height: int  # px, as shown
    frame_rate: Fraction  # frames/s, exact (30000/1001); nominal where variable
    frame_count: int  # frames at `frame_rate` in `duration`
    variable_rate: bool  # frame spacing is uneven: convert by time stamps only
    rotation: int  # degrees clockwise to show it upright: 0, 90, 180, 270
    has_audio: bool
    container: str  # the demuxer's name: "mov,mp4,m4a,3gp,3g2,mj2"
    codec: str  # of the picture track: "h264"
    subtitles: tuple[SubtitleStream, ...] = ()
    timecode: str = ""  # start time code embedded in the source, "" for none
    start: float = 0.0  # s, time stamp of the first frame
    audio_channels: int = 0  # of the first sound track; 0: unknown or none
    audio_rate: int = 0  # Hz, of the first sound track


@dataclass(frozen=True)
class Cue:
    """One caption."""

    id: int  # position in the list, from 0
    start: float  # s
    end: float  # s
    text: str  # plain text, markup removed, one line
    speaker: str = ""
    words: tuple[float, ...] = ()  # s, when each word of the text begins; () where only the cue's times are known


@dataclass(frozen=True)
class Captions:
    source: str  # given | sidecar | stream | speech | none
    language: str  # ISO 639-1 tag, "und" where unknown
    cues: tuple[Cue, ...] = ()
    note: str = ""  # what the user should know ("12 cues after the video's end were dropped")


@dataclass(frozen=True)
class Shot:
    """What lies between two cuts."""

    start: float  # s
    end: float  # s
    start_frame: int
    end_frame: int
    keyframe_time: float  # s, of a sharp and representative frame
    keyframe: str  # "frames/shot_003.jpg"
    opens: str = "cut"  # how it begins: start | cut | dissolve | fade


@dataclass(frozen=True)
class ScreenText:
    """A line of text on screen; its box as fractions of the picture, 0..1 from the top left."""

    text: str
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Shown:
    """What is written on screen during one shot."""

    start: float  # s
    end: float  # s
    kind: str  # slide | demo | text; slides and demos are kept clear of pictures
    title: str  # the largest line, "" where none is large
    lines: tuple[ScreenText, ...] = ()  # in reading order


@dataclass(frozen=True)
class Clear:
    """A span that no picture may cover."""

    start: float  # s
    end: float  # s
    why: str = "slide"  # what has to be seen there


@dataclass(frozen=True)
class Summary:
    """What a scene is about. Every word of it traces back to `evidence`."""

    gist: str  # one sentence
    claim: str = ""  # the key statement, "" where none is made
    subjects: tuple[str, ...] = ()  # drawable things, best first
    metaphor: str = ""  # a drawable stand-in where the talk is abstract
    setting: str = ""
    mood: str = ""
    evidence: tuple[int, ...] = ()  # ids of the cues that it rests on


@dataclass(frozen=True)
class Placement:
    """When a picture is on screen."""

    start: float  # s
    end: float  # s
    start_frame: int
    end_frame: int


@dataclass(frozen=True)
class Candidate:
    """One drawn picture."""

    image: str  # "images/....png"
    seed: int
    score: float  # the judge's, higher is better
    digest: str  # sha256 of everything that the pixels depend on (model, prompt, seed, settings)
    settings: dict = field(default_factory=dict)  # steps, guidance, size, correction, model, ...
    note: str = ""  # why it was refused ("near-copy of the frame"), "" otherwise
    kind: str = "drawn"  # drawn | redone (asked for by hand) | own (a person's picture, not generated)


@dataclass(frozen=True)
class Panel:
    """The picture of one scene: its candidates, the chosen one and its place on the timeline."""

    placement: Placement | None = None
    candidates: tuple[Candidate, ...] = ()
    chosen: int = -1  # index into candidates, -1 while none is


@dataclass(frozen=True)
class Edit:
    """What a person wants of one scene, as `storyboard.yaml` has it; what is left out is the program's to choose."""

    redo: int = 0  # how many times other pictures were asked for
    drop: bool = False  # no picture in this scene
    lock: bool = False  # never redone, never renumbered
    choose: int = 0  # version of the picture to show, the number after _v in its name; 0: the best
    picture: str = ""  # an own picture in place of a drawn one: a path, from the folder
    prompt: dict = field(default_factory=dict)  # prompt field -> text in place of the program's
    seed: int | None = None  # of the first candidate; the others count on from it
    start: float | None = None  # s, of the scene
    end: float | None = None  # s
    first: float | None = None  # s, when its picture comes on screen
    last: float | None = None  # s, when it leaves it
    sketch: str = ""  # a rough painting to follow: a path, from the folder
    photo: str = ""  # a picture to start from: a path, from the folder
    strength: float | None = None  # of photo or sketch, 0..1


@dataclass(frozen=True)
class Scene:
    """A stretch of talk on one subject."""

    id: str  # stable, never renumbered: "s001"
    start: float  # s
    end: float  # s
    start_frame: int
    end_frame: int
    captions: tuple[int, ...] = ()  # ids of its cues
    keyframe: str = ""  # "frames/....jpg"
    keyframe_time: float = 0.0  # s
    summary: Summary | None = None
    prompt: Prompt | None = None  # as it is drawn: `written` with the person's changes
    panel: Panel = field(default_factory=Panel)
    state: str = "new"  # new | described | prompted | drawn | failed
    error: str = ""  # why it failed
    written: Prompt | None = None  # as the program wrote it, where a person has changed it
    edit: Edit = field(default_factory=Edit)
    span: tuple[float, ...] = ()  # start and end as found, in s and in frames, where a person has set others


@dataclass(frozen=True)
class Insight:
    """A statement of the talk that stands alone, picked from what was said."""

    text: str  # one to three sentences, tidied of fillers
    start: float  # s
    end: float  # s
    scene: str  # id of the scene, whose picture goes with it
    cues: tuple[int, ...]  # ids of the cues that hold its words
    score: float  # higher is better; comparable within one talk


@dataclass(frozen=True)
class Storyboard:
    """`storyboard.json`: all that is known about one video's illustrations."""

    video: Video
    captions: Captions
    settings: dict  # the run's choices, as given and resolved
    scenes: tuple[Scene, ...] = ()
    insights: tuple[Insight, ...] = ()  # best first
    timings: dict = field(default_factory=dict)  # seconds by stage
    versions: dict = field(default_factory=dict)  # of the program, the models, the libraries
    shown: tuple[Shown, ...] = ()  # text on screen
    keep_clear: tuple[Clear, ...] = ()  # what pictures must not cover, unless the settings say so
    costs: dict = field(default_factory=dict)  # by step: what it has used (seconds, evaluations, tokens, device)
    version: int = STORYBOARD_VERSION
