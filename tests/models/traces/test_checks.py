import json
import time
from pathlib import Path

import pytest

from models import errors
from models.answers import tags
from models.traces import overlap, scripts, secrets
from models.traces.importing import preview
from models.traces.looking import histogram, search
from models.traces.markup import control_token, unwrap
from models.traces.overlap import EvaluationSets
from models.traces.trace import identify, said
from tests.models.traces.made import make, many


@pytest.mark.parametrize("pair", tags.pairs())
def test_every_familys_tags_divide_a_reply(pair: tuple[str, str]) -> None:
    opening, closing = pair
    assert tags.split_reply(f"\n{opening}\nSo.\n{closing}\n\n2 ")[:3] == ("So.", "2", "tags")
    assert tags.split_reply(f"So.\n{closing}2")[:3] == ("So.", "2", "closed")
    assert tags.split_reply(f"{opening}So")[:3] == ("So", "", "open")
    assert tags.split_reply(f"Hm. {opening}So{closing}2").found == "late"
    assert control_token(f"a {opening} b")
    assert control_token(f"a {closing} b")
    assert tags.unwrap_thinking(f" {opening}So{closing} ") == "So"


@pytest.mark.parametrize(
    "end", ["<|im_end|>", "</s>", "<｜end▁of▁sentence｜>", "<|eot_id|>\n<|end_of_text|>", "<|return|>"]
)
def test_the_end_of_a_turn_is_no_part_of_the_answer(end: str) -> None:
    assert tags.split_reply(f"<think>So.</think>2{end}\n").answer == "2"


@pytest.mark.parametrize(
    "text",
    ["a < b and c > d", "x <| f |> g", "<b>bold</b> and <s2>", "[a, b]", "if (a<b|c>d)", "vector<int> v; [INSTALL]"],
)
def test_mathematics_and_code_hold_no_control_token(text: str) -> None:
    assert control_token(text) == ""


def test_a_prompt_in_markup_is_unwrapped() -> None:
    assert unwrap("plain <b>text</b>") is None
    found = unwrap("<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n")
    assert found is not None
    assert found.turns == [("system", "S"), ("user", "U"), ("assistant", "")]
    mistral = unwrap("<s>[INST] A [/INST] B</s>[INST] C [/INST]")
    assert mistral is not None
    assert mistral.turns == [("user", "A"), ("assistant", "B"), ("user", "C")]


def test_scripts_of_mathematics_are_not_another_language() -> None:
    text = "Let α ≤ β — then x² ∈ ℝ, “so” naïvely ½·π."
    assert scripts.mixed("What is x?", text, 0.0) == ""
    assert "Cyrillic" in scripts.mixed("What is x?", "So it is пять and так далее.", 0.05)
    assert scripts.mixed("What is x?", "So it is пять and so on, as everybody can see who looks.", 0.2) == ""
    assert scripts.mixed("数は？", "これは数です。x = 3", 0.05) == ""
    assert "Hangul" in scripts.mixed("数は？", "これは수입니다。그래서", 0.05)


@pytest.mark.parametrize(
    "unit", ["[INST]", "a@", "a@b.", "[INST]a[/INST]", "<|im_start|>user\n", "\\frac{", "#### ", " "]
)
def test_a_long_row_of_anything_is_looked_at_in_little_time(tmp_path: Path, unit: str) -> None:
    text = unit * (150_000 // len(unit))
    file = tmp_path / "a.jsonl"
    rows = [{"text": text}, {"problem": text, "answer": f"x{text}y", "gold": text}]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    began = time.process_time()
    preview(file)
    assert time.process_time() - began < 10  # the square of the length takes more


def test_secrets_are_named_by_kind() -> None:
    assert secrets.kinds(b"mail a.b@example.org or hf_" + b"a" * 34) == {"e-mail address", "access token"}
    assert secrets.kinds(b"AKIA" + b"A1" * 8 + b" -----BEGIN RSA PRIVATE KEY-----") == {"cloud key", "private key"}
    assert secrets.kinds(b"a@b, risk-" + b"a" * 30 + b", x_1@2") == set()


def test_a_phrase_of_many_evaluation_problems_is_no_overlap(tmp_path: Path) -> None:
    phrase = "please think about it step by step and then put your final answer into a box"
    file = tmp_path / "evaluation.jsonl"
    file.write_text("".join(f'{{"problem": "Problem {word}: {phrase}"}}\n' for word in ("one", "two", "three", "four")))
    sets = EvaluationSets([file])
    assert sets.find(f"Another problem: {phrase}") == ""
    assert sets.find(f"problem  TWO {phrase}!") == "Its problem is in evaluation.jsonl, row 2."
    file.write_text('{"a": 1}\n')
    with pytest.raises(errors.BadInput, match="No problem"):
        EvaluationSets([file])


def test_evaluation_sets_larger_than_any_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlap, "MOST_CHARACTERS", 100)
    file = tmp_path / "evaluation.jsonl"
    file.write_text("".join(f'{{"Problem": "What is {n} and {n}, taken together?"}}\n' for n in range(9)))
    with pytest.raises(errors.BadInput, match=r"evaluation\.jsonl hold more"):
        EvaluationSets([file])


def test_the_id_is_of_what_is_said_and_stays() -> None:
    assert make().id == "3629063701d32787"
    assert len({identify(said(*parts)) for parts in (("a", "b", "c"), ("ab", "", "c"), ("a", "bc", ""))}) == 3


def test_a_preview_shows_the_first_rows_and_adds_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("question,reasoning,answer\n" + "".join(f"{n}?,So.,{n}\n" for n in range(50)) + "x?,,\n")
    seen = preview(file, 5)
    assert (seen.shape, len(seen.traces), seen.left_out) == ("columns question, reasoning and answer", 5, [])


def test_search_finds_text_whatever_its_case() -> None:
    traces = [make("GROSSE Straße?"), make(thinking="deep"), make(answer="Straße")]
    assert [trace.id for trace in search(traces, "STRASSE")] == [traces[0].id, traces[2].id]
    assert list(search(traces, "")) == traces


def test_a_histogram_counts_by_length() -> None:
    traces = [make(thinking="a " * n, answer="") for n in (1, 9, 10, 11, 500)]
    found = histogram(traces, lambda text: len(text.split()), [10, 100])
    assert (found.counts, found.median, found.longest, found.total, found.estimated) == ([2, 2, 1], 10, 500, 531, False)
    assert histogram([], None, [10]).counts == [0, 0]
    assert histogram(many(3)).estimated
