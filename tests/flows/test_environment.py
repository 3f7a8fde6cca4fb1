"""Only the user's own PREFECT_API_URL counts, and the temporary server leaves nothing behind."""

import os
import subprocess
import sys

import pytest

from flows.environment import prepare_environment
from flows.server import check_answers
from models.errors import SetupError


@pytest.fixture
def environment(monkeypatch):
    """The process's variables, put back after the test."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def test_a_cloud_profile_never_counts(environment, tmp_path):
    os.environ |= {"PREFECT_PROFILE": "cloud", "PREFECT_API_KEY": "secret", "PREFECT_CLOUD_API_URL": "https://x"}
    prepare_environment(tmp_path, own_server="")
    assert not {"PREFECT_PROFILE", "PREFECT_API_KEY", "PREFECT_CLOUD_API_URL", "PREFECT_API_URL"} & os.environ.keys()
    assert os.environ["PREFECT_HOME"] == str(tmp_path)
    assert os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"


def test_the_users_own_server_counts_with_its_key(environment, tmp_path):
    os.environ |= {"PREFECT_API_URL": "http://127.0.0.1:4200/api", "PREFECT_API_KEY": "k", "PREFECT_PROFILE": "cloud"}
    prepare_environment(tmp_path, own_server=os.environ["PREFECT_API_URL"])
    assert os.environ["PREFECT_API_URL"] == "http://127.0.0.1:4200/api"
    assert os.environ["PREFECT_API_KEY"] == "k"
    assert "PREFECT_PROFILE" not in os.environ


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/api", "nonsense"])
def test_a_server_that_does_not_answer_is_named(address):
    with pytest.raises(SetupError, match="PREFECT_API_URL"):
        check_answers(address)


@pytest.mark.usefixtures("server")
def test_the_client_talks_to_the_temporary_server_and_to_nothing_else():
    from prefect.settings import PREFECT_API_URL

    assert PREFECT_API_URL.value() == os.environ["PREFECT_API_URL"]
    assert PREFECT_API_URL.value().startswith("http://127.0.0.1:")


def test_the_server_ends_when_its_parent_is_killed(tmp_path):
    """The child by itself: it ends when the pipe to its parent closes, before it has even started up."""
    import socket

    from flows import server

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        program = os.path.join(os.path.dirname(server.__file__), "server_child.py")
        child = subprocess.Popen(
            [sys.executable, program, str(listener.fileno())], stdin=subprocess.PIPE, pass_fds=[listener.fileno()],
            cwd=tmp_path, env={**os.environ, "PREFECT_HOME": str(tmp_path)},
        )  # fmt: skip
        child.stdin.close()
        assert child.wait(timeout=60) == 0
