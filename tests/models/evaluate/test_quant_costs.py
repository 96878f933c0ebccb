"""A copy that was evaluated against its original has what it costs on its card, and only what was measured."""

from pathlib import Path

import msgspec
import pytest

from models.checkpoint import fingerprint, folders
from models.evaluate import intervals, quant_costs
from models.evaluate.evaluations import Contents
from models.evaluate.problems import Problem, Task
from models.evaluate.records import Contender, EvaluationCard, ReplyRow, TaskFacts
from models.events import OnProblems, QuantCard
from tests.models.evaluate.runs import make_model

CARD = QuantCard(
    model="copy", reference="tiny", recipe="4bit", bits=4.5, size_bytes=1, kl=0.1, same_top=0.9, perplexity=2.0,
    reference_perplexity=1.9, tokens_per_s=9.0, peak_bytes=1, text_tokens=9, machine="here", measured="2026",
)  # fmt: skip


@pytest.fixture
def places() -> tuple[Path, Path]:
    """The folders of an original and of its copy, whose record knows it by its fingerprint alone."""
    original, copy = make_model(), make_model("copy")
    weights = copy / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-3] ^= 1
    weights.write_bytes(content)
    record = folders.new_record(copy, "Tiny 4-bit", "quantized")
    record = msgspec.structs.replace(record, recipe="4bit", lineage=[fingerprint.of(original)], card=CARD)
    folders.write_record(copy, record)
    return original, copy


def contents(places: tuple[Path, Path], order: tuple[int, int] = (0, 1), think: int = 64, **changes: str) -> Contents:
    """60 problems: the original gets 50 of them, the copy 40 of those, and thinks a quarter longer."""
    names = ("tiny", "copy")
    contenders = [
        msgspec.structs.replace(Contender(model=names[who], fingerprint=fingerprint.of(places[who])), **changes)
        for who in order
    ]
    problems = [Problem(id=str(n), problem=f"{n}?", gold="1") for n in range(60)]
    card = EvaluationCard(
        id="one", created="2026", contenders=contenders, think=[0, think], answer_tokens=9,
        task=TaskFacts(name="t", title="Sums", problems=60, hash="h"),
    )  # fmt: skip
    rows = [
        ReplyRow(
            contender=number, think=budget, problem=str(n), sample=0, correct=n < (50, 40)[who] or not budget,
            thinking_tokens=(40, 50)[who] + n % 3 if budget else 0,
        )
        for number, who in enumerate(order) for budget in (0, think) for n in range(60)
    ]  # fmt: skip
    return Contents(card=card, task=Task(name="t", title="Sums", problems=problems), rows=rows, sittings=[])


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_it_is_kept_with_the_card_of_the_copy_whichever_came_first(places: tuple[Path, Path], order: tuple[int, int]):
    told = quant_costs.keep(contents(places, order))
    record = folders.read_record(places[1])
    assert record is not None
    assert record.card is not None
    found = record.card.on_problems
    assert found is not None
    assert (found.problems, found.think, found.evaluation, found.task) == (60, 64, "one", "Sums")
    assert found.difference == pytest.approx(-1 / 6)
    assert found.interval[0] < -1 / 6 < found.interval[1] < 0
    assert found.thinking == pytest.approx(51 / 41)
    assert told.startswith("Tiny 4-bit costs 16.7 points, between ")
    assert told.endswith(", and thinks 24 % longer on Sums (60 problems, thinking 64 tokens).")
    assert record.card.sentences()[-1] == f"It {found.words()}."
    assert msgspec.structs.replace(record.card, on_problems=None) == CARD
    assert folders.read_record(places[0]) is None


def test_nothing_is_kept_of_what_is_no_copy_and_its_original(places: tuple[Path, Path]):
    changed = [contents(places, adapter="a"), contents(places, fingerprint="")]
    one = contents(places)
    changed.append(
        msgspec.structs.replace(one, card=msgspec.structs.replace(one.card, contenders=one.card.contenders[:1]))
    )
    changed.append(msgspec.structs.replace(one, rows=[row for row in one.rows if row.contender]))
    for each in changed:
        assert quant_costs.keep(each) == ""
    record = folders.read_record(places[1])
    assert record is not None
    assert record.card == CARD


def words(difference: float, low: float, high: float, thinking: float | None, *interval: float) -> str:
    found = OnProblems(
        task="T", problems=9, think=8, difference=difference, interval=(low, high), thinking=thinking,
        thinking_interval=(interval[0], interval[1]) if interval else None, evaluation="e", measured="2026",
    )  # fmt: skip
    return found.words().removesuffix(" on T (9 problems, thinking 8 tokens)")


def test_only_what_the_intervals_show_is_said():
    none = "shows no clear difference in accuracy (-1.5 points, between -4.0 and +1.0)"
    assert words(-0.015, -0.04, 0.01, None) == none
    assert words(-0.015, -0.04, 0.01, 1.1, 0.9, 1.3) == f"{none} and thinks about as long (+10 %)"
    assert words(0.02, 0.01, 0.03, 0.8, 0.7, 0.9) == "gains 2.0 points, between 1.0 and 3.0, and thinks 20 % less"
    assert words(-0.4, -0.5, -0.3, 4.5, 4.0, 5.0).endswith("and thinks 4.5 times as long")


def test_a_ratio_of_lengths_has_an_interval():
    assert intervals.ratio([], []) is None
    assert intervals.ratio([0, 0], [1, 2]) is None
    found = intervals.ratio([100.0] * 50, [112.0, 112.0] * 25)
    assert found is not None
    assert found[0] == pytest.approx(1.12)
    assert found[1].low == pytest.approx(found[1].high)
    spread = intervals.ratio([100.0] * 50, [12.0, 212.0] * 25)
    assert spread is not None
    assert spread[1].low < 1 < spread[1].high
