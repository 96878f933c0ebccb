"""The faults that downloads are measured with: each row of the table in which huggingface_hub was tried, and more.

A case says what goes wrong and how a download has to end: "whole", or with an error of a kind of models/errors.py, after
which it is tried again with nothing wrong and has to be whole then.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.hub.faults import Fault
from tests.hub.server import Hub

REPO = "org/model"
WEIGHTS = "model.safetensors"
SIZE = 3_000_000  # bytes of the weights
ALWAYS = None

Before = Literal["nothing", "half", "whole", "whole, flipped", "whole, cut short"]


@dataclass
class Case:
    """A fault. false_bytes: some of what comes, or is there, is wrong, so that a file has to be begun anew; before: what is
    in the cache already; extra: files that the repository holds too; full_after: bytes that the disk takes.
    """

    name: str
    faults: list[Fault] = field(default_factory=list)
    ends: str = "whole"
    false_bytes: bool = False
    before: Before = "nothing"
    extra: dict[str, bytes] = field(default_factory=dict)
    about: dict[str, bool] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    full_after: int | None = None


def cases(hub: Hub) -> list[Case]:
    """All of them, new ones at every call: a fault counts how often it struck."""
    return [*_lines(), *_answers(), *_bytes(), *_api(hub), *_hostile(), *_access(hub)]


def _body(deed: Any, **more: Any) -> Fault:
    return Fault("bytes", deed, path=WEIGHTS, **more)


def _lines() -> list[Case]:
    return [
        Case("cut at 70 %", [_body("cut", after=SIZE * 7 // 10)]),
        Case("cut on every connection after a third", [_body("cut", after=SIZE // 3, times=ALWAYS)]),
        Case("cut on every connection after 2 %", [_body("cut", after=SIZE // 50, times=ALWAYS)]),
        Case("cut before the first byte, 5 times", [_body("cut", times=5)]),
        Case("cut before the first byte, always", [_body("cut", times=ALWAYS)], "offline"),
        Case("reset in the body", [_body("reset", after=SIZE // 2)]),
        Case("reset on every connection", [_body("reset", after=SIZE // 5, times=ALWAYS)]),
        Case("stall in the body", [_body("stall", after=SIZE // 2)]),
        Case("stall before the first byte", [_body("stall")]),
        Case("small file cut", [Fault("bytes", "cut", path="tokenizer.json", after=100, times=3)]),
    ]


def _answers() -> list[Case]:
    waits = [
        Case(f"429, Retry-After {seconds}", [_body("status", status=429, headers={"Retry-After": str(seconds)})], ends)
        for seconds, ends in ((2, "whole"), (20, "whole"), (86_400, "offline"))
    ]
    passing = [
        Case(f"status {status}, 3 times", [Fault("resolve", "status", path=WEIGHTS, status=status, times=3)])
        for status in (408, 429, 500, 502, 503, 504)
    ]
    return [
        *waits,
        *passing,
        Case("503 for long", [Fault("resolve", "status", path=WEIGHTS, times=ALWAYS)], "offline"),
        Case("403 of the CDN once", [_body("status", status=403)]),
        Case("login page for a file, once", [Fault("bytes", "html", path="config.json")]),
        Case("login page for a file, always", [_body("html", times=ALWAYS)], "offline"),
        Case("disk full in the middle", ends="disk_full", full_after=SIZE // 2),
    ]


def _bytes() -> list[Case]:
    cut = SIZE // 2
    return [
        Case("body shorter than listed", [_body("shorten", after=SIZE // 2, times=ALWAYS)], "corrupt"),
        Case("body longer than listed", [_body("lengthen", after=1000, times=ALWAYS)], "corrupt"),
        Case("no length and cut", [_body("chunked", after=SIZE // 2)]),
        Case("endless body", [_body("endless")]),
        Case("flipped byte in weights, once", [_body("flip", after=9999)], false_bytes=True),
        Case("flipped byte in weights, always", [_body("flip", after=9999, times=ALWAYS)], "corrupt", false_bytes=True),
        Case(
            "flipped byte in a small file, always",
            [Fault("bytes", "flip", path="tokenizer.json", after=99, times=ALWAYS)],
            "corrupt",
            false_bytes=True,
        ),
        Case("206 with other bytes", [_body("cut", after=cut), _body("false_range", ranged=True)], false_bytes=True),
        Case("206 that says another range", [_body("cut", after=cut), _body("wrong_range", ranged=True)]),
        Case("200 to a Range", [_body("cut", after=cut), _body("ignore_range", ranged=True)]),
        Case("blob flipped on disk", before="whole, flipped", false_bytes=True),
        Case("blob cut short on disk", before="whole, cut short"),
    ]


def _api(hub: Hub) -> list[Case]:
    return [
        Case("model-info stalls", [Fault("info", "stall", times=ALWAYS)], "offline"),
        Case("login page for model-info", [Fault("info", "html", times=ALWAYS)], "offline"),
        Case("half JSON for model-info", [Fault("info", "half_json", times=ALWAYS)], "offline"),
        Case("503 for model-info, twice", [Fault("info", "status", times=2)]),
        Case("main moves in the middle", [_meanwhile(lambda: hub.repos[REPO].commit({"config.json": b"{}"}))]),
        Case("offline after half of it", ends="offline", before="half", variables={"HF_HUB_OFFLINE": "1"}),
        Case("offline with all of it", before="whole", variables={"HF_HUB_OFFLINE": "1"}),
    ]


def _meanwhile(what: Callable[[], object]) -> Fault:
    return Fault("bytes", "call", path="config.json", before=lambda: (what(), None)[1])


def _named(name: str) -> Fault:
    row = {"rfilename": name, "size": 3, "blobId": "0" * 40}
    return Fault("info", "change", change=lambda info: {**info, "siblings": [*info["siblings"], row]})


def _hostile() -> list[Case]:
    names = {
        "name ../": "../evil.json",
        "absolute name": "/tmp/evil.json",
        "name ..\\": "..\\evil.json",
        "name C:\\": "C:\\evil.json",
        "name with NUL": "evil\0.json",
        "name of 300 bytes": "e" * 300 + ".json",
    }
    headers = {
        "ETag ../": {"ETag": '"../../../../evil"', "X-Linked-ETag": '"../../../../evil"'},
        "absolute ETag": {"ETag": '"/tmp/evil"', "X-Linked-ETag": '"/tmp/evil"'},
        "X-Repo-Commit ../": {"X-Repo-Commit": "../.."},
        "X-Linked-Size false": {"X-Linked-Size": "1"},
        "xet hash": {"X-Xet-Hash": "0" * 64, "X-Xet-Refresh-Route": "/api/xet"},
    }
    return [
        *(Case(title, [_named(name)], "unsafe") for title, name in names.items()),
        Case("name twin by case", ends="unsafe", extra={"Config.json": b"{}"}),
        Case("name twin by NFC", ends="unsafe", extra={"caf\u00e9.json": b"1", "cafe\u0301.json": b"2"}),
        *(Case(title, [Fault("resolve", "headers", headers=lie, times=ALWAYS)]) for title, lie in headers.items()),
        Case("sha ../../x", [Fault("info", "change", change=lambda info: {**info, "sha": "../../x"})], "unsafe"),
        Case("size of an exabyte", [Fault("info", "change", change=_huge)], "corrupt"),
    ]


def _huge(info: dict[str, Any]) -> dict[str, Any]:
    lfs = {"sha256": "0" * 64, "size": 1 << 60, "pointerSize": 1}
    return {
        **info,
        "siblings": [{**row, "lfs": lfs} if row["rfilename"] == WEIGHTS else row for row in info["siblings"]],
    }


def _access(hub: Hub) -> list[Case]:
    return [
        Case("token and a CDN elsewhere", [_body("reset", after=SIZE // 2)], variables={"HF_TOKEN": "hf_right"}),
        Case("token no longer valid", ends="denied", variables={"HF_TOKEN": "hf_wrong"}),
        Case("gated", ends="denied", about={"gated": True}),
        Case("private", ends="not_found", about={"private": True}),
        Case("deleted in the middle", [_meanwhile(hub.repos.clear)], "not_found"),
    ]
