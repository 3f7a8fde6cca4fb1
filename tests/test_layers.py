"""Layers go one way: flows -> tasks -> models; what is heavy or Prefect's stays where it belongs."""

import ast
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.tree import ROOT, list_modules

HEAVY = ("prefect", "torch", "diffusers", "transformers", "faster_whisper")
FORBIDDEN = {"tasks": {"flows", *HEAVY}, "models": {"flows", "tasks", "prefect"}, "flows": set(HEAVY[2:])}


def imported(path: str) -> Iterator[str]:
    """Top-level names of all that a module imports, inside its functions too."""
    for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_no_module_imports_from_above(layer):
    wrong = {path: FORBIDDEN[layer] & set(imported(path)) for path in list_modules() if path.startswith(f"{layer}/")}
    assert wrong and {path: names for path, names in wrong.items() if names} == {}


def test_all_of_tasks_loads_neither_prefect_nor_torch():
    modules = [path.removesuffix(".py").replace("/", ".") for path in list_modules() if path.startswith("tasks/")]
    modules.remove("tasks.probe_child")  # a program of its own
    script = f"import sys, {', '.join(modules)}; print(sorted(set({HEAVY}) & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert said.stdout.strip() == "[]", said.stderr
