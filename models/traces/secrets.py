"""Keys and e-mail addresses in a text: told in the report, as a trace may have them for a good reason, and never removed."""

import re

_KEYS = (
    ("API key", re.compile(rb"(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{20,}|AIza[0-9A-Za-z_-]{35}")),
    (
        "access token",
        re.compile(rb"(?<![A-Za-z0-9])(?:hf_[A-Za-z0-9]{30,}|gh[oprsu]_[A-Za-z0-9]{36}|github_pat_\w{22,})"),
    ),
    ("access token", re.compile(rb"xox[abprs]-[A-Za-z0-9-]{16,}")),
    ("cloud key", re.compile(rb"(?<![A-Z0-9])AKIA[0-9A-Z]{16}(?![A-Z0-9])")),
)
_PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_ADDRESS = re.compile(rb"[A-Za-z0-9._%+-]@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")

# Every key is a run of 20 such characters; few texts have one, and then all is looked at.
_RUN = b"k" * 20
_KINDS_OF_BYTES = bytes(107 if (chr(byte).isalnum() and byte < 128) or byte in b"_-" else 32 for byte in range(256))


def kinds(text: bytes) -> set[str]:
    """Kinds of secrets that a text, in UTF-8, seems to hold."""
    found = set()
    if _RUN in text.translate(_KINDS_OF_BYTES):
        found = {kind for kind, pattern in _KEYS if pattern.search(text)}
    if b"PRIVATE KEY" in text and _PRIVATE_KEY.search(text):
        found.add("private key")
    if b"@" in text and _ADDRESS.search(text):
        found.add("e-mail address")
    return found
