"""Prompts: the words of the controls, the series' look, and nothing hidden."""

from dataclasses import dataclass

import pytest

from models.errors import InputError
from models.prompt import CONTROLS, SETTINGS, format_full
from tasks.look import Character, Look, make_look, read_look
from tasks.prompts import is_banned, write_prompt
from tasks.records import Summary
from tests.tasks.talks import embed_words, make_scene


@dataclass(frozen=True)
class Words:
    names: tuple[str, ...]


WORDS = Words(("bicycle", "tree", "racing car", "house"))
BIKE = Summary(gist="The bicycle stands under a tree.", subjects=("bicycle", "tree"), setting="a city street")


def write(summary=BIKE, scene_id="s001", look=Look(), vocabulary=WORDS):  # noqa: B008 - frozen
    return write_prompt(summary, make_scene((), scene_id), look, vocabulary, embed_words)


@pytest.mark.parametrize("number", range(1, 13))
@pytest.mark.parametrize("mood", ["", "hopeful", "tense", "dark", "unheard of"])
def test_every_control_has_one_of_its_words(number, mood) -> None:
    prompt = write(Summary(gist="A bicycle.", subjects=("bicycle",), mood=mood), f"s{number:03d}")
    for control, words in CONTROLS.items():
        assert getattr(prompt, control) in words
    assert prompt.setting in SETTINGS
    assert prompt.full == format_full(prompt) and prompt.full.startswith(prompt.core)


def test_the_core_is_the_boiled_down_subject() -> None:
    assert write().core == "bicycle in front of a tree"
    assert write(Summary(gist="A bicycle.", subjects=("bicycle", "tree"))).core == "bicycle"  # the tree is not told


def test_neutral_scenes_vary_and_keep_one_look() -> None:
    prompts = [write(Summary(gist="A bicycle.", subjects=("bicycle",)), f"s{number:03d}") for number in range(1, 25)]
    for control in ("shot_type", "camera_angle", "lens", "setting"):
        assert len({getattr(prompt, control) for prompt in prompts}) > 1, control
    for control in ("palette", "style", "lighting"):
        assert len({getattr(prompt, control) for prompt in prompts}) == 1, control
    assert prompts[3] == write(Summary(gist="A bicycle.", subjects=("bicycle",)), "s004")


def test_the_users_look_wins() -> None:
    look = Look(
        "pastel palette",
        "outlined illustration",
        "a meadow",
        "wide shot",
        "low angle",
        "shallow focus",
        "night",
        "text",
    )
    prompt = write(look=look)
    assert (prompt.palette, prompt.style, prompt.setting, prompt.shot_type) == (
        look.palette,
        look.style,
        look.setting,
        look.shot_type,
    )
    assert (prompt.camera_angle, prompt.lens, prompt.lighting, prompt.negative) == (
        "low angle",
        "shallow focus",
        "night",
        "text",
    )


@pytest.mark.parametrize(
    ("summary", "light"),
    [
        (Summary(gist="At night the bicycle waits.", subjects=("bicycle",), mood="hopeful"), "night"),
        (Summary(gist="A bicycle.", subjects=("bicycle",), mood="hopeful"), "warm evening light"),
        (Summary(gist="A bicycle.", subjects=("bicycle",), setting="a stage"), "spotlight"),
        (Summary(gist="A bicycle.", subjects=("bicycle",)), "soft daylight"),
    ],
)
def test_light_follows_what_is_said_before_the_mood(summary, light) -> None:
    assert write(summary).lighting == light


def test_the_embedded_model_gets_the_nearest_word_it_knows_a_hub_model_the_word_itself() -> None:
    summary = Summary(gist="It races.", subjects=("fast racing machine",), setting="an office with a busy view")
    assert write(summary).subject == "racing car" and write(summary).setting in SETTINGS
    free = write(summary, vocabulary=None)
    assert free.subject == "fast racing machine" and free.setting == "an office with a busy view"


def test_a_stand_in_is_drawn_where_nothing_else_is_told() -> None:
    assert write(Summary(gist="Trust is slow.", metaphor="house")).core == "house"
    assert write(Summary(gist=""), vocabulary=None).subject


def test_characters_of_the_series_come_in_when_they_are_told_of() -> None:
    look = Look(characters=(Character("the rider", "tree"),))
    told = Summary(gist="The rider is late.", subjects=("bicycle",))
    assert write(told, look=look).core == "bicycle in front of a tree"
    assert write(Summary(gist="Nobody is late.", subjects=("bicycle",)), look=look).core == "bicycle"


def test_what_is_banned_is_not_drawn() -> None:
    look = Look(banned=("racing", "house"), negative="text")
    prompt = write(Summary(gist="Racing cars at the house.", subjects=("racing car", "tree", "house")), look=look)
    assert prompt.core == "tree" and prompt.negative == "text, racing, house"
    assert is_banned("Houses", ("house",)) and not is_banned("greenhouse", ("house",))
    stand_in = Summary(gist="It is abstract.", metaphor="tree beside a house")
    assert write(stand_in).core == "tree beside a house" and write(stand_in, look=look).core == "tree"


STYLE = """
palette = "muted palette"
style = "outlined illustration"
negative = "text"
banned = ["Skull"]
[characters]
Customer = "dog"
"""


def test_a_style_file_gives_the_look(tmp_path) -> None:
    path = tmp_path / "style.toml"
    path.write_text(STYLE)
    look = read_look(path, embedded=True)
    assert (look.palette, look.style, look.lighting) == ("muted palette", "outlined illustration", "")
    assert look.banned == ("skull",) and look.characters == (Character("customer", "dog"),)
    prompts = [write(look=look, scene_id=f"s{number:03d}") for number in range(1, 9)]
    assert {(one.palette, one.style) for one in prompts} == {("muted palette", "outlined illustration")}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"palete": "x"}, "unknown key palete"), ({"palette": "neon"}, "'neon'.*balanced palette"),
        ({"banned": "skull"}, "list of words"), ({"banned": [3]}, "banned is '3'"), ({"style": 3}, "style is '3'"),
        ({"characters": ["x"]}, "table"), ({"characters": {"who": 3}}, "characters.who"), ({"lens": "x" * 999}, "lens"),
    ],
)  # fmt: skip
def test_a_look_that_cannot_be_is_refused(values, said) -> None:
    with pytest.raises(InputError, match=said):
        make_look(values, embedded=True)


def test_other_models_take_any_words() -> None:
    assert make_look({"palette": "neon"}, embedded=False).palette == "neon"


@pytest.mark.parametrize("content", [None, b"palette = ", b"\xff\xfe", b"#" * 200_000])
def test_a_style_file_that_cannot_be_read_is_named(tmp_path, content) -> None:
    path = tmp_path / "style.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match="style.toml"):
        read_look(path, embedded=True)
