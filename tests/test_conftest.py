"""CI forgives no skip: the rule of `conftest.py`, tried by a pytest of its own on a file of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SKIPPING = """
import pytest
def test_lacks_a_program(need_program): need_program("no-such-program")
def test_lacks_a_weight(need_weight): need_weight("minilm-l6")
def test_lacks_a_gpu(): pytest.skip("optional: no GPU")
@pytest.mark.xfail
def test_known_gap(): assert False
"""
CONNECTING = """
import pytest, socket
def test_outside():
    with pytest.raises(OSError, match="a test tried to connect"):
        socket.create_connection(("192.0.2.1", 9), timeout=1)
def test_inside():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=1).close()
"""


def run_pytest(folder: Path, text: str, **environment: str) -> str:
    """The last line of a pytest run on a file with that text, under this project's conftest."""
    (folder / "test_it.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider", "test_it.py"]
    variables = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "BROLL_CACHE": str(folder), **environment}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=120)
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize(("required", "says"), [("0", "3 skipped, 1 xfailed"), ("1", "2 failed, 1 skipped, 1 xfailed")])
def test_skips_fail_where_everything_is_required(tmp_path, required, says):
    assert says in run_pytest(tmp_path, SKIPPING, BROLL_REQUIRE_ALL=required)


def test_no_test_connects_to_another_machine(tmp_path):
    assert "2 passed" in run_pytest(tmp_path, CONNECTING)
