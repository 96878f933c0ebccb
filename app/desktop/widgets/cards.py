"""Cards of the page: a frame with a title, rows of a name and a value, and columns that turn into one where it is narrow."""

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QLabel, QScrollArea, QSizePolicy, QWidget

from app.desktop import fonts
from app.desktop.theme import colours, theme
from app.desktop.widgets.drawing import draw_bar, draw_line, smooth_painter
from app.desktop.widgets.layouts import in_column, in_row
from app.desktop.widgets.named import named
from app.desktop.widgets.plain import Label
from app.desktop.widgets.scrolling import set_plain, show_in_middle
from models import names

PAD_PX, GAP_PX, MARGIN_PX = 16, 16, 24
SIDE_PX, NARROW_PX, WIDEST_PX = 372, 820, 1400


class Card(QFrame):
    """A frame with a title. head: the line of the title, to add to; body: what comes below."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "card", title)
        self.title = label(title, "card_title", wraps=False)
        self.title.setMinimumHeight(18)
        self.head = in_row(None, self.title, spacing=10)
        self.body = in_column(self, self.head, margins=(PAD_PX, 14, PAD_PX, PAD_PX), spacing=6)


def label(text: str = "", kind: str = "small", wraps: bool = True) -> QLabel:
    """A line of text. kind: its object name in the style sheet."""
    made = named(Label(text), kind)
    made.setWordWrap(wraps)
    return made


def say(line: QLabel, text: str) -> None:
    """Let a line say something, or hide while there is nothing to say."""
    line.setText(text)
    line.setVisible(bool(text))


class Rows(QWidget):
    """Names at the left, values at the right, a hairline below each; a value that is too long takes more lines."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._rows: list[tuple[str, str]] = []
        self._inks: dict[str, str] = {}
        theme.changed.connect(self.update)

    def show_rows(self, rows: Sequence[tuple[str, str]], inks: dict[str, str] | None = None) -> None:
        """Show other rows. inks: the palette's name of a colour for some values, by the row's name."""
        if (list(rows), inks or {}) != (self._rows, self._inks):
            self._rows, self._inks = list(rows), inks or {}
            self.setAccessibleDescription("; ".join(f"{name}: {value}" for name, value in rows))
            self._fit()
            self.update()

    def value(self, name: str) -> str:
        """What stands beside a name; empty when it is not there."""
        return dict(self._rows).get(name, "")

    def sizeHint(self) -> QSize:
        return QSize(240, self.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def paintEvent(self, event: QPaintEvent) -> None:
        c = colours()
        painter = QPainter(self)
        painter.setFont(fonts.text())
        top = 0.0
        for name, value in self._rows:
            height = self._height(value)
            painter.setPen(QColor(c.text))
            painter.drawText(QRectF(10, top, self._split() - 10, height), Qt.AlignmentFlag.AlignVCenter, name)
            painter.setPen(QColor(getattr(c, self._inks.get(name, "text"))))
            flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self._value_area(top, height), flags, names.plain(value))
            top += height
            draw_line(painter, 0, self.width(), top)

    def _split(self) -> float:
        metrics = QFontMetricsF(fonts.text())
        return 22 + max((metrics.horizontalAdvance(name) for name, _ in self._rows), default=0.0)

    def _value_area(self, top: float, height: float) -> QRectF:
        return QRectF(self._split(), top, max(60.0, self.width() - self._split() - 10), height)

    def _height(self, value: str) -> float:
        metrics = QFontMetricsF(fonts.text())
        said = metrics.boundingRect(self._value_area(0, 1000), Qt.TextFlag.TextWordWrap, value)
        return round(said.height()) + 17

    def _fit(self) -> None:
        height = round(sum(self._height(value) for _, value in self._rows))
        if height != self.height():
            self.setFixedHeight(height)


class ShareBar(QWidget):
    """A thin bar that is filled from the left; hidden while there is no share to show."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(6)
        self._share, self._ink = 0.0, "accent"
        theme.changed.connect(self.update)

    def show_share(self, share: float | None, ink: str = "accent") -> None:
        """Show a share, 0 to 1. ink: the palette's name of its colour."""
        self._share, self._ink = share or 0.0, ink
        self.setVisible(share is not None)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, 6)

    def paintEvent(self, event: QPaintEvent) -> None:
        draw_bar(smooth_painter(self), QRectF(self.rect()), self._share, getattr(colours(), self._ink))


class TwoColumns(QScrollArea):
    """A wide column and a narrow one beside it, or below it where there is no room. level: both end at one height."""

    def __init__(self, parent: QWidget | None = None, level: bool = False) -> None:
        super().__init__(parent)
        set_plain(self, "see_through")
        main, self._side = QWidget(), QWidget()
        self._beside = Qt.AlignmentFlag(0) if level else Qt.AlignmentFlag.AlignTop
        self.above = in_column(None, spacing=GAP_PX)
        self.main = in_column(main, spacing=GAP_PX)
        self.side = in_column(self._side, spacing=GAP_PX)
        self.below = in_column(None, spacing=GAP_PX)
        self._columns = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._columns.setSpacing(GAP_PX)
        self._columns.addWidget(main, 1, self._beside)
        self._columns.addWidget(self._side, 0, self._beside)
        holder = QWidget()
        holder.setMaximumWidth(WIDEST_PX)
        in_column(holder, self.above, self._columns, self.below, 1, spacing=GAP_PX)
        show_in_middle(self, holder, MARGIN_PX, 18)
        self._turn()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._turn()

    def _turn(self) -> None:
        narrow = self.width() < NARROW_PX
        way = QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight
        self._columns.setDirection(way)
        self._side.setMinimumWidth(0 if narrow else SIDE_PX)
        self._side.setMaximumWidth(WIDEST_PX if narrow else SIDE_PX)
        self._columns.setAlignment(self._side, Qt.AlignmentFlag(0) if narrow else self._beside)
