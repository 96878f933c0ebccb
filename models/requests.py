"""What a face may ask of the engine: one struct a request, taken apart by models/jobs and models/engine alone."""

from typing import Literal

import msgspec

from models.finetune_config import FinetuneConfig

Role = Literal["system", "user", "assistant"]
Action = Literal["answer_now", "think_longer"]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One turn of a conversation. thinking: what an assistant thought before it answered, kept apart."""

    role: Role
    content: str
    thinking: str = ""


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """How tokens are drawn. None means what the model's family advises; temperature 0 is greedy."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None


class Load(msgspec.Struct, frozen=True, kw_only=True, tag="load"):
    """Bring a model into memory. model: a name of the library or a folder. Ends with Loaded."""

    model: str
    adapter: str | None = None


class Unload(msgspec.Struct, frozen=True, kw_only=True, tag="unload"):
    """Free the model that is loaded. Ends with an empty Done."""


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True, tag="chat"):
    """Answer the last message; loads the model first when it is not in memory. Ends with Reply.

    think: budget of thinking tokens, 0 for off, None for no limit; think_min: the least to think;
    max_tokens: of thinking and answer together, None for what the context has room for. votes: how many replies are
    drawn side by side, the one most of them agree on is given; each has the budget to itself. another: the message has
    a reply already, so a model that would say the same again is drawn from more freely.
    """

    model: str
    messages: list[Message]
    think: int | None = 2048
    think_min: int = 0
    max_tokens: int | None = None
    sampling: Sampling = Sampling()
    votes: int = 1
    another: bool = False
    adapter: str | None = None


class ImportModel(msgspec.Struct, frozen=True, kw_only=True, tag="import"):
    """Take a Hugging Face folder, an MLX folder or a GGUF file into the library. Ends with Model."""

    path: str
    name: str | None = None


class Search(msgspec.Struct, frozen=True, kw_only=True, tag="search"):
    """Ask the Hub for models. Ends with Found."""

    query: str
    limit: int = 30


class Fetch(msgspec.Struct, frozen=True, kw_only=True, tag="fetch"):
    """Download a repository into the standard Hugging Face cache, going on where an earlier try stopped.

    revision: a branch, tag or commit, pinned at the start. recipe: what it will be quantized to next, so that the disk
    is checked for the copy too; empty when it stays as it is. Ends with Model (kind "original").
    """

    repo: str
    revision: str = "main"
    recipe: str = ""


class Quantize(msgspec.Struct, frozen=True, kw_only=True, tag="quantize"):
    """Make a quantized copy in the library. Ends with Model.

    model: a name of the library, a repository in the cache or a folder; recipe: as models/recipes.py reads it; name: what
    to call it, made from the original's when None; replace: it may take the place of a model of that name; card: measure
    its quant card too; drop_original: delete the repository from the cache when all is done.
    """

    model: str
    recipe: str
    group_size: int | None = None
    name: str | None = None
    replace: bool = False
    card: bool = True
    drop_original: bool = False


class MeasureCard(msgspec.Struct, frozen=True, kw_only=True, tag="measure_card"):
    """Measure a model's quant card and keep it with the model. reference: its original, found by its record when None.

    Ends with QuantCard.
    """

    model: str
    reference: str | None = None


class AddTraces(msgspec.Struct, frozen=True, kw_only=True, tag="add_traces"):
    """Read files of reasoning traces into a set. Ends with Added.

    max_tokens: longer ones are left out, counted with the tokenizer of `model` (None: estimated); evaluation: files of
    problems that must not be learned.
    """

    name: str
    files: list[str]
    max_tokens: int | None = None
    model: str | None = None
    evaluation: list[str] = []


class ExportTraces(msgspec.Struct, frozen=True, kw_only=True, tag="export_traces"):
    """Write a set of traces as a file in one of the shapes of models/traces/export.py. Ends with Exported."""

    name: str
    path: str
    shape: str = "stillroom"


class Finetune(msgspec.Struct, frozen=True, kw_only=True, tag="finetune"):
    """Train an adapter of a model on a set of traces, or go on with a run. Ends with Finetuned.

    name: of the adapter to come; held_out: share of the problems kept apart for validation; run: the name of the run's
    folder, made up when empty; one that is there goes on, with all that it began with. resume: it has to be there; with
    an empty run, the last for an adapter of that name.
    """

    model: str
    traces: str
    name: str
    config: FinetuneConfig = FinetuneConfig()
    held_out: float = 0.05
    run: str = ""
    resume: bool = False


class PublishCheckpoint(msgspec.Struct, frozen=True, kw_only=True, tag="keep"):
    """Take what a run has learned so far into the library, under a name. Ends with Model (kind "adapter")."""

    run: str
    name: str


class Fuse(msgspec.Struct, frozen=True, kw_only=True, tag="fuse"):
    """Make one model of a model and its adapter. Ends with Model, or with Fused for a GGUF file.

    name: of the model to come; gguf: the path of a GGUF file to write instead, empty for none; recipe: quantize it then.
    """

    model: str
    adapter: str
    name: str | None = None
    gguf: str = ""
    recipe: str = ""


NETWORK = (Search, Fetch)  # requests whose worker may use the network; every other one is kept offline

Job = (
    ImportModel
    | Search
    | Fetch
    | Quantize
    | MeasureCard
    | AddTraces
    | ExportTraces
    | Finetune
    | PublishCheckpoint
    | Fuse
)  # what has a process of its own
Request = Load | Unload | ChatRequest | Job
