"""What the documents say is still so: the tree, the commands, the links, the versions."""

import re
import shlex
import tomllib
from collections.abc import Iterator

import click
import pytest

from flows.cli import cli
from models.errors import InputError
from tests.tree import ROOT, format_tree, list_modules, parse_tree

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]


def code(text: str) -> Iterator[str]:
    """Lines of fenced and indented blocks, and what stands between backticks in a line."""
    fenced = False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield line.strip()
        else:
            yield from re.findall(r"`([^`]+)`", line)


def commands(program: str) -> list[str]:
    """What the documents tell to type that begins with `program`, comments removed."""
    lines = (line.removeprefix("$ ") for path in DOCUMENTS for line in code(path.read_text("utf-8")))
    return sorted({line.partition(" #")[0].strip() for line in lines if line.startswith(f"{program} ")})


def parse_command(line: str) -> None:
    """Parse a command as click would, run nothing. An argument left out or a word like DIR stands for any value."""
    command, arguments = cli, shlex.split(line)[1:]
    context = click.Context(cli, info_name="broll")
    while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        if arguments[0].isupper():
            return
        name, command, arguments = command.resolve_command(context, arguments)
        context = click.Context(command, parent=context, info_name=name)
    try:
        command.make_context(context.info_name, list(arguments), parent=context.parent)
    except (click.exceptions.Exit, click.MissingParameter, click.exceptions.NoArgsIsHelpError):
        return
    except click.BadOptionUsage:
        raise
    except click.BadParameter:
        if not any(word.isupper() for word in arguments):
            raise


def test_the_readme_has_the_tree_of_the_modules():
    """To renew it, paste what `python tests/tree.py` prints."""
    blocks = re.findall(r"^```\w*\n(flows/.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert len(blocks) == 1, "README.md needs one fenced block that begins with flows/"
    tree = parse_tree(blocks[0])
    assert [name for name in list_modules() if name not in tree] == []
    assert [name for name in tree if not (ROOT / name).exists()] == []
    assert [name for name, phrase in tree.items() if not phrase] == []


def test_the_tree_made_from_the_docstrings_is_whole():
    tree = parse_tree(format_tree())
    assert set(list_modules()) <= set(tree)
    assert [name for name, phrase in tree.items() if not phrase] == []
    assert parse_tree("a/  — one\n  b/\n    c.py  two\n  d.py  — three").keys() == {"a", "a/b", "a/b/c.py", "a/d.py"}
    with pytest.raises(ValueError, match="not a line"):
        parse_tree("a/\n    b.py  — too far in")


def test_every_command_of_the_documents_parses():
    lines = commands("broll")
    assert len(lines) >= 3
    for line in lines:
        try:
            parse_command(line)
        except (click.ClickException, InputError) as error:
            pytest.fail(f"{line!r}: {error}")


@pytest.mark.parametrize("line", ["broll illustrat x", "broll illustrate x --sise 3", "broll illustrate x --density 3"])
def test_a_wrong_command_would_be_found(line):
    with pytest.raises(click.UsageError):
        parse_command(line)


def test_every_make_target_of_the_documents_is_there():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert {line.split()[1] for line in commands("make")} <= targets


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_to_files_lead_somewhere(path):
    links = re.findall(r"\]\(([^)#\s]+)", path.read_text("utf-8"))
    assert [link for link in links if ":" not in link and not (path.parent / link).exists()] == []


def test_licence_and_changelog_are_there():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert "MIT" in (ROOT / "LICENSE").read_text("utf-8")
    assert version in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_every_dependency_has_its_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pinned = {plain(line.partition("==")[0]) for line in lines if "==" in line}
    assert {plain(re.split(r"[<>=~!\[; ]", name)[0]) for name in asked} <= pinned


def plain(name: str) -> str:
    """A package's name as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
