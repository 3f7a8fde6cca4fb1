"""`broll timeline DIR`: timelines anew without models or Prefect, choices that hold, and what it refuses."""

import json
import shutil
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from flows.cli import guard
from flows.commands.timeline import timeline
from tasks.desk import Options, Settings
from tasks.folder import list_files
from tasks.storyboard import from_plain, read_storyboard
from tests.flows.test_cli import broll
from tests.flows.tools import Tools, make_talk
from tests.tasks.plain import SMALL, run_plainly
from tests.tasks.timeline.readers import read_fcpxml, read_otio, read_xmeml

ENDINGS = (".otio", ".otioz", ".xml", ".fcpxml", ".edl", ".markers.edl", ".csv", ".chapters.txt", ".chapters.ffmeta")


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Path:
    """A folder as a run leaves it."""
    talk = make_talk(tmp_path_factory.mktemp("videos"))
    options = Options(**{**vars(SMALL), "density": 0.5})
    return run_plainly(talk, tmp_path_factory.mktemp("out"), Tools(), options)[0].folder


@pytest.fixture
def folder(done, tmp_path) -> Path:
    return Path(shutil.copytree(done, tmp_path / "talk"))


def call(*arguments: object) -> int:
    return guard(lambda: timeline.main([str(a) for a in arguments], standalone_mode=False))


def texts(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in list_files(folder) if name.startswith("timelines/")}


def test_a_run_writes_every_format(done):
    assert set(texts(done)) == {f"timelines/talk{ending}" for ending in ENDINGS}
    found = read_otio((done / "timelines/talk.otio").read_text("utf-8"))
    assert len(found.stills) == 3
    assert found.rate == 30 != Fraction(10)
    assert any(
        "no timeline at the source's 10" in note for note in json.loads((done / "run.json").read_text())["notes"]
    )


def test_choices_hold_until_they_are_taken_back(folder, capsys):
    assert call(folder, "--start-timecode", "10000000", "--runners-up", "--map", f"{folder}=/Volumes/Show") == 0
    said = capsys.readouterr()
    assert str(folder / "timelines" / "talk.fcpxml") in said.out.splitlines()
    assert "note  editors have no timeline at the source's 10" in said.err
    assert call(folder, "--json") == 0
    outcome = json.loads(capsys.readouterr().out)
    assert outcome["choices"]["start"] == "10000000"
    for name, read in (("otio", read_otio), ("xml", read_xmeml), ("fcpxml", read_fcpxml)):
        found = read((folder / f"timelines/talk.{name}").read_text("utf-8"))
        assert found.start == 36000 * 30
        assert len(found.spares) == 3
        assert all(item.path.startswith("/Volumes/Show/images/") for item in found.stills + found.spares)
    settings = from_plain(Settings, read_storyboard(folder / "storyboard.json").settings, "settings")
    assert settings.timeline.maps == (f"{folder}=/Volumes/Show",)
    assert call(folder, "--start-timecode", "auto", "--no-runners-up") == 0
    found = read_otio((folder / "timelines/talk.otio").read_text("utf-8"))
    assert (found.start, found.spares) == (3600 * 30, ())
    assert call(folder, "--reset", "--media", "relative") == 0
    found = read_otio((folder / "timelines/talk.otio").read_text("utf-8"))
    assert all((folder / "timelines" / item.path).is_file() for item in found.stills)


def test_choices_hold_for_a_rerun_of_everything(folder):
    assert call(folder, "--start-timecode", "10:00:00:00", "--media", "relative") == 0
    before = texts(folder)
    video = Path(read_storyboard(folder / "storyboard.json").video.path)
    settings = read_storyboard(folder / "storyboard.json").settings
    from flows.desks import reopen_desk
    from flows.toolbox import use_toolbox
    from tasks.output import write_outputs

    assert video.is_file() and settings["timeline"]["media"] == "relative"
    with use_toolbox(Tools().box()), reopen_desk(folder, Options(), None) as (desk, board):
        write_outputs(desk, board)
    assert texts(folder) == before
    assert read_storyboard(folder / "storyboard.json").settings["timeline"] == settings["timeline"]


def test_a_folder_of_the_first_version_still_opens(folder):
    path = folder / "storyboard.json"
    board = json.loads(path.read_text())
    del board["settings"]["timeline"], board["video"]["audio_channels"], board["video"]["audio_rate"]
    path.write_text(json.dumps(board))
    assert call(folder) == 0
    assert json.loads(path.read_text()) == board


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--start-timecode", "noon"), "--start-timecode: time code 'noon' is not HH:MM:SS:FF"),
        (("--drop-frame",), "drop-frame exists at 29.97 and 59.94 only and this timeline has 30"),
        (("--map", "nonsense"), "--map 'nonsense' is not A=B"),
        (("--map", "/a=/b", "--media", "relative"), "--map changes absolute paths only"),
        (("--media", "nowhere"), "'nowhere' is not one of 'absolute', 'relative'"),
    ],
)
def test_what_does_not_fit_is_one_line_and_changes_nothing(folder, capsys, arguments, words):
    before = {name: (folder / name).read_bytes() for name in list_files(folder)}
    assert call(folder, *arguments) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert (said.err.count("\n"), said.out) == (1, "")
    assert {name: (folder / name).read_bytes() for name in list_files(folder)} == before


def test_no_folder_is_one_line(tmp_path, capsys):
    assert call(tmp_path / "nothing") == 2
    assert "is no video's folder" in capsys.readouterr().err
    assert not (tmp_path / "nothing").exists()


def test_pictures_that_are_gone_are_told_and_still_in_the_timeline(folder, capsys):
    for file in (folder / "images").iterdir():
        file.unlink()
    assert call(folder) == 0
    assert "pictures of the timelines are not there (images/talk_s001" in capsys.readouterr().err
    assert len(read_otio((folder / "timelines/talk.otio").read_text("utf-8")).stills) == 3


def test_it_loads_neither_models_nor_prefect(folder):
    script = (
        "import sys; from flows.cli import main\n"
        "try: main(['timeline', sys.argv[1]])\n"
        "finally: print(sorted({'torch', 'prefect', 'diffusers', 'transformers'} & set(sys.modules)))"
    )
    import subprocess

    said = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, timeout=120)
    assert (said.returncode, said.stdout.splitlines()[-1]) == (0, "[]"), said.stderr
    assert broll("timeline", "--help").returncode == 0
