"""A file to rows with true line numbers, whatever it is: JSONL, JSON, CSV or Parquet, in UTF-8 or UTF-16.

What a file is, is told by its first bytes and not by its name; the name only decides between the rest. Rows come one at a
time, so a file of any size needs the memory of one row. A row over MOST_BYTES is passed over, never read whole.
"""

import codecs
import json
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

import msgspec

from models import errors
from models.traces import column_names, conversations, delimited, json_elements
from models.traces.fault import Fault
from models.traces.row import MOST_BYTES, Row, too_long
from models.traces.text_source import Format, Kind, TextSource

_HEAD = 1 << 20
_BUFFER = 1 << 20

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# An object with one of these, in any spelling, is a row itself, so a list inside it is no list of rows.
_ROW_KEYS = frozenset({
    *conversations.KEYS, "choices", "candidates", "prompt", "completion", "problem", "question", "query", "q", "instruction",
    "input", "output", "response", "message", "request",
})  # fmt: skip

_TOO_DEEP = "It is nested too deeply, so the rest of the file is not read."
_decoder = msgspec.json.Decoder()


def recognise(path: Path) -> Kind:
    """Find out what a file is. Raises NotFound, or BadInput for what can't be read or is empty."""
    try:
        if path.is_dir():
            raise errors.BadInput(f"{path.name} is a folder.", "Name the files in it.")
        if path.exists() and not path.is_file():  # a pipe would be waited for without end
            raise errors.BadInput(f"{path.name} is no file.", "Write what comes out of it into a file.")
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except FileNotFoundError as error:
        raise errors.NotFound(f"There is no file {path}.") from error
    except OSError as error:
        raise errors.from_os_error(error, "reading traces") from error
    if not head.strip(b"\0 \t\r\n"):
        raise errors.BadInput(f"{path.name} is empty.")
    if head[:4] == b"PAR1":
        return Kind("Parquet", "binary", "utf-8", 0, "\n")
    if head[:2] == b"\x1f\x8b" or head[:4] in (b"PK\x03\x04", b"\x28\xb5\x2f\xfd"):
        raise errors.Unsupported(f"{path.name} is compressed.", "Unpack it and add what is inside.")
    bom, codec, encoding = _encoding(head)
    text = head[bom:].decode(codec, "replace").encode() if codec != "utf-8" else head[bom:]
    newline = "\r" if b"\r" in text and b"\n" not in text else "\n"
    format_, skip, separated, delimiter = _format(path, text.replace(b"\r", b"\n") if newline == "\r" else text)
    return Kind(format_, encoding, codec, bom, newline, skip, separated, delimiter)


def rows(path: Path, kind: Kind | None = None) -> Generator[Row, None, None]:
    """Read a file's rows in order; one that can't be read comes with its fault and the rest goes on.

    Raises as `recognise`, and Unsupported for Parquet without pyarrow.
    """
    kind = kind or recognise(path)
    try:
        if kind.format == "Parquet":
            from models.traces import parquet

            yield from parquet.rows(path)
            return
        with closing(TextSource(path, kind)) as source:
            if kind.format == "JSONL":
                yield from _lines(source)
            elif kind.format == "JSON":
                yield from _elements(source, kind)
            else:
                yield from delimited.rows(source, kind.delimiter)
    except OSError as error:
        raise errors.from_os_error(error, "reading traces") from error


def decode(data: bytes) -> tuple[dict[str, object] | None, Fault | None]:
    """One JSON object, or why it is none."""
    try:
        value = _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        value, fault = _decode_leniently(data)
        if fault:
            return None, fault
    if type(value) is not dict:
        return None, Fault("broken", f"It is {_named(value)}, not an object with named fields.")
    return value, None


def _decode_leniently(data: bytes) -> tuple[object, Fault | None]:
    # Python's own decoder takes NaN, lone surrogates and raw control characters, which other tools write
    if b"\0" in data and not data.strip(b"\0 \t\r\n"):
        return None, Fault("broken", "It holds NUL bytes alone, as a file that was not written to its end.")
    try:
        return json.loads(data.decode("utf-8"), strict=False), None
    except UnicodeDecodeError as error:
        return None, Fault("encoding", f"Byte {error.start + 1} of the row is not UTF-8.")
    except json.JSONDecodeError as error:
        if error.pos >= len(error.doc.rstrip()):
            return None, Fault("broken", "It is not JSON: it ends too early.")
        message = error.msg.removesuffix(" at")
        said = f"{message[:1].lower()}{message[1:]}, at character {error.pos + 1} of {len(error.doc)}"
        return None, Fault("broken", f"It is not JSON: {said}.")
    except RecursionError:
        return None, Fault("broken", "It is nested too deeply.")
    except ValueError:
        return None, Fault("broken", "It holds a number of too many digits.")


