import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.store.titles import MAX_CHARS, UNTITLED, suggest_title


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("What is the capital of France?", "What is the capital of France?"),
        ("  Explain\tactor   reentrancy.  In Swift.", "Explain actor reentrancy"),
        ("Hi. Can you help me with a proof?", "Hi. Can you help me with a proof?"),
        ("\n\n# Rewrite the **grant** `abstract`\nText follows", "Rewrite the grant abstract"),
        ("- [a paper](https://example.org/x.pdf) to read", "a paper to read"),
        ("1. first\n2. second", "first"),
        ("> quoted _words_ stay snake_case", "quoted words stay snake_case"),
        ("```python\nprint(1)\n```", "print(1)"),
        ("Find all positive integer solutions of $x^2 - 5y^2 = 4$ with $x < 200$.",
         "Find all positive integer solutions of x² - 5y²…"),
        (r"Prove \(\sqrt{2} \le \frac{3}{2}\)", "Prove √(2) ≤ 3/2"),
        (r"Is $\alpha \in \mathbb{R}$?", "Is α ∈ R?"),
        ("It costs $5 and then $7", "It costs $5 and then $7"),
        ("2 * 3 * 4 = ?", "2 * 3 * 4 = ?"),
        ("A sentence that goes on for far longer than any title may be", "A sentence that goes on for far longer than any…"),
        ("x" * 60, "x" * 47 + "…"),
        ("数学" * 40, "数学" * 23 + "数…"),
        ("请证明勾股定理。然后举例。", "请证明勾股定理"),
        ("😀", "😀"),
        ("\u202eevil title", "evil title"),
        ("", UNTITLED),
        ("  \n\t ", UNTITLED),
        ("---", UNTITLED),
        ("\x00\ud800", UNTITLED),
    ],
)  # fmt: skip
def test_titles(text: str, title: str) -> None:
    assert suggest_title(text) == title


def test_an_emoji_sequence_is_not_cut_in_two() -> None:
    family = "👩‍👩‍👧"
    assert suggest_title("a" * 44 + family + "b" * 20) == "a" * 44 + "…"


@given(st.text())
def test_any_text_has_a_short_title_on_one_line(text: str) -> None:
    title = suggest_title(text)
    assert 0 < len(title) <= MAX_CHARS
    assert len(title.splitlines()) == 1
    assert title == title.strip()


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "text", ["$" * 100_000, "[" * 100_000, "*" * 100_000, "\\(" * 50_000, "# " * 50_000, "a " * 99_999]
)
def test_no_text_takes_long(text: str) -> None:
    assert suggest_title(text)
