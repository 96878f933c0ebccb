import contextlib
import csv
import importlib
import io
import json
import tracemalloc
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import errors
from models.traces import json_elements, reading
from models.traces.importing import TraceImport
from models.traces.trace import Trace

quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
rows_of_text = st.lists(st.fixed_dictionaries({"problem": text, "answer": text}), min_size=1, max_size=6)
nested = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | text, lambda inner: st.lists(inner, max_size=3), max_leaves=6
)


class Drip:
    """Gives bytes a few at a time."""

    def __init__(self, content: bytes, step: int) -> None:
        self._file, self._step = io.BytesIO(content), step

    def read(self, size: int, /) -> bytes:
        return self._file.read(min(size, self._step))


def _values(path: Path) -> list[tuple[int, object]]:
    return [(row.line, row.value) for row in reading.rows(path)]


@quick
@given(
    rows=st.lists(st.fixed_dictionaries({"a": nested, "b": text}), max_size=5),
    indent=st.sampled_from([None, 1]),
    step=st.integers(1, 9),
)
def test_elements_come_out_of_an_array_whatever_stands_in_them_and_however_it_arrives(
    rows: list[object], indent: int | None, step: int
) -> None:
    document = json.dumps(rows, indent=indent, ensure_ascii=False).encode()
    found = list(json_elements.split(Drip(document[1:], step), True, 1 << 20))
    assert [json.loads(element.data) for element in found] == rows
    assert all(element.whole for element in found)


@quick
@given(
    rows=st.lists(st.fixed_dictionaries({"a": nested}), max_size=4), step=st.integers(1, 9), limit=st.integers(8, 40)
)
def test_elements_over_the_limit_are_passed_over_and_the_rest_is_whole(
    rows: list[object], step: int, limit: int
) -> None:
    parts = [json.dumps(row).encode() for row in rows]
    found = list(json_elements.split(Drip(b", ".join(parts) + b"]", step), True, limit))
    assert len(found) == len(parts)
    for element, part in zip(found, parts, strict=True):
        assert element.data == (b"" if element.too_long else part)
        assert not element.too_long or len(part) + step >= limit


@quick
@given(rows=rows_of_text, codec=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), end=st.sampled_from(["\n", "\r\n"]))
def test_csv_reads_back_what_the_csv_module_wrote_with_the_line_where_each_row_begins(
    tmp_path: Path, rows: list[dict[str, str]], codec: str, end: str
) -> None:
    rows = [row for row in rows if any(row.values())]
    written = io.StringIO(newline="")
    writer = csv.DictWriter(written, ["problem", "answer"], lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writeheader()
    begins = []
    for row in rows:
        begins.append(written.getvalue().count("\n") + 1)
        writer.writerow(row)
    path = tmp_path / "rows.csv"
    path.write_bytes(written.getvalue().encode(codec))
    assert _values(path) == list(zip(begins, rows, strict=True))


@quick
@given(rows=rows_of_text, codec=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]))
def test_jsonl_reads_back_in_every_encoding(tmp_path: Path, rows: list[dict[str, str]], codec: str) -> None:
    path = tmp_path / "rows.jsonl"
    lines = [json.dumps({"name": "a plain text", **row}, ensure_ascii=False) + "\n" for row in rows]
    path.write_bytes("".join(lines).encode(codec))
    # without a byte order mark UTF-16 is told by its zero bytes, which a text in another script has few of
    if codec in ("utf-16-le", "utf-16-be") and sum(map(len, rows[0].values())) > 60:
        return
    assert [
        (line, {"problem": value["problem"], "answer": value["answer"]})
        for line, value in _values(path)
        if isinstance(value, dict)
    ] == list(enumerate(rows, 1))


@quick
@given(content=st.binary(min_size=1, max_size=300), name=st.sampled_from(["x.jsonl", "x.json", "x.csv", "x.tsv", "x"]))
def test_any_bytes_end_in_rows_or_a_sentence(tmp_path: Path, content: bytes, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    job = TraceImport()
    with contextlib.suppress(errors.StillroomError):  # any other exception is a bug of ours
        kept = sum(isinstance(item, Trace) for item in job.read(path))
        assert job.files[0].rows == kept + job.counts.total()


@pytest.mark.parametrize("name", ["x.jsonl", "x.json", "x.csv"])
def test_a_row_over_one_megabyte_is_left_out_and_its_neighbours_stay(tmp_path: Path, name: str) -> None:
    rows = [{"problem": f"{n}?", "thinking": "a\n" * (600_000 if n == 2 else 2), "answer": str(n)} for n in (1, 2, 3)]
    path = tmp_path / name
    if name.endswith("csv"):
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    elif name.endswith("jsonl"):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        path.write_text(json.dumps(rows))
    job = TraceImport()
    kept = [item for item in job.read(path) if isinstance(item, Trace)]
    assert [trace.answer for trace in kept] == ["1", "3"]
    assert [(left.reason, left.text) for left in job.left_out] == [("too_long", "The row has more than 1 MB.")]


def test_one_line_of_many_megabytes_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"problem,answer\n" + b"x" * 3_000_000 + b",1\n2?,2\n")
    assert [(row.line, row.fault is not None) for row in reading.rows(path)] == [(2, True), (3, False)]


