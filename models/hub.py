"""Whether the Hugging Face Hub can be reached, asked once and briefly. HF_ENDPOINT and HF_HUB_OFFLINE are honoured."""

import json
import os
import threading
import urllib.error
import urllib.request

TIMEOUT_S = 3.0


def endpoint() -> str:
    """The Hub's address: HF_ENDPOINT, or Hugging Face's own."""
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or "https://huggingface.co"


def kept_offline() -> bool:
    """Whether HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE forbids to ask; read as huggingface_hub reads them."""
    value = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return value.upper() in ("1", "ON", "YES", "TRUE")


def why_unreachable(timeout_s: float = TIMEOUT_S) -> str:
    """Ask the Hub for one model's name and say in half a sentence why that failed, or give "". Blocks for timeout_s at most."""
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
