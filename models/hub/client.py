"""huggingface_hub's client as Stillroom uses it: with time limits, bounded answers, no call that nobody asked for.

The library reads its environment once, when it is imported, asks without a time limit in places and reads a body of any
length. So it is given an HTTP client of ours, the endpoint and the token, and every fault of it is said in a sentence.
Its own errors quote addresses and answers of the server; none of that is passed on.

Imports the HTTP library: only for processes that use the network.
"""

import functools
import logging
import os
import ssl
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import httpx2

from models import errors
from models.events import HubModel
from models.hub import credentials, endpoint, listing, manifests

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import DatasetInfo, ModelInfo

log = logging.getLogger(__name__)
# It would write every address into the log, what was searched for and a CDN's signatures among them.
logging.getLogger("httpx2").setLevel(logging.WARNING)

API_TIMEOUT_S = 10.0  # to connect, and between two pieces of an answer
ANSWER_WITHIN_S = 45.0
MAX_ANSWER_BYTES = 32 << 20
TRIES = 4
_RETRIED = (408, 425, 429, 500, 502, 503, 504)
_LOOK_AT_ENDPOINT = "See whether HF_ENDPOINT is the right address, or unset it."
_UNASKED = ("/api/agent-harnesses", "/api/telemetry")

Sleep = Callable[[float], object]


def model_listing(repo: str, revision: str, sleep: Sleep = time.sleep) -> listing.Listing:
    """The commit that a revision stands for now, and its files with sizes and hashes, all checked.

    Blocks for at most a few time limits of API_TIMEOUT_S. Raises NotFound, Denied, Offline, Unsafe, Corrupt.
    """

    def ask(api: "HfApi") -> "ModelInfo":
        return api.model_info(repo, revision=revision, files_metadata=True, timeout=API_TIMEOUT_S)

    return _checked(repo, _asked(ask, repo, sleep, TRIES))


def dataset_listing(repo: str, revision: str, sleep: Sleep = time.sleep) -> listing.Listing:
    """The same of a data set; its repository is named as in its address, "datasets/owner/name"."""
    name = repo.removeprefix(manifests.DATASETS)

    def ask(api: "HfApi") -> "DatasetInfo":
        return api.dataset_info(name, revision=revision, files_metadata=True, timeout=API_TIMEOUT_S)

    return _checked(repo, _asked(ask, repo, sleep, TRIES))


def found_models(query: str, limit: int) -> list[HubModel]:
    """Text models with safetensors that the Hub finds for a query, most downloaded first. Asks once: somebody waits."""
    properties: Any = ["safetensors", "config", "downloads", "likes", "gated", "lastModified", "tags"]

    def ask(api: "HfApi") -> "list[ModelInfo]":
        kind: dict[str, Any] = {"filter": "safetensors", "pipeline_tag": "text-generation", "sort": "downloads"}
        return list(api.list_models(search=query or None, limit=limit, expand=properties, **kind))

    found = _asked(ask, "", time.sleep, 1)
    return [model for info in found if (model := _hub_model(info)) is not None]


class Fault(Exception):
    """The Hub could not be asked, or asks to be asked later."""

    def __init__(self, told: errors.StillroomError, passing: bool, after_s: float | None = None) -> None:
        super().__init__(told.text)
        self.told = told  # in a sentence
        self.passing = passing  # another try may go well
        self.after_s = after_s  # the Hub's own wish


class Client(httpx2.Client):
    """The HTTP client that huggingface_hub is given. It says faults itself: the library would wait for them in its own
    way, for as long as the server likes.
    """

    def __init__(self) -> None:
        super().__init__(
            verify=certificates(),
            timeout=httpx2.Timeout(API_TIMEOUT_S, pool=None),
            follow_redirects=True,
            event_hooks={"request": [_refuse_unasked], "response": [_bound]},
        )

    def send(self, request: httpx2.Request, **more: Any) -> httpx2.Response:
        """As httpx2.Client.send. Raises Fault where no answer comes, or one that says to ask again."""
        # the library passes None, which is no limit, where it has none of its own
        request.extensions["timeout"] = httpx2.Timeout(API_TIMEOUT_S, pool=None).as_dict()
        try:
            response = super().send(request, **more)
        except httpx2.TransportError as error:
            raise Fault(unreachable(error), passing="CERTIFICATE" not in str(error).upper()) from None
        if response.status_code in _RETRIED:
            told = status_error(response.status_code, dict(response.headers), "")
            raise Fault(told, True, retry_after_s(response.headers))
        return response


