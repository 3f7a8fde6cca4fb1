"""The flows themselves, on Prefect's temporary server: same folder as the plain steps, and nothing lost on the way."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from models.errors import InputError
from tests.flows.tools import Tools, make_talk
from tests.tasks.plain import SMALL, run_plainly
from tests.tasks.test_resume import contents

pytestmark = pytest.mark.usefixtures("server")


@pytest.fixture
def flows():
    from flows import illustrate

    return illustrate


@pytest.fixture
def tools():
    from flows.toolbox import use_toolbox

    tools = Tools()
    with use_toolbox(tools.box()):
        yield tools


def test_storyboard_then_render_is_illustrate_is_the_plain_steps(flows, tools, talk, tmp_path):
    plain, _ = run_plainly(talk, tmp_path / "plain", Tools())
    options = replace(SMALL, out=str(tmp_path / "flow"))
    first = flows.storyboard(str(talk), options)
    assert (first.scenes, first.illustrated, first.drawn) == (3, 0, 0)
    assert "draw" not in tools.loaded
    assert "Not drawn yet" in Path(first.gallery).read_text()
    second = flows.render(first.folder, replace(SMALL, candidates=None, width=None), str(talk))
    assert (second.illustrated, second.drawn, second.failed) == (3, 6, ())
    third = flows.illustrate(str(talk), options)
    assert (third.drawn, third.kept) == (0, 6)
    ours, theirs = contents(Path(third.folder)), contents(plain.folder)
    for found in (ours, theirs):
        found["storyboard.json"].pop("versions")
    assert ours == theirs
    assert third.seconds.keys() >= {"probe", "captions", "shots", "scenes", "describe", "prompts", "draw", "judge"}


def test_without_captions_the_recogniser_is_loaded_and_only_then(flows, tools, talk, tmp_path):
    flows.storyboard(str(talk), replace(SMALL, out=str(tmp_path / "a")))
    assert "transcribe" not in tools.loaded
    mute = make_talk(tmp_path, "mute.mkv", captions=False)
    outcome = flows.storyboard(str(mute), replace(SMALL, out=str(tmp_path / "a"), scenes=1))
    assert outcome.captions == "none"  # it has no sound either: nothing is said, and that is told
    assert outcome.notes


def test_render_refuses_another_video(flows, tools, talk, tmp_path):
    outcome = flows.storyboard(str(talk), replace(SMALL, out=str(tmp_path)))
    other = make_talk(tmp_path, "other.mp4")
    other.write_bytes(other.read_bytes() + b"x")
    with pytest.raises(InputError, match="belongs to another video"):
        flows.render(outcome.folder, SMALL, str(other))


def test_errors_of_the_user_come_out_as_they_are(flows, tools, tmp_path):
    bad = tmp_path / "text.mp4"
    bad.write_text("no video")
    with pytest.raises(InputError):
        flows.illustrate(str(bad), replace(SMALL, out=str(tmp_path / "out")))
    assert not (tmp_path / "out").exists()


def test_a_warning_of_a_model_becomes_a_note(flows, tools, talk, tmp_path, capfd):
    import logging

    draw = tools.draw

    def warns(request):
        logging.getLogger("models.diffusion.draw").warning("correction auto is off")
        return draw(request)

    tools.draw = warns
    outcome = flows.illustrate(str(talk), replace(SMALL, out=str(tmp_path)))
    assert outcome.notes.count("correction auto is off") == 1
    assert json.loads((Path(outcome.folder) / "run.json").read_text())["notes"] == list(outcome.notes)
    assert "correction" not in capfd.readouterr().err
