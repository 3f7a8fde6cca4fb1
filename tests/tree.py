"""The README's tree, made from the first lines of the modules' docstrings: python tests/tree.py

One line a file, two spaces further in for each folder, `name  — what it is`. Read back by `tests/test_docs.py`.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("flows", "tasks", "models", "data")
#: What is no module and has its place in the tree all the same.
OTHERS = {
    "flows": "the command line, the one flow, its steps; the only place that knows Prefect",
    "tasks": "pure functions from records to records; no Prefect, no torch",
    "models": "what loads torch, diffusers, transformers; each model behind one call",
    "models/illustrator": "the embedded drawing model: what it learned from, how it was trained, how it draws",
    "models/illustrator/weights": "its weights, with model card and attribution",
    "models/diffusion/calibrations": "measured corrections, each for one model and setting",
    "models/profiles.toml": "the profiles themselves",
    "models/registry.toml": "fetched weights: sources, checksums, licences",
    "tasks/storyboard.schema.json": "JSON Schema of storyboard.json",
    "tasks/templates": "the gallery's page and style",
    "data": "sample videos and what made them",
    "data/samples": "the videos, their captions, and what to expect of them",
}


def format_tree() -> str:
    """All lines, without the fence."""
    return "\n".join(line for folder in FOLDERS for line in _lines(ROOT / folder))


def parse_tree(text: str) -> dict[str, str]:
    """Path relative to the root (folders without their slash) -> phrase; ValueError for a line that fits nowhere."""
    found: dict[str, str] = {}
    above: list[str] = []
    for line in filter(str.strip, text.splitlines()):
        depth, odd = divmod(len(line) - len(line.lstrip()), 2)
        name, _, phrase = line.strip().partition("  ")
        if odd or depth > len(above) or " " in name:
            raise ValueError(f"not a line of the tree: {line!r}")
        above[depth:] = [name.rstrip("/")]
        found["/".join(above)] = phrase.strip().removeprefix("—").strip()
    return found


def list_modules() -> list[str]:
    """Every module of the packages, relative to the root; those named `__init__` stand for their folder."""
    found = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    return sorted(path.relative_to(ROOT).as_posix() for path in found if path.name != "__init__.py")


def _lines(folder: Path, depth: int = 0) -> Iterator[str]:
    yield _line(folder, f"{folder.name}/", depth)
    for path in sorted(folder.iterdir(), key=lambda path: (path.is_dir(), path.name)):
        if path.is_dir() and (_is_listed(path) or any(path.glob("*.py"))):
            yield from _lines(path, depth + 1)
        elif path.is_file() and path.name != "__init__.py" and (path.suffix == ".py" or _is_listed(path)):
            yield _line(path, path.name, depth + 1)


def _line(path: Path, name: str, depth: int) -> str:
    listed = OTHERS.get(path.relative_to(ROOT).as_posix())
    return f"{'  ' * depth}{name}  — {listed or _first_sentence(path)}"


def _is_listed(path: Path) -> bool:
    return path.relative_to(ROOT).as_posix() in OTHERS


def _first_sentence(path: Path) -> str:
    """What the module's docstring begins with, up to the end of its first line or sentence."""
    module = path / "__init__.py" if path.is_dir() else path
    text = ast.get_docstring(ast.parse(module.read_text("utf-8"))) or ""
    return text.partition("\n")[0].partition(". ")[0].rstrip(".:")


if __name__ == "__main__":
    print(format_tree())
