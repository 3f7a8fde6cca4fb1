"""What both pages share: templates, a policy that lets in their own style and script alone, hostile text made plain.

Everything that people or models wrote is escaped by jinja2; characters that would act instead of being read (controls,
turns of the writing direction) are shown as what they are; the content security policy stands behind both.
"""

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

TEMPLATES = Path(__file__).with_name("templates")
PAGE_NAME = "index.html"
GENERATOR = '<meta name="generator" content="broll">'  # by which a page of ours is known before it is overwritten
# Marks and overrides of direction: a name could otherwise be shown as another than it is.
_TURNS = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_C1 = re.compile(r"[\x80-\x9f\ud800-\udfff\ufffe\uffff]")


def render_page(template: str, style: str, scripts: tuple[str, ...], **values: Any) -> str:
    """A page as text: `template` with the style and the scripts inside it, and nothing allowed but these."""
    script = "\n".join(read_template(name) for name in scripts)
    policy = (
        f"default-src 'none'; img-src 'self' file:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    # Our own rules, numbers and code only: neither holds a text from outside.
    safe = {"style": Markup(style), "script": Markup(script)}
    return environment().get_template(template).render(policy=policy, **safe, **values)


def render_style(*names: str, **values: Any) -> str:
    """The style sheets, one after the other; `values` are numbers for those that are templates."""
    return "\n".join(environment().get_template(name).render(**values) for name in names)


def read_template(name: str) -> str:
    """The text of a file among the templates."""
    return (TEMPLATES / name).read_text("utf-8")


def show_plain(value: Any) -> Any:
    """`value` as a page shows it: what would act on the text around it is replaced by a sign for itself."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    text = _CONTROLS.sub(lambda found: chr(0x2400 + min(ord(found[0]), 0x21)), value)  # U+2421 is the sign of DEL
    return _TURNS.sub(lambda found: f"[U+{ord(found[0]):04X}]", _C1.sub("\ufffd", text))


def format_clock(seconds: float) -> str:
    """`0:07`, `12:03`, `1:02:03`: whole seconds, as a player shows them."""
    whole = int(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def address(name: str) -> str:
    """The address of a file of the folder; "" for one that would lie outside it."""
    if not name or name.startswith("/") or ".." in name.split("/"):
        return ""
    return quote(name, errors="replace")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def environment() -> jinja2.Environment:
    """jinja2, escaping everything."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=show_plain,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["clip"] = lambda number: max(1, int(number))  # a box needs a side
    made.globals["clock"] = format_clock
    return made
