#!/usr/bin/env python3
"""Compares viv's templates with Jinja's, in the environment of transformers: the cases of jinja_cases.py, and thousands that are
put together from values, filters, tests, methods, operators and formats. Prints each difference, and how many there are.

    pip install transformers jinja2
    python difference.py VIV [all]        # all: the combinations, too
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import jinja_cases
import templates

VALUES = ["none", "zz", "true", "0", "-7", "2.5", "-0.0", "1e300", "huge", "''", "'a'", "'-12'", "' x1 '", "'Ünï ß'", "[]", "[3, 1, 2]", "['b', 'A']", "[1, 'a', none]",
          "(1, 2)", "{}", "{'b': 1, 'a': [2]}", "range(3)", "[[1, 2], [3, 4]]", "'<b>&'"]
FILTERS = ["abs", "batch(2)|list", "capitalize", "center(7)", "count", "default('d')", "dictsort", "e", "first", "float", "int", "int(3)", "items|list", "join('-')", "last", "length", "list",
           "lower", "map('string')|list", "max", "min", "reject|list", "replace('a','b')", "reverse|list", "round", "round(1)", "safe", "select|list", "slice(2)|list", "sort", "string", "sum", "title", "tojson",
           "tojson(indent=1)", "trim", "unique|list", "upper", "urlencode", "wordcount", "indent(2)", "truncate(4)", "attr('upper')", "format(1)", "filesizeformat", "groupby(0)", "selectattr(0)|list", "xmlattr", "forceescape"]
TESTS = ["boolean", "callable", "defined", "divisibleby(2)", "eq(1)", "escaped", "even", "false", "float", "ge(1)", "gt(1)", "in([1])", "integer", "iterable", "le(1)", "lower", "lt(1)", "mapping", "ne(1)", "none", "number", "odd", "sameas(none)", "sequence", "string", "true", "undefined", "upper"]
OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", ">=", "in", "not in", "and", "or"]
SMALL = ["none", "zz", "true", "0", "3", "-7", "2.5", "-2.5", "huge", "'a'", "'ab%s'", "[1, 2]", "(1,)", "{'a': 1}"]
METHODS = ["capitalize()", "casefold()", "center(9, '*')", "count('a')", "count('', 1)", "endswith('a')", "expandtabs(3)", "find('a', 1)", "isalnum()", "isalpha()", "isascii()", "isdecimal()", "isdigit()", "isidentifier()", "islower()", "isnumeric()",
           "isprintable()", "isspace()", "istitle()", "isupper()", "ljust(6, '.')", "lower()", "lstrip()", "partition('a')", "replace('a', 'xx')", "replace('', '.')", "rfind('a')", "rjust(6)", "rpartition(' ')", "rsplit()", "rsplit(none, 1)", "rsplit('a', 1)",
           "rstrip('a ')", "split()", "split(none, 1)", "split('a')", "splitlines()", "splitlines(true)", "startswith('a', 1)", "strip()", "swapcase()", "title()", "upper()", "zfill(8)"]
STRINGS = ["''", "'a'", "' a b  a '", "'banana'", "'ÀÉ ß ﬁ'", "'ΟΔΥΣΣΕΥΣ ΣΣ'", "'ǅ ǆ İı'", "'x\\ty\\n\\nz\\r\\n'", "'١²½一Ⅷ'", "'-42'", "'don\\'t stop-me NOW'", "'\\u2028\\x1c\\x85'", "'a_1'", "'😀é'"]
SPECS = ["", "5", "<8", ">8", "^9", "=8", "*^9", "+", " ", "08", "+08.2f", ",", "_", ".3", ".0f", ".2f", "8.3e", "g", ".3g", "#x", "b", "o", "X", "c", "%", ".1%", "s", ".2s", "d", "n", "012,.1f", "#.3g", "z.0f", "é>6", "}", "Q"]
FORMATTED = ["0", "42", "-1234567", "3.14159", "-0.001", "1e20", "0.5", "'text'", "true", "huge", "none", "1e-7", "123456.0"]
PERCENTS = ["%s", "%r", "%d", "%5d|", "%-5d|", "%05d", "%+d", "% d", "%x", "%#X", "%o", "%f", "%.2f", "%8.1f|", "%e", "%g", "%.3g", "%#g", "%c", "%5s|", "%-5s|", "%.2s", "%%", "%5.3d|", "%i"]
SLICES = ["[%s:%s:%s]" % (a, b, c) for a in ("", "1", "-2", "9") for b in ("", "2", "-1", "-9") for c in ("", "2", "-1", "-2")]


def combinations():
    for v in VALUES:
        yield from ("{{ (%s)|%s }}" % (v, f) for f in FILTERS)
        yield from ("{{ (%s) is %s }}" % (v, t) for t in TESTS)
        yield from ("{{ (%s)%s }}" % (v, s) for s in ("[0]", "[-1]", "['a']", ".a", "()"))
        yield "{{ [%s] }}" % v
        yield "{%% set v = %s %%}{{ v[1:] }}" % v  # of a constant, a slice is another matter
    yield from ("{{ (%s) %s (%s) }}" % (a, op, b) for op in OPERATORS for a in SMALL for b in SMALL
                if (op, b) != ("**", "huge") or a in ("0", "true"))  # else Python computes for ever
    yield from ("{{ (%s).%s }}" % (s, m) for s in STRINGS for m in METHODS)
    yield from ("{{ '{:%s}'.format(%s) }}" % (s, v) for s in SPECS for v in FORMATTED)
    yield from ("{{ '%s' %% (%s,) }}" % (p, v) for p in PERCENTS for v in FORMATTED)
    yield from ("{{ 'héllo'%s ~ nums%s }}" % (s, s) for s in SLICES)


def viv(program, template, folder):
    (folder / "t").write_text(template, newline="")
    r = subprocess.run([program, "render", "--values", "python", "--now", "2025-07-10", "--template", str(folder / "t"), str(folder.parent / "data.json")], capture_output=True)
    if r.returncode == 0:
        return r.stdout.decode(), None, ""
    message = r.stderr.decode()
    line = re.search(r"/t:(\d+):", message)
    return None, int(line.group(1)) if line else None, message.strip()[:160]


def main():
    program, everything = pathlib.Path(sys.argv[1]).resolve(), "all" in sys.argv[2:]
    cases = ["{{ " + e + " }}" for e in jinja_cases.EXPRESSIONS] + jinja_cases.STATEMENTS
    cases = [c for c in cases if c not in jinja_cases.DIFFERENT]
    if everything:
        cases += combinations()
    expected = [templates.jinja(c, jinja_cases.DATA) for c in cases]
    kept = [(c, e) for c, e in zip(cases, expected) if not re.search(r"0x[0-9a-f]{6,}", str(e[0]))]
    n = 0
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        (work / "data.json").write_text(json.dumps(jinja_cases.DATA))
        (work / "0").mkdir()

        def compare(some):
            """Expressions that Jinja renders go together, as long as all are right."""
            nonlocal n
            if len(some) > 1:
                together, _, _ = viv(program, "|SEP|".join(c for c, _ in some), work / "0")
                if together == "|SEP|".join(e[0] for _, e in some):
                    return
                compare(some[:len(some) // 2])
                compare(some[len(some) // 2:])
                return
            template, (text, line, error) = some[0]
            found, found_line, message = viv(program, template, work / "0")
            if found != text or (text is None and found_line != line and line):
                n += 1
                print(f"{template!r}\n   jinja {text!r} {'' if text is not None else f'line {line}: {error}'}\n   viv   {found!r} {message[-90:]}", flush=True)

        simple = [x for x in kept if x[1][0] is not None and x[0].startswith("{{ ") and "\n" not in x[0]]
        for i in range(0, len(simple), 64):
            compare(simple[i:i + 64])
        known = set(map(id, simple))
        for x in kept:
            if id(x) not in known:
                compare([x])
    print(f"{n} differences in {len(kept)} templates")


if __name__ == "__main__":
    main()
