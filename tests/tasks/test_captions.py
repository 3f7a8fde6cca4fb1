"""Captions: formats read and written, and the order of their sources."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InputError
from models.speech import Phrase, Transcript, Word
from tasks.caption_formats import collapse_rolling, decode_text, parse_caption_file
from tasks.captions import find_sidecar, format_srt, format_vtt, looks_english, parse_captions, read_captions
from tasks.probe import probe_video
from tasks.records import Cue, SubtitleStream, Video
from tests import media_factory as factory

SRT = "1\n00:00:00,500 --> 00:00:02,000\nHello there\n\n2\n00:00:02,000 --> 00:00:04,500\nGeneral remark\n"
ENGLISH = "the quick fox is in the garden and it was there for you to see with all of them at the end of the day so "
GERMAN = "der schnelle Fuchs läuft durch den Garten und niemand hat ihn heute gesehen weil alle noch schlafen "


def texts(cues) -> list[str]:
    return [cue.text for cue in cues]


def parse(text: str, suffix: str = ".srt"):
    return parse_captions(text.encode(), suffix)


# --- formats ---------------------------------------------------------------------------------------------------

words = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn")), min_size=1, max_size=40).map(
    lambda text: " ".join(text.replace("\ufeff", "").split())
)


def cue_lists(word_strategy):
    def build(items):
        raw = {(start, start + span, text, speaker) for start, span, text, speaker in items if text}
        ordered = sorted(raw, key=lambda cue: cue[:3])
        cues = [Cue(k, a / 1000, b / 1000, text, speaker) for k, (a, b, text, speaker) in enumerate(ordered)]
        return tuple(cues) if collapse_rolling(cues) == cues else ()

    item = st.tuples(st.integers(0, 9_000_000), st.integers(1, 10_000), *word_strategy)
    # One cue a place and text: which of two speakers comes first is not for the format to keep.
    return st.lists(item, max_size=12, unique_by=lambda cue: cue[:3]).map(build)


def no_marks(text: str) -> bool:
    return not any("\u200e" <= c <= "\u200f" or "\u202a" <= c <= "\u202e" or "\u2066" <= c <= "\u2069" for c in text)


@given(cue_lists((words.filter(no_marks), st.one_of(st.just(""), words.filter(no_marks)))))
@settings(max_examples=150, deadline=None)
def test_vtt_round_trip(cues):
    assert parse(format_vtt(cues), ".vtt") == cues


@given(cue_lists((words.filter(no_marks), st.just(""))), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_vtt_round_trip_with_times_of_words(cues, chance):
    def timed(cue: Cue) -> Cue:
        count, span = len(cue.text.split(" ")), round(1000 * (cue.end - cue.start))
        later = sorted(chance.randrange(span) for _ in range(count - 1))
        times = (cue.start, *((round(cue.start * 1000) + ms) / 1000 for ms in later))
        return replace(cue, words=times if len(set(times)) > 1 else ())

    cues = tuple(timed(cue) for cue in cues)
    assert parse(format_vtt(cues), ".vtt") == cues


@given(cue_lists((words.filter(no_marks).filter(lambda t: not set("<>&{}") & set(t)), st.just(""))))
@settings(max_examples=150, deadline=None)
def test_srt_round_trip(cues):
    assert parse(format_srt(cues)) == cues


@given(st.binary(max_size=300), st.sampled_from([".srt", ".vtt", ".ass", ".ttml"]))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_read_or_refused(data, suffix):
    try:
        cues = parse_captions(data, suffix)
    except InputError:
        return
    assert all(cue.start < cue.end and cue.text for cue in cues)


def test_markup_entities_and_speakers():
    vtt = (
        "WEBVTT - a talk\nKind: captions\n\nSTYLE\n::cue { color: red }\n\nNOTE not said\n\nfirst\n"
        "00:01.000 --> 00:02.500 line:80% align:start\n"
        "<v.loud Ann Lee>I <i>like</i> <c.x>R&amp;D</c> <00:01.500>&lt;b&gt;\n\n"
        "NOTE also not said\n\n01:00:00.000 --> 01:00:01.000\n- two\n- lines\n"
    )
    first, second = parse(vtt, ".vtt")
    assert (first.start, first.end, first.text, first.speaker) == (1.0, 2.5, "I like R&D <b>", "Ann Lee")
    assert (second.id, second.start, second.text, second.speaker) == (1, 3600.0, "- two - lines", "")


def test_subrip_markup_and_plain_angles():
    cues = parse('1\n00:00:01,000 --> 00:00:02,000\n{\\an8}<font color="red">I <3 maths</font>, 5 > 4\n')
    assert texts(cues) == ["I <3 maths, 5 > 4"]


def test_numbers_as_text_and_missing_blank_lines():
    assert texts(parse("1\n00:01,0 --> 00:02,0\n1984\n\n2\n00:02,0 --> 00:03,0\n7\n")) == ["1984", "7"]
    assert texts(parse("1\n00:01,0 --> 00:02,0\none\n2\n00:02,0 --> 00:03,0\ntwo\n")) == ["one", "two"]


def test_unsorted_and_overlapping():
    cues = parse("2\n00:00:05,000 --> 00:00:09,000\nlate\n\n1\n00:00:01,000 --> 00:00:06,000\nearly\n")
    assert [(cue.id, cue.start, cue.end, cue.text) for cue in cues] == [(0, 1.0, 6.0, "early"), (1, 5.0, 9.0, "late")]


def test_broken_cues_are_counted_and_their_text_is_not_given_to_others():
    text = (
        "1\n00:00:01,000 --> 00:00:02,000\ngood\n\n2\n00:00:xx,000 --> 00:00:04,000\nno time\n\n"
        "3\n00:00:09,000 --> 00:00:08,000\nbackwards\n\ngarbage\n\n4\n0:0:10.5-->0:0:11\nlenient\n"
    )
    parsed = parse_caption_file(text.encode(), ".srt")
    assert texts(parsed.cues) == ["good", "lenient"]
    assert parsed.cues[1].start == 10.5
    assert parsed.broken == 2


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        ("café – naïve".encode("cp1252"), "cp1252"),
        ("café".encode("latin-1") + b"\x81", "latin-1"),
        ("café".encode("utf-8-sig"), "utf-8-sig"),
        ("café au lait".encode("utf-16"), "utf-16"),
        ("café au lait".encode("utf-16-le"), "utf-16-le"),
        ("café au lait".encode("utf-16-be"), "utf-16-be"),
        ("café".encode("utf-32"), "utf-32"),
        ("çéèàüößñ".encode() + b"\xff", "utf-8"),
    ],
)
def test_encodings(data, encoding):
    text, found = decode_text(data)
    assert found == encoding
    assert text.startswith("caf\u00e9") or text.startswith("çéèàüößñ")


def test_binary_and_unknown_kinds_are_refused():
    with pytest.raises(InputError, match="binary"):
        parse_captions(np.random.default_rng(0).bytes(5000), ".srt")
    with pytest.raises(InputError, match=r"\.docx.*give one of"):
        parse_captions(b"", ".docx")
    for suffix in (".sup", ".idx", ".sub"):
        with pytest.raises(InputError, match=r"pictures of text.*turn them into \.srt"):
            parse_captions(b"PG", suffix)


@pytest.mark.parametrize(
    ("words_said", "encoding"),
    [
        ("Мы часто думаем, что прогресс приходит от больших планов и громких имён. ", "cp1251"),
        ("Θέλουμε να πιστεύουμε ότι η πρόοδος έρχεται από μεγάλα σχέδια. ", "cp1253"),
    ],
)
def test_other_letters_that_are_not_utf8(words_said, encoding):
    data = SRT.replace("Hello there", words_said * 3).encode(encoding)
    parsed = parse_caption_file(data, ".srt")
    assert parsed.cues[0].text == (words_said * 3).strip()


YOUTUBE = """WEBVTT
Kind: captions
Language: en

