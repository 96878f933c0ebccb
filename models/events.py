"""What long work tells whoever listens: typed, frozen events and the records it ends with.

Every core function that takes long is a generator of these and returns its record. A face shows them; a test collects
them; the worker writes them to its pipe (models/engine/wire.py), what was returned as Done. In JSON each carries its
`type`. A kind of job has events and records of its own in its file or room.
"""

from typing import Literal

import msgspec

from models import budgets, quantities

Channel = Literal["thinking", "answer"]
ClosedBy = Literal["model", "budget", "answer_now", "off", "loop"]
Finish = Literal["eos", "length", "cancelled"]


class Event(msgspec.Struct, frozen=True, tag_field="type", kw_only=True):
    """Base of all events."""

    def line(self) -> str:
        """A line for a terminal, of what is no Progress and no text; empty when there is nothing to say to people."""
        return ""

    def progress(self) -> "Progress | None":
        """How far the work is by this event; None for one that does not say it."""
        return None

    def so_far(self) -> str:
        """What the work has come to by this event, beside how far it is; empty when there is nothing to say."""
        return ""


class Progress(Event, frozen=True, kw_only=True, tag="progress"):
    """How far the work is."""

    job: str = ""  # for programs that read JSON, filled in by the worker: which work the stage belongs to
    stage: str  # one of models/stages.py, or of the kind of job
    done: int
    total: int  # 0 when unknown
    unit: str  # of done and total: "bytes", "layers", …
    rate: float = 0.0  # units a second, 0 when unknown

    def progress(self) -> "Progress":
        return self


class Note(Event, frozen=True, tag="note"):
    """One sentence the user should read, no error: what was done differently from what was asked, and why."""

    text: str


class Token(Event, frozen=True, tag="token"):
    """Text of a reply as it comes."""

    channel: Channel
    text: str
    n: int  # tokens so far in that channel
    forced: bool = False  # put there by the budget, not by the model


class Budget(Event, frozen=True, tag="budget"):
    """The thinking budget in force, at the start of thinking and when it is steered."""

    tokens: int | None  # None for no limit
    used: int


class ThinkingClosed(Event, frozen=True, tag="thinking_closed"):
    """Thinking is over."""

    tokens: int  # thinking tokens of the model's own
    seconds: float  # from the first token of the reply
    how: ClosedBy


class Prepared(Event, frozen=True, tag="prepared"):
    """A fine-tuning run is about to start, and fits."""

    rows: int  # learned from
    valid_rows: int  # held out
    too_long: int  # rows left out, by reason
    empty: int
    malformed: int
    tokens: int
    trained_tokens: int  # of one pass over the rows, those that the loss looks at
    packed: bool  # rows lie end to end in a micro-batch
    useful_share: float  # tokens that are no padding, 0 to 1
    steps: int
    first_step: int
    parameters: int
    gradient_checkpointing: bool
    peak_bytes: int  # measured on the longest micro-batch
    ceiling_bytes: int  # what the run may take
    refused: int = 0  # rows left out too: template or tokenizer fails on them

    def line(self) -> str:
        learned = f"{self.rows:,} traces to learn from, {self.valid_rows:,} held out · {self.steps:,} steps"
        return f"{learned} · needs {quantities.size(self.peak_bytes)} of {quantities.size(self.ceiling_bytes)}"


class Step(Event, frozen=True, tag="step"):
    """An optimizer step was taken."""

    step: int
    steps: int
    loss: float  # nats per trained token
    learning_rate: float
    tokens: int  # trained tokens of the run so far
    tokens_per_s: float  # trained tokens a second in this step
    peak_bytes: int
    gradient_norm: float = 0.0  # before clipping

    def progress(self) -> Progress:
        return Progress(stage="train", done=self.step, total=self.steps, unit="steps")


class Validation(Event, frozen=True, tag="validation"):
    """The loss on held-out rows, in nats per trained token. step 0: before any training."""

    step: int
    loss: float

    def line(self) -> str:
        return f"held-out loss {self.loss:.3f} at step {self.step:,}"


class Sample(Event, frozen=True, tag="sample"):
    """A held-out prompt as the model answers it at that step, greedily."""

    step: int
    prompt: str
    thinking: str
    answer: str

    def line(self) -> str:
        return f"step {self.step:,}: {_short(self.prompt)} → {_short(self.answer)}"


class Checkpoint(Event, frozen=True, tag="checkpoint"):
    """A checkpoint is on the disk, whole."""

    step: int
    path: str  # its folder among the run's checkpoints
    best: bool = False  # it has the lowest validation loss so far

    def line(self) -> str:
        return f"checkpoint at step {self.step:,}{', the best so far' if self.best else ''}"


