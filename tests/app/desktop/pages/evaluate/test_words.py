"""Names, budgets and times in words."""

import pytest

from app.desktop.pages.evaluate import words
from app.desktop.pages.evaluate.choices import read_budgets
from models.errors import BadInput


@pytest.mark.parametrize(
    ("titles", "short"),
    [
        (["R1-Distill-Qwen-7B", "R1-Distill-Qwen-1.5B"], ["7B", "1.5B"]),
        (["SmolLM2 135M Instruct", "SmolLM2 135M Instruct · sums"], ["as it is", "sums"]),
        (["R1-Distill-Qwen-7B", "R1-Distill-Qwen-1.5B · my-student", "R1-Distill-Qwen-1.5B"], ["7B", "my-student", "1.5B"]),
        (["Qwen3-4B", "Llama-8B"], ["4B", "8B"]),
        (["alone"], ["alone"]),
        (["same", "same"], ["same", "same"]),
    ],
)  # fmt: skip
def test_names_are_cut_to_what_tells_them_apart(titles: list[str], short: list[str]) -> None:
    assert words.short_names(titles) == short


def test_budgets_are_read_as_people_write_them() -> None:
    assert read_budgets("64, 1,024 32,768;off  no limit") == [64, 1024, 32768, 0, None]
    assert read_budgets("") == []
    with pytest.raises(BadInput):
        read_budgets("64 and more")


@pytest.mark.parametrize(
    ("seconds", "said"), [(20, "a minute"), (300, "5 minutes"), (5836, "1.6 hours"), (7200, "2 hours")]
)
def test_a_time_beforehand_is_no_more_exact_than_it_is(seconds: float, said: str) -> None:
    assert words.roughly(seconds) == said
