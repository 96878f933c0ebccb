"""What is learned of conversations: the last reply, or every one, each with what came before it."""

from pathlib import Path

from models.finetune import estimate
from models.finetune.dataset import encode
from models.finetune.examples import Example, examples_of
from models.finetune_config import FinetuneConfig
from models.traces.shapes import read
from models.traces.trace import Trace, Turn
from tests.models.finetune.families import chatting
from tests.models.traces.made import CONVERSATION, make

TALK = make(
    "Halve it.",
    "12 / 2",
    "6",
    turns=[Turn("user", "Say 4."), Turn("assistant", "4", "easy"), Turn("user", "Treble it."), Turn("assistant", "12")],
    system="Count.",
)


def test_the_last_reply_is_learned_with_all_before_it_as_its_prompt() -> None:
    assert examples_of([TALK]) == [Example("Halve it.", "12 / 2", "6", "Count.", tuple(TALK.turns))]


def test_every_reply_is_learned_with_its_thinking_and_what_came_before_it() -> None:
    assert examples_of([TALK, make()], "every") == [
        Example("Say 4.", "easy", "4", "Count."),
        Example("Treble it.", "", "12", "Count.", tuple(TALK.turns[:2])),
        Example("Halve it.", "12 / 2", "6", "Count.", tuple(TALK.turns)),
        Example("What is 1 + 1?", "One more.", "2"),
    ]


def test_a_reply_that_two_conversations_share_is_learned_once() -> None:
    other = make("Double it.", "", "24", turns=TALK.turns, system="Count.")
    assert len(examples_of([TALK, other], "every")) == 4


def test_rows_of_a_conversation_differ_by_what_came_before(tmp_path: Path) -> None:
    model = chatting(tmp_path, "qwen3")
    rows = [
        encode(Example("Double it.", "", answer, turns=(Turn("user", f"It is {n}."), Turn("assistant", "Yes."))), model)
        for n, answer in (("7", "14"), ("21", "42"))
    ]
    given = [model.tokenizer.decode(row.tokens[: row.start]) for row in rows]
    assert all(f"It is {n}." in text and "Double it." in text for n, text in zip(("7", "21"), given, strict=True))
    learned = [model.tokenizer.decode(row.tokens[row.start :]) for row in rows]
    assert [text.removesuffix("<|im_end|>") for text in learned] == ["14", "42"]


def test_thinking_of_an_earlier_reply_is_kept_apart_and_is_in_no_later_prompt(tmp_path: Path) -> None:
    messages = [
        {"role": "user", "content": "1 + 1?"},
        {"role": "assistant", "content": "<think>\nsecret\n</think>\n\n2"},
        {"role": "user", "content": "And 3 more?"},
        {"role": "assistant", "content": "5", "reasoning_content": "2 + 3"},
    ]
    draft = read({"messages": messages})
    assert draft.turns == [Turn("user", "1 + 1?"), Turn("assistant", "2", "secret")]
    trace = Trace(id="", problem=draft.problem, thinking=draft.thinking, answer=draft.answer, turns=draft.turns)
    first, last = examples_of([trace], "every")
    assert (first.thinking, last.thinking) == ("secret", "2 + 3")
    model = chatting(tmp_path, "smollm3")  # its template cuts nothing by itself
    row = encode(last, model)
    assert "secret" not in model.tokenizer.decode(row.tokens)


def test_the_estimate_counts_what_is_read_and_every_reply_that_is_learned() -> None:
    alone = estimate.lengths([make("And twice that?", "2 and 2.", "4")])
    found = estimate.lengths([CONVERSATION])
    assert found.rows[0].row > alone.rows[0].row
    assert found.rows[0].learned == alone.rows[0].learned
    plans = [estimate.plan(found, FinetuneConfig(replies=replies), 0.0).rows for replies in ("last", "every")]
    assert plans == [1, 2]