class Record(msgspec.Struct, frozen=True, tag_field="record", kw_only=True):
    """Base of what long work ends with."""

    def sentences(self) -> list[str]:
        """How a command in the terminal ended with it, a line each."""
        return []


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One of several replies that were drawn to the same prompt."""

    answer: str
    thinking: str
    canonical: str  # the answer in the form it was compared in
    tokens: int  # thinking and answer together
    finish: Finish  # "cancelled" also for one that was stopped because it could change nothing more
    counted: bool  # it had a vote


class Reply(Record, frozen=True, tag="reply"):
    """A whole reply. Times are in seconds.

    Of several that were drawn it is the elected one, except for tokens_per_s, which is of all together.
    """

    thinking: str
    answer: str
    thinking_tokens: int
    answer_tokens: int
    prompt_tokens: int
    cached_tokens: int  # prompt tokens that were in the KV cache already
    ttft_s: float
    tokens_per_s: float
    finish: Finish
    closed_by: ClosedBy | None = None  # how thinking ended, None when it never closed
    thinking_s: float = 0.0
    budget: int | None = None  # the thinking budget in force at the end, None for no limit or no thinking
    context_tokens: int = 0  # what the conversation now fills of the context
    context_limit: int = 0
    notes: list[str] = []  # sentences about this reply that its reader should know, such as why it was cut
    votes: list[Candidate] = []  # all replies that were drawn, empty when it was one
    agreement: int = 0  # how many of them gave this answer


class Loaded(Record, frozen=True, tag="loaded"):
    """A model is in memory and can answer."""

    model: str
    family: str
    thinks: bool  # trained to think
    note: str
    weights_bytes: int  # in memory
    context_limit: int
    seconds: float  # that loading took


class OnProblems(msgspec.Struct, frozen=True, kw_only=True):
    """A quantized model against its original on a task's problems, each asked both with the same seeds."""

    task: str  # its title
    problems: int
    think: int | None  # the budget
    difference: float  # accuracy of this minus that of the original, -1 to 1
    interval: tuple[float, float]  # 95 %
    thinking: float | None = None  # thinking tokens of this over those of the original, 1 for as many; None without any
    thinking_interval: tuple[float, float] | None = None
    evaluation: str  # its id
    measured: str  # ISO 8601, UTC

    def words(self) -> str:
        """What it costs, as in "4-bit costs 1.5 points, between 0.2 and 2.8, and thinks 12 % longer on …"."""
        parts = [self._accuracy(), self._length()]
        asked = f"{quantities.counted(self.problems, 'problem')}, thinking {budgets.describe(self.think)}"
        return f"{' and '.join(filter(None, parts))} on {self.task} ({asked})"

    def _accuracy(self) -> str:
        low, high = (100 * bound for bound in self.interval)
        if high < 0:
            return f"costs {-100 * self.difference:.1f} points, between {-high:.1f} and {-low:.1f},"
        if low > 0:
            return f"gains {100 * self.difference:.1f} points, between {low:.1f} and {high:.1f},"
        return f"shows no clear difference in accuracy ({100 * self.difference:+.1f} points, between {low:+.1f} and {high:+.1f})"

    def _length(self) -> str:
        if self.thinking is None or self.thinking_interval is None:
            return ""
        low, high = self.thinking_interval
        if low <= 1 <= high:
            return f"thinks about as long ({100 * (self.thinking - 1):+.0f} %)"
        if self.thinking >= 2:
            return f"thinks {self.thinking:.1f} times as long"
        return f"thinks {abs(100 * (self.thinking - 1)):.0f} % {'longer' if self.thinking > 1 else 'less'}"


class QuantCard(Record, frozen=True, tag="quant_card"):
    """What a quantization cost, measured on this machine on the fixed text of resources/card_text.md."""

    model: str
    reference: str
    recipe: str
    bits: float  # mean bits per weight, scales included
    size_bytes: int
    kl: float | None  # KL(original || this) per token in nats; None, as the next, without an original to compare with
    same_top: float | None  # share (0 to 1) of positions whose likeliest next token is the original's
    perplexity: float
    reference_perplexity: float | None
    tokens_per_s: float  # of decoding
    peak_bytes: int  # MLX's peak memory during that
    text_tokens: int
    machine: str
    measured: str  # ISO 8601, UTC
    warning: str = ""  # a sentence when the recipe hurts, else empty
    on_problems: OnProblems | None = None  # by the last evaluation of it against its original

    def sentences(self) -> list[str]:
        parts = [f"{self.bits:.2f} bits a weight", quantities.size(self.size_bytes)]
        if self.kl is not None and self.same_top is not None:
            parts += [f"KL {self.kl:.3f} to the original", f"same next word {self.same_top:.1%}"]
        parts += [f"perplexity {self.perplexity:.2f}", f"{self.tokens_per_s:.1f} tokens/s"]
        solved = [f"It {self.on_problems.words()}."] if self.on_problems else []
        return [" · ".join(parts), *([self.warning] if self.warning else []), *solved]


