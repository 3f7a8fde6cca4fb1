"""Layouts: the prompt's grammar round-trips, and each control moves what it names."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.illustrator.backgrounds import DRAW, GROUND, HEIGHT, draw_background
from models.illustrator.layout import bare, lay_out, parse_full, read_phrases, sample_prompt, split_relation
from models.illustrator.vocabulary import load_vocabulary
from models.prompt import CONTROLS, RELATIONS, SETTINGS, Prompt, format_full

NAMES = st.sampled_from(load_vocabulary().names)


@st.composite
def prompts(draw):
    relation = draw(st.sampled_from(RELATIONS))
    values = {name: draw(st.sampled_from(("", *words))) for name, words in CONTROLS.items()}
    other = draw(st.one_of(st.just(""), NAMES.map(lambda name: f"{relation} {name}")))
    return Prompt(draw(NAMES), other, draw(st.sampled_from(("", *SETTINGS))), **values)


@given(prompts())
def test_the_grammar_round_trips(prompt):
    assert read_phrases(parse_full(format_full(prompt))) == read_phrases(prompt)


@given(st.text(max_size=80))
def test_any_text_is_a_prompt(text):
    prompt = parse_full(text)
    assert len(read_phrases(prompt)) == 10
    assert all(getattr(prompt, name) in ("", *words) for name, words in CONTROLS.items())


def test_articles_are_bare():
    assert bare(" A red Kite") == "red kite"
    assert split_relation("beside a telescope") == ("beside", "telescope")
    assert split_relation("under a telescope") == ("", "")


def test_no_concept_reads_as_something_else():
    for name in load_vocabulary().names:
        assert parse_full(f"{name}, in a meadow").subject == name and bare(name) == name


def size_of(shot: str, seed: int) -> float:
    return lay_out(Prompt("bee", shot_type=shot), ("bee", ""), random.Random(seed)).items[-1].size


@given(st.integers(0, 2**31))
def test_shot_types_order_sizes(seed):
    assert size_of("wide shot", seed) < size_of("medium shot", seed) < size_of("close-up", seed)


@given(st.integers(0, 2**31), st.sampled_from([s for s in SETTINGS if GROUND[s]]))
def test_feet_stand_on_the_ground(seed, setting):
    item = lay_out(Prompt("bee", setting=setting), ("bee", ""), random.Random(seed)).items[-1]
    assert 0.8 * HEIGHT < item.y + item.size / 2 <= HEIGHT


@pytest.mark.parametrize("relation", RELATIONS)
def test_relations_place_the_other(relation):
    layout = lay_out(Prompt("bee", f"{relation} tree"), ("bee", "tree"), random.Random(3))
    subject, other = layout.items[-1], layout.items[0]
    assert {item.concept for item in layout.items} == {"bee", "tree"}
    if relation == "above":
        assert subject.concept == "bee" and subject.y < other.y
    if relation == "in front of":
        assert subject.concept == "bee"  # painted last
    if relation == "beside":
        assert abs(subject.x - other.x) > 0.8 * min(subject.size, other.size)


def test_layouts_and_samples_follow_their_seed():
    names = list(load_vocabulary().names)
    one, two, other = (sample_prompt(names, [1.0] * len(names), random.Random(seed)) for seed in (5, 5, 6))
    assert one == two and one != other


@pytest.mark.parametrize("setting", DRAW)
def test_backgrounds_follow_their_seed(setting):
    one, again, other = (draw_background(setting, seed) for seed in (1, 1, 2))
    assert one.shape == (180, 320, 3) and (one == again).all() and (one != other).any()


def test_every_setting_has_a_background():
    assert set(DRAW) == set(GROUND) == set(SETTINGS)
