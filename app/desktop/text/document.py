"""A message as a QTextDocument that grows: only what changed since the last leaf is parsed and laid out again.

Text is parsed from the last top-level block on; the new leaves are compared with those shown, and only the tail that
differs is replaced. The common cases of a stream, a paragraph, a code block or a table that grows, are amended in
place. Formulas are typeset when they are first painted, a few milliseconds' worth in a turn of the event loop.
"""

import dataclasses
import math
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from PySide6.QtCore import QObject, QTimer, QUrl
from PySide6.QtGui import QImage, QTextBlock, QTextCharFormat, QTextCursor, QTextDocument, QTextFragment

from app.desktop.text import hostile
from app.desktop.text import text_style as props
from app.desktop.text.blocks import Code, Display, Inline, Leaf, Maths, Paragraph, Parsed, Rule, Run, Table
from app.desktop.text.code_colours import CodeColours
from app.desktop.text.formula_object import FormulaObject, align, formula_format
from app.desktop.text.markdown import ROW_LIMIT, parse
from app.desktop.text.mathematics import is_known, is_ready, prepare, typeset, warm_up
from app.desktop.text.plain_text import FORCED, FORCED_END
from app.desktop.text.tables import TableWriter
from app.desktop.text.text_style import TextStyle

CHAR_LIMIT = 200_000
STEP, STEP_LINES = 4_000, 150  # characters and lines of a long text that are shown in one turn
LONGEST_PART = 8_000
FORMULA_MS = 10.0
EAGER_MS = 5.0
WAIT_MS = 25
MOST_AHEAD = 120
OBJECT = "\ufffc"


@lru_cache(maxsize=1)
def blank_image() -> QImage:
    """A transparent pixel."""
    image = QImage(1, 1, QImage.Format.Format_ARGB32)
    image.fill(0)
    return image


def fragments(block: QTextBlock) -> Iterator[QTextFragment]:
    """The pieces of a block that have one format each."""
    it = block.begin()
    while not it.atEnd():
        yield it.fragment()
        it += 1


def _growth(old: tuple[Inline, ...], new: tuple[Inline, ...]) -> Run | None:
    """What a run has more than an old one of the same look, if it begins with it."""
    if old and new and isinstance(old[0], Run) and isinstance(new[0], Run) and new[0].text.startswith(old[0].text):
        tail = dataclasses.replace(new[0], text=new[0].text[len(old[0].text) :])
        return tail if dataclasses.replace(tail, text=old[0].text) == old[0] and tail.text else None
    return None


def utf16_length(text: str) -> int:
    """Length as QTextDocument counts it."""
    return len(text) + sum(char > "\uffff" for char in text) if not text.isascii() else len(text)


