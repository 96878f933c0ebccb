"""Programs that tests kill: `python -m tests.models.store.killed append|migrate …`.

append: a chat that is written without end; each line on stdout is the number of an append that was acknowledged.
migrate FROM N: bring the database to today's schema and die by SIGKILL before statement N of doing so.
"""

import os
import signal
import sqlite3
import sys
from itertools import count
from pathlib import Path

from models.store import database
from models.store.chats import Chats
from tests.models.store import steps


def append() -> None:
    chats = Chats(database.open_database())
    chat = chats.create("starter")
    asked = chats.add_user_message(chat.id, "Go on for ever.")
    begun = chats.begin_reply(asked.id, "starter")
    for number in count():
        chats.append(begun.id, thinking=f"{number} ", content=f"{number};")
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


def migrate(path: Path, statements_left: int) -> None:
    database.MIGRATIONS[:] = steps.MIGRATIONS
    left = statements_left

    def die_in_time(statement: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    connection = sqlite3.connect(path, isolation_level=None)
    connection.set_trace_callback(die_in_time)
    database.migrate(connection)


if __name__ == "__main__":
    append() if sys.argv[1] == "append" else migrate(Path(sys.argv[2]), int(sys.argv[3]))
