"""The wheel works without the clone: it answers, and finds all that comes with Stillroom."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from app.desktop.window.help_pages import help_pages
from models.library import catalog

REPOSITORY = Path(__file__).parents[2]
ADD = ("setup.py", "pyproject.toml", "README.md", "LICENSE")
# Prints where it was found and what it finds itself.
LOOK = """
import json, app, models
from app.desktop.window.help_pages import help_pages
from models import paths
from models.library import catalog
resources = paths.resources()
print(json.dumps({
    "packages": [app.__file__, models.__file__],
    "files": sorted(str(file.relative_to(resources)) for file in resources.rglob("*") if file.is_file()),
    "help": [title for title, _ in help_pages()],
    "catalog": len(catalog.entries()),
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of what is here, built in a copy: setuptools would put old files of a folder build/ into it."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for folder in ("app", "models", "resources"):
        shutil.copytree(REPOSITORY / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ADD:
        shutil.copy(REPOSITORY / name, source)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(out), str(source))
    (built,) = out.glob("stillroom-*-py3-none-any.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment with the wheel in it, which sees this one's packages, but not the clone."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)
    commands = folder / "bin"
    pip("--python", str(commands / "python"), "install", "--no-deps", "--no-compile", str(wheel))
    (packages,) = folder.glob("lib/python*/site-packages")
    # The .pth file that leads to the clone lies in there; Python reads those of its own folder alone.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return commands


def pip(*arguments: str) -> None:
    """Run this environment's pip, which may not look for anything outside."""
    command = [sys.executable, "-m", "pip", "-qq", "--disable-pip-version-check", *arguments]
    subprocess.run(command, env={**os.environ, "PIP_NO_INDEX": "1"}, check=True)


def run(cwd: Path, *command: str | Path) -> str:
    """Run a command far from the clone, and give what it wrote to stdout."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_holds_what_a_user_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (archive.read(name).decode() for name in names if name.endswith(".dist-info/METADATA"))
    code = [
        file.relative_to(REPOSITORY).as_posix()
        for top in ("app", "models")
        for file in REPOSITORY.glob(f"{top}/**/*.py")
    ]
    inside = [name for name in names if ".dist-info/" not in name and not name.startswith("models/resources/")]
    assert sorted(inside) == sorted([*code, "app/py.typed", "models/py.typed"])
    assert [name for name in names if name.endswith(".dist-info/licenses/LICENSE")]
    assert "License-Expression: Apache-2.0\n" in metadata


def test_what_comes_with_it_is_found(installed: Path, tmp_path: Path) -> None:
    found = json.loads(run(tmp_path, installed / "python", "-c", LOOK))
    assert [file for file in found["packages"] if not Path(file).is_relative_to(installed.parent)] == []
    here = REPOSITORY / "resources"
    files = [file for file in here.rglob("*") if file.is_file() and file.parent.name != "screenshots"]
    assert found["files"] == sorted(str(file.relative_to(here)) for file in files)
    assert (found["help"], found["catalog"]) == ([title for title, _ in help_pages()], len(catalog.entries()))


@pytest.mark.slow
def test_it_answers(installed: Path, tmp_path: Path) -> None:
    asked = ("chat", "starter", "Hello", "--think", "off", "--max-tokens", "4", "--json")
    done = json.loads(run(tmp_path, installed / "stillroom", *asked).splitlines()[-1])
    assert done["type"] == "done"
    assert done["answer"]
