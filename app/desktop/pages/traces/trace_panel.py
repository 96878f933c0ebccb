"""The panel at the right: the chosen trace in its parts, edited in place; or why a row was left out."""

import textwrap

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QStackedWidget, QWidget

from app.desktop.pages.traces import words
from app.desktop.pages.traces.cards import MARGIN_PX, EditCard, TextCard, scrolled
from app.desktop.pages.traces.rows import TraceRow
from app.desktop.pages.traces.set_writer import Texts
from app.desktop.widgets.buttons import RowButton
from app.desktop.widgets.cards import label, say
from app.desktop.widgets.layouts import in_column, in_row
from models.traces.trace import Trace

TITLE = 46  # characters: two lines beside the buttons
UNSAVED = "Save or cancel what was changed first."
TALK = "conversation · learned where a run learns every reply"


class TracePanel(QWidget):
    """Shows one row. It lays itself out in a scroll area; the fields of an edit take the height there is.

    Signals:
        save_requested: the key of a trace and its Texts.
        leave_out_requested, take_back_requested: what is chosen.
        edit_ended: saved or cancelled.
    """

    save_requested = Signal(str, object)
    leave_out_requested = Signal()
    take_back_requested = Signal()
    edit_ended = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.row: TraceRow | None = None
        self.trace: Trace | None = None
        self._out = False
        self._title = label("", "panel_title")
        self._title.setMaximumHeight(36)
        self.edit = RowButton("Edit", "Edit trace")
        self.leave_out = RowButton("Leave out")
        self.take_back = RowButton("Take back")
        self.save = RowButton("Save", "Save trace")
        self.save.strong = True
        self.cancel = RowButton("Cancel", "Cancel the edit")
        self._fault = label("", "fault")
        self.problem, self.thinking, self.answer = TextCard("problem"), TextCard("thinking"), TextCard("answer")
        self._why = label("", "why")
        self._advice = label()
        self._provenance = label()
        self.fields = {
            "problem": EditCard("problem", "problem · not learned"),
            "thinking": EditCard("thinking", "thinking · learned"),
            "answer": EditCard("answer", "answer · learned"),
        }
        self._stack = QStackedWidget()
        self._lay_out()
        self._connect()

    @property
    def editing(self) -> bool:
        return self._stack.currentIndex() == 1

    @property
    def dirty(self) -> bool:
        """Whether an edit changed something."""
        if not self.editing or self.trace is None:
            return False
        texts = self._texts()
        return (texts.problem, texts.thinking, texts.answer) != (
            self.trace.problem,
            self.trace.thinking,
            self.trace.answer,
        )

    @property
    def fault(self) -> str:
        """What is wrong with an edit; empty when nothing is."""
        return "" if self._fault.isHidden() else self._fault.text()

    def show_row(self, row: TraceRow, several: int = 1) -> None:
        """Show a row; its trace follows by show_trace. several: how many rows are chosen."""
        if self.editing:
            self._end_edit()
        if self.row is None or self.row.key != row.key or row.left_out is not None:
            self.trace = None
        self.row = row
        self._title.setText(
            textwrap.shorten(row.title, TITLE, placeholder=" …")
            if several < 2
            else words.counted(several, "row") + " chosen"
        )
        self._show_buttons(several)
        left = row.left_out
        self._why.setVisible(left is not None)
        self._advice.setVisible(left is not None)
        if left is not None:
            for card in (self.problem, self.thinking, self.answer):
                card.hide()
            self._why.setText(left.text)
            self._advice.setText(f"{words.ADVICE[left.reason]} Its file is as it was.")
            self._provenance.setText(f"Line {left.line:,} of {left.file}" if left.file else f"Line {left.line:,}")
            self._fill.verticalScrollBar().setValue(0)

    def show_trace(self, trace: Trace) -> None:
        """Show the trace of the row."""
        if self.editing or self.row is None:
            return
        if self.trace == trace and self._out == self.row.excluded:
            return
        self.trace = trace
        self.problem.show_text(TALK if trace.turns else "problem · not learned", _asked(trace))
        self._out = out = self.row.excluded
        tokens = f"≈ {words.thinking_tokens(trace):,} tokens"
        self.thinking.show_text(f"thinking · {tokens} · {'left out' if out else 'learned'}", trace.thinking)
        self.answer.show_text(f"answer · {'left out' if out else 'learned'}", trace.answer)
        self._provenance.setText(words.provenance(trace))
        self._fill.verticalScrollBar().setValue(0)
        self._show_buttons(1)

    def start_edit(self) -> None:
        if self.trace is None or self.editing:
            return
        for name, card in self.fields.items():
            card.field.setPlainText(getattr(self.trace, name))
            card.field.setReadOnly(False)
        self._tell("")
        self._stack.setCurrentIndex(1)
        self._show_buttons(1)
        self.fields["thinking"].field.setFocus()

    def show_saved(self, trace: Trace) -> None:
        """The edit is on the disk."""
        self._end_edit()
        self.trace = None
        self.show_trace(trace)
        self.edit_ended.emit()

    def show_fault(self, text: str) -> None:
        """The edit is not on the disk, or can't be left yet; it stays open."""
        for card in self.fields.values():
            card.field.setReadOnly(False)
        self.save.setEnabled(True)
        self._tell(text)

    def cancel_edit(self) -> None:
        if self.editing:
            self._end_edit()
            self._show_buttons(1)
            self.edit_ended.emit()

    def _save(self) -> None:
        if self.row is None or not self.save.isEnabled() or not self.editing:
            return
        if not self.dirty:
            self.cancel_edit()
            return
        for card in self.fields.values():
            card.field.setReadOnly(True)
        self.save.setEnabled(False)
        self._tell("")
        self.save_requested.emit(self.row.key, self._texts())

    def _texts(self) -> Texts:
        return Texts(**{name: card.text for name, card in self.fields.items()})

    def _end_edit(self) -> None:
        self._stack.setCurrentIndex(0)
        self.save.setEnabled(True)
        self._tell("")

    def _tell(self, text: str) -> None:
        say(self._fault, text)

    def _show_buttons(self, several: int) -> None:
        row, editing = self.row, self.editing
        there = row is not None and row.left_out is None
        self.edit.setVisible(there and not editing and several < 2)
        self.edit.setEnabled(self.trace is not None)
        self.leave_out.setVisible(there and not editing and row is not None and not row.excluded)
        self.take_back.setVisible(there and not editing and row is not None and row.excluded)
        self.save.setVisible(editing)
        self.cancel.setVisible(editing)

    def _connect(self) -> None:
        self.edit.clicked.connect(self.start_edit)
        self.leave_out.clicked.connect(self.leave_out_requested)
        self.take_back.clicked.connect(self.take_back_requested)
        self.save.clicked.connect(self._save)
        self.cancel.clicked.connect(self.cancel_edit)
        for card in self.fields.values():
            card.save_pressed.connect(self._save)
            card.cancel_pressed.connect(self.cancel_edit)
            card.text_changed.connect(lambda: self._tell(""))

    def _lay_out(self) -> None:
        buttons = (self.edit, self.leave_out, self.take_back, self.save, self.cancel)
        head = in_row(
            None,
            (self._title, 1),
            *((button, 0, Qt.AlignmentFlag.AlignTop) for button in buttons),
            margins=(MARGIN_PX, 18, MARGIN_PX, 0),
            spacing=8,
        )
        self._fault.setContentsMargins(MARGIN_PX, 0, MARGIN_PX, 0)
        self._fill = scrolled(
            [self._why, self.problem, self.thinking, self.answer, self._advice, self._provenance, 1], "Trace"
        )
        fields = ((card, 3 if name == "thinking" else 1) for name, card in self.fields.items())
        self._stack.addWidget(self._fill)
        self._stack.addWidget(scrolled(fields, "Edit"))
        in_column(self, head, self._fault, (self._stack, 1), spacing=12)
        self._fault.hide()


def _asked(trace: Trace) -> str:
    """Everything that the answer is an answer to."""
    before = [f"System: {trace.system}"] if trace.system else []
    for turn in trace.turns:
        before += [f"Thinking: {turn.thinking}"] if turn.thinking else []
        before += [f"{'User' if turn.role == 'user' else 'Assistant'}: {turn.content}"]
    return "\n\n".join([*before, trace.problem])
