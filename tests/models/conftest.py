"""The real starter model, converted once for all tests that need it."""

from pathlib import Path

import pytest

from models.gguf import read
from models.library import starter


@pytest.fixture(scope="session")
def starter_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "starter"
    for _ in read.convert(starter.source(), folder):
        pass
    return folder
