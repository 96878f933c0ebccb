"""Links are opened only after one has seen where they go."""

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from app.desktop.text.links import ask_to_open


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    addresses: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: addresses.append(url.toString()))
    return addresses


@pytest.fixture
def parent(qtbot: QtBot) -> QWidget:
    widget = QWidget()
    qtbot.addWidget(widget)
    return widget


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "file:///etc/passwd", "vscode://x", "data:text/html,x", "/etc/passwd", ""]
)
def test_only_the_web_and_mail_are_offered(parent: QWidget, address: str) -> None:
    assert ask_to_open(address, parent) is None


def test_look_alike_letters_show(parent: QWidget, opened: list[str]) -> None:
    box = ask_to_open("https://www.аррӏе.com/path?q=1", parent)  # Cyrillic letters
    assert box is not None
    assert "xn--" in box.text()
    assert "xn--" in box.informativeText()
    assert "/path?q=1" in box.informativeText()
    box.close()
    assert opened == []


def test_name_in_front_of_the_host_does_not_deceive(parent: QWidget) -> None:
    box = ask_to_open("https://www.apple.com@evil.example/", parent)
    assert box is not None
    assert box.text().endswith("It goes to evil.example.")
    box.close()


def test_opens_when_told_to_and_not_otherwise(parent: QWidget, opened: list[str], qtbot: QtBot) -> None:
    box = ask_to_open("https://a.example/x", parent)
    assert box is not None
    assert box.textFormat() == Qt.TextFormat.PlainText
    assert box.defaultButton() is box.button(QMessageBox.StandardButton.Cancel)
    qtbot.mouseClick(box.button(QMessageBox.StandardButton.Cancel), Qt.MouseButton.LeftButton)
    assert opened == []
    box = ask_to_open("https://a.example/x", parent)
    assert box is not None
    open_button = next(button for button in box.buttons() if button.text() == "Open Link")
    qtbot.mouseClick(open_button, Qt.MouseButton.LeftButton)
    assert opened == [QUrl("https://a.example/x").toString()]
