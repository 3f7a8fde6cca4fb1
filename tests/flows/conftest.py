"""Prefect's temporary server, started once for all tests of the flows."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.tools import make_talk


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The environment that flows run in; its cache is the user's own, where the migrated database is kept."""
    from flows.environment import orchestration

    before = dict(os.environ)
    os.environ.pop("PREFECT_API_URL", None)
    with orchestration():
        yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short video with captions beside it."""
    return make_talk(tmp_path_factory.mktemp("videos"))
