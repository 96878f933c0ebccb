"""Counts over the traces of a set, kept while they are written."""

import hashlib
from collections import Counter

import msgspec

from models.trace_report import TraceSet
from models.traces.duplicates import HashIndex
from models.traces.split import asked_of
from models.traces.trace import Trace


class Tally:
    """What a set's record says, added up trace by trace."""

    def __init__(self) -> None:
        self.traces = self.problems = self.thinking = self.verified = self.wrong = self.characters = 0
        self.teachers: Counter[str] = Counter()
        self.sources: Counter[str] = Counter()
        self.licences: Counter[str] = Counter()
        self._seen = HashIndex()

    def add(self, trace: Trace) -> None:
        """Count one more."""
        self.traces += 1
        key = hashlib.blake2b("\x1e".join(asked_of(trace)).encode(), digest_size=8).digest()
        self.problems += self._seen.add(int.from_bytes(key, "little"), 0) is None
        self.thinking += bool(trace.thinking)
        self.verified += trace.verified is True
        self.wrong += trace.verified is False
        self.characters += len(trace.thinking) + len(trace.answer)
        self.teachers.update(filter(None, [trace.teacher]))
        self.sources.update(filter(None, [trace.source]))
        self.licences.update(filter(None, [trace.licence]))

    def counted(self, record: TraceSet, changed: str, size_bytes: int, data_hash: str) -> TraceSet:
        """The record of a set with what is known of these traces, which were all written now."""
        return msgspec.structs.replace(
            record,
            changed=changed,
            size_bytes=size_bytes,
            data_hash=data_hash,
            traces=self.traces,
            problems=self.problems,
            thinking=self.thinking,
            verified=self.verified,
            wrong=self.wrong,
            unchecked=self.traces - self.verified - self.wrong,
            characters=self.characters,
            teachers=dict(self.teachers.most_common(50)),
            sources=dict(self.sources.most_common(50)),
            licences=dict(self.licences.most_common(50)),
        )
