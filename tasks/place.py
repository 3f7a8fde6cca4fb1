"""When each picture is on screen: a cutaway that starts at the word naming its subject, not wallpaper.

The rule: 3 to 6 s long, 4 s apart at least, inside its scene, in sum no more than `density` of the video,
never over a span that the editor wants kept clear.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from math import ceil

from tasks.records import Cue, Panel, Placement, Scene, Video

SHORTEST, LONGEST = 3.0, 6.0  # s: below, a viewer cannot read a picture; above, the speaker is missed
APART = 4.0  # s of the speaker between two pictures
DENSITY = 0.25  # share of the video
Span = tuple[float, float]
_SMALL_WORDS = frozenset(
    ("a", "an", "the", "of", "in", "on", "at", "to", "and", "or", "with", "for", "from", "by", "its", "this", "that")
)


def place_panels(
    video: Video,
    cues: Sequence[Cue],
    scenes: Sequence[Scene],
    density: float = DENSITY,
    keep_clear: Sequence[Span] = (),
) -> tuple[Scene, ...]:
    """Scenes with their panels placed, or with no placement where the rule leaves no room.

    `density` in [0, 1]. A scene gets a placement whether or not its picture is drawn yet; failed ones get none.
    All is counted in whole frames, so distances and lengths hold exactly at every rate.
    """
    length, chosen = _share_out(video, scenes, density)
    apart = ceil(APART * video.frame_rate)
    placed, earliest = [], 0
    for scene in scenes:
        placement = None
        if scene.id in chosen:
            placement = _place(video, cues, scene, length, earliest, keep_clear)
        if placement:
            earliest = placement.end_frame + apart
        placed.append(replace(scene, panel=replace(scene.panel, placement=placement)))
    return tuple(placed)


def find_mentions(cues: Sequence[Cue], subject: str) -> list[float]:
    """Seconds at which a word of `subject` begins, in order; by the share of a cue's letters before it where only the
    cue's times are known."""
    stems = {_stem(word) for word in re.findall(r"[^\W_]+", subject.lower())} - _SMALL_WORDS
    return [
        _time_at(cue, match.start())
        for cue in cues
        for match in re.finditer(r"[^\W_]+", cue.text.lower())
        if _stem(match[0]) in stems
    ]


def _time_at(cue: Cue, letter: int) -> float:
    if cue.words:
        return cue.words[min(cue.text[:letter].count(" "), len(cue.words) - 1)]
    return cue.start + (cue.end - cue.start) * letter / max(len(cue.text), 1)


def covered_share(video: Video, scenes: Sequence[Scene]) -> float:
    """The share of the video under pictures, 0..1."""
    frames = sum(s.panel.placement.end_frame - s.panel.placement.start_frame for s in scenes if s.panel.placement)
    return frames / max(video.frame_count, 1)


def _share_out(video: Video, scenes: Sequence[Scene], density: float) -> tuple[int, set[str]]:
    """Frames of one picture and the ids of the scenes that get one.

    With too little time for all, those with the best pictures get theirs; equals, spread over the video.
    """
    shortest, longest = ceil(SHORTEST * video.frame_rate), int(LONGEST * video.frame_rate)
    able = [s for s in scenes if s.state != "failed" and s.end_frame - s.start_frame >= shortest]
    budget = int(density * video.frame_count)
    count = min(len(able), budget // shortest)
    if count == 0:
        return 0, set()
    spread = {able[round(i * (len(able) - 1) / max(count - 1, 1))].id for i in range(count)}
    ranked = sorted(able, key=lambda s: (-_score(s.panel), s.id not in spread, s.start))
    return min(budget // count, longest), {s.id for s in ranked[:count]}


def _score(panel: Panel) -> float:
    return panel.candidates[panel.chosen].score if 0 <= panel.chosen < len(panel.candidates) else 0.0


def _place(
    video: Video, cues: Sequence[Cue], scene: Scene, length: int, earliest: int, keep_clear: Sequence[Span]
) -> Placement | None:
    """The first start that fits: mentions, the moment the last picture's distance ends, what comes after a span kept
    clear; then none."""
    shortest = ceil(SHORTEST * video.frame_rate)
    first, last = max(scene.start_frame, earliest), min(scene.end_frame, video.frame_count)
    wishes = (round(seconds * video.frame_rate) for seconds in _wished_starts(cues, scene))
    cleared = (ceil(end * video.frame_rate) for _, end in keep_clear)  # behind a slide
    for start in [*(min(wish, last - shortest) for wish in wishes), first, *cleared]:
        end = min(start + length, last)
        span = (float(start / video.frame_rate), float(end / video.frame_rate))
        if start >= first and end - start >= shortest and _is_clear(span, keep_clear):
            return Placement(*span, start, end)
    return None


def _wished_starts(cues: Sequence[Cue], scene: Scene) -> list[float]:
    """Where the picture would best begin: at its subject's words, else at the cue that proves the gist."""
    own = [cue for cue in cues if cue.id in set(scene.captions)]
    prompt, summary = scene.prompt, scene.summary
    subjects = [prompt.subject if prompt else "", *(summary.subjects if summary else ())]
    for subject in filter(None, subjects):
        if mentions := find_mentions(own, subject):
            return mentions
    proof = set(summary.evidence) if summary else set()
    return [cue.start for cue in own if cue.id in proof] or [cue.start for cue in own[:1]] or [_quarter(scene)]


def _quarter(scene: Scene) -> float:
    """A silent scene is first seen as it is."""
    return scene.start + (scene.end - scene.start) / 4


def _is_clear(span: Span, keep_clear: Sequence[Span]) -> bool:
    return all(span[1] <= start or end <= span[0] for start, end in keep_clear)


def _stem(word: str) -> str:
    """Folds the plural, which is all that naming a thing needs: rockets, batteries, boxes, but glass."""
    if word.endswith("ies") and len(word) > 5:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3 else word
