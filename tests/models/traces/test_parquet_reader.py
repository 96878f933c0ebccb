"""Parquet without pyarrow: what pyarrow writes comes back as pyarrow reads it, and a damaged file is a sentence."""

import random
import sys
from pathlib import Path
from typing import Any

import pytest

from models import errors
from models.traces import parquet, parquet_reader, reading
from models.traces.parquet_bytes import snappy

arrow = pytest.importorskip("pyarrow")
written = pytest.importorskip("pyarrow.parquet")

DRAW = random.Random(1)


def word() -> str:
    return "".join(DRAW.choices("abcdefgh äö", k=DRAW.randint(0, 30)))


def some(n: int) -> Any:
    """A table with what data sets have: texts, gaps, repeats, numbers, groups, lists, conversations."""
    turns = [[{"role": "user", "content": word()} for _ in range(k % 4)] for k in range(n)]
    return arrow.table({
        "question": [word() for _ in range(n)],
        "answer": [None if k % 5 == 0 else word() for k in range(n)],
        "subject": ["algebra"] * n,
        "level": list(range(n)),
        "score": [k / 3 for k in range(n)],
        "good": [None if k % 3 == 0 else k % 2 == 0 for k in range(n)],
        "choices": [None if k % 7 == 0 else {"text": [word()] * (k % 5), "label": ["A", "B"]} for k in range(n)],
        "messages": [None if k % 11 == 0 else turn for k, turn in enumerate(turns)],
        "marks": [[1, 2, None] if k % 2 else [] for k in range(n)],
        "large": arrow.array([word() for _ in range(n)], arrow.large_string()),
        "small": arrow.array(list(range(n)), arrow.int32()),
    })  # fmt: skip


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"compression": "gzip"},
        {"compression": "none", "use_dictionary": False},
        {"data_page_version": "2.0"},
        {"row_group_size": 70},
        {"data_page_size": 500, "use_dictionary": False, "data_page_version": "2.0"},
        {"version": "1.0"},
    ],
)
def test_it_reads_what_pyarrow_writes(tmp_path: Path, how: dict[str, Any]):
    table = some(300)
    written.write_table(table, tmp_path / "x.parquet", **how)
    assert list(parquet_reader.rows(tmp_path / "x.parquet")) == table.to_pylist()


def test_a_file_of_problems_is_read_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "x.parquet"
    parquet.write(path, [{"problem": f"{n}?", "answer": str(n)} for n in (1, 2)])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert [row.value for row in reading.rows(path)] == [
        {"problem": "1?", "answer": "1"},
        {"problem": "2?", "answer": "2"},
    ]


@pytest.mark.parametrize("codec", ["zstd", "lz4", "brotli"])
def test_what_it_does_not_know_says_what_to_do(tmp_path: Path, codec: str):
    written.write_table(some(20), tmp_path / "x.parquet", compression=codec)
    with pytest.raises(errors.Unsupported, match="compression, which takes pyarrow to read") as caught:
        list(parquet_reader.rows(tmp_path / "x.parquet"))
    assert "JSONL" in caught.value.hint


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + bytes(40) + b"PAR1", b"PAR1" + b"\xff" * 60 + b"PAR1"])
def test_what_is_no_parquet_file(tmp_path: Path, content: bytes):
    (tmp_path / "x.parquet").write_bytes(content)
    with pytest.raises(errors.Corrupt, match=r"x\.parquet is no Parquet file"):
        list(parquet_reader.rows(tmp_path / "x.parquet"))


def test_a_damaged_file_is_corrupt_and_nothing_worse(tmp_path: Path):
    written.write_table(some(60), tmp_path / "x.parquet")
    whole = (tmp_path / "x.parquet").read_bytes()
    draw, said = random.Random(2), set()
    for number in range(150):
        damaged = bytearray(whole)
        for _ in range(draw.randint(1, 4)):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        (tmp_path / "y.parquet").write_bytes(damaged[: draw.randrange(len(damaged))] if number % 5 == 0 else damaged)
        try:
            assert len(list(parquet_reader.rows(tmp_path / "y.parquet"))) <= 1_000_000
        except (errors.Corrupt, errors.Unsupported) as error:
            said.add(error.text)
    assert "y.parquet is no Parquet file that can be read." in said


def test_snappy_copies_what_it_is_writing():
    assert snappy(bytes([7, 0 << 2, ord("a"), (6 - 4) << 2 | 1, 1]), 10) == b"a" * 7
