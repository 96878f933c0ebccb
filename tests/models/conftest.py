"""The real starter model, converted once for all tests that need it, and one child that renders templates for all models."""

import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from models.generate.template_process import TemplateProcess
from models.gguf import read
from models.library import starter


@pytest.fixture(scope="session")
def starter_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "starter"
    for _ in read.convert(starter.source(), folder):
        pass
    return folder


@cache
def template_process() -> TemplateProcess:
    return TemplateProcess("")


class Shared:
    """What a model sees of the process that renders templates for all of them."""

    def __init__(self, name: str) -> None:
        self._name = name

    def render(self, template: str, messages: Sequence[Mapping[str, Any]], variables: Mapping[str, Any]) -> str:
        template_process().name = self._name
        return template_process().render(template, messages, variables)

    def close(self) -> None:
        """Leave it to the other models."""


@pytest.fixture(autouse=True)
def shared_template_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare each model that is loaded the start of a process. test_template_process.py tries the real thing."""
    for name in ("models.generate.load", "models.generate.template"):
        if name in sys.modules:
            monkeypatch.setattr(sys.modules[name], "TemplateProcess", Shared)
