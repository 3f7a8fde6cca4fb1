"""Make the sample videos, their captions and what to expect of them: `.venv/bin/python data/make_samples.py [NAME...]`

Everything is our own (CC0-1.0) but the voices, CMU Flite's slt and rms (a BSD-like licence), and the font, Roboto
(Apache-2.0). Needs the program `flite` 2.2. Times are measured on the speech, sound by sound; the same programs
give the same files.
"""

import io
import json
import os
import subprocess
import sys
import tempfile
import wave
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import resvg_py
from PIL import Image
from scenery import HEIGHT, PEOPLE, WIDTH, draw_slide, draw_speaker
from talks import TALKS, Line, Part, Talk

HERE = Path(__file__).parent
FONT = HERE / "fonts" / "Roboto-Medium.ttf"
RATE = 16000  # samples/s, of flite's voices
LEAD, GAP, PART_GAP, TAIL = 0.5, 0.5, 1.0, 1.0  # s of silence: at the start, between sentences, parts, at the end
CUE_LENGTH = 60  # characters; longer sentences become two cues, at a pause of the voice
STRETCH = {"slt": 1.17, "rms": 1.05}  # the voices' own pace is hasty for a talk
OPENNESS = {"aa": 1.0, "ae": 0.9, "ao": 0.9, "aw": 0.9, "ay": 0.9, "ah": 0.7, "eh": 0.6, "ow": 0.6, "oy": 0.7,
            "er": 0.5, "ey": 0.5, "ax": 0.4, "ih": 0.35, "iy": 0.3, "uh": 0.35, "uw": 0.3,
            "pau": 0.0, "m": 0.0, "b": 0.0, "p": 0.0}  # fmt: skip
CONSONANT = 0.2  # openness of every sound not listed


@dataclass(frozen=True)
class Sound:
    name: str  # a phone of flite's, "pau" for a pause
    start: float  # s
    end: float  # s


@dataclass(frozen=True)
class Spoken:
    """One line of a talk where it lies on the timeline."""

    part: Part
    line: Line
    sounds: tuple[Sound, ...]  # on the timeline, pauses at either end dropped
    samples: np.ndarray  # (n,) int16, begins at `offset`
    offset: float  # s

    @property
    def start(self) -> float:
        return self.sounds[0].start

    @property
    def end(self) -> float:
        return self.sounds[-1].end


@dataclass(frozen=True)
class Shot:
    first: int  # frame
    last: int  # frame after its end
    view: str
    part: Part


@dataclass(frozen=True)
class Cue:
    start: float  # s
    end: float  # s
    text: str


def speak(talk: Talk) -> list[Spoken]:
    """Every line said, one after the other, with its silences."""
    spoken: list[Spoken] = []
    for part in talk.parts:
        for line in part.lines:
            samples, sounds = _say(line.text, talk.voice)
            gap = (PART_GAP if spoken[-1].part != part else GAP) if spoken else 0
            start = spoken[-1].end + gap if spoken else LEAD
            voiced = sounds[1:-1]  # flite begins and ends every sentence with a pause
            offset = start - voiced[0].start
            placed = tuple(Sound(sound.name, sound.start + offset, sound.end + offset) for sound in voiced)
            spoken.append(Spoken(part, line, placed, samples, offset))
    return spoken


def _say(text: str, voice: str) -> tuple[np.ndarray, list[Sound]]:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "speech.wav"
        pace = ["--setf", f"duration_stretch={STRETCH[voice]}"]
        command = ["flite", "-voice", voice, *pace, "-psdur", "-t", text, "-o", str(target)]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        with wave.open(str(target)) as file:
            assert file.getframerate() == RATE, file.getparams()
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    ends = [(name, float(end)) for name, end in (word.split(":") for word in told.split())]
    starts = [0.0, *(end for _, end in ends)]
    return samples, [Sound(name, start, end) for (name, end), start in zip(ends, starts, strict=False)]


