#!/bin/sh
# viv chat and viv render as programs meet them: turns in, answers out, and what is refused by name.
set -u
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

chat=$source/tests/golden/chat
# talk TURNS OPTION...: turns divided by |
talk() {
    turns=$1
    shift
    printf '%s\n' "$turns" | tr '|' '\n' | timeout "$seconds" "$viv" chat "$@"
}
same() { [ -s "$work/a" ] && cmp "$work/a" "$work/b"; }
# shows WORDS: the last output holds these
shows() { grep -qF -- "$1" "$work/a" || { echo "no '$1' in:"; cat "$work/a"; return 1; }; }
without_times() { sed -E 's/"[a-z_]*(per_second|seconds|bytes)":[^,}]*,?//g'; }
only_text() { sed 's/.*"text":"//; s/","reason".*//'; }

# --- turns ---------------------------------------------------------------------------------------------------------
by_hand() { # what chat does, done with render and run
    printf '[{"role":"user","content":"Hello"}]' >"$work/m"
    talk Hello "$chat" --temp 0 -n 30 >"$work/a" &&
        "$viv" run -q "$chat" --no-echo --temp 0 -n 30 -p "$("$viv" render "$chat" "$work/m"; echo x)" >/dev/null &&
        "$viv" render "$chat" "$work/m" >"$work/p" && printf '\n' >>"$work/p" &&
        "$viv" run -q "$chat" --no-echo --temp 0 -n 30 -f "$work/p" >"$work/b" && echo >>"$work/b" && same
}
check 'an answer continues what the template makes of the messages' by_hand
gguf() { talk 'Hello|You' "$chat" --temp 0 -n 30 >"$work/a" && talk 'Hello|You' "$chat-gguf/model.gguf" --temp 0 -n 30 >"$work/b" && same; }
check 'so it does with a GGUF file' gguf
kept() { # 25 tokens of the first prompt and 9 of the answer, whose last went through nothing
    talk 'Hello|And you?' "$chat" --temp 0 -n 10 --json >"$work/a" && [ "$(wc -l <"$work/a")" -eq 2 ] &&
        shows '"turn":1' && shows '"prompt_tokens":25,"cached_tokens":0' &&
        shows '"turn":2' && shows '"prompt_tokens":64,"cached_tokens":34'
}
check 'a second turn computes only what is new' kept
verbose() { talk 'Hello|And you?' "$chat" --temp 0 -n 10 -v 2>"$work/a" >"$work/b" && shows 'prompt 64 tokens, 34 of them cached'; }
check 'and says so' verbose
anew() { # as when the conversation is new
    talk "Hello|And you?|/save $work/m" "$chat" --temp 0 -n 10 2>/dev/null >"$work/all" &&
        without_last "$work/m" >"$work/cut" && "$viv" render "$chat" "$work/cut" >"$work/p" && printf '\n' >>"$work/p" &&
        "$viv" run -q "$chat" --no-echo --temp 0 -n 10 -f "$work/p" >"$work/b" && echo >>"$work/b" &&
        tail -c "$(wc -c <"$work/b")" "$work/all" >"$work/a" && same
}
# the messages without the last
without_last() { sed -n '1,/"And you?"/p' "$1" && printf '  }\n]\n'; }
check 'and answers as if all of it were new' anew
files() { printf 'Hello\r\n\nAnd you?' >"$work/t" && "$viv" chat "$chat" --temp 0 -n 9 -f "$work/t" >"$work/a" && talk 'Hello|And you?' "$chat" --temp 0 -n 9 >"$work/b" && same; }
check 'turns are lines of a file, too' files
seeds() {
    talk 'Hello|Hello' "$chat" --temp 1 -n 20 --seed 3 >"$work/a" && talk 'Hello|Hello' "$chat" --temp 1 -n 20 --seed 3 >"$work/b" && same &&
        talk 'Hello|/regen' "$chat" --temp 1 -n 20 --seed 3 | sort -u >"$work/a" && [ "$(wc -l <"$work/a")" -ge 2 ]
}
check 'a seed gives the same conversation, and another answer each time' seeds
turn_end() { # a token that only the template names: to `viv run` it is one like others
    talk Hello "$chat" --temp 0 -n 9 --logit-bias 3=1000 --json >"$work/a" && shows '"text":"","reason":"end"' &&
        "$viv" run "$chat" -p Hello --temp 0 -n 9 --logit-bias 3=1000 --json >"$work/a" && shows '"reason":"length"' &&
        talk Hello "$chat" --temp 0 -n 9 --logit-bias 3=1000 --ignore-eos --json >"$work/a" && shows '"reason":"length"'
}
check 'the end of a turn in the template ends the answer' turn_end
stops() { talk Hello "$chat" --temp 0 -n 30 --stop '?' --json >"$work/a" && shows '"reason":"stop"'; }
check 'so does a text to stop at' stops

