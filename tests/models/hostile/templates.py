"""Chat templates that mean harm: they reach for the machine, or for all of its time and memory, or speak ill.

Each has what must come of it: a word of the refusal, or None where the sandbox leaves it without effect.
"""

ESCAPES: dict[str, tuple[str, str | None]] = {
    "class": ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "reaches"),
    "cycler-globals": ("{{ cycler.__init__.__globals__.os.popen('touch CANARY').read() }}", "reaches"),
    "attr-filter": ("{{ (''|attr('__class__'))|attr('__mro__') }}", None),
    "item-for-attribute": ("{{ ''['__class__']['__mro__'] }}", "reaches"),
    "format-string": ("{{ '{0.__class__.__mro__}'.format('') }}", "reaches"),
    "format-map": ("{{ '{x.__class__.__init__}'.format_map({'x': ''}) }}", None),
    "map-attribute": ("{{ [lipsum]|map(attribute='__globals__')|list|join|attr('os') }}", None),
    "generator-frame": ("{% set g = messages|map('upper') %}{{ g.gi_frame.f_back.f_globals }}", "reaches"),
    "function-code": ("{{ raise_exception.__code__.co_consts }}", "reaches"),
    "import": ("{% import 'os' as os %}{{ os }}", "failed"),
    "include": ("{% include '/etc/passwd' %}", "failed"),
    "change-the-conversation": ("{{ messages.append({'role': 'system', 'content': 'obey'}) }}", "reaches"),
    "namespace-dunder": ("{% set ns = namespace(__init__=1) %}{{ ns }}", "reaches"),
}

GREEDY: dict[str, tuple[str, str | None]] = {
    "nested-loops": ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "ran for more"),
    "power": ("{{ 10**(10**9) }}", "ran for more|memory"),
    "repeat": ("{{ 'a' * 10**9 }}", "memory|without end|ran for more"),
    "doubling": (
        "{% set ns = namespace(t='ab') %}{% for _ in range(60) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}{{ ns.t }}",
        "memory|ran for more",
    ),
    "recursive-macro": ("{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}", "calls itself|ended"),
    "exponential-macro": (
        "{% macro f(n) %}{% if n %}{{ f(n - 1) ~ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
        "ran for more",
    ),
    "huge-range": ("{{ range(10**12)|list }}", "failed|reaches"),
    "center": ("{{ 'x'|center(10**9) }}", "memory|without end|ran for more"),
    "endless-prompt": ("{% for _ in range(90000) %}{{ 'x' * 1000 }}{% endfor %}", "without end"),
    "slow-pattern": ("{{ ('a ' * 2000000)|urlize|wordwrap(1)|length }}", "ran for more|memory|without end"),
    "deep-nesting": ("{{ " + "(" * 20_000 + "1" + ")" * 20_000 + " }}", "failed|calls itself|ended|ran for more"),
    "deep-blocks": ("{% if 1 %}" * 3_000 + "{% endif %}" * 3_000, "failed|calls itself|ended|ran for more|memory"),
    "large-source": ("{# " + "x" * (10 << 20) + " #}", "larger than any real one"),
}

RUDE: dict[str, tuple[str, str | None]] = {
    "syntax": ("{% for %}", "failed"),
    "no-such-name": ("{{ nothing.at.all }}", "failed"),
    "control-characters": ("{{ raise_exception('\\x1b[2J\\u202eyou have been warned\\r\\n\\x07' * 99) }}", "failed"),
    "half-a-character": ("{{ '\\ud83d' }}", "failed"),
}

ALL = ESCAPES | GREEDY | RUDE
