"""Going on after a kill, redoing only what changed, and scenes that fail alone."""

import json
import random
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from models.errors import SceneError, SetupError
from tasks.cost import count_evaluations
from tasks.draw import candidate_seed
from tasks.folder import list_files
from tasks.stages import carry_over
from tests.flows.tools import CAPTIONS, Tools, make_talk
from tests.tasks.boards import make_board, make_scene, make_video
from tests.tasks.plain import SMALL, run_plainly


@pytest.fixture(scope="module")
def talk(tmp_path_factory) -> Path:
    return make_talk(tmp_path_factory.mktemp("videos"))


@pytest.fixture(scope="module")
def unbroken(talk, tmp_path_factory) -> Path:
    """The folder that a run without interruption leaves."""
    desk, _ = run_plainly(talk, tmp_path_factory.mktemp("out"), Tools())
    return desk.folder


def contents(folder: Path) -> dict[str, bytes | dict]:
    """Every file's bytes, the folder's own path apart; storyboard and page without times; no record of the run."""
    here = str(folder.absolute()).encode()
    files = {name: (folder / name).read_bytes() for name in list_files(folder) if name != "run.json"}
    found: dict = {name: data.replace(here, b"FOLDER") for name, data in files.items()}
    board = json.loads(found["storyboard.json"])
    del board["timings"], board["costs"]
    page = re.sub(rb'<details class="cost">.*?</details>|, [\d.]+ s on \w+', b"", found["index.html"], flags=re.DOTALL)
    return found | {"storyboard.json": board, "index.html": page}


def test_an_unbroken_run_does_all_of_it(unbroken):
    board = json.loads((unbroken / "storyboard.json").read_text())
    assert [scene["state"] for scene in board["scenes"]] == ["drawn"] * 3
    assert all(len(scene["panel"]["candidates"]) == 2 for scene in board["scenes"])
    assert all(scene["panel"]["chosen"] in (0, 1) for scene in board["scenes"])
    assert {"index.html", "captions.vtt", "talk.en.srt", "timelines/talk.otio"} <= set(list_files(unbroken))
    run = json.loads((unbroken / "run.json").read_text())
    assert run["files"] == list_files(unbroken)
    passes = count_evaluations(2, board["settings"]["guidance"])
    assert (run["drawn"], run["kept"], run["evaluations"]) == (6, 0, 6 * passes)


def test_a_rerun_loads_no_model_and_changes_nothing(talk, unbroken):
    before, tools = contents(unbroken), Tools()
    run_plainly(talk, unbroken.parent, tools)
    assert tools.loaded == {}
    assert contents(unbroken) == before


def test_the_same_seed_gives_the_same_pictures_and_another_seed_others(talk, unbroken, tmp_path):
    same, _ = run_plainly(talk, tmp_path / "same", Tools())
    other, _ = run_plainly(talk, tmp_path / "other", Tools(), replace(SMALL, seed=1))
    pictures = sorted((unbroken / "images").iterdir())
    assert len(pictures) == 6
    for path in pictures:
        assert (same.folder / "images" / path.name).read_bytes() == path.read_bytes()
        assert (other.folder / "images" / path.name).read_bytes() != path.read_bytes()


@pytest.mark.parametrize(
    ("kills", "seed"), [(2, 7), *(pytest.param(5, seed, marks=pytest.mark.long) for seed in range(6))]
)
def test_killed_at_any_moment_it_ends_as_an_unbroken_run(talk, unbroken, tmp_path, kills, seed):
    chance = random.Random(seed)
    finished: dict[Path, int] = {}
    for _ in range(kills):
        child = subprocess.Popen([sys.executable, "-m", "tests.tasks.plain", str(talk), str(tmp_path), "0.15"])
        limit = time.monotonic() + 120
        while child.poll() is None and len(list(tmp_path.glob("talk/images/*.png"))) <= len(finished):
            if time.monotonic() > limit:
                break
            time.sleep(0.01)
        time.sleep(chance.random() * 0.2)
        child.kill()
        child.wait(timeout=60)
        for path, changed in finished.items():
            assert path.stat().st_mtime_ns == changed, "a finished picture was drawn again"
        finished = {path: path.stat().st_mtime_ns for path in tmp_path.glob("talk/images/*.png")}
    tools = Tools()
    desk, _ = run_plainly(talk, tmp_path, tools)
    assert len(finished) >= kills
    assert len(tools.drawn) == 6 - len(finished)
    assert contents(desk.folder) == contents(unbroken)
    assert {path.name for path in desk.folder.iterdir()} == {path.name for path in unbroken.iterdir()}


def test_a_picture_drawn_but_not_yet_noted_is_adopted(talk, unbroken, tmp_path):
    desk, _ = run_plainly(talk, tmp_path, Tools())
    path = desk.folder / "storyboard.json"
    data = json.loads(path.read_text())
    data["scenes"][1]["panel"] = {"candidates": data["scenes"][1]["panel"]["candidates"][:1], "chosen": -1}
    data["versions"]["steps"].pop("judge s002")
    path.write_text(json.dumps(data))
    tools = Tools()
    run_plainly(talk, tmp_path, tools)
    assert tools.drawn == []
    assert contents(desk.folder)["storyboard.json"]["scenes"] == contents(unbroken)["storyboard.json"]["scenes"]


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_lost_or_broken_picture_is_drawn_again(talk, unbroken, tmp_path, damage):
    desk, _ = run_plainly(talk, tmp_path, Tools())
    victim = sorted((desk.folder / "images").iterdir())[2]
    whole = victim.read_bytes()
    victim.unlink() if damage == "gone" else victim.write_bytes(whole[:-30])
    tools = Tools()
    run_plainly(talk, tmp_path, tools)
    assert len(tools.drawn) == 1
    assert victim.read_bytes() == whole
    assert contents(desk.folder) == contents(unbroken)


