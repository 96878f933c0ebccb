"""The Hugging Face Hub: where it is, whether it may be asked and can be reached.

HF_ENDPOINT and HF_HUB_OFFLINE are honoured, and read at every call. Models are fetched by models/library/download.py.
"""

import contextlib
import http.client
import json
import os
import re
import threading
import urllib.error
import urllib.parse
import urllib.request

from models import errors, quantities

TIMEOUT_S = 3.0
_OWN = "https://huggingface.co"
_HOST = re.compile(r"[^/]*[\w-]\.[\w-]|localhost")


def endpoint() -> str:
    """The Hub's address: HF_ENDPOINT, or Hugging Face's own. It may be a wrong one: see check_use."""
    return os.environ.get("HF_ENDPOINT", "").strip().rstrip("/") or _OWN


def is_own() -> bool:
    """Whether the Hub is Hugging Face's, and not what HF_ENDPOINT says."""
    return endpoint() == _OWN


def named(first: bool = False) -> str:
    """The Hub as a sentence calls it: a mirror by its host, so that nobody looks elsewhere. first: it begins with it."""
    article = "The" if first else "the"
    if is_own():
        return f"{article} Hugging Face Hub"
    return f"{article} Hub at {re.sub(r'^.*?//|/.*', '', page())} (HF_ENDPOINT)"


def page(repo: str = "") -> str:
    """The address of a repository's page, without a name or password that HF_ENDPOINT may hold."""
    shown = re.sub(r"(?s)^(.*?//)?.*@", r"\1", endpoint())
    return f"{shown}/{repo}" if repo else shown


def wrong_address() -> errors.BadInput | None:
    """What is wrong with HF_ENDPOINT, if something is; whether somebody answers there is not asked."""
    address = endpoint()
    parts = None
    with contextlib.suppress(ValueError):  # half an IPv6 address
        parts = urllib.parse.urlsplit(address)
    fault, hint = "", "Give it the address of a Hub, such as https://huggingface.co, or unset it."
    if parts is None or re.search(r"[\s\x00-\x1f\x7f\\\"'<>]", address):
        fault = "which is no address"
    elif parts.scheme not in ("http", "https"):
        fault = "which is no address of the web"
        if "://" not in address and _HOST.match(address):
            scheme = "http" if address.startswith(("localhost", "127.0.0.1")) else "https"
            hint = f"Write {scheme}://{page()}, or unset it."
    elif not parts.hostname or not _has_port_or_none(parts):
        fault = f"which has no {'usable port' if parts.hostname else 'host'}"
    elif not address.isascii():
        fault, hint = (
            "which has letters that no address has",
            "Write its host as xn--… and the rest as %E8…, or unset it.",
        )
    elif parts.query or parts.fragment:
        fault = "and an address of a Hub has no ? and no #"
    elif not is_trusted(address):
        fault, hint = "and only https is safe to download from", "Give it an https address, or unset it."
    return errors.BadInput(f"HF_ENDPOINT is {quantities.one_line(page(), 200)!r}, {fault}.", hint) if fault else None


def _has_port_or_none(parts: urllib.parse.SplitResult) -> bool:
    try:
        return parts.port != 0 and not parts.netloc.endswith(":")
    except ValueError:
        return False


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
    if wrong := wrong_address():
        raise wrong


def offline_by_choice() -> errors.Offline:
    """The error for when the environment forbids the network."""
    hint = "Unset HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE to download."
    return errors.Offline("The Hub is not asked: HF_HUB_OFFLINE is set.", hint)


def kept_offline() -> bool:
    """Whether HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE forbids to ask; read as huggingface_hub reads them."""
    value = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return value.upper() in ("1", "ON", "YES", "TRUE")


def why_unreachable(timeout_s: float = TIMEOUT_S) -> str:
    """Ask the Hub for one model; returns why that failed in half a sentence, or "". Blocks for timeout_s at most.

    Only for an address that check_use lets pass.
    """
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
    except (ValueError, http.client.HTTPException):
        return "something else answers there, perhaps the network's login page"
    return ""
