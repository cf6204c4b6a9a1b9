#!/bin/sh
# Grammars as users meet them: answers that keep to one, what viv grammar says of it, and what is refused by name.
set -u
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

chat=$source/tests/golden/chat
cat >"$work/person.json" <<'END'
{"type": "object", "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer", "minimum": 0, "maximum": 150}},
 "required": ["name", "age"], "additionalProperties": false}
END
printf 'root ::= "(" root ")" | [a-z ]{1,9}\n' >"$work/nest.gbnf"
printf 'yes\nno\n' >"$work/choice.txt"

matches() { # PATTERN OPTIONS: three answers of $model, or llm, all match, the last line of each
    pattern=$1
    shift
    for seed in 1 2 3; do
        "$viv" run "${model:-llm}" "KING:" --no-echo -q -n 200 --seed $seed "$@" >"$work/answer" 2>"$work/err" || return 1
        grep -Eqx "$pattern" "$work/answer" || { cat "$work/answer"; return 1; }
    done
}
check 'an answer is one of the choices' matches 'yes|no|not now' --choice 'yes,no,not now'
check 'a comma may be in one' matches 'a,b' --choice 'a\,b'
check 'an answer matches an expression' matches '[0-9]{3}-[A-Z][a-z]{2,5}' --regex '[0-9]{3}-[A-Z][a-z]{2,5}'
check 'an answer keeps to a grammar' matches '\(*[a-z ]{1,9}\)*' --grammar "$work/nest.gbnf"
check 'an answer is JSON' matches '\{"name": ?".{0,60}", ?"age": ?[0-9]*\}' --json-schema "$work/person.json"
check 'the end of the name tells the language' matches 'yes|no' --grammar "$work/choice.txt"
check 'a grammar ends the answer, also with --ignore-eos' matches 'yes|no' --choice yes,no --ignore-eos

same() { # the same answer with a draft
    for options in "--temp 0" "--temp 0.9 --seed 5"; do
        # shellcheck disable=SC2086
        "$viv" run "$chat" -p "Hello you" --no-echo -n 40 $options --regex '[a-zA-Z ]{5,30}[.]' >"$work/a" 2>/dev/null &&
            "$viv" run "$chat" -p "Hello you" --no-echo -n 40 $options --regex '[a-zA-Z ]{5,30}[.]' --draft ngram --draft-tokens 4 >"$work/b" 2>/dev/null &&
            [ -s "$work/a" ] && cmp "$work/a" "$work/b" || return 1
    done
}
check 'a draft changes nothing' same
chats() {
    printf 'Hello\nAnd you\n' >"$work/turns"
    "$viv" chat "$chat" -f "$work/turns" -n 30 --choice yes,no >"$work/out" 2>"$work/err" && [ "$(grep -cE 'yes|no' "$work/out")" = 2 ]
}
check 'a chat keeps to it in each turn' chats

check 'the size and the shortest text' says '"shortest":"no"' "$viv" grammar check "$work/choice.txt" --json
check 'a text that is allowed' ends 0 "$viv" grammar check "$work/person.json" '{"name":"Ada","age":36}'
stops() { ends 1 "$viv" grammar check "$work/person.json" '{"name":"Ada","b":36}' && grep -q 'its byte 16 leads out' "$work/out"; }
check 'a text that is not, and where' stops
check 'texts are sampled' says '{"text":"no"}' "$viv" grammar sample "$work/choice.txt" -n 20 --json --seed 1
samples_are_allowed() {
    "$viv" grammar sample "$work/nest.gbnf" -n 20 --seed 2 >"$work/texts" && [ "$(wc -l <"$work/texts")" = 20 ] || return 1
    while IFS= read -r text; do "$viv" grammar check "$work/nest.gbnf" -- "$text" || return 1; done <"$work/texts"
}
check 'and are allowed' samples_are_allowed

echo '{"type": "array", "uniqueItems": true}' >"$work/unique.json"
check 'what cannot be kept is refused with its path' fails 'unique.json: #/uniqueItems: ' "$viv" grammar check "$work/unique.json"
check 'or named, where that is wanted' says 'not enforced' "$viv" grammar check "$work/unique.json" --lenient --json
check 'before the model is run' fails '--regex: byte 2 of' "$viv" run llm -p KING --regex 'a(?=b)'
check 'a language that is not known' fails 'say it by --language' "$viv" grammar check "$work/turns"
check 'two grammars' fails 'not several' "$viv" run llm -p KING --regex a --choice b
printf 'viv: 1\nuse: llm\ngrammar: choice.txt\n' >"$work/spec.yaml"
model=$work/spec.yaml
check 'a spec may name one' matches 'yes|no'
check 'which an option replaces' matches 'maybe' --choice maybe
check 'or leaves out' matches '.{20}.*' --grammar none
model=
printf 'viv: 1\nuse: llm\ngrammar: none.gbnf\n' >"$work/spec.yaml"
check 'and which must be there' fails 'none.gbnf: No such file' "$viv" run "$work/spec.yaml" -p KING
check 'a vocabulary that cannot' fails 'no token of the vocabulary has the text' "$viv" run "$chat" -p Hello --temp 0 --regex '[\x{1F600}]'
finish
