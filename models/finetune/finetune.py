"""Fine-tune a model on traces, in one call: from examples to an adapter in the library.

    finetune(base_folder, base_name, examples, valid, config, run)   starts a run in a folder of its own
    resume(run)                                                      goes on from its newest whole checkpoint
    publish(run, name)                                               takes what it has learned into the library

The run's folder holds all that is needed to go on, or to do it again elsewhere (models/finetune/checkpoints.py).
"""

from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

from models import errors
from models.checkpoint import model_files
from models.events import Event, Finetuned, Note, Prepared, Progress
from models.finetune import batches, checkpoints, lora, losses, memory, packing, run_card, run_folder, run_tokens
from models.finetune.dataset import data_hash
from models.finetune.examples import Example
from models.finetune.loop import Work, train
from models.finetune.publish import check_free, chosen, publish, publish_or_rename, reserving
from models.finetune.run_folder import RunCard, TrainingState
from models.finetune.samples import Prompts
from models.finetune_config import FinetuneConfig, check, differences
from models.generate import load
from models.library import starter

__all__ = ["finetune", "publish", "resume"]

CHECKPOINT_BEYOND = 0.5  # share of the ceiling above which blocks are computed again instead of kept
REASONS = 3  # of refused rows, that are told


@dataclass(frozen=True)
class _Fit:
    """Result of the dry step."""

    peak: int  # bytes, measured
    ceiling: int
    checkpointing: bool  # activations of the blocks are recomputed in the backward pass


def finetune(
    base_folder: Path,
    base_name: str,
    examples: Iterable[Example],
    valid: Iterable[Example],
    config: FinetuneConfig,
    run: Path,
    adapter: str = "",
    traces: str = "",
    traces_hash: str = "",
    held_out: float | None = None,
) -> Generator[Event, None, Finetuned]:
    """Train an adapter.

    run: a folder without a run (runs.new_id names one); adapter: the name to publish under, empty to leave that for
    later; traces, traces_hash: the name of the set the examples are from, and its hash; held_out: the share of its
    problems that valid has. Closing the generator pauses the run: resume(run) goes on. Raises BadInput, NotFound,
    Corrupt, Unsupported, NoMemory, DiskFull and Busy, each with its sentence.
    """
    check(config)
    check_free(adapter)
    with reserving(adapter):
        run_card.create(
            run, base_folder, base_name, list(examples), list(valid), config, adapter, traces, traces_hash, held_out
        )
        return (yield from _events(run))


def resume(run: Path, base: str = "") -> Generator[Event, None, Finetuned]:
    """Go on with a run, from its newest whole checkpoint or else from the start; otherwise as finetune.

    base: where its base model is by now, as installed.find takes it; looked for by its content where that is another.
    Raises NotFound when the run or its base model is gone, BadInput when either is not what the run began with.
    """
    with reserving(run_folder.read_card(run).adapter):
        return (yield from _events(run, base))


def _events(run: Path, base: str = "") -> Generator[Event, None, Finetuned]:
    card = run_folder.read_card(run)
    if card.base == starter.NAME:
        yield from starter.ensure()
    folder = run_card.find_base(card, base)
    with checkpoints.holding(run):
        loaded = yield from load.load(card.base, folder)
        return (yield from _Run(run, card, loaded).events())


