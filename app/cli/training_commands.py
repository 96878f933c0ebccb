"""Commands that make a model smarter: sets of traces, fine-tuning, fusing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.command_parts import Json, ModelName, absolute, place, run_to_end
from models.finetune_config import Method, Replies

traces = typer.Typer(
    add_completion=False, rich_markup_mode=None, help="Sets of reasoning traces.", no_args_is_help=True
)

SetName = Annotated[str, typer.Argument(metavar="NAME", help="The name of the set.")]


@traces.command()
def add(
    name: SetName,
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="JSONL, JSON, CSV or Parquet.")],
    max_tokens: Annotated[
        int | None, typer.Option(min=1, metavar="T", help="Leave out traces that are longer; none is ever cut.")
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="MODEL", help="Count tokens as this model does.")] = None,
    evaluation: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Problems that must not be learned; may be repeated.")
    ] = None,
    problem_column: Annotated[
        str, typer.Option(metavar="COLUMN", help="What holds the problems, where the choice by content is wrong.")
    ] = "",
    thinking_column: Annotated[
        str, typer.Option(metavar="COLUMN", help="What holds the thinking; - where it stands in tags in the answer.")
    ] = "",
    answer_column: Annotated[str, typer.Option(metavar="COLUMN", help="What holds the answers.")] = "",
    json: Json = False,
) -> None:
    """Read files of traces into a set, and say why each row that is left out is."""
    from models.jobs.kinds.add_traces import AddTraces
    from models.trace_report import Columns

    places = [absolute(file) for file in files]
    columns = Columns(problem=problem_column, thinking=thinking_column, answer=answer_column)

    request = AddTraces(
        name=name,
        files=places,
        columns={} if columns == Columns() else dict.fromkeys(places, columns),
        max_tokens=max_tokens,
        model=None if model is None else place(model),
        evaluation=[absolute(file) for file in evaluation or []],
    )
    run_to_end([request], json)


@traces.command("list")
def list_sets(json: Json = False) -> None:
    """List the sets of traces."""
    from models.traces import store

    if json:
        import msgspec

        from app.cli.json_lines import JsonLines

        JsonLines().done({"sets": msgspec.to_builtins(store.all_sets())})
    else:
        from app.cli.tables import show_trace_sets

        show_trace_sets(store.all_sets())


@traces.command("show")
def show_set(name: SetName, json: Json = False) -> None:
    """Show what a set holds and what was left out of it."""
    from models.traces import looking, store

    found, report = store.get(name), store.report(name)
    lengths = looking.histogram(store.read(name))
    if json:
        import msgspec

        from app.cli.json_lines import JsonLines, fields_of

        JsonLines().done(
            {**fields_of(found), "report": msgspec.to_builtins(report), "histogram": msgspec.to_builtins(lengths)}
        )
    else:
        from app.cli.tables import show_trace_set

        show_trace_set(found, report, lengths)


@traces.command("export")
def export_set(
    name: SetName,
    to: Annotated[Path, typer.Option(metavar="FILE", help="A .jsonl, .json, .csv or .parquet file.")],
    shape: Annotated[str, typer.Option(metavar="SHAPE", help="stillroom, messages, sharegpt, alpaca …")] = "stillroom",
    json: Json = False,
) -> None:
    """Write a set to a file."""
    from models.jobs.kinds.export_traces import ExportTraces

    run_to_end([ExportTraces(name=name, path=absolute(to), shape=shape)], json)


@traces.command("rm")
def remove_set(name: SetName, json: Json = False) -> None:
    """Delete a set of traces."""
    from app.cli.command_parts import display_for
    from models import events
    from models.traces import store

    display_for(json).result(events.Removed(name=name, freed_bytes=store.delete(name)))


runs = typer.Typer(add_completion=False, rich_markup_mode=None, help="Fine-tuning runs.", no_args_is_help=True)

RunName = Annotated[str, typer.Argument(metavar="NAME", help="As `runs list` shows it.")]


@runs.command("list")
def list_runs(json: Json = False) -> None:
    """List the runs, oldest first."""
    from models.finetune import runs as kept

    if json:
        import msgspec

        from app.cli.json_lines import JsonLines

        JsonLines().done({"runs": msgspec.to_builtins(kept.runs())})
    else:
        from app.cli.tables import show_runs

        show_runs(kept.runs())


@runs.command("show")
def show_run(name: RunName, json: Json = False) -> None:
    """Show what a run began with and how far it came."""
    from models.finetune import runs as kept

    found = kept.get(name)
    saved = kept.checkpoints(found)
    if json:
        import msgspec

        from app.cli.json_lines import JsonLines

        JsonLines().done({**msgspec.to_builtins(found), "checkpoints": msgspec.to_builtins(saved)})
    else:
        from app.cli.tables import show_run as show

        show(found, saved)


@runs.command("rm")
def remove_run(name: RunName, json: Json = False) -> None:
    """Delete a run, its checkpoints too; an adapter that it made stays."""
    from app.cli.command_parts import display_for
    from models import events
    from models.finetune import runs as kept

    display_for(json).result(events.Removed(name=name, freed_bytes=kept.remove(name)))


def finetune(
    model: ModelName,
    traces: Annotated[str, typer.Option(metavar="NAME", help="The set of traces to learn from.")],
    name: Annotated[str, typer.Option(metavar="ADAPTER", help="What to call the adapter.")],
    method: Annotated[Method | None, typer.Option(help="What is trained: beside the weights, or they.")] = None,
    rank: Annotated[int | None, typer.Option(metavar="R", help="Of the low-rank matrices.")] = None,
    scale: Annotated[float | None, typer.Option(metavar="X", help="By how much their product counts.")] = None,
    dropout: Annotated[float | None, typer.Option(metavar="D", help="Share of its inputs left out.")] = None,
    layers: Annotated[int | None, typer.Option(metavar="N", help="Blocks, from the last; -1 for all.")] = None,
    epochs: Annotated[float | None, typer.Option(metavar="E", help="Passes over the traces.")] = None,
    steps: Annotated[int | None, typer.Option(metavar="N", help="Steps, instead of epochs.")] = None,
    learning_rate: Annotated[float | None, typer.Option(metavar="L", help="At its peak.")] = None,
    warmup: Annotated[float | None, typer.Option(metavar="S", help="Share of the steps in which it rises.")] = None,
    final_rate: Annotated[float | None, typer.Option(metavar="S", help="Share of its peak that it ends at.")] = None,
    weight_decay: Annotated[float | None, typer.Option(metavar="W", help="Of AdamW.")] = None,
    clip: Annotated[float | None, typer.Option(metavar="C", help="Largest norm of a gradient; 0: any.")] = None,
    batch_size: Annotated[int | None, typer.Option(metavar="B", help="Traces of one step.")] = None,
    micro_tokens: Annotated[int | None, typer.Option(metavar="T", help="Tokens computed at once.")] = None,
    packed: Annotated[bool | None, typer.Option("--packed/--padded", help="How rows of a step lie.")] = None,
    gradient_checkpointing: Annotated[
        bool | None, typer.Option(help="Compute blocks twice to spare memory; by need when left out.")
    ] = None,
    memory_limit: Annotated[float | None, typer.Option(metavar="GB", help="What the run may take.")] = None,
    max_tokens: Annotated[int | None, typer.Option(metavar="T", help="Leave out traces that are longer.")] = None,
    replies: Annotated[Replies | None, typer.Option(help="Which of a conversation are learned.")] = None,
    held_out: Annotated[
        float | None, typer.Option(min=0, max=0.9, metavar="S", help="Share of the problems kept apart [0.05].")
    ] = None,
    validate_every: Annotated[int | None, typer.Option(metavar="N", help="Steps; 0: at the end.")] = None,
    checkpoint_every: Annotated[int | None, typer.Option(metavar="N", help="Steps; 0: at the end.")] = None,
    keep: Annotated[int | None, typer.Option(metavar="N", help="Newest checkpoints kept.")] = None,
    samples: Annotated[int | None, typer.Option(metavar="N", help="Held-out prompts answered at each.")] = None,
    sample_budget: Annotated[int | None, typer.Option(metavar="T", help="Tokens they may think.")] = None,
    sample_tokens: Annotated[int | None, typer.Option(metavar="T", help="Tokens of thought and answer.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=2**32 - 1, metavar="S", help="Of order and weights.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the last run for that adapter.")] = False,
    json: Json = False,
) -> None:
    """Train an adapter on traces; it chats as soon as it is done."""
    options = {**locals(), "batch_rows": batch_size, "packing": packed}
    from app.cli.command_parts import display_for
    from models import errors, events
    from models.finetune import runs
    from models.finetune_config import FinetuneConfig, check
    from models.jobs.kinds.finetune import Finetune
    from models.traces.split import HELD_OUT

    if memory_limit is not None:
        options["memory_limit_bytes"] = round(memory_limit * 2**30)
    names = FinetuneConfig.__struct_fields__
    given: dict[str, Any] = {key: options[key] for key in names if options.get(key) is not None}
    config = FinetuneConfig(**given)
    check(config)
    request = Finetune(
        model=place(model),
        traces=traces,
        name=name,
        config=config,
        held_out=HELD_OUT if held_out is None else held_out,
        resume=resume,
        given=(*given, *(() if held_out is None else ("held_out",))),
    )
    try:
        run_to_end([request], json)
    except errors.Interrupted:
        if runs.unfinished(name):
            note = events.Note(text="The run is kept: the same command with --resume goes on where it stopped.")
            display_for(json).show(note)
        raise


def export(
    adapter: Annotated[str, typer.Argument(metavar="ADAPTER", help="An adapter of the library, or its folder.")],
    to: Annotated[Path, typer.Option(metavar="FOLDER", help="A folder that is not there yet.")],
    json: Json = False,
) -> None:
    """Write an adapter for transformers and vLLM, as PEFT keeps them."""
    from models.jobs.kinds.export_adapter import ExportAdapter

    run_to_end([ExportAdapter(name=place(adapter), path=absolute(to))], json)


def fuse(
    model: ModelName,
    adapter: Annotated[str, typer.Option(metavar="A", help="An adapter trained on the model.")],
    name: Annotated[str, typer.Option(metavar="N", help="What to call the model to come, or the GGUF file.")],
    gguf: Annotated[bool, typer.Option("--gguf", help="Write a GGUF file NAME.gguf here instead.")] = False,
    quantize: Annotated[str, typer.Option(metavar="RECIPE", help="Quantize it too.")] = "",
    json: Json = False,
) -> None:
    """Make one model of a model and its adapter."""
    from models import paths
    from models.jobs.kinds.fuse import Fuse

    file = absolute(paths.with_ending(name, ".gguf")) if gguf else ""
    run_to_end(
        [Fuse(model=place(model), adapter=adapter, name=None if gguf else name, gguf=file, recipe=quantize)], json
    )
