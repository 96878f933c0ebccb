"""A problem and what a model made of it: question, thinking and answer as in a chat, and the verdict."""

from collections.abc import Sequence

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from app.desktop.pages.evaluate import words
from app.desktop.pages.evaluate.fails_table import Column, FailRow
from app.desktop.text.links import ask_to_open
from app.desktop.text.markdown import parse
from app.desktop.text.message_text import MessageText
from app.desktop.text.plain_text import parse_plain
from app.desktop.text.text_style import TextStyle
from app.desktop.theme import colours, restyle, theme
from app.desktop.widgets.buttons import MenuButton, RowButton
from app.desktop.widgets.cards import Card, label, say
from app.desktop.widgets.layouts import in_column, in_row
from app.desktop.widgets.picker import Picker, PickerItem
from app.desktop.widgets.plain import tip
from app.desktop.widgets.scrolling import set_plain, show_in_middle
from models import quantities
from models.evaluate.board import Board
from models.evaluate.problems import Problem
from models.evaluate.records import EvaluationCard, ReplyRow

WIDEST_PX, MARGIN_PX = 780, 24
ENDS = {
    "model": "ended by itself", "budget": "stopped at the budget", "loop": "stopped for repeating itself",
    "answer_now": "stopped", "off": "", None: "never closed",
}  # fmt: skip
WORST = ("cut", "wrong", "right")
USE_TIP = "Put it into a set of traces. What a model has learned from proves nothing about it any more"


