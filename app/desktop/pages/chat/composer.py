"""Where a message is written: a card that grows to eight lines, with files, presets, the context meter and Send.

Return sends, Shift+Return breaks the line, Cmd+Return answers now while the model thinks and sends otherwise. The
text stays in the card until whoever listens has taken it with `clear`, so nothing typed is lost when sending fails.
"""

from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QKeyEvent,
    QKeySequence,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QAbstractButton, QFrame, QPushButton, QWidget

from app.desktop import icons
from app.desktop.pages.chat import attachments
from app.desktop.theme import colours, theme
from app.desktop.widgets.drawing import smooth_painter
from app.desktop.widgets.layouts import in_column, in_row
from app.desktop.widgets.named import named
from app.desktop.widgets.plain import Label
from app.desktop.widgets.plain_field import PlainField
from models.errors import StillroomError

MOST_LINES = 8
MOST_CHARACTERS, MOST_IN_LINE = 1 << 20, 1 << 18  # that may be pasted: a line is laid out anew at each key


class MessageEdit(PlainField):
    """The text field itself.

    Signals:
        send_pressed: Return, or Cmd+Return.
        files_given: local paths that were dropped or pasted.
        too_long: what was pasted is more than a message takes; the sentence that says so.
    """

    send_pressed = Signal()
    files_given = Signal(list)
    too_long = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "message", "Message")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTabChangesFocus(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.document().setDocumentMargin(0)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self._fit()

    def event(self, event: QEvent) -> bool:
        """Leave Undo to the menu while there is no typing to undo: it brings back the last deleted chat."""
        override = event.type() == QEvent.Type.ShortcutOverride and not self.document().isUndoAvailable()
        if override and isinstance(event, QKeyEvent) and event.matches(QKeySequence.StandardKey.Undo):
            event.ignore()
            return False
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Return sends; with Shift or Option it breaks the line."""
        breaks = event.modifiers() & (Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.AltModifier)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if breaks:
                self.textCursor().insertText("\n")
                self.ensureCursorVisible()
            else:
                self.send_pressed.emit()
            return
        super().keyPressEvent(event)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        return bool(_local_files(source)) or super().canInsertFromMimeData(source)

    def insertFromMimeData(self, source: QMimeData) -> None:
        if files := _local_files(source):
            self.files_given.emit(files)
        elif fault := _too_long(source.text()):
            self.too_long.emit(fault)
        else:
            super().insertFromMimeData(source)

    def _fit(self) -> None:
        # QPlainTextEdit counts its document in lines, wrapped ones included.
        lines = max(1, round(self.document().size().height()))
        height = self.fontMetrics().lineSpacing() * min(lines, MOST_LINES) + 4
        scrolls = lines > MOST_LINES
        bar = Qt.ScrollBarPolicy.ScrollBarAsNeeded if scrolls else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        self.setVerticalScrollBarPolicy(bar)
        if self.height() != height:
            self.setFixedHeight(height)


class SendButton(QAbstractButton):
    """The round button: Send, or Stop while a reply is under way."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedSize(28, 28)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._stops = True
        self.set_stops(False)

    @property
    def stops(self) -> bool:
        return self._stops

    def set_stops(self, stops: bool) -> None:
        if stops == self._stops:
            return
        self._stops = stops
        self.setAccessibleName("Stop" if stops else "Send")
        self.setText("Stop" if stops else "Send")
        self.setToolTip("Stop the reply" if stops else "Send the message")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(28, 28)

    def paintEvent(self, event: QPaintEvent) -> None:
        """A disc of the text's colour; faint while there is nothing to send."""
        c = colours()
        painter = smooth_painter(self)
        outlined = theme.is_dark and self._stops
        fill = QColor(c.text if self.isEnabled() else c.line)
        if self.isDown():
            fill = QColor(c.muted)
        painter.setPen(QColor(c.edge) if outlined else Qt.PenStyle.NoPen)
        painter.setBrush(QColor(c.window) if outlined else fill)
        painter.drawEllipse(QRectF(1, 1, 26, 26))
        if self.hasFocus():
            painter.setPen(QColor(c.accent))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(QRectF(0.5, 0.5, 27, 27))
        ink = c.text if outlined else c.window if self.isEnabled() else c.muted
        painter.drawPixmap(6, 6, icons.pixmap("stop" if self._stops else "send", ink, 16))


class Composer(QFrame):
    """The card.

    Signals:
        send_requested: the text as it is; call `clear` when it has been taken.
        stop_requested: stop the reply under way.
        draft_changed: the text, as it is typed.
        presets_requested: show the menu of presets; the button is the anchor.
        problem: one sentence, such as why a file can't be used.
    """

    send_requested = Signal(str)
    stop_requested = Signal()
    draft_changed = Signal(str)
    presets_requested = Signal(QPushButton)
    problem = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._focused = False
        self._dropping = False
        theme.changed.connect(self.update)
        self.setAcceptDrops(True)
        self.edit = MessageEdit()
        self.edit.send_pressed.connect(self.send)
        self.edit.files_given.connect(self.add_files)
        self.edit.too_long.connect(self.problem)
        self.edit.textChanged.connect(self._text_changed)
        self.edit.installEventFilter(self)
        self._file = self._pill("+ File", "Add file", "Put a text file into the message")
        self._file.clicked.connect(self.choose_files)
        self._preset = self._pill("Preset: None ▾", "Preset", "System prompt, sampling and budget under one name")
        self._preset.clicked.connect(lambda: self.presets_requested.emit(self._preset))
        self._context = named(Label(), "small")
        self.button = SendButton()
        self.button.clicked.connect(self._pressed)
        self._lay_out()
        self._text_changed()

    @property
    def text(self) -> str:
        return self.edit.toPlainText()

    def set_text(self, text: str) -> None:
        """Put a draft or an example into the field, the cursor behind it."""
        self.edit.setPlainText(text)
        cursor = self.edit.textCursor()
        cursor.movePosition(cursor.MoveOperation.End)
        self.edit.setTextCursor(cursor)

    def clear(self) -> None:
        """Empty the field: the message was taken."""
        self.edit.setPlainText("")

    def set_model_title(self, title: str) -> None:
        old, new = self.edit.placeholderText(), f"Message {title}"
        if new != old:
            self.edit.setPlaceholderText(new)
        if old and new != old:
            self.edit.viewport().update()  # Qt repaints another one only with the next change of the text

    def set_preset(self, name: str) -> None:
        self._preset.setText(f"Preset: {name or 'None'} ▾")

    def set_under_way(self, under_way: bool) -> None:
        """Turn Send into Stop and back."""
        self.button.set_stops(under_way)
        self._text_changed()

    def set_context(self, tokens: int, limit: int) -> None:
        """Say how full the context is; nothing while it is not known."""
        self._context.setText(f"{tokens:,} of {limit:,} tokens in context" if limit else "")
        full = bool(limit) and tokens > 0.9 * limit
        self._context.setStyleSheet(f"color: {colours().warn};" if full else "")

    def send(self) -> None:
        """Ask for the text to be sent, if there is any and nothing is under way."""
        if self.text.strip() and not self.button.stops:
            self.send_requested.emit(self.text)

    def choose_files(self) -> None:
        from PySide6.QtWidgets import QFileDialog

        names, _ = QFileDialog.getOpenFileNames(self, "Add text files")
        self.add_files([Path(name) for name in names])

    def add_files(self, files: list[Path]) -> None:
        """Put files into the text, or say why one can't be."""
        for file in files:
            try:
                block = attachments.fenced(file)
            except StillroomError as error:
                self.problem.emit(error.text)
                continue
            before = self.text
            self.set_text(before + ("" if not before or before.endswith("\n") else "\n\n") + block)
        self.edit.setFocus()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _local_files(event.mimeData()):
            self._show_dropping(True)
            event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._show_dropping(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self._show_dropping(False)
        self.add_files(_local_files(event.mimeData()))
        event.acceptProposedAction()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self._focused = event.type() == QEvent.Type.FocusIn
            self.update()
        return super().eventFilter(watched, event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The card. By hand: a style sheet would have to be applied anew at each change of the focus."""
        c = colours()
        painter = smooth_painter(self)
        pen = QPen(QColor(c.accent if self._dropping else c.faint if self._focused else c.edge))
        pen.setStyle(Qt.PenStyle.DashLine if self._dropping else Qt.PenStyle.SolidLine)
        painter.setPen(pen)
        painter.setBrush(QColor(c.accent_tint if self._dropping else c.window))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 12, 12)

    def _show_dropping(self, dropping: bool) -> None:
        self._dropping = dropping
        self.update()

    def _pressed(self) -> None:
        if self.button.stops:
            self.stop_requested.emit()
        else:
            self.send()

    def _text_changed(self) -> None:
        self.button.setEnabled(self.button.stops or bool(self.text.strip()))
        self.draft_changed.emit(self.text)

    def _pill(self, text: str, name: str, tip: str) -> QPushButton:
        return named(QPushButton(text), "pill", name, tip)

    def _lay_out(self) -> None:
        tools = in_row(None, self._file, self._preset, 1, self._context, self.button, spacing=8)
        in_column(self, self.edit, tools, margins=(14, 13, 14, 11), spacing=18)


def _too_long(text: str) -> str:
    """Why a text can't be put into a message; "" where it can."""
    if len(text) > MOST_CHARACTERS:
        return f"That text has {len(text):,} characters; a message takes {MOST_CHARACTERS:,}."
    longest = max(map(len, text.split("\n"))) if len(text) > MOST_IN_LINE else 0
    if longest > MOST_IN_LINE:
        return f"That text has a line of {longest:,} characters; a message takes lines of {MOST_IN_LINE:,}."
    return ""


def _local_files(source: QMimeData) -> list[Path]:
    return [Path(url.toLocalFile()) for url in source.urls() if url.isLocalFile()]
