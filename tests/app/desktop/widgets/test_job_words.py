"""Jobs in words."""

from datetime import date
from typing import Any

import pytest

from app.desktop.widgets import job_words
from models.jobs.queue import Job


def job(**values: Any) -> Job:
    return Job(**{"id": 1, "title": "R1", "subject": "a/b", "state": "running", **values})


FETCH: dict[str, Any] = {
    "doing": "fetch", "stage": "download", "done": 9_300_000_000, "total": 15_200_000_000, "unit": "bytes",
    "rate": 84e6, "seconds_left": 70.0, "then": "then quantize to 4-bit",
}  # fmt: skip


def test_a_download_reads_as_in_the_picture() -> None:
    download = job(**FETCH)
    assert job_words.pill(download) == "downloading"
    said = "9.3 of 15.2 GB · 84 MB/s · 1 min 10 s left · checked as it arrives · then quantize to 4-bit"
    assert job_words.line(download) == said
    assert job_words.short(download) == "61 %"


def test_a_quantization_reads_as_in_the_picture() -> None:
    quantize = job(doing="quantize", done=11, total=32, unit="layers", peak_bytes=1_900_000_000, seconds_left=40.0)
    assert job_words.pill(quantize) == "quantizing"
    assert job_words.line(quantize) == "layer 11 of 32 · peak memory 1.9 GB · 40 s left"
    assert job_words.short(quantize) == "quantizing"


def test_units_are_said_twice_when_they_differ() -> None:
    assert job_words.line(
        job(doing="fetch", stage="download", done=950_000_000, total=15_200_000_000, unit="bytes")
    ).startswith("950.0 MB of 15.2 GB")


@pytest.mark.parametrize(("state", "words"), [("paused", "paused"), ("waiting", "waiting")])
def test_what_stands_still_says_so_and_not_how_quick_it_was(state: str, words: str) -> None:
    still = job(**{**FETCH, "state": state})
    assert job_words.pill(still) == job_words.short(still) == words
    assert "84 MB/s" not in job_words.line(still)
    assert "then quantize to 4-bit" in job_words.line(still)


def test_what_is_not_known_is_not_said() -> None:
    assert job_words.fraction(job(done=5, total=0)) is None
    assert job_words.line(job(doing="import", stage="wait")) == ""


@pytest.mark.parametrize(
    ("values", "pill", "said"),
    [
        ({"doing": "fetch", "stage": "verify", "done": 1, "total": 2, "unit": "bytes"}, "checking", "1 of 2 bytes"),
        ({"doing": "quantize", "stage": "learn", "done": 1200, "total": 2048, "unit": "steps"}, "learning",
         "step 1,200 of 2,048"),
        ({"doing": "quantize", "stage": "card", "done": 512, "total": 2048, "unit": "tokens"}, "measuring",
         "512 of 2,048 tokens"),
        ({"doing": "import", "stage": "something new", "total": 0}, "importing", ""),
    ],
)  # fmt: skip
def test_stages_of_the_wire_have_words(values: dict[str, Any], pill: str, said: str) -> None:
    assert job_words.pill(job(**values)) == pill
    assert job_words.line(job(**values)) == said


def test_a_failure_is_its_sentence() -> None:
    failed = job(state="failed", error="No network.", hint="Try again later.")
    assert job_words.line(failed) == "No network. Try again later."


@pytest.mark.parametrize(
    ("iso", "said"),
    [
        ("2025-11-24T12:03:00", "today 12:03"),
        ("2025-11-23T12:03:00", "yesterday 12:03"),
        ("2025-02-03T12:00:00", "3 Feb"),
        ("2024-02-03T12:00:00", "3 Feb 2024"),
        ("", ""),
        ("nonsense", ""),
    ],
)
def test_moments(iso: str, said: str) -> None:
    assert job_words.moment(iso, date(2025, 11, 24)) == said
