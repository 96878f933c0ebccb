"""A written budget is read as it is meant, and a slip is said in one sentence."""

import pytest

from models import budgets
from models.errors import BadInput


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("off", 0),
        ("short", 512),
        ("medium", 2048),
        ("long", 8192),
        ("unlimited", None),
        ("0", 0),
        (" 64 ", 64),
        ("LONG", 8192),
        ("007", 7),
        (str(budgets.LARGEST), budgets.LARGEST),
    ],
)
def test_reads(text: str, tokens: int | None) -> None:
    assert budgets.parse_budget(text) == tokens


@pytest.mark.parametrize("text", ["-3", "1.5", "", "many", "1e3", "٣", "²", "0x10", "9" * 5000, "None"])
def test_refuses(text: str) -> None:
    with pytest.raises(BadInput) as refusal:
        budgets.parse_budget(text)
    assert refusal.value.text == (
        f'A thinking budget is off, short, medium, long, unlimited or a whole number of tokens, not "{text}".'
    )


def test_presets_read_back_by_their_names() -> None:
    assert [budgets.parse_budget(preset.name) for preset in budgets.PRESETS] == [
        preset.tokens for preset in budgets.PRESETS
    ]


def test_minimum_must_fit() -> None:
    budgets.check_minimum(None, 5000)
    budgets.check_minimum(512, 512)
    with pytest.raises(BadInput, match="At least 513 thinking tokens do not fit in a budget of 512"):
        budgets.check_minimum(512, 513)


@pytest.mark.parametrize(("tokens", "words"), [(None, "no limit"), (0, "off"), (2048, "2,048 tokens")])
def test_describes(tokens: int | None, words: str) -> None:
    assert budgets.describe(tokens) == words
