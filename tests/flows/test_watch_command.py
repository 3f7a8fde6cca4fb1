"""`broll watch` and its flow: an inbox emptied once, failures with their exit code, an end that loses nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.flows.test_cli import SMALL, broll
from tests.flows.tools import Tools, make_talk
from tests.tasks.plain import SMALL as OPTIONS


@pytest.mark.usefixtures("server")
def test_the_flow_does_the_same_as_illustrate_and_only_once(talk, tmp_path):
    from flows.inbox import inbox
    from flows.toolbox import use_toolbox

    (tmp_path / "in").mkdir()
    make_talk(tmp_path / "in", "one.mp4")
    (tmp_path / "in" / "bad.mp4").write_text("no video")
    options = replace(OPTIONS, out=str(tmp_path / "out"))
    tools = Tools()
    with use_toolbox(tools.box()):
        first = inbox(str(tmp_path / "in"), options, settle=0.2)
        drawn = len(tools.drawn)
        second = inbox(str(tmp_path / "in"), options, settle=0.2)
    assert [Path(path).name for path in first.done] == ["one.mp4"]
    assert [Path(path).name for path in first.failed] == ["bad.mp4"]
    assert (second.done, second.failed, second.unchanged, second.waiting) == ((), (), 1, 1)
    assert len(tools.drawn) == drawn == 6
    board = json.loads((tmp_path / "out/one/storyboard.json").read_text())
    assert all(scene["panel"]["chosen"] >= 0 for scene in board["scenes"])


def test_once_tells_what_it_did_and_ends_with_3_where_a_video_failed(tmp_path):
    make_talk(tmp_path, "talk.mp4")  # its whale cannot be drawn
    once = ("--once", "--settle", "0.2", "--json")
    said = broll("watch", str(tmp_path), *once, "--out", str(tmp_path / "out"), *SMALL, tools=True)
    assert said.returncode == 3, said.stderr
    found = json.loads(said.stdout)
    assert [Path(path).name for path in found["failed"]] == ["talk.mp4"]
    ledger = json.loads((tmp_path / "out/.inbox/ledger.json").read_text())
    (entry,) = ledger["entries"].values()
    assert "no whale today" in entry["reason"]


@pytest.mark.parametrize("folder", ["nowhere", "."])
def test_bad_input_is_one_line(tmp_path, folder):
    said = broll("watch", folder, "--out", ".", "--once", cwd=tmp_path, env={**os.environ, "PYTHONPATH": os.getcwd()})
    assert (said.returncode, said.stderr.count("\n"), said.stdout) == (2, 1, "")


def test_sigterm_ends_a_watch_cleanly(tmp_path):
    command = [sys.executable, "-m", "tests.flows.run_tools", "watch", str(tmp_path), "--out", str(tmp_path / "out")]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert child.stderr is not None
    line = child.stderr.readline()
    assert "watching" in line
    time.sleep(0.2)
    child.send_signal(signal.SIGTERM)
    _, rest = child.communicate(timeout=60)
    assert (child.returncode, rest) == (130, "broll: ended; what is finished is kept, the next watch goes on\n")
