"""What is said in a video, and when: from a caption file, a subtitle stream or speech recognition.

The first of these that exists counts: the file that was given, a sidecar beside the video, a text stream inside
it, the recogniser. What could not be used is told in the captions' note. Texts are data: nothing here acts on
what they say.
"""

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import ffmpeg

from models.errors import InputError
from models.speech import Phrase, Transcribe
from tasks.caption_formats import ParsedCaptions, format_srt, format_vtt, parse_caption_file, parse_captions
from tasks.media import open_source, read_audio, run_ffmpeg
from tasks.records import Captions, Cue, SubtitleStream, Video

__all__ = ["find_sidecar", "format_srt", "format_vtt", "looks_english", "parse_captions", "read_captions"]

MOST_BYTES = 32 << 20  # of a caption file; a day of speech is under 2 MB
SIDECAR_SUFFIXES = (".vtt", ".srt", ".ttml", ".dfxp", ".ass", ".ssa")  # the first is preferred
TEXT_CODECS = ("mov_text", "subrip", "srt", "ass", "ssa", "webvtt", "text")
PICTURE_CODECS = ("hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle", "xsub")

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8}){0,2}", re.IGNORECASE)
_EXTRAS = ("sdh", "cc", "hi")  # further tags of names like talk.en.sdh.srt
# ISO 639-2, as containers store it, to the two letters of ISO 639-1; the languages of most talks.
_SHORT = {
    **{"eng": "en", "deu": "de", "ger": "de", "fra": "fr", "fre": "fr", "spa": "es", "ita": "it", "por": "pt"},
    **{"rus": "ru", "ukr": "uk", "pol": "pl", "ces": "cs", "cze": "cs", "ron": "ro", "rum": "ro", "hun": "hu"},
    **{"nld": "nl", "dut": "nl", "swe": "sv", "dan": "da", "fin": "fi", "nor": "no", "nob": "no", "ell": "el"},
    **{"gre": "el", "tur": "tr", "heb": "he", "ara": "ar", "hin": "hi", "jpn": "ja", "zho": "zh", "chi": "zh"},
    "kor": "ko",
}
# Words that no English talk does without; together they are a third of it, and a few per cent of other languages.
_ENGLISH = frozenset(
    re.findall(
        r"\w+",
        "the of and to a in is it you that was for on are with as this be at have from or had by but what we can "
        "there an your which their if do will how about then them would so these her him has more",
    )
)


def read_captions(
    video: Video,
    given: Path | None,
    transcribe: Callable[[], Transcribe] | None,
    report: Callable[[float], None] | None = None,
    wanted: str = "en",
) -> Captions:
    """The captions of a video from the best source there is, cut to its length.

    `transcribe` loads the recogniser and is called only where nothing else says what is said; None leaves
    speech unheard. `report` gets its progress in 0..1. Of several languages `wanted` (a tag such as "de" or "pt-BR")
    is taken; where there is none of it, English, and the note says so. Raises InputError where the given file cannot
    be used; other sources that fail are told in the note and the next one is taken.
    """
    if given is not None:
        return _read_file(video, Path(given), "given", _language_of(Path(given).stem))
    notes: list[str] = []
    for attempt in (_from_sidecar, _from_streams):
        if found := attempt(video, notes, wanted):
            if not _is_language(found.language, wanted) and found.language != "und":
                notes.append(f"there are no captions in {wanted!r} and those in {found.language!r} were taken")
            return _with_notes(found, notes)
    return _with_notes(_from_speech(video, transcribe, report), notes)


def find_sidecar(video_path: str | Path, wanted: str = "en") -> tuple[Path, str] | None:
    """(file, language) of the captions that lie beside a video under its name, None where there are none.

    The wanted language first, then those without a tag, then English, then others; `.vtt` before `.srt`;
    `talk.en.forced.srt` never.
    """
    video_path = Path(video_path)
    try:
        beside = sorted(video_path.parent.iterdir())
    except OSError:
        return None
    found = []
    for path in beside:
        language = _sidecar_language(path, video_path.stem)
        if language is not None and path.is_file():
            rank = 1 if language == "und" else _rank(language, wanted)
            found.append((rank, SIDECAR_SUFFIXES.index(path.suffix.lower()), len(path.name), path, language))
    return min(found)[3:] if found else None


