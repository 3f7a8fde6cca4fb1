"""Run by `flows.server` as a program of its own: serve Prefect's API on a socket that the parent has opened."""

import os
import socket
import sys
import threading


def main() -> None:
    """Serve on file descriptor `argv[1]` until the parent's end of stdin closes."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import uvicorn
    from prefect.server.api.server import create_app

    listener = socket.socket(fileno=int(sys.argv[1]))
    app = create_app(ephemeral=True, final=True)
    uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on")).run(sockets=[listener])


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)  # at once: its database goes with it


if __name__ == "__main__":
    main()
