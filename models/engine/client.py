"""The parent's side of the engine process: start it, send calls, hand out its events, replace it when it dies.

One resident worker answers chats and holds the model; every other job gets a worker of its own that ends with it, so
that its memory is really gone. A reader thread per worker hands each event to `on_event` and to whoever iterates over
`run`. A cancel that the worker does not look at in time, which is three seconds for most kinds of request, ends in a
kill. Nothing here waits for a process to start: a caller may be the thread that paints.

A worker that dies fails the calls it had under way, with what they had said so far, and is replaced at once, but only
if it had ever finished a call: the same load is never retried in a loop.
"""

import errno
import itertools
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from models import errors, events, paths, requests
from models.engine import wire
from models.jobs.request import JobRequest

if TYPE_CHECKING:
    import subprocess

log = logging.getLogger(__name__)

OnEvent = Callable[[int, events.Event], None]

KILL_AFTER_S = 3.0
CLOSE_WITHIN_S = 1.0
LOG_BYTES = 4 << 20


@dataclass
class _Call:
    """A call under way."""

    patience_s: float  # how long it may take to stop by itself
    watcher: "queue.SimpleQueue[events.Event] | None"
    cancelled: bool = False
    said: dict[str, str] = field(default_factory=lambda: {"thinking": "", "answer": ""})


class Engine:
    """The engine as a face sees it. Methods may be called from any thread; `on_event` comes on a reader thread."""

    def __init__(self, on_event: OnEvent | None = None) -> None:
        self._on_event = on_event
        self._ids = itertools.count(1)
        self._lock = threading.RLock()
        self._calls: dict[int, _Call] = {}
        self._workers: dict[int, _Worker] = {}  # by call
        self._resident: _Worker | None = None
        self._closed = False

    def warm_up(self) -> None:
        """Start the resident worker before it is needed."""
        with self._lock:
            self._resident_worker()

    def run(self, request: wire.Request) -> Iterator[events.Event]:
        """Send a request and yield its events, Done last. Raises the error that Failed tells of.

        Closing the generator cancels the call.
        """
        _, told = self.start_watched(request)
        yield from told

    def start_watched(self, request: wire.Request) -> tuple[int, Iterator[events.Event]]:
        """As run(), with the number of the call, for one that may have to be steered or cancelled."""
        watcher: queue.SimpleQueue[events.Event] = queue.SimpleQueue()
        call_id = self.start(request, watcher)
        return call_id, self._watch(call_id, watcher)

    def cancel(self, call_id: int) -> None:
        """Stop a call: it ends with Done (a reply with what it said so far) or Failed (kind "cancelled").

        That takes no longer than the patience of its kind of request; a second cancel shortens it to three seconds.
        """
        with self._lock:
            call, worker = self._calls.get(call_id), self._workers.get(call_id)
            if call is None or worker is None:
                return
            patience_s = KILL_AFTER_S if call.cancelled else call.patience_s
            call.cancelled = True
        worker.send(wire.Cancel(id=call_id))
        timer = threading.Timer(patience_s, self._kill_if_running, (call_id, worker))
        timer.daemon = True
        timer.start()

    def steer(self, call_id: int, action: requests.Action) -> None:
        """Change how long a chat call goes on thinking."""
        with self._lock:
            worker = self._workers.get(call_id)
        if worker is not None:
            worker.send(wire.Steer(id=call_id, action=action))

    def worker_bytes(self) -> int:
        """Resident memory of the worker that holds the model; 0 when there is none."""
        with self._lock:
            resident = self._resident
        return resident.resident_bytes() if resident is not None else 0

    def call_bytes(self, call_id: int) -> int:
        """Resident memory of the worker that runs a call; 0 when it runs no more."""
        with self._lock:
            worker = self._workers.get(call_id)
        return worker.resident_bytes() if worker is not None else 0

    def close(self) -> None:
        """End all workers. Calls under way get no more events; who iterates over one gets Interrupted."""
        with self._lock:
            self._closed = True
            watchers = [call.watcher for call in self._calls.values() if call.watcher is not None]
            workers = {*self._workers.values(), *([self._resident] if self._resident else [])}
            self._calls.clear()
            self._workers.clear()
            self._resident = None
        for watcher in watchers:
            watcher.put(_cancelled_event())
        for worker in workers:
            worker.close()

    def start(self, request: wire.Request, watcher: "queue.SimpleQueue[events.Event] | None" = None) -> int:
        """Send a request; returns its number at once. Its events, which the watcher gets too, end with Done or Failed."""
        call_id = next(self._ids)
        try:
            line = wire.line(wire.Call(id=call_id, request=request))
        except (TypeError, ValueError, OverflowError) as error:
            self._refuse(call_id, _Call(0, watcher), error)
            return call_id
        with self._lock:
            if self._closed:
                raise errors.Interrupted("The engine is closed.")
            if isinstance(request, JobRequest):
                patience_s = request.patience_s
                worker = _Worker(self._on_report, self._on_death, network=request.needs_network)
            else:
                patience_s, worker = KILL_AFTER_S, self._resident_worker()
            self._calls[call_id] = _Call(patience_s, watcher)
            self._workers[call_id] = worker
        worker.send_line(line)
        return call_id

    def _refuse(self, call_id: int, call: _Call, error: Exception) -> None:
        """End a call that no worker can be given. On a thread, for its caller does not know its number yet."""
        log.error("A request can't be sent: %s", error)
        text = f"What was asked for can't be sent to the engine: {error}."
        failed = events.Failed(kind=errors.BadInput.kind, text=text)
        threading.Thread(target=self._hand_out, args=(call_id, call, failed), name="refusal", daemon=True).start()

    def _watch(self, call_id: int, watcher: "queue.SimpleQueue[events.Event]") -> Iterator[events.Event]:
        finished = False
        try:
            while not finished:
                event = watcher.get()
                finished = isinstance(event, events.Done | events.Failed)
                if isinstance(event, events.Failed):
                    raise errors.from_kind(event.kind, event.text, event.hint)
                yield event
        finally:
            if not finished:
                self.cancel(call_id)

    def _resident_worker(self) -> "_Worker":
        if self._resident is None or not self._resident.alive():
            self._resident = _Worker(self._on_report, self._on_death)
        return self._resident

    def _on_report(self, worker: "_Worker", report: wire.Report) -> None:
        event = report.event
        with self._lock:
            call = self._calls.get(report.id)
            if call is None:
                return
            last = isinstance(event, events.Done | events.Failed)
            if last:
                worker.proved = worker.proved or isinstance(event, events.Done)
                self._calls.pop(report.id)
                self._workers.pop(report.id)
        if isinstance(event, events.Token):
            call.said[event.channel] += event.text
        if isinstance(event, events.Failed):
            event = msgspec.structs.replace(event, **call.said)
        self._hand_out(report.id, call, event)
        if last and worker is not self._resident:
            worker.close()

    def _on_death(self, worker: "_Worker", why: events.Failed) -> None:
        with self._lock:
            if self._closed:
                return
            lost = [call_id for call_id, owner in self._workers.items() if owner is worker]
            calls = [(call_id, self._calls.pop(call_id)) for call_id in lost]
            for call_id in lost:
                self._workers.pop(call_id)
            if worker is self._resident:
                self._resident = None
                if worker.proved:
                    self._resident_worker()
        for call_id, call in calls:
            failed = _cancelled_event() if call.cancelled else why
            self._hand_out(call_id, call, msgspec.structs.replace(failed, **call.said))

    def _hand_out(self, call_id: int, call: _Call, event: events.Event) -> None:
        if call.watcher is not None:
            call.watcher.put(event)
        if self._on_event is not None:
            self._on_event(call_id, event)

    def _kill_if_running(self, call_id: int, worker: "_Worker") -> None:
        with self._lock:
            running = call_id in self._calls
        if running:
            log.info("Call %d did not stop by itself: its worker is killed", call_id)
            worker.kill()