def _named(value: object) -> str:
    names = {str: "a text", list: "a list", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "null")


def _lines(source: TextSource) -> Iterator[Row]:
    line = 0
    while data := source.readline(MOST_BYTES + 1):
        line += 1
        if len(data) > MOST_BYTES and not data.endswith(b"\n"):
            while (more := source.readline(_BUFFER)) and not more.endswith(b"\n"):
                pass
            yield Row(line, None, too_long(), source.done)
        elif not data.isspace():
            value, fault = decode(data)
            yield Row(line, value, fault, source.done)


def _elements(source: TextSource, kind: Kind) -> Iterator[Row]:
    first = b""
    while len(first) < kind.skip and (more := source.read(_BUFFER)):
        first += more
    for number, element in enumerate(json_elements.split(source, kind.separated, MOST_BYTES, first[kind.skip :]), 1):
        if element.too_long:
            yield Row(number, None, too_long(), source.done)
            continue
        if element.too_deep:
            yield Row(number, None, Fault("broken", _TOO_DEEP), source.done)
            continue
        value, fault = decode(element.data) if element.data else (None, None)
        if not element.whole and kind.separated and (value or not element.data):
            if value:
                yield Row(number, value, None, source.done)
            yield Row(number + bool(value), None, Fault("broken", "The file ends before its list does."), source.done)
        elif not element.whole:
            yield Row(number, None, Fault("broken", "The file ends in the middle of it."), source.done)
        else:
            yield Row(number, value, fault, source.done)


def _encoding(head: bytes) -> tuple[int, str, str]:
    """Bytes of the BOM, Python's codec, and the name that people know."""
    for bom, codec in _BOMS:
        if head.startswith(bom):
            return len(bom), codec, f"{_title(codec)} with BOM" if codec == "utf-8" else _title(codec)
    sample = head[:4096]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    # text of any language has spaces and JSON's or CSV's own characters, each with one zero byte in UTF-16
    if odd > len(sample) // 20 and odd > 4 * even:
        return 0, "utf-16-le", "UTF-16 LE"
    if even > len(sample) // 20 and even > 4 * odd:
        return 0, "utf-16-be", "UTF-16 BE"
    return 0, "utf-8", "UTF-8"


def _title(codec: str) -> str:
    return codec.upper().replace("-LE", " LE").replace("-BE", " BE")


def _format(path: Path, text: bytes) -> tuple[Format, int, bool, str]:
    """Format, bytes of UTF-8 before a JSON list's elements, whether they stand in a list, and CSV's delimiter."""
    start = text.lstrip()
    lines_by_name = path.suffix.lower() in (".jsonl", ".ndjson")
    first, _, rest = start.partition(b"\n")
    first, rest = first.strip(), rest.lstrip()
    if start[:1] == b"[":
        if lines_by_name and rest and _is_json(first):
            return "JSONL", 0, False, ","
        return "JSON", len(text) - len(start) + 1, True, ","
    if start[:1] == b"{":
        is_row = _is_json(first)
        if not (is_row and rest) and (at := json_elements.find_list(text, _is_row_key)) is not None:
            return "JSON", at, True, ","
        next_is_row = first.endswith(b"}") and rest.startswith(b"{")
        if is_row or next_is_row or (lines_by_name and first != b"{"):
            return "JSONL", 0, False, ","
        return "JSON", 0, False, ","
    if lines_by_name or path.suffix.lower() == ".json":
        return "JSONL", 0, False, ","
    said = delimited.separator_of(first.decode("utf-8", "replace"))
    delimiter = said or max(("\t", ",", ";", "|"), key=lambda mark: first.count(mark.encode()))
    return ("TSV" if delimiter == "\t" else "CSV"), 0, False, delimiter


def _is_row_key(key: bytes) -> bool:
    return column_names.plain(key.decode("utf-8", "replace")) in _ROW_KEYS


def _is_json(line: bytes) -> bool:
    try:
        _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True