def looks_english(words: str) -> bool | None:
    """Whether a text is English by its small words; None where it is too short to tell."""
    tokens = re.findall(r"[^\W\d_]+", words.lower())
    if len(tokens) < 30:
        return None
    return sum(token in _ENGLISH for token in tokens) >= 0.15 * len(tokens)


def _rank(language: str, wanted: str) -> int:
    return 0 if _is_language(language, wanted) else 2 if _is_language(language, "en") else 3


def _is_language(language: str, wanted: str) -> bool:
    """Whether a tag is of the wanted language; its region counts only where one is wanted."""
    language, wanted = _short(language), _short(wanted)
    return language == wanted or language.startswith(wanted + "-")


def _from_sidecar(video: Video, notes: list[str], wanted: str) -> Captions | None:
    sidecar = find_sidecar(video.path, wanted)
    if sidecar is None:
        return None
    try:
        return _read_file(video, sidecar[0], "sidecar", sidecar[1])
    except InputError as error:
        notes.append(f"the sidecar was not used: {error}")
        return None


def _from_streams(video: Video, notes: list[str], wanted: str) -> Captions | None:
    readable = [stream for stream in video.subtitles if stream.codec in TEXT_CODECS]
    for stream in sorted(readable, key=lambda stream: _rank(stream.language, wanted)):
        try:
            return _read_stream(video, stream)
        except InputError as error:
            notes.append(f"subtitle stream {stream.index} was not used: {error}")
    for stream in video.subtitles:
        if stream not in readable:
            kind = "pictures" if stream.codec in PICTURE_CODECS else "of a kind that is not read"
            advice = "give its text with --captions FILE"
            notes.append(f"subtitle stream {stream.index} ({stream.codec}) is {kind}: {advice}")
    return None


def _from_speech(
    video: Video, transcribe: Callable[[], Transcribe] | None, report: Callable[[float], None] | None
) -> Captions:
    if not video.has_audio:
        return Captions(
            "none", "und", note="there is no sound and there are no captions: scenes come from pictures alone"
        )
    if transcribe is None:
        return Captions("none", "und", note="there are no captions and speech recognition is off")
    heard = transcribe()(read_audio(video), report)
    cues = tuple(_cue_of(k, phrase) for k, phrase in enumerate(heard.cues))
    cues, note = _fit(cues, video)
    if not cues:
        return Captions("none", "und", note="no speech was heard: scenes come from pictures alone")
    return Captions("speech", heard.language, cues, note)


def _cue_of(number: int, phrase: Phrase) -> Cue:
    words = tuple(word.start for word in phrase.words)
    whole = len(words) == len(phrase.text.split())  # a recognised word may hold a blank
    return Cue(number, phrase.start, phrase.end, phrase.text, words=words if whole else ())


def _read_file(video: Video, path: Path, source: str, language: str) -> Captions:
    name = repr(str(path))
    try:
        if not path.is_file():
            raise InputError(f"there is no caption file {name}: check the path")
        if os.path.getsize(path) > MOST_BYTES:
            raise InputError(f"the caption file {name} is larger than {MOST_BYTES >> 20} MiB: give captions only")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the caption file {name}: {error.strerror}") from error
    try:
        parsed = parse_caption_file(data, path.suffix)
    except InputError as error:
        raise InputError(f"caption file {name}: {error}") from error
    return _finish(video, parsed, source, language, f"the caption file {name}")


