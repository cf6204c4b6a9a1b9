#!/bin/sh
# Servers of the Model Context Protocol as users meet them: a call in a run, and schemas that are kept, left to the server, or
# broken, with real grammars.
set -u
[ -w /dev/shm ] && TMPDIR=${TMPDIR:-/dev/shm} && export TMPDIR
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"
"$viv" plugin list 2>/dev/null | grep -q lam || { echo 'built without lam'; exit 77; }

# fresh MODE: a workspace, and a spec with a server of this mode and the answers of standard input
fresh() {
    rm -rf "$work/w" "$work/spec"
    mkdir "$work/w" "$work/spec"
    printf 'viv: 1\nanswers: answers\n' >"$work/spec/script.yaml"
    printf 'viv: 1\narchitecture: lam\nuse: script.yaml\nstages: {}\nmcp:\n  s: {command: [sh, %s, %s]}\n' "$source/tests/lam/mcp_server.sh" "$1" >"$work/spec/lam.yaml"
    cat >"$work/spec/answers"
}
act() { bounded "$viv" act "$work/spec/lam.yaml" -p 'A task' -w "$work/w" "$@"; }
prints() { grep -qF -- "$1" "$work/out" || { echo "no '$1' in:"; cat "$work/out" "$work/err"; return 1; }; }
complains() { grep -qF -- "$1" "$work/err" || { echo "no '$1' in:"; cat "$work/err"; return 1; }; }

calls() {
    fresh modern <<'END'
{"action":"call","tool":"s/echo","arguments":{"text":"hello"}}
{"action":"done","answer":""}
END
    act --yes --json && prints '"outcome":"done","text":"hello\n"'
}
# can ANSWER: an answer that the schemas of mcp_server.sh's mode `schema` allow
can() {
    fresh schema <<END
$1
{"action":"done","answer":""}
END
    act --yes
}
cannot() { ! can "$1" && complains 'does not allow byte'; }
check 'a tool is called' calls
check 'a schema with references' can '{"action":"call","tool":"s/a","arguments":{"kind":"round"}}'
check 'another with the same names' can '{"action":"call","tool":"s/b","arguments":{"kind":"blue"}}'
check 'they do not meet' cannot '{"action":"call","tool":"s/a","arguments":{"kind":"blue"}}'
check 'what cannot be kept is left to the server' can '{"action":"call","tool":"s/c","arguments":{"n":[1,1]}}'
check 'no schema is any object' can '{"action":"call","tool":"s/d","arguments":{"x":[1]}}'
check 'a broken one, too' can '{"action":"call","tool":"s/e","arguments":{"n":"x"}}'
check 'but an object' cannot '{"action":"call","tool":"s/e","arguments":[]}'
check 'no other tool' cannot '{"action":"call","tool":"s/f","arguments":{}}'
# Pattern 115 of bad inputs: schemas of servers that refer to themselves or elsewhere, have texts that take for ever to
# match, or none at all, or are enormous. Each is kept to, or left to the server; none keeps the others from being used.
hostile() { # ANSWER: the model's arguments of a tool
    fresh hostile <<END
{"action":"call","tool":"s/$1","arguments":$2}
{"action":"done","answer":""}
END
    act --yes
}
hostile_not() { ! hostile "$@" && complains 'does not allow byte'; }
grammars() { # pattern 113: grammars that say nothing, or too much
    for rules in 'root ::= root "a" | "b"' 'a ::= "a"' 'root ::= "a"{0,2147483647}' 'root ::= ((("a"{0,1000}){0,1000}){0,1000}){0,1000}' 'root ::= a
a ::= b
b ::= a "x"'; do
        printf '%s\n' "$rules" >"$work/g.gbnf"
        ends 1 "$viv" grammar check "$work/g.gbnf" || ends 0 "$viv" grammar check "$work/g.gbnf" aaa || { echo "$rules"; return 1; }
        [ "$(wc -l <"$work/err")" -le 1 ] || return 1
    done
}
check 'pattern 113: grammars that refer to themselves, or repeat without an end' grammars
check 'pattern 115: a property that refers to itself' hostile cycle '{"x":1}'
check 'pattern 115: a reference to another machine' hostile remote '{"x":1}'
check 'pattern 115: an expression of many readings' hostile pattern "{\"x\":\"$(printf '%2000s' | tr ' ' a)\"}"
check 'pattern 115: which is kept to' hostile_not pattern "{\"x\":\"$(printf '%2000s' | tr ' ' a)b\"}"
check 'pattern 115: a list of ten thousand words' hostile words '{"x":"word9999"}'
check 'pattern 115: which is longer than what is kept to' hostile words '{"x":"another"}'
check 'pattern 115: but an object' hostile_not words '["another"]'
check 'pattern 115: a conflict, which has no text, is left to the server' hostile conflict '{"x":"1"}'
check 'pattern 114: so is an empty list' hostile nothing '{"x":"1"}'
check 'pattern 115: lengths that multiply' hostile long '{"x":[["a"]]}'
check 'pattern 115: no properties' hostile_not none '{"x":1}'
check 'pattern 115: names in other scripts' hostile names '{"é中😀":1}'
check 'pattern 115: deep nesting' hostile deep '{"x":1}'
wrong() { fresh modern </dev/null && sed -i 's/command/comand/' "$work/spec/lam.yaml" && ! act && complains "did you mean 'command'"; }
check 'a key of a server' wrong

finish
