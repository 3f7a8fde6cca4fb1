"""What a scene is about: gist, claim, subjects to draw, setting, mood, each resting on what is said or shown.

Captions, on-screen text and a model's answer are data. The embedded profile quotes and chooses among drawable
concepts; nothing in it writes free text, so nothing in a caption can make it say what was not said.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from models.prompt import SETTINGS
from tasks.answers import ask_summary
from tasks.concepts import Embed, Ranked, embed_names, list_words, rank_concepts, with_article
from tasks.metaphors import Idea, Scenery
from tasks.records import Cue, Scene, Summary
from tasks.sentences import Sentence, split_sentences, strip_filler, tidy_sentence

#: A further subject must come this near to the first one's score.
NEXT_SHARE = 0.75
MOST_SUBJECTS = 3
#: Cosine of setting or mood with the talk, from which on it is taken as meant; chosen on tests/data/passages.json.
SETTING_FLOOR, MOOD_FLOOR = 0.3, 0.24
#: What stands for a stretch in which nothing is said or written, the first that the drawing model knows.
SILENT_STAND_INS = ("movie camera", "video camera", "film frames", "camera")

#: Words by which a setting is recognised; the plain ones are left to the prompt.
SETTING_WORDS = {
    "a meadow": "a meadow with grass, flowers, fields and farm animals",
    "a city street": "a city street with traffic, pavements and houses",
    "an office": "an office with desks, meetings, colleagues and projects",
    "a living room": "at home in the living room with the family on the sofa",
    "a seaside": "the sea, the coast, waves, ships and sailors",
    "mountains": "mountains, peaks, glaciers and rocks",
    "a starry sky": "outer space, stars, planets, orbit and the night sky",
    "a stage": "a concert or theatre stage with performers and an audience",
    "a workshop": "a workshop with tools, machines and craftsmen building things",
    "a desert": "a hot dry desert with sand and dunes",
}
MOOD_WORDS = {
    "hopeful": "a hopeful, encouraging story of success and a better future",
    "tense": "danger, fear, disaster, death and conflict",
    "calm": "quiet, calm, patience and rest",
    "energetic": "speed, energy, action and excitement",
    "sad": "loss, grief and sadness",
    "playful": "fun, play and jokes",
}
assert set(SETTING_WORDS) <= set(SETTINGS)

_DANGLING = frozenset("it this that these those he she they there here which such".split())
#: What announces a matter and says nothing of it.
_SIGNPOST = re.compile(
    r"(?:(?:my|the|our|a) (?:first|second|third|fourth|next|last|final|other|following)\b|let(?:'s| us)\b|hello|welcome"
    r"|thank|today (?:i|we)\b|think of\b|i(?:'d| would| will|'ll) (?:like|talk|tell|show)\b)",
    re.IGNORECASE,
)
_CLAIM = re.compile(
    r"\b(?:must|should|never|always|because|means?|need|cannot|can't|most|more|less|than|best|worst|only|every"
    r"|percent|million|billion|thousand|hundred|times|half|twice|third)\b|\d",
    re.IGNORECASE,
)


def _ignore(text: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class DescribeTools:
    """The models that describing uses, as callables; what is None is done without."""

    embed: Embed
    concepts: tuple[str, ...]  # what the profile's drawing model can draw
    synonyms: tuple[tuple[str, ...], ...] = ()  # per concept, other words for it
    ideas: tuple[Idea, ...] = ()  # what abstract talk may be drawn as
    language: Any = None  # models.language.Language: its `score` compares concepts
    read_text: Callable[[np.ndarray], Sequence[Any]] | None = None  # picture -> lines of text
    see: Callable[[Sequence[np.ndarray], str, int], str] | None = None  # pictures, question, tokens -> answer
    notice: Callable[[str], None] = _ignore  # told what the user should know


def describe_scene(scene: Scene, cues: Sequence[Cue], keyframe: np.ndarray | None, tools: DescribeTools) -> Summary:
    """Describe `scene` from its captions and its key frame (H, W, 3) uint8 RGB, either of which may be missing.

    `cues` are the video's or the scene's. With `tools.see` a vision-language model answers, checked against the
    evidence; where its answers stay unusable the embedded way is taken, and `tools.notice` told.
    """
    sentences = _scene_sentences(scene, cues)
    shown = _read_lines(keyframe, tools)
    summary = _describe_embedded(sentences, shown, keyframe, tools)
    if tools.see is None:
        return summary
    answer = ask_summary(keyframe, [one.text for one in sentences], shown, tools.see, tools.embed)
    if answer is None:
        tools.notice(f"scene {scene.id}: the vision model gave no usable answer; described from the captions alone")
        return summary
    return replace(answer, gist=answer.gist or summary.gist, evidence=summary.evidence or scene.captions)


def _scene_sentences(scene: Scene, cues: Sequence[Cue]) -> list[Sentence]:
    """The sentences whose middle lies in the scene; those of its own cues where rounding leaves none."""
    near = [cue for cue in cues if cue.id in scene.captions or (cue.start < scene.end and cue.end > scene.start)]
    inside = [one for one in split_sentences(near) if scene.start <= (one.start + one.end) / 2 < scene.end]
    return inside or list(split_sentences(cue for cue in cues if cue.id in scene.captions))


def _read_lines(keyframe: np.ndarray | None, tools: DescribeTools) -> list[str]:
    if keyframe is None or tools.read_text is None:
        return []
    return [line.text for line in tools.read_text(keyframe) if len(line.text) > 2]


def _describe_embedded(
    sentences: Sequence[Sentence], shown: Sequence[str], keyframe: np.ndarray | None, tools: DescribeTools
) -> Summary:
    texts = [one.text for one in sentences]
    if not texts and not shown:
        return _describe_silence(keyframe, tools)
    score = tools.language.score if tools.language is not None else None
    ranked = rank_concepts(texts, tools.concepts, tools.synonyms, tools.embed, score, shown, tools.ideas)
    subjects, metaphor = choose_subjects(ranked)
    vectors = tools.embed([*texts, *shown])  # (n, d)
    gist = _choose_gist(texts, vectors[: len(texts)], subjects)
    claim = _choose_claim(texts, vectors[: len(texts)], gist)
    named = {number for one in ranked if one.name in subjects for number in one.sentences if number < len(texts)}
    quoted = named | {number for number in (gist, claim) if number is not None}
    return Summary(
        gist=tidy_sentence(texts[gist]) if gist is not None else f"On screen: {'; '.join(shown)[:200]}",
        claim=tidy_sentence(texts[claim]) if claim is not None else "",
        subjects=subjects,
        metaphor=metaphor,
        setting=_nearest(vectors, SETTING_WORDS, SETTING_FLOOR, tools.embed),
        mood=_nearest(vectors, MOOD_WORDS, MOOD_FLOOR, tools.embed) or _visual_mood(keyframe),
        evidence=_cue_ids(sentences[number] for number in sorted(quoted)),
    )


def _describe_silence(keyframe: np.ndarray | None, tools: DescribeTools) -> Summary:
    stand_in = next((name for name in SILENT_STAND_INS if name in tools.concepts), "")
    return Summary(gist="Nothing is said or written here.", metaphor=stand_in, mood=_visual_mood(keyframe), evidence=())


def choose_subjects(ranked: Sequence[Ranked]) -> tuple[tuple[str, ...], str]:
    """(subjects that are named in the scene, best first; where the best is not named, it as a stand-in, or "")."""
    if not ranked:
        return (), ""
    named = [one for one in ranked if one.said > 0]
    if not ranked[0].said:
        return (), format_scenery(ranked[0].scenery or Scenery(ranked[0].name))
    close = [one.name for one in named if one.score >= NEXT_SHARE * named[0].score]
    return tuple(_without_kin(close)[:MOST_SUBJECTS]), ""


def format_scenery(scenery: Scenery) -> str:
    """The inverse of `tasks.metaphors.parse_scenery`."""
    return f"{scenery.thing} {scenery.relation} {with_article(scenery.other)}" if scenery.other else scenery.thing


def _without_kin(names: Iterable[str]) -> list[str]:
    """One of a family: "book" and "stack of books" are one subject, not two."""
    kept: list[str] = []
    for name in names:
        words = {word.rstrip("s") for word in list_words(name)}
        if not any(words & {word.rstrip("s") for word in list_words(other)} for other in kept):
            kept.append(name)
    return kept


def _choose_gist(texts: Sequence[str], vectors: np.ndarray, subjects: Sequence[str]) -> int | None:
    """The sentence that stands for the rest: central, self-contained, of readable length."""
    if not texts:
        return None
    centre = vectors.mean(axis=0)
    nearness = vectors @ centre / max(float(np.linalg.norm(centre)), 1e-9)
    merits = [float(near) + _stand_alone(text, subjects) for near, text in zip(nearness, texts, strict=True)]
    return int(np.argmax(merits))


def _stand_alone(text: str, subjects: Sequence[str]) -> float:
    words = list_words(strip_filler(text))
    merit = 0.0 if 6 <= len(words) <= 32 else -0.3
    merit -= 0.15 if words and words[0] in _DANGLING else 0.0
    merit -= 0.2 if text.rstrip().endswith("?") else 0.0
    merit -= 0.15 if _SIGNPOST.match(strip_filler(text)) else 0.0
    heads = {list_words(subject)[-1].rstrip("s") for subject in subjects[:1] if list_words(subject)}
    return merit + (0.1 if heads & {word.rstrip("s") for word in words} else 0.0)


def _choose_claim(texts: Sequence[str], vectors: np.ndarray, gist: int | None) -> int | None:
    """The sentence that asserts most (figures, comparisons, musts) and belongs to the subject; None where none does."""
    centre = vectors.mean(axis=0) if len(texts) else None
    best, merit = None, 0.0
    for number, text in enumerate(texts):
        signs = len(_CLAIM.findall(text))
        if number == gist or not signs or text.rstrip().endswith("?") or len(list_words(text)) < 5:
            continue
        value = min(signs, 3) * 0.2 + float(vectors[number] @ centre) + _stand_alone(text, ())
        if best is None or value > merit:
            best, merit = number, value
    return best


def _nearest(vectors: np.ndarray, choices: dict[str, str], floor: float, embed: Embed) -> str:
    """The choice whose words are nearest to the passage's middle, "" where none is near enough."""
    centre = vectors.mean(axis=0)
    centre = centre / max(float(np.linalg.norm(centre)), 1e-9)
    near = embed_names(embed, tuple(choices.values())) @ centre
    return list(choices)[int(near.argmax())] if near.max() >= floor else ""


def _visual_mood(keyframe: np.ndarray | None) -> str:
    """Only what pixels say plainly: a picture that is nearly black is dark."""
    return "dark" if keyframe is not None and float(keyframe.mean()) < 40 else ""


def _cue_ids(sentences: Iterable[Sentence]) -> tuple[int, ...]:
    return tuple(sorted({cue for sentence in sentences for cue in sentence.cues}))
