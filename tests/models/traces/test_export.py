import sys
from pathlib import Path

import msgspec
import pytest

from models import errors
from models.answers.known import agrees
from models.trace_report import Exported
from models.traces import export, store
from models.traces.export import CONVERSATIONS, SHAPES
from models.traces.importing import TraceImport
from models.traces.trace import Trace
from tests.models.traces.made import CONVERSATION, make, many
from tests.returned import result_of

TRACES = [
    make(teacher="a teacher", licence="MIT", gold="2", verified=True),
    make('Zwei, "drei"?\n\nUnd: {a} [b]', "Erst,\n\n- eins\n- zwei", "Vier × 2,\n\nfünf", verified=False, gold="4"),
    make("A direct one?", "", "Yes, direct.", system="Be brief."),
    make("With a backslash: \\frac{1}{2}?", "x < y, so 「a」 is\t\\boxed{1}", "1/2", gold="1/2"),
]


def said(trace: Trace) -> tuple[object, ...]:
    return trace.problem, trace.system, trace.turns, trace.thinking, trace.answer


def write(path: Path, shape: str, traces: list[Trace]) -> Exported:
    store.append("set", traces)
    return result_of(export.export("set", path, shape))


def back(path: Path) -> tuple[list[Trace], str]:
    job = TraceImport()
    traces = [item for item in job.read(path) if isinstance(item, Trace)]
    assert not job.left_out
    return traces, job.files[0].shape


@pytest.mark.parametrize("ending", [".jsonl", ".json", ".csv", ".tsv"])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_reads_back_to_the_same(tmp_path: Path, shape: str, ending: str) -> None:
    path = tmp_path / f"out{ending}"
    traces = [*TRACES, CONVERSATION] if shape in CONVERSATIONS else TRACES
    exported = write(path, shape, traces)
    assert (exported.traces, exported.size_bytes) == (len(traces), path.stat().st_size)
    found, _ = back(path)
    assert [said(trace) for trace in found] == [said(trace) for trace in traces]
    for trace, original in zip(found, traces, strict=True):
        assert (trace.teacher, trace.licence) == (original.teacher, original.licence)
        assert trace.verified == (original.verified or agrees(trace.answer, trace.gold))
        if original.gold:
            assert trace.gold == original.gold


def test_what_stillroom_writes_reads_back_in_every_field_but_its_line(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    full = make(source="a book", teacher="t", licence="MIT", gold="2", verified=True, tokens=9, budget=64)
    write(path, "stillroom", [full])
    (found,), shape = back(path)
    assert found == msgspec.structs.replace(full, line=1)
    assert shape == "Stillroom traces, thinking in its own field"


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ("messages", "OpenAI messages, thinking in reasoning_content"),
        ("messages-inline", "OpenAI messages, thinking in <think>"),
        ("sharegpt", "ShareGPT conversations, thinking in <think>"),
        ("bespoke", "ShareGPT conversations, thinking in <|begin_of_thought|>"),
        ("openrouter", "OpenRouter or OpenAI completions, thinking in reasoning"),
        ("prompt-completion", "prompt and completion, thinking in <think>"),
        ("r1", "prompt and response, thinking in <think>"),
        ("alpaca", "Alpaca (instruction, input, output), thinking in <think>"),
        ("columns", "columns problem, thinking and answer"),
        ("limo", "columns question, solution and answer, solution taken as thinking"),
        ("s1k", "s1K columns, thinking in thinking_trajectories"),
        ("s1k-1.1", "s1K-1.1 columns, thinking in deepseek_thinking_trajectory"),
        ("openthoughts", "OpenThoughts columns, thinking in deepseek_reasoning"),
        ("ollama", "Ollama columns, thinking in message_thinking"),
    ],
)
def test_what_was_recognised_is_said(tmp_path: Path, shape: str, sentence: str) -> None:
    path = tmp_path / "out.jsonl"
    write(path, shape, many(3))
    assert back(path)[1] == sentence


def test_what_a_shape_can_not_hold_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(errors.BadInput, match="earlier turns"):
        write(tmp_path / "a.jsonl", "alpaca", [CONVERSATION])
    with pytest.raises(errors.BadInput, match="no shape"):
        list(export.export("set", tmp_path / "a.jsonl", "haiku"))
    with pytest.raises(errors.BadInput, match="ending"):
        list(export.export("set", tmp_path / "a.doc"))
    with pytest.raises(errors.BadInput, match="####"):
        export.to_row(make(answer="#### 2"), "gsm8k")
    assert not [entry for entry in tmp_path.iterdir() if entry.is_file()]


def test_a_closed_export_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("old")
    store.append("set", many(500))
    job = export.export("set", path)
    next(job)
    job.close()
    assert path.read_text() == "old"
    assert sorted(entry.name for entry in tmp_path.iterdir() if entry.is_file()) == ["out.jsonl"]


def test_left_out_by_hand_is_not_exported_unless_asked(tmp_path: Path) -> None:
    store.append("set", many(3))
    store.exclude("set", [many(1)[0].id])
    path = tmp_path / "out.jsonl"
    list(export.export("set", path))
    assert len(back(path)[0]) == 2
    list(export.export("set", path, with_excluded=True))
    assert len(back(path)[0]) == 3


def test_parquet_without_pyarrow_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(errors.Unsupported, match="pyarrow"):
        write(tmp_path / "out.parquet", "columns", many(2))


def test_parquet_reads_back(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "out.parquet"
    for shape in SHAPES:
        traces = [*TRACES, CONVERSATION] if shape in CONVERSATIONS else TRACES
        write(path, shape, traces)
        assert [said(trace) for trace in back(path)[0]] == [said(trace) for trace in traces]
        store.delete("set")
