"""Ctrl-C that is not lost: an exception raised inside a library's callback may vanish there, this does not.

The handler raises KeyboardInterrupt as Python does, and remembers; the next step raises it again.
"""

import signal
import threading
from types import FrameType

_asked = threading.Event()


def listen(terminate: bool = False) -> None:
    """Remember Ctrl-C from now on, with `terminate` SIGTERM alike. To be called on the main thread, once a command."""
    _asked.clear()
    for number in (signal.SIGINT, signal.SIGTERM) if terminate else (signal.SIGINT,):
        signal.signal(number, _on_interrupt)


def asked() -> bool:
    """Whether Ctrl-C was pressed since `listen`."""
    return _asked.is_set()


def check() -> None:
    """KeyboardInterrupt where Ctrl-C was pressed since `listen`."""
    if asked():
        raise KeyboardInterrupt


def _on_interrupt(number: int, frame: FrameType | None) -> None:
    _asked.set()
    signal.default_int_handler(number, frame)
