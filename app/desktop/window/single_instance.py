"""One window a home: a second start asks the first to come to the front and ends.

A lock file says whether there is a first one, and is freed by the system when that one dies; a local socket named
after the home carries the request. The name is a hash, for socket names are short and homes can be long.
"""

from typing import TYPE_CHECKING

from PySide6.QtCore import QCryptographicHash, QDeadlineTimer, QLockFile, QObject, QThread, Signal

from models import paths

if TYPE_CHECKING:
    from PySide6.QtNetwork import QLocalServer

ANSWER_MS = 2000
RETRY_MS = 50


class SingleInstance(QObject):
    """Holds the home while the window runs.

    Signals:
        asked_to_show: another start wants this window in front.
    """

    asked_to_show = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        home = str(paths.home()).encode()
        digest = bytes(QCryptographicHash.hash(home, QCryptographicHash.Algorithm.Sha256).data()).hex()
        self._name = f"stillroom-{digest[:24]}"
        self._lock = QLockFile(str(paths.window_lock()))
        self._lock.setStaleLockTime(0)  # however long a window has been open, its lock counts
        self._server: QLocalServer | None = None

    def claim(self) -> bool:
        """Take the home for this process. Returns False when another window holds it; one that can't be written nobody holds."""
        if paths.is_readonly():
            return True
        held = self._lock.tryLock(0)
        if held:
            paths.window_lock().chmod(0o600)
        return held

    def listen(self) -> None:
        """Answer other starts from here on; may wait until the window is shown, for it imports Qt's network module."""
        from PySide6.QtNetwork import QLocalServer

        QLocalServer.removeServer(self._name)  # what a killed process left behind
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._answer)
        self._server.listen(self._name)

    def show_other(self, within_ms: int = ANSWER_MS) -> bool:
        """Ask the window that holds the home to come to the front, for as long as it may be starting. Returns whether it heard."""
        from PySide6.QtNetwork import QLocalSocket

        deadline = QDeadlineTimer(within_ms)
        socket = QLocalSocket()
        while True:
            socket.connectToServer(self._name)
            if socket.waitForConnected(max(1, deadline.remainingTime())):
                socket.disconnectFromServer()
                return True
            if deadline.hasExpired():
                return False
            QThread.msleep(RETRY_MS)

    def release(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self._lock.unlock()

    def _answer(self) -> None:
        assert self._server is not None, "only a server that listens has connections"
        while self._server.hasPendingConnections():
            socket = self._server.nextPendingConnection()
            socket.disconnected.connect(socket.deleteLater)
            socket.close()
        self.asked_to_show.emit()
