#!/bin/sh
# Memories that are found by words and by meaning: an encoder of the spec makes vectors, and both ranks count.
set -u
[ -w /dev/shm ] && TMPDIR=${TMPDIR:-/dev/shm} && export TMPDIR # all that is done is synced
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"
"$viv" plugin list 2>/dev/null | grep -q lam || { echo 'built without lam'; exit 77; }

mkdir "$work/w" "$work/spec"
printf 'viv: 1\nanswers: answers\n' >"$work/spec/script.yaml"
printf 'viv: 1\nuse: bert\ncheckpoint: %s\n' "$(realpath "$source/tests/golden/bert-old")" >"$work/spec/encoder.yaml"
# spec MEMORY
spec() { printf 'viv: 1\narchitecture: lam\nuse: script.yaml\nstages: {}\npolicy: {"*": allow}\ntools: [remember, recall]\n%b\n' "$1" >"$work/spec/lam.yaml"; }
act() { # with the answers of standard input
    cat >"$work/spec/answers"
    bounded "$viv" act "$work/spec/lam.yaml" -p 'A task' -w "$work/w" --yes --json
}
prints() { grep -qF -- "$1" "$work/out" || { echo "no '$1' in:"; cat "$work/out" "$work/err"; return 1; }; }
complains() { grep -qF -- "$1" "$work/err" || { echo "no '$1' in:"; cat "$work/err"; return 1; }; }
# finds COUNT FIRST WORD...: by both
finds() {
    count=$1 first=$2
    shift 2
    ends 0 "$viv" memory search "$@" -w "$work/w" --spec "$work/spec/lam.yaml" --json && [ "$(wc -l <"$work/out")" -eq "$count" ] &&
        head -n 1 "$work/out" | grep -qF "\"text\":\"$first\"" || { cat "$work/out"; return 1; }
}

spec ''
remembers() {
    act <<'END'
{"action":"remember","text":"the quick brown fox"}
{"action":"remember","text":"a lazy dog"}
{"action":"done","answer":""}
END
}
check 'texts are remembered without an encoder' remembers
if grep -q 'built without SQLite' "$work/out"; then
    echo 'built without SQLite'
    exit 77
fi
spec 'memory: {use: encoder.yaml}'
later() {
    act <<'END'
{"action":"remember","text":"invoices go to the folder bills"}
{"action":"recall","words":"the quick brown fox"}
{"action":"done","answer":""}
END
    prints '"text":"- the quick brown fox\n- ' && prints '- a lazy dog' && prints '- invoices go'
}
check 'a model recalls what is near, the best first, also what was remembered before there was an encoder' later
words_alone() { ends 0 "$viv" memory search zebra -w "$work/w" && [ ! -s "$work/out" ]; }
check 'words alone find nothing where there are none' words_alone
check 'vectors do' finds 3 'the quick brown fox' the quick brown FOX
check 'of one word in common, and what is near' finds 3 'a lazy dog' lazy dog a
check 'a text is nearest to itself' finds 3 'invoices go to the folder bills' invoices go to the folder bills
same() {
    finds 3 'a lazy dog' a lazy dog && cp "$work/out" "$work/first" && finds 3 'a lazy dog' a lazy dog && cmp -s "$work/first" "$work/out"
}
check 'the same is found each time' same
forgets() { ends 0 "$viv" memory forget 2 -w "$work/w" && finds 2 'the quick brown fox' fox && ! grep -q lazy "$work/out"; }
check 'what is forgotten is not found by its vector' forgets
# order NAME: what is near, by the encoder of this name
order() {
    spec "memory: {use: $1}" && ends 0 "$viv" memory search zebra -w "$work/w" --spec "$work/spec/lam.yaml" --json && cat "$work/out"
}
changes() { # the vectors of an encoder are not compared with those of what has its name later
    spec '' && for text in 'one two three' 'an apple a day' 'green hills' '1999-12-31' 'to be or not' 'x y z'; do
        printf '{"action":"remember","text":"%s"}\n' "$text"
    done | sed '$a{"action":"done","answer":""}' | act && order encoder.yaml >"$work/before" || return 1
    printf 'viv: 1\nuse: qwen3\ncheckpoint: %s\n' "$(realpath "$source/tests/golden/qwen3-embedding")" | tee "$work/spec/other.yaml" >"$work/spec/encoder.yaml"
    order encoder.yaml >"$work/after" && order other.yaml >"$work/fresh" && ! cmp -s "$work/before" "$work/fresh" && cmp "$work/after" "$work/fresh"
}
check 'an encoder that has become another one makes its vectors anew' changes
dry() {
    printf '%s\n' '{"action":"recall","words":"zebra"}' '{"action":"done","answer":""}' >"$work/spec/answers"
    before=$(sha256sum "$work/w/.viv/memory.db")
    ends 0 "$viv" act "$work/spec/lam.yaml" -p x -w "$work/w" --dry-run --json && prints 'nothing is remembered' &&
        [ "$before" = "$(sha256sum "$work/w/.viv/memory.db")" ]
}
check 'a dry run makes no vectors' dry