def test_other_settings_redo_what_depends_on_them_and_keep_the_old_pictures(talk, tmp_path):
    desk, first = run_plainly(talk, tmp_path, Tools())
    old = {path: path.read_bytes() for path in (desk.folder / "images").iterdir()}
    tools = Tools()
    _, second = run_plainly(talk, tmp_path, tools, replace(SMALL, steps=3))
    assert len(tools.drawn) == 6
    assert tools.loaded.keys() == {"draw", "judge"}
    assert all(path.read_bytes() == data for path, data in old.items())
    for before, after in zip(first.scenes, second.scenes, strict=True):
        assert after.panel.candidates[2:] == before.panel.candidates
        assert after.panel.chosen in (0, 1)
        assert len({candidate.image for candidate in after.panel.candidates}) == 4
    tools = Tools()
    _, third = run_plainly(talk, tmp_path, tools)  # and back again: nothing to draw
    assert tools.drawn == []
    assert [s.panel.candidates[:2] for s in third.scenes] == [s.panel.candidates for s in first.scenes]
    assert [s.panel.chosen for s in third.scenes] == [s.panel.chosen for s in first.scenes]


def test_more_candidates_draw_only_the_new_ones(talk, tmp_path):
    run_plainly(talk, tmp_path, Tools())
    tools = Tools()
    _, board = run_plainly(talk, tmp_path, tools, replace(SMALL, candidates=3))
    assert len(tools.drawn) == 3
    assert [len(scene.panel.candidates) for scene in board.scenes] == [3, 3, 3]


def test_other_weights_redo_the_pictures(talk, tmp_path):
    run_plainly(talk, tmp_path, Tools())
    tools = Tools(weights="w2")
    run_plainly(talk, tmp_path, tools)
    assert len(tools.drawn) == 6


def test_edited_captions_are_read_again(tmp_path):
    video = make_talk(tmp_path)
    run_plainly(video, tmp_path / "out", Tools())
    video.with_suffix(".vtt").write_text(CAPTIONS.replace("Down below a whale", "Down below a garden"))
    tools = Tools()
    _, board = run_plainly(video, tmp_path / "out", tools)
    assert board.captions.cues[2].text == "Down below a garden is singing."
    assert "describe" in tools.loaded
    assert 0 < len(tools.drawn) < 6


def test_one_failed_scene_does_not_stop_the_others(talk, tmp_path):
    _, unbroken = run_plainly(talk, tmp_path / "fine", Tools())
    subject = unbroken.scenes[1].prompt.subject
    for error in (SceneError("the model gave NaN"), RuntimeError("out of\nmemory")):
        desk, board = run_plainly(talk, tmp_path / "out", Tools(fail_on=subject, error=error))
        assert [scene.state for scene in board.scenes] == ["drawn", "failed", "drawn"]
        assert board.scenes[1].error.startswith("draw: ")
        assert "\n" not in board.scenes[1].error
        assert board.scenes[1].panel.chosen == -1
    tools = Tools()
    _, repaired = run_plainly(talk, tmp_path / "out", tools)
    assert {name for name, _ in tools.drawn} == {subject}
    assert repaired.scenes == unbroken.scenes
    assert json.loads((desk.folder / "run.json").read_text())["failed"] == []


def test_what_is_wrong_with_the_machine_ends_the_run(talk, tmp_path):
    with pytest.raises(SetupError):
        run_plainly(talk, tmp_path, Tools(fail_on="whale", error=SetupError("no weights")))


def test_a_drawing_of_another_size_fails_its_scene(talk, tmp_path):
    tools = Tools()
    draw = tools.draw
    tools.draw = lambda request: draw(request)[:-1]
    _, board = run_plainly(talk, tmp_path, tools)
    assert {scene.state for scene in board.scenes} == {"failed"}
    assert "(89, 160, 3)" in board.scenes[0].error


def test_a_scene_whose_candidates_are_all_refused_fails(talk, tmp_path):
    tools = Tools()
    tools.draw = lambda request: tools.drawn.append(("", 0)) or make_grey(request)
    _, board = run_plainly(talk, tmp_path, tools)
    assert {scene.error for scene in board.scenes} == {
        "judge: all 2 candidates were refused (empty: one even colour): try another --seed"
    }


def make_grey(request):
    import numpy as np

    return np.full((request.height, request.width, 3), 128, np.uint8)


def test_seeds_depend_on_run_scene_and_number_only():
    seeds = {candidate_seed(run, scene, k) for run in range(3) for scene in ("s001", "s002") for k in range(4)}
    assert len(seeds) == 24
    assert candidate_seed(0, "s001", 0) == 2682801162
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_scene_ids_are_stable():
    video, board = make_video(60.0), make_board()
    found = (make_scene(video, 1, 0, 20), make_scene(video, 2, 20, 30), make_scene(video, 3, 30, 60))
    kept = carry_over(board.scenes, found)
    assert [scene.id for scene in kept] == ["s001", "s004", "s005"]
    assert kept[0].panel == board.scenes[0].panel
    assert kept[1].prompt is None
    again = carry_over(kept, board.scenes)
    assert [scene.id for scene in again] == ["s001", "s006", "s007"]
    assert [scene.id for scene in carry_over((), found)] == ["s001", "s002", "s003"]
