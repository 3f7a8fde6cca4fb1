"""Scenes: stretches of talk on one subject, found by meaning, helped by pauses and cuts.

The talk is divided where the sentences on either side have least in common, all boundaries at once: dynamic
programming over a cost per stretch (Utiyama & Isahara, ACL 2001, with sentence vectors in place of words).
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from models.errors import InputError
from tasks.records import Captions, Scene, Shot, Video
from tasks.sentences import Sentence, split_sentences

#: s, the length of a scene that `auto` aims at, and the number of scenes that it never exceeds.
SHORTEST, LONGEST, MOST_SCENES = 20.0, 40.0, 60
#: Share of its neighbours mixed into a sentence's vector, so that "It did." belongs where it stands.
SMOOTHING = 0.2
#: In units of scatter (one sentence that has nothing in common with its scene costs 1.0):
#: what a further scene costs, what a length outside the aim costs, what a pause or a cut takes off.
SCENE_COST, LENGTH_COST, PAUSE_BONUS, CUT_BONUS = 0.75, 3.0, 0.3, 0.4
#: What a further scene costs where nothing is said and only its length counts.
SILENT_SCENE_COST = 0.05
#: s, a pause this much longer than the usual one counts in full.
LONG_PAUSE = 1.5
#: s, a cut this far outside a pause still belongs to it: caption times are rounded to speech, not to frames.
CUT_TOLERANCE = 0.25


@dataclass(frozen=True)
class _Unit:
    """A piece that is never divided: a sentence, or a shot where nothing is said."""

    start: float  # s
    end: float  # s


@dataclass(frozen=True)
class _Aim:
    count: int | None  # how many stretches, None for as many as cost least
    shortest: float  # s
    longest: float  # s


def find_scenes(
    video: Video,
    captions: Captions,
    shots: Sequence[Shot],
    embed: Callable[[Sequence[str]], np.ndarray],
    wanted: int | None = None,
) -> tuple[Scene, ...]:
    """Divide the video into scenes that tile it from its start to its end, never inside a sentence.

    `wanted` scenes where so many are possible (a scene holds at least one sentence), else one for every
    20-40 s. Without speech the shots alone decide. Raises InputError for `wanted` below 1.
    """
    if wanted is not None and wanted < 1:
        raise InputError(f"--scenes is {wanted}: give a whole number from 1 on, or auto")
    sentences = [one for one in split_sentences(captions.cues) if one.start < video.duration]
    if sentences:
        bounds = _divide_speech(video, sentences, shots, embed, wanted)
    else:
        bounds = _divide_shots(video, shots, wanted)
    owners = _assign_cues(sentences, bounds)
    return tuple(
        _make_scene(video, shots, index, bounds[index], bounds[index + 1], owners.get(index, ()))
        for index in range(len(bounds) - 1)
    )


def _divide_speech(
    video: Video,
    sentences: Sequence[Sentence],
    shots: Sequence[Shot],
    embed: Callable[[Sequence[str]], np.ndarray],
    wanted: int | None,
) -> list[float]:
    cuts = [shot.start for shot in shots[1:]]
    units = [_Unit(one.start, min(one.end, video.duration)) for one in sentences]
    vectors = smooth_vectors(embed([one.text for one in sentences]))
    starts = divide(units, vectors, _boundary_bonus(units, cuts), _choose_aim(units, wanted))
    inner = [_boundary_time(units[index - 1], units[index], cuts) for index in starts[1:]]
    return _tidy_bounds(video, inner)


def _divide_shots(video: Video, shots: Sequence[Shot], wanted: int | None) -> list[float]:
    """Shots joined to stretches of the aimed length; shots too few for `wanted` are divided evenly."""
    units = [_Unit(shot.start, shot.end) for shot in shots] or [_Unit(0.0, video.duration)]
    if wanted and wanted > len(units):
        edges = np.linspace(0.0, video.duration, wanted + 1)
        return _tidy_bounds(video, [float(edge) for edge in edges[1:-1]])
    nothing_said = np.zeros((len(units), 1), dtype=np.float32)
    starts = divide(units, nothing_said, np.zeros(len(units)), _choose_aim(units, wanted))
    return _tidy_bounds(video, [units[index].start for index in starts[1:]])


def smooth_vectors(vectors: np.ndarray) -> np.ndarray:
    """Each unit vector of (n, d) with a little of its neighbours, again of unit length."""
    mixed = vectors.astype(np.float64)
    mixed[1:] += SMOOTHING * vectors[:-1]
    mixed[:-1] += SMOOTHING * vectors[1:]
    return mixed / np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-9)


def _choose_aim(units: Sequence[_Unit], wanted: int | None) -> _Aim:
    talk = units[-1].end - units[0].start
    if wanted:
        even = talk / wanted
        return _Aim(min(wanted, len(units)), 0.6 * even, 1.5 * even)
    shortest = max(SHORTEST, talk / MOST_SCENES)  # an hour in at most sixty scenes
    return _Aim(None, shortest, max(LONGEST, 2 * shortest))


def _boundary_bonus(units: Sequence[_Unit], cuts: Sequence[float]) -> np.ndarray:
    """(n,) what a boundary before unit i saves, from the pause before it and a cut within that pause.

    A sign that is everywhere says nothing: cuts count less the more of the sentence ends have one.
    """
    gaps = np.array([0.0] + [after.start - before.end for before, after in zip(units, units[1:], strict=False)])
    usual = float(np.median(gaps[1:])) if len(gaps) > 1 else 0.0
    pauses = np.clip((gaps - usual) / LONG_PAUSE, 0.0, 1.0)
    pairs = zip(units, units[1:], strict=False)
    has_cut = np.array([0.0] + [float(_find_cut(before, after, cuts) is not None) for before, after in pairs])
    return PAUSE_BONUS * pauses + CUT_BONUS * has_cut * (1.0 - has_cut.mean())


def divide(units: Sequence[_Unit], vectors: np.ndarray, bonus: np.ndarray, aim: _Aim) -> list[int]:
    """First units of the stretches whose summed cost is least; begins with 0.

    `vectors` (n, d) of unit length (or zero), `bonus` (n,). A stretch costs its scatter n - |sum of vectors|,
    a quadratic penalty for a length outside the aim, and less its first unit's bonus.
    """
    costs = list(_stretch_costs(units, vectors, bonus, aim))
    if aim.count is None:
        starts = _cheapest_any(costs, SCENE_COST if vectors.any() else SILENT_SCENE_COST)
        return starts if len(starts) <= MOST_SCENES else _cheapest_of(costs, MOST_SCENES)
    return _cheapest_of(costs, aim.count)


def _stretch_costs(
    units: Sequence[_Unit], vectors: np.ndarray, bonus: np.ndarray, aim: _Aim
) -> Iterator[tuple[int, np.ndarray]]:
    """For every end j = 1..n: the first start considered, and the costs (j - first,) of the stretches [i, j).

    Starts too far back for any useful length are left out, so that the work grows with the talk, not its square.
    """
    starts = np.array([unit.start for unit in units])
    ends = np.maximum.accumulate([unit.end for unit in units])
    sums = np.vstack([np.zeros((1, vectors.shape[1])), np.cumsum(vectors, axis=0)])  # (n + 1, d)
    reach = max(4 * aim.longest, 2 * float((ends - starts).max()))
    weight = float(vectors.any())  # without words there is no scatter
    for j in range(1, len(units) + 1):
        first = min(int(np.searchsorted(starts, ends[j - 1] - reach)), j - 1)
        scatter = np.arange(j - first, 0, -1) - np.linalg.norm(sums[j] - sums[first:j], axis=1)
        length = ends[j - 1] - starts[first:j]
        yield first, weight * scatter + LENGTH_COST * _length_penalty(length, aim) - bonus[first:j]


def _length_penalty(length: np.ndarray, aim: _Aim) -> np.ndarray:
    short = np.clip(aim.shortest - length, 0.0, None) / max(aim.shortest, 1e-6)
    long = np.clip(length - aim.longest, 0.0, None) / max(aim.longest, 1e-6)
    return short**2 + long**2


def _cheapest_any(costs: Sequence[tuple[int, np.ndarray]], scene_cost: float) -> list[int]:
    """As many stretches as cost least, each of them `scene_cost` more than its own cost."""
    best, previous = np.zeros(len(costs) + 1), [0]
    for j, (first, row) in enumerate(costs, start=1):
        totals = best[first:j] + row + scene_cost
        previous.append(first + int(totals.argmin()))
        best[j] = totals.min()
    starts, end = [], len(costs)
    while end:
        end = previous[end]
        starts.append(end)
    return starts[::-1]


def _cheapest_of(costs: Sequence[tuple[int, np.ndarray]], count: int) -> list[int]:
    """Exactly `count` stretches, at most as many as there are units."""
    size = len(costs)
    best = np.full(size + 1, np.inf)
    best[0] = 0.0
    trails = []
    for _ in range(min(count, size)):
        following, trail = np.full(size + 1, np.inf), np.zeros(size + 1, dtype=int)
        for j, (first, row) in enumerate(costs, start=1):
            totals = best[first:j] + row
            trail[j] = first + totals.argmin()
            following[j] = totals.min()
        best = following
        trails.append(trail)
    starts, end = [], size
    for trail in reversed(trails):
        end = int(trail[end])
        starts.append(end)
    return starts[::-1]


def _find_cut(before: _Unit, after: _Unit, cuts: Sequence[float]) -> float | None:
    """The cut in the pause between two units that is nearest to the pause's middle."""
    low, high = before.end - CUT_TOLERANCE, max(before.end, after.start) + CUT_TOLERANCE
    inside = cuts[bisect_left(cuts, low) : bisect_left(cuts, high)]
    middle = (low + high) / 2
    return min(inside, key=lambda cut: abs(cut - middle)) if inside else None


