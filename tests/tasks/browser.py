"""A real browser for the pages: the system's Chromium, driven by Playwright, without network."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZES = (360, 900, 1600)


@contextmanager
def open_browser(program: str) -> Iterator:
    """A Playwright browser. As root Chromium has no sandbox of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def open_page(browser, path: Path, width: int = 1280, **options) -> Iterator:
    """The page, loaded; what it complains of, or refuses to run, fails the test."""
    context = browser.new_context(viewport={"width": width, "height": 900}, accept_downloads=True, **options)
    page, complaints = context.new_page(), []
    page.set_default_timeout(20_000)
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    try:
        page.goto(path.as_uri())
        yield page
        assert not complaints, complaints
    finally:
        context.close()


def find_overflow(page) -> list[str]:
    """Elements that stick out of the window to the right, those inside a scrolling box apart."""
    return page.evaluate("""() => [...document.querySelectorAll("body *")].filter((element) => {
        for (let up = element; up; up = up.parentElement)
            if (up !== document.documentElement && getComputedStyle(up).overflowX !== "visible") return false;
        const box = element.getBoundingClientRect();
        return box.width > 1 && box.right > innerWidth + 1;
    }).map((element) => element.outerHTML.slice(0, 120))""")


def find_unnamed(page) -> list[str]:
    """Images without alt, buttons, links and fields without a name that can be read out."""
    return page.evaluate("""() => [...document.querySelectorAll("img, a, button, input, select")].filter((element) => {
        if (element.closest("[aria-hidden=true]")) return element.tabIndex >= 0 && element.tagName !== "IMG";
        if (element.tagName === "IMG") return !element.hasAttribute("alt");
        const said = element.getAttribute("aria-label") || element.textContent || element.closest("label")?.textContent;
        return !said?.trim() && !element.querySelector("img[alt]:not([alt=''])");
    }).map((element) => element.outerHTML.slice(0, 120))""")
