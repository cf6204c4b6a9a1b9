#!/usr/bin/env python3
"""Makes tests/golden/jinja.json and jinja-language.json: templates, data and what Jinja renders in the environment of
transformers; null: it refuses. The second has the cases and the table of jinja_cases.py.

    pip install jinja2 transformers
    python templates.py [jinja-units.json rendered.json]      # cases of the shared data, taken along by their templates
"""
import datetime
import json
import pathlib
import re
import sys
import traceback

import jinja2
from transformers.utils.chat_template_utils import _compile_jinja_template

import jinja_cases

HERE = pathlib.Path(__file__).resolve().parent.parent
DATA = {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Größe ½ 'x' \"y\"\n\ttab"},
                     {"role": "assistant", "content": None, "tool_calls": [{"name": "f", "arguments": {"a": 1.0, "b": [True, None, "é"]}}]}],
        "bos_token": "<s>", "n": 3, "big": 12345678901234567, "f": 1e22, "small": 1e-7, "t": True, "none": None, "empty": [],
        "nested": {"b": {"c": [1, {"d": "e"}]}, "a": 2, "items": "shadowed"}, "words": ["pear", "Apple", "fig", "apple"]}
EXPRESSIONS = """
messages | messages[2] | nested | t | none | f | small | big | n / 2 | n // 2 | -n // 2 | n % 2 | -n % 5 | n ** 3 | 2 ** -1 | 2.5 // 1 | 7 % -3
messages[1].content | messages[1].content|tojson | nested|tojson | nested|tojson(indent=2) | nested|tojson(sort_keys=true) | messages[1].content|string|length
words|sort | words|sort(reverse=true) | words|sort(case_sensitive=true) | words|unique|list | words|map('upper')|join('-') | words|first | words|last | words|min | words|max
words|select('equalto', 'fig')|list | words|reject('in', ['fig'])|list | words|batch(3)|list | words|batch(3, 'x')|list | words|join(', ') | words|reverse|list | 'abc'|reverse
messages|selectattr('role', 'ne', 'user')|map(attribute='role')|list | messages|map(attribute='tool_calls', default=[])|list | messages|rejectattr('content')|list|length
messages|groupby('role')|map('first')|list | nested.items | nested['items'] | nested.keys()|list | nested.values()|list | nested|dictsort | nested.get('zz', 5) | nested.b.c[1].d
'a,b,,c'.split(',') | 'a b  c'.split() | 'a b c'.rsplit(' ', 1) | 'a\\nb\\r\\nc'.splitlines() | 'x=1=2'.partition('=') | 'x=1=2'.rpartition('=') | 'abc'.find('c') | 'abc'.find('z')
'abcabc'.rfind('b') | 'abc'.index('b') | 'aXbX'.count('X') | 'hello world'.title() | "they're here"|title | 'straße'.upper() | 'ÀÉ'.lower() | 'abc'.center(9, '*') | '7'.zfill(3) | 'ab'.ljust(4) ~ '|'
'  x '.strip() ~ '|' | 'xxaxx'.strip('x') | 'abc'.startswith(('x', 'a')) | 'abc'.endswith('c') | 'a-b'.replace('-', '+') | 'abc'.isalpha() | '12'.isdigit() | 'Ab'.swapcase() | 'pre_x'.removeprefix('pre_')
'%s is %d of %.2f%%'|format('a', 3, 1.5) | '%5s|%-5s|%05d' % ('a', 'b', 42) | '{} {1} {x}' | '{0}-{1}'.format('a', 'b') | '{x}'.format(x=1)
1.0 | 100000000000000000000.0 | 0.1 + 0.2 | 1e16 | 1e15 | 123456.789 | -0.0 | 5 | 1_000 | 'a' 'b' | [1, 'a', none, true, 1.5] | (1, 2) | (1,) | () | {'a': 1, 2: 'b'} | {}
1 < 2 < 3 | 1 < 2 > 3 | 1 == 1.0 | 1 == true | 'a' < 'b' | [1, 2] < [1, 3] | not t | t and none | none or 'x' | 'x' if t | 'x' if not t | 'x' if not t else 'y' | 1 in [1.0] | 'b' in 'abc' | 'x' not in nested
t is true | none is none | n is odd | n is divisibleby 3 | n is number | 'a' is string | words is sequence | nested is mapping | words is iterable | zz is defined | zz is undefined | 'A' is upper | 5 is gt 3 | 'a' is in 'abc' | n is eq 3
words[1:] | words[::-1] | words[-1] | words[9] | 'abcdef'[1:4] | 'abcdef'[::-2] | 'größe'[2] | 'größe'[-1] | 'größe'|length | words[1:99] | words[-2:] | 'abc'[5:2]
'3'|int + 1 | '3.7'|int | 'x'|int(9) | '2.5'|float | n|float | 3.7|int | 2.5|round | 3.5|round | 2.345|round(2) | 2.1|round(0, 'ceil') | -3|abs | [1, 2, 3]|sum | [{'a': 1}, {'a': 2}]|sum(attribute='a')
zz | zz|default('d') | none|default('d') | ''|default('d', true) | '<b>&'|e | 'a b'|urlencode | 'one two'|wordcount | 'a\\nb'|indent(2) | 'a\\n\\nb'|indent(2, true, true) | 'ab'|list | 'x'|upper|lower
range(5)|list | range(2, 8, 3)|list | range(3, 0, -1)|list | dict(a=1, b=2) | namespace(a=1).a | words|length | nested|length | ''|length | 'x' * 3 | [1] * 2 | [1] + [2] | 'a' ~ 1 ~ none ~ true
zz.yy | zz() | none.x | none[0] | 'a' + 1 | [1] + 'a' | 'a'.nope() | 1|nope | {}.x | words.append(1) | -'a' | 'a' < 1 | none|length | 1 // 0 | messages.0.role | nested.b['c'].0 | raise_exception('no') | (1, 2)[0] | none + 1
'\\u00e9\\x41' | 'a\\'b' | "a\\tb" | 'a\\qb' | strftime_now('%Y-%m-%d') | strftime_now('%d %b %Y') | strftime_now('')
""".strip()
STATEMENTS = [
    "{% for m in messages %}{{ loop.index }}/{{ loop.length }}{{ loop.first }}{{ loop.last }}{{ loop.revindex0 }}{{ m.role }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "{% for m in messages %}{{ loop.previtem.role if loop.previtem is defined }}>{{ loop.nextitem.role if loop.nextitem is defined }};{% endfor %}",
    "{% for w in words if w|length > 3 %}{{ loop.index0 }}{{ w }}{{ loop.cycle('a', 'b') }}{{ loop.changed(w[0]) }}{% else %}none{% endfor %}",
    "{% for x in empty %}x{% else %}empty{% endfor %}{% for k, v in nested.items() %}{{ k }}{% endfor %}{% for k in nested %}{{ k }}{% endfor %}",
    "{% for x in [[1, [2, [3]]], 4] recursive %}{{ loop.depth }}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}{% endif %}{% endfor %}",
    "{% set ns = namespace(x=0) %}{% for i in range(5) %}{% if i == 3 %}{% break %}{% elif i == 1 %}{% continue %}{% endif %}{% set ns.x = ns.x + i %}{% set y = i %}{% endfor %}{{ ns.x }}{{ y is defined }}",
    "{% macro f(a, b=2, *c) %}{% endmacro %}", "{% macro f(a, b=a) %}[{{ a }}{{ b }}{{ varargs }}{{ kwargs }}]{% endmacro %}{{ f(1) }}{{ f(1, 2, 3, x=4) }}{{ f(b=5, a=6) }}",
    "{% macro f() %}<{{ caller(1, 2) }}>{% endmacro %}{% call(a, b) f() %}{{ a }}{{ b }}{{ n }}{% endcall %}",
    "{% set x %}a{{ n }}b{% endset %}{{ x }}|{% set y | upper | trim %} abc {% endset %}{{ y }}|{% filter upper | replace('A', 'z') %}abc{{ n }}{% endfilter %}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (c, d) = (b, a) %}{{ c }}{{ d }}{% with x = 1, y = n %}{{ x + y }}{% endwith %}{{ x is defined }}",
    "{% generation %}{{ n }}{% endgeneration %}{% raw %}{{ no }}{% endraw %}{# gone #}x",
    "a\n  {% if t %}\n  b\n  {% endif %}\nc\n", "a  {%- if t -%}  b  {%- endif -%}  c", "  {%+ if t %}x{% endif +%}\n y", "x {{- n -}} y\n\n", "{% if t %}\n\n{% endif %}\n\nz",
    "line\r\n{% set x = 1 %}\r\n{{ x }}\r\n", "  {# a #}  \n  b {# c #} d\n", "{{ '{{' }}{{ '%}' }}{{ {'a': {'b': 1}} }}{{ {'a': 1}['a'] }}",
    "{% for m in messages %}{{ m }}\n{% endfor %}", "{%- for m in messages %}\n    {%- if m.content %}\n{{ m.content }}\n    {%- endif %}\n{%- endfor %}\nend", "{% set x = 1 %}{% if t %}{% set x = 2 %}{% endif %}{{ x }}",
    "{% for i in range(3) %}{% for j in range(2) %}{{ loop.index }}{{ i }}{% endfor %}{{ loop.index }}{% endfor %}", "{% if n > 5 %}a{% elif n > 2 %}b{% else %}c{% endif %}", "{{ loop is defined }}{{ caller is defined }}",
    "{% macro m(x) %}{{ x }}{{ n }}{% endmacro %}{% set n = 9 %}{{ m(1) }}", "{{ messages[0]['role'] }}{{ messages[-1]['tool_calls'][0]['arguments'] | tojson }}", "{% for c in 'aé😀' %}{{ c }}.{% endfor %}",
    "{% unknown %}", "{{ 1 +}}", "{{ (1 }}", "{% endif %}", "{% for x in %}{% endfor %}", "{% if t %}", "{{ x", "{# x", "{{ 'a }}", "{{ a b }}", "{% set 1 = 2 %}",
]


