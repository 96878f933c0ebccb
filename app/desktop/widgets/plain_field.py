"""A field for plain text that stays quick whatever is pasted: a word without end is broken anywhere, not looked over for
a better place, which takes Qt the square of its length.
"""

import re

from PySide6.QtCore import QMimeData
from PySide6.QtGui import QTextOption
from PySide6.QtWidgets import QPlainTextEdit

_ENDLESS_WORD = re.compile(r"\S{5000}")
_WRAP = QTextOption.WrapMode


class PlainField(QPlainTextEdit):
    """A QPlainTextEdit for text from anywhere."""

    def setPlainText(self, text: str) -> None:
        self.setWordWrapMode(_WRAP.WrapAtWordBoundaryOrAnywhere)
        self._expect(text)
        super().setPlainText(text)

    def insertFromMimeData(self, source: QMimeData) -> None:
        self._expect(source.text())
        super().insertFromMimeData(source)

    def _expect(self, text: str) -> None:
        if len(text) >= 5000 and _ENDLESS_WORD.search(text):
            self.setWordWrapMode(_WRAP.WrapAnywhere)
