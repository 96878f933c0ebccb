"""The process that renders chat templates: a stranger's programs, with nothing in reach.

It reads one request a line on stdin and answers each with a line on stdout, until stdin ends. It imports jinja2 and no
more, opens no file after that, and the system ends it when a template takes too long, whether or not anybody waits.
What it renders is what transformers' apply_chat_template would: the same sandbox, filters, functions and tags.
"""

import codecs
import importlib
import json
import os
import resource
import signal
import sys
from contextlib import suppress
from datetime import datetime
from functools import cache
from typing import Any

import jinja2
import jinja2.ext
from jinja2 import nodes
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.parser import Parser
from jinja2.runtime import Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_SOURCE = 1 << 20  # characters
_REASONING = ("reasoning_content", "thinking", "reasoning")


def main() -> None:
    """Serve requests until stdin ends. Arguments: seconds of processor time a request, bytes of memory in all."""
    seconds, memory_bytes = float(sys.argv[-2]), int(sys.argv[-1])
    _give_up_what_is_not_needed(memory_bytes)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    answers.write("{}\n")
    answers.flush()
    for line in sys.stdin.buffer:
        # without a handler the signal ends the process even in the middle of one endless multiplication
        signal.setitimer(signal.ITIMER_PROF, seconds)
        answer = json.dumps(_answer(line))
        signal.setitimer(signal.ITIMER_PROF, 0)
        answers.write(answer + "\n")
        answers.flush()


def _give_up_what_is_not_needed(memory_bytes: int) -> None:
    _load_what_comes_late()
    limits = {
        resource.RLIMIT_AS: memory_bytes,  # not enforced on a Mac: there the parent looks
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 4,
    }
    for limit, value in limits.items():
        with suppress(ValueError, OSError):  # a system that does not have or lower this one
            resource.setrlimit(limit, (value, value))


def _load_what_comes_late() -> None:
    """Load now what Python and jinja2 load lazily: modules, text encodings, the time zone's file."""
    for module in ("html", "jinja2.constants", "jinja2.debug", "pprint", "textwrap", "urllib.parse"):
        importlib.import_module(module)
    for encoding in ("ascii", "latin-1", "unicode_escape", "utf-8", "utf-16", "utf-32"):
        codecs.lookup(encoding)
    _compiled("{{ strftime_now('%Y %Z') ~ ('\\u00e4' | tojson | upper) }}").render()
    _compiled.cache_clear()


def _answer(line: bytes) -> dict[str, str]:
    """Render one request; errors are {"kind", "error"}."""
    try:
        request = json.loads(line)
        return {"text": _render(request["template"], request["variables"], request["most"])}
    except SecurityError as error:
        return {"kind": "escape", "error": str(error)}
    except MemoryError:
        return {"kind": "memory", "error": ""}
    except _TooLong:
        return {"kind": "length", "error": ""}
    except RecursionError:
        return {"kind": "error", "error": "it calls itself without end"}
    except Exception as error:  # a template raises whatever its author wrote
        reason = str(error) or type(error).__name__
        return {"kind": "error", "error": reason.encode("utf-8", "replace").decode()}


class _TooLong(Exception):
    """The text has more characters than a prompt can have."""


def _render(source: str, variables: dict[str, Any], most: int) -> str:
    pieces: list[str] = []
    length = 0
    variables["messages"] = [_with_reasoning(message) for message in variables["messages"]]
    for piece in _compiled(source).generate(variables):
        pieces.append(piece)
        length += len(piece)
        if length > most:
            raise _TooLong
    text = "".join(pieces)
    text.encode()  # half a character, as in "\ud83d", is no text: refused here, in words
    return text


def _with_reasoning(message: dict[str, Any]) -> dict[str, Any]:
    """A message as transformers hands it on: no empty values, its thinking under the names that templates read."""
    message = {key: value for key, value in message.items() if value is not None}
    thinking = next((message[key] for key in _REASONING if key in message), None)
    return message if thinking is None else {"thinking": thinking, **message, "reasoning_content": thinking}


@cache
def _compiled(source: str) -> jinja2.Template:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, jinja2.ext.loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals |= {
        "raise_exception": _raise_exception,
        "strftime_now": lambda format: datetime.now().strftime(format),
        "dict": _Dict(),
        "namespace": _Namespace,
    }
    return environment.from_string(source)


class _Generation(jinja2.ext.Extension):
    """The tag {% generation %}, which marks what a model is trained on and prints its content."""

    tags = {"generation"}  # noqa: RUF012 - as jinja2 declares it

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_print"), [], [], body).set_lineno(line)

    def _print(self, caller: Macro) -> str:
        return str(caller())


class _Dict:
    """dict() without what hangs on the class."""

    def __call__(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return dict(*args, **kwargs)

    def fromkeys(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return dict.fromkeys(*args, **kwargs)


class _Namespace(jinja2.utils.Namespace):
    """namespace() that takes no name with a leading underscore."""

    def __init__(*args: Any, **kwargs: Any) -> None:
        self, *rest = args
        attributes = dict(*rest, **kwargs)
        for name in attributes:
            _check_name(name)
        jinja2.utils.Namespace.__init__(self, attributes)

    def __setitem__(self, name: str, value: Any) -> None:
        _check_name(name)
        super().__setitem__(name, value)


def _check_name(name: object) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError(f"it sets {name!r} in a namespace")


def _raise_exception(message: str) -> None:
    raise TemplateError(message)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


if __name__ == "__main__":
    main()
