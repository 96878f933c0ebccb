"""Fonts: the system's own at 13 points on a Mac, Inter elsewhere where it is installed; none is bundled.

Families are named in order and Qt takes the first it has, so nothing here has to list the installed fonts,
which takes tens of milliseconds at the start.
"""

import sys

from PySide6.QtGui import QFont, QFontDatabase

TEXT_PX = 13
BOLD = QFont.Weight.DemiBold


def text(px: int = TEXT_PX, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """The font of text and controls."""
    if sys.platform == "darwin":
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    else:
        font = QFont()
        font.setFamilies(["Inter", "Cantarell", "Noto Sans", "DejaVu Sans"])
    font.setPixelSize(px)
    font.setWeight(weight)
    return font


def code(px: int = 12) -> QFont:
    """The font of code: fixed width."""
    font = QFont()
    mac = ["SF Mono", "Menlo"]
    font.setFamilies(mac if sys.platform == "darwin" else ["JetBrains Mono", "Noto Sans Mono", "DejaVu Sans Mono"])
    font.setStyleHint(QFont.StyleHint.Monospace)
    font.setFixedPitch(True)
    font.setPixelSize(px)
    return font
