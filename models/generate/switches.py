"""The variable by which a chat template switches thinking on and off, found by rendering each way and comparing.

enable_thinking is Qwen3's name for it; DeepSeek-V3.1, Granite and others have their own, some with words for values.
"""

from collections.abc import Callable

from models.errors import Corrupt

Switch = dict[str, bool | str]

Values = tuple[bool | str, bool | str]  # that switch thinking on and off

_FLAGS: list[Values] = [(True, False), ("on", "off"), ("enabled", "disabled")]
_NAMES: dict[str, list[Values]] = {
    **dict.fromkeys(("enable_thinking", "thinking", "reasoning", "think", "enable_reasoning", "use_thinking"), _FLAGS),
    "thinking_mode": [("thinking", "chat"), *_FLAGS],
    "reasoning_mode": [("thinking", "chat"), *_FLAGS],
    "reasoning_effort": [("high", "none"), ("medium", "none"), ("high", "minimal")],
}


def find_switch(source: str, render: Callable[[Switch], str]) -> tuple[Switch, Switch]:
    """The variables that switch thinking on, and those that switch it off; both empty without a switch.

    source: the template's; render: a short conversation with such variables. Values that a template refuses are passed
    over; raises Unsafe as rendering does.
    """
    on: Switch = {}
    off: Switch = {}
    for name, pairs in _NAMES.items():
        if name not in source:
            continue
        for yes, no in pairs:
            if _switches(name, yes, no, render):
                on[name], off[name] = yes, no
                break
    return on, off


def _switches(name: str, yes: bool | str, no: bool | str, render: Callable[[Switch], str]) -> bool:
    try:
        on, off = render({name: yes}), render({name: no})
        if on == off:
            return False
        # gpt-oss only prints its effort, and thinks at any; where off is the default, the word itself is the switch
        return _without(on, yes, no) != _without(off, yes, no) or render({}) == off
    except Corrupt:
        return False


def _without(text: str, yes: bool | str, no: bool | str) -> str:
    return text.casefold().replace(str(yes).casefold(), str(no).casefold())
