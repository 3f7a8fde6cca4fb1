"""A corpus of files that are broken on purpose, made anew and alike each time: videos and captions.

`video_cases` and `caption_cases` give (name of the file, its bytes); the name tells what was done to it.
"""

import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from tests import media_factory as factory
from tests.tasks.test_probe import playlists

Case = tuple[str, bytes]
CONTAINERS = ("mp4", "mov", "mkv", "webm", "ts", "avi", "flv", "mpg")
TIMES = ("00:00:00,500", "00:00:02,000")


@cache
def sound_files(folder: Path) -> dict[str, bytes]:
    """One second of picture, tone and, where the container may hold it, a caption, in each container."""
    captions = folder / "said.srt"
    captions.write_text(f"1\n{TIMES[0]} --> {TIMES[1]}\nAn old tree\n")
    picture = ("-f", "lavfi", "-i", "testsrc2=size=96x54:rate=12", *factory.TONE, "-i", f"file:{captions}")
    files = {}
    for container in CONTAINERS:
        path = folder / f"whole.{container}"
        codecs: tuple[str, ...] = factory.FAST
        if container == "webm":
            codecs = ("-c:v", "libvpx", "-c:a", "libvorbis")
        elif container == "mpg":
            codecs = ("-c:v", "mpeg2video", "-c:a", "mp2", "-r", "25")
        said = {"mp4": "mov_text", "mov": "mov_text", "mkv": "subrip", "webm": "webvtt"}.get(container)
        streams = ("-map", 0, "-map", 1, *(("-map", 2, "-c:s", said) if said else ()))
        factory.run(*picture, *streams, *codecs, "-ar", 44100, "-g", 6, "-t", 1, f"file:{path}")
        files[container] = path.read_bytes()
    return files


def video_cases(folder: Path, address: str) -> Iterator[Case]:
    """Broken videos; `address` is one that nothing may connect to."""
    whole = sound_files(folder)
    for container, data in whole.items():
        yield from _cut_short(container, data)
        yield from _flipped(container, data)
        yield from _overwritten(container, data)
        yield f"junk-behind.{container}", data + bytes(range(256)) * 40
        yield f"junk-before.{container}", bytes(range(256)) + data
        yield f"twice.{container}", data + data
    for container, other in zip(CONTAINERS, CONTAINERS[1:] + CONTAINERS[:1], strict=True):
        yield f"really-{container}.{other}", whole[container]
    yield from _absurd_times(whole["mp4"])
    yield from _lists(folder / "whole.mp4", address)
    yield from _no_videos()