def test_parquet_reads_with_pyarrow(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    from models.traces import parquet

    path = tmp_path / "x.parquet"
    parquet.write(path, [{"problem": f"{n}?", "thinking": "So.", "answer": str(n)} for n in (1, 2)])
    kept = [item for item in TraceImport().read(path) if isinstance(item, Trace)]
    assert [(trace.line, trace.problem) for trace in kept] == [(1, "1?"), (2, "2?")]


def test_a_damaged_parquet_file_and_a_long_row_are_told(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    from models.traces import parquet

    path = tmp_path / "x.parquet"
    parquet.write(path, [{"problem": "1?", "answer": "x" * 1_100_000}, {"problem": "2?", "answer": "2"}])
    assert [row.fault is not None for row in reading.rows(path)] == [True, False]
    path.write_bytes(path.read_bytes()[:-20] + bytes(20))
    with pytest.raises(errors.Corrupt, match="Parquet"):
        list(reading.rows(path))


def _peak_of_arrow() -> int:
    import pyarrow

    return int(pyarrow.default_memory_pool().max_memory())


@pytest.mark.parametrize("nested", [False, True])
def test_a_text_that_many_cells_of_parquet_point_to_is_not_made_for_each(tmp_path: Path, nested: bool) -> None:
    arrow = pytest.importorskip("pyarrow")
    from models.traces import parquet

    text, path = "x" * 2_000_000, tmp_path / "x.parquet"
    cells = arrow.DictionaryArray.from_arrays(arrow.array([0] * 99 + [1]), arrow.array([text, "2"]))
    column = cells
    if nested:  # one row of 99 long cells, then one of a short one
        column = arrow.ListArray.from_arrays(arrow.array([0, 99, 100]), cells)
    rows = len(column)
    table = arrow.table({"problem": [f"{n}?" for n in range(rows)], "answer": column})
    importlib.import_module("pyarrow.parquet").write_table(table, path)
    before = _peak_of_arrow()
    found = list(parquet.rows(path))
    assert [row.fault is not None for row in found] == [True] * (rows - 1) + [False]
    assert found[-1].value == {"problem": f"{rows - 1}?", "answer": ["2"] if nested else "2"}
    assert _peak_of_arrow() - before < 40_000_000  # made for each they take 200 MB


def test_parquet_that_only_swells_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrow = pytest.importorskip("pyarrow")
    from models.traces import parquet

    write = importlib.import_module("pyarrow.parquet").write_table
    path = tmp_path / "x.parquet"
    write(arrow.table({"problem": ["x" * 3_000_000], "answer": ["1"]}), path, compression="zstd")
    monkeypatch.setattr(parquet, "_UNPACKED_BYTES", 1 << 20)
    with pytest.raises(errors.Corrupt, match=r"Column problem of x\.parquet would unpack to 3\.0 MB"):
        next(parquet.rows(path))
    write(arrow.table({"problem": [None] * 300_000}), path)
    monkeypatch.setattr(parquet, "_ROWS", 1000)
    with pytest.raises(errors.Corrupt, match="claims 300,000 rows"):
        next(parquet.rows(path))
    write(arrow.table({"problem": ["?"], "answer": [[True] * 5000]}), path)
    monkeypatch.setattr(parquet, "_CELLS", 4000)
    with pytest.raises(errors.Corrupt, match="in 5,000 cells"):
        next(parquet.rows(path))


@pytest.mark.parametrize("unit", [b"\\\\", b"\\\\" * 200 + b'\\\\\\"'])
def test_a_row_of_megabytes_is_passed_over_in_the_memory_of_a_few_pieces(unit: bytes) -> None:
    inside = unit * (3_000_000 // len(unit))
    source = io.BytesIO(b'"' + inside + b'"' + b', "\\\\\\\\"]')
    tracemalloc.start()
    found = list(json_elements.split(source, True, 1 << 17))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_500_000
    assert [(element.data, element.too_long) for element in found] == [(b"", True), (b'"\\\\\\\\"', False)]


@pytest.mark.parametrize("unit", [b"[", b'{"a":'])
def test_what_is_nested_deeper_than_any_decoder_goes_ends_the_reading(tmp_path: Path, unit: bytes) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b'[{"problem": "?", "answer": "1"},\n' + unit * 300_000)
    first, last = reading.rows(path)
    assert first.value == {"problem": "?", "answer": "1"}
    assert last.fault is not None
    assert last.fault.text == "It is nested too deeply, so the rest of the file is not read."


@quick
@given(
    texts=st.lists(st.text('\\"a', max_size=200), min_size=1, max_size=4),
    step=st.integers(1, 70),
    limit=st.integers(8, 90),
)
def test_backslashes_and_quotes_end_a_string_where_they_should(texts: list[str], step: int, limit: int) -> None:
    parts = [json.dumps(text).encode() for text in texts]
    for most in (limit, 1 << 20):
        found = list(json_elements.split(Drip(b",".join(parts) + b"]", step), True, most))
        assert [element.data for element in found if not element.too_long] == [
            part for part, element in zip(parts, found, strict=True) if not element.too_long
        ]


def test_a_missing_file_a_folder_and_a_damaged_one_are_told(tmp_path: Path) -> None:
    with pytest.raises(errors.NotFound, match="no file"):
        reading.recognise(tmp_path / "none.jsonl")
    with pytest.raises(errors.BadInput, match="folder"):
        reading.recognise(tmp_path)


def test_many_quotes_that_never_close_end_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("problem,answer\n" + 'a,"b\n\n' * 121)
    rows = list(reading.rows(path))
    assert all(row.fault for row in rows[1:] if row.value is None)
    assert msgspec.to_builtins(rows[-1].line) <= 243


def test_a_name_says_nothing_against_the_content(tmp_path: Path) -> None:
    path = tmp_path / "export.txt"
    path.write_text('{"problem": "1 + 1?", "answer": "2"}\n{"problem": "1 + 2?", "answer": "3"}\n')
    assert reading.recognise(path).format == "JSONL"
