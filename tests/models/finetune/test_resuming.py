"""A run goes on with what it began with, and says what it does where it can't."""

import json
import shutil
import struct
from pathlib import Path

import msgspec
import pytest

from models import errors, paths
from models.events import Note, Prepared, Sample, Step
from models.finetune import checkpoints, publish, run_tokens
from models.finetune.finetune import finetune, resume
from models.finetune.from_set import finetune_on_set
from models.finetune.run_folder import METRICS, TOKENS, read_card
from models.finetune_config import FinetuneConfig
from models.library import installed
from models.traces import store
from tests.models.finetune import made_runs
from tests.models.finetune.lessons import QUICK, TRAIN, VALID, base, start, told
from tests.models.finetune.test_finetune import run_folder, until
from tests.models.traces.made import many
from tests.returned import result_of, run

replace = msgspec.structs.replace
SHORT = replace(QUICK, samples=0, batch_rows=2, micro_tokens=512, validate_every=0)


def set_template(folder: Path, **changes: str) -> None:
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text())
    for old, new in changes.items():
        config["chat_template"] = config["chat_template"].replace(old, new)
    path.write_text(json.dumps(config))


def dated(folder: Path) -> Path:
    """The tiny model with a template that names the day."""
    made = base(folder)
    config = json.loads((made / "tokenizer_config.json").read_text())
    config["chat_template"] = "Today is Monday. " + config["chat_template"]
    (made / "tokenizer_config.json").write_text(json.dumps(config))
    return made


def notes(events: object) -> list[str]:
    return [event.text for event in events if isinstance(event, Note)]


def test_a_run_goes_on_with_its_own_tokens_when_the_template_says_another_day(tmp_path: Path) -> None:
    model = dated(tmp_path)

    def begun(name: str):
        return finetune(
            model, "Tiny", TRAIN, VALID, replace(SHORT, samples=1, sample_tokens=2, steps=4), run_folder(name)
        )

    whole = told(list(begun("whole")))
    parts = until(begun("parts"), 2)
    set_template(model, Monday="Tuesday")
    (run_folder("parts") / "train.jsonl").unlink()
    parts += resume(run_folder("parts"))
    assert told(parts) == whole
    assert any(isinstance(event, Sample) for event in parts)
    assert b"Monday" in (run_folder("parts") / TOKENS).read_bytes()


def test_a_run_is_done_again_from_its_folder_alone(tmp_path: Path) -> None:
    whole = told(list(start(tmp_path, SHORT)))
    set_template(tmp_path / "base", assistant="other")
    shutil.rmtree(run_folder() / "checkpoints")
    events = list(resume(run_folder()))
    assert told(events) == whole


def test_tokens_that_were_changed_are_refused(tmp_path: Path) -> None:
    until(start(tmp_path, SHORT), 2)
    tokens = run_tokens.read(run_folder())
    row = tokens.train.rows[0]
    rows = [replace(row, tokens=[*row.tokens, 5]), *tokens.train.rows[1:]]
    run_tokens.write(run_folder(), replace(tokens, train=replace(tokens.train, rows=rows)))
    with pytest.raises(errors.BadInput, match="tokens in its folder are not those it began with"):
        list(resume(run_folder()))


def test_a_run_of_before_tokens_were_kept_goes_on_where_its_traces_still_make_them(tmp_path: Path) -> None:
    model = dated(tmp_path)
    until(finetune(model, "Tiny", TRAIN, VALID, SHORT, run_folder()), 2)
    (run_folder() / TOKENS).write_text("{")  # torn is as good as none
    with (run_folder() / METRICS).open("a") as metrics:
        metrics.write("[]\nnot a line\n")
    until(resume(run_folder()), 3)
    assert (run_folder() / TOKENS).exists()
    (run_folder() / TOKENS).unlink()
    set_template(model, Monday="Tuesday")
    with pytest.raises(errors.BadInput, match="traces are no longer the tokens"):
        list(resume(run_folder()))


def test_without_a_whole_checkpoint_it_says_that_it_begins_again_and_keeps_what_was_measured(tmp_path: Path) -> None:
    until(start(tmp_path, SHORT), 2)
    measured = (run_folder() / METRICS).read_bytes()
    for file in (run_folder() / "checkpoints").glob("*/optimizer.safetensors"):
        file.unlink()  # what is left is not whole
    events = until(resume(run_folder()), 1)
    assert next(event.first_step for event in events if isinstance(event, Prepared)) == 0
    (note,) = notes(events)
    assert "No whole checkpoint" in note
    assert "metrics-1.jsonl" in note
    shutil.rmtree(run_folder() / "checkpoints")
    assert "metrics-2.jsonl" in notes(until(resume(run_folder()), 1))[0]
    assert (run_folder() / "metrics-1.jsonl").read_bytes() == measured


def test_it_says_which_checkpoint_is_damaged_and_which_steps_are_taken_again(tmp_path: Path) -> None:
    until(start(tmp_path, SHORT), 5)
    assert [step for step in (3, 5) if (run_folder() / "checkpoints" / f"step-{step}").exists()] == [3, 5]
    (run_folder() / "checkpoints" / "step-5" / "state.json").write_text("{")
    (note,) = notes(until(resume(run_folder()), 4))
    assert note == "The checkpoint of step 5 is not whole. The run goes on after step 3, and takes 2 steps again."


def test_a_card_with_other_settings_than_the_checkpoints_is_refused_by_their_names(tmp_path: Path) -> None:
    until(start(tmp_path, SHORT), 2)
    card = run_folder() / "run_card.json"
    card.write_text(
        card.read_text().replace('"batch_rows": 2', '"batch_rows": 5').replace('"batch_rows":2', '"batch_rows":5')
    )
    with pytest.raises(errors.BadInput, match="batch rows 2, not 5"):
        list(resume(run_folder()))


