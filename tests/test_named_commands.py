"""Every command that a sentence of Stillroom's names in backticks is one that exists and can be typed so."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from app.cli.main import app

ROOT = Path(__file__).parent.parent
COMMAND = re.compile(r"`(stillroom|make)((?: [^`]*)?)`")
UNMARKED = re.compile(
    r"(?<![`\w])stillroom (?:pull|import|list|show|rm|quantize|finetune|fuse|chat|search|doctor|traces)\b"
)


def texts(file: Path) -> Iterator[tuple[int, str]]:
    """The texts of a file but for docstrings, with a word in the place of what is filled in."""
    tree = ast.parse(file.read_text("utf-8"))
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            filled = (part.value if isinstance(part, ast.Constant) else "starter" for part in node.values)
            yield node.lineno, "".join(map(str, filled))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not {id(node)} & (docs | inner):
            yield node.lineno, node.value


SAID = [
    (f"{file.relative_to(ROOT)}:{line}", text)
    for room in ("models", "app")
    for file in sorted((ROOT / room).rglob("*.py"))
    for line, text in texts(file)
]
NAMED = {(where, program, words.strip()) for where, text in SAID for program, words in COMMAND.findall(text)}


@pytest.mark.parametrize(("where", "program", "words"), sorted(NAMED))
def test_a_command_that_is_named_exists_and_can_be_typed(where: str, program: str, words: str) -> None:
    if program == "make":
        assert re.search(rf"^{words}:", (ROOT / "Makefile").read_text(), re.MULTILINE), where
        return
    command = typer.main.get_command(app)
    context = command.make_context("stillroom", [])
    given = shlex.split(words)
    while given and hasattr(command, "commands"):
        assert given[0] in command.commands, f"{where}: {given[0]}"
        command = command.commands[given.pop(0)]
    if given or not hasattr(command, "commands"):
        wanted = [one for one in command.params if one.param_type_name == "argument" and one.required]
        command.make_context("x", given or ["X"] * len(wanted), parent=context)  # `stillroom chat` alone is one too


def test_commands_stand_in_backticks() -> None:
    assert [where for where, text in SAID if UNMARKED.search(COMMAND.sub("", text))] == []


def test_there_are_commands_to_look_at() -> None:
    assert len(NAMED) > 15
    assert {program for _, program, _ in NAMED} == {"stillroom", "make"}
