"""FCPXML against the rules of its grammar, which Final Cut checks before anything else, and refuses a file by."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings

from tasks.timeline.fcpxml import format_fcpxml, format_time
from tests.tasks.timeline.edits import make_timeline, placed_board, timelines
from tests.tasks.timeline.readers import read_fcpxml, read_time

TIME = {"start", "duration", "offset", "frameDuration", "tcStart", "posterOffset"}
#: tag -> (order of its children, attributes it must have, those it may have); the part of 1.9 that is used here.
GRAMMAR: dict[str, tuple[str, set[str], set[str]]] = {
    "fcpxml": ("(resources )?(library )?", {"version"}, set()),
    "resources": ("(asset |format )*", set(), set()),
    "format": ("", {"id"}, {"name", "frameDuration", "fieldOrder", "width", "height", "paspH", "paspV", "colorSpace"}),
    "asset": ("(media-rep )+(metadata )?", {"id"}, {"name", "uid", "start", "duration", "hasVideo", "format",
              "hasAudio", "videoSources", "audioSources", "audioChannels", "audioRate"}),
    "media-rep": ("(bookmark )?", {"src"}, {"kind", "sig", "suggestedFilename"}),
    "library": ("(event )*", set(), {"location", "colorProcessing"}),
    "event": ("(project )*", set(), {"name", "uid"}),
    "project": ("sequence ", set(), {"name", "uid", "id", "modDate"}),
    "sequence": ("(note )?spine (metadata )?", {"format"}, {"duration", "tcStart", "tcFormat", "audioLayout",
                 "audioRate", "renderFormat", "keywords"}),
    "spine": ("(asset-clip |video |gap )*", set(), {"lane", "offset", "name", "format"}),
    "asset-clip": ("(note )?(conform-rate )?(timeMap )?(video )*((marker |chapter-marker )*)(metadata )?", {"ref"},
                   {"lane", "offset", "name", "start", "duration", "enabled", "srcEnable", "format", "tcStart",
                    "tcFormat", "audioRole", "videoRole"}),
    "video": ("(note )?(conform-rate )?(timeMap )?(marker |chapter-marker )*", {"ref", "duration"},
              {"lane", "offset", "name", "start", "enabled", "srcID", "role"}),
    "conform-rate": ("", set(), {"scaleEnabled", "srcFrameRate", "frameSampling"}),
    "note": ("", set(), set()),
    "marker": ("", {"start", "value"}, {"duration", "completed", "note"}),
    "chapter-marker": ("", {"start", "value"}, {"duration", "note", "posterOffset"}),
}  # fmt: skip
CHOICES = {
    "tcFormat": {"DF", "NDF"}, "audioLayout": {"mono", "stereo", "surround"}, "enabled": {"0", "1"},
    "completed": {"0", "1"}, "kind": {"original-media", "proxy-media"}, "scaleEnabled": {"0", "1"},
    "srcFrameRate": {"23.98", "24", "25", "29.97", "30", "47.95", "48", "50", "59.94", "60"},
}  # fmt: skip


def check_grammar(text: str) -> ET.Element:
    """The root, where the document keeps to all of it."""
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n')
    root = ET.fromstring(text.encode())
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    for element in root.iter():
        order, must, may = GRAMMAR[element.tag]
        assert re.fullmatch(order, "".join(f"{child.tag} " for child in element)), element.tag
        assert must <= set(element.keys()) <= must | may, (element.tag, element.keys())
        assert element.tag == "note" or not (element.text or "").strip()
        for name, value in element.items():
            assert value in CHOICES.get(name, {value}), (name, value)
            if name in TIME:
                read_time(value)
            if name in ("ref", "format"):
                assert value in ids
    if (rate := root.find("library/event/project/sequence").get("audioRate")) is not None:
        assert rate in ("32k", "44.1k", "48k", "88.2k", "96k", "176.4k", "192k")
    return root


@given(timeline=timelines())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_edit_keeps_to_the_grammar(timeline):
    check_grammar(format_fcpxml(timeline))


def test_stills_have_a_size_and_no_rate_and_are_connected_above_the_source():
    root = check_grammar(format_fcpxml(make_timeline(placed_board(Fraction(30000, 1001)), runners_up=True)))
    resources = {element.get("id"): element for element in root.find("resources")}
    clip = root.find(".//spine/asset-clip")
    stills = clip.findall("video")
    assert [still.get("lane") for still in stills] == ["1"] * 3 + ["2"] * 3
    assert [still.get("enabled") for still in stills] == [None] * 3 + ["0"] * 3
    for still in stills:
        asset = resources[still.get("ref")]
        shape = resources[asset.get("format")]
        assert (asset.get("start"), asset.get("duration"), asset.get("hasVideo")) == ("0s", "0s", "1")
        assert shape.get("frameDuration") is None
        assert (shape.get("width"), shape.get("height")) == ("1280", "720")
    assert stills[0].findtext("note") == "rocket, in a meadow"
    assert clip.find("chapter-marker").get("note") == "It is about a rocket.\nrocket, in a meadow"


def test_a_scene_that_failed_is_a_thing_to_do():
    board = placed_board()
    scenes = (replace(board.scenes[0], state="failed", error="draw: no whale today"), *board.scenes[1:])
    marker = check_grammar(format_fcpxml(make_timeline(replace(board, scenes=scenes)))).find(".//marker")
    assert (marker.get("completed"), marker.get("note").splitlines()[-1]) == ("0", "draw: no whale today")


def test_a_source_at_another_rate_is_conformed():
    text = format_fcpxml(make_timeline(placed_board(Fraction(48))))
    root = check_grammar(text)
    conform = root.find(".//asset-clip/conform-rate")
    assert (conform.get("scaleEnabled"), conform.get("srcFrameRate")) == ("0", "48")
    formats = {f.get("id"): f.get("frameDuration") for f in root.findall("resources/format")}
    assert formats[root.find("resources/asset").get("format")] == "1/48s"
    assert read_fcpxml(text).rate == 24
    odd = check_grammar(format_fcpxml(make_timeline(placed_board(Fraction(15)))))
    assert odd.find(".//conform-rate").get("srcFrameRate") is None


@pytest.mark.parametrize(
    ("frames", "rate", "text"),
    [
        (0, Fraction(25), "0s"),
        (1, Fraction(30000, 1001), "1001/30000s"),
        (107_892, Fraction(30000, 1001), "8999991/2500s"),
        (90_000, Fraction(25), "3600s"),
        (30, Fraction(60), "1/2s"),
    ],
)
def test_times_are_reduced_fractions(frames, rate, text):
    assert format_time(frames, rate) == text
    assert read_time(text) == frames / rate


@pytest.mark.parametrize("spoilt", ["<video/>", '<marker start="1s" value="x" colour="red"/>'])
def test_the_grammar_would_find_what_is_wrong(spoilt):
    """After the markers, or with an attribute that the format has not."""
    text = format_fcpxml(make_timeline()).replace("</asset-clip>", spoilt + "</asset-clip>")
    with pytest.raises(AssertionError):
        check_grammar(text)
