"""Help pages: Markdown of resources/help, shown in the window, so that help needs no network and no browser."""

from pathlib import Path

from PySide6.QtCore import QUrl, Signal
from PySide6.QtGui import QDesktopServices, QImage, QTextCursor, QTextDocument
from PySide6.QtWidgets import QPushButton, QTextBrowser, QWidget

from app.desktop import fonts
from app.desktop.theme import colours, theme
from app.desktop.widgets.layouts import in_column, in_row
from app.desktop.widgets.named import named
from app.desktop.widgets.plain import Label
from app.desktop.window.help_pages import title_of
from models.errors import NotFound


class HelpText(QTextBrowser):
    """The text of a page. It loads nothing by itself, and web links open in the browser."""

    def loadResource(self, kind: int, url: QUrl | str) -> object:
        """Give a blank picture for whatever is asked for: nothing is read from disk or net."""
        return QImage(1, 1, QImage.Format.Format_ARGB32)


class HelpPage(QWidget):
    """One page of help, and the way back.

    Signals:
        closed: go back to where one came from.
    """

    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self._file: Path | None = None
        self._title = named(Label(), "wordmark")
        back = named(QPushButton("Done"), name="Close help")
        back.clicked.connect(self.closed)
        self.text = named(HelpText(), "help", "Help")
        self.text.setOpenLinks(False)
        self.text.anchorClicked.connect(self._follow)
        bar = named(QWidget(), "toolbar")
        bar.setFixedHeight(52)
        in_row(bar, self._title, 1, back, margins=(18, 0, 18, 0))
        self.text.setMaximumWidth(720)
        middle = in_row(None, 1, (self.text, 1000), 1, margins=(24, 16, 24, 16))
        in_column(self, bar, (middle, 1), spacing=6)
        theme.changed.connect(self._show)

    def show_file(self, file: Path) -> None:
        """Show a page. Raises NotFound when the file is not there."""
        if not file.is_file():
            raise NotFound(f"The help page {file.stem} is missing.", "Install Stillroom again.")
        self._file = file
        self._show()

    def _show(self) -> None:
        if self._file is None:
            return
        self._title.setText(title_of(self._file))
        self.text.document().setDefaultFont(fonts.text(14))
        self.text.document().setDefaultStyleSheet(f"a {{ color: {colours().accent}; }}")
        self.text.setMarkdown(self._file.read_text(encoding="utf-8"))
        _set_apart(self.text.document())

    def _follow(self, url: QUrl) -> None:
        if url.scheme() in ("http", "https"):
            QDesktopServices.openUrl(url)
        elif self._file is not None and (page := self._file.parent / url.path()).suffix == ".md" and page.is_file():
            self.show_file(page)


def _set_apart(document: QTextDocument) -> None:
    """Give paragraphs and headings the space between them that Qt's reader of Markdown leaves out."""
    block = document.begin()
    while block.isValid():
        cursor, form = QTextCursor(block), block.blockFormat()
        if not cursor.currentTable():
            form.setTopMargin(18 if form.headingLevel() and block.blockNumber() else 0)
            form.setBottomMargin(4 if block.textList() else 10)
            cursor.setBlockFormat(form)
        block = block.next()
    for frame in document.rootFrame().childFrames():
        apart = frame.frameFormat()
        apart.setTopMargin(10)
        frame.setFrameFormat(apart)
