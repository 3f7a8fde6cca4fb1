"""What every test shares: no network, skips that CI does not forgive, and where the samples are.

A test skips where a weight or a program is missing on this machine. With BROLL_REQUIRE_ALL=1 (as CI runs) such a
skip is a failure; a reason that begins with "optional:" (a GPU, say) may skip anywhere.
"""

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"  # before the first import of the Hub's library
SAMPLES = Path(__file__).parents[1] / "data" / "samples"


@pytest.fixture
def samples() -> Path:
    """The folder of the sample videos."""
    return SAMPLES


@pytest.fixture(scope="session")
def need_weight() -> Callable[[str], Path]:
    """A function: name of a weight -> its folder in the cache; the test skips where it is not cached."""
    from models.errors import SetupError
    from models.weights import weight_path

    def find(name: str) -> Path:
        try:
            return weight_path(name)
        except SetupError as error:
            pytest.skip(str(error))

    return find


@pytest.fixture(scope="session")
def need_program() -> Callable[[str], str]:
    """A function: name of a system program -> its path; the test skips where it is not installed."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            pytest.skip(f"{name} is not installed")
        return path

    return find


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections leave this machine from no test; the ephemeral Prefect server listens on the loopback."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise OSError(f"a test tried to connect to {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


def _forbid_skip(report) -> None:
    """Turn a skip into a failure where nothing may be missing."""
    if os.environ.get("BROLL_REQUIRE_ALL") != "1" or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not reason.removeprefix("Skipped: ").startswith("optional:"):
        report.outcome, report.longrepr = "failed", f"skipped although BROLL_REQUIRE_ALL=1: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    _forbid_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    _forbid_skip(report)
    return report
