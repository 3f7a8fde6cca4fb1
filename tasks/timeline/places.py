"""Where timelines say that media lie: absolute, relative to the timelines, or as another machine calls the folder."""

import os
import re
from pathlib import Path
from urllib.parse import quote

from tasks.timeline.choices import Choices, parse_map


def name_place(file: Path, timelines: Path, choices: Choices) -> str:
    """The path that the timelines in the folder `timelines` name for `file`, with forward slashes."""
    if choices.media == "relative":
        return Path(os.path.relpath(file, timelines)).as_posix()
    path = Path(os.path.abspath(file)).as_posix()
    maps = sorted(map(parse_map, choices.maps), key=lambda pair: -len(pair[0]))  # the most precise goes first
    return next((there + path[len(here) :] for here, there in maps if is_under(path, here)), path)


def is_under(path: str, folder: str) -> bool:
    """True where `folder` holds `path`: /mnt/show holds no /mnt/shows/a.mov."""
    return path == folder or path.startswith(folder + "/")


def make_url(path: str, host: str = "") -> str:
    """A percent-encoded URL of a path: `file://HOST/...`, or a relative reference for a relative path.

    Knows what a Windows machine may be mapped to: `D:/show` and `//server/share`.
    """
    quoted = quote(path, safe="/:" if re.match("[A-Za-z]:/", path) else "/", errors="replace")
    if path.startswith("//"):
        return "file:" + quoted
    if path.startswith("/"):
        return f"file://{host}{quoted}"
    return f"file://{host}/{quoted}" if re.match("[A-Za-z]:/", path) else quoted
