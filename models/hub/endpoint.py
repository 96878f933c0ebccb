"""The Hugging Face Hub: where it is, whether it may be asked and can be reached.

HF_ENDPOINT and HF_HUB_OFFLINE are honoured, and read at every call. Models are fetched by models/library/download.py.
"""

import json
import os
import threading
import urllib.error
import urllib.parse
import urllib.request

from models import errors

TIMEOUT_S = 3.0
_OWN = "https://huggingface.co"


def endpoint() -> str:
    """The Hub's address: HF_ENDPOINT, or Hugging Face's own."""
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or _OWN


def named(first: bool = False) -> str:
    """The Hub as a sentence calls it: a mirror by its host, so that nobody looks elsewhere. first: it begins with it."""
    article = "The" if first else "the"
    if endpoint() == _OWN:
        return f"{article} Hugging Face Hub"
    return f"{article} Hub at {urllib.parse.urlsplit(endpoint()).netloc.rpartition('@')[2]} (HF_ENDPOINT)"


def page(repo: str = "") -> str:
    """The address of a repository's page, without a name or password that HF_ENDPOINT may hold."""
    parts = urllib.parse.urlsplit(endpoint())
    shown = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return f"{shown}/{repo}" if repo else shown


def is_trusted(url: str) -> bool:
    """Whether what comes from an address is protected on its way: https, or http that stays on this machine."""
    scheme = urllib.parse.urlsplit(url).scheme
    return scheme == "https" or (scheme == "http" and is_loopback(url))


def is_loopback(url: str) -> bool:
    """Whether an address is this machine's own."""
    return urllib.parse.urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def check_use() -> None:
    """Raise Offline when the environment forbids to ask, BadInput when HF_ENDPOINT is no address to be trusted."""
    if kept_offline():
        raise offline_by_choice()
    if not is_trusted(endpoint()):
        text = f"HF_ENDPOINT is {page()!r}, and only https is safe to download from."
        raise errors.BadInput(text, "Give it an https address, or unset it.")


def offline_by_choice() -> errors.Offline:
    """The error for when the environment forbids the network."""
    hint = "Unset HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE to download."
    return errors.Offline("The Hub is not asked: HF_HUB_OFFLINE is set.", hint)


def kept_offline() -> bool:
    """Whether HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE forbids to ask; read as huggingface_hub reads them."""
    value = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return value.upper() in ("1", "ON", "YES", "TRUE")


def why_unreachable(timeout_s: float = TIMEOUT_S) -> str:
    """Ask the Hub for one model; returns why that failed in half a sentence, or "". Blocks for timeout_s at most."""
    if not endpoint().startswith(("http://", "https://")):
        return "HF_ENDPOINT is no http address"
    fault = ["it did not answer in time"]
    # A thread, because looking up a name has no timeout of its own.
    asking = threading.Thread(target=lambda: fault.__setitem__(0, _ask(timeout_s)), daemon=True)
    asking.start()
    asking.join(timeout_s)
    return fault[0]


def _ask(timeout_s: float) -> str:
    request = urllib.request.Request(f"{endpoint()}/api/models?limit=1", headers={"User-Agent": "stillroom"})
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            json.loads(answer.read(100_000))
    except urllib.error.HTTPError as error:
        error.close()
        return f"it answered with status {error.code}"
    except OSError as error:
        # urllib wraps the fault of the socket in one of its own.
        reason = getattr(error, "reason", error)
        return str(getattr(reason, "strerror", None) or reason).rstrip(".")
    except ValueError:
        return "something else answers there, perhaps the network's login page"
    return ""