half() { # a text whose vector cannot be made is not kept without it
    spec 'memory: {use: shakespeare}'
    printf '%s\n' '{"action":"remember","text":"by halves"}' '{"action":"done","answer":""}' | act
    ends 0 "$viv" memory search halves -w "$work/w" && [ ! -s "$work/out" ]
}
check 'nothing is remembered by halves' half

# --- specs ---------------------------------------------------------------------------------------------------------
no_encoder() { # MEMORY WORDS
    spec "$1"
    ends 1 "$viv" memory search fox -w "$work/w" --spec "$work/spec/lam.yaml" && complains "$2"
}
check 'answers are no encoder' no_encoder 'memory: {use: script.yaml}' 'gives vectors of texts'
check 'nor is a model that writes' no_encoder 'memory: {use: llm}' 'vectors'
wrong() { # MEMORY WORDS
    spec "$1"
    fails "$2" "$viv" spec check "$work/spec/lam.yaml"
}
check 'a memory names one' wrong 'memory: {}' "use"
check 'and nothing else' wrong 'memory: {use: a, size: 3}' 'size'
check 'a spec that acts is wanted' fails "expected a spec with 'stages'" "$viv" memory search x -w "$work/w" --spec "$work/spec/encoder.yaml"

# --- earlier versions ----------------------------------------------------------------------------------------------
# byte OFFSET: the one there, in octal; poke OFFSET OCTAL: another one
byte() { od -An -to1 -j "$1" -N 1 "$work/w/.viv/memory.db" | tr -d ' '; }
poke() { printf "\\$2" | dd of="$work/w/.viv/memory.db" bs=1 seek="$1" conv=notrunc 2>/dev/null; }
first_version() {
    cp "$source/tests/golden/memory-1/memory.db" "$work/w/.viv/memory.db" && chmod 600 "$work/w/.viv/memory.db"
    [ "$(byte 63)" = 001 ]
}
migrates() {
    first_version || return 1
    spec 'memory: {use: encoder.yaml}'
    says 'a lazy dog' "$viv" memory list -w "$work/w" && [ "$(wc -l <"$work/out")" -eq 3 ] && [ "$(byte 63)" = 002 ] &&
        finds 3 'the quick brown fox' the quick brown fox && ends 0 "$viv" memory forget 1 -w "$work/w" && finds 2 'a lazy dog' lazy dog || return 1
    printf '%s\n' '{"action":"remember","text":"a fourth"}' '{"action":"recall","words":"fourth"}' '{"action":"done","answer":""}' | act
    prints '"text":"- a fourth'
}
check 'a memory of the first version is brought up to this one' migrates
newer() {
    first_version && poke 63 003 && before=$(sha256sum "$work/w/.viv/memory.db") || return 1
    fails 'a memory of version 3, made by a newer Vivarium' "$viv" memory list -w "$work/w" && [ "$before" = "$(sha256sum "$work/w/.viv/memory.db")" ]
}
check 'one of a later version is left as it is' newer
half_way() { # it says the first version, and has what the next one adds
    first_version && ends 0 "$viv" memory list -w "$work/w" && poke 63 001 && before=$(sha256sum "$work/w/.viv/memory.db") || return 1
    fails 'cannot be brought up to this version: ' "$viv" memory list -w "$work/w" && [ "$before" = "$(sha256sum "$work/w/.viv/memory.db")" ]
}
check 'one that cannot be brought up stays as it is' half_way

finish