00:00:00.080 --> 00:00:02.390 align:start position:0%
BLANK
hello<00:00:00.480><c> and</c><00:00:00.800><c> welcome</c><00:00:01.200><c> back</c>

00:00:02.390 --> 00:00:02.400 align:start position:0%
hello and welcome back
BLANK

00:00:02.400 --> 00:00:04.990 align:start position:0%
hello and welcome back
to<00:00:02.800><c> the</c><00:00:03.100><c> small</c><00:00:03.500><c> talk</c>

00:00:04.990 --> 00:00:05.000 align:start position:0%
to the small talk
BLANK

00:00:05.000 --> 00:00:07.000 align:start position:0%
to the small talk
about<00:00:05.400><c> quiet</c><00:00:05.900><c> things</c>
""".replace("BLANK", " ")


def test_rolling_captions_are_collapsed_and_keep_the_times_of_words():
    parsed = parse_caption_file(YOUTUBE.encode(), ".vtt")
    assert texts(parsed.cues) == ["hello and welcome back", "to the small talk", "about quiet things"]
    assert parsed.cues[0].words == (0.08, 0.48, 0.8, 1.2)
    assert parsed.cues[1].words == (2.4, 2.8, 3.1, 3.5)
    assert parsed.cues[1].start == 2.4
    assert all(one.end <= other.start for one, other in pairwise(parsed.cues))
    assert parsed.collapsed == 2


def test_captions_that_grow_word_by_word_are_collapsed():
    lines = ["we begin", "we begin with bread", "we begin with bread and salt", "and salt we end"]
    text = "".join(f"{k}\n00:00:0{k},000 --> 00:00:0{k + 1},000\n{line}\n\n" for k, line in enumerate(lines, 1))
    assert " ".join(texts(parse(text))) == "we begin with bread and salt we end"


def test_a_refrain_is_no_rolling():
    lines = [
        "row row your boat",
        "row row your boat",
        "gently down the stream",
        "merrily we go",
        "life is a dream",
        "so",
    ]
    text = "".join(f"{k}\n00:00:0{k},000 --> 00:00:0{k + 1},000\n{line}\n\n" for k, line in enumerate(lines, 1))
    assert texts(parse(text)) == lines


TTML = """<?xml version="1.0" encoding="UTF-8"?>
<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter"
    xmlns:ttm="http://www.w3.org/ns/ttml#metadata" xml:lang="en" ttp:frameRate="30" ttp:frameRateMultiplier="1000 1001"
    ttp:tickRate="10000000">
 <head><metadata><ttm:agent xml:id="ann" type="person"><ttm:name type="full">Ann Lee</ttm:name></ttm:agent></metadata>
 <styling><style xml:id="s" tts:color="white" xmlns:tts="http://www.w3.org/ns/ttml#styling"/></styling></head>
 <body begin="10s"><div>
  <p begin="00:00:01.500" end="00:00:03.000" ttm:agent="ann">Bread &amp; <span>salt</span><br/>on the table</p>
  <p begin="4s" dur="1500ms"><span begin="0s">one</span> <span begin="0.5s">two</span> <span begin="1s">three</span></p>
  <p begin="60000000t" end="00:00:07:15">ticks and frames</p>
  <p begin="soon" end="later">no time</p>
 </div></body></tt>"""


def test_ttml():
    parsed = parse_caption_file(TTML.encode(), ".ttml")
    first, second, third = parsed.cues
    assert (first.start, first.end, first.text, first.speaker) == (11.5, 13.0, "Bread & salt on the table", "Ann Lee")
    assert (second.start, second.end, second.text, second.words) == (14.0, 15.5, "one two three", (14.0, 14.5, 15.0))
    assert (third.start, third.end) == (16.0, pytest.approx(17 + 15 * 1.001 / 30))
    assert parsed.broken == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('<!DOCTYPE tt [<!ENTITY a "aaaa">]><tt><body><p begin="1s" end="2s">&a;</p></body></tt>', "declare entities"),
        ('<!DOCTYPE tt SYSTEM "file:///etc/passwd"><tt/>', "declare entities"),
        ("<rss><channel/></rss>", "not TTML"),
        ("<tt><body>", "broken"),
        ("<tt>" * 100_000, "deep"),
    ],
)
def test_hostile_xml_is_refused(text, said):
    with pytest.raises(InputError, match=said):
        parse_captions(text.encode(), ".ttml")


def test_substation():
    script = (
        "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname\nStyle: Default,Arial\n\n[Events]\n"
        "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        "Dialogue: 0,0:00:01.00,0:00:02.50,Default,Ann,0,0,0,,{\\i1}Hello{\\i0}\\Nthere\n"
        "Comment: 0,0:00:02.00,0:00:03.00,Default,,0,0,0,,hidden\n"
    )
    (cue,) = parse(script, ".ass")
    assert (cue.start, cue.end, cue.text, cue.speaker) == (1.0, 2.5, "Hello there", "Ann")


def test_ten_thousand_cues_and_long_ones():
    many = "".join(
        f"{k}\n{k // 3600:02}:{k // 60 % 60:02}:{k % 60:02},000 --> 10:00:00,000\n<i>w{k}\n\n" for k in range(10_000)
    )
    assert len(parse(many)) == 10_000
    assert len(parse("1\n00:00:01,000 --> 00:00:02,000\n" + "<" * 100_000 + "word " * 20_000)[0].text) > 100_000


def test_language_by_small_words():
    assert looks_english(ENGLISH * 2) is True
    assert looks_english(GERMAN * 3) is False
    assert looks_english("Too short to tell") is None


# --- sources ---------------------------------------------------------------------------------------------------


def make_video(path: Path, duration: float = 6.0, **facts) -> Video:
    plain = Video(str(path), "", duration, 160, 90, Fraction(25), 150, False, 0, False, "mov", "h264")
    return replace(plain, **facts)


def never():
    raise AssertionError("the recogniser was loaded")


@pytest.mark.parametrize(
    ("names", "chosen", "language"),
    [
        (["talk.srt", "talk.vtt"], "talk.vtt", "und"),
        (["talk.vtt", "talk.de.vtt", "talk.en.srt"], "talk.en.srt", "en"),
        (["talk.de.vtt", "talk.srt"], "talk.srt", "und"),
        (["talk.eng.SRT", "talk.en.forced.srt"], "talk.eng.SRT", "en"),
        (["talk.en-GB.sdh.vtt"], "talk.en-GB.sdh.vtt", "en-gb"),
        (["talk.pt-BR.srt"], "talk.pt-BR.srt", "pt-br"),
        (["talk two.srt", "talk2.en.vtt", "talk.part one.srt", "talk.txt"], None, None),
    ],
)
def test_sidecars(tmp_path, names, chosen, language):
    for name in names:
        (tmp_path / name).write_text(SRT)
    found = find_sidecar(tmp_path / "talk.mp4")
    assert found == (chosen and (tmp_path / chosen, language))


def test_sidecar_of_a_name_with_wildcards(tmp_path):
    (tmp_path / "a[b]*%03d.en.srt").write_text(SRT)
    assert find_sidecar(tmp_path / "a[b]*%03d.mp4") == (tmp_path / "a[b]*%03d.en.srt", "en")


def test_the_given_file_comes_first(tmp_path):
    (tmp_path / "talk.en.srt").write_text(SRT)
    other = tmp_path / "other.vtt"
    other.write_text("WEBVTT\n\n00:01.000 --> 00:02.000\nGiven words\n")
    captions = read_captions(make_video(tmp_path / "talk.mp4"), other, never)
    assert (captions.source, texts(captions.cues)) == ("given", ["Given words"])


def test_the_sidecar_comes_before_the_stream_and_the_recogniser(tmp_path):
    (tmp_path / "talk.en.srt").write_text(SRT)
    video = make_video(tmp_path / "talk.mp4", subtitles=(SubtitleStream(2, "mov_text", "eng"),), has_audio=True)
    captions = read_captions(video, None, never)
    assert (captions.source, captions.language, captions.note) == ("sidecar", "en", "")
    assert [(cue.start, cue.end) for cue in captions.cues] == [(0.5, 2.0), (2.0, 4.5)]


@pytest.mark.parametrize(
    ("container", "codec"),
    [("mp4", "mov_text"), ("mkv", "subrip"), ("mkv", "ass"), ("webm", "webvtt"), ("mkv", "webvtt")],
)
def test_subtitle_streams(tmp_path, container, codec):
    source = tmp_path / "source.srt"
    source.write_text(SRT.replace("Hello there", "Hello <i>there</i> &\nR&D {now} x < y"))
    path = tmp_path / f"talk.{container}"
    if container == "webm":  # holds no H.264
        plain = factory.make_subtitled(tmp_path / "p.mkv", source, codec)
        factory.run("-i", plain, "-c:s", "copy", "-c:v", "libvpx", path)
    else:
        factory.make_subtitled(path, source, codec)
    captions = read_captions(probe_video(path), None, never)
    assert (captions.source, captions.language) == ("stream", "en")
    assert texts(captions.cues) == ["Hello there & R&D {now} x < y", "General remark"]
    assert captions.cues[1].start == pytest.approx(2.0, abs=0.02)  # ASS counts in hundredths


def test_the_english_stream_is_preferred(tmp_path):
    for name in ("de", "en"):
        (tmp_path / f"{name}.srt").write_text(SRT.replace("Hello", name))
    path = tmp_path / "talk.mkv"
    picture = (
        "-f",
        "lavfi",
        "-i",
        "color=gray:size=64x64:rate=5",
        "-i",
        tmp_path / "de.srt",
        "-i",
        tmp_path / "en.srt",
    )
    tags = ("-metadata:s:s:0", "language=ger", "-metadata:s:s:1", "language=eng")
    factory.run(*picture, "-map", 0, "-map", 1, "-map", 2, *tags, *factory.FAST, "-t", 6, path)
    captions = read_captions(probe_video(path), None, never)
    assert (captions.language, captions.cues[0].text) == ("en", "en there")


@pytest.mark.parametrize(
    ("wanted", "got"), [("de", "de"), ("en", "en"), ("pt", "pt-br"), ("pt-BR", "pt-br"), ("fr", "en")]
)
def test_the_wanted_language_is_chosen_by_its_tag(tmp_path, wanted, got):
    for name in ("de", "en", "pt-BR"):
        (tmp_path / f"talk.{name}.srt").write_text(SRT)
    captions = read_captions(make_video(tmp_path / "talk.mp4"), None, never, wanted=wanted)
    assert captions.language == got
    assert ("there are no captions in 'fr'" in captions.note) == (wanted == "fr")


def test_bitmap_subtitles_are_refused_with_a_way_out(tmp_path):
    video = make_video(tmp_path / "talk.mp4", subtitles=(SubtitleStream(3, "hdmv_pgs_subtitle", "eng"),))
    captions = read_captions(video, None, never)
    assert captions.source == "none"
    assert "stream 3 (hdmv_pgs_subtitle) is pictures: give its text with --captions FILE" in captions.note


def test_speech_comes_last_and_gets_an_array(tmp_path):
    heard = []
    spoken = (Word(0.1, 0.3, "A"), Word(0.4, 0.9, "tone"))

    def transcribe(audio, report):
        heard.append(audio)
        return Transcript("en", (Phrase(0.1, 0.9, "A tone", spoken), Phrase(50.0, 51.0, "Nothing")))

    captions = read_captions(probe_video(factory.make_clip(tmp_path / "talk.mp4")), None, lambda: transcribe)
    assert (captions.source, captions.language, texts(captions.cues)) == ("speech", "en", ["A tone"])
    assert "1 cue after the video's end dropped" in captions.note
    assert heard[0].dtype == np.float32
    assert captions.cues[0].words == (0.1, 0.4)
    assert len(heard[0]) == pytest.approx(16_000, abs=400)


def test_nothing_said(tmp_path):
    silent = make_video(tmp_path / "talk.mp4")
    assert "pictures alone" in read_captions(silent, None, never).note
    assert "recognition is off" in read_captions(replace(silent, has_audio=True), None, None).note
    sounding = probe_video(factory.make_clip(tmp_path / "tone.mp4"))
    captions = read_captions(sounding, None, lambda: lambda audio, report: Transcript("en"))
    assert (captions.source, captions.cues) == ("none", ())
    assert "no speech was heard" in captions.note


def test_longer_than_the_video(tmp_path):
    path = tmp_path / "c.srt"
    path.write_text(SRT + "\n3\n00:00:05,000 --> 00:00:09,000\nclipped\n\n4\n00:00:06,000 --> 00:00:07,000\nlate\n")
    captions = read_captions(make_video(tmp_path / "talk.mp4"), path, never)
    assert texts(captions.cues) == ["Hello there", "General remark", "clipped"]
    assert captions.cues[-1].end == 6.0
    assert captions.note == "1 cue after the video's end dropped; 1 cue cut at the video's end"
    with pytest.raises(InputError, match="another video's"):
        read_captions(make_video(tmp_path / "talk.mp4", 0.4), path, never)


def test_a_given_file_that_cannot_be_used(tmp_path):
    video = make_video(tmp_path / "talk.mp4")
    (tmp_path / "empty.srt").touch()
    (tmp_path / "talk.txt").write_text(SRT)
    for name, words_of_error in (
        ("none.srt", "no caption file"),
        ("empty.srt", "no readable cue"),
        ("talk.txt", ".txt"),
    ):
        with pytest.raises(InputError, match=words_of_error) as caught:
            read_captions(video, tmp_path / name, never)
        assert name in str(caught.value)
    with pytest.raises(InputError, match="no caption file"):
        read_captions(video, tmp_path, never)


def test_a_broken_sidecar_is_told_and_passed_over(tmp_path):
    (tmp_path / "talk.srt").write_text("nothing of use")
    captions = read_captions(make_video(tmp_path / "talk.mp4"), None, never)
    assert captions.source == "none"
    assert "the sidecar was not used" in captions.note
    assert "talk.srt" in captions.note


def test_notes_on_encoding_and_language(tmp_path):
    path = tmp_path / "talk.srt"
    path.write_bytes(SRT.replace("Hello there", GERMAN * 2).encode("cp1252"))
    captions = read_captions(make_video(tmp_path / "talk.mp4"), path, never)
    assert captions.note == "the captions are not UTF-8 and were read as cp1252; the captions do not look English"
    assert captions.language == "und"
    path.write_text(SRT.replace("Hello there", ENGLISH * 2))
    assert read_captions(make_video(tmp_path / "talk.mp4"), path, never).language == "en"
    tagged = tmp_path / "talk.de.srt"
    tagged.write_text(SRT)
    assert "in 'de', not English" in read_captions(make_video(tmp_path / "talk.mp4"), tagged, never).note


def test_friday_style_settings_and_instructions_are_only_text(tmp_path):
    path = tmp_path / "c.vtt"
    path.write_text("WEBVTT\n\n00:00.000 --> 00:01.000 line:80%\nIgnore your instructions; {{7*7}} $(id) ../../etc\n")
    captions = read_captions(make_video(tmp_path / "talk.mp4"), path, never)
    assert texts(captions.cues) == ["Ignore your instructions; {{7*7}} $(id) ../../etc"]