class _Run:
    """A run, started or resumed."""

    def __init__(self, run: Path, card: RunCard, loaded: load.LoadedModel) -> None:
        self.run = run
        self.card = card
        self.config = card.config
        self.loaded = loaded
        self.tokens, self.data_hash = self._tokens()
        self.rows, self.valid = self.tokens.train, self.tokens.valid

    def events(self) -> Generator[Event, None, Finetuned]:
        """The whole run."""
        yield from self._left_out()
        model = self.loaded.model
        lora.attach(model, self.config, "quantization" in load.read_config(self.loaded.path))
        self.loaded.adapter = self.card.id  # what is sampled is no longer the base
        state, optimizer = yield from self._state()
        probe = self.rows.rows[0].tokens[:16]
        model.eval()  # dropout would make both probes differ
        loss = losses.loss_for(model, mx.array([probe]))
        yield Progress(stage="fit", done=0, total=1, unit="steps")
        packed = self.config.packing and packing.is_exact(model, probe)
        fit = self._fit(model, loss, packed)
        yield self._prepared(state, fit, packed)
        asked = self.tokens.prompts
        work = Work(
            model=model,
            base=self.card.base,
            loss=loss,
            rows=self.rows.rows,
            valid=self.valid.rows,
            config=self.config,
            run=self.run,
            packed=packed,
            checkpointing=fit.checkpointing,
            ceiling_bytes=fit.ceiling,
            answer=Prompts(self.loaded, asked, self.config).answer if asked else None,
        )
        state = yield from train(work, state, optimizer)
        return (yield from self._result(state))

    def _tokens(self) -> tuple[run_tokens.RunTokens, str]:
        """The tokens that the run began with, made at its first start, and their hash. Raises BadInput for others."""
        tokens = run_tokens.read(self.run)
        made = tokens is None
        if tokens is None:
            tokens = run_tokens.encode(*run_card.read_examples(self.run), self.loaded, self.config)
        found = data_hash(tokens.train.rows, tokens.valid.rows)
        if self.card.data_hash not in ("", found):
            why = "its traces are no longer the tokens that it" if made else "the tokens in its folder are not those it"
            raise errors.BadInput(f"The run {self.run.name} can't go on: {why} began with.", "Start a new run.")
        if made:
            run_tokens.write(self.run, tokens)
            run_card.note_data(self.run, found)
        return tokens, found

    def _left_out(self) -> Iterator[Event]:
        """Report how many examples are left out, and why. Raises BadInput when none remain."""
        rows, total = self.rows, self.card.examples
        counts = [
            (rows.too_long, f"longer than {min(self.config.max_tokens, self.loaded.context_limit):,} tokens"),
            (rows.empty, "without a problem or an answer"),
            (rows.malformed, "with thinking tags or an end of turn inside their text"),
            *((count, f"refused ({text.rstrip('.')})") for text, count in _most(rows.refused)),
        ]
        why = ", ".join(f"{count:,} {words}" for count, words in counts if count)
        if not rows.rows:
            fault = f"None of the {total:,} traces can be learned from{': ' if why else ''}{why}."
            raise errors.BadInput(fault, "Allow longer traces, or add others.")
        if why:
            yield Note(text=f"{total - len(rows.rows):,} of {total:,} traces are left out: {why}.")

    def _state(self) -> Generator[Event, None, tuple[TrainingState, lora.Weights | None]]:
        """Restore the newest checkpoint into the model, and say where it goes on; returns the state and the optimizer's
        tensors."""
        found, damaged = checkpoints.newest(self.run), checkpoints.damaged(self.run)
        if found is None:
            aside = checkpoints.set_metrics_aside(self.run)
            if aside is not None:
                begins = f"No whole checkpoint of the run {self.run.name} is left, so it begins again from the start."
                yield Note(text=f"{begins} What it had measured is kept in {aside.name}.")
            seed = self.config.seed
            first = TrainingState(step=0, epoch=0, row=0, seed=seed, data_hash=self.data_hash, config=self.config)
            return first, None
        folder, state = found
        self._check(state)
        lora.restore(self.loaded.model, checkpoints.read_tensors(folder / model_files.ADAPTER_WEIGHTS))
        again = checkpoints.trim_metrics(self.run, state.step)
        newer = [step for step in damaged if step > state.step]
        if newer or again:
            why = f"The checkpoint of step {newer[-1]:,} is not whole. " if newer else ""
            steps = f", and takes {again:,} step{'s' if again > 1 else ''} again" if again else ""
            yield Note(text=f"{why}The run goes on after step {state.step:,}{steps}.")
        return state, checkpoints.read_tensors(folder / run_folder.OPTIMIZER)

    def _check(self, state: TrainingState) -> None:
        """Raise BadInput when a checkpoint is of other rows or settings than the run's card says."""
        others = differences(state.config, self.config) if state.config else []
        others += ["other traces"] if state.data_hash != self.data_hash else []
        if others:
            fault = f"The run {self.run.name} can't go on: it has checkpoints of another one ({'; '.join(others)})."
            raise errors.BadInput(fault, "Start a new run.")

    def _fit(self, model: nn.Module, loss: losses.Loss, packed: bool) -> _Fit:
        """Measure a step on the longest micro-batch. Raises NoMemory."""
        ceiling = memory.ceiling(self.config.memory_limit_bytes)
        rows = [*self.rows.rows, *self.valid.rows]
        longest = batches.longest_batch(rows, self.config.micro_tokens, self.config.batch_rows, packed)
        longest_rows = sorted((len(row.tokens) for row in self.rows.rows), reverse=True)[: self.config.batch_rows]
        accumulates = sum(longest_rows) > self.config.micro_tokens
        model.train()
        asked = self.config.gradient_checkpointing
        if asked is None:
            try:
                peak = memory.dry_step(model, loss, longest, int(CHECKPOINT_BEYOND * ceiling), False, accumulates)
                return _Fit(peak, ceiling, False)
            except errors.NoMemory:
                asked = True
        return _Fit(memory.dry_step(model, loss, longest, ceiling, asked, accumulates), ceiling, asked)

    def _prepared(self, state: TrainingState, fit: _Fit, packed: bool) -> Prepared:
        rows, config = self.rows.rows, self.config
        useful = batches.useful_share(rows, config.batch_rows, config.micro_tokens, config.seed, packed)
        return Prepared(
            rows=len(rows),
            valid_rows=len(self.valid.rows),
            too_long=self.rows.too_long,
            empty=self.rows.empty,
            malformed=self.rows.malformed,
            refused=sum(self.rows.refused.values()),
            tokens=sum(len(row.tokens) for row in rows),
            trained_tokens=sum(row.trained for row in rows),
            packed=packed,
            useful_share=round(useful, 4),
            steps=config.total_steps(len(rows)),
            first_step=state.step,
            parameters=sum(array.size for _, array in tree_flatten(self.loaded.model.trainable_parameters())),
            gradient_checkpointing=fit.checkpointing,
            peak_bytes=fit.peak,
            ceiling_bytes=fit.ceiling,
        )

    def _result(self, state: TrainingState) -> Generator[Event, None, Finetuned]:
        folder = best = chosen(self.run)
        name = ""
        if self.card.adapter:
            folder = yield from publish_or_rename(self.run, self.card.adapter)
            name = folder.name
        return Finetuned(
            adapter=name,
            base=self.card.base,
            steps=state.step,
            loss=state.loss,
            validation_loss=state.best_loss,
            best_step=run_folder.step_of(best),
            seconds=round(state.seconds, 2),
            tokens=state.tokens,
            peak_bytes=state.peak_bytes,
            path=str(folder),
            run=str(self.run),
        )


def _most(refused: dict[str, int]) -> list[tuple[str, int]]:
    """The most frequent reasons; the others together."""
    counted = Counter(refused).most_common()
    rest = sum(count for _, count in counted[REASONS:])
    return [*counted[:REASONS], *([("for other reasons", rest)] if rest else [])]
