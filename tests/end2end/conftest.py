"""A home with one model in it, for all tests of a file that leave it as it is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end2end.command_line import contents, fork_server, stillroom
from tests.tiny import make_tiny

CONTEXT = 2048


@pytest.fixture(autouse=True, scope="session")
def forked() -> Iterator[None]:
    """End the process that runs commands with the tests."""
    yield
    if fork_server.cache_info().currsize:
        fork_server().close()


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose library holds the model `tiny`, which thinks."""
    home = tmp_path_factory.mktemp("library")
    folder = make_tiny(tmp_path_factory.mktemp("source") / "tiny", thinking="opened", context=CONTEXT)
    assert stillroom(home, "import", str(folder)).status == 0
    return home


@pytest.fixture
def untouched(library: Path) -> Iterator[Path]:
    """The same home; the test fails when its library is another one afterwards."""
    before = contents(library / "models")
    yield library
    assert contents(library / "models") == before
