"""OpenTimelineIO: `.otio`, the one format that keeps everything, and `.otioz`, the same with the media inside."""

import shutil
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import opentimelineio as otio
from opentimelineio.opentime import RationalTime, TimeRange
from opentimelineio.schema import Clip, ExternalReference, Gap, Marker, MarkerColor, MissingReference, Track, TrackKind

from tasks.folder import write_file
from tasks.media import file_digest
from tasks.timeline.edit import Mark, Still, Timeline
from tasks.timeline.places import make_url

BUNDLE_LIMIT = 2**30  # bytes: a larger source is not copied into the bundle unless asked for
BUNDLE_SPARE = 256 * 2**20  # bytes that must stay free on the disk
_DATE = (1980, 1, 1, 0, 0, 0)  # of every member: the same edit gives the same bundle


def format_otio(timeline: Timeline) -> str:
    """The `.otio` text; the same edit gives the same text."""
    return otio.adapters.write_to_string(to_otio(timeline), "otio_json")


def to_otio(timeline: Timeline) -> otio.schema.Timeline:
    """The edit as OpenTimelineIO has it; markers stand on the stack of tracks, in the timeline's own time."""
    result = otio.schema.Timeline(name=timeline.name)
    result.global_start_time = _time(timeline.start, timeline)
    result.metadata["broll"] = {"frame_rate": str(timeline.rate), "drop_frame": timeline.drop}
    result.tracks.markers.extend(_marker(mark, timeline) for mark in timeline.marks)
    result.tracks.append(_track("Source", TrackKind.Video, [_source_clip(timeline)]))
    result.tracks.append(_track("Illustrations", TrackKind.Video, _still_track(timeline, timeline.stills)))
    if timeline.spares:
        spares = _still_track(timeline, timeline.spares)
        for item in spares:
            item.enabled = isinstance(item, Gap)
        result.tracks.append(_track("Runners-up", TrackKind.Video, spares))
    if timeline.source.audio_channels:
        result.tracks.append(_track("Source sound", TrackKind.Audio, [_source_clip(timeline)]))
    return result


def _track(name: str, kind: str, items: Sequence[otio.core.Item]) -> Track:
    track = Track(name, kind=kind)
    track.extend(items)
    return track


def _source_clip(timeline: Timeline) -> Clip:
    span = TimeRange(_time(timeline.source.start, timeline), _time(timeline.length, timeline))
    return Clip(timeline.source.name, _reference(timeline.source.place, span), span)


def _still_track(timeline: Timeline, stills: Sequence[Still]) -> list[otio.core.Item]:
    items: list[otio.core.Item] = []
    at = 0  # frames of the track filled so far
    for still in stills:
        if still.first > at:
            items.append(Gap(duration=_time(still.first - at, timeline)))
        items.append(_still_clip(still, timeline))
        at = still.last
    return items


def _still_clip(still: Still, timeline: Timeline) -> Clip:
    span = TimeRange(_time(0, timeline), _time(still.last - still.first, timeline))
    clip = Clip(still.name, _reference(still.place, span), span)
    clip.metadata["broll"] = {
        "scene": still.scene,
        "prompt": still.prompt,
        "seed": str(still.seed),  # text: JSON readers round whole numbers beyond 2**53
        "digest": still.digest,
        "generated": still.generated,
    }
    return clip


def _reference(place: str, span: TimeRange) -> otio.core.MediaReference:
    return ExternalReference(make_url(place), span) if place else MissingReference(available_range=span)


def _marker(mark: Mark, timeline: Timeline) -> Marker:
    return Marker(
        name=mark.name,
        marked_range=TimeRange(_time(mark.first, timeline), _time(mark.last - mark.first, timeline)),
        color=MarkerColor.RED if mark.error else MarkerColor.GREEN,
        comment="\n".join(filter(None, (mark.gist, mark.prompt, mark.error))),
        metadata={"broll": {"scene": mark.scene, "gist": mark.gist, "prompt": mark.prompt}},
    )


def _time(frames: int, timeline: Timeline) -> RationalTime:
    return RationalTime(frames, float(timeline.rate))