class MessageDocument(QTextDocument):
    """The text of one message. parser: `markdown.parse` or `plain_text.parse_plain`."""

    def __init__(
        self, look: TextStyle, parser: Callable[[str, int, str], Parsed] = parse, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.setUndoRedoEnabled(False)
        self.setDocumentMargin(0)
        self.setDefaultFont(look.font)
        self.look = look
        self._parser = parser
        self._source = ""
        self._held = ""
        self._rows = ROW_LIMIT
        self._chars = CHAR_LIMIT
        self._shown = 0  # characters of the source that are in the document
        self._settled: tuple[int, int, str] = (0, 0, "")  # leaves, characters that will not change; Parsed.inside
        self._leaves: list[Leaf] = []
        self._starts: list[int] = []  # the block each leaf begins in
        self._fresh = True  # the last block is empty and to be used
        self._wanted: set[int] = set()
        self._eager_until = 0.0
        self._object = FormulaObject(self, lambda: self.look.ink, self._want_formula)
        self.documentLayout().registerHandler(props.FORMULA, self._object)
        self._tables = TableWriter(self._insert_runs)
        self.colours = CodeColours(self, lambda: self.look.colours)
        self._formula_timer = QTimer(self, singleShot=True, interval=0)
        self._formula_timer.timeout.connect(self._typeset_wanted)

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        """Load nothing, ever: a text that names a file or an address gets an empty picture."""
        return blank_image()

    # Text

    @property
    def source(self) -> str:
        """The text as it was written, cleaned."""
        return self._source + hostile.clean(self._held)

    @property
    def leaves(self) -> list[Leaf]:
        return self._leaves

    @property
    def is_behind(self) -> bool:
        """Whether `show_more_text` has something to do."""
        return self._shown < min(len(self._source), self._chars)

    @property
    def is_cut(self) -> bool:
        """Whether a limit keeps part of the text from being shown."""
        return len(self._source) > self._chars or any(isinstance(leaf, Table) and leaf.more for leaf in self._leaves)

    def append(self, text: str, forced: bool = False) -> None:
        """Take more text; it is shown by `show_more_text`. forced: put there by the thinking budget."""
        if forced:
            self._source += hostile.clean(self._held) + FORCED + hostile.clean(text) + FORCED_END
            self._held = ""
            return
        ready, self._held = hostile.split_unfinished(self._held + text)
        self._source += hostile.clean(ready)

    def show_more_text(self, eager_ms: float = EAGER_MS) -> bool:
        """Bring up to STEP characters more into the document. Returns whether more are waiting.

        eager_ms: for how long formulas may be typeset at once; the others come when they are seen.
        """
        stop = self._next_stop()
        self._eager_until = time.perf_counter() + eager_ms / 1000
        leaf, offset, inside = self._settled
        parsed = self._parser(self._source[offset:stop], self._rows, inside)
        self._shown = stop
        self._replace(leaf, parsed.leaves)
        self._settled = (leaf + parsed.last_leaf, offset + parsed.last_offset, parsed.inside)
        if stop - self._settled[1] > LONGEST_PART and isinstance(self._leaves[-1], Paragraph):
            # Without an empty line all this time: no one can tell where a paragraph without end is parted.
            self._settled = (len(self._leaves), stop, "")
        return self.is_behind

    def _next_stop(self) -> int:
        """Up to where to show the text next: at a line's end when it can't be all, or marks would be cut in two."""
        stop = min(len(self._source), self._chars)
        line = self._shown
        for _ in range(STEP_LINES):
            line = self._source.find("\n", line + 1, stop)
            if line < 0 or line - self._shown > STEP:
                break
        else:
            return line
        if stop - self._shown <= STEP:
            return stop
        last = self._source.rfind("\n", self._shown + 1, self._shown + STEP)
        return last if last > 0 else self._shown + STEP

    def set_source(self, text: str, eager_ms: float = EAGER_MS) -> None:
        """Show another text, all of it up to STEP characters."""
        self._source, self._held = "", ""
        self.append(text)
        self._begin_anew(eager_ms)

    def show_more(self) -> None:
        """Raise the limits by as much as they were."""
        self._rows += ROW_LIMIT
        self._chars += CHAR_LIMIT
        self._begin_anew()

    def set_look(self, look: TextStyle) -> None:
        self.look = look
        self.setDefaultFont(look.font)
        self._begin_anew()

    def show_all(self) -> None:
        """Bring everything up to the limits into the document at once."""
        while self.is_behind:
            self.show_more_text()

    def _begin_anew(self, eager_ms: float = EAGER_MS) -> None:
        shown = self._shown
        self.clear()
        self._leaves, self._starts, self._fresh = [], [], True
        self._settled, self._shown = (0, 0, ""), 0
        self._wanted.clear()
        self.colours.clear()
        self.show_more_text(eager_ms)
        while self._shown < shown and self.is_behind:
            self.show_more_text()

    # Leaves

    def _replace(self, start: int, new: list[Leaf]) -> None:
        """Show new leaves from the given one on, touching only those that differ."""
        same = 0
        old = self._leaves[start:]
        while same < min(len(old), len(new)) and old[same] == new[same]:
            same += 1
        if same == len(old) == len(new):
            return
        cursor = QTextCursor(self)
        cursor.beginEditBlock()
        if same + 1 == len(old) and same < len(new) and self._amend(cursor, old[same], new[same]):
            self._leaves[-1] = new[same]
            same += 1
        elif same < len(old):
            self._remove(cursor, start + same)
        for leaf in new[same:]:
            self._insert(cursor, leaf)
        cursor.endEditBlock()

    def _remove(self, cursor: QTextCursor, first: int) -> None:
        block = self.findBlockByNumber(self._starts[first])
        cursor.setPosition(block.position())
        cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        self.colours.forget_from(self._starts[first])
        del self._leaves[first:], self._starts[first:]
        self._fresh = True

    def _insert(self, cursor: QTextCursor, leaf: Leaf) -> None:
        before = self._leaves[-1] if self._leaves else None
        cursor.movePosition(QTextCursor.MoveOperation.End)
        if not self._fresh:
            cursor.insertBlock()
        self._fresh = False
        self._starts.append(cursor.blockNumber())
        self._leaves.append(leaf)
        match leaf:
            case Code():
                self._insert_code(cursor, leaf, before)
            case Table():
                self._tables.insert(cursor, leaf, self.look)
                self._fresh = not leaf.more
            case Paragraph():
                cursor.setBlockFormat(self.look.block(leaf, before))
                self._insert_runs(cursor, leaf.runs, leaf.level)
            case Display():
                cursor.setBlockFormat(self.look.block(leaf, before))
                self._insert_formula(cursor, leaf.tex, leaf.source, 0, True)
            case Rule():
                cursor.setBlockFormat(self.look.block(leaf, before))
                # Qt sets an empty block beside a table, not below it.
                cursor.insertText("\u00a0", QTextCharFormat())

    def _insert_runs(self, cursor: QTextCursor, runs: tuple[Inline, ...], level: int = 0) -> None:
        """Write runs at the cursor."""
        for run in runs:
            if isinstance(run, Maths):
                self._insert_formula(cursor, run.tex, run.source, level, False)
            else:
                cursor.insertText(run.text, self.look.run(run, level))

    def _insert_formula(self, cursor: QTextCursor, tex: str, source: str, level: int, display: bool) -> None:
        if is_ready() and time.perf_counter() < self._eager_until:
            typeset(tex, display)
        if is_known(tex, display) and typeset(tex, display) is None:
            cursor.insertText(source.replace("\n", "\u2028"), self.look.source(level))
        else:
            cursor.insertText(OBJECT, formula_format(tex, source, self.look.heading_px(level), display))

    def _insert_code(self, cursor: QTextCursor, leaf: Code, before: Leaf | None) -> None:
        first, *rest = leaf.text.split("\n")
        form = self.look.code_line(leaf.place, leaf.language)
        if before is None:
            form.setTopMargin(props.CARD_HEADER + props.CARD_PADDING)
        if isinstance(before, Table) and not before.more:
            self._tables.make_room_below(props.MARGIN + props.CARD_HEADER + props.CARD_PADDING)
        cursor.setBlockFormat(form)
        cursor.setBlockCharFormat(self.look.code)
        cursor.insertText(first, self.look.code)
        if rest:
            cursor.insertBlock(self.look.code_line(leaf.place, None), self.look.code)
            cursor.insertText("\n".join(rest), self.look.code)
        self._end_card(cursor)
        self.colours.paint(self._starts[-1], leaf, 0)

    def _end_card(self, cursor: QTextCursor) -> None:
        form = cursor.blockFormat()
        form.setBottomMargin(props.CARD_PADDING + props.MARGIN)
        cursor.setBlockFormat(form)

    # Growth in place

    def _amend(self, cursor: QTextCursor, old: Leaf, new: Leaf) -> bool:
        """Turn the last leaf into one that continues it. Returns False when it must be replaced."""
        match old, new:
            case Paragraph(), Paragraph() if (old.level, old.place) == (new.level, new.place):
                return props.direction(old.runs) == props.direction(new.runs) and self._amend_paragraph(
                    cursor, old, new
                )
            case Code(), Code() if (old.language, old.place) == (new.language, new.place):
                return self._amend_code(cursor, old, new)
            case Table(), Table() if (old.header, old.aligns, old.place) == (new.header, new.aligns, new.place):
                amended = self._tables.amend(cursor, old, new, self.look)
                self._fresh = self._fresh if not amended else not new.more
                return amended
        return False

    def _amend_paragraph(self, cursor: QTextCursor, old: Paragraph, new: Paragraph) -> bool:
        block = self.findBlockByNumber(self._starts[-1])
        lengths = [self._length(run) for run in old.runs]
        if sum(lengths) != block.length() - 1:
            return False  # a formula that could not be drawn has become text since
        same = 0
        while same < min(len(old.runs), len(new.runs)) and old.runs[same] == new.runs[same]:
            same += 1
        cursor.setPosition(block.position() + sum(lengths[:same]))
        grown = old.runs[same : same + 1], new.runs[same : same + 1]
        if len(old.runs) == same + 1 and (tail := _growth(*grown)):
            cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock)
            cursor.insertText(tail.text, self.look.run(tail, new.level))
            self._insert_runs(cursor, new.runs[same + 1 :], new.level)
            return True
        cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        self._insert_runs(cursor, new.runs[same:], new.level)
        return True

    def _length(self, run: Inline) -> int:
        if isinstance(run, Run):
            return utf16_length(run.text)
        drawn = not is_known(run.tex, False) or typeset(run.tex, False) is not None
        return 1 if drawn else utf16_length(run.source)

    def _amend_code(self, cursor: QTextCursor, old: Code, new: Code) -> bool:
        if not new.text.startswith(old.text):
            return False
        first = self._starts[-1]
        tail = new.text[len(old.text) :]
        cursor.movePosition(QTextCursor.MoveOperation.End)
        last = cursor.blockNumber()
        if tail:
            head, *rest = tail.split("\n")
            cursor.insertText(head, self.look.code)
            if rest:
                form = cursor.blockFormat()
                form.setBottomMargin(0)
                cursor.setBlockFormat(form)
                cursor.insertBlock(self.look.code_line(new.place, None), self.look.code)
                cursor.insertText("\n".join(rest), self.look.code)
                self._end_card(cursor)
        if tail or new.closed != old.closed:
            self.colours.paint(first, new, 0 if new.closed else last - first)
        return True

    # Formulas

    def _want_formula(self, position: int) -> None:
        """Have the formula at a position typeset soon; it came into view."""
        self._wanted.add(position)
        if not self._formula_timer.isActive():
            self._formula_timer.start(0)

    def want_formulas(self) -> None:
        """Have all formulas typeset before they come into view, unless there are very many."""
        waiting = self._untypeset()
        if len(waiting) <= MOST_AHEAD:
            for position in waiting:
                self._want_formula(position)

    def _untypeset(self) -> list[int]:
        found: list[int] = []
        for block in self.blocks():
            if OBJECT not in block.text():
                continue
            for fragment in fragments(block):
                form = fragment.charFormat()
                if form.objectType() == props.FORMULA and not form.property(props.TYPESET):
                    found.extend(range(fragment.position(), fragment.position() + fragment.length()))
        return found

    def _typeset_wanted(self) -> None:
        """Typeset for a few milliseconds, then show what is done at once."""
        if not is_ready():
            prepare()
            self._formula_timer.start(WAIT_MS)
            return
        deadline = time.perf_counter() + FORMULA_MS / 1000
        done: list[tuple[int, QTextCharFormat]] = []
        for position in sorted(self._wanted):
            self._wanted.discard(position)
            form = self._format_at(position)
            if form.objectType() == props.FORMULA and not (done and time.perf_counter() > deadline):
                typeset(form.property(props.TEX), form.property(props.DISPLAY))
                done.append((position, form))
            elif form.objectType() == props.FORMULA:
                self._wanted.add(position)
                break
        self._show_typeset(done)
        if self._wanted:
            self._formula_timer.start(0)

    def _format_at(self, position: int) -> QTextCharFormat:
        cursor = QTextCursor(self)
        cursor.setPosition(max(0, min(position + 1, self.characterCount() - 1)))
        return cursor.charFormat()

    def _show_typeset(self, done: list[tuple[int, QTextCharFormat]]) -> None:
        if not done:
            return
        cursor = QTextCursor(self)
        cursor.beginEditBlock()
        for position, form in reversed(done):  # from the end, for source text is longer than one character
            cursor.setPosition(position)
            cursor.setPosition(position + 1, QTextCursor.MoveMode.KeepAnchor)
            if typeset(form.property(props.TEX), form.property(props.DISPLAY)) is None:
                level = cursor.blockFormat().headingLevel()
                cursor.insertText(
                    str(form.property(props.FORMULA_SOURCE)).replace("\n", "\u2028"), self.look.source(level)
                )
            else:
                align(form)
                cursor.setCharFormat(form)
        cursor.endEditBlock()

    def settle(self) -> None:
        """Typeset every formula and colour all code now; for pictures and tests."""
        warm_up()
        self.show_all()
        self._wanted.update(self._untypeset())
        while self._wanted:
            self._typeset_wanted()
        self.colours.finish()

    def height(self) -> int:
        """The room the text takes: Qt leaves out the margin below the last block and adds the leading of its last line."""
        last = self._leaves[-1] if self._leaves else None
        extra = (
            props.CARD_PADDING + 1
            if isinstance(last, Code)
            else -self.look.leading
            if isinstance(last, Paragraph)
            else 0
        )
        return math.ceil(self.size().height() + extra)

    def code_starts(self) -> list[int]:
        """The blocks in which code blocks begin."""
        return [start for leaf, start in zip(self._leaves, self._starts, strict=True) if isinstance(leaf, Code)]

    def code_end(self, start: int) -> int:
        """The last block of the code block that begins in one."""
        index = bisect_right(self._starts, start)
        return self._starts[index] - 1 if index < len(self._starts) else self.blockCount() - 1

    def blocks(self) -> Iterator[QTextBlock]:
        block = self.begin()
        while block.isValid():
            yield block
            block = block.next()
