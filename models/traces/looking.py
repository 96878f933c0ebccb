"""What is in a set: traces that hold a text, and how long they are."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from models.trace_report import Histogram
from models.traces.checks import Count, estimate_tokens
from models.traces.trace import Trace

EDGES = (128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)  # tokens


def search(traces: Iterable[Trace], text: str) -> Iterator[Trace]:
    """Those that hold a text in problem, thinking, answer or id, whatever the case; all for no text."""
    wanted = text.casefold()
    for trace in traces:
        said = (trace.problem, trace.thinking, trace.answer, trace.id, trace.teacher)
        if any(wanted in part.casefold() for part in said):
            yield trace


def tokens_of(trace: Trace, count: Count | None = None) -> int:
    """Tokens of thinking and answer: counted, else as the teacher did, else estimated."""
    if count:
        return count(trace.thinking) + count(trace.answer)
    return trace.tokens or estimate_tokens(trace.thinking) + estimate_tokens(trace.answer)


def histogram(traces: Iterable[Trace], count: Count | None = None, edges: Iterable[int] = EDGES) -> Histogram:
    """How many traces are how long. edges: ascending, in tokens."""
    bounds = list(edges)
    lengths = sorted(tokens_of(trace, count) for trace in traces)
    counts = [0] * (len(bounds) + 1)
    for length in lengths:
        counts[bisect_right(bounds, length)] += 1
    return Histogram(
        edges=bounds,
        counts=counts,
        median=lengths[len(lengths) // 2] if lengths else 0,
        longest=lengths[-1] if lengths else 0,
        total=sum(lengths),
        estimated=count is None,
    )
