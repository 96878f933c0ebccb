"""The engine process: reads calls from its parent, runs them one by one on the main thread, reports their events.

MLX streams belong to a thread, so one thread loads, evaluates, generates and frees; nothing lazy leaves it. A daemon
thread reads the wire, so that a cancel or an "answer now" is seen between two tokens. Libraries print, and some ask
questions: the wire is moved to descriptors of its own first, then stdin becomes /dev/null and stdout becomes stderr.
"""

import logging
import os
import queue
import re
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

import msgspec

from models import events, requests, stages
from models.engine import wire
from models.errors import BadInput, Interrupted, NoMemory, StillroomError, bug, from_os_error
from models.generate.thinking import Steering
from models.jobs.request import JobRequest
from models.machine import backend, blas

if TYPE_CHECKING:
    from models.generate.load import LoadedModel

log = logging.getLogger(__name__)

JOIN_S = 0.016  # tokens closer together than a frame travel as one
PROGRESS_S = 0.1  # of a stage, between two events that say how far it is
Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Generator[events.Event, None, events.Record | None]

_CALL_ID = re.compile(rb'^{"type":"call","id":(\d+)')
GRACE_S = 2.0  # how long a worker outlives its parent, unless its work has more patience


def main() -> None:
    """Serve the parent until it closes the wire."""
    wire_in, wire_out = _take_wire()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    Worker(wire_in, wire_out).serve()


class Worker:
    """One engine process. It holds at most one model."""

    def __init__(self, wire_in: BinaryIO, wire_out: BinaryIO) -> None:
        self._in = wire_in
        self._out = wire_out
        self._calls: queue.SimpleQueue[wire.Call | None] = queue.SimpleQueue()
        self._steering: dict[int, Steering] = {}
        self._loaded: LoadedModel | None = None
        self._told: list[str] = []  # what the last load had to say
        self._grace_s = GRACE_S

    def serve(self) -> None:
        """Run calls in the order they came, until the wire closes."""
        threading.Thread(target=self._read, name="wire", daemon=True).start()
        while (call := self._calls.get()) is not None:
            self._run(call)

    def _read(self) -> None:
        for raw in self._in:
            try:
                self._receive(wire.read_message(raw))
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                log.error("A line of the wire made no sense: %s", error)
                self._refuse(raw, error)
        for steering in list(self._steering.values()):
            steering.cancel()
        self._calls.put(None)
        time.sleep(self._grace_s)
        os._exit(0)  # the parent is gone and a kernel is still running

    def _refuse(self, raw: bytes, error: Exception) -> None:
        """End a call that can't be read, which its caller waits for."""
        if (found := _CALL_ID.search(raw)) is not None:
            text = f"The engine can't read what it was asked: {error}."
            failed = events.Failed(kind=BadInput.kind, text=text)
            self._out.write(wire.line(wire.Report(id=int(found[1]), event=failed)))
            self._out.flush()

    def _receive(self, message: wire.ToWorker) -> None:
        if isinstance(message, wire.Call):
            self._steering[message.id] = Steering()
            if isinstance(message.request, JobRequest):
                self._grace_s = max(GRACE_S, message.request.patience_s)
            self._calls.put(message)
            return
        steering = self._steering.get(message.id)
        if steering is None:
            return
        if isinstance(message, wire.Cancel):
            steering.cancel()
        elif message.action == "answer_now":
            steering.answer_now()
        else:
            steering.think_longer()

    def _run(self, call: wire.Call) -> None:
        steering = self._steering[call.id]
        try:
            for event in thinned(joined(ending(self._work(call.request, steering)))):
                self._report(call, event)
        except BrokenPipeError:
            steering.cancel()  # the parent is gone; the reading thread sees to the end
        except BaseException as error:  # a panic in the tokenizers library is no Exception
            self._report(call, _failed(error))
        finally:
            del self._steering[call.id]

    def _report(self, call: wire.Call, event: events.Event) -> None:
        if isinstance(event, events.Progress):
            kind = str(call.request.__struct_config__.tag)
            event = msgspec.structs.replace(event, job=stages.job_of(event.stage, kind))
        self._out.write(wire.line(wire.Report(id=call.id, event=event)))
        self._out.flush()

    def _work(self, request: wire.Request, steering: Steering) -> Work:
        if steering.cancelled:
            raise Interrupted("Stopped before it began.")
        match request:
            case requests.ChatRequest():
                return (yield from self._reply(request, steering))
            case requests.Load():
                return (yield from self._load(request.model, request.adapter, steering)).record()
            case requests.Unload():
                self._unload()
                return None
            case JobRequest():
                return (yield from stoppable(request.work(), steering))

    def _reply(self, request: requests.ChatRequest, steering: Steering) -> Work:
        from models.generate.drawing import check_request
        from models.generate.reply import reply

        check_request(request)
        loaded = yield from self._load(request.model, request.adapter, steering)
        if request.votes > 1:
            from models.generate.votes import vote

            found = yield from vote(loaded, request, steering)
        else:
            found = yield from reply(loaded, request, steering)
        return msgspec.structs.replace(found, notes=[*self._told, *found.notes])

    def _load(self, name: str, adapter: str | None, steering: Steering) -> "Generator[events.Event, None, LoadedModel]":
        """Have the model in memory, freeing another one first; returns it.

        An adapter is put on a base that is there already, and taken off it, without loading that again.
        """
        from models.generate.load import load
        from models.library import bases, installed

        self._told = []
        path = yield from stoppable(installed.prepare(name), steering)
        if adapter is not None:
            installed.mark_used(adapter)
            adapter = str(installed.find_adapter(adapter))
        installed.mark_used(name)
        loaded = self._loaded
        if loaded is not None and loaded.path == path:
            if loaded.has_adapter(adapter):
                return loaded
            loaded.set_adapter(adapter)
        else:
            del loaded
            self._unload()
            loaded = self._loaded = yield from stoppable(load(installed.title(name), path, adapter), steering)
        if adapter is not None and (said := bases.mismatch(Path(adapter), path, loaded.name)):
            self._told = [said]
            yield events.Note(text=said)
        return loaded

    def _unload(self) -> None:
        if self._loaded is None:
            return
        import mlx.core as mx

        self._loaded = None
        mx.clear_cache()


