"""Keys and e-mail addresses in a text: told in the report, as a trace may have them for a good reason, and never removed."""

import re

# Each: what must stand in the text at all, and what then is looked for around it.
_KINDS = (
    ("API key", "sk-", re.compile(r"(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{20,}")),
    ("API key", "AIza", re.compile(r"AIza[0-9A-Za-z_-]{35}")),
    ("access token", "hf_", re.compile(r"(?<![A-Za-z0-9])hf_[A-Za-z0-9]{30,}")),
    ("access token", "ghp_", re.compile(r"ghp_[A-Za-z0-9]{36}")),
    ("access token", "gho_", re.compile(r"gho_[A-Za-z0-9]{36}")),
    ("access token", "ghs_", re.compile(r"ghs_[A-Za-z0-9]{36}")),
    ("access token", "github_pat_", re.compile(r"github_pat_[A-Za-z0-9_]{22,}")),
    ("access token", "xox", re.compile(r"xox[abprs]-[A-Za-z0-9-]{10,}")),
    ("cloud key", "AKIA", re.compile(r"(?<![A-Z0-9])AKIA[0-9A-Z]{16}(?![A-Z0-9])")),
    ("private key", "PRIVATE KEY", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
    ("e-mail address", "@", re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")),
)


def kinds(text: str) -> set[str]:
    """Kinds of secrets that a text seems to hold."""
    return {kind for kind, hint, pattern in _KINDS if hint in text and pattern.search(text)}