# --- the bundle ----------------------------------------------------------------------------------------------------


def write_bundle(path: Path, folder: Path, timeline: Timeline, with_source: bool | None) -> str:
    """Write the `.otioz` whole, unless the one there holds the same; returns what the user should know.

    OpenTimelineIO's own writer stamps the time of day into it and leaves half a file where it is stopped, hence this
    one; its reader reads it.
    """
    media = {f"media/{still.name}": folder / still.image for still in (*timeline.stills, *timeline.spares)}
    media = {name: file for name, file in media.items() if file.is_file()}
    source, inside = Path(timeline.source.file), f"media/{timeline.source.name}"
    complaint = _refuse_source(source, path.parent, with_source)
    text = format_otio(_relink(timeline, media, "" if complaint else inside))
    if not complaint:
        media[inside] = source
    if _is_same(path, text, media):
        return complaint
    if not complaint and file_digest(source) != timeline.source.digest:
        complaint = f"{source} is not the file that was illustrated: it is left out of {path.name}"
        del media[inside]
        text = format_otio(_relink(timeline, media, ""))
    with write_file(path) as file, zipfile.ZipFile(file, "w") as bundle:
        bundle.writestr(_member("version.txt", zipfile.ZIP_DEFLATED), "1.0.0")
        bundle.writestr(_member("content.otio", zipfile.ZIP_DEFLATED), text)
        for name, place in sorted(media.items()):
            item = _member(name, zipfile.ZIP_STORED)
            item.file_size = place.stat().st_size  # tells zipfile whether it takes the large form
            with place.open("rb") as data, bundle.open(item, "w") as member:
                shutil.copyfileobj(data, member, 2**20)
    return complaint


def _refuse_source(source: Path, folder: Path, wanted: bool | None) -> str:
    """Why the source is not put into the bundle, "" where it is."""
    if not source.is_file():
        return "the bundle (.otioz) has the pictures only: the source is not there"
    size = source.stat().st_size
    if wanted is False:
        return "the bundle (.otioz) has the pictures only, as asked for"
    if wanted is None and size > BUNDLE_LIMIT:
        return (
            f"the bundle (.otioz) has the pictures only: the source has {size / 2**30:.1f} GB, more than 1; "
            "`broll timeline DIR --bundle-source` puts it in"
        )
    if size + BUNDLE_SPARE > shutil.disk_usage(folder).free:
        return f"the bundle (.otioz) has the pictures only: the disk has no room for {size // 2**20} MB more"
    return ""


def _relink(timeline: Timeline, media: dict[str, Path], source: str) -> Timeline:
    """The edit with places inside the bundle; media that are not in it have none."""

    def inside(still: Still) -> Still:
        name = f"media/{still.name}"
        return replace(still, place=name if name in media else "")

    return replace(
        timeline,
        source=replace(timeline.source, place=source),
        stills=tuple(map(inside, timeline.stills)),
        spares=tuple(map(inside, timeline.spares)),
    )


def _is_same(path: Path, text: str, media: dict[str, Path]) -> bool:
    """True where the bundle holds this edit and these media: large ones by size and date, pictures by checksum."""
    try:
        with zipfile.ZipFile(path) as bundle:
            found = {item.filename: item for item in bundle.infolist()}
            same = found.keys() == {"version.txt", "content.otio", *media}
            return same and bundle.read("content.otio").decode() == text and all(
                _is_member(found[name], file, path) for name, file in media.items()
            )  # fmt: skip
    except (OSError, zipfile.BadZipFile, ValueError, KeyError):
        return False


def _is_member(item: zipfile.ZipInfo, file: Path, bundle: Path) -> bool:
    status = file.stat()
    if item.file_size != status.st_size:
        return False
    if status.st_size < 2**24:
        return zlib.crc32(file.read_bytes()) == item.CRC
    return status.st_mtime <= bundle.stat().st_mtime


def _member(name: str, method: int) -> zipfile.ZipInfo:
    item = zipfile.ZipInfo(name, _DATE)
    item.compress_type, item.external_attr = method, 0o644 << 16
    return item
