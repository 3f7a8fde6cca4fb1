"""A video's page in a real browser: keys, search, marks and what they export, sizes, hostile text."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tasks.gallery import write_gallery
from tasks.marks import read_marks
from tasks.pages import show_plain
from tasks.pictures import write_picture
from tasks.place import place_panels
from tasks.records import Storyboard
from tests.tasks.boards import DIGEST, make_board
from tests.tasks.browser import SIZES, find_overflow, find_unnamed, open_browser, open_page

VILE = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>&amp;{{7*7}}\u202eevil\x00\x1b[31mשלום"""
LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen" * 3


def write_page(folder: Path, board: Storyboard) -> Path:
    """The page with its pictures in `folder`."""
    for part in ("images", "frames"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0)
    for scene in board.scenes:
        Image.new("RGB", (64, 36), "teal").save(folder / scene.keyframe)
        for candidate in scene.panel.candidates:
            write_picture(folder / candidate.image, noise.integers(0, 255, (90, 160, 3), np.uint8), {})
    return write_gallery(folder, replace(board, scenes=place_panels(board.video, board.captions.cues, board.scenes)))


@pytest.fixture(scope="module")
def browser(need_program):
    with open_browser(need_program("chromium")) as found:
        yield found


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_page(tmp_path_factory.mktemp("out") / "it's a talk", make_board(("rocket", "whale", "clock", "tree")))


def current(page) -> str:
    return page.locator(".film a[aria-current]").get_attribute("href")


def test_keys_go_from_scene_to_scene_and_open_the_picture(browser, path):
    with open_page(browser, path) as page:
        assert current(page) == "#scene-1"
        page.keyboard.press("j")
        page.keyboard.press("ArrowRight")
        assert current(page) == "#scene-3"
        assert page.evaluate("document.activeElement.id") == "scene-3"
        page.keyboard.press("k")
        assert current(page) == "#scene-2"
        page.keyboard.press("o")
        assert page.locator("#large").is_visible()
        assert "_s002_" in page.locator("#shown").get_attribute("src")
        page.keyboard.press("j")
        assert "_s003_" in page.locator("#shown").get_attribute("src")
        page.keyboard.press("f")
        assert page.locator("#frame").is_visible() and "shot_002" in page.locator("#frame").get_attribute("src")
        page.keyboard.press("Escape")
        assert not page.locator("#large").is_visible()
        page.keyboard.press("?")
        assert page.locator("#keys").is_visible()


def test_search_and_filter_leave_what_fits(browser, path):
    with open_page(browser, path) as page:
        page.keyboard.press("/")
        page.keyboard.type("WHALE behold")
        assert page.locator("article:visible").count() == 1
        assert page.locator("article:visible h2").inner_text() == "2whale"
        assert page.locator("#count").inner_text() == "1 of 4 scenes"
        assert page.evaluate("CSS.highlights.get('found').size") > 1
        page.keyboard.press("Escape")
        assert page.locator("article:visible").count() == 4
        page.click('article >> nth=2 >> text="Redo"')
        page.click('[data-filter="marked"]')
        assert page.locator("article:visible h2").all_inner_texts() == ["3clock"]


def test_marks_are_kept_and_leave_as_an_edit_file(browser, path):
    with open_page(browser, path) as page:
        page.keyboard.press("2")  # the second candidate of the first scene
        page.keyboard.press("j")
        page.keyboard.press("r")
        page.keyboard.press("j")
        page.keyboard.press("x")
        page.keyboard.press("j")
        page.keyboard.press("2")
        page.keyboard.press("1")  # the one that is chosen already: no mark
        page.reload()  # marks outlive a closed page
        assert "3 marked" in page.locator("#marks").inner_text()
        with page.expect_download() as waiting:
            page.click("#save")
        assert waiting.value.suggested_filename == "it's a talk.edits.json"
        exported = json.loads(Path(waiting.value.path()).read_text())
        assert exported == {
            "video_digest": DIGEST,
            "scenes": {"s001": {"choose": 2}, "s002": {"redo": True}, "s003": {"drop": True}},
        }
        assert read_marks(Path(waiting.value.path()), make_board()) == exported["scenes"]
        said = page.locator("#command").inner_text()
        folder = str(path.parent).replace("'", """'"'"'""")
        assert said == f"""broll render '{folder}' --edits 'it'"'"'s a talk.edits.json'"""
        page.click("#clear")
        assert page.locator("#tray").is_hidden()