def _boundary_time(before: _Unit, after: _Unit, cuts: Sequence[float]) -> float:
    cut = _find_cut(before, after, cuts)
    return cut if cut is not None else (before.end + max(before.end, after.start)) / 2


def _tidy_bounds(video: Video, inner: Sequence[float]) -> list[float]:
    """0, the inner bounds in order and at least one frame apart, and the video's end."""
    frame = float(1 / video.frame_rate)
    bounds = [0.0]
    for bound in sorted(inner):
        if bounds[-1] + frame <= bound <= video.duration - frame:
            bounds.append(bound)
    return [*bounds, video.duration]


def _assign_cues(sentences: Sequence[Sentence], bounds: Sequence[float]) -> dict[int, tuple[int, ...]]:
    """Cue ids by scene: a sentence belongs where its middle lies, a cue goes with each of its sentences."""
    owners: dict[int, list[int]] = {}
    for sentence in sentences:
        middle = (sentence.start + sentence.end) / 2
        index = min(max(bisect_left(bounds, middle) - 1, 0), len(bounds) - 2)
        owners.setdefault(index, []).extend(sentence.cues)
    return {index: tuple(dict.fromkeys(cues)) for index, cues in owners.items()}


def _make_scene(
    video: Video, shots: Sequence[Shot], index: int, start: float, end: float, cues: tuple[int, ...]
) -> Scene:
    shot = _best_shot(shots, start, end)
    last = end >= video.duration
    return Scene(
        id=f"s{index + 1:03d}",
        start=start,
        end=end,
        start_frame=round(start * video.frame_rate),
        end_frame=video.frame_count if last else round(end * video.frame_rate),
        captions=cues,
        keyframe=shot.keyframe if shot else "",
        keyframe_time=shot.keyframe_time if shot else start,
    )


def _best_shot(shots: Sequence[Shot], start: float, end: float) -> Shot | None:
    """The shot seen longest in the stretch, rather one whose key frame lies within it."""

    def seen(shot: Shot) -> tuple[bool, float]:
        overlap = min(shot.end, end) - max(shot.start, start)
        return start <= shot.keyframe_time < end and overlap > 0, overlap

    return max(shots, key=seen, default=None)
