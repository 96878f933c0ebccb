"""Every broken or odd file of tests/data/traces gives exactly the report that lies beside it."""

from pathlib import Path

import msgspec
import pytest

from tests.models.traces.reports import FOLDER, Given, expected_of, report

FILES = sorted(
    path for path in FOLDER.iterdir() if not path.name.startswith(".") and not path.name.endswith(".expected.json")
)


class Expected(msgspec.Struct):
    given: Given
    report: dict[str, object]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_gives_exactly_the_report_that_lies_beside_it(path: Path) -> None:
    expected = msgspec.json.decode(expected_of(path).read_bytes(), type=Expected)
    before = path.read_bytes()
    assert msgspec.to_builtins(report(path, expected.given)) == expected.report
    assert path.read_bytes() == before


def test_there_are_files_enough_and_each_has_its_report() -> None:
    assert len(FILES) >= 40
    assert {expected_of(path) for path in FILES} == set(FOLDER.glob("*.expected.json"))
