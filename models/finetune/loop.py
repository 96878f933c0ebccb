"""The training loop: a generator of events that can be closed after any step and resumed from there.

A step sums the gradients of its micro-batches, divides by the number of learned tokens, clips, and lets AdamW update
the weights. All of it follows from the seed, the step's number and the state of a checkpoint, so a resumed run equals
one that was never interrupted. A step whose loss or gradient is not finite updates nothing: the run stops, and earlier
checkpoints stay. Closed between two steps, it saves a checkpoint where it stands.
"""

import logging
import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import msgspec
from mlx.utils import tree_flatten, tree_map, tree_unflatten

from models import errors
from models.events import Checkpoint, Event, Progress, Sample, Step, Validation
from models.finetune import batches, checkpoints, lora, memory, packing
from models.finetune.dataset import EncodedRow
from models.finetune.losses import Loss
from models.finetune.optimizer import AdamW
from models.finetune.run_folder import TrainingState
from models.finetune_config import FinetuneConfig
from models.generate.load import check_weights

log = logging.getLogger(__name__)

SAVE_AFTER_S = 120.0  # of training without a checkpoint

Answer = Callable[[int], Iterator[Progress | Sample]]  # answers the run's held-out prompts at a step


@dataclass(frozen=True)
class Work:
    """Everything a run works with."""

    model: nn.Module  # prepared by lora.attach: only what is trained is unfrozen
    base: str  # the name that adapter_config.json gives the base model
    loss: Loss
    rows: Sequence[EncodedRow]  # learned from
    valid: Sequence[EncodedRow]  # held out
    config: FinetuneConfig
    run: Path  # the run's folder
    packed: bool  # rows lie end to end in a micro-batch, (1, L), instead of padded, (B, L)
    checkpointing: bool  # activations of the blocks are recomputed in the backward pass
    ceiling_bytes: int  # what the process may take on the device
    answer: Answer | None = None  # None when there are no prompts to answer


def learning_rate(config: FinetuneConfig, step: int, steps: int) -> float:
    """The rate of a step, from 0: linear warmup, then cosine decay to final_rate of the peak (arXiv 1608.03983)."""
    rise = math.ceil(config.warmup * steps)
    if step < rise:
        # step + 1: a first update of rate 0 would be computed for nothing
        return config.peak_rate * (step + 1) / rise
    along = (step - rise) / max(1, steps - rise)
    share = config.final_rate + (1 - config.final_rate) * (1 + math.cos(math.pi * along)) / 2
    return config.peak_rate * share


def train(
    work: Work, state: TrainingState, optimizer: lora.Weights | None = None
) -> Generator[Event, None, TrainingState]:
    """Train from a state on; yields Progress, Step, Validation, Sample and Checkpoint, returns the last state.

    optimizer: its tensors at that state, None at the start. Raises BadInput at the first loss or gradient that is no
    number, NoMemory when the run takes more than it may, DiskFull when a checkpoint does not fit.
    """
    training = _Training(work, state, optimizer)
    try:
        with memory.memory_limit(work.ceiling_bytes):
            yield from training.events()
    except GeneratorExit:
        training.save_on_leaving()
        raise
    finally:
        work.model.eval()
    return training.state


