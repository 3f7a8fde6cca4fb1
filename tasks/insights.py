"""Insights: statements of a talk that stand alone, as one would print them in a newsletter, with their times.

They are picked, not written: one to three sentences that were said one after the other in one scene, tidied of
fillers. So nothing in them is invented. Ranked by weight (how much of its scene it carries, how much it asserts, how
concrete it is) and novelty (how unlike those already picked, here and in the other episodes beside this folder).
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from tasks.concepts import list_words
from tasks.folder import write_whole
from tasks.records import Insight, Scene, Storyboard
from tasks.sentences import Sentence, split_sentences, tidy_sentence

Embed = Callable[[Sequence[str]], np.ndarray]

JSON_NAME, TEXT_NAME = "insights.json", "insights.md"
#: Of a talk: one a scene at most, and never more than a newsletter carries.
MOST = 12
#: Words of a statement that stands alone, and sentences.
FEWEST_WORDS, MOST_WORDS, LONGEST = 9, 60, 3
#: Cosine from which on two statements say the same; what a likeness below that takes off the later one's merit.
SAME, NOVELTY = 0.8, 0.4
#: Merit of a statement beside its nearness to its scene: for two or three sentences rather than one, for each sign of
#: an assertion (up to three), for a figure, and against the first person.
SEVERAL, ASSERTS, FIGURE, PERSONAL = 0.12, 0.06, 0.08, 0.12
#: Bytes of another episode's file that are read, and episodes.
MOST_BYTES, MOST_EPISODES = 200_000, 400

#: A statement that begins so leans on what went before it.
_LEANS = re.compile(
    r"^(?:it|its|it's|this|that|that's|these|those|he|she|they|him|her|them|their|his|there|here|which|such|both"
    r"|another|either|neither|one of|none|same|then|instead|otherwise|yes|no|maybe|for example|or|also|too|still|yet"
    r"|what|who|how|because|since|although|while|whenever|my (?:first|second|third|next|last)"
    r"|the (?:first|second|third|next|last|other|same))\b",
    re.IGNORECASE,
)
#: What belongs to the occasion and not to the matter.
_OCCASION = re.compile(
    r"\b(?:hello|hi everyone|good (?:morning|evening|afternoon)|welcome|thank you|thanks|subscribe"
    r"|this (?:talk|video|episode|podcast|slide)|today (?:i|we)|let(?:'s| us) (?:begin|start|look|talk|move|turn)"
    r"|as (?:i|you) (?:said|see|can|know)|let me|next slide|you can see|i(?:'m| am) going to|see you|that's it"
    r"|my name)\b",
    re.IGNORECASE,
)
_ASSERTS = re.compile(
    r"\b(?:must|should|never|always|because|means?|need|cannot|can't|more|less|than|best|worst|only|every|nobody|nothing"
    r"|most|without|until|even|costs?|percent|half|twice|times|depends?|turns? out)\b",
    re.IGNORECASE,
)
_FIGURE = re.compile(
    r"\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|twenty|thirty|hundreds?|thousands?|millions?|half|third|twice"
    r"|percent)\b",
    re.IGNORECASE,
)
_PERSONAL = re.compile(r"\b(?:i|i'm|i've|me|my|mine)\b", re.IGNORECASE)


@dataclass(frozen=True)
class _Passage:
    """Sentences that follow each other in one scene."""

    scene: str
    sentences: tuple[Sentence, ...]
    text: str  # tidied
    merit: float


def pick_insights(board: Storyboard, embed: Embed, told: Sequence[str] = ()) -> tuple[Insight, ...]:
    """The statements of the talk that are worth most, best first; none that is in `told` (other episodes') already."""
    sentences = split_sentences(board.captions.cues)
    passages = [passage for scene in board.scenes for passage in _weigh_scene(scene, sentences, embed)]
    if not passages:
        return ()
    vectors = embed([passage.text for passage in passages])  # (n, d)
    merits = np.array([passage.merit for passage in passages])
    nearest = (vectors @ embed(told).T).max(axis=1) if told else np.zeros(len(passages))
    picked: list[int] = []
    while len(picked) < MOST:
        free = nearest < SAME
        for index in picked:  # one a scene
            free &= np.array([passage.scene != passages[index].scene for passage in passages])
        if not free.any():
            break
        best = int(np.where(free, merits - NOVELTY * np.clip(nearest, 0.0, 1.0), -np.inf).argmax())
        picked.append(best)
        nearest = np.maximum(nearest, vectors @ vectors[best])
    return tuple(_make_insight(passages[index]) for index in picked)


def _weigh_scene(scene: Scene, sentences: Sequence[Sentence], embed: Embed) -> Iterator[_Passage]:
    """Every run of sentences in the scene that stands alone, with its merit."""
    inside = [one for one in sentences if scene.start <= (one.start + one.end) / 2 < scene.end]
    if not inside:
        return
    vectors = embed([one.text for one in inside])
    middle = vectors.mean(axis=0)
    middle = middle / max(float(np.linalg.norm(middle)), 1e-9)
    for first in range(len(inside)):
        for size in range(1, LONGEST + 1):
            run = tuple(inside[first : first + size])
            text = " ".join(tidy_sentence(one.text) for one in run)
            if len(run) == size and stands_alone(text):
                near = vectors[first : first + size].mean(axis=0)
                yield _Passage(scene.id, run, text, _weigh(text, size, float(near @ middle)))


def stands_alone(text: str) -> bool:
    """Whether a reader who has not heard the rest can take something from `text`."""
    words = list_words(text)
    return (
        FEWEST_WORDS <= len(words) <= MOST_WORDS
        and not _LEANS.match(text)
        and not _OCCASION.search(text)
        and "?" not in text
        and not text.endswith((":", ";", ",", "…"))
    )


def _weigh(text: str, sentences: int, nearness: float) -> float:
    merit = nearness + (SEVERAL if sentences > 1 else 0.0) + ASSERTS * min(len(_ASSERTS.findall(text)), 3)
    return merit + (FIGURE if _FIGURE.search(text) else 0.0) - (PERSONAL if _PERSONAL.search(text) else 0.0)


def _make_insight(passage: _Passage) -> Insight:
    run = passage.sentences
    cues = tuple(sorted({cue for one in run for cue in one.cues}))
    return Insight(passage.text, run[0].start, run[-1].end, passage.scene, cues, round(passage.merit, 4))


def read_told(folder: Path) -> tuple[str, ...]:
    """What the episodes beside `folder` tell already; a file that cannot be read tells nothing."""
    files = sorted(path for path in folder.parent.glob(f"*/{JSON_NAME}") if path.parent != folder)[:MOST_EPISODES]
    return tuple(text for path in files for text in _read_texts(path))


def _read_texts(path: Path) -> Iterable[str]:
    try:
        if path.stat().st_size > MOST_BYTES:
            return ()
        entries = json.loads(path.read_text("utf-8"))["insights"]
        return [entry["text"] for entry in entries if isinstance(entry["text"], str)]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ()


@dataclass(frozen=True)
class Clipping:
    """An insight as it is handed over: with its picture."""

    text: str
    start: float  # s
    end: float  # s
    scene: str  # id
    cues: tuple[int, ...]
    score: float  # higher is better; comparable within one talk
    image: str = ""  # "images/....png", "" while the scene has none
    at: float | None = None  # s, when the picture comes on screen


def list_clippings(board: Storyboard) -> tuple[Clipping, ...]:
    """The board's insights, best first, each with the picture of its scene."""
    scenes = {scene.id: scene for scene in board.scenes}
    return tuple(_clip(insight, scenes.get(insight.scene)) for insight in board.insights)


def _clip(insight: Insight, scene: Scene | None) -> Clipping:
    clipping = Clipping(**asdict(insight))
    if scene is None or not 0 <= scene.panel.chosen < len(scene.panel.candidates):
        return clipping
    placement = scene.panel.placement
    image = scene.panel.candidates[scene.panel.chosen].image
    return replace(clipping, image=image, at=placement.start if placement else None)


def write_insights(folder: Path, board: Storyboard) -> None:
    """`insights.json` and `insights.md` into a video's folder, whole; with nothing said there are none in them."""
    clippings, title = list_clippings(board), Path(board.video.path).name
    data = {"video": title, "digest": board.video.digest, "insights": [asdict(one) for one in clippings]}
    write_whole(folder / JSON_NAME, json.dumps(data, indent=2, ensure_ascii=False) + "\n")
    write_whole(folder / TEXT_NAME, format_insights(title, clippings))


def format_insights(title: str, clippings: Sequence[Clipping]) -> str:
    """The insights as Markdown; what was said is escaped, so that it stays text."""
    parts = [f"# What {escape(title)} says"]
    for clipping in clippings:
        picture = f"\n\n![]({clipping.image})" if clipping.image else ""
        parts.append(f"**{_clock(clipping.start)}-{_clock(clipping.end)}** {escape(clipping.text)}{picture}")
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """`text` with what Markdown would take for mark-up made plain."""
    return re.sub(r"([\\`*_{}\[\]()<>#+!|~&])", r"\\\1", " ".join(text.split()))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
