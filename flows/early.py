"""The probe, done while Prefect's server starts up: a file that is no video is told at once."""

import os
from functools import lru_cache

from tasks.probe import probe_video
from tasks.records import Video


def probe_early(path: str) -> Video:
    """`tasks.probe.probe_video`, once a process for the same unchanged file."""
    try:
        status = os.stat(path)
    except OSError:
        return probe_video(path)  # says what is wrong
    return _probe(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=8)
def _probe(path: str, changed: int, size: int) -> Video:
    return probe_video(path)
