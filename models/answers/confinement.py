"""Start a stranger's program without network, and without what it starts outliving it: as each system can."""

import shutil
import subprocess
import sys
from functools import cache

# Everything may be read, nothing sent, nothing written but below the folder.
_MAC_PROFILE = """(version 1)
(allow default)
(deny network*)
(deny process-fork)
(deny file-write*)
(allow file-write* (subpath (param "FOLDER")) (literal "/dev/null"))
"""


def confined(command: list[str], folder: str) -> list[str]:
    """A command that runs another without network. folder: where alone it may write, its links followed."""
    if sys.platform == "darwin":
        return ["/usr/bin/sandbox-exec", "-D", f"FOLDER={folder}", "-p", _MAC_PROFILE, *command]
    return [*_namespaces(), *command]


@cache
def _namespaces() -> tuple[str, ...]:
    """Linux: a network with nothing in it, and processes that end with the first, where a user may have them."""
    found = shutil.which("unshare")
    if not found:
        return ()
    for wanted in (("--net", "--pid", "--fork", "--kill-child"), ("--net",)):
        for user in (("--user",), ("--user", "--map-root-user"), ()):
            command = (found, *user, *wanted, "--")
            tried = subprocess.run([*command, "true"], capture_output=True, check=False, timeout=10)
            if tried.returncode == 0:
                return command
    return ()
