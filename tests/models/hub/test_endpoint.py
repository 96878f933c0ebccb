"""The Hub is asked once, briefly, and what answers in its place is not taken for it. Servers on loopback play it."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from models import doctor, errors
from models.events import Found
from models.hub import client, endpoint
from models.hub.search import search
from models.library.download import fetch
from tests.hub.faults import Fault
from tests.hub.server import Hub
from tests.hub.session import IMPATIENT, open_hub
from tests.returned import result_of
from tests.tiny import make_tiny


class _Answers(http.server.BaseHTTPRequestHandler):
    status = 200
    body = b"[]"
    asked: "list[tuple[str, str | None]]"

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["Authorization"]))
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Answers]]:
    handler = type("Handler", (_Answers,), {"asked": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{running.server_port}/")
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        monkeypatch.setenv("no_proxy", "*")
        yield handler
        running.shutdown()


def test_it_answers_and_no_token_goes_out(server: type[_Answers]) -> None:
    assert endpoint.why_unreachable() == ""
    assert server.asked == [("/api/models?limit=1", None)]


def test_it_refuses(server: type[_Answers]) -> None:
    server.status = 503
    assert endpoint.why_unreachable() == "it answered with status 503"


def test_a_login_page(server: type[_Answers]) -> None:
    server.body = b"<html>Welcome to the hotel</html>"
    assert endpoint.why_unreachable() == "something else answers there, perhaps the network's login page"


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "*")
    assert endpoint.why_unreachable() == "Connection refused"


def test_it_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = threading.Event()

    def slow(_timeout_s: float) -> str:
        waiting.wait()
        return ""

    monkeypatch.setattr(endpoint, "_ask", slow)
    assert endpoint.why_unreachable(0.01) == "it did not answer in time"
    waiting.set()


def test_an_address_of_another_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "file:///etc/passwd")
    wrong = endpoint.wrong_address()
    assert wrong is not None
    assert "no address of the web" in wrong.text


def test_offline_by_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    for value, offline in (("1", True), ("yes", True), ("0", False), ("", False)):
        monkeypatch.setenv("HF_HUB_OFFLINE", value)
        assert endpoint.kept_offline() is offline


def test_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    assert endpoint.endpoint() == "https://huggingface.co"
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example/")
    assert endpoint.endpoint() == "https://mirror.example"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny: Path) -> Iterator[Hub]:
    with open_hub(monkeypatch, tmp_path) as running:
        running.add("org/alpha-1B", tiny, downloads=5, likes=3, licence="mit")
        running.add("org/alpha-7B", tiny, downloads=50, gated=True)
        running.add("org/hidden-alpha", tiny, downloads=500, private=True)
        running.add("else/beta", tiny, downloads=900)
        yield running


def found(query: str, limit: int = 30) -> Found:
    return result_of(search(query, limit))


def test_search(served: Hub) -> None:
    result = found("alpha")
    assert result.query == "alpha"
    assert [model.repo for model in result.models] == ["org/alpha-7B", "org/alpha-1B"]
    first, second = result.models
    assert (first.gated, second.gated) == (True, False)
    assert (second.downloads, second.likes, second.licence) == (5, 3, "mit")
    assert (second.architecture, second.params) == ("llama", 108_352)
    assert second.updated == "2026-05-01T12:00:00+00:00"
    assert {request.path for request in served.requests} == {"/api/models"}


def test_search_by_the_address_of_a_page(served: Hub) -> None:
    assert [model.repo for model in found("https://huggingface.co/else/beta/tree/main").models] == ["else/beta"]


def test_search_gives_no_more_than_asked_for(served: Hub) -> None:
    assert len(found("alpha", limit=1).models) == 1
    assert found("nothing like that").models == []


def test_search_with_a_token(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", served.token)
    assert found("hidden").models[0].repo == "org/hidden-alpha"


@pytest.mark.parametrize("deed", ["html", "half_json"])
def test_search_meets_a_login_page(served: Hub, deed: str) -> None:
    served.inject(Fault("search", deed))  # type: ignore[arg-type]
    with pytest.raises(errors.Offline, match="login page"):
        found("alpha")


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 429, "headers": {"Retry-After": "9999"}}], ids=str)
def test_search_does_not_wait_for_a_hub_in_trouble(served: Hub, fault: dict[str, object]) -> None:
    served.inject(Fault("search", "status", times=None, **fault))  # type: ignore[arg-type]
    with pytest.raises(errors.Offline):
        found("alpha")
    assert len(served.requests) == 1


def test_search_has_a_time_limit(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "API_TIMEOUT_S", 0.2)
    served.inject(Fault("search", "stall", times=None))
    with pytest.raises(errors.Offline, match="does not answer in time"):
        list(search("alpha"))


@pytest.mark.timeout(30)
def test_search_can_be_stopped(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "API_TIMEOUT_S", 3600)  # what it would wait for otherwise
    stall = Fault("search", "stall", times=None)
    served.inject(stall)
    running = search("alpha")
    while not stall.seen:
        next(running)
    running.close()
    assert "blocking-call" in [one.name for one in threading.enumerate()]  # it did not wait for the call to end


def test_an_endless_answer_is_not_read(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MAX_ANSWER_BYTES", 100)
    with pytest.raises(errors.Offline):
        found("alpha")


def test_what_can_t_be_a_repository_is_not_shown(served: Hub) -> None:
    served.inject(Fault("search", "change", change=lambda rows: [{**rows[0], "id": "../../etc"}, rows[1]]))
    assert [model.repo for model in found("alpha").models] == ["org/alpha-1B"]
    served.inject(Fault("search", "change", change=lambda rows: [{**rows[0], "downloads": "many", "tags": [3, None]}]))
    assert found("alpha").models[0].downloads == 0


@pytest.mark.parametrize("content", [[3], "x", [{"safetensors": 1, "id": "a/b"}]], ids=str)
def test_an_answer_of_another_shape(served: Hub, content: object) -> None:
    served.inject(Fault("search", "change", change=lambda _: content))
    with pytest.raises(errors.Offline, match="login page"):
        found("alpha")


def test_search_when_offline_by_choice(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(errors.Offline, match="HF_HUB_OFFLINE"):
        found("alpha")
    assert served.requests == []


def test_no_call_that_nobody_asked_for(served: Hub) -> None:
    client._library()
    import huggingface_hub

    with pytest.raises(errors.Unsafe):
        huggingface_hub.get_session().get(f"{served.url}/api/agent-harnesses")
    assert served.requests == []


def test_how_the_hub_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    assert endpoint.named(first=True) == "The Hugging Face Hub"
    monkeypatch.setenv("HF_ENDPOINT", "https://me:secret@mirror.example")
    assert endpoint.named() == "the Hub at mirror.example (HF_ENDPOINT)"
    assert endpoint.page("a/b") == "https://mirror.example/a/b"
    monkeypatch.setenv("HF_HUB_OFFLINE", "")
    monkeypatch.setenv("HF_ENDPOINT", "http://me:secret@mirror.example")
    with pytest.raises(errors.BadInput) as caught:
        next(search("x"))
    assert "secret" not in caught.value.text


@pytest.mark.parametrize(
    ("address", "trusted"),
    [
        ("https://a.example/x", True),
        ("http://127.0.0.1:80", True),
        ("http://localhost", True),
        ("http://[::1]:1", True),
        ("http://a.example", False),
        ("http://127.0.0.1.a.example", False),
        ("http://localhost@a.example", False),
        ("ftp://localhost", False),
    ],
)
def test_which_addresses_are_safe(address: str, trusted: bool) -> None:
    assert endpoint.is_trusted(address) is trusted


# What HF_ENDPOINT is set to, a word of the sentence that says what is wrong with it, and of the hint.
WRONG = {
    "hf-mirror.example": ("no address of the web", "https://hf-mirror.example"),
    "hf-mirror.example:8443/hub": ("no address of the web", "https://hf-mirror.example:8443/hub"),
    "localhost:8080": ("no address of the web", "http://localhost:8080"),
    "me:secret@hf-mirror.example": ("no address of the web", "https://hf-mirror.example"),
    "ftp://hf-mirror.example": ("no address of the web", "unset it"),
    "htps://hf-mirror.example": ("no address of the web", "unset it"),
    "file:///etc/passwd": ("no address of the web", "unset it"),
    "hub": ("no address of the web", "unset it"),
    "https:/hf-mirror.example": ("no host", "unset it"),
    "https://": ("no host", "unset it"),
    "https:///models": ("no host", "unset it"),
    "https://me:secret@": ("no host", "unset it"),
    "https://:443": ("no host", "unset it"),
    "https://hf-mirror.example:port": ("no usable port", "unset it"),
    "https://hf-mirror.example:99999": ("no usable port", "unset it"),
    "https://hf-mirror.example:0": ("no usable port", "unset it"),
    "https://hf-mirror.example:": ("no usable port", "unset it"),
    "https://me:sec/secret@hf-mirror.example": ("no usable port", "unset it"),
    "https://hf mirror.example": ("no address,", "unset it"),
    "https://hf-mirror.example\nX-Header: 1": ("no address,", "unset it"),
    '"https://hf-mirror.example"': ("no address,", "unset it"),
    "https:\\\\hf-mirror.example": ("no address,", "unset it"),
    "https://[::1": ("no address,", "unset it"),
    "https://hf-mirr\u00f6r.example": ("letters that no address has", "xn--"),
    "https://hf-mirror.example/\u6a21\u578b": ("letters that no address has", "%E8"),
    "https://hf-mirror.example/?token=secret": ("no ? and no #", "unset it"),
    "https://hf-mirror.example/#models": ("no ? and no #", "unset it"),
    "http://hf-mirror.example": ("only https", "an https address"),
    "http://me:secret@hf-mirror.example": ("only https", "an https address"),
}


@pytest.mark.parametrize(("address", "words"), WRONG.items(), ids=list(WRONG))
def test_a_wrong_address_is_said_in_a_sentence_before_anything_is_asked(
    address: str, words: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", address)
    for ask in (lambda: list(search("alpha")), lambda: list(fetch("org/alpha-1B"))):
        with pytest.raises(errors.BadInput) as caught:
            ask()
        assert caught.value.text.startswith("HF_ENDPOINT is ")
        assert words[0] in caught.value.text.replace("address.", "address,")
        assert words[1] in caught.value.hint
        assert "secret" not in caught.value.text.replace("token=secret", "") + caught.value.hint
    (finding,) = doctor.the_hub()
    assert (finding.state, finding.text) == ("warn", caught.value.text)
    endpoint.page("org/alpha-1B")  # of what is on the disk already: never raises
    endpoint.named()


@pytest.mark.parametrize(
    "address", ["", "  ", "https://huggingface.co/", " HTTPS://mirror.example/api/hf// ", "http://[::1]:8080"]
)
def test_an_address_that_may_be_one_is_asked(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", address)
    assert endpoint.wrong_address() is None
    assert not endpoint.endpoint().endswith(("/", " "))


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"<html>"), (200, b"3"), (404, b"not here"), (301, b""), (400, b"TLS only")]
)
def test_somebody_else_at_that_address(
    server: type[_Answers], status: int, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    server.status, server.body = status, body
    for ask in (lambda: list(search("alpha")), lambda: list(fetch("org/alpha-1B", patience=IMPATIENT))):
        with pytest.raises(errors.StillroomError) as caught:
            ask()
        assert "(HF_ENDPOINT)" in caught.value.text
        assert "HF_ENDPOINT is the right address" in caught.value.hint


def test_tls_to_a_plain_port(server: type[_Answers], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", endpoint.endpoint().replace("http:", "https:"))
    with pytest.raises(errors.Offline, match=r"\(HF_ENDPOINT\) can't be reached") as caught:
        list(search("alpha"))
    assert "HF_ENDPOINT is the right address" in caught.value.hint
    assert endpoint.why_unreachable()
