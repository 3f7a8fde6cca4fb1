"""The edit as OpenTimelineIO: the source on track 1, the pictures on track 2 at their placements, a marker a scene.

Everything is whole frames at the video's rate, so nothing drifts however long the video is.
"""

import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from urllib.parse import quote

import opentimelineio as otio
from opentimelineio.opentime import RationalTime, TimeRange

from tasks.folder import write_whole
from tasks.records import Candidate, Placement, Scene, Storyboard, Video

DEFAULT_START = "01:00:00:00"  # what broadcasters and editors begin at; the source's own start code goes before it


def build_timeline(board: Storyboard, name: str) -> otio.schema.Timeline:
    """The timeline of a storyboard; pictures are named relative to the `timelines` folder."""
    video = board.video
    timeline = otio.schema.Timeline(name=name)
    timeline.global_start_time = _time(start_frame(video), video)
    timeline.metadata["broll"] = {"frame_rate": str(video.frame_rate), "variable_rate": video.variable_rate}
    timeline.tracks.append(_source_track(board))
    timeline.tracks.append(_picture_track(board))
    if video.has_audio:
        timeline.tracks.append(_track("Source sound", otio.schema.TrackKind.Audio, _source_clip(video)))
    return timeline


def format_otio(board: Storyboard, name: str) -> str:
    """The `.otio` text of a storyboard; the same board gives the same text."""
    return otio.adapters.write_to_string(build_timeline(board, name), "otio_json")


def write_otio(path: Path, board: Storyboard) -> Path:
    """Write the timeline whole, named after the file."""
    return write_whole(path, format_otio(board, path.stem))


def start_frame(video: Video) -> int:
    """The frame number that the timeline's first frame bears: the source's time code, else one hour."""
    own = source_start(video)
    return parse_timecode(DEFAULT_START, video.frame_rate) if own is None else own


def source_start(video: Video) -> int | None:
    """The frame number that the source itself begins at; None where it bears no time code that can be read."""
    try:
        return parse_timecode(video.timecode, video.frame_rate)
    except ValueError:
        return None


def parse_timecode(text: str, rate: Fraction) -> int:
    """Frames since 00:00:00:00; `;` or `.` before the frames means drop-frame, which only 29.97 and 59.94 know.

    ValueError where the text is no time code.
    """
    match = re.fullmatch(r"(\d{1,2}):(\d{2}):(\d{2})([:;.])(\d{2,3})", text.strip())
    if not match:
        raise ValueError(f"time code {text!r} is not HH:MM:SS:FF")
    hours, minutes, seconds, frames = (int(match[i]) for i in (1, 2, 3, 5))
    base = round(rate)
    total = ((hours * 60 + minutes) * 60 + seconds) * base + frames
    if match[4] != ":" and rate in (Fraction(30000, 1001), Fraction(60000, 1001)):
        elapsed = hours * 60 + minutes
        total -= (base // 15) * (elapsed - elapsed // 10)  # 2 (or 4) numbers are left out a minute, not each tenth
    return total


def _source_track(board: Storyboard) -> otio.schema.Track:
    clip = _source_clip(board.video)
    clip.markers.extend(_mark(scene, board.video) for scene in board.scenes)
    return _track("Source", otio.schema.TrackKind.Video, clip)


def _track(name: str, kind: str, clip: otio.schema.Clip) -> otio.schema.Track:
    track = otio.schema.Track(name, kind=kind)
    track.append(clip)
    return track


def _source_clip(video: Video) -> otio.schema.Clip:
    span = TimeRange(_time(source_start(video) or 0, video), _time(video.frame_count, video))
    media = otio.schema.ExternalReference("file://" + quote(video.path), span)
    return otio.schema.Clip(Path(video.path).name, media, span)


def _picture_track(board: Storyboard) -> otio.schema.Track:
    track = otio.schema.Track("Illustrations", kind=otio.schema.TrackKind.Video)
    at = 0  # frames of the track filled so far
    for scene, picture, place in placed_pictures(board.scenes):
        if place.start_frame > at:
            track.append(otio.schema.Gap(duration=_time(place.start_frame - at, board.video)))
        track.append(_still(board.video, scene, picture, place))
        at = place.end_frame
    return track


def placed_pictures(scenes: Sequence[Scene]) -> list[tuple[Scene, Candidate, Placement]]:
    """Scenes that have both a chosen picture and a place, in the order of the timeline."""
    ready = [
        (scene, scene.panel.candidates[scene.panel.chosen], scene.panel.placement)
        for scene in scenes
        if scene.panel.placement and 0 <= scene.panel.chosen < len(scene.panel.candidates)
    ]
    return sorted(ready, key=lambda item: item[2].start_frame)


def _still(video: Video, scene: Scene, picture: Candidate, place: Placement) -> otio.schema.Clip:
    span = TimeRange(_time(0, video), _time(place.end_frame - place.start_frame, video))
    media = otio.schema.ExternalReference("../" + quote(picture.image), span)
    clip = otio.schema.Clip(Path(picture.image).name, media, span)
    clip.metadata["broll"] = {
        "scene": scene.id,
        "prompt": scene.prompt.full if scene.prompt else "",
        "seed": picture.seed,
        "digest": picture.digest,
        "generated": True,
    }
    return clip


def _mark(scene: Scene, video: Video) -> otio.schema.Marker:
    gist = scene.summary.gist if scene.summary else ""
    prompt = scene.prompt.full if scene.prompt else ""
    length = scene.end_frame - scene.start_frame
    return otio.schema.Marker(
        name=f"{scene.id} {scene.prompt.subject if scene.prompt else ''}".strip(),
        marked_range=TimeRange(_time((source_start(video) or 0) + scene.start_frame, video), _time(length, video)),
        color=otio.schema.MarkerColor.GREEN if scene.state != "failed" else otio.schema.MarkerColor.RED,
        comment="\n".join(filter(None, (gist, prompt, scene.error))),
        metadata={"broll": {"gist": gist, "prompt": prompt}},
    )


def _time(frames: int, video: Video) -> RationalTime:
    return RationalTime(frames, float(video.frame_rate))