def find_shots(spoken: list[Spoken], rate: Fraction) -> list[Shot]:
    """A cut lies in the silence before a line whose view differs, or that opens another part's slide."""
    frames = round((spoken[-1].end + TAIL) * rate)
    opens = [spoken[0]]
    cuts = [0]
    for before, line in zip(spoken, spoken[1:], strict=False):
        slide_turns = line.part != before.part and line.line.view == "slide"
        if line.line.view != before.line.view or slide_turns:
            cuts.append(round((before.end + line.start) / 2 * rate))
            opens.append(line)
    ends = [*cuts[1:], frames]
    return [Shot(cut, end, line.line.view, line.part) for cut, end, line in zip(cuts, ends, opens, strict=True)]


def write_cues(spoken: list[Spoken]) -> list[Cue]:
    return [cue for line in spoken for cue in _cut_line(line)]


def _cut_line(spoken: Spoken) -> list[Cue]:
    """One cue, or two where the sentence is long and the voice pauses at a comma."""
    text = spoken.line.text
    commas = [at + 1 for at, letter in enumerate(text) if letter in ",:" or text[at : at + 2] == ". "]
    pauses = [sound for sound in spoken.sounds if sound.name == "pau"]
    if len(text) <= CUE_LENGTH or not commas or not pauses:
        return [Cue(spoken.start, spoken.end, text)]
    at = min(commas, key=lambda comma: abs(comma - len(text) / 2))
    middle = spoken.start + (spoken.end - spoken.start) * at / len(text)
    pause = min(pauses, key=lambda sound: abs((sound.start + sound.end) / 2 - middle))
    return [Cue(spoken.start, pause.start, text[:at]), Cue(pause.end, spoken.end, text[at:].strip())]


def format_cues(cues: list[Cue], suffix: str) -> str:
    """WebVTT or SubRip text."""
    mark = "," if suffix == ".srt" else "."
    blocks = [
        f"{number}\n{_clock(cue.start, mark)} --> {_clock(cue.end, mark)}\n{cue.text}\n"
        for number, cue in enumerate(cues, 1)
    ]
    return ("" if suffix == ".srt" else "WEBVTT\n\n") + "\n".join(blocks)


def _clock(seconds: float, mark: str) -> str:
    total = round(seconds * 1000)
    return f"{total // 3600000:02d}:{total // 60000 % 60:02d}:{total // 1000 % 60:02d}{mark}{total % 1000:03d}"


def draw_frames(talk: Talk, spoken: list[Spoken], shots: list[Shot]) -> Iterator[str]:
    """The SVG text of every frame."""
    for shot in shots:
        length = float((shot.last - shot.first) / talk.rate)
        for frame in range(shot.first, shot.last):
            time, since = float(frame / talk.rate), float((frame - shot.first) / talk.rate)
            if shot.view == "slide":
                yield draw_slide(shot.part.look, shot.part.figure, shot.part.title, shot.part.points, since, length)
            else:
                yield draw_speaker(PEOPLE[talk.person], shot.view == "close", time, since, _mouth(spoken, time))


def _mouth(spoken: list[Spoken], time: float) -> float:
    """How far the mouth is open, 0..1, averaged over the time that a mouth needs to move."""
    return sum(_openness(spoken, time + shift) for shift in (-0.05, 0.0, 0.05)) / 3


def _openness(spoken: list[Spoken], time: float) -> float:
    for line in spoken:
        if line.start <= time < line.end:
            sound = next(sound for sound in line.sounds if sound.start <= time < sound.end)
            return OPENNESS.get(sound.name, CONSONANT)
    return 0.0


def paint(svg: str) -> bytes:
    """RGB bytes, (360, 640, 3)."""
    fonts = [str(FONT)] if "<text" in svg else []
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, skip_system_fonts=True, font_files=fonts))
    return Image.open(io.BytesIO(png)).convert("RGB").tobytes()


def write_sound(spoken: list[Spoken], length: float, path: Path) -> None:
    track = np.zeros(round(length * RATE), np.int32)
    for line in spoken:
        at = round(line.offset * RATE)
        samples = line.samples[max(-at, 0) :]
        track[max(at, 0) : max(at, 0) + len(samples)] += samples[: len(track) - max(at, 0)]
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(np.clip(track, -32768, 32767).astype("<i2").tobytes())