def _cut_short(container: str, data: bytes) -> Iterator[Case]:
    for percent in (1, 10, 30, 50, 70, 85, 95, 99):
        yield f"first-{percent}-percent.{container}", data[: max(1, len(data) * percent // 100)]


def _flipped(container: str, data: bytes) -> Iterator[Case]:
    for seed, count in enumerate((1, 3, 10, 30, 100, 300, 1000, 3000)):
        chance, broken = np.random.default_rng(seed), bytearray(data)
        for place in chance.integers(0, len(data), count):
            broken[place] ^= 1 << int(chance.integers(8))
        yield f"{count}-bits-flipped.{container}", bytes(broken)


def _overwritten(container: str, data: bytes) -> Iterator[Case]:
    noise = np.random.default_rng(7).bytes(len(data))
    third = len(data) // 3
    yield f"zeros-in-the-middle.{container}", data[:third] + bytes(third) + data[2 * third :]
    yield f"noise-in-the-middle.{container}", data[:third] + noise[:third] + data[2 * third :]
    yield f"noise-after-the-head.{container}", data[:64] + noise[64:]
    yield f"head-of-another.{container}", b"\x1aE\xdf\xa3" + data[4:]


def _absurd_times(data: bytes) -> Iterator[Case]:
    """Time scales and lengths in an MP4's boxes set to what cannot be."""
    for box, offset in ((b"mvhd", 16), (b"mdhd", 16), (b"stts", 12), (b"ctts", 12), (b"stsz", 8), (b"stco", 8)):
        place = data.find(box)
        for value in (0, 1, 0x7FFFFFFF, 0xFFFFFFFF):
            if place > 0:
                patched = data[: place + offset] + struct.pack(">I", value) + data[place + offset + 4 :]
                yield f"{box.decode()}-{value:x}.mp4", patched


def _lists(target: Path, address: str) -> Iterator[Case]:
    for k, aim in enumerate((str(target), target.as_uri(), address, "/etc/passwd", "concat:/etc/passwd|/etc/hosts")):
        for kind, text in playlists(aim).items():
            yield f"{kind}-{k}.mp4", text.encode()
            yield f"{kind}-{k}-after-blanks.mkv", b"\xef\xbb\xbf \r\n" + text.encode()


def _no_videos() -> Iterator[Case]:
    yield "empty.mp4", b""
    yield "one-byte.mp4", b"\x00"
    yield "zeros.mp4", bytes(100_000)
    yield "noise.mkv", np.random.default_rng(1).bytes(100_000)
    yield "text.mp4", b"This is no video. " * 1000
    yield "page.mp4", b"<html><body>404 not found</body></html>"
    yield "program.mp4", b"\x7fELF" + np.random.default_rng(2).bytes(50_000)
    yield "archive.mkv", b"PK\x03\x04" + np.random.default_rng(3).bytes(50_000)
    yield "picture.mp4", b"\x89PNG\r\n\x1a\n" + np.random.default_rng(4).bytes(5_000)
    yield "boxes-in-boxes.mp4", b"".join(struct.pack(">I4s", 8 * (2000 - k), b"moov") for k in range(2000))
    yield "huge-box.mp4", struct.pack(">I4sQ", 1, b"mdat", 1 << 62) + bytes(100)


def caption_cases() -> Iterator[Case]:
    """Broken captions."""
    whole = _sound_captions()
    for suffix, data in whole.items():
        for percent in (3, 20, 45, 70, 98):
            yield f"first-{percent}-percent{suffix}", data[: len(data) * percent // 100]
        for seed, count in enumerate((1, 5, 20, 80)):
            chance, broken = np.random.default_rng(seed), bytearray(data)
            for place in chance.integers(0, len(data), count):
                broken[place] = int(chance.integers(256))
            yield f"{count}-bytes-wrong{suffix}", bytes(broken)
        yield f"of-zeros{suffix}", bytes(5000)
        yield f"of-noise{suffix}", np.random.default_rng(5).bytes(5000)
        yield f"utf-16{suffix}", data.decode().encode("utf-16")
        yield f"lines-of-a-mac{suffix}", data.replace(b"\n", b"\r")
        yield f"no-line-ends{suffix}", data.replace(b"\n", b" ")
        yield f"a-hundred-kilobytes-a-cue{suffix}", data.replace(b"An old tree", b"tree <b> &amp; {x} " * 5300)
        yield f"a-million-brackets{suffix}", data.replace(b"An old tree", b"<" * 1_000_000)
        yield f"names-a-file{suffix}", data.replace(b"An old tree", b"file:///etc/passwd ../../etc/shadow $(id)")
    yield "ten-thousand-cues.srt", _many("srt")
    yield "ten-thousand-cues.vtt", b"WEBVTT\n\n" + _many("vtt")
    yield "backwards.srt", b"1\n00:00:09,000 --> 00:00:01,000\nback\n"
    yield "after-the-end.srt", b"1\n99:00:00,000 --> 99:00:01,000\nlate\n"
    yield "absurd-hours.srt", b"1\n9999:99:99,999 --> 99999:00:00,000\nnever\n"
    yield "a-million-arrows.srt", b"--> " * 250_000
    yield "bomb.ttml", b'<!DOCTYPE tt [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><tt>&b;</tt>'
    yield (
        "outside.ttml",
        b'<!DOCTYPE tt [<!ENTITY a SYSTEM "file:///etc/passwd">]><tt><body><p begin="1s">&a;</p></body></tt>',
    )
    yield "deep.ttml", b"<tt>" * 200_000


def _many(kind: str) -> bytes:
    point = "," if kind == "srt" else "."
    lines = (
        f"{k}\n00:{k // 60 % 60:02}:{k % 60:02}{point}000 --> 09:00:00{point}000\nword {k} of many\n"
        for k in range(10_000)
    )
    return "\n".join(lines).encode()


def _sound_captions() -> dict[str, bytes]:
    said = [(0.5 + k, 1.4 + k, text) for k, text in enumerate(("An old tree", "stands by the road", "in the rain"))]
    srt = "".join(
        f"{k}\n00:00:0{a:.3f} --> 00:00:0{b:.3f}\n{text}\n\n".replace(".", ",")
        for k, (a, b, text) in enumerate(said, 1)
    )
    vtt = "WEBVTT\n\n" + "".join(f"00:0{a:.3f} --> 00:0{b:.3f} line:80%\n<v Ann>{text}\n\n" for a, b, text in said)
    ass = (
        "[Script Info]\nScriptType: v4.00+\n\n[Events]\n"
        "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        + "".join(f"Dialogue: 0,0:00:0{a:.2f},0:00:0{b:.2f},Default,Ann,0,0,0,,{text}\n" for a, b, text in said)
    )
    paragraphs = "".join(f'<p begin="{a}s" end="{b}s">{text}</p>\n' for a, b, text in said)
    ttml = f'<?xml version="1.0"?>\n<tt xmlns="http://www.w3.org/ns/ttml"><body><div>\n{paragraphs}</div></body></tt>'
    texts = {".srt": srt, ".vtt": vtt, ".ass": ass, ".ttml": ttml}
    return {suffix: text.encode() for suffix, text in texts.items()}
