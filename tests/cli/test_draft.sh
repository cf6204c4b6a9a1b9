#!/bin/sh
# --draft as users meet it: the same answers, what is said of them, and what is refused by name.
set -u
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

chat=$source/tests/golden/chat
gguf=$source/tests/golden/chat-gguf/model.gguf
says_same() { # OPTIONS: what chat answers to two turns, without a draft and with
    printf 'Hello you you\n/regen\nAnd you and you?\n' >"$work/turns"
    "$viv" chat "$chat" -f "$work/turns" -n 24 "$@" >"$work/a" 2>/dev/null &&
        "$viv" chat "$chat" -f "$work/turns" -n 24 "$@" $draft >"$work/b" 2>/dev/null && [ -s "$work/a" ] && cmp "$work/a" "$work/b"
}
for draft in '--draft ngram' '--draft ngram --draft-tokens 4' "--draft $gguf --draft-tokens 3" "--draft $gguf"; do
    check "a conversation is the same with $draft" says_same --temp 0
    check "and when it is drawn" says_same --temp 0.8 --seed 4
done

# shellcheck disable=SC2086
session() { # an answer that was cut goes on, drafted or not
    for d in "" "--draft ngram --draft-tokens 5"; do
        rm -f "$work/s"
        "$viv" run "$chat" -p "and you and you" -n 7 --temp 0.5 --seed 1 --ignore-eos --session "$work/s" $d >"$work/out$d" 2>/dev/null &&
            "$viv" run "$chat" -n 9 --temp 0.5 --ignore-eos --session "$work/s" $d >>"$work/out$d" 2>/dev/null || return 1
    done
    cmp "$work/out" "$work/out$d"
}
check 'so is a session' session

counted() { # as a draft of itself, all is accepted
    says '"draft":{"drafted_tokens":11,"accepted_tokens":11,"acceptance":1.0,"break_even":null}' \
        "$viv" run "$chat" -p Hello -n 16 --temp 0 --ignore-eos --draft "$chat" --draft-tokens 3 --json
}
check 'the last event counts' counted
closes() { ends 0 "$viv" run "$chat" -p Hello -n 16 --temp 0 --ignore-eos --draft "$chat" --draft-tokens 3 && grep -q 'draft 11 of 11 tokens accepted (100 %)' "$work/err"; }
check 'and so does the closing line' closes
check 'without a draft there is none' says '"draft":null' "$viv" run "$chat" -p Hello -n 4 --json

mkdir "$work/specs"
printf 'viv: 1\nuse: llama\ncheckpoint: %s\ndraft: ngram\n' "$(realpath "$chat")" >"$work/specs/ngrams.yaml"
printf 'viv: 1\nuse: llama\ncheckpoint: %s\ndraft: model.gguf\n' "$(realpath "$chat")" >"$work/specs/model.yaml"
cp "$gguf" "$work/specs/"
check 'a spec names it' says '"draft":{' "$viv" run "$work/specs/ngrams.yaml" -p Hello -n 4 --json
check 'also by a path relative to the spec' says '"draft":{' "$viv" run "$work/specs/model.yaml" -p Hello -n 4 --json
check 'an option says that there is none' says '"draft":null' "$viv" run "$work/specs/model.yaml" -p Hello -n 4 --json --draft none

check 'another vocabulary is refused by its first token that differs' fails "the draft llm: its token 0 is '" "$viv" run "$chat" -p Hello --draft llm
check 'a model that is not there is named' fails "the draft $work/nothing: " "$viv" run "$chat" -p Hello --draft "$work/nothing"
check 'an encoder drafts nothing' fails 'needs the logits of next tokens' "$viv" run "$chat" -p Hello --draft "$source/tests/golden/bert"
check 'traces are of the text alone' ends 2 "$viv" run "$chat" -p Hello --draft ngram --trace-experts "$work/trace"
check 'a number that is none is refused' ends 2 "$viv" run "$chat" -p Hello --draft ngram --draft-tokens 33
late() { printf '/set draft ngram\n' | "$viv" chat "$chat" 2>"$work/err"; grep -q 'chosen when the chat begins' "$work/err"; }
check 'a chat begins with its draft' late
finish
