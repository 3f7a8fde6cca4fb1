"""The command line from outside: exit codes, one line for what a user does wrong, nothing heavy without need."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.cli import main

HEAVY = ("prefect", "torch", "cv2", "numpy", "diffusers", "transformers", "rich", "jinja2")
SMALL = ("--candidates", "1", "--size", "160x90", "--steps", "2", "--scenes", "3")


def broll(*arguments: str, tools: bool = False, **options) -> subprocess.CompletedProcess:
    module = "tests.flows.run_tools" if tools else "flows.cli"
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)


@pytest.mark.parametrize("arguments", [["--help"], ["illustrate", "--help"], ["illustrate", "x.mp4", "--size", "1"]])
def test_help_and_usage_errors_import_nothing_heavy(arguments):
    script = (
        "import sys; from flows import cli; code = cli.guard(lambda: "
        "cli.cli.main(sys.argv[1:], standalone_mode=False))\n"
        f"print([name for name in {HEAVY} if name in sys.modules], code)"
    )
    said = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=120)
    assert said.stdout.splitlines()[-1].startswith("[] "), said.stderr


def test_help_takes_little_of_the_processor():
    """Processor time, not wall time: the machine may be busy. On an idle one they are the same."""
    before = os.times()
    assert broll("--help").returncode == 0
    after = os.times()
    used = after.children_user - before.children_user + after.children_system - before.children_system
    assert used < 0.5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["illustrate", "absent.mp4"], "'absent.mp4' does not exist"),
        (["illustrate", "."], "'.' is not a file"),
        (["illustrate"], "Missing argument 'VIDEO'"),
        (["illustrat", "x"], "No such command"),
        (["illustrate", "x", "--size", "12x"], "not WxH"),
        (["illustrate", "x", "--scenes", "none"], "neither auto nor a number"),
        (["illustrate", "x", "--density", "2"], "0<=x<=1"),
        (["illustrate", "x", "--correction", "double"], "needs low and high"),
        (["illustrate", "x", "--correction", "absent.json"], "absent.json cannot be read"),
        (["illustrate", "x", "--correction", "magic"], "unknown correction"),
        (["illustrate", __file__, "--captions", "absent.vtt"], "absent.vtt"),
        (["illustrate", "x", "--correction", "low:low=x"], "give a number"),
        (["bench", "nothing"], "'illustrator', "),
        (["calibrate", "--steps", "1"], "2<=x<=1000"),
        (["sampler-report"], "Missing argument 'PROMPT'"),
        (["render", "/nowhere", "--steps", "0"], "1<=x<=1000"),
    ],
)
def test_usage_errors_are_one_line_and_code_2(arguments, words, capsys):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    said = capsys.readouterr()
    assert left.value.code == 2
    assert words in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_the_program_answers_from_outside():
    assert broll("--version").stdout.startswith("broll ")
    said = broll("illustrate", "absent.mp4")
    assert (said.returncode, said.stdout, said.stderr.count("\n")) == (2, "", 1)


def test_json_is_all_there_is_on_stdout_and_failed_scenes_give_code_3(talk, tmp_path):
    said = broll("illustrate", str(talk), "--out", str(tmp_path), "--json", *SMALL, tools=True)
    assert said.returncode == 3, said.stderr
    outcome = json.loads(said.stdout)
    assert outcome["scenes"] == 3
    assert ["no whale today" in failure for failure in outcome["failed"]] == [True]
    assert said.stderr == ""
    assert (Path(outcome["folder"]) / "index.html").is_file()


def test_not_a_video_is_one_line_without_a_trace(tmp_path):
    bad = tmp_path / "talk.mp4"
    bad.write_text("#EXTM3U\n/etc/passwd\n")
    said = broll("illustrate", str(bad), "--out", str(tmp_path / "out"), tools=True)
    assert said.returncode == 2
    assert said.stderr.count("\n") == 1, said.stderr
    assert "talk.mp4" in said.stderr
    assert not (tmp_path / "out").exists()


def test_an_interrupt_is_code_130_and_leaves_the_folder_fit_to_go_on(talk, tmp_path):
    command = [sys.executable, "-m", "tests.flows.run_tools", "illustrate", str(talk), "--out", str(tmp_path), *SMALL]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    limit = time.monotonic() + 200
    while not (tmp_path / "talk" / "storyboard.json").exists() and child.poll() is None and time.monotonic() < limit:
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=200)
    assert child.returncode == 130, errors
    assert errors.count("\n") == 1, errors
    assert not (tmp_path / "talk" / ".lock").exists()
    json.loads((tmp_path / "talk" / "storyboard.json").read_text())


def test_models_list_names_every_profile():
    profiles = json.loads(broll("models", "list", "--json").stdout)
    assert profiles[0]["name"] == "embedded"
    assert profiles[0]["models"]["drawing"]["state"] == "in the repository"


def test_doctor_tells_what_is_missing(tmp_path):
    said = broll("doctor", "--json", env={**os.environ, "BROLL_CACHE": str(tmp_path), "PREFECT_API_URL": ""})
    facts = json.loads(said.stdout)
    assert said.returncode == 2
    assert set(facts["would download"]) == {"whisper-tiny.en", "smollm2-135m", "minilm-l6"}
    assert facts["prefect api"].startswith("a temporary server")
    assert "cpu" in facts["devices"]
