"""What Prefect may see of this machine, settled before it is imported.

Of the user's own settings only `PREFECT_API_URL` of the real environment counts, with the key that belongs to it:
a cloud profile that happens to be active must never receive captions. Without it a temporary server is started.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from models.weights import cache_folder

#: What may accompany a user's own server.
_OWN_SERVER = ("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING", "PREFECT_API_TLS_INSECURE_SKIP_VERIFY")
_QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",  # else an offline run logs telemetry errors
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_LEVEL": "INFO",  # what a standing server keeps for its pages
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # nothing of it on the user's screen
    "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",  # the storyboard is the truth, not a second store
}


@contextmanager
def orchestration(meanwhile: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Within it Prefect may be imported and flows run: against the user's server, else a temporary one.

    `meanwhile` is called while the temporary one starts up: what it raises comes out at once. SetupError where the
    user's server does not answer, or the temporary one does not start.
    """
    own = os.environ.get("PREFECT_API_URL", "")
    if "prefect" in sys.modules:
        raise RuntimeError("prefect was imported before its environment was settled")
    prepare_environment(cache_folder() / "prefect" / "client", own)
    from flows import server

    if own:
        meanwhile()
        server.check_answers(own)
        yield
        return
    with server.temporary_server(cache_folder() / "prefect", meanwhile):
        yield
        server.drain_client()


def prepare_orchestration() -> None:
    """Migrate the temporary server's database once, so that no run has to wait for it."""
    from flows import server

    if not os.environ.get("PREFECT_API_URL") and not server.is_prepared(cache_folder() / "prefect"):
        with orchestration():
            pass


def prepare_environment(home: Path, own_server: str) -> None:
    """Drop every PREFECT_ variable but those of the user's own server, and set ours."""
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        if not (own_server and name in _OWN_SERVER):
            del os.environ[name]
    os.environ.update(_QUIET)
    os.environ["PREFECT_HOME"] = str(home)
    os.environ["PREFECT_PROFILES_PATH"] = str(home / "profiles.toml")
    os.environ["PREFECT_LOGGING_TO_API_ENABLED"] = "true" if own_server else "false"
    home.mkdir(parents=True, exist_ok=True)
