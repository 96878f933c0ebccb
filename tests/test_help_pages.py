"""The help pages and the README lead where they say, and name what there is."""

import re
from pathlib import Path

import pytest
import typer

from app.cli.main import app
from models import budgets, errors, paths, recipes

REPOSITORY = Path(__file__).parent.parent
HELP = sorted((paths.resources() / "help").glob("*.md"))
LINK = re.compile(r"\]\(([^)#]+)\)")


def page(name: str) -> str:
    return (paths.resources() / "help" / name).read_text("utf-8")


@pytest.mark.parametrize("file", [*HELP, REPOSITORY / "README.md"], ids=lambda file: file.name)
def test_links_lead_to_files(file: Path):
    text = file.read_text("utf-8")
    assert text.startswith("# ")
    assert [link for link in LINK.findall(text) if not (file.parent / link).is_file()] == []


def test_every_command_and_option_is_explained():
    text = page("4-terminal.md")
    for name, command in typer.main.get_command(app).commands.items():
        assert f"`stillroom {name}" in text
        for option in command.params:
            typed = [each for each in option.opts if each.startswith("--")]
            assert not typed or any(each in text for each in typed), typed


def test_every_recipe_is_explained():
    text = page("5-models.md")
    assert [name for name in recipes.OFFERED if f"`{name}`" not in text] == []


def test_every_kind_of_error_is_explained():
    text = page("6-when-something-is-wrong.md")
    for error in errors.StillroomError.__subclasses__():
        assert f"`{error.kind}`" in text


def test_the_presets_are_those_of_the_program():
    text = page("2-thinking.md")
    for preset in budgets.PRESETS:
        tokens = "as many" if preset.tokens is None else f"{preset.tokens:,}"
        assert f"| {preset.title} | {tokens}" in text
