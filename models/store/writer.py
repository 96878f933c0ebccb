"""The thread that writes: it alone owns the connection that changes the database.

A commit is on the disk when it returns, on a Mac a full flush, which whoever paints must not wait for. Everything that
writes goes through one queue, so that what was asked first is written first.
"""

import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Writer:
    """Does what it is given in the order it is given.

    connect opens the connection, on the thread and with the first work; what it raises, each work until one succeeds ends with.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._connection: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(1, "store")

    def submit(self, work: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Have something done with the connection; the future has what it gives or raises, once it is committed."""
        return self._thread.submit(self._do, work)

    def close(self) -> None:
        """Do what is still in the queue, close the connection and end the thread."""
        self._thread.submit(self._disconnect)
        self._thread.shutdown()

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._connection is None:
            self._connection = self._connect()
        return work(self._connection)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
