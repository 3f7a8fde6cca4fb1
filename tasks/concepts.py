"""Which drawable concepts a passage of talk is about: what is said literally, and what lies near in meaning."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tasks.metaphors import Idea, Scenery, match_ideas, weigh_drawings

Embed = Callable[[Sequence[str]], np.ndarray]
Score = Callable[[str, Sequence[str]], list[float]]

#: Weights of rank_concepts, chosen on the 32 passages of tests/data/passages.json: vectors and mentions alone hit
#: 26 of them, with the likelihood 29. A cosine of sentence and name spans about 0.0-0.5.
SAID_WEIGHT, SHOWN_WEIGHT, LIKELIHOOD_WEIGHT = 0.3, 0.5, 0.025
#: Concepts that the language model compares: a dozen takes it 0.25 s, more does not change the first.
CANDIDATES = 12
#: Characters of a passage that the language model reads; about 90 s of talk.
MAX_PASSAGE = 1500
_TOPIC = "Passage: {passage}\nOne-word topic of the passage:"

#: How much a mention counts by how it names the concept.
BY_NAME, BY_HEAD, BY_SYNONYM = 1.0, 0.8, 0.6
#: Cosine of a concept's name with the sentence, from which on a mention by another word begins to count, and counts in
#: full: "hello" names no people hugging, "table" no ping pong, unless the sentence is about that.
AGREEMENT = (0.1, 0.35)
#: A synonym of more concepts than this is a class ("animal", "food"), which names none of them.
MOST_SHARED = 2
#: After these words a noun-like word is a verb or a figure of speech ("to watch", "will fish", "don't bank on").
_VERB_SIGNS = frozenset(
    "to will would can could should must may might shall not don't doesn't didn't won't can't i you we they he she "
    "let's please never always who".split()
)
_VERB_WEIGHT = 0.25
#: Last words of concept names that name a form rather than a thing: "sun with face", "heart button", "no entry sign".
_EMPTY_HEADS = frozenset("face button sign symbol mark person man woman people suit arrow set box wheel hand".split())
_IRREGULAR = {
    "mice": "mouse", "geese": "goose", "teeth": "tooth", "feet": "foot", "men": "man", "women": "woman",
    "children": "child", "people": "person", "leaves": "leaf", "wolves": "wolf", "knives": "knife",
    "shelves": "shelf", "loaves": "loaf", "lives": "life", "wives": "wife", "calves": "calf", "halves": "half",
    "dice": "die", "oxen": "ox",
    "shorts": "shorts", "glasses": "glasses", "clothes": "clothes",  # "a short talk" names no shorts
}  # fmt: skip
_LONGEST_NAME = 4  # words


@dataclass(frozen=True)
class Mention:
    """A concept named in a passage."""

    concept: int  # index into the names
    sentence: int  # index into the passage's sentences
    weight: float  # 0..1


@dataclass(frozen=True)
class _Entry:
    concept: int
    weight: float


def find_mentions(
    sentences: Sequence[str], names: tuple[str, ...], synonyms: tuple[tuple[str, ...], ...] = ()
) -> tuple[Mention, ...]:
    """Every place where a concept is named, singular or plural; the longest name wins ("light bulb", not "light")."""
    index = _index_names(names, synonyms)
    return tuple(
        Mention(entry.concept, number, entry.weight * weight)
        for number, sentence in enumerate(sentences)
        for entries, weight in _match_phrases(list_words(sentence), index)
        for entry in entries
    )


def list_words(text: str) -> list[str]:
    """Lower-case words of letters and digits, apostrophes kept."""
    return re.findall(r"[^\W_]+(?:['’][^\W_]+)*", text.lower().replace("’", "'"))


def with_article(noun: str) -> str:
    """ "bee" -> "a bee", "oyster" -> "an oyster", "gears" -> "gears"."""
    plural = noun.endswith("s") and not noun.endswith("ss")
    return noun if plural else f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def singular(word: str) -> str:
    """A rough English singular, the same for a name and for its use, which is all that matching needs."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) <= 3 or word.endswith(("ss", "us", "is")) or not word.endswith("s"):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-2] if word.endswith(("ches", "shes", "sses", "xes", "zes")) else word[:-1]


def _match_phrases(words: Sequence[str], index: dict) -> Iterable[tuple[tuple[_Entry, ...], float]]:
    position = 0
    while position < len(words):
        for size in range(min(_LONGEST_NAME, len(words) - position), 0, -1):
            entries = index.get(_phrase_key(words[position : position + size]))
            if entries:
                before = words[position - 1] if position else ""
                yield entries, _VERB_WEIGHT if size == 1 and before in _VERB_SIGNS else 1.0
                position += size
                break
        else:
            position += 1


def _phrase_key(words: Sequence[str]) -> tuple[str, ...]:
    return (*words[:-1], singular(words[-1]))


