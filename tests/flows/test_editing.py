"""The story of the README's editing loop, its very commands executed; and what the commands say to wrong input."""

import glob
import json
import re
import shlex
import shutil
import subprocess
from contextlib import nullcontext
from pathlib import Path

import pytest
from PIL import Image

from flows import cli
from tests.flows.tools import Tools
from tests.tasks.plain import run_plainly
from tests.tree import ROOT

pytestmark = pytest.mark.usefixtures("server")


def story() -> list[str]:
    """The commands of the README's section, in order."""
    section = (ROOT / "README.md").read_text("utf-8").partition("## The editing loop")[2].partition("\n## ")[0]
    lines = re.search(r"^```sh\n(.*?)^```", section, re.DOTALL | re.MULTILINE)[1].splitlines()
    return [re.split(r"\s{2,}#", line)[0].strip() for line in lines]


@pytest.fixture
def place(talk, tmp_path, monkeypatch) -> Path:
    """A folder with the video in it, where the program works with the test's tools, on the session's server."""
    for path in (talk, talk.with_suffix(".vtt")):
        shutil.copy(path, tmp_path)
    Image.new("RGB", (64, 36), "red").save(tmp_path / "paint.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("flows.environment.orchestration", lambda meanwhile: nullcontext())
    return tmp_path


@pytest.fixture
def tools():
    from flows.toolbox import use_toolbox

    tools = Tools()
    with use_toolbox(tools.box()):
        yield tools


def run(line: str) -> int:
    """Execute a command: the program's own in this process, any other in a shell."""
    if not line.startswith("broll "):
        return subprocess.run(["bash", "-c", line]).returncode
    words = [found for word in shlex.split(line)[1:] for found in (glob.glob(word) if "*" in word else [word])]
    return cli.guard(lambda: cli.cli.main(words, prog_name="broll", standalone_mode=False))


def look(place: Path) -> dict[str, tuple[str, dict]]:
    """Scene -> the picture shown, and its prompt."""
    board = json.loads((place / "out/talk/storyboard.json").read_text())
    panels = {scene["id"]: (scene["panel"], scene["prompt"]) for scene in board["scenes"]}
    return {name: (p["candidates"][p["chosen"]]["image"], prompt) for name, (p, prompt) in panels.items()}


def pictures(place: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (place / "out/talk/images").iterdir()}


def test_the_editing_loop_of_the_readme(place, tools, capfd):
    illustrate, sed, dry, render, vary, sketch, undo, inspect = story()
    assert run(illustrate + " --scenes 3") == 0
    first, shown = pictures(place), look(place)
    assert run(sed) == 0
    tools.drawn.clear()
    capfd.readouterr()
    assert run(dry) == 0
    told = capfd.readouterr().err
    assert "s002  draws 2 pictures (lighting)" in told and "2 scenes stay as they are" in told
    assert re.search(r"2 pictures to draw, about \d+ s", told)
    assert tools.drawn == [] and pictures(place) == first
    assert run(render) == 0
    assert [subject for subject, _ in tools.drawn] == ["whale", "whale"]
    second = pictures(place)
    assert {name: second[name] for name in first} == first and len(second) == len(first) + 2
    assert look(place)["s002"][1]["lighting"] == "night"
    assert {name: look(place)[name] for name in ("s001", "s003")} == {name: shown[name] for name in ("s001", "s003")}
    assert run(vary) == 0 and run(sketch) == 0
    assert "_v3_" in look(place)["s003"][0] and "_v3_" in look(place)["s001"][0]
    assert len(tools.drawn) == 4
    assert run(undo) == 0
    assert look(place)["s001"] == shown["s001"] and "_v3_" in look(place)["s003"][0]
    assert len(pictures(place)) == len(second) + 2
    capfd.readouterr()
    assert run(inspect) == 0
    said = capfd.readouterr()
    assert "night" in said.out and "AI" not in said.err and "identical, to the last bit" in said.err
    assert (place / "again.png").is_file()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("broll render {} --dry-run", "is no video's folder"),
        ("broll redo {} s001", "is no video's folder"),
        ("broll undo {}", "is no video's folder"),
        ("broll inspect paint.png", "does not say how it was made"),
        ("broll inspect talk.vtt", "cannot be read as a picture"),
        ("broll redo out/talk s009", "no scene 's009': it has s001, s002, s003"),
        ("broll redo out/talk s001 --set hue=red", "--set hue: unknown field, allowed are subject, relation"),
        ("broll redo out/talk s001 --set lighting=neon", "--set lighting=neon: allowed are soft daylight"),
        ("broll redo out/talk s001 --set lighting", "'lighting' is not FIELD=TEXT"),
        ("broll redo out/talk s001 --photo absent.png", "absent.png: there is no such file"),
        ("broll redo out/talk s001 --vary 9", "s001 has no picture 9: it has 1, 2"),
        ("broll redo out/talk s001 --vary 1 --mask paint.png", "--vary goes with neither"),
        ("broll render out/talk --edits talk.vtt", "are not JSON"),
        ("broll render out/talk --edits absent.json", "absent.json cannot be read"),
        ("broll undo out/talk", "nothing to undo"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_touched(drawn, line, words, capfd):
    def files() -> dict[Path, bytes]:
        """All but the storyboard's state, which notes the versions of whoever opens it."""
        return {
            path: path.read_bytes()
            for path in Path("out").rglob("*.*")
            if path.name != "storyboard.json" and path.is_file()
        }

    before = files()
    assert run(line.format("nowhere")) == 2
    said = capfd.readouterr().err
    assert words in said and said.count("\n") == 1
    assert files() == before


@pytest.fixture(scope="module")
def finished(talk, tmp_path_factory) -> Path:
    """A finished folder, made once."""
    return run_plainly(talk, tmp_path_factory.mktemp("finished"), Tools())[0].folder


@pytest.fixture
def drawn(place, tools, finished) -> Tools:
    """The tools, with a copy of the finished folder at out/talk."""
    shutil.copytree(finished, place / "out/talk")
    return tools


def test_marks_of_the_gallery_are_put_in_and_done(drawn, place, capfd):
    digest = json.loads((place / "out/talk/storyboard.json").read_text())["video"]["digest"]
    marks = {"s001": {"choose": 2}, "s002": {"redo": True}, "s003": {"drop": True}}
    (place / "marks.json").write_text(json.dumps({"video_digest": digest, "scenes": marks}))
    drawn.drawn.clear()
    text = (place / "out/talk/storyboard.yaml").read_text()
    capfd.readouterr()
    assert run("broll render out/talk --edits marks.json --dry-run --json") == 0
    outlook = json.loads(capfd.readouterr().out)
    assert outlook["pictures"] == 2 and {"s002", "s003"} <= {change["scene"] for change in outlook["changes"]}
    assert (place / "out/talk/storyboard.yaml").read_text() == text
    assert run("broll render out/talk --edits marks.json") == 0
    assert [subject for subject, _ in drawn.drawn] == ["whale", "whale"]
    board = json.loads((place / "out/talk/storyboard.json").read_text())
    assert "_v2_" in look(place)["s001"][0] and board["scenes"][2]["panel"]["placement"] is None
    added = set((place / "out/talk/storyboard.yaml").read_text().splitlines()) - set(text.splitlines())
    assert added == {"    choose: 2", "    choose: best", "    do: redo", "    do: drop"}


def test_a_folder_in_use_says_by_whom(drawn, place, capfd):
    from tasks.folder import lock_folder

    with lock_folder(place / "out/talk"):
        capfd.readouterr()
        assert run("broll redo out/talk s001") == 2
        assert re.search(r"is in use by process \d+ on .* since", capfd.readouterr().err)
