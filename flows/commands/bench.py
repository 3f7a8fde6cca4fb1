"""`broll bench NAME`: every module of `flows/bench` is a bench, imported only when it is asked for.

A bench is a function `main(as_json, **options) -> int`; its own options, where it has any, stand in `OPTIONS`.
"""

import ast
from importlib import import_module
from pathlib import Path

import click

FOLDER = Path(__file__).parents[1] / "bench"


class Benches(click.Group):
    """The benches by their modules' names."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(path.stem.replace("_", "-") for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            ctx.fail(f"{cmd_name!r} is no bench: give one of {', '.join(map(repr, self.list_commands(ctx)))}")
        module = import_module(f"flows.bench.{_module(cmd_name)}")
        quiet = click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON object on stdout.")
        options = [*getattr(module, "OPTIONS", ()), quiet]
        return click.Command(cmd_name, callback=module.main, params=options, help=module.__doc__)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Names and what each is, read from their texts: nothing heavy is imported for `--help`."""
        rows = [(name, _first_line(FOLDER / f"{_module(name)}.py")) for name in self.list_commands(ctx)]
        with formatter.section("Benches"):
            formatter.write_dl(rows)


def _module(name: str) -> str:
    return name.replace("-", "_")


def _first_line(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n")[0]


@click.command("bench", cls=Benches)
def bench() -> None:
    """Measure what the project claims."""
