"""Rows of CSV and TSV with the line where each begins, and no row lost behind a quote that never closes.

Lines are joined until their quotes pair up and are then given to Python's csv reader. When the file ends before they
do, the row that opened the quote is left out, and reading goes on with the line behind it.
"""

import csv
import re
from collections.abc import Generator, Iterator

from models.traces.fault import Fault
from models.traces.row import MOST_BYTES, Row, too_long
from models.traces.text_source import TextSource

RESTARTS = 50  # a file with more quotes that never close than this is no CSV
_SEPARATOR = re.compile(r'\s*"?sep=([;,|\t]?)[;,|\t"\s]*', re.IGNORECASE)


def rows(source: TextSource, delimiter: str) -> Iterator[Row]:
    """Give each row under the names of the first one."""
    limit = csv.field_size_limit(MOST_BYTES)  # one limit for the whole process
    try:
        header: list[str] | None = None
        for line, fields, fault, done in _records(source, delimiter):
            if fault:
                yield Row(line, None, fault, done)
            elif not any(fields) or (header is None and separator_of("".join(fields)) is not None):
                continue
            elif header is None:
                header = [name.strip() for name in fields]
            else:
                yield _named(line, header, fields, done)
    finally:
        csv.field_size_limit(limit)


def separator_of(line: str) -> str | None:
    """What Excel's first line, `sep=;`, says of the delimiter; None for another line. Other programs add to it."""
    match = _SEPARATOR.fullmatch(line)
    return match and (match[1] or "\t")


def _named(line: int, header: list[str], fields: list[str], done: int) -> Row:
    if len(fields) != len(header):
        text = f"It has {len(fields)} {'field' if len(fields) == 1 else 'fields'}, the header has {len(header)}."
        return Row(line, None, Fault("broken", text), done)
    return Row(line, dict(zip(header, fields, strict=True)), None, done)


_Record = tuple[int, list[str], Fault | None, int]


def _records(source: TextSource, delimiter: str) -> Iterator[_Record]:
    begin = 1
    for _ in range(RESTARTS):
        unclosed = yield from _until_unclosed(source, begin, delimiter)
        if unclosed is None:
            return
        yield unclosed, [], Fault("broken", "A quotation mark opens in this row and never closes."), source.done
        source.restart()
        begin = unclosed + 1
        for _ in range(unclosed):
            _whole_line(source)
    yield begin, [], Fault("broken", "From here on quotation marks do not pair up."), source.done


def _until_unclosed(source: TextSource, line: int, delimiter: str) -> Generator[_Record, None, int | None]:
    """The records from `line` on. Returns the line of one whose quotes never close, None when all do."""
    opening = f'{delimiter}"'.encode()
    while data := _whole_line(source):
        begin, lines, size = line, [data], len(data)
        line += 1
        # a field is quoted only when it begins so: in 5" pipe the mark is text
        quotes = data.count(b'"') if data[:1] == b'"' or opening in data else 0
        while quotes % 2:
            if not (data := _whole_line(source)):
                return begin
            line += 1
            quotes += data.count(b'"')
            size += len(data)
            if size <= MOST_BYTES:
                lines.append(data)
        if size > MOST_BYTES:
            yield begin, [], too_long(), source.done
        else:
            yield from _parse(begin, lines, delimiter, source.done)
    return None


def _parse(begin: int, lines: list[bytes], delimiter: str, done: int) -> Iterator[_Record]:
    texts = [line.decode("utf-8", "surrogateescape") for line in lines]
    reader = csv.reader(texts, delimiter=delimiter, strict=True)
    while True:
        line = begin + reader.line_num
        try:
            yield line, next(reader), None, done
        except StopIteration:
            return
        except csv.Error as error:
            yield line, [], Fault("broken", f"It is no row of fields: {error}."), done


def _whole_line(source: TextSource) -> bytes:
    """The next line; of one over the limit its beginning and as many bytes more as make it too long."""
    data = source.readline(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        quotes, more = data.count(b'"'), data
        while not more.endswith(b"\n") and (more := source.readline(MOST_BYTES)):
            quotes += more.count(b'"')
        return b" " * (MOST_BYTES + 1) + b'"' * (quotes % 2)
    return data
