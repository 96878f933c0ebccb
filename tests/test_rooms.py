"""The rooms keep their order: no import leads up, round in a circle, or past a room's face, lazy and typing ones included."""

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
# Lowest first; what stands in none of them is ground floor. CONTRIBUTING.md tells what each is for.
ROOMS = (
    "machine", "checkpoint", "hub", "gguf", "library", "answers", "generate", "quant", "store", "traces", "finetune",
    "fuse", "evaluate", "jobs", "engine", "doctor",
)  # fmt: skip
TOPMOST = {"models", "models.scripting"}  # what `import models` gives stands over all rooms
PARTS = ("style", "services", "widgets", "text", "pages.contract", "pages", "window")  # of app/desktop
HEAVY = {"mlx", "mlx_lm", "transformers", "tokenizers", "jinja2"}


@cache
def modules() -> dict[str, Path]:
    """All modules of both packages by name."""
    found = {}
    for path in (path for package in ("models", "app") for path in (REPOSITORY / package).rglob("*.py")):
        parts = path.relative_to(REPOSITORY).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports() -> dict[str, set[str]]:
    """What each module imports of ours, wherever in it the import stands."""
    return {name: set(_imported(path)) - {name} for name, path in modules().items()}


def _imported(path: Path) -> Iterator[str]:
    known = modules()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name for name in inner if name in known)
            if node.module in known and not all(name in known for name in inner):
                yield node.module


def arrows(package: str) -> Iterator[tuple[str, str]]:
    """Every import from one module of a package to another."""
    for name, others in sorted(imports().items()):
        if name.startswith(package):
            yield from ((name, other) for other in sorted(others) if other.startswith(package))


def room(module: str) -> str:
    """The room of a module of models/."""
    part = module.split(".")[1] if "." in module else ""
    return part if part in ROOMS else ""


def height(module: str) -> int:
    """How high in the house a module of models/ stands."""
    return len(ROOMS) + 1 if module in TOPMOST else ROOMS.index(room(module)) + 1 if room(module) else 0


def part(module: str) -> str:
    """The part of the window a module of app/desktop belongs to: the longest that fits."""
    inner = module.removeprefix("app.desktop.")
    fitting = [name for name in PARTS if inner == name or inner.startswith(f"{name}.")]
    return max(fitting, key=len, default="style")  # fonts, icons, palette and theme are part of the style


def test_no_import_of_models_leads_up() -> None:
    assert [arrow for arrow in arrows("models") if height(arrow[1]) > height(arrow[0])] == []


def test_no_import_of_the_window_leads_up() -> None:
    found = arrows("app.desktop.")
    assert [arrow for arrow in found if PARTS.index(part(arrow[1])) > PARTS.index(part(arrow[0]))] == []


def test_pages_do_not_know_each_other() -> None:
    folder = len("app.desktop.pages.")
    between = [arrow for arrow in arrows("app.desktop.pages.") if part(arrow[0]) == part(arrow[1]) == "pages"]
    assert [(a, b) for a, b in between if a[folder:].partition(".")[0] != b[folder:].partition(".")[0]] == []


def test_there_is_no_circle() -> None:
    try:
        TopologicalSorter(imports()).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("name", [name for name in ROOMS if name != "doctor"])
def test_a_room_is_entered_by_its_face(name: str) -> None:
    package = importlib.import_module(f"models.{name}")
    assert package.__doc__
    assert all(hasattr(package, inner) or f"models.{name}.{inner}" in modules() for inner in package.__all__)
    used = {
        target.split(".")[2]
        for source, targets in imports().items()
        for target in targets
        if room(target) == name and room(source) != name and target != f"models.{name}"
    }
    assert used <= set(package.__all__)


def test_the_window_never_brings_what_runs_models() -> None:
    names = [name for name in modules() if name.startswith("app.desktop")]
    code = "import importlib, sys\nfor name in sys.stdin.read().split(): importlib.import_module(name)\nprint(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], input=" ".join(names), capture_output=True, text=True, check=True
    )
    assert HEAVY & set(run.stdout.split()) == set()
