"""Commands about models: find, get, take in, list, show, quantize, delete."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.command_parts import Json, ModelName, absolute, display_for, place, run_to_end


def search(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="Words, or a repository.")], json: Json = False
) -> None:
    """Search the catalog of distilled models, and the Hub."""
    from app.cli.calls import follow
    from app.cli.command_parts import running_engine
    from models import events
    from models.errors import Denied, Offline
    from models.jobs.kinds.search import Search
    from models.library import catalog

    offers = [catalog.offer(entry) for entry in catalog.search(query)]
    display = display_for(json)
    found: events.Record | None = None
    with running_engine() as engine:
        try:
            found = follow(engine, Search(query=query), display)
        except (Offline, Denied) as error:
            if not offers:
                raise
            display.show(events.Note(text=f"{error.text} The catalog alone was searched."))
    hub = found.models if isinstance(found, events.Found) else []
    if json:
        import msgspec

        from app.cli.json_lines import JsonLines

        JsonLines().done({"catalog": msgspec.to_builtins(offers), "models": msgspec.to_builtins(hub)})
    else:
        from app.cli.tables import show_found

        show_found(offers, hub)


def pull(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A name of the catalog or a Hub repository.")],
    quantize: Annotated[
        str, typer.Option(metavar="RECIPE", help="Quantize it too: 4bit, mixed-4-6, 8bit, dwq, mxfp4 …")
    ] = "",
    revision: Annotated[str, typer.Option(metavar="R", help="A branch, a tag or a commit.")] = "",
    drop_original: Annotated[
        bool, typer.Option("--drop-original", help="Delete the download once its quantized copy is whole.")
    ] = False,
    json: Json = False,
) -> None:
    """Download a model, checked byte by byte, going on where an earlier try stopped."""
    from models.errors import BadInput
    from models.jobs import chains
    from models.library import catalog

    if drop_original and not quantize:
        raise BadInput("--drop-original needs --quantize: there would be nothing left.", "Say what to quantize it to.")
    entry = catalog.find(model)
    repo = entry.repo if entry else model
    steps = chains.get(repo, revision or (entry.revision if entry else "main"), quantize, drop_original)
    run_to_end(steps, json, catalog.warnings(entry, quantize) if entry else [])


def import_model(
    path: Annotated[
        Path,
        typer.Argument(metavar="PATH", help="A Hugging Face folder, an MLX folder, a GGUF file or a PEFT adapter."),
    ],
    name: Annotated[str | None, typer.Option(help="The name to keep it under.")] = None,
    keep_precision: Annotated[
        bool, typer.Option("--keep-precision", help="Take blocks of a GGUF file that MLX can't hold in float16.")
    ] = False,
    no_card: Annotated[bool, typer.Option("--no-card", help="Do not measure what quantizing them cost.")] = False,
    base: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="The model that an adapter was trained on, where it is not found."),
    ] = None,
    json: Json = False,
) -> None:
    """Take a model, or an adapter, into the library."""
    from models.jobs.kinds.import_model import ImportModel

    request = ImportModel(
        path=absolute(path),
        name=name,
        keep_precision=keep_precision,
        card=not no_card,
        base=None if base is None else place(base),
    )
    run_to_end([request], json)


def list_models(json: Json = False) -> None:
    """List the models and adapters on this disk."""
    from models.library import installed

    if json:
        from app.cli.json_lines import JsonLines, fields_of

        JsonLines().done({"models": [fields_of(model) for model in installed.models()]})
    else:
        from app.cli.tables import show_models

        show_models(installed.models())


def show(model: ModelName, json: Json = False) -> None:
    """Show what is known about a model, its quant card among it."""
    from models.library import installed

    if json:
        from app.cli.json_lines import JsonLines

        JsonLines().result(installed.show(model))
    else:
        from app.cli.tables import show_model

        show_model(installed.show(model))


def quantize(
    model: ModelName,
    to: Annotated[str, typer.Option(metavar="RECIPE", help="4bit 5bit 6bit 8bit, mixed-3-6 mixed-4-6, mxfp4 …, dwq")],
    group_size: Annotated[
        int | None, typer.Option(metavar="N", help="Weights that share a scale: 32, 64 or 128.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The name to keep it under.")] = None,
    no_card: Annotated[bool, typer.Option("--no-card", help="Do not measure what it cost.")] = False,
    json: Json = False,
) -> None:
    """Make a quantized copy of a model, and measure what it cost."""
    from models import recipes
    from models.jobs.kinds.quantize import Quantize

    recipes.parse(to, group_size)
    request = Quantize(model=place(model), recipe=to, group_size=group_size, name=name, card=not no_card)
    run_to_end([request], json)


def rm(model: ModelName, json: Json = False) -> None:
    """Delete a model, a download or an adapter from this disk."""
    from models.library import installed

    display_for(json).result(installed.remove(model))