def test_commands_name_the_folder_that_the_page_lies_in(browser, path):
    with open_page(browser, path, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.locator("article >> nth=1 >> text=Commands").click()
        first = page.locator("article >> nth=1").locator(".commands li").first
        folder = str(path.parent).replace("'", """'"'"'""")
        assert first.locator("code").inner_text().startswith(f"broll redo '{folder}' s002 --seed ")
        first.locator("button").click()
        assert first.locator("button").inner_text() == "Copied"
        assert page.evaluate("navigator.clipboard.readText()") == first.locator("code").inner_text()


def test_light_and_dark_follow_the_system_and_the_switch(browser, path):
    background = "getComputedStyle(document.body).backgroundColor"
    with open_page(browser, path, color_scheme="dark") as page:
        dark = page.evaluate(background)
        page.click("#theme")
        light = page.evaluate(background)
        page.reload()
        assert page.evaluate(background) == light != dark
    with open_page(browser, path, color_scheme="light") as page:
        assert page.evaluate(background) == light


@pytest.mark.parametrize("width", SIZES)
def test_nothing_sticks_out_and_everything_has_a_name(browser, tmp_path, width):
    board = make_board((LONG, "whale", "clock"))
    with open_page(browser, write_page(tmp_path / "talk", board), width) as page:
        assert find_overflow(page) == []
        assert find_unnamed(page) == []
        page.keyboard.press("r")
        assert find_overflow(page) == []


def test_focus_is_seen(browser, path):
    with open_page(browser, path) as page:
        for _ in range(6):
            page.keyboard.press("Tab")
            style = "getComputedStyle(document.activeElement)"
            assert page.evaluate(f"{style}.outlineStyle") == "solid"
            assert float(page.evaluate(f"{style}.outlineWidth").removesuffix("px")) >= 2


def test_without_its_script_the_page_shows_everything(browser, path):
    with open_page(browser, path, java_script_enabled=False) as page:
        assert page.locator("article").count() == 4
        assert page.locator("button:visible").count() == 0


def test_hostile_text_is_shown_and_never_run(browser, tmp_path):
    board = make_board()
    scenes = tuple(
        replace(
            scene,
            error=VILE,
            summary=replace(scene.summary, gist=VILE),
            prompt=replace(scene.prompt, core=VILE, subject=VILE, setting=VILE),
            panel=replace(
                scene.panel,
                candidates=tuple(replace(c, note=VILE, settings={VILE: VILE}) for c in scene.panel.candidates),
            ),
        )
        for scene in board.scenes
    )
    cues = tuple(replace(cue, text=VILE, speaker=VILE) for cue in board.captions.cues)
    captions = replace(board.captions, cues=cues, note=VILE)
    board = replace(board, scenes=scenes, captions=captions, video=replace(board.video, path=f"/videos/{VILE[8:]}"))
    with open_page(browser, write_page(tmp_path / "talk", board)) as page:
        shown = show_plain(VILE)
        for selector in (".note", ".gist", "h2", "blockquote p", ".parts dd", ".candidates figcaption"):
            assert shown in page.locator(selector).first.text_content(), selector
        assert page.locator("img[src='x'], main script, main b img").count() == 0
        page.click('article >> nth=0 >> text="Redo"')
        page.fill("#query", "<script>")
        assert page.locator("article:visible").count() == 3