@functools.cache
def certificates() -> ssl.SSLContext:
    """Whom to trust, read from the disk once."""
    return httpx2.create_ssl_context()


def as_error(error: Exception, repo: str) -> errors.StillroomError:
    """Say a fault of the client or the Hub in a sentence. repo: what it was about, empty for a search."""
    from huggingface_hub import errors as theirs

    if isinstance(error, errors.StillroomError):
        return error
    if isinstance(error, Fault):
        return error.told
    if isinstance(error, theirs.HfHubHTTPError):
        return status_error(error.response.status_code, dict(error.response.headers), repo)
    if isinstance(error, theirs.OfflineModeIsEnabled):
        return endpoint.offline_by_choice()
    if isinstance(error, httpx2.HTTPError):
        return unreachable(error)
    log.info("The Hub's answer made no sense: %s", type(error).__name__)
    return portal()


def status_error(status: int, headers: dict[str, str], repo: str) -> errors.StillroomError:
    """Say an answer that is no success. headers: of the answer, names in any case."""
    known = {name.lower(): value for name, value in headers.items()}
    code, text = known.get("x-error-code", ""), known.get("x-error-message", "")
    if code == "GatedRepo":
        hint = f"Accept them at {endpoint.page(repo)} and give Stillroom an access token of that account."
        return errors.Denied(f"{repo} is given only to who has accepted its terms.", hint)
    if status == 401 and "credentials" in text.lower():
        return _refused_token()
    if code == "RevisionNotFound":
        return errors.NotFound(f"{repo} has no such revision.", "Try main.")
    if code == "EntryNotFound":
        return errors.NotFound(f"A file of {repo} is no longer there.", f"`stillroom pull {repo}` starts anew.")
    if code == "RepoNotFound" or status == 404 or (status == 401 and credentials.token() is None):
        if not repo:
            return portal()
        hint = "A private one looks the same: it takes an access token of an account that may read it."
        hint = hint if endpoint.is_own() else f"{hint} {_LOOK_AT_ENDPOINT}"
        return errors.NotFound(f"There is no repository {repo} on {endpoint.named()}, or it is private.", hint)
    if status == 401:
        return _refused_token()
    hub = endpoint.named(first=True)
    if status == 403:
        text = f"{hub} does not let this account read {repo or 'that'}."
        return errors.Denied(text, "See whether its token may read it.")
    if status == 429:
        return errors.Offline(f"{hub} asks to wait: too many requests came from here.", "Try again later.")
    hint = "Try again later." if status >= 500 or endpoint.is_own() else _LOOK_AT_ENDPOINT
    return errors.Offline(f"{hub} has trouble of its own (status {status}).", hint)


def unreachable(error: Exception) -> errors.Offline:
    """Say a fault of the network, from the exception of the HTTP client."""
    if "CERTIFICATE" in str(error).upper():
        text = f"The certificate of {endpoint.named()} can't be trusted."
        hint = "See whether a proxy or a login page stands between."
        return errors.Offline(text, hint if endpoint.is_own() else f"{hint} {_LOOK_AT_ENDPOINT}")
    if isinstance(error, httpx2.ProxyError):
        return errors.Offline("The proxy lets nothing through.", "Look at HTTPS_PROXY.")
    fault = "does not answer in time" if isinstance(error, httpx2.TimeoutException) else "can't be reached"
    hint = "Look at the network and try again."
    return errors.Offline(f"{endpoint.named(first=True)} {fault}.", hint if endpoint.is_own() else _LOOK_AT_ENDPOINT)


def portal() -> errors.Offline:
    """Something that is not the Hub answered."""
    text = f"Something else answers in the place of {endpoint.named()}, perhaps the network's login page."
    hint = "Open a page in the browser, log in to the network, then try again."
    return errors.Offline(text, hint if endpoint.is_own() else _LOOK_AT_ENDPOINT)


def retry_after_s(headers: Any) -> float | None:
    """Seconds that a Retry-After asks for; None without one that can be read."""
    value = (headers.get("Retry-After") or "").strip()
    return float(value) if value.isdigit() and len(value) < 12 else None


def _asked(ask: "Callable[[HfApi], Any]", repo: str, sleep: Sleep, tries: int) -> Any:
    """Ask, and again after what may pass."""
    endpoint.check_use()
    library = _library()
    api = library.HfApi(
        endpoint=endpoint.endpoint(), token=credentials.token() or False, library_name="stillroom", library_version="0"
    )
    for attempt in range(1, tries + 1):
        try:
            return ask(api)
        except Exception as error:
            again = isinstance(error, Fault) and error.passing and (error.after_s or 0.0) <= API_TIMEOUT_S
            if attempt == tries or not again:
                raise as_error(error, repo) from None
            sleep(max(0.5 * 2.0 ** (attempt - 1), error.after_s or 0.0))  # type: ignore[attr-defined]
    raise AssertionError("the last try raises")


