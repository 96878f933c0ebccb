"""Rows of a Parquet file: by pyarrow when it is there, else by what models/traces/parquet_reader.py knows of the format.

pyarrow is no dependency, being larger than all of Stillroom.

A file of a few kilobytes can unpack to any size: a text that stands in it once may be the cell of a million rows, and
pages are compressed besides. So sizes are looked at before anything of that size is made: of the columns as the file
states them, and of each row's cells while their texts are still numbers in a dictionary.
"""

import importlib
import importlib.util
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from models import errors, quantities
from models.traces import parquet_reader
from models.traces.row import MOST_BYTES, Row, too_long

_BATCH = 64  # rows
_AT_ONCE_BYTES = 1 << 26  # of the cells of a batch
# A column of a row group that is larger than the first and so many times what the file has of it is no text.
_UNPACKED_BYTES, _TIMES = 1 << 25, 200
_CELLS = 1 << 26  # of a column in a row group
_ROWS, _ROWS_PER_BYTE = 1_000_000, 100


def rows(path: Path) -> Generator[Row, None, None]:
    """Give each row in order. Raises Corrupt for a damaged file or one that only swells, Unsupported for what is not read."""
    if importlib.util.find_spec("pyarrow") is None:
        yield from _rows_without(path)
        return
    arrow, parquet = _pyarrow()
    size, number = path.stat().st_size, 0
    try:
        with parquet.ParquetFile(path) as file:
            shared, at_once = _looked_at(path, file.metadata)
        with parquet.ParquetFile(path, read_dictionary=shared) as file:
            total = max(1, file.metadata.num_rows)
            for batch in file.iter_batches(batch_size=at_once):
                for value in _values(batch):
                    number += 1
                    yield Row(number, value, None if value is not None else too_long(), size * number // total)
    except (arrow.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise errors.Corrupt(f"{path.name} is no Parquet file that can be read: {str(error)[:200]}.") from error


def _rows_without(path: Path) -> Generator[Row, None, None]:
    size = path.stat().st_size
    for number, value in enumerate(parquet_reader.rows(path), 1):
        long = sum(len(cell) for cell in value.values() if isinstance(cell, str)) > MOST_BYTES
        yield Row(number, None if long else value, too_long() if long else None, size)


def write(path: Path, columns: list[dict[str, object]]) -> None:
    """Write rows of the same columns. Raises Unsupported without pyarrow."""
    arrow, parquet = _pyarrow()
    parquet.write_table(arrow.Table.from_pylist(columns), path)


def _looked_at(path: Path, metadata: Any) -> tuple[list[str], int]:
    """The paths of columns whose cells may share texts, and how many rows may be read at once.

    Raises Corrupt for what unpacks to far more than the file holds.
    """
    if metadata.num_rows > max(_ROWS, _ROWS_PER_BYTE * path.stat().st_size):
        raise errors.Corrupt(f"{path.name} claims {metadata.num_rows:,} rows, more than a file of its size can hold.")
    shared: dict[str, bool] = {}
    at_once = _BATCH
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            column = metadata.row_group(group).column(number)
            unpacked, packed = column.total_uncompressed_size, max(1, column.total_compressed_size)
            if unpacked > max(_UNPACKED_BYTES, _TIMES * packed) or column.num_values > _CELLS:
                what = f"{quantities.size(unpacked)} in {column.num_values:,} cells"
                text = f"Column {column.path_in_schema[:100]} of {path.name} would unpack to {what}."
                raise errors.Corrupt(text, "Save the data as JSONL, or in smaller row groups.")
            if column.physical_type == "BYTE_ARRAY":
                delta = any(encoding.startswith("DELTA") for encoding in column.encodings)
                shared[column.path_in_schema] = shared.get(column.path_in_schema, True) and not delta
                if delta:  # each cell may go on from the one before, up to all that there is
                    at_once = min(at_once, max(1, _AT_ONCE_BYTES // max(1, unpacked)))
    return [name for name, may in shared.items() if may], at_once


def _values(batch: Any) -> Iterator[dict[str, object] | None]:
    """A batch's rows as Python's; None for one over the limit, which is never made."""
    if sum(map(_bytes_of, batch.columns)) <= _AT_ONCE_BYTES:
        for value in batch.to_pylist():
            long = sum(len(cell) for cell in value.values() if isinstance(cell, str)) > MOST_BYTES
            yield None if long else value
        return
    for number in range(batch.num_rows):
        row = batch.slice(number, 1)
        yield None if sum(map(_bytes_of, row.columns)) > MOST_BYTES else row.to_pylist()[0]


def _bytes_of(array: Any) -> int:
    """Bytes of an array's cells as they would be if each were made."""
    compute, types = importlib.import_module("pyarrow.compute"), importlib.import_module("pyarrow.types")
    kind = array.type
    if types.is_dictionary(kind):
        lengths = compute.binary_length(array.dictionary).cast("int64")
        return (compute.sum(lengths.take(array.indices)).as_py() or 0) + len(array)
    if types.is_struct(kind):
        return sum(map(_bytes_of, array.flatten()))
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return len(array) + _bytes_of(array.flatten())
    if types.is_map(kind):
        return len(array) + _bytes_of(array.keys) + _bytes_of(array.items)
    if types.is_string(kind) or types.is_binary(kind) or types.is_large_string(kind) or types.is_large_binary(kind):
        return (compute.sum(compute.binary_length(array)).as_py() or 0) + len(array)
    return 8 * len(array)


def _pyarrow() -> tuple[Any, Any]:
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise errors.Unsupported(
            "Parquet files need the Python package pyarrow, which is not installed.",
            "Install pyarrow beside Stillroom, or save the data as JSONL or CSV.",
        ) from error