class TextPart(QFrame):
    """A text set as in a chat, in a frame, with a line above."""

    def __init__(self, part: str, name: str, plain: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("part")
        self.setProperty("part", part)
        self._muted = part == "thinking"
        self.head = label("", "violet" if self._muted else "small")
        self._holder = QWidget()
        self.text = MessageText(self._look(), parse_plain if plain else parse, name, self._holder)
        in_column(self, self.head, self._holder, margins=(16, 13, 16, 14), spacing=6)
        self.text.grown.connect(self._fit)
        self.text.link_clicked.connect(lambda url: ask_to_open(url, self))
        theme.changed.connect(self._recolour)

    def show_text(self, head: str, text: str) -> None:
        """Show another text; hidden when there is none."""
        self.head.setText(head)
        self.text.set_text(text)
        self.setVisible(bool(text.strip()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        height = self.text.fit(max(60, self.width() - 34))
        if self._holder.height() != height:
            self._holder.setFixedHeight(height)

    def _recolour(self) -> None:
        self.text.set_look(self._look())

    def _look(self) -> TextStyle:
        return TextStyle(colours(), 12, muted=True) if self._muted else TextStyle(colours())


class TraceSheet(QWidget):
    """One problem, one reply to it; the rows of the table one after the other.

    Signals:
        closed: back to the results.
        use_asked: its card (EvaluationCard), problem (Problem) and row (ReplyRow), and where a menu may open (QPoint).
        moved: the place of another row of the table.
    """

    closed = Signal()
    use_asked = Signal(object, object, object, QPoint)
    moved = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Trace of a problem")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._board: Board | None = None
        self._columns: Sequence[Column] = ()
        self._rows: Sequence[FailRow] = ()
        self._at = 0
        self.row: ReplyRow | None = None
        self._card: EvaluationCard | None = None  # of the row
        self.back = RowButton("‹ Results", "Back to the results")
        self.place = label("", "small", wraps=False)
        self.former, self.next = RowButton("‹", "Problem before"), RowButton("›", "Next problem")
        self.reply = Picker("Reply shown", "No reply yet")
        self.use = MenuButton("Use as trace")
        self.use.setToolTip(tip(USE_TIP))
        self.verdict = label("", "verdict")
        self.about = label("", "hint")
        self.problem = TextPart("problem", "Problem", plain=True)
        self.thinking = TextPart("thinking", "Thinking", plain=True)
        self.answer = TextPart("answer", "Answer", plain=False)
        self._scroll = QScrollArea()
        self._lay_out()
        self._connect()

    @property
    def is_open(self) -> bool:
        return self.isVisible()

    def show_rows(self, board: Board, columns: Sequence[Column], rows: Sequence[FailRow], at: int, column: int) -> None:
        """Show a row of the table. column: whose reply; -1 for one that is not right, if there is one."""
        self._board, self._columns, self._rows = board, columns, rows
        self.reply.current = f"{columns[column].said}#0" if column >= 0 else ""
        self.show_at(at)

    def show_at(self, at: int) -> None:
        """Show another row."""
        if not 0 <= at < len(self._rows):
            return
        self._at = at
        row = self._rows[at]
        self.place.setText(f"{at + 1:,} of {len(self._rows):,}")
        self.former.setEnabled(at > 0)
        self.next.setEnabled(at + 1 < len(self._rows))
        items = []
        for column, attempt in zip(self._columns, row.attempts, strict=True):
            replies = attempt.rows if attempt and column.key[2] == 1 else []
            for place, reply in enumerate(replies):
                which = f" · reply {place + 1}" if len(replies) > 1 else ""
                items.append(PickerItem(f"{column.said}#{place}", f"{column.said}{which}", _said(reply)))
        self.reply.set_choices(items)
        if not self.reply.current:
            self.reply.choose(min(items, key=lambda item: WORST.index(item.detail)).key if items else "")
        self._show_reply()
        self._scroll.verticalScrollBar().setValue(0)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape goes back; Left and Right to the problem before and after."""
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        elif event.key() == Qt.Key.Key_Left:
            self._move(-1)
        elif event.key() == Qt.Key.Key_Right:
            self._move(1)
        else:
            super().keyPressEvent(event)

    def _move(self, by: int) -> None:
        if 0 <= self._at + by < len(self._rows):
            self.show_at(self._at + by)
            self.moved.emit(self._at)

    def _problem(self) -> Problem | None:
        wanted = self._rows[self._at].id if self._rows else ""
        return next((one for one in self._board.task.problems if one.id == wanted), None) if self._board else None

    def _find_reply(self) -> tuple[EvaluationCard | None, ReplyRow | None]:
        said, _, place = self.reply.current.rpartition("#")
        for column, attempt in zip(self._columns, self._rows[self._at].attempts, strict=True):
            if column.said == said and attempt is not None and int(place) < len(attempt.rows):
                return attempt.card, attempt.rows[int(place)]
        return None, None

    def _show_reply(self) -> None:
        problem = self._problem()
        self._card, row = self._find_reply()
        self.row = row
        if problem is None:
            return
        gold = problem.gold_text
        choices = "\n".join(f"{letter}) {text}" for letter, text in problem.choices.items())
        asked = f"{problem.problem}\n\n{choices}" if choices else problem.problem
        self.problem.show_text(f"problem {problem.id} · {problem.kind}", asked)
        self.use.setVisible(row is not None and row.correct is True)
        if row is None:
            self.verdict.setText("Not answered yet")
            say(self.about, f"Right is {gold}." if gold else "")
            self.thinking.show_text("", "")
            self.answer.show_text("", "")
            return
        taken = f": {words.line_of(row.taken)}" if row.taken else ""
        self.verdict.setText(f"{_said(row).capitalize()}{taken}")
        self.verdict.setProperty("verdict", _said(row))
        restyle(self.verdict)
        parts = [
            f"Right is {gold}." if gold and row.correct is not True else "",
            row.reason if row.correct is not True else "",
        ]
        parts.append(
            f"{quantities.seconds(row.seconds)}{', from the thinking of a shorter budget on' if row.shared else ''}."
        )
        say(self.about, " ".join(part if part.endswith(".") else f"{part}." for part in parts if part))
        allowed = "" if row.think is None else f" of {row.think:,}"
        ended = f" · {ENDS[row.closed_by]}" if ENDS.get(row.closed_by) else ""
        self.thinking.show_text(f"thinking · {row.thinking_tokens:,}{allowed} tokens{ended}", row.thinking)
        cut = " · cut at its limit" if row.finish == "length" else ""
        self.answer.show_text(f"answer · {row.answer_tokens:,} tokens{cut}", row.answer or "(no answer)")

    def _ask_use(self) -> None:
        problem = self._problem()
        if problem is not None and self.row is not None:
            self.use_asked.emit(self._card, problem, self.row, self.use.below())

    def _connect(self) -> None:
        self.back.clicked.connect(self.closed)
        self.former.clicked.connect(lambda: self._move(-1))
        self.next.clicked.connect(lambda: self._move(1))
        self.reply.chosen.connect(lambda _key: self._show_reply())
        self.use.clicked.connect(self._ask_use)

    def _lay_out(self) -> None:
        head = in_row(
            None, self.back, 1, self.place, self.former, self.next, margins=(MARGIN_PX, 12, MARGIN_PX, 10), spacing=8
        )
        choice = in_row(None, (self.reply, 1), self.use, spacing=10)
        verdict = Card("Verdict")
        verdict.title.hide()
        verdict.body.addWidget(self.verdict)
        verdict.body.addWidget(self.about)
        holder = QWidget()
        holder.setMaximumWidth(WIDEST_PX)
        in_column(holder, choice, self.problem, verdict, self.thinking, self.answer, 1, spacing=12)
        set_plain(self._scroll, "see_through", "Trace")
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        show_in_middle(self._scroll, holder, MARGIN_PX, 4)
        in_column(self, head, (self._scroll, 1))


def _said(row: ReplyRow) -> str:
    return "cut" if row.correct is None else "right" if row.correct else "wrong"