@lru_cache(maxsize=8)
def _index_names(names: tuple[str, ...], synonyms: tuple[tuple[str, ...], ...]) -> dict[tuple, tuple[_Entry, ...]]:
    """From the words of a name to the concepts that it may mean; full names beat heads, heads beat synonyms."""
    index: dict[tuple, list[_Entry]] = {}
    for concept, name in enumerate(names):
        index.setdefault(_phrase_key(list_words(name) or [name]), []).append(_Entry(concept, BY_NAME))
    full = set(index)
    for concept, name in enumerate(names):
        head = _phrase_key(list_words(name)[-1:] or [name])
        if head not in full and head[0] not in _EMPTY_HEADS:
            index.setdefault(head, []).append(_Entry(concept, BY_HEAD))
    taken = set(index)
    shared = Counter(word for words in synonyms for word in set(words))
    for concept, words in enumerate(synonyms):
        own = {_phrase_key(list_words(word)) for word in words if shared[word] <= MOST_SHARED and list_words(word)}
        for key in own - taken:
            index.setdefault(key, []).append(_Entry(concept, BY_SYNONYM))
    return {key: tuple(entries) for key, entries in index.items()}


@dataclass(frozen=True)
class Ranked:
    """A concept and how well it fits a passage."""

    name: str
    score: float  # higher is better; comparable within one passage only
    said: float  # how firmly it is named there, 0 for not at all
    sentences: tuple[int, ...]  # the sentences that name it
    scenery: Scenery | None = None  # how a metaphor of the lexicon has it drawn


def rank_concepts(
    sentences: Sequence[str],
    names: tuple[str, ...],
    synonyms: tuple[tuple[str, ...], ...],
    embed: Embed,
    score: Score | None = None,
    shown: Sequence[str] = (),
    ideas: tuple[Idea, ...] = (),
) -> tuple[Ranked, ...]:
    """The CANDIDATES concepts that fit `sentences` best, best first.

    Meaning (mean cosine over the sentences), being named (saturating: the tenth "bicycle" adds little) and being what
    one of the `ideas` is drawn as decide; `score(prompt, continuations)`, mean log-probabilities of a language model,
    settles near ties. `shown` are lines of on-screen text: they count as sentences at half the weight of a mention.
    """
    texts = [*sentences, *shown]
    if not texts or not names:
        return ()
    near = embed_names(embed, names) @ embed(texts).T  # (n, texts)
    nearness = near.mean(axis=1)  # (n,)
    mentions = find_mentions(texts, names, synonyms)
    said = np.zeros(len(names))
    for mention in mentions:
        voiced = 1.0 if mention.sentence < len(sentences) else SHOWN_WEIGHT
        said[mention.concept] += mention.weight * voiced * _agreement(mention, near)
    total = nearness + SAID_WEIGHT * (1.0 - 0.5**said)
    drawn = weigh_drawings(match_ideas(texts, ideas, embed), names)
    for index, (weight, _) in drawn.items():
        total[index] += weight
    best = [int(index) for index in np.argsort(-total, kind="stable")[:CANDIDATES]]
    if score is not None:
        likely = _likelihood_gain(texts, [names[index] for index in best], score)
        total[best] += LIKELIHOOD_WEIGHT * np.array(likely)
        best.sort(key=lambda index: -total[index])
    return tuple(
        Ranked(
            name=names[index],
            score=float(total[index]),
            said=float(said[index]),
            sentences=tuple(dict.fromkeys(m.sentence for m in mentions if m.concept == index)),
            scenery=drawn[index][1] if index in drawn else None,
        )
        for index in best
    )


def _agreement(mention: Mention, near: np.ndarray) -> float:
    """How far the sentence's meaning bears a mention out, 0..1: a word that is no full name may mean something else."""
    if mention.weight >= BY_NAME:
        return 1.0
    doubtful, certain = AGREEMENT
    return float(np.clip((near[mention.concept, mention.sentence] - doubtful) / (certain - doubtful), 0.0, 1.0))


def _likelihood_gain(texts: Sequence[str], names: Sequence[str], score: Score) -> list[float]:
    """How much more likely (nats a token) the passage makes each name as its topic than no passage does.

    The difference cancels that some names are common words and others rare ones. A passage is quoted as data;
    whatever it says, only the given names are compared.
    """
    continuations = [f" {name}" for name in names]
    passage = " ".join(texts)[:MAX_PASSAGE]
    given = score(_TOPIC.format(passage=passage), continuations)
    blind = score(_TOPIC.format(passage=""), continuations)
    return [with_it - without for with_it, without in zip(given, blind, strict=True)]


@lru_cache(maxsize=8)
def embed_names(embed: Embed, names: tuple[str, ...]) -> np.ndarray:
    """Vectors (n, d) of the concepts' names, computed once per process."""
    return embed(names)
