"""What a fine-tuning run tells whoever listens. Each but Prepared is also a line of the run's metrics.jsonl."""

from models.events import Event, Record


class Prepared(Event, frozen=True, tag="train_prepared"):
    """A run is about to start, and fits. rows, valid_rows: used; the rest of the counts: rows left out, and why.

    trained_tokens: of one pass over the rows, those that the loss looks at; useful_share: tokens that are no padding,
    0 to 1; peak_bytes: measured on the longest micro-batch; ceiling_bytes: what the run may take.
    """

    rows: int
    valid_rows: int
    too_long: int
    empty: int
    malformed: int
    tokens: int
    trained_tokens: int
    useful_share: float
    steps: int
    first_step: int
    parameters: int
    gradient_checkpointing: bool
    peak_bytes: int
    ceiling_bytes: int


class Step(Event, frozen=True, tag="train_step"):
    """An optimizer step was taken. loss: nats per trained token; tokens: trained tokens of the run so far;
    tokens_per_s: trained tokens a second in this step; gradient_norm: before clipping."""

    step: int
    steps: int
    loss: float
    learning_rate: float
    tokens: int
    tokens_per_s: float
    peak_bytes: int
    gradient_norm: float = 0.0


class Validation(Event, frozen=True, tag="train_validation"):
    """The loss on held-out rows, in nats per trained token. step 0: before any training."""

    step: int
    loss: float


class Sample(Event, frozen=True, tag="train_sample"):
    """A held-out prompt as the model answers it at that step, greedily."""

    step: int
    prompt: str
    thinking: str
    answer: str


class Checkpoint(Event, frozen=True, tag="train_checkpoint"):
    """A checkpoint is on the disk, whole. best: it has the lowest validation loss so far."""

    step: int
    path: str
    best: bool = False


class Finetuned(Record, frozen=True, tag="finetuned"):
    """What a run ended with. adapter: its name in the library, empty when it was not published; path: its folder.

    loss: of the last steps; validation_loss: of best_step, None without held-out rows; seconds: training alone, over
    all sittings; tokens: trained tokens.
    """

    adapter: str
    base: str
    steps: int
    loss: float
    validation_loss: float | None
    best_step: int
    seconds: float
    tokens: int
    peak_bytes: int
    path: str
    run: str
