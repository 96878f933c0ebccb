"""A row of a file of traces as it was read, or why it could not be."""

from typing import NamedTuple

from models.traces.fault import Fault

MOST_BYTES = 1 << 20  # of a row


class Row(NamedTuple):
    """A row. line: where it begins, from 1 (of JSON and Parquet the element); done: bytes of the file read so far."""

    line: int
    value: dict[str, object] | None
    fault: Fault | None
    done: int


def too_long() -> Fault:
    """What is said of a row over the limit."""
    return Fault("too_long", "The row has more than 1 MB.")
