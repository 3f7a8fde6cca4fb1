"""The child process of `tasks.probe`: opens one video with PyAV and tells what it found.

Run as a script by its path (`python -P probe_child.py VIDEO FORMATS`), so that its start costs no more than
PyAV. Writes one line of JSON, then the time stamps of all packets of the picture track as 64-bit integers,
with the duration of the last one at their end.
"""

import json
import sys
from array import array

import av
import av.logging

MEMORY_LIMIT = 3 << 30  # bytes of address space
CPU_LIMIT = 300  # s; reading the packets of a day of video takes less
PROBE_PACKETS = 500  # packets tried until one gives a picture: streams that were cut start between key frames


def set_limits() -> None:
    """Caps memory and processor time; a system without such limits is left as it is."""
    try:
        import resource

        for kind, most in ((resource.RLIMIT_AS, MEMORY_LIMIT), (resource.RLIMIT_CPU, CPU_LIMIT)):
            resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))
    except (ImportError, OSError, ValueError):
        pass


def open_container(path: str, formats: str):
    """The container, from this one file and these formats only."""
    options = {"format_whitelist": formats, "protocol_whitelist": "file"}
    return av.open("file:" + path, options=options, metadata_errors="replace")


def read_facts(path: str, formats: str) -> tuple[dict, array]:
    """Facts and packet time stamps of the first real picture track (a cover picture is none)."""
    with open_container(path, formats) as container:
        facts = {
            "container": container.format.name,
            "has_audio": len(container.streams.audio) > 0,
            **_sound_facts(container),
            "seconds": (container.duration or 0) / 1_000_000,
            "subtitles": [_subtitle_facts(stream) for stream in container.streams.subtitles],
            "timecode": _timecode(container),
        }
        pictures = [s for s in container.streams.video if _is_picture_track(s)]
        if not pictures:
            return {**facts, "video": None}, array("q")
        stream = pictures[0]
        stream.codec_context.thread_count = 1  # one frame is decoded: threads would only cost address space
        start = (container.start_time or 0) / 1_000_000
        stamps, frame, failure = _read_packets(container, stream)
        facts["video"] = {
            "codec": stream.codec_context.codec.canonical_name,
            "failure": failure,
            "time_base": _pair(stream.time_base),
            "average_rate": _pair(stream.average_rate),
            "base_rate": _pair(stream.base_rate),
            "container_start": start,
            **_frame_facts(stream, frame),
        }
        return facts, stamps


def _is_picture_track(stream) -> bool:
    return stream.codec_context is not None and not stream.disposition & stream.disposition.attached_pic


def _read_packets(container, stream) -> tuple[array, object, str]:
    """(time stamps in ticks and the last packet's duration, the first picture or None, why there is none)."""
    stamps, frame, failure, tried, last_span = array("q"), None, "", 0, (-(2**62), 0)
    for packet in container.demux(stream):
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is not None and packet.size and not packet.is_discard:  # an edit list hides some
            stamps.append(stamp)
            last_span = max(last_span, (stamp, packet.duration or 0))
        if frame is None and tried < PROBE_PACKETS:
            tried += 1
            try:
                frame = next(iter(packet.decode()), None)
            except av.FFmpegError as error:
                failure = error.strerror or str(error)
    stamps.append(last_span[1])
    return stamps, frame, failure


def _frame_facts(stream, frame) -> dict:
    if frame is None:
        return {"width": 0, "height": 0, "aspect": [1, 1], "rotation": 0}
    return {
        "width": frame.width,
        "height": frame.height,
        "aspect": _pair(stream.sample_aspect_ratio),
        "rotation": -frame.rotation % 360,  # libav counts anticlockwise
    }


def _sound_facts(container) -> dict:
    sound = next((s.codec_context for s in container.streams.audio if s.codec_context is not None), None)
    return {"audio_channels": sound.channels if sound else 0, "audio_rate": sound.sample_rate if sound else 0}


def _pair(fraction) -> list[int]:
    return [fraction.numerator, fraction.denominator] if fraction else [0, 1]


def _subtitle_facts(stream) -> dict:
    codec = stream.codec_context.name if stream.codec_context else "unknown"
    return {"index": stream.index, "codec": codec, "language": stream.metadata.get("language", "und")}


def _timecode(container) -> str:
    """The first time code found: of the file, or of any of its tracks (QuickTime keeps it in a data track)."""
    for holder in (container, *container.streams):
        if found := holder.metadata.get("timecode"):
            return found
    return ""


def main() -> None:
    """Reads the file named by the arguments; exit code 1 and one line on stderr where it cannot."""
    set_limits()
    av.logging.restore_default_callback()  # libav's own words go to stderr, where the parent keeps them
    av.logging.set_level(av.logging.ERROR)
    try:
        facts, stamps = read_facts(sys.argv[1], sys.argv[2])
    except (av.FFmpegError, MemoryError, ValueError) as error:
        print(getattr(error, "strerror", None) or type(error).__name__, file=sys.stderr)
        sys.exit(1)
    sys.stdout.buffer.write(json.dumps(facts).encode() + b"\n" + stamps.tobytes())


if __name__ == "__main__":
    main()
