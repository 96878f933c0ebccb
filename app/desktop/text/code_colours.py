"""Colours the code of a document without editing it: formats are laid over the lines, in slices of a few milliseconds.

While a code block is still being written each new line is coloured by itself; when it is closed the whole block is
read again, so that strings and comments over several lines come right.
"""

import time
from collections.abc import Callable, Iterator
from itertools import accumulate

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QColor, QTextCharFormat, QTextDocument, QTextLayout

from app.desktop.palette import Colours
from app.desktop.text import code
from app.desktop.text.blocks import Code

SLICE_MS = 4.0
LONGEST_LINE = 1000
Span = tuple[int, int, str]


class CodeColours(QObject):
    """Colours the code blocks of one document. colours: gives the palette in force."""

    def __init__(self, document: QTextDocument, colours: Callable[[], Colours]) -> None:
        super().__init__(document)
        self._document = document
        self._colours = colours
        self._jobs: dict[int, Iterator[None]] = {}
        self._timer = QTimer(self, singleShot=True, interval=0)
        self._timer.timeout.connect(self._work)

    def paint(self, first_block: int, leaf: Code, from_line: int) -> None:
        """Colour a code block that begins in a block of the document; what is not closed, only from a line on."""
        if not leaf.language:
            return
        lines = leaf.text.split("\n")
        if leaf.closed:
            self._jobs[first_block] = self._whole(first_block, leaf.text, lines, leaf.language)
            self._timer.start()
            return
        for number in range(from_line, len(lines)):
            line = lines[number]
            spans = list(code.tokens(line, leaf.language)) if len(line) <= LONGEST_LINE else []
            self._lay_over(first_block + number, line, spans)
        self._mark(first_block + from_line, first_block + len(lines) - 1)

    def forget_from(self, block: int) -> None:
        """Stop colouring what began at or after a block, for it is gone."""
        self._jobs = {first: job for first, job in self._jobs.items() if first < block}

    def clear(self) -> None:
        self._jobs.clear()

    def finish(self) -> None:
        """Colour all there is now."""
        for job in self._jobs.values():
            for _ in job:
                pass
        self._jobs.clear()

    def _work(self) -> None:
        deadline = time.perf_counter() + SLICE_MS / 1000
        for first, job in list(self._jobs.items()):
            for _ in job:
                if time.perf_counter() > deadline:
                    self._timer.start()
                    return
            del self._jobs[first]

    def _whole(self, first_block: int, text: str, lines: list[str], language: str) -> Iterator[None]:
        """Colour line after line; yields between them."""
        starts = [0, *accumulate(len(line) + 1 for line in lines)]
        number = marked = 0
        spans: list[Span] = []
        for start, length, kind in code.tokens(text, language):
            stop = start + length
            while start < stop:
                while start >= starts[number + 1]:
                    self._lay_over(first_block + number, lines[number], spans)
                    spans, number = [], number + 1
                    if number - marked >= 40:
                        self._mark(first_block + marked, first_block + number - 1)
                        marked = number
                        yield
                end = min(stop, starts[number + 1] - 1)
                spans.append((start - starts[number], end - start, kind))
                start = end + 1 if end < stop else stop
        for rest in range(number, len(lines)):
            self._lay_over(first_block + rest, lines[rest], spans)
            spans = []
        self._mark(first_block + marked, first_block + len(lines) - 1)

    def _lay_over(self, number: int, line: str, spans: list[Span]) -> None:
        block = self._document.findBlockByNumber(number)
        colours = code.ink(self._colours())
        ranges = []
        for start, length, kind in spans:
            laid = QTextLayout.FormatRange()
            laid.start = start if line.isascii() else len(line[:start].encode("utf-16-le")) // 2
            laid.length = length if line.isascii() else len(line[start : start + length].encode("utf-16-le")) // 2
            form = QTextCharFormat()
            form.setForeground(QColor(colours[kind]))
            laid.format = form
            ranges.append(laid)
        block.layout().setFormats(ranges)

    def _mark(self, first: int, last: int) -> None:
        begin = self._document.findBlockByNumber(first)
        end = self._document.findBlockByNumber(last)
        if begin.isValid() and end.isValid():
            self._document.markContentsDirty(begin.position(), end.position() + end.length() - begin.position())
