"""The thinking machine, fed token by token as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.generate.thinking import (
    ANSWER_RESERVE,
    LEAST_EXTENSION,
    Steering,
    Tags,
    Thinking,
    grace_tokens,
    largest_budget,
)

TAGS = Tags("<think>", "</think>", "\nTime is up.\n")


def run(thinking: Thinking, tokens: list[str], *, end: bool = True) -> dict[str, str]:
    """Feed tokens, obeying what is forced, and return the text of each channel."""
    said = {"thinking": "", "answer": "", "forced": ""}
    queue = list(tokens)
    while queue:
        fed = thinking.feed(queue.pop(0))
        for channel, text in fed.pieces:
            said[channel] += text
        said["forced"] += fed.force or ""
    if end:
        for channel, text in thinking.end().pieces:
            said[channel] += text
    return said


def test_splits_a_reply_that_opens_and_closes_by_itself():
    thinking = Thinking(TAGS, 100, "waiting")
    said = run(thinking, ["<think>", "\n", "two", " and two", "</think>", "\n\n", "Four", "."])
    assert said == {"thinking": "two and two", "answer": "Four.", "forced": ""}
    assert (thinking.tokens, thinking.answer_tokens, thinking.closed_by) == (3, 3, "model")


@given(st.lists(st.integers(1, 6), min_size=1, max_size=40))
def test_a_split_of_the_text_into_tokens_does_not_change_what_is_said(cuts):
    text = "<think>\nIt is <b>4</b> </ thi</think>\n\nFour </p>."
    tokens, rest = [], text
    for cut in cuts:
        tokens.append(rest[:cut])
        rest = rest[cut:]
    said = run(Thinking(TAGS, 1000, "waiting"), [*tokens, rest])
    assert said["thinking"] == "It is <b>4</b> </ thi"
    assert said["answer"] == "Four </p>."


def test_a_budget_ends_at_the_first_newline_of_the_grace():
    thinking = Thinking(TAGS, 3, "thinking")
    said = run(thinking, ["a", "b", "c", "d", "e\n"], end=False)
    assert said["forced"] == "\nTime is up.\n</think>\n\n"
    assert (thinking.tokens, thinking.closed_by, thinking.state) == (5, "budget", "answer")


@pytest.mark.parametrize("budget", [1, 64, 320, 1000])
def test_a_budget_without_newline_ends_when_the_grace_is_used_up(budget):
    thinking = Thinking(TAGS, budget, "thinking")
    fed = [thinking.feed("x") for _ in range(budget + grace_tokens(budget))]
    assert [index for index, one in enumerate(fed) if one.force] == [budget + grace_tokens(budget) - 1]


def test_a_close_inside_the_grace_is_the_models_own():
    thinking = Thinking(TAGS, 2, "thinking")
    said = run(thinking, ["a", "b", "c", "</", "think", ">", "yes"])
    assert said == {"thinking": "abc", "answer": "yes", "forced": ""}
    assert (thinking.tokens, thinking.closed_by) == (3, "model")


def test_a_close_before_the_minimum_is_taken_back_whole():
    thinking = Thinking(TAGS, 50, "thinking", least=10)
    fed = [thinking.feed(text) for text in ["a", "b.", ".</", "think", ">\n"]][-1]
    assert (fed.drop, fed.force, fed.shown) == (3, ".\nWait", "\nWait")
    assert (thinking.tokens, thinking.state) == (2, "thinking")


def test_the_minimum_gives_up_after_a_few_waits():
    thinking = Thinking(TAGS, None, "thinking", least=1000)
    forced = [thinking.feed("</think>").force for _ in range(9)]
    assert forced[:8] == ["\nWait"] * 8
    assert forced[8] is None
    assert thinking.closed_by == "model"


def test_an_end_while_thinking_is_taken_back_and_the_answer_asked_for():
    thinking = Thinking(TAGS, 50, "thinking")
    thinking.feed("hm")
    fed = thinking.end()
    assert (fed.force, fed.drop, thinking.closed_by) == ("</think>\n\n", 1, "model")


def test_a_model_that_never_opens_answers():
    thinking = Thinking(TAGS, 50, "waiting")
    said = run(thinking, ["Hello", " there", *["."] * 40])
    assert said["answer"] == "Hello there" + "." * 40
    assert (thinking.tokens, thinking.answer_tokens, thinking.closed_by) == (0, 42, "model")


def test_words_before_a_late_open_tag_stay_an_answer():
    said = run(Thinking(TAGS, 50, "waiting"), ["Well", ", ", "<thi", "nk>", "hm", "</think>", "yes"])
    assert said == {"thinking": "hm", "answer": "Well, yes", "forced": ""}


def test_second_closes_are_swallowed_at_the_start_and_after_a_forced_close():
    assert run(Thinking(TAGS, 9, "thinking"), ["a", "</think>", "\n", "</think>", "\n", "b"])["answer"] == "b"
    forced = Thinking(TAGS, 1, "thinking")
    said = run(forced, ["a\n", "so it is 4.", "\n</", "think>", "\n\nFour"])
    assert said["answer"] == "so it is 4.\n\n\nFour"
    own = run(Thinking(TAGS, 9, "thinking"), ["a", "</think>", "The tag is </think>."])
    assert own["answer"] == "The tag is </think>."


def test_thinking_opened_again_after_a_forced_close_is_closed_at_once():
    thinking = Thinking(TAGS, 0, "answer")
    assert thinking.feed("<think>").force == "</think>\n\n"
    assert run(thinking, ["Four"])["answer"] == "Four"


def test_answer_now_closes_at_the_next_token():
    steering = Steering()
    thinking = Thinking(TAGS, None, "thinking", steering=steering)
    assert thinking.feed("a").force is None
    steering.answer_now()
    fed = thinking.feed("b")
    assert fed.force == "\nTime is up.\n</think>\n\n"
    assert (thinking.closed_by, fed.pieces) == ("answer_now", [("thinking", "b")])


def test_think_longer_doubles_what_is_left():
    steering = Steering()
    thinking = Thinking(TAGS, 1000, "thinking", steering=steering)
    for _ in range(200):
        thinking.feed("x")
    steering.think_longer()
    thinking.feed("x")
    assert thinking.budget == 1000 + 799


def test_think_longer_in_the_grace_still_grants_something_and_the_cap_holds():
    steering = Steering()
    thinking = Thinking(TAGS, 4, "thinking", steering=steering, cap=100)
    for _ in range(6):
        thinking.feed("x")
    steering.think_longer()
    thinking.feed("x")
    assert LEAST_EXTENSION > 100
    assert thinking.budget == 100


def test_no_limit_ends_at_the_cap_and_on_a_loop():
    capped = Thinking(TAGS, None, "thinking", cap=40)
    for index in range(40 + 32):
        capped.feed("x", index)
    assert capped.closed_by == "budget"
    looping = Thinking(TAGS, None, "thinking")
    for index in range(256):
        looping.feed("x", index % 7)
    assert looping.closed_by == "loop"


def test_what_does_not_repeat_is_no_loop():
    thinking = Thinking(TAGS, None, "thinking")
    for index in range(1000):
        thinking.feed("x", index % 61)
    assert thinking.closed_by is None


@given(st.integers(2, 40_000), st.integers(1, 40))
def test_the_largest_budget_leaves_room_for_the_answer(room, closing):
    budget = largest_budget(room, closing)
    used = budget + grace_tokens(budget) + closing if budget else 0
    assert room - used >= min(ANSWER_RESERVE, room // 2) or budget == 0


def test_what_was_held_back_comes_out_at_the_end():
    thinking = Thinking(TAGS, 9, "answer")
    assert thinking.feed("2 </th").pieces == [("answer", "2 ")]
    assert thinking.end().pieces == [("answer", "</th")]


def test_an_answer_that_repeats_itself_is_noticed_and_one_that_goes_on_is_not():
    looping, going_on = Thinking(TAGS, 0, "answer"), Thinking(TAGS, 0, "answer")
    noticed = []
    for index in range(800):
        looping.feed("x", index % 17)
        going_on.feed("x", index % 90)
        noticed.append(looping.answer_loops())
        assert not going_on.answer_loops()
    assert noticed.index(True) == 255


def test_without_room_for_thinking_there_is_no_grace_either():
    thinking = Thinking(TAGS, 100, "thinking", cap=0, least=20)
    assert thinking.feed("x").force is not None
    assert thinking.closed_by == "budget"


@pytest.mark.parametrize("start", ["thinking", "waiting"])
@pytest.mark.parametrize(
    "again", [["<think>"], ["<th", "ink>"], ["\n", "<think>", "\n<think>\n"], ["<think>plan"], ["\n<think", "> plan"]]
)
def test_an_open_tag_said_once_more_is_no_thought(start: str, again: list[str]):
    opened = ["<think>"] if start == "waiting" else []
    said = run(Thinking(TAGS, 100, start), [*opened, *again, " it", "</think>", "Yes"])  # type: ignore[arg-type]
    assert said["thinking"].split() in (["it"], ["plan", "it"])
    assert said["answer"] == "Yes"


def test_a_tag_that_is_thought_about_stays():
    said = run(Thinking(TAGS, 100, "thinking"), ["Is ", "<think>", " a tag", "</think>", "Yes"])
    assert said["thinking"] == "Is <think> a tag"


def test_the_space_after_an_extension_stays_even_where_nothing_was_thought_before():
    thinking = Thinking(TAGS, 100, "thinking", least=3)
    assert thinking.feed("</think>").shown == "\nWait"
    assert thinking.feed(" maybe").pieces == [("thinking", " maybe")]