BEGUN = {"base": "tiny", "traces": "sums", "held_out": 0.2, "config": FinetuneConfig(rank=4, learning_rate=1e-2)}


@pytest.mark.parametrize(
    ("model", "traces", "changes", "words"),
    [
        ("tiny", "sums", {"rank": 8}, "rank 4, not 8"),
        ("tiny", "sums", {"rank": 32, "learning_rate": 1e-4}, "rank 4, not 32; learning rate 0.01, not 0.0001"),
        ("tiny", "others", {}, "traces sums, not others"),
        ("another", "sums", {}, "model tiny, not another"),
        ("tiny", "sums", {"held_out": 0.1}, "held out 0.2, not 0.1"),
    ],
)
def test_what_a_run_did_not_begin_with_is_refused_by_its_name(
    model: str, traces: str, changes: dict[str, float], words: str
) -> None:
    made_runs.make("run-1", "2025-11-24T10:00:00+00:00", [], "adder", **BEGUN)
    settings = dict(changes)
    held_out = settings.pop("held_out", 0.05)
    asked = finetune_on_set(
        model, traces, "adder", config=FinetuneConfig(**settings), held_out=held_out, resume=True, given=list(changes)
    )
    with pytest.raises(errors.BadInput) as caught:
        next(asked)
    assert words in caught.value.text


def test_a_run_goes_on_as_it_began_whatever_became_of_its_set(home: Path, tmp_path: Path) -> None:
    result_of(installed.import_model(base(tmp_path), "tiny"))
    store.append("sums", many(30))
    until(finetune_on_set("tiny", "sums", "adder", config=SHORT, held_out=0.2), 2)
    said_again = finetune_on_set("tiny", "sums", "adder", config=SHORT, resume=True, given=["rank", "steps"])
    assert notes(until(said_again, 3)) == []
    store.append("sums", many(40))
    (note,) = notes(until(finetune_on_set("tiny", "sums", "adder", resume=True), 4))
    assert "has changed" in note
    store.delete("sums")
    events, result = run(finetune_on_set("tiny", "sums", "adder", resume=True))
    assert (result.steps, notes(events)) == (6, [])


def test_a_set_of_one_problem_is_learned_and_that_nothing_is_held_out_is_said(home: Path, tmp_path: Path) -> None:
    result_of(installed.import_model(base(tmp_path), "tiny"))
    store.append("one", many(1))
    events = until(finetune_on_set("tiny", "one", "adder", config=SHORT, held_out=0.5), 1)
    assert "one problem" in notes(events)[0]
    assert next((event.rows, event.valid_rows) for event in events if isinstance(event, Prepared)) == (1, 0)


def test_a_second_run_for_one_name_is_told_before_anything_is_made(tmp_path: Path) -> None:
    with publish.reserving("Sums"), pytest.raises(errors.Busy, match="making an adapter named sums"):
        list(start(tmp_path, SHORT, adapter="sums"))
    assert not run_folder().exists()
    running = start(tmp_path, SHORT, "first", adapter="sums")
    next(event for event in running if isinstance(event, Step))
    with pytest.raises(errors.Busy, match="making an adapter named sums"):
        list(start(tmp_path, SHORT, "second", adapter="sums"))
    running.close()


def test_a_run_whose_name_was_taken_meanwhile_is_kept_under_another(tmp_path: Path) -> None:
    until(start(tmp_path, SHORT, adapter="sums"), 2)
    (paths.adapters_folder() / "sums").mkdir()
    events, result = run(resume(run_folder()))
    assert (result.adapter, Path(result.path).name) == ("sums-2", "sums-2")
    assert "this one is called sums-2" in notes(events)[0]
    assert read_card(run_folder()).adapter == "sums-2"
    assert (paths.adapters_folder() / "sums-2" / "adapters.safetensors").exists()


def test_a_run_that_was_stopped_right_after_it_was_published_is_not_published_twice(tmp_path: Path) -> None:
    first = result_of(start(tmp_path, SHORT, adapter="sums"))
    assert result_of(resume(run_folder())) == first
    assert [entry.name for entry in paths.adapters_folder().iterdir()] == ["sums"]


@pytest.mark.parametrize(("rows", "batch", "epochs", "steps"), [
    (11, 8, 1.0, 2), (9, 8, 1.0, 2), (20, 8, 1.0, 3), (16, 8, 1.0, 2), (30, 3, 0.1, 1), (1, 8, 1.0, 1), (11, 8, 2.0, 3),
])  # fmt: skip
def test_a_pass_has_as_many_steps_as_it_takes_to_see_every_row(
    rows: int, batch: int, epochs: float, steps: int
) -> None:
    assert FinetuneConfig(epochs=epochs, batch_rows=batch).total_steps(rows) == steps


def test_weights_beyond_the_type_that_the_base_runs_in_are_not_published(tmp_path: Path) -> None:
    model = base(tmp_path)
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "torch_dtype": "float16"}))
    list(finetune(model, "Tiny", TRAIN, VALID, replace(SHORT, steps=1), run_folder()))
    folder, _ = checkpoints.newest(run_folder())
    file = folder / "adapters.safetensors"
    file.write_bytes(file.read_bytes()[:-4] + struct.pack("<f", 1e5))
    with pytest.raises(errors.BadInput, match="larger than float16 holds"):
        publish.publish(run_folder(), "big")
    assert not list(paths.adapters_folder().iterdir())
