"""Settings, numbers and traces in words, and fields that read what they write."""

import msgspec
import pytest

from app.desktop.pages.finetune import fields, words
from app.desktop.pages.finetune.outlook import duration
from app.desktop.pages.finetune.traces_card import BARS, bars, tokens
from models.errors import BadInput
from models.finetune.presets import PRESETS
from models.finetune_config import FinetuneConfig
from models.trace_report import Added, LeftOut, SourceFile, TraceSet


@pytest.mark.parametrize(
    ("config", "quantized", "said"),
    [
        (FinetuneConfig(rank=16), True, "QLoRA, rank 16, all linear layers"),
        (FinetuneConfig(rank=8, method="dora", layers=4), False, "DoRA, rank 8, linear layers of the last 4 blocks"),
        (FinetuneConfig(method="full"), False, "full, all weights"),
        (FinetuneConfig(method="full", layers=2), True, "full, the last 2 blocks"),
    ],
)
def test_the_method_as_papers_name_it(config: FinetuneConfig, quantized: bool, said: str) -> None:
    assert words.method(config, quantized) == said


@pytest.mark.parametrize(("value", "said"), [(2e-4, "2e-4"), (1.5e-3, "1.5e-3"), (6.02e-5, "6.02e-5"), (0.1, "1e-1")])
def test_a_learning_rate(value: float, said: str) -> None:
    assert words.rate(value) == said


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: str(preset.id))
def test_every_field_reads_what_it_writes(preset: object) -> None:
    config = preset.config  # type: ignore[attr-defined]
    for key, field in fields.FIELDS.items():
        value = fields.value_of(config, 0.05, key)
        assert field.read(field.said(value)) == value, key


def test_every_number_of_a_run_has_a_field() -> None:
    beside = {"method", "packing", "gradient_checkpointing", "replies"}  # these are chosen, not typed
    assert set(fields.FIELDS) - {fields.HELD_OUT} == set(FinetuneConfig.__struct_fields__) - beside


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("warmup", "7.5", 0.075), ("warmup", "7.5 %", 0.075), ("max_tokens", "4,096 tokens", 4096), ("steps", " ", None),
        ("layers", "", -1), ("learning_rate", "0.0003", 3e-4), ("memory_limit_bytes", "8 GB", 8 * 2**30),
    ],
)  # fmt: skip
def test_a_field_takes_what_people_type(key: str, text: str, value: object) -> None:
    assert fields.FIELDS[key].read(text) == pytest.approx(value)


@pytest.mark.parametrize(("key", "text"), [("rank", "1.5"), ("rank", ""), ("epochs", "two"), ("steps", "all")])
def test_a_field_says_what_it_wants(key: str, text: str) -> None:
    with pytest.raises(BadInput, match=rf"^{fields.FIELDS[key].title} is a "):
        fields.FIELDS[key].read(text)


def test_what_an_import_left_out_by_reason_with_the_line_of_a_single_row() -> None:
    file = SourceFile(
        name="a.jsonl", sha256="", size_bytes=1, format="JSONL", encoding="UTF-8", shape="", shapes={}, rows=20, kept=8,
        left_out={"too_long": 7, "duplicate": 4, "no_answer": 1},
    )  # fmt: skip
    found = TraceSet(name="a", created="", changed="", traces=8, size_bytes=1, data_hash="", files=[file])
    report = Added(
        name="a", shape="", rows=20, kept=8, left_out=[LeftOut(line=318, reason="no_answer", text="")], counts={}, files=[]
    )  # fmt: skip
    said = "12 rows left out at import: 7 too long, 4 duplicates, 1 without an answer"
    assert words.left_out_of_set(found, report) == f"{said} (line 318)"
    assert words.left_out_of_set(found, None) == said
    assert words.left_out_of_set(msgspec.structs.replace(found, files=[]), report) == ""


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "1.0 s"), (80, "1 min 20 s"), (1500, "25 min"), (11_400, "3 h 10 min"), (40_100, "11 h")],
)
def test_a_time_that_is_about_right(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_bars_hold_every_value() -> None:
    heights, low, high = bars([70, 100, 500, 7000])
    assert (len(heights), sum(heights), low, high) == (BARS, 4, 64, 8192)
    assert bars([]) == ([0] * BARS, 16, 16)
    assert sum(bars([5, 5, 5])[0]) == 3


@pytest.mark.parametrize(("value", "said"), [(64, "64"), (8192, "8k"), (1500, "1,500")])
def test_a_round_number_of_tokens(value: int, said: str) -> None:
    assert tokens(value) == said