def environment():
    env = _compile_jinja_template("").environment
    env.globals["strftime_now"] = lambda f: datetime.datetime(2025, 7, 10).strftime(f)
    return env


def jinja(template, data, env=environment()):
    """What Jinja renders, or None with the line and the words of its error."""
    try:
        return env.from_string(template).render(**data), None, ""
    except jinja2.TemplateSyntaxError as e:
        return None, e.lineno, str(e)
    except Exception as e:
        lines = [frame.lineno for frame in traceback.extract_tb(e.__traceback__) if frame.filename == "<template>"]
        return None, lines[-1] if lines else None, f"{type(e).__name__}: {e}"


def check_table(env):
    """That the table has a line for each name there is, and none more."""
    kinds = {"filter": env.filters, "test": env.tests, "global": env.globals,
             "statement": jinja2.parser._statement_keywords | {"call", "filter", "raw", "break", "continue", "generation"}}
    for type in (str, list, tuple, dict, int, float):
        kinds[type.__name__] = [m for m in dir(type) if not m.startswith("_")]
    for kind, names in kinds.items():
        known = {line.split(" ")[1] for line in jinja_cases.TABLE if line.split(" ")[0] == kind}
        assert known == set(names), (kind, known ^ set(names))


def write_language():
    """jinja-language.json: cases of jinja_cases.py, [template, text] or [template, null, line]; and the table."""
    cases, table = [], []
    for template in ["{{ " + e + " }}" for e in jinja_cases.EXPRESSIONS] + jinja_cases.STATEMENTS:
        text, line, _ = jinja(template, jinja_cases.DATA)
        if template not in jinja_cases.DIFFERENT and not re.search(r"0x[0-9a-f]{6,}", str(text)):
            cases.append([template, text] if text is not None else [template, None, line])
    for line in jinja_cases.TABLE:
        kind, name, template = line.split(" ", 2)
        refused = template.startswith("refused ")
        template = template.removeprefix("refused ")
        text, _, error = jinja(template, jinja_cases.DATA)
        assert refused or text is not None, (line, error)
        table.append([kind, name, template, None if refused else text])
    lines = lambda rows: ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (HERE / "jinja-language.json").write_text(
        '{"data": ' + json.dumps(jinja_cases.DATA, ensure_ascii=False) + ',\n"cases": [\n' + lines(cases) + '],\n"table": [\n' + lines(table) + "]}\n")


def main():
    env, cases = environment(), []
    check_table(env)
    write_language()
    templates = [("{{ " + e.strip() + " }}", DATA) for line in EXPRESSIONS.split("\n") for e in split(line)] + [(s, DATA) for s in STATEMENTS]
    for path in sys.argv[1:]:
        for c in json.load(open(path)):
            if not c.get("context_has_function") and "template" in c:
                templates.append((c["template"], c["context"]))
    for template, data in templates:
        try:
            expected = env.from_string(template).render(**data)
        except Exception:
            expected = None
        if "generator object" in str(expected) or "built-in method" in str(expected) or "\\u0000" in json.dumps(data):
            continue
        cases.append({"name": f"case {len(cases)}", "template": template, "data": data if data is not DATA else "DATA", "expected": expected})
    text = ",\n".join(json.dumps(c, ensure_ascii=False).replace('"DATA"', json.dumps(DATA, ensure_ascii=False)) for c in cases)
    (HERE / "jinja.json").write_text("[" + text + "]\n")


def split(line):
    """At ' | ', which stands between expressions here: their own pipes have no spaces around them."""
    return [e for e in line.split(" | ") if e.strip()]


if __name__ == "__main__":
    main()
