"""Names of adapters."""

import pytest

from models.finetune.names import MAX_NAME, problem, suggest


@pytest.mark.parametrize("name", ["sums", "Sums-2", "a.b_c", "7", "x" * MAX_NAME])
def test_what_may_be_a_name(name: str) -> None:
    assert problem(name, ["other"]) == ""


@pytest.mark.parametrize("name", ["", "-x", "a b", "../x", "a/b", "ä", "x" * (MAX_NAME + 1), "Sums"])
def test_what_may_not(name: str) -> None:
    assert problem(name, ["sums"]).endswith(".")


@pytest.mark.parametrize(
    ("traces", "taken", "name"),
    [
        ("thesis-maths", [], "thesis-maths"),
        ("thesis maths (2)", [], "thesis-maths-2"),
        ("sums", ["SUMS", "sums-2"], "sums-3"),
        ("日本", [], ""),
        ("", [], ""),
        ("x" * 100, [], "x" * 76),
    ],
)
def test_a_free_name_is_offered(traces: str, taken: list[str], name: str) -> None:
    assert suggest(traces, taken) == name
    assert not name or problem(name, taken) == ""
