"""Every timeline file of a video's folder, each written whole from one edit."""

from collections.abc import Callable
from pathlib import Path

from tasks.folder import write_whole
from tasks.records import Storyboard
from tasks.timeline.chapters import format_chapters, format_ffmetadata
from tasks.timeline.choices import Choices
from tasks.timeline.edit import SUBFOLDER, Timeline, build_timeline
from tasks.timeline.edl import format_edl, format_markers
from tasks.timeline.fcpxml import format_fcpxml
from tasks.timeline.otio import format_otio, write_bundle
from tasks.timeline.table import format_table
from tasks.timeline.xmeml import format_xmeml

#: What a file's name ends in -> the text of it.
FORMATS: dict[str, Callable[[Timeline], str]] = {
    ".otio": format_otio,
    ".xml": format_xmeml,
    ".fcpxml": format_fcpxml,
    ".edl": format_edl,
    ".markers.edl": format_markers,
    ".chapters.txt": format_chapters,
    ".chapters.ffmeta": format_ffmetadata,
}


def write_timelines(folder: Path, board: Storyboard, choices: Choices) -> tuple[str, ...]:
    """Write all of them; returns what the user should know. InputError before anything is written."""
    timeline = build_timeline(folder, board, choices)
    texts = {ending: write(timeline) for ending, write in FORMATS.items()}
    texts[".csv"] = "\ufeff" + format_table(timeline)  # without the mark, spreadsheets take it for another encoding
    place = folder / SUBFOLDER
    place.mkdir(exist_ok=True)
    for ending, text in texts.items():
        write_whole(place / f"{timeline.name}{ending}", text)
    remark = write_bundle(place / f"{timeline.name}.otioz", folder, timeline, choices.bundle)
    return tuple(filter(None, (*timeline.notes, remark)))