def _read_stream(video: Video, stream: SubtitleStream) -> Captions:
    # Converting between two texts goes through a third in ffmpeg, which costs WebVTT its escapes: it is copied.
    how = {"codec": "copy"} if stream.codec == "webvtt" else {}
    output = ffmpeg.output(open_source(video.path)[str(stream.index)], "pipe:1", format="webvtt", **how)
    parsed = parse_caption_file(run_ffmpeg(output, video.path, MOST_BYTES), ".vtt")
    return _finish(video, parsed, "stream", _short(stream.language), f"subtitle stream {stream.index}")


def _finish(video: Video, parsed: ParsedCaptions, source: str, language: str, name: str) -> Captions:
    """The record, with all that was odd about it in its note. Raises InputError where no cue is left."""
    if not parsed.cues:
        raise InputError(f"{name} holds no readable cue ({parsed.broken} broken): give a .vtt or .srt file with times")
    cues, late = _fit(parsed.cues, video)
    if not cues:
        first = parsed.cues[0].start
        raise InputError(
            f"{name} begins at {first:.1f} s, the video ends at {_end(video):.1f} s: it is another video's"
        )
    notes = [late] if late else []
    if parsed.broken:
        notes.append(f"{_count(parsed.broken, 'broken cue')} left out")
    if parsed.collapsed:
        notes.append(f"the captions roll: {_count(parsed.collapsed, 'cue')} that only repeated the one before left out")
    if not parsed.encoding.startswith("utf"):
        notes.append(f"the captions are not UTF-8 and were read as {parsed.encoding}")
    language, foreign = _judge_language(language, cues)
    return Captions(source, language, cues, "; ".join(notes + foreign))


def _judge_language(language: str, cues: tuple[Cue, ...]) -> tuple[str, list[str]]:
    """(language, notes): the tag, or English where an untagged text reads like it; others are noted."""
    english = looks_english(" ".join(cue.text for cue in cues))
    if language == "und":
        return ("en", []) if english else ("und", ["the captions do not look English"] if english is False else [])
    if not language.startswith("en"):
        return language, [f"the captions are in {language!r}, not English"]
    return language, ["the captions are tagged English and do not look it"] if english is False else []


def _fit(cues: tuple[Cue, ...], video: Video) -> tuple[tuple[Cue, ...], str]:
    """(cues within the video, numbered anew, a note on those that were not)."""
    end = _end(video)
    inside = [replace(cue, end=min(cue.end, end)) for cue in cues if cue.start < end]
    clipped = sum(cue.end > end + 0.5 for cue in cues if cue.start < end)  # less than half a second is usual
    dropped = len(cues) - len(inside)
    notes = [f"{_count(dropped, 'cue')} after the video's end dropped"] if dropped else []
    notes += [f"{_count(clipped, 'cue')} cut at the video's end"] if clipped else []
    return tuple(replace(cue, id=k) for k, cue in enumerate(inside)), "; ".join(notes)


def _end(video: Video) -> float:
    return video.start + video.duration


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _with_notes(captions: Captions, notes: list[str]) -> Captions:
    return replace(captions, note="; ".join([*notes, captions.note] if captions.note else notes))


def _sidecar_language(path: Path, stem: str) -> str | None:
    """The language tag of a sidecar's name ("und" without one), None where it is no sidecar of `stem`."""
    name = path.stem
    if path.suffix.lower() not in SIDECAR_SUFFIXES or not (name == stem or name.startswith(stem + ".")):
        return None
    tags = [tag.lower() for tag in name[len(stem) + 1 :].split(".") if tag.lower() not in _EXTRAS]
    if not tags or tags == [""]:
        return "und"
    return _short(tags[0]) if len(tags) == 1 and _LANGUAGE.fullmatch(tags[0]) else None


def _language_of(stem: str) -> str:
    """The tag of a name like `talk.en`, "und" without one."""
    tag = stem.rpartition(".")[2] if "." in stem else ""
    return _short(tag) if _LANGUAGE.fullmatch(tag) else "und"


def _short(tag: str) -> str:
    """A two-letter language code, with its region, where one is known: "eng" is "en"."""
    first, _, region = tag.lower().partition("-")
    return "-".join(filter(None, (_SHORT.get(first, first), region))) or "und"