class _Training:
    """A run under way."""

    def __init__(self, work: Work, state: TrainingState, optimizer: lora.Weights | None) -> None:
        self.work = work
        self.config = work.config
        self.state = state
        # the state that is on the disk; a run with optimizer tensors comes from a checkpoint
        self.saved: TrainingState | None = state if optimizer is not None else None
        self.steps = work.config.total_steps(len(work.rows))
        self.optimizer = AdamW(work.config.peak_rate, work.config.weight_decay)
        self.optimizer.init(work.model.trainable_parameters())
        if optimizer is not None:
            self.optimizer.state = tree_unflatten(list(optimizer.items()))
        # with respect to the trainable parameters alone: the frozen base needs no gradients and no memory for them
        self.gradient = nn.value_and_grad(work.model, work.loss)

    def events(self) -> Iterator[Event]:
        """Validate, sample, save and step, until all steps are taken."""
        mx.reset_peak_memory()  # loading the model and the dry step are not the run's own
        while True:
            # a checkpoint is judged by its validation loss, so it is always validated first
            if self._is_due(self.config.validate_every) or self._is_due(self.config.checkpoint_every):
                yield from self._validation()
            if self._is_due(self.config.checkpoint_every):
                yield from self._samples()
                # nothing is learned at step 0; right after a resume the state is on the disk already
                if self.state.step and self.saved != self.state:
                    yield self._checkpoint()
            if self.state.step >= self.steps:
                return
            yield from self._step()
            if self.state.seconds - (self.saved.seconds if self.saved else 0.0) > SAVE_AFTER_S:
                self._save()  # a kill costs no more than this, however long the steps are

    def save_on_leaving(self) -> None:
        """Save a run that is closed between two checkpoints."""
        if self.state.step == 0 or self.saved == self.state:
            return
        try:
            self._save()
        except errors.StillroomError as error:
            # raising would replace the GeneratorExit of whoever closes the run
            log.warning("The run %s was left without a checkpoint: %s", self.work.run.name, error.text)

    def _is_due(self, every: int) -> bool:
        step = self.state.step
        # also before the first step and after the last, to have something to compare with and something to keep
        return step in (0, self.steps) or (every > 0 and step % every == 0)

    # one optimizer step

    def _step(self) -> Iterator[Event]:
        begun = time.perf_counter()
        step, config = self.state.step, self.config
        self.work.model.train()
        # dropout draws from the global generator; seeded per step, it needs no place in a checkpoint
        mx.random.seed(config.seed * 1_000_003 + step)
        indices = batches.step_rows(len(self.work.rows), config.batch_rows, step, config.seed)
        loss, gradients, tokens = yield from self._gradients([self.work.rows[index] for index in indices])
        gradients, norm = _clipped(gradients, config.clip)
        self._check_numbers(loss, norm)  # before the update: AdamW's moments would keep a NaN for ever
        rate = learning_rate(config, step, self.steps)
        self.optimizer.learning_rate = mx.array(rate)
        self.optimizer.update(self.work.model, gradients)
        # both: moments left lazy would drag the graph of every step before along
        mx.eval(self.work.model.trainable_parameters(), self.optimizer.state)
        seconds = time.perf_counter() - begun
        peak = max(self.state.peak_bytes, int(mx.get_peak_memory()))
        self._advance(loss, tokens, seconds, peak)
        event = Step(
            step=step + 1,
            steps=self.steps,
            loss=loss,
            learning_rate=rate,
            tokens=self.state.tokens,
            tokens_per_s=round(tokens / seconds, 2),
            peak_bytes=peak,
            gradient_norm=norm,
        )
        checkpoints.append_metrics(self.work.run, [event])
        yield event
        memory.check(peak, self.work.ceiling_bytes)  # after the event: what the step measured is not lost

    def _gradients(self, rows: Sequence[EncodedRow]) -> Generator[Event, None, tuple[float, Any, int]]:
        """The mean loss per learned token of a step, its gradients, and how many tokens that were.

        Losses and gradients of micro-batches are sums over tokens, so adding them up and dividing once gives exactly
        the gradient of the whole step, however the rows were split.
        """
        total, done, tokens, gradients = 0.0, 0, sum(row.trained for row in rows), None
        for batch in batches.split(rows, self.config.micro_tokens, self.work.packed):  # (B, L), or (1, L) packed
            checkpointing = memory.gradient_checkpointing(self.work.model, self.work.checkpointing)
            with packing.rows_apart(batch.ends), checkpointing:
                loss, more = self.gradient(self.work.model, batch)
                gradients = more if gradients is None else tree_map(mx.add, gradients, more)
                mx.eval(loss, gradients)  # within the patches: the backward pass runs the patched code again
            del more  # else two sets of gradients stay alive while the next is computed
            total += _number(loss)
            done += batch.rows
            # between micro-batches the device is free for other programs, and the run can be stopped
            at, end = self.state.step * len(rows) + done, self.steps * len(rows)
            yield Progress(stage="train", done=at, total=end, unit="rows")
        mx.clear_cache()  # buffers of the longest micro-batch would stay with the allocator
        return total / tokens, tree_map(lambda array: array / tokens, gradients), tokens

    def _check_numbers(self, loss: float, norm: float) -> None:
        if math.isfinite(loss) and math.isfinite(norm):
            return
        weights = dict(tree_flatten(self.work.model.parameters()))
        if self.state.step:  # what is trained may have gone astray since
            for name, _ in tree_flatten(self.work.model.trainable_parameters()):
                weights.pop(name)
        check_weights(self.work.base, weights)
        what = "gradient" if math.isfinite(loss) else "loss"
        kept = checkpoints.newest(self.work.run)
        remains = f" The checkpoint of step {kept[1].step} is kept." if kept else ""
        fault = f"Training stopped at step {self.state.step + 1}: its {what} is no number any more.{remains}"
        raise errors.BadInput(fault, "Lower the learning rate or the scale, then start again.")

    def _advance(self, loss: float, tokens: int, seconds: float, peak: int) -> None:
        step = self.state.step + 1
        # batch_rows rows a step out of an endless series of epochs (models/finetune/batches.py)
        epoch, row = divmod(step * self.config.batch_rows, len(self.work.rows))
        self.state = msgspec.structs.replace(
            self.state,
            step=step,
            epoch=epoch,
            row=row,
            tokens=self.state.tokens + tokens,
            seconds=self.state.seconds + seconds,
            loss=loss,
            peak_bytes=peak,
        )

    # what is looked at now and then

    def _validation(self) -> Iterator[Event]:
        if not self.work.valid or self.state.validated == self.state.step:
            return
        self.work.model.eval()  # dropout off
        total, done = 0.0, 0
        for batch in batches.split(self.work.valid, self.config.micro_tokens, self.work.packed):
            with packing.rows_apart(batch.ends):
                total += _number(self.work.loss(self.work.model, batch))
            done += batch.rows
            yield Progress(stage="validate", done=done, total=len(self.work.valid), unit="rows")
        mx.clear_cache()
        # per learned token, as the training loss is, so that both curves can be compared
        event = Validation(step=self.state.step, loss=total / sum(row.trained for row in self.work.valid))
        self.state = msgspec.structs.replace(self.state, validated=self.state.step, validation_loss=event.loss)
        checkpoints.append_metrics(self.work.run, [event])
        yield event

    def _samples(self) -> Iterator[Event]:
        if self.work.answer is None or self.state.sampled == self.state.step:
            return
        self.work.model.eval()
        samples: list[Event] = []
        for event in self.work.answer(self.state.step):
            if isinstance(event, Sample):
                samples.append(event)
            else:
                yield event
        self.state = msgspec.structs.replace(self.state, sampled=self.state.step)
        checkpoints.append_metrics(self.work.run, samples)
        yield from samples

    # checkpoints

    def _checkpoint(self) -> Checkpoint:
        best = self._is_best()
        if best:
            loss = self.state.validation_loss
            self.state = msgspec.structs.replace(self.state, best_step=self.state.step, best_loss=loss)
        folder = self._save()
        if best:  # only now: a pointer never names what is not whole
            checkpoints.point(self.work.run, "best", folder)
        checkpoints.prune(self.work.run, self.config.keep)
        event = Checkpoint(step=self.state.step, path=folder.name, best=best)
        checkpoints.append_metrics(self.work.run, [event])
        return event

    def _is_best(self) -> bool:
        """Whether the last validation is the lowest of all checkpoints; without one the newest is the best."""
        if not self.work.valid:
            return True
        latest, best = self.state.validation_loss, self.state.best_loss
        return latest is not None and math.isfinite(latest) and (best is None or latest < best)

    def _save(self) -> Path:
        weights, optimizer = lora.weights_of(self.work.model), dict(tree_flatten(self.optimizer.state))
        folder = checkpoints.save(self.work.run, self.state, weights, optimizer, self.config, self.work.base)
        self.saved = self.state
        return folder


def _clipped(gradients: Any, limit: float) -> tuple[Any, float]:
    """Gradients scaled to a global norm of at most `limit` (0: left as they are), and their norm before."""
    clipped, norm = optim.clip_grad_norm(gradients, limit if limit > 0 else math.inf)
    return clipped, _number(norm)


def _number(scalar: mx.array) -> float:
    return float(scalar.item())  # type: ignore[arg-type]
