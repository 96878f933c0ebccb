"""Numbers read as people write them, also at the edges of their units."""

import pytest

from models import quantities


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (4_700_000_000, "4.7 GB"),
        (999_960_000, "1.0 GB"),
        (98_400_000, "98.4 MB"),
        (2.5e12, "2.5 TB"),
    ],
)
def test_size(n: float, words: str) -> None:
    assert quantities.size(n) == words


@pytest.mark.parametrize(("n", "words"), [(2**34, "16 GB"), (25_276_502_016, "23.5 GB"), (0, "0 GB")])
def test_memory(n: int, words: str) -> None:
    assert quantities.memory(n) == words


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (134_515_008, "135M"),
        (7_600_000_000, "7.6B"),
        (32_000_000_000, "32B"),
        (999_600_000, "1.0B"),
        (1500, "2K"),
        (12, "12"),
    ],
)
def test_count(n: int, words: str) -> None:
    assert quantities.count(n) == words


@pytest.mark.parametrize(("s", "words"), [(0.42, "0.4 s"), (9.99, "10 s"), (59.7, "1 min 0 s"), (125, "2 min 5 s")])
def test_seconds(s: float, words: str) -> None:
    assert quantities.seconds(s) == words