def write_film(talk: Talk, svgs: Iterator[str], sound: Path, subtitles: Path | None, target: Path) -> None:
    """Encode H.264 and AAC, with the subtitles as a stream where given; nothing in it depends on the day."""
    size = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(talk.rate), "-i", "pipe:0"]
    inputs = [*size, "-i", str(sound), *(["-i", str(subtitles)] if subtitles else [])]
    picture = ["-c:v", "libx264", "-preset", "slow", "-crf", "25", "-pix_fmt", "yuv420p", "-g", "250", "-threads", "1"]
    audio = ["-c:a", "aac", "-b:a", "48k", "-ar", "44100"]
    stream = ["-c:s", "mov_text", "-metadata:s:s:0", "language=eng"] if subtitles else []
    same = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"]
    part = target.with_name(target.name + ".part")
    output = [*picture, *audio, *stream, *same, "-movflags", "+faststart", "-f", "mp4", str(part)]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *inputs, *output]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as encoder, ProcessPoolExecutor() as painters:
        assert encoder.stdin is not None
        for picture_bytes in painters.map(paint, svgs, chunksize=25):
            encoder.stdin.write(picture_bytes)
    if encoder.returncode:
        raise SystemExit(f"ffmpeg failed on {target.name}")
    os.replace(part, target)


def describe(talk: Talk, spoken: list[Spoken], shots: list[Shot], cues: list[Cue]) -> dict:
    """What a reader of the video should find in it."""
    cuts = [{"frame": shot.first, "time": round(float(shot.first / talk.rate), 3)} for shot in shots[1:]]
    ends = {part.title: max(line.end for line in spoken if line.part == part) for part in talk.parts}
    starts = {part.title: min(line.start for line in spoken if line.part == part) for part in talk.parts}
    scenes = [
        {"subject": part.subject, "start": round(starts[part.title], 3), "end": round(ends[part.title], 3)}
        for part in talk.parts
    ]
    facts = {"file": f"{talk.name}.mp4", "width": WIDTH, "height": HEIGHT, "frame_rate": str(talk.rate)}
    length = {"frames": shots[-1].last, "duration": round(float(shots[-1].last / talk.rate), 3)}
    said = {"captions": talk.captions, "cues": len(cues), "text": " ".join(line.line.text for line in spoken)}
    views = [shot.view for shot in shots]
    return {**facts, **length, **said, "cuts": cuts, "views": views, "scenes": scenes}


def make(talk: Talk, folder: Path) -> dict:
    """Write one video and its captions; what to expect of them."""
    spoken = speak(talk)
    shots, cues = find_shots(spoken, talk.rate), write_cues(spoken)
    suffix = ".srt" if talk.name == "ntsc" else ".vtt"
    with tempfile.TemporaryDirectory() as work:
        sound, subtitles = Path(work) / "sound.wav", Path(work) / "cues.srt"
        write_sound(spoken, float(shots[-1].last / talk.rate), sound)
        subtitles.write_text(format_cues(cues, ".srt"), "utf-8")
        stream = subtitles if talk.captions == "stream" else None
        write_film(talk, draw_frames(talk, spoken, shots), sound, stream, folder / f"{talk.name}.mp4")
    if talk.captions == "sidecar":
        (folder / f"{talk.name}.en{suffix}").write_text(format_cues(cues, suffix), "utf-8")
    return describe(talk, spoken, shots, cues)


def main(names: list[str]) -> None:
    folder = HERE / "samples"
    folder.mkdir(exist_ok=True)
    golden = folder / "golden.json"
    expected = json.loads(golden.read_text("utf-8")) if golden.exists() else {}
    for talk in TALKS:
        if not names or talk.name in names:
            expected[talk.name] = make(talk, folder)
            size = (folder / f"{talk.name}.mp4").stat().st_size
            print(f"{talk.name}: {expected[talk.name]['duration']:.1f} s, {size / 1e6:.2f} MB")
    golden.write_text(json.dumps(expected, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
