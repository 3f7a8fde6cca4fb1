"""Costs add up: what was used is counted once, what was kept is counted as spared, and the estimate follows."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import meter
from tasks.cost import SPEEDS_NAME, describe_cost, picture_cost, remember_lap, sum_up_cost
from tasks.estimate import Estimate, estimate_drawing, foretell, format_estimate
from tests.flows.tools import Tools, make_talk
from tests.tasks.boards import boards
from tests.tasks.plain import run_plainly

STEPS, PICTURES = 2, 6  # of SMALL: three scenes, two candidates each


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    return make_talk(tmp_path_factory.mktemp("videos"))


@pytest.fixture
def finished(done, monkeypatch):
    """A desk and its board with all pictures drawn, in a cache of its own where no speed is remembered."""
    desk, board, cache = done
    monkeypatch.setenv("BROLL_CACHE", str(cache))
    (cache / SPEEDS_NAME).unlink(missing_ok=True)
    return desk, board


@pytest.fixture(scope="module")
def done(talk, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BROLL_CACHE", str(cache))
        desk, board = run_plainly(talk, tmp_path_factory.mktemp("out"), Reading())
    return desk, board, cache


class Reading(Tools):
    """Tools whose text model uses tokens, seven a question."""

    def box(self):
        box = super().box()
        tools = box.describe()

        class Words(type(tools.language)):
            def score(self, prompt, continuations):
                meter.count_tokens("language", 5, 2)
                return super().score(prompt, continuations)

        return replace(box, describe=lambda: replace(tools, language=Words()))


def test_a_run_tells_what_it_used_and_a_second_one_what_it_was_spared(talk, tmp_path, monkeypatch):
    monkeypatch.setenv("BROLL_CACHE", str(tmp_path / "cache"))
    desk, board = run_plainly(talk, tmp_path / "out", Reading())
    cost = json.loads((desk.folder / "run.json").read_text())["cost"]
    passes = cost["evaluations"]
    assert passes == sum(picture["evaluations"] for picture in cost["pictures"].values()) >= PICTURES * STEPS
    assert len(cost["pictures"]) == PICTURES
    assert all(picture["seconds"] > 0 and picture["device"] for picture in cost["pictures"].values())
    assert cost["tokens"] and sum(cost["tokens"].values()) == sum(
        count for scene in cost["scenes"].values() for count in scene["tokens"].values()
    )
    assert cost["kept"]["pictures"] == cost["kept"]["evaluations"] == 0

    again, board = run_plainly(talk, tmp_path / "out", Reading())
    second = sum_up_cost(again, board, {})
    assert (second.evaluations, second.tokens) == (0, {})
    assert (second.kept.pictures, second.kept.evaluations) == (PICTURES, passes)
    assert second.kept.tokens == sum(cost["tokens"].values())
    assert second.kept.seconds > 0
    assert {name: vars(picture) for name, picture in second.pictures.items()} == cost["pictures"]


def test_a_picture_without_a_record_costs_what_its_settings_say(finished):
    _, board = finished
    scene = board.scenes[0]
    known = picture_cost(board, scene, scene.panel.candidates[0])
    forgotten = picture_cost(replace(board, costs={}), scene, scene.panel.candidates[0])
    assert forgotten.evaluations == known.evaluations
    assert forgotten.seconds == 0


def test_the_estimate_counts_what_is_missing_at_the_remembered_speed(finished):
    desk, board = finished
    assert estimate_drawing(desk, board).pictures == 0
    gone = (desk.folder / board.scenes[0].panel.candidates[0].image).rename(desk.folder / "away")
    more = replace(desk, settings=replace(desk.settings, candidates=4), laps=[2.0, 3.0, 100.0])
    remember_lap(more)
    fresh = replace(more, laps=[])
    estimate = estimate_drawing(fresh, board)
    gone.rename(desk.folder / board.scenes[0].panel.candidates[0].image)
    assert estimate.pictures == 3 * 2 + 1
    assert estimate.seconds == pytest.approx(3.0 * estimate.evaluations)  # the median, whatever one outlier says


def test_what_takes_more_than_a_minute_is_foretold_once(finished):
    desk, board = finished
    told: list[str] = []
    slow = replace(
        desk, settings=replace(desk.settings, candidates=20), laps=[30.0], tell=told.append, tally=type(desk.tally)()
    )
    foretell(slow, board)
    foretell(slow, board)
    assert len(told) == 1 and "about 54 pictures" in told[0] and "minutes" in told[0]
    quick = replace(slow, laps=[1e-6], tally=type(desk.tally)())
    foretell(quick, board)
    unknown = replace(desk, laps=[], tell=told.append, tally=type(desk.tally)())
    foretell(unknown, board)
    assert len(told) == 1


@pytest.mark.parametrize("text", ["", "[]", '{"w1 160x90": "x"}', '{"w1 160x90": [null]}', "\x00"])
def test_broken_speeds_are_no_speeds(finished, text, done):
    desk, board = finished
    (done[2] / SPEEDS_NAME).write_text(text)
    assert estimate_drawing(replace(desk, laps=[]), board).seconds is None


@given(boards)
def test_any_storyboard_has_a_cost(board):
    for scene in board.scenes:
        for candidate in scene.panel.candidates:
            assert picture_cost(board, scene, candidate).evaluations >= 0


@given(st.integers(1, 10_000), st.floats(60, 1e7))
def test_an_estimate_reads_as_pictures_and_time(pictures, seconds):
    assert format_estimate(Estimate(pictures, 1, seconds)).startswith(f"about {pictures} pictures, ")
    assert "no estimate" in format_estimate(Estimate(pictures, 1, None))


def test_costs_read_as_lines(finished):
    desk, board = finished
    lines = dict(describe_cost(sum_up_cost(desk, board, {"draw": 1.25})))
    assert lines["draw"] == "1.2 s on cpu"
    assert lines["language model, tokens read"].isdecimal()
