"""Icons: 16 px line drawings of resources/icons, drawn in whatever colour the scheme asks for.

Each SVG strokes with `currentColor`; the colour is put in before it is rendered, so one drawing serves every
scheme, state and scale.
"""

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QGuiApplication, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from models import paths


def icon(name: str, colour: str, px: int = 16) -> QIcon:
    """The drawing resources/icons/NAME.svg in a colour. Raises FileNotFoundError when there is none."""
    return QIcon(pixmap(name, colour, px))


def pixmap(name: str, colour: str, px: int = 16) -> QPixmap:
    """The drawing at px logical pixels, sharp on the screen that is in use."""
    app = QGuiApplication.instance()
    ratio = app.devicePixelRatio() if isinstance(app, QGuiApplication) else 1.0
    return _rendered(name, colour, px, ratio)


@lru_cache(maxsize=128)
def _rendered(name: str, colour: str, px: int, ratio: float) -> QPixmap:
    svg = _source(name).replace("currentColor", colour)
    size = round(px * ratio)
    picture = QPixmap(size, size)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    QSvgRenderer(QByteArray(svg.encode())).render(painter, QRectF(0, 0, size, size))
    painter.end()
    picture.setDevicePixelRatio(ratio)
    return picture


@lru_cache(maxsize=64)
def _source(name: str) -> str:
    return (paths.resources() / "icons" / f"{name}.svg").read_text(encoding="utf-8")
