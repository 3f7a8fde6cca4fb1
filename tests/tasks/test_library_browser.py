"""The page over all videos in a real browser: search, filters, sizes, hostile text."""

from dataclasses import replace

import pytest

from tasks.folder import save_board
from tasks.library_page import write_index
from tasks.pages import show_plain
from tests.tasks.boards import make_board
from tests.tasks.browser import SIZES, find_overflow, find_unnamed, open_browser, open_page
from tests.tasks.test_gallery_browser import LONG, VILE, write_page


@pytest.fixture(scope="module")
def browser(need_program):
    with open_browser(need_program("chromium")) as found:
        yield found


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    out = tmp_path_factory.mktemp("all")
    vile = VILE.replace("\x00", "").replace("/", "∕")
    for name, subjects in (("sea", ("whale", "boat", "café", "clock")), ("sky", ("rocket", LONG)), ("odd", (vile,))):
        board = make_board(subjects)
        title = vile if name == "odd" else name
        board = replace(board, video=replace(board.video, path=f"/videos/{title}.mp4"))
        if name == "odd":
            scene = board.scenes[0]
            board = replace(
                board, scenes=(replace(scene, summary=replace(scene.summary, gist=VILE), panel=type(scene.panel)()),)
            )
        write_page(out / name, board)
        save_board(out / name, board)
    return write_index(out)


def test_search_shows_the_scenes_that_fit(browser, path):
    with open_page(browser, path) as page:
        assert page.locator(".video:visible").count() == 3
        page.keyboard.press("/")
        page.keyboard.type("cafe")
        assert page.locator(".hits li:visible a").all_inner_texts() == ["café"]
        assert page.locator("#count").inner_text() == "1 scenes in 1 videos"
        assert (
            page.locator(".hits li:visible img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
        )
        page.locator(".hits li:visible a").click()
        assert page.url.endswith("/sea/index.html#scene-3")
        page.click("text=All videos")
        assert page.url == path.as_uri()
        page.fill("#query", "nothing of the kind")
        assert page.locator("#none").is_visible()


def test_order_and_days(browser, path):
    with open_page(browser, path) as page:
        page.select_option("#order", "duration")
        assert page.locator(".video h2").first.inner_text() == "sea.mp4"
        page.select_option("#since", "7")
        assert page.locator(".video:visible").count() == 3


@pytest.mark.parametrize("width", SIZES)
def test_nothing_sticks_out_and_everything_has_a_name(browser, path, width):
    with open_page(browser, path, width) as page:
        assert find_overflow(page) == []
        assert find_unnamed(page) == []
        page.fill("#query", "behold")
        assert page.locator(".hits li:visible").count() == 7
        assert find_overflow(page) == []


def test_hostile_text_is_shown_and_never_run(browser, path):
    with open_page(browser, path) as page:
        page.fill("#query", "evil")
        assert show_plain(VILE) in page.locator(".hits li:visible p").first.text_content()
        assert page.locator("img[src='x'], main script").count() == 0
