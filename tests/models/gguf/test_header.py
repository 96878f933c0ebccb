"""A GGUF's header is held to the file's real size and to itself, byte by byte."""

from pathlib import Path

import pytest

from models import errors
from models.gguf import header as gguf_header
from tests.models.hostile import ggufs


def test_a_right_header_is_read(tmp_path: Path):
    (tmp_path / "x.gguf").write_bytes(ggufs.file(tensors=[ggufs.tensor("a"), ggufs.tensor("b", (4, 2), offset=32)]))
    header = gguf_header.read(tmp_path / "x.gguf")
    assert header.metadata == {"x": 7}
    assert {name: tensor.shape for name, tensor in header.tensors.items()} == {"a": (8,), "b": (2, 4)}
    assert header.tensors["b"].offset + header.tensors["b"].size == (tmp_path / "x.gguf").stat().st_size


@pytest.mark.parametrize("what", ggufs.WRONG)
def test_a_wrong_header_is_refused_with_the_reason(tmp_path: Path, what: str):
    content, word = ggufs.WRONG[what]
    (tmp_path / "x.gguf").write_bytes(content)
    with pytest.raises((errors.Corrupt, errors.Unsupported), match=word) as caught:
        gguf_header.read(tmp_path / "x.gguf")
    assert "x.gguf" in caught.value.text
    assert caught.value.text.isprintable()