# --- commands --------------------------------------------------------------------------------------------------------
regenerated() {
    talk 'Hello|/regen' "$chat" --temp 0 -n 12 --json | only_text >"$work/all" &&
        sed -n 1p "$work/all" >"$work/a" && sed -n 2p "$work/all" >"$work/b" && same
}
check '/regen answers the same turn again' regenerated
nothing() { printf '/regen\n' | "$viv" chat "$chat" 2>"$work/a"; [ $? -eq 1 ] && shows 'no answer yet'; }
check 'but not before there is one' nothing
system() {
    talk 'Hello' "$chat" --temp 0 -n 12 --system 'Be brief.' >"$work/a" &&
        talk '/system Be brief.|Hello' "$chat" --temp 0 -n 12 >"$work/b" && same &&
        talk '/system No.|/system  Be brief.|Hello' "$chat" --temp 0 -n 12 >"$work/b" && same &&
        talk '/system|Hello' "$chat" --temp 0 -n 12 --system 'Be brief.' >"$work/a" && talk 'Hello' "$chat" --temp 0 -n 12 >"$work/b" && same
}
check '/system is the first message' system
saves() {
    talk "/system S|Hello|//x|/save $work/m|/quit|Never" "$chat" --temp 0 -n 3 >"$work/b" 2>"$work/a" && shows '5 messages are in' &&
        [ "$(wc -l <"$work/b")" -eq 2 ] && "$viv" render "$chat" "$work/m" >"$work/a" && shows 'system' && shows '/x' && ! grep -q '//x' "$work/a"
}
check '/save writes messages that render takes, and /quit quits' saves
helps() { printf '/help\n' | "$viv" chat "$chat" 2>"$work/a" && shows '/system  TEXT' && shows '/quit'; }
check '/help lists them' helps
unknown() { talk '/hlep|Never' "$chat" 2>"$work/a" >"$work/b"; [ $? -eq 1 ] && shows 'there is no /hlep' && [ ! -s "$work/b" ]; }
check 'what is no command is refused' unknown

near_one() { talk '/claer' "$chat" 2>"$work/a"; [ $? -eq 1 ] && shows 'there is no /claer; did you mean /clear?'; }
check 'by the nearest' near_one
cleared() { # the system message stays
    talk "/system S|Hello|/clear|Hello|/save $work/m" "$chat" --temp 0 -n 9 2>"$work/err" >"$work/all" && [ "$(grep -c role "$work/m")" -eq 3 ] &&
        sed -n 1p "$work/all" >"$work/a" && sed -n 2p "$work/all" >"$work/b" && same
}
check '/clear begins anew' cleared
for word in /quit /bye /exit /q; do
    leaves() { talk "$word|Hello" "$chat" -n 3 >"$work/a" && [ ! -s "$work/a" ]; }
    check "$word ends it" leaves
done
asks() { printf '/?\n' | "$viv" chat "$chat" 2>"$work/a" && shows '/clear' && shows '/set '; }
check '/? is help' asks
sets() {
    talk 'Hello' "$chat" --temp 0 -n 9 >"$work/a" && talk '/set temp 0|/set parameter num_predict 9|Hello' "$chat" >"$work/b" && same &&
        talk '/set max-tokens 9|Hello' "$chat" --temp 1 --seed 4 >"$work/a" && talk '/set seed 4|/set temperature 1|Hello' "$chat" -n 9 >"$work/b" && same &&
        talk '/set system Be brief.|Hello' "$chat" --temp 0 -n 9 >"$work/a" && talk 'Hello' "$chat" --temp 0 -n 9 --system 'Be brief.' >"$work/b" && same &&
        talk '/set verbose|Hello' "$chat" --temp 0 -n 3 2>"$work/a" >"$work/b" && shows 'ended by length'
}
check '/set is an option from there on' sets
refuses_to_set() {
    talk "/set $1" "$chat" 2>"$work/a"
    [ $? -eq 1 ] && shows "$2" && [ "$(wc -l <"$work/a")" -eq 1 ]
}
check 'of a value that it takes' refuses_to_set 'temp hot' '--temp takes a number from 0 to 100'
check 'and a name that there is' refuses_to_set 'threads 3' "'threads' cannot be set"
check 'with its value' refuses_to_set 'temp' '/set temp: expected T'
shown() { talk '/set top-k 7|/set' "$chat" 2>"$work/a" && shows 'top-k 7'; }
check '/set alone shows what is set' shown
reads() {
    printf 'Hello\nthere\n' >"$work/t" && talk "/read $work/t|/save $work/m" "$chat" -n 3 2>"$work/err" >"$work/b" && grep -qF 'Hello\nthere\n' "$work/m" &&
        talk "/read $work/none" "$chat" 2>"$work/a"
    [ $? -eq 1 ] && shows "$work/none: No such file"
}
check '/read is a turn from a file' reads
check 'nothing that is piped is kept' test ! -e "$work/state"

