"""What a person asks for in a transcript: one object for all its messages, so that nothing between has to pass it on."""

from PySide6.QtCore import QObject, QPoint, Signal
from PySide6.QtWidgets import QMenu


class MessageActions(QObject):
    """Messages emit these with their ids; the page listens.

    Signals:
        answer_now, think_longer: of the reply that thinks.
        regenerate: id of a reply.
        regenerate_menu_asked: id of a reply and its menu, which is about to open and may be filled.
        edited: id of a user's message and its new wording.
        version_asked: id of a message; -1 for the older, 1 for the newer version.
        rated: id of a reply; 1 good, -1 bad, 0 neither any more.
        compare: id of a reply whose versions are to be shown side by side.
        use_as_trace: id of a reply, and where a menu would stand, on the screen.
        link_clicked: an http, https or mailto address; see `links.ask_to_open`.
        thinking_opened: thoughts were opened or closed; new replies follow suit.
    """

    answer_now = Signal()
    think_longer = Signal()
    regenerate = Signal(object)
    regenerate_menu_asked = Signal(object, QMenu)
    edited = Signal(object, str)
    version_asked = Signal(object, int)
    rated = Signal(object, int)
    compare = Signal(object)
    use_as_trace = Signal(object, QPoint)
    link_clicked = Signal(str)
    thinking_opened = Signal(bool)