@functools.cache
def _library() -> Any:
    """huggingface_hub, made quiet before its first import, with our HTTP client."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import huggingface_hub

    huggingface_hub.set_client_factory(Client)
    return huggingface_hub


def _refuse_unasked(request: httpx2.Request) -> None:
    """Where the library was imported before it could be told: no call home gets out, and none when all are forbidden."""
    if endpoint.kept_offline():
        raise endpoint.offline_by_choice()
    if request.url.path.startswith(_UNASKED):
        raise errors.Unsafe("A call that nobody asked for was stopped.")


class _Bounded(httpx2.SyncByteStream):
    """A body of which no more is read than an answer of the API can have, and no longer."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        left, until = MAX_ANSWER_BYTES, time.monotonic() + ANSWER_WITHIN_S
        for piece in self._stream:
            left -= len(piece)
            if left < 0:
                raise ValueError("an endless answer")
            if time.monotonic() > until:
                raise httpx2.ReadTimeout("an answer that goes on and on")
            yield piece

    def close(self) -> None:
        self._stream.close()


def _bound(response: httpx2.Response) -> None:
    response.stream = _Bounded(response.stream)


def _checked(repo: str, info: "ModelInfo | DatasetInfo") -> listing.Listing:
    """The listing in an answer, every field of which may be anything."""
    siblings = info.siblings or []
    if not isinstance(info.sha, str) or not listing.is_commit(info.sha):
        raise errors.Unsafe(f"The Hub names a commit of {repo} that is none.", "It is not downloaded.")
    if len(siblings) > listing.MAX_FILES:
        raise errors.Unsafe(f"{repo} holds {len(siblings):,} files.", "It is not downloaded.")
    files = [
        listing.checked_file(
            repo, one.rfilename, one.lfs.size if one.lfs else one.size, one.blob_id, one.lfs.sha256 if one.lfs else None
        )
        for one in siblings
    ]
    return listing.Listing(
        repo=repo, commit=info.sha, files=files, config=_config(info), licence=_licence(info), base=_base(info)
    )


def _hub_model(info: "ModelInfo") -> HubModel | None:
    try:
        repo = listing.checked_repo(info.id)
    except (errors.BadInput, TypeError):
        return None
    return HubModel(
        repo=repo,
        downloads=_count(info.downloads),
        likes=_count(info.likes),
        licence=_licence(info),
        gated=bool(info.gated),
        architecture=_architecture(info),
        params=_count(info.safetensors.total) if info.safetensors else 0,
        updated=info.last_modified.isoformat(timespec="seconds") if info.last_modified else "",
    )


def _config(info: "ModelInfo | DatasetInfo") -> dict[str, Any]:
    config = getattr(info, "config", None)  # a data set has none
    return config if isinstance(config, dict) else {}


def _architecture(info: "ModelInfo | DatasetInfo") -> str:
    name = _config(info).get("model_type")
    return name[:80] if isinstance(name, str) else ""


def _base(info: "ModelInfo | DatasetInfo") -> str:
    """What a model was made from: what the Hub says it is a quantization of, else the base that its card names."""
    tags = [tag for tag in info.tags or [] if isinstance(tag, str)]
    stated = info.card_data.get("base_model") if info.card_data else None
    named = [tag.removeprefix("base_model:quantized:") for tag in tags if tag.startswith("base_model:quantized:")]
    named += stated if isinstance(stated, list) else [str(stated or "")]
    return next((name for name in named if isinstance(name, str)), "")


def _licence(info: "ModelInfo | DatasetInfo") -> str:
    tags = [tag for tag in info.tags or [] if isinstance(tag, str)]
    return next((tag.removeprefix("license:")[:80] for tag in tags if tag.startswith("license:")), "")


def _count(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else 0


def _refused_token() -> errors.Denied:
    where = {
        "environment": "The environment variable HF_TOKEN holds it.",
        **dict.fromkeys(("keychain", "file"), "Give Stillroom a new one."),
        "hf": "It is the one of `hf auth login`: log in again.",
    }
    held = credentials.source()
    text = f"{endpoint.named(first=True)} does not take the access token: it is wrong or no longer valid."
    return errors.Denied(text, where[held] if held else "")