class Model(Record, frozen=True, tag="model"):
    """A model or an adapter on this disk, as `stillroom show` prints it."""

    name: str
    title: str
    path: str
    architecture: str
    family: str
    params: int  # number of weights
    bits: float  # mean bits per weight
    size_bytes: int
    context_limit: int
    source: str
    created: str
    licence: str = ""
    state: Literal["ready", "broken"] = "ready"
    problem: str = ""  # why it can't be used, when it is broken
    # a folder of ours; a repository in the standard Hugging Face cache, by whose name it goes; what fine-tuning made
    kind: Literal["model", "original", "adapter"] = "model"
    repo: str = ""  # what it was made from, and how; empty when not known
    revision: str = ""
    recipe: str = ""
    base: str = ""  # the model that an adapter belongs to
    original: str = ""  # what it was quantized or fused from, as `stillroom show` takes it
    last_used: str = ""  # ISO 8601, UTC; empty when never
    repairable: bool = False  # downloading what is missing would mend it
    card: QuantCard | None = None
    # of a GGUF file: types of blocks that MLX can't hold, and the bits that they were quantized to
    requantized: dict[str, int] = {}

    @property
    def requantized_words(self) -> str:
        """What became of the blocks that MLX can't hold: "Q4_K as 4-bit, Q6_K as 6-bit, KL 0.004"; empty for none."""
        words = [f"{kind} as {bits}-bit" for kind, bits in self.requantized.items()]
        if words and self.card and self.card.kl is not None:
            words.append(f"KL {self.card.kl:.3f}")
        return ", ".join(words)

    def sentences(self) -> list[str]:
        weights = f"{quantities.count(self.params)} weights, {quantities.size(self.size_bytes)}"
        if self.kind == "original":
            return [f"{self.name} is on this disk: {weights}."]
        if self.kind == "adapter":
            about = f"{self.name} is in the library: an adapter of {self.base}, {quantities.size(self.size_bytes)}."
            return [about, f"`stillroom chat {self.base} --adapter {self.name}` tries it."]
        lines = [f"{self.name} is in the library: {weights}."]
        if self.requantized:
            lines.append(f"Blocks that MLX can't hold were quantized: {self.requantized_words}.")
            lines.append("--keep-precision takes them in float16 instead: exact, and larger.")
        return [*lines, *(self.card.sentences() if self.card else [])]


class HubModel(msgspec.Struct, frozen=True, kw_only=True):
    """A repository that the Hub's search found."""

    repo: str
    downloads: int
    likes: int
    licence: str
    gated: bool  # its terms have to be accepted on the Hub first
    architecture: str = ""
    params: int = 0
    updated: str = ""


class Found(Record, frozen=True, tag="found"):
    """What a search of the Hub gave, best first."""

    query: str
    models: list[HubModel]


class Removed(Record, frozen=True, tag="removed"):
    """A model that is gone from this disk."""

    name: str
    freed_bytes: int  # what that gave back; shared files are not counted

    def sentences(self) -> list[str]:
        return [f"{self.name} is deleted: {quantities.size(self.freed_bytes)} are free again."]


class Finetuned(Record, frozen=True, tag="finetuned"):
    """What a fine-tuning run ended with."""

    adapter: str  # its name in the library, empty when it was not published
    base: str
    steps: int
    loss: float  # of the last steps
    validation_loss: float | None  # of best_step, None without held-out rows
    best_step: int
    seconds: float  # training alone, over all sittings
    tokens: int  # trained tokens
    peak_bytes: int
    path: str  # its folder
    run: str

    def sentences(self) -> list[str]:
        held = "" if self.validation_loss is None else f", {self.validation_loss:.3f} on what was held out"
        return [
            f"{self.adapter or self.path} is trained on {self.base}: loss {self.loss:.3f}{held}, "
            f"{self.steps:,} steps in {quantities.seconds(self.seconds)}, the best at step {self.best_step:,}.",
            f"`stillroom chat {self.base} --adapter {self.adapter}` tries it.",
        ]


class Fused(Record, frozen=True, tag="fused"):
    """A GGUF file that a model and its adapter became."""

    model: str
    adapter: str
    path: str
    size_bytes: int  # of the file

    def sentences(self) -> list[str]:
        return [f"{self.path} is written: {quantities.size(self.size_bytes)}."]


class AdapterExported(Record, frozen=True, tag="adapter_exported"):
    """A folder that PEFT reads, written of an adapter."""

    adapter: str
    path: str
    size_bytes: int
    dora: bool = False

    def sentences(self) -> list[str]:
        reads = (
            "transformers reads it with PEFT; vLLM takes no DoRA." if self.dora else "transformers and vLLM read it."
        )
        return [f"{self.path} is written: {quantities.size(self.size_bytes)}. {reads}"]


class Done(Event, frozen=True, tag="done"):
    """The last event of a job that succeeded."""

    result: Record | None = None


class Failed(Event, frozen=True, tag="failed"):
    """The last event of a job that did not. kind as in models/errors.py, or `bug`."""

    kind: str
    text: str
    hint: str = ""
    thinking: str = ""  # what there was of a reply before it failed
    answer: str = ""


def _short(text: str, most: int = 80) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
