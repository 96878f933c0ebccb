"""The words for how far votes agree."""

import msgspec

from app.cli.agreement import EXCERPT, sentences
from models.events import Candidate, Finish
from tests.app.fake_engine import REPLY


def candidate(answer: str, finish: Finish = "eos", counted: bool = True) -> Candidate:
    return Candidate(answer=answer, thinking="", canonical=answer, tokens=5, finish=finish, counted=counted)


def said(agreement: int, *votes: Candidate, answer: str = "42", finish: Finish = "eos") -> list[str]:
    reply = msgspec.structs.replace(REPLY, answer=answer, votes=list(votes), agreement=agreement, finish=finish)
    return sentences(reply)


def test_a_single_reply_has_nothing_to_say():
    assert sentences(REPLY) == []


def test_the_majority_and_the_minority():
    votes = [candidate("42"), candidate("41"), candidate("40"), candidate("42"), candidate("41"), candidate("42")]
    assert said(3, *votes) == ["3 of 6 agree: 42", "2 of 6: 41", "1 of 6: 40"]


def test_all_agree():
    assert said(2, candidate("42"), candidate("42")) == ["2 of 2 agree: 42"]


def test_no_two_agree():
    lines = said(1, candidate("41"), candidate("42"))
    assert lines == ["No two of 2 agree; the likeliest is given: 42", "1 of 2: 41"]


def test_replies_that_had_no_vote():
    stopped, cut, empty = (
        candidate("", "cancelled", False),
        candidate("4", "length", False),
        candidate("", counted=False),
    )
    assert said(2, candidate("42"), stopped, cut, empty, candidate("42")) == [
        "2 of 5 agree: 42",
        "1 of 5 stopped early, since the rest had decided",
        "1 of 5 cut at the limit of tokens",
        "1 of 5 without an answer",
    ]
    assert said(1, candidate("42"), stopped, finish="cancelled")[-1] == "1 of 2 stopped"


def test_a_vote_stopped_before_any_reply_had_ended():
    assert said(0, candidate("", "cancelled", False), answer="", finish="cancelled") == []


def test_long_answers_are_told_in_a_line():
    long = "word\n" * 40
    (line,) = said(2, candidate(long), candidate(long), answer=long)
    assert line.endswith("word word…")
    assert len(line) <= len("2 of 2 agree: ") + EXCERPT