# --- sessions --------------------------------------------------------------------------------------------------------
goes_on() {
    rm -f "$work/s"
    talk 'Hello|And you?|Why?' "$chat" --temp 1 --seed 4 -n 15 --json | without_times >"$work/a" &&
        talk 'Hello|And you?' "$chat" --temp 1 --seed 4 -n 15 --json --session "$work/s" | without_times >"$work/b" &&
        talk 'Why?' "$chat" --temp 1 -n 15 --json --session "$work/s" | without_times >>"$work/b" && same
}
check 'a conversation goes on from its session, and keeps what was computed' goes_on
of_run() { fails '`viv chat` goes on with it' "$viv" run "$chat" -p x --session "$work/s"; }
check 'viv run does not go on with it' of_run
of_chat() { rm -f "$work/s" && "$viv" run -q "$chat" -p x -n 3 --session "$work/s" >"$work/a" && fails '`viv run` goes on with it' "$viv" chat "$chat" --session "$work/s"; }
check 'nor viv chat with a text' of_chat
untouched() { rm -f "$work/s" && : | "$viv" chat "$chat" --session "$work/s" && [ ! -e "$work/s" ]; }
check 'where nothing was said nothing is saved' untouched

# --- what is refused -------------------------------------------------------------------------------------------------
full() { # the turn is refused, and what was said before it is kept
    rm -f "$work/s"
    talk 'Hello|Hello again' "$chat" --temp 0 -n 10 --context 60 --session "$work/s" >"$work/b" 2>"$work/a"
    [ $? -eq 1 ] && shows 'the prompt has 67 tokens, and the context holds 60' && shows '/save keeps what was said' && [ "$(wc -l <"$work/b")" -eq 1 ] &&
        talk "/save $work/m" "$chat" --context 60 --session "$work/s" 2>"$work/a" && shows '2 messages'
}
check 'a turn that has no room' full
filled() { talk 'Hello' "$chat" --temp 0 --context 60 2>"$work/a" >"$work/b" && shows 'the context of 60 tokens is full, the answer ends here'; }
check 'an answer that fills the context' filled
check 'a model without a template' fails 'no chat template' "$viv" chat llm
check 'and what to do then' fails '--template FILE gives it one' "$viv" chat llm
own() {
    printf "{%% for m in messages %%}{{ m.content }}\n{%% endfor %%}" >"$work/t" &&
        printf 'ROMEO:\n' | "$viv" chat llm --template "$work/t" --temp 0 -n 5 >"$work/a" &&
        "$viv" run -q llm --no-echo -p 'ROMEO:
' --temp 0 -n 5 >"$work/b" && echo >>"$work/b" && same
}
check 'which is to give one' own
raises() {
    printf '{{ bos_token }}\n{{ raise_exception("I say no") }}' >"$work/t"
    talk Hello "$chat" --template "$work/t" 2>"$work/a"
    [ $? -eq 1 ] && shows "$work/t:2: I say no" && shows '`viv render` shows'
}
check 'a template that fails' raises
check 'a template that is not there' fails 'No such file' "$viv" chat "$chat" --template "$work/none"
check 'another name of a template' fails "no chat template called 'x'" "$viv" chat "$chat" --template-name x
check 'turns that are not there' fails 'No such file' "$viv" chat "$chat" -f "$work/none"
check 'a model with an encoder' fails 'encoder' "$viv" chat "$source/tests/golden/t5" --template "$chat/tokenizer.json"
check 'a model that writes nothing' fails 'viv embed' "$viv" chat "$source/tests/golden/bert"
bytes() { printf 'a\n\377\n' | "$viv" chat "$chat" -n 3 2>"$work/a" >"$work/b"; [ $? -eq 1 ] && shows 'standard input: line 2 is not UTF-8'; }
check 'a line that is no text' bytes

# --- render ----------------------------------------------------------------------------------------------------------
check 'render: messages' says '<|im_start|>assistant' "$viv" render "$chat" "$chat/messages.json"
rendered() { "$viv" render "$chat" "$chat/messages.json" >"$work/a" && "$viv" render "$chat-gguf/model.gguf" "$chat/messages.json" >"$work/b" && same; }
check 'of a GGUF file, too' rendered
tools() { echo '[{"name": "now"}]' >"$work/t" && says 'tools: [{"type": "function", "function": {"name": "now"}}]' "$viv" render "$chat" "$chat/messages.json" --tools "$work/t"; }
check 'with tools' tools
no_prompt() { "$viv" render "$chat" "$chat/messages.json" --no-generation-prompt >"$work/a" && [ "$(tail -n 1 "$work/a")" = 'is?<|im_end|>' ]; }
check 'without a prompt for the answer' no_prompt
check 'as JSON' says '{"text":"<s><|im_start|>' "$viv" render "$chat" "$chat/messages.json" --json
role() { echo '[{"role":"robot","content":"x"}]' >"$work/m" && fails 'a role is system, user or assistant, not robot' "$viv" render "$chat" "$work/m"; }
check 'a template refuses in its own words' role
data() { echo '{"a":1}' >"$work/m" && fails "no list of 'messages'" "$viv" render "$chat" "$work/m"; }
check 'messages that are none' data

finish
