"""Storyboards to test with: small, complete, and drawn from Hypothesis for round trips."""

from dataclasses import replace
from fractions import Fraction

from hypothesis import strategies as st

from models.prompt import Prompt
from tasks.records import (
    Candidate,
    Captions,
    Cue,
    Panel,
    Placement,
    Scene,
    Shot,
    Storyboard,
    SubtitleStream,
    Summary,
    Video,
)

DIGEST = "ab" * 32
RATES = (Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(50),
         Fraction(60000, 1001), Fraction(60))  # fmt: skip


def make_video(duration: float = 60.0, rate: Fraction = Fraction(25), path: str = "/videos/talk.mp4") -> Video:
    return Video(path, DIGEST, duration, 640, 360, rate, round(duration * rate), False, 0, True, "mov,mp4", "h264")


def make_scene(video: Video, number: int, start: float, end: float, cues: tuple[int, ...] = (), **changes) -> Scene:
    first, last = round(start * video.frame_rate), round(end * video.frame_rate)
    return replace(Scene(f"s{number:03d}", start, end, first, last, cues), **changes)


def make_board(subjects: tuple[str, ...] = ("rocket", "whale", "clock"), length: float = 20.0) -> Storyboard:
    """One scene a subject, each of `length` s, with a cue that names it after a while, drawn and chosen."""
    video = make_video(length * len(subjects))
    cues, scenes = [], []
    for i, subject in enumerate(subjects):
        at = i * length
        cues += [Cue(2 * i, at + 1, at + 4, "Let us begin."), Cue(2 * i + 1, at + 5, at + 10, f"Behold the {subject}.")]
        candidates = tuple(
            Candidate(f"images/talk_s{i + 1:03d}_v{k + 1}_00h00m00s_{subject}.png", 7 * i + k, 0.5 - k / 10,
                      f"{i}{k}" * 8, {"width": 1280, "height": 720, "steps": 4})
            for k in range(2)
        )  # fmt: skip
        scenes.append(
            make_scene(
                video, i + 1, at, at + length, (2 * i, 2 * i + 1), keyframe=f"frames/shot_{i:03d}.jpg",
                keyframe_time=at + 2, state="drawn", panel=Panel(None, candidates, 0),
                summary=Summary(f"It is about a {subject}.", subjects=(subject,), evidence=(2 * i + 1,)),
                prompt=Prompt(subject, core=subject, full=f"{subject}, in a meadow"),
            )
        )  # fmt: skip
    return Storyboard(video, Captions("sidecar", "en", tuple(cues)), {"profile": "embedded"}, tuple(scenes))


# --- any board at all ----------------------------------------------------------------------------------------------

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_seconds = st.floats(0, 1e6, allow_nan=False)
_frames = st.integers(0, 10**8)
_rate = st.fractions(min_value=Fraction(1, 100), max_value=240, max_denominator=100_000)
_json = st.dictionaries(_text, st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False,
                        allow_infinity=False) | _text, max_size=3)  # fmt: skip


def _tuple(items: st.SearchStrategy) -> st.SearchStrategy:
    return st.lists(items, max_size=3).map(tuple)


_video = st.builds(
    Video, path=_text, digest=_text, duration=_seconds, width=_frames, height=_frames, frame_rate=_rate,
    frame_count=_frames, variable_rate=st.booleans(), rotation=st.sampled_from([0, 90]), has_audio=st.booleans(),
    container=_text, codec=_text, subtitles=_tuple(st.builds(SubtitleStream, _frames, _text, _text)), timecode=_text,
    start=_seconds,
)  # fmt: skip
_placement = st.builds(Placement, _seconds, _seconds, _frames, _frames)
_candidate = st.builds(Candidate, _text, _frames, _seconds, _text, _json, _text)
_scene = st.builds(
    Scene, id=_text, start=_seconds, end=_seconds, start_frame=_frames, end_frame=_frames, captions=_tuple(_frames),
    keyframe=_text, keyframe_time=_seconds, state=_text, error=_text,
    summary=st.none() | st.builds(Summary, gist=_text, subjects=_tuple(_text), evidence=_tuple(_frames)),
    prompt=st.none() | st.builds(Prompt, subject=_text, core=_text),
    panel=st.builds(Panel, st.none() | _placement, _tuple(_candidate), st.integers(-1, 3)),
)  # fmt: skip
_cue = st.builds(Cue, _frames, _seconds, _seconds, _text, _text)
boards = st.builds(
    Storyboard, video=_video, settings=_json, scenes=_tuple(_scene), timings=_json, versions=_json, costs=_json,
    version=st.just(1), captions=st.builds(Captions, _text, _text, _tuple(_cue), _text),
)  # fmt: skip
shots = st.builds(Shot, _seconds, _seconds, _frames, _frames, _seconds, _text)
