"""The temporary Prefect server of one command: its own process, its own database, gone with the command.

Prefect can start one itself, but then its traces appear on the user's screen, every run waits for the database's
migrations, and two runs at once may get into each other's way. Here the socket is opened first and handed over, so
that no port can be taken in between; the migrated empty database is kept as a template; the server's words go to a
log file of the cache; and the server ends when its parent does, however that ends.
"""

import fcntl
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock

from models.errors import SetupError

START_LIMIT = 300.0  # s: the first start migrates its database, 10 s of processor time; a busy machine may take long
ANSWER_LIMIT = 10.0  # s a standing server may take to answer
DATABASE = "prefect.db"
LOG_NAME = "server.log"
LOG_LIMIT = 2**20  # bytes: then the log begins anew


@contextmanager
def temporary_server(cache: Path, meanwhile: Callable[[], object]) -> Iterator[str]:
    """Start a server, import Prefect to talk to it, yield its address, end it. SetupError where it does not start.

    `meanwhile` is called while it starts up; what it raises ends the server.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with _own_home(cache) as home, socket.socket() as listener:
        template = _template(cache)
        if template.is_file():
            shutil.copyfile(template, home / DATABASE)
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
        child = _start(home, listener, cache / LOG_NAME)
        listener.close()  # the child has its own; should it die, a request is refused instead of waiting
        os.environ["PREFECT_API_URL"] = address  # read once, when Prefect is imported
        try:
            meanwhile()
            import prefect  # noqa: F401  (a second or two, while the server does its own imports)

            _wait_until_ready(address, child, cache / LOG_NAME)
            if not template.is_file():
                _keep_template(home / DATABASE, template)
            yield address
        finally:
            del os.environ["PREFECT_API_URL"]
            child.kill()  # nothing in it outlives the command: what counts is in the video's folder
            child.communicate()  # reaps it and closes the pipe


def is_prepared(cache: Path) -> bool:
    """True where the migrated database is kept already, which makes a start three times as quick."""
    return _template(cache).is_file()


def _template(cache: Path) -> Path:
    return cache / f"empty-{version('prefect')}.db"


def check_answers(address: str) -> None:
    """SetupError where no Prefect server answers at the user's PREFECT_API_URL."""
    try:
        urllib.request.urlopen(f"{address.rstrip('/')}/health", timeout=ANSWER_LIMIT).close()
    except urllib.error.HTTPError:
        pass  # it answers; whether it lets us in is its own message
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise SetupError(f"no Prefect server at PREFECT_API_URL={address} ({reason}): start it or unset it") from None


def drain_client() -> None:
    """Let the client's own threads send what they hold, so that none of them finds the server gone."""
    import inspect

    from prefect.events.worker import EventsWorker
    from prefect.utilities.asyncutils import run_coro_as_sync

    async def drain() -> None:
        result = EventsWorker.drain_all()
        if inspect.isawaitable(result):
            await result

    run_coro_as_sync(drain())


def _start(home: Path, listener: socket.socket, log: Path) -> subprocess.Popen:
    if log.is_file() and log.stat().st_size > LOG_LIMIT:
        log.unlink()
    program = Path(__file__).with_name("server_child.py")
    environment = {**os.environ, "PREFECT_HOME": str(home), "PREFECT_LOGGING_LEVEL": "ERROR"}
    with open(log, "ab") as output:
        return subprocess.Popen(
            [sys.executable, str(program), str(listener.fileno())],
            env=environment,
            cwd=home,  # a prefect.toml or .env of the user's folder is none of its business
            stdin=subprocess.PIPE,  # closes when this process dies
            stdout=output,
            stderr=output,
            pass_fds=[listener.fileno()],
            start_new_session=True,  # an interrupt from the keyboard is for us alone
        )


def _wait_until_ready(address: str, child: subprocess.Popen, log: Path) -> None:
    """One request that the socket holds until the server takes it up."""
    try:
        urllib.request.urlopen(f"{address}/health", timeout=START_LIMIT).close()
    except (OSError, ValueError) as error:
        code = child.poll()
        state = f"it ended with code {code}" if code is not None else str(error)
        raise SetupError(f"the temporary Prefect server did not start ({state}): see {log}") from None


def _keep_template(database: Path, template: Path) -> None:
    """Keep the migrated database while it is still empty; a run that cannot simply starts slower the next time."""
    part = template.with_name(f"{template.name}.{os.getpid()}.part")
    with suppress(sqlite3.Error, OSError):
        source, copy = sqlite3.connect(database), sqlite3.connect(part)
        with copy:
            source.backup(copy)
        source.close()
        copy.close()
        os.replace(part, template)


@contextmanager
def _own_home(cache: Path) -> Iterator[Path]:
    """A folder for this process alone; those that killed runs left behind are removed."""
    with FileLock(cache / "homes.lock"):
        for old in cache.glob("run-*"):
            _remove_if_left(old)
        home = Path(tempfile.mkdtemp(prefix="run-", dir=cache))
        handle = os.open(home, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield home
    finally:
        os.close(handle)
        shutil.rmtree(home, ignore_errors=True)


def _remove_if_left(home: Path) -> None:
    with suppress(OSError):
        handle = os.open(home, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(home, ignore_errors=True)
        finally:
            os.close(handle)
