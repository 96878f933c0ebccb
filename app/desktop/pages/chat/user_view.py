"""A message of the user: a bubble at the right, with Edit and Copy when the mouse is near, edited where it stands."""

import math

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QGuiApplication, QKeyEvent, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QFrame, QWidget

from app.desktop import fonts
from app.desktop.pages.chat.message_actions import MessageActions
from app.desktop.palette import Colours
from app.desktop.text.message_text import MessageText
from app.desktop.text.plain_text import parse_plain
from app.desktop.text.text_style import TextStyle
from app.desktop.widgets.plain import Label
from app.desktop.widgets.plain_field import PlainField
from app.desktop.widgets.small_parts import TextButton, draw_card

SHARE = 0.75
SIDE, TOP = 15, 12
FOLDED_PX = 260
ROUND, SHARP = 13.0, 4.0


class _Editor(PlainField):
    """The bubble's text while it is edited.

    Signals:
        done: Return was pressed.
        left: Escape was pressed.
    """

    done = Signal()
    left = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Return takes the new wording, Escape leaves the old one; Shift+Return breaks the line."""
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        elif (
            event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
            and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        ):
            self.done.emit()
        else:
            super().keyPressEvent(event)


class _Bubble(QWidget):
    """The ground of the message."""

    def __init__(self, colours: Colours, parent: QWidget) -> None:
        super().__init__(parent)
        self.colours = colours
        self.editing = False

    def paintEvent(self, event: QPaintEvent) -> None:
        """Round corners, but for the one that points at the user."""
        painter = QPainter(self)
        if self.editing:
            draw_card(painter, QRectF(self.rect()), self.colours.raised, self.colours.accent, 10)
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self.colours.sunken))
        painter.drawPath(_speech(QRectF(self.rect())))


class UserView(QWidget):
    """Shows one message of the user.

    Signals:
        grown: its height may have changed; ask `fit`.
    """

    grown = Signal()

    def __init__(
        self, colours: Colours, text: str, actions: MessageActions, message_id: int, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.message_actions = actions
        self._id = message_id
        self._colours = colours
        self._source = text
        self._bubble = _Bubble(colours, self)
        self._window = QWidget(self._bubble)  # what is folded away is cut off by it
        self._text = MessageText(TextStyle(colours), parse_plain, "Your message", self._window)
        self._text.set_text(text)
        self._text.grown.connect(self.grown)
        self._text.link_clicked.connect(actions.link_clicked)
        self._unfold = TextButton("Show more", "Show more", colours, self)
        self._unfold.setCheckable(True)
        self._unfold.toggled.connect(self._fold)
        self._edit = TextButton("Edit", "Edit message", colours, self)
        self._copy = TextButton("Copy", "Copy message", colours, self)
        self._older = TextButton("‹", "Older version of message", colours, self)
        self._newer = TextButton("›", "Newer version of message", colours, self)
        self._save = TextButton("Send", "Send edited message", colours, self, "outlined")
        self._cancel = TextButton("Cancel", "Cancel editing", colours, self, "outlined")
        self._version = Label(parent=self)
        self._version.setFont(fonts.text(11))
        self._editor: _Editor | None = None
        self._versions = 1
        self._connect()
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.set_colours(colours)
        self._veil(True)

    def text(self) -> str:
        return self._source

    @property
    def is_editing(self) -> bool:
        return self._editor is not None

    def set_versions(self, version: int, versions: int) -> None:
        """Say which wording of how many this is, from 1."""
        self._versions = versions
        self._version.setText(f"{version} / {versions}")
        self._version.adjustSize()
        self._older.setEnabled(version > 1)
        self._newer.setEnabled(version < versions)

    def set_colours(self, colours: Colours) -> None:
        self._colours = self._bubble.colours = colours
        if self._text.text_document.look.colours != colours:
            self._text.set_look(TextStyle(colours))
        palette = self._version.palette()
        palette.setColor(self._version.foregroundRole(), QColor(colours.muted))
        self._version.setPalette(palette)
        for button in self._all_buttons():
            button.set_colours(colours)
        self.update()

    def start_editing(self) -> None:
        """Turn the bubble into a field with the message in it."""
        if self._editor is not None:
            return
        editor = self._editor = _Editor(self._bubble)
        editor.setAccessibleName("Edited message")
        editor.setFrameShape(QFrame.Shape.NoFrame)
        editor.setStyleSheet(f"background: transparent; border: none; color: {self._colours.text};")
        editor.setFont(fonts.text())
        editor.setTabChangesFocus(True)
        editor.document().setDocumentMargin(0)
        editor.setPlainText(self._source)
        editor.document().documentLayout().documentSizeChanged.connect(self.grown)
        editor.done.connect(self._take)
        editor.left.connect(self.stop_editing)
        self._bubble.editing = True
        editor.show()
        editor.setFocus()
        editor.selectAll()
        self.grown.emit()

    def stop_editing(self) -> None:
        """Leave the message as it was."""
        if self._editor is not None:
            self._editor.hide()
            self._editor.deleteLater()
            self._editor = None
            self._bubble.editing = False
            self.grown.emit()

    def copy(self) -> None:
        QGuiApplication.clipboard().setText(self._source)
        self._copy.set_caption("Copied")
        QTimer.singleShot(1500, self._copy, lambda: self._copy.set_caption("Copy"))

    def fit(self, width: int) -> int:
        """Take a width and return the height that needs."""
        bubble = self._fit_editor(width) if self._editor else self._fit_text(width)
        self._bubble.setGeometry(width - bubble.width(), 0, bubble.width(), bubble.height())
        editing = self._editor is not None
        height = bubble.height()
        self._window.setVisible(not editing)
        for button in (self._save, self._cancel):
            button.setVisible(editing)
        for part in (self._older, self._version, self._newer):
            part.setVisible(self._versions > 1 and not editing)
        for button in (self._edit, self._copy):
            button.setVisible(not editing)
        if editing:
            self._save.move(width - self._save.width(), height + 8)
            self._cancel.move(self._save.x() - self._cancel.width() - 8, height + 8)
            height += 8 + self._save.height()
        else:
            self._place_actions(bubble, width)
            height += 24 if self._versions > 1 else 0
        self.resize(width, height)
        return height

    # Within

    def _fit_text(self, width: int) -> QSize:
        room = int(width * SHARE) - 2 * SIDE
        document = self._text.text_document
        document.setTextWidth(room)
        wanted = min(room, math.ceil(document.idealWidth()) + 1)
        height = self._text.fit(max(wanted, 8))
        folds = height > FOLDED_PX * 1.3
        self._unfold.setVisible(folds and self._editor is None)
        shown = FOLDED_PX if folds and not self._unfold.isChecked() else height
        self._window.setGeometry(SIDE, TOP, self._text.width(), shown)
        return QSize(self._text.width() + 2 * SIDE, shown + 2 * TOP + (18 if folds else 0))

    def _fit_editor(self, width: int) -> QSize:
        assert self._editor is not None
        self._unfold.hide()
        lines = max(1, round(self._editor.document().size().height()))
        height = min(lines, 14) * self._editor.fontMetrics().lineSpacing() + 4
        bubble = int(width * SHARE)
        self._editor.setGeometry(SIDE, TOP, bubble - 2 * SIDE, height)
        return QSize(bubble, height + 2 * TOP)

    def _place_actions(self, bubble: QSize, width: int) -> None:
        left = width - bubble.width()
        middle = bubble.height() - 11 if bubble.height() > 60 else bubble.height() // 2
        self._copy.move(left - self._copy.width() - 4, middle - self._copy.height() // 2)
        self._edit.move(self._copy.x() - self._edit.width(), self._copy.y())
        self._unfold.move(left + SIDE - 7, bubble.height() - self._unfold.height() - 4)
        self._unfold.raise_()
        right = width
        for part in (self._newer, self._version, self._older):
            right -= part.width()
            part.move(right, bubble.height() + 2 + (21 - part.height()) // 2)

    def _fold(self, unfolded: bool) -> None:
        self._unfold.set_caption("Show less" if unfolded else "Show more")
        self.grown.emit()

    def _take(self) -> None:
        text = self._editor.toPlainText().strip() if self._editor else ""
        self.stop_editing()
        if text and text != self._source:
            self.message_actions.edited.emit(self._id, text)

    def _all_buttons(self) -> tuple[TextButton, ...]:
        return (self._unfold, self._edit, self._copy, self._older, self._newer, self._save, self._cancel)

    def _connect(self) -> None:
        self._edit.clicked.connect(self.start_editing)
        self._copy.clicked.connect(self.copy)
        self._older.clicked.connect(lambda: self.message_actions.version_asked.emit(self._id, -1))
        self._newer.clicked.connect(lambda: self.message_actions.version_asked.emit(self._id, 1))
        self._save.clicked.connect(self._take)
        self._cancel.clicked.connect(self.stop_editing)

    def _veil(self, veiled: bool) -> None:
        for button in (self._edit, self._copy):
            button.set_veiled(veiled)

    def enterEvent(self, event: object) -> None:
        self._veil(False)

    def leaveEvent(self, event: object) -> None:
        self._veil(True)


def _speech(rect: QRectF) -> QPainterPath:
    """A rounded rectangle with a sharper corner at the bottom right."""
    path = QPainterPath()
    path.moveTo(rect.left() + ROUND, rect.top())
    for corner, radius, start in (
        (rect.topRight(), ROUND, 90),
        (rect.bottomRight(), SHARP, 0),
        (rect.bottomLeft(), ROUND, -90),
        (rect.topLeft(), ROUND, 180),
    ):
        x = corner.x() - 2 * radius if corner.x() > rect.center().x() else corner.x()
        y = corner.y() - 2 * radius if corner.y() > rect.center().y() else corner.y()
        path.arcTo(QRectF(QPointF(x, y), QPointF(x + 2 * radius, y + 2 * radius)), start, -90)
    path.closeSubpath()
    return path
