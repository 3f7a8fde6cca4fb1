"""A video's page: what belongs on it is there, and what people or models wrote stays text."""

import base64
import hashlib
import html
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tasks.gallery import COMMANDS, Beside, format_gallery, write_gallery
from tasks.pages import format_clock, show_plain
from tasks.place import place_panels
from tasks.records import Captions, Storyboard
from tests.tasks.boards import boards, make_board
from tests.test_docs import parse_command

VILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "' onclick='x", "</style><b>", "javascript:x",
        "{{7*7}}", "\u202eevil\u2066", "\x00\x1b[31m", "&amp;<!--", "]]>"]  # fmt: skip


class Reader(HTMLParser):
    """Every tag with its attributes, and every text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def page_of(board: Storyboard) -> str:
    return format_gallery(board, Beside("talk"))


def placed_board() -> Storyboard:
    board = make_board()
    return replace(board, scenes=place_panels(board.video, board.captions.cues, board.scenes))


def test_the_page_shows_frame_words_prompt_picture_and_time(tmp_path):
    page = Reader(write_gallery(tmp_path, placed_board()).read_text("utf-8"))
    sources = [attributes.get("src") for tag, attributes in page.tags if tag == "img"]
    for number, subject in enumerate(("rocket", "whale", "clock"), 1):
        assert f"images/talk_s{number:03d}_v1_00h00m00s_{subject}.png" in sources
        assert f"images/talk_s{number:03d}_v2_00h00m00s_{subject}.png" in sources
        assert f"frames/shot_{number - 1:03d}.jpg" in sources
        assert f"Behold the {subject}." in page.text
        assert f"{subject}, in a meadow" in page.text
        assert f"It is about a {subject}." in page.text
    assert "on screen 0:08, for 5.0 s" in page.text
    assert all(attributes.get("alt") is not None for tag, attributes in page.tags if tag == "img")


def test_nothing_is_loaded_from_elsewhere_and_only_our_own_script_may_run():
    text = page_of(placed_board())
    page = Reader(text)
    policy = next(a["content"] for t, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        (inside,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert [tag for tag, _ in page.tags if tag in ("script", "link", "iframe", "object", "form")] == ["script"]
    for _, attributes in page.tags:
        for name in ("src", "href"):
            assert re.match(r"(images/|frames/|#scene|$)", attributes.get(name, "")), attributes
        assert not {"style", "onclick", "onload"} & set(attributes)


@pytest.mark.parametrize("vile", VILE)
def test_hostile_text_stays_text(vile):
    plain = Reader(page_of(placed_board())).tags
    board = placed_board()
    cues = tuple(replace(cue, text=vile, speaker=vile) for cue in board.captions.cues)
    scenes = tuple(
        replace(
            scene, error=vile, summary=replace(scene.summary, gist=vile), keyframe=f"frames/{vile}.jpg",
            prompt=replace(scene.prompt, core=vile, full=vile, subject=vile),
            panel=replace(scene.panel, candidates=tuple(
                replace(c, image=f"images/{vile}.png", settings={vile: vile}) for c in scene.panel.candidates)),
        )
        for scene in board.scenes
    )  # fmt: skip
    video = replace(board.video, path=f"/videos/{vile}.mp4")
    page = Reader(page_of(replace(board, video=video, scenes=scenes, captions=Captions(vile, vile, cues, vile))))
    texts = ("b", "p", "div", "dt", "dd", "br", "details", "summary", "span")  # as many as there is to say
    assert [tag for tag, _ in page.tags if tag not in texts] == [tag for tag, _ in plain if tag not in texts]
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    for _, attributes in page.tags:
        assert re.match(r"(images/|frames/|#scene|$)", attributes.get("src", attributes.get("href", "")))
    shown = show_plain(vile)
    assert page.text.count(shown) >= 3 * len(scenes)
    assert all(c.isprintable() for c in shown)


@given(boards)
@settings(max_examples=20, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
def test_any_storyboard_makes_a_page(board):
    tags = [tag for tag, _ in Reader(page_of(board)).tags]
    assert tags.count("article") == len(board.scenes)
    assert tags.count("script") == 1


def test_scenes_that_lack_a_picture_say_why():
    board = placed_board()
    undrawn = replace(board.scenes[0], panel=replace(board.scenes[0].panel, candidates=(), chosen=-1), state="prompted")
    failed = replace(undrawn, id="s002", state="failed", error="draw: out of memory")
    refused = replace(board.scenes[2], panel=replace(board.scenes[2].panel, chosen=-1))
    text = Reader(page_of(replace(board, scenes=(undrawn, failed, refused)))).text
    assert "Not drawn yet" in text
    assert "draw: out of memory" in text
    assert "every one was refused" in text


def test_every_command_on_the_page_is_one_that_the_program_takes():
    row = re.compile(r"<code>(broll [^<]*)<var>talk</var>([^<]*)</code>")
    commands = [
        html.unescape("".join((before, "DIR", after))) for before, after in row.findall(page_of(placed_board()))
    ]
    assert len(commands) == 3 * len(COMMANDS)
    for command in commands:
        parse_command(command)  # raises a usage error otherwise


def test_no_scenes_at_all():
    assert "No scenes yet" in page_of(replace(placed_board(), scenes=()))


@given(st.floats(0, 1e6))
def test_clock(seconds):
    parts = [int(part) for part in format_clock(seconds).split(":")]
    assert sum(part * 60**i for i, part in enumerate(reversed(parts))) == int(seconds)