class _Worker:
    """A child process and the thread that starts it and reads what it says."""

    def __init__(
        self,
        on_report: "Callable[[_Worker, wire.Report], None]",
        on_death: "Callable[[_Worker, events.Failed], None]",
        network: bool = False,
    ) -> None:
        self.proved = False  # has finished a call
        self._on_report = on_report
        self._on_death = on_death
        self._network = network
        self._ending = False  # told to end, by close or kill
        self._closing = False
        self._process: subprocess.Popen[bytes] | None = None  # None until it is started
        self._unsent: list[bytes] = []  # until then
        self._scratch: Path | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def send(self, message: wire.ToWorker) -> None:
        """Write a message; a worker that is gone is the reader's to report."""
        self.send_line(wire.line(message))

    def send_line(self, line: bytes) -> None:
        """As send(), for a message that is a line already."""
        with self._lock:
            if self._process is None:
                self._unsent.append(line)
            else:
                _write(self._process, line)

    def alive(self) -> bool:
        """Whether the process runs, or is about to."""
        return self._thread.is_alive() and (self._process is None or self._process.poll() is None)

    def resident_bytes(self) -> int:
        """Its resident memory."""
        import psutil  # the window is shown before it is needed

        try:
            return int(psutil.Process(self._process.pid).memory_info().rss) if self._process is not None else 0
        except psutil.Error:
            return 0

    def kill(self) -> None:
        """End it now; the reader reports the death."""
        with self._lock:
            self._ending = True
            if self._process is not None:
                self._process.kill()

    def close(self) -> None:
        """Let it end by itself, and see that it does."""
        with self._lock:
            self._closing = self._ending = True
            process = self._process
        if process is None:
            if threading.current_thread() is not self._thread:
                self._thread.join(CLOSE_WITHIN_S)
            return
        import subprocess

        self._close_stdin(process)
        try:
            process.wait(CLOSE_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._remove_scratch()  # the thread that reads may have no time left for it

    def _remove_scratch(self) -> None:
        from models.machine import scratch

        if self._scratch is not None:
            scratch.remove(self._scratch)

    def _close_stdin(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None, "opened with a pipe"
        with self._lock:
            try:
                process.stdin.close()
            except OSError:
                log.debug("The engine process had closed its end already")

    def _run(self) -> None:
        try:
            process = self._spawn()
        except Exception as error:  # whatever it is, the calls that wait for this worker must end
            log.error("The engine process could not be started", exc_info=error)
            why = _not_started_event(error)
        else:
            status = self._read(process) if process is not None else -signal.SIGTERM
            log.info("The engine process ended with status %d", status)
            why = _death_event(status)
        self._remove_scratch()
        if not self._closing:
            self._on_death(self, why)

    def _spawn(self) -> "subprocess.Popen[bytes] | None":
        """Start the process and send what has waited for it; None when it was told to end meanwhile."""
        import subprocess  # here and not on top: the window is shown before it is needed

        from models.machine import scratch

        with _log_file() as log_file:
            environment = _environment(self._network)  # may ask the system where its libraries are
            self._scratch = scratch.make()
            environment["TMPDIR"] = str(self._scratch)
            with self._lock:
                if self._ending:
                    return None
                self._process = subprocess.Popen(
                    _command(),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log_file,
                    env=environment,
                    start_new_session=True,  # a Ctrl-C in the terminal is for the parent alone
                )
                for line in self._unsent:
                    _write(self._process, line)
                return self._process

    def _read(self, process: "subprocess.Popen[bytes]") -> int:
        """Hand on all that it says, and give its exit status."""
        stdout = process.stdout
        assert stdout is not None, "opened with a pipe"
        for raw in stdout:
            try:
                report = wire.read_report(raw)
            except msgspec.MsgspecError as error:
                log.error("The engine process said what makes no sense: %s", error)
                continue
            self._on_report(self, report)
        status = process.wait()
        stdout.close()
        self._close_stdin(process)
        return status


def _write(process: "subprocess.Popen[bytes]", line: bytes) -> None:
    assert process.stdin is not None, "opened with a pipe"
    try:
        process.stdin.write(line)
        process.stdin.flush()
    except (OSError, ValueError) as error:
        log.info("The engine process did not take a message: %s", error)


def _command() -> list[str]:
    return [sys.executable, *(["--worker"] if getattr(sys, "frozen", False) else ["-P", "-m", "models.engine.worker"])]


def _environment(network: bool) -> dict[str, str]:
    """The worker's environment: no telemetry, no question asked, a quick BLAS where one is needed.

    network: what it is for needs the Hub; every other worker is kept from calling anything.
    """
    from models.machine import blas

    offline = {} if network else {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    silent = {"HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
    quiet = {"TOKENIZERS_PARALLELISM": "false", "TRANSFORMERS_VERBOSITY": "error"}
    return {**os.environ, **offline, **silent, **quiet, **blas.preload()}


def _log_file() -> IO[bytes]:
    """The log that workers write to, begun anew when it has grown large; nowhere in a home that can't be written."""
    if paths.is_readonly():
        return open(os.devnull, "ab")
    file = paths.logs_folder() / "engine.log"
    if file.exists() and file.stat().st_size > LOG_BYTES:
        file.replace(file.with_suffix(".old.log"))
    return open(file, "ab", opener=paths.owners_alone)


def _cancelled_event() -> events.Failed:
    return events.Failed(kind=errors.Interrupted.kind, text="Stopped.")


def _not_started_event(error: Exception) -> events.Failed:
    if isinstance(error, OSError):
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS):
            return _death_event(-signal.SIGKILL if error.errno == errno.ENOMEM else error.errno or 1)
        error = errors.from_os_error(error, "starting the engine")
    if not isinstance(error, errors.StillroomError):
        error = errors.bug(error, "The log has the details.")
    return events.Failed(kind=error.kind, text=error.text, hint=error.hint)


def _death_event(status: int) -> events.Failed:
    if status == -signal.SIGKILL:
        text = "The engine was killed, as the system does when memory runs out."
        hint = "What was said so far is kept. Close other programs or take a smaller model, then try again."
    else:
        name = signal.Signals(-status).name if status < 0 else f"status {status}"
        text = f"The engine ended unexpectedly ({name})."
        hint = f"What was said so far is kept. Try again; the log is {paths.logs_folder() / 'engine.log'}."
    return events.Failed(kind=errors.WorkerDied.kind, text=text, hint=hint)
