"""The lexicon of metaphors: readable, reviewed, drawable; and it finds what abstract talk is about."""

import json
from collections import Counter
from pathlib import Path

import pytest

from models.illustrator.vocabulary import load_vocabulary
from models.profiles import load_profile
from models.prompt import RELATIONS
from models.registry import embedder
from tasks.concepts import rank_concepts
from tasks.describe import DescribeTools, describe_scene, format_scenery
from tasks.metaphors import FLOOR, Idea, Likeness, Scenery, load_ideas, match_ideas, parse_scenery, split_clauses
from tasks.metaphors import weigh_drawings as weigh
from tests.tasks.talks import PASSAGES, embed_words, make_scene, speak

PHRASES = Path(__file__).parents[1] / "data" / "phrases_test.json"
DEBT = Idea("technical debt", ("we pay later for shortcuts taken today",), (Scenery("maze"), Scenery("spider web")))
BAIT = Idea("trap", ("it looks tasty until the spring snaps",), (Scenery("cheese", "beside", "mouse trap"),))
NAMES = ("cheese", "spider web", "mouse trap", "bicycle")


def test_every_idea_is_named_once_and_can_be_drawn() -> None:
    ideas, known = load_ideas(), set(load_vocabulary().names)
    assert len(ideas) >= 300
    assert [name for name, count in Counter(idea.name for idea in ideas).items() if count > 1] == []
    assert [idea.name for idea in ideas if sum(one.thing in known for one in idea.drawn) < 2] == []
    assert all(len(idea.said) >= 1 and len(idea.drawn) == len(set(idea.drawn)) for idea in ideas)
    assert {one.relation for idea in ideas for one in idea.drawn} <= {"", *RELATIONS}


@pytest.mark.parametrize(
    ("text", "scenery"),
    [
        ("bee", Scenery("bee")), ("cheese beside a mouse trap", Scenery("cheese", "beside", "mouse trap")),
        ("snail in front of a motorway", Scenery("snail", "in front of", "motorway")),
        ("goat above an oyster", Scenery("goat", "above", "oyster")),
        ("bomb beside gears", Scenery("bomb", "beside", "gears")),
    ],
)  # fmt: skip
def test_sceneries_round_trip(text, scenery) -> None:
    assert parse_scenery(text) == scenery and format_scenery(scenery) == text


@pytest.mark.parametrize("line", ["debt", "debt | we pay", "debt | we pay | ", " | we pay | maze"])
def test_a_line_that_cannot_be_read_is_named(tmp_path, line) -> None:
    path = tmp_path / "metaphors.txt"
    path.write_text(f"# a comment\n\n{line}\n")
    with pytest.raises(ValueError, match="line 3"):
        load_ideas(path)


def test_an_idea_is_matched_by_half_a_sentence() -> None:
    said = "The weather was fine, but we pay later for shortcuts taken today."
    assert split_clauses(said)[1:] == ["The weather was fine", "we pay later for shortcuts taken today."]
    (found,) = match_ideas([said], (DEBT, BAIT), embed_words)
    assert found.idea is DEBT and FLOOR < found.nearness <= 1.0
    assert match_ideas(["Nothing of the kind."], (DEBT, BAIT), embed_words) == ()
    assert match_ideas([], (DEBT,), embed_words) == match_ideas(["Shortcuts."], (), embed_words) == ()


def test_what_cannot_be_drawn_is_passed_over() -> None:
    weights = weigh((Likeness(DEBT, 0.8), Likeness(BAIT, 0.6)), NAMES)
    assert {NAMES[index]: one for index, (_, one) in weights.items()} == {
        "spider web": Scenery("spider web"),
        "cheese": Scenery("cheese", "beside", "mouse trap"),
    }
    assert weights[1][0] == pytest.approx(0.8 - FLOOR)  # the maze, unknown, takes nothing from the web
    assert weigh((Likeness(BAIT, 0.6),), NAMES[:2])[0][1] == Scenery("cheese")


def test_abstract_talk_is_drawn_as_its_metaphor() -> None:
    tools = DescribeTools(embed=embed_words, concepts=NAMES, ideas=(DEBT, BAIT))
    cues = speak(["It looks tasty.", "Then the spring snaps.", "It looks tasty until the spring snaps."])
    summary = describe_scene(make_scene(cues), cues, None, tools)
    assert summary.subjects == () and summary.metaphor == "cheese beside a mouse trap"


def test_the_lexicon_helps_on_talk_it_was_not_written_for(need_weight) -> None:
    """A fifth of the test phrases and the abstract development passages, with and without the lexicon."""
    need_weight("minilm-l6")
    embed, known, ideas = embedder(load_profile()), load_vocabulary(), load_ideas()
    phrases = json.loads(PHRASES.read_text("utf-8"))["phrases"][::5]
    talk = [([one["phrase"]], one["acceptable"]) for one in phrases]
    talk += [(one["sentences"], one["acceptable"]) for one in PASSAGES if one["kind"] == "abstract"]

    def hits(**lexicon) -> int:
        ranked = [rank_concepts(texts, known.names, known.synonyms, embed, **lexicon)[0].name for texts, _ in talk]
        return sum(name in acceptable for name, (_, acceptable) in zip(ranked, talk, strict=True))

    assert hits(ideas=ideas) >= hits() + 4