def ending(work: Work) -> Iterator[events.Event]:
    """The events of work but for notes that say nothing, and what it returns as the last of them."""
    result = None

    def run() -> Iterator[events.Event]:
        nonlocal result
        result = yield from work

    yield from (event for event in run() if not isinstance(event, events.Note) or event.text.strip())
    yield events.Done(result=result)


def joined(source: Iterator[events.Event]) -> Iterator[events.Event]:
    """Join tokens of a channel that come within one frame of the last that went out, so that no face is flooded."""
    held: events.Token | None = None
    sent_at = 0.0
    for event in source:
        if isinstance(event, events.Token):
            if held is not None and (held.channel, held.forced) != (event.channel, event.forced):
                yield held
                held = None
            text = held.text + event.text if held is not None else event.text
            held = msgspec.structs.replace(event, text=text)
            if time.monotonic() - sent_at < JOIN_S:
                continue
        if held is not None:
            yield held
            held, sent_at = None, time.monotonic()
        if not isinstance(event, events.Token):
            yield event


def thinned(source: Iterator[events.Event]) -> Iterator[events.Event]:
    """Leave out progress that comes sooner after the last than an eye could follow; the last of a stage always goes."""
    sent: events.Progress | None = None
    sent_at = 0.0
    for event in source:
        if isinstance(event, events.Progress):
            now = time.monotonic()
            more = sent is not None and sent.stage == event.stage
            if more and now - sent_at < PROGRESS_S and event.done < event.total:
                continue
            sent, sent_at = event, now
        yield event


def stoppable(source: Generator[Item, None, Result], steering: Steering) -> Generator[Item, None, Result]:
    """Hand on events until cancelled; closing the source lets it tidy up. Work that is done by then was not stopped."""
    while True:
        try:
            event = next(source)
        except StopIteration as end:
            result: Result = end.value
            return result
        if steering.cancelled:
            source.close()
            raise Interrupted("Stopped.")
        yield event


def _failed(error: BaseException) -> events.Failed:
    if isinstance(error, OSError):
        error = from_os_error(error, "working")
    if backend.is_out_of_memory(error):
        error = NoMemory("The model did not fit into memory.", "Close other programs or take a smaller model.")
    if not isinstance(error, StillroomError):
        error = bug(error, "The log of the engine has the details.")
    return events.Failed(kind=error.kind, text=error.text, hint=error.hint)


def _take_wire() -> tuple[BinaryIO, BinaryIO]:
    """Move the wire to descriptors of its own, so that nothing a library prints or asks can reach it."""
    wire_in, wire_out = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    sys.stdin = open(os.devnull)  # noqa: SIM115 - it lives as long as the process
    return os.fdopen(wire_in, "rb"), os.fdopen(wire_out, "wb")


if __name__ == "__main__":
    main()
    blas.end_process()
