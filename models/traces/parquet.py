"""Rows of a Parquet file, when pyarrow is there; it is no dependency, being larger than all of Stillroom."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from models import errors
from models.traces.row import MOST_BYTES, Row, too_long

_BATCH = 64


def rows(path: Path) -> Iterator[Row]:
    """Give each row in order. Raises Unsupported without pyarrow, Corrupt for a damaged file."""
    arrow, parquet = _pyarrow()
    size, number = path.stat().st_size, 0
    try:
        with parquet.ParquetFile(path) as file:
            total = max(1, file.metadata.num_rows)
            for batch in file.iter_batches(batch_size=_BATCH):
                for value in batch.to_pylist():
                    number += 1
                    long = sum(len(cell) for cell in value.values() if isinstance(cell, str)) > MOST_BYTES
                    fault = too_long() if long else None
                    yield Row(number, None if long else value, fault, size * number // total)
    except arrow.ArrowException as error:
        raise errors.Corrupt(f"{path.name} is no Parquet file that can be read: {error}.") from error


def write(path: Path, columns: list[dict[str, object]]) -> None:
    """Write rows of the same columns. Raises Unsupported without pyarrow."""
    arrow, parquet = _pyarrow()
    parquet.write_table(arrow.Table.from_pylist(columns), path)


def _pyarrow() -> tuple[Any, Any]:
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise errors.Unsupported(
            "Parquet files need the Python package pyarrow, which is not installed.",
            "Install pyarrow beside Stillroom, or save the data as JSONL or CSV.",
        ) from error
