#!/bin/sh
# What a spec and the user's defaults.yaml set, from outside: options go before a spec, a spec before defaults.yaml,
# and that before generation_config.json.
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

own=$XDG_CONFIG_HOME/vivarium
mkdir -p "$own/specs"
printf 'viv: 1\nuse: llm\nsampling: {temperature: 0, max_tokens: 3}\nthreads: 1\ncontext: 40\n' >"$own/specs/brief.yaml"
answers() { # TOKENS ARGUMENT...: run answers with so many tokens
    tokens=$1
    shift
    ends 0 "$viv" run "$@" --json && [ "$(grep -c '"event":"token"' "$work/out")" -eq "$tokens" ]
}
check 'families of checkpoints are found all the same' ends 0 "$viv" inspect "$source/tests/golden/llama-gqa"
check 'a spec in ~/.config/vivarium/specs has a name' says brief "$viv" spec list
check 'its context is set' says '"context": 40' "$viv" inspect brief --json
check 'and the length of its answers' answers 3 brief -p ROMEO:
check 'an option goes before' answers 2 brief -p ROMEO: -n 2
check 'no limit is an option, too' answers 5 brief -p ROMEO: -n 5
printf 'viv: 1\nsampling: {max_tokens: 4, seed: 7}\n' >"$own/defaults.yaml"
check 'defaults.yaml counts where a spec says nothing' answers 4 llm -p ROMEO:
check 'and a spec goes before it' answers 3 brief -p ROMEO:
same() { "$viv" run llm -p ROMEO: --no-echo -q >"$work/a" && "$viv" run llm -p ROMEO: --no-echo -q >"$work/b" && cmp "$work/a" "$work/b"; }
check 'a seed that is set makes runs the same' same
printf 'viv: 1\nthreads: none\n' >"$own/defaults.yaml"
check 'a mistake there is named with its place' fails "defaults.yaml:2:10: 'threads': expected a whole number from 0 to 1024, found none" "$viv" run llm -p x
printf '# viv: 1\n\n# threads: 2\n' >"$own/defaults.yaml"
check 'one where everything is commented out sets nothing' answers 2 llm -p ROMEO: -n 2
rm "$own/defaults.yaml"

printf 'viv: 1\nuse: llm\nsampling: {temperature: 0, max_tokens: 6}\n' >"$own/specs/llm.yaml"
check 'a spec of the same name uses the one that it hides' answers 6 llm -p ROMEO:
check 'also by the name that lists show' ends 0 "$viv" inspect embedded/llm
printf 'viv: 1\nuse: embedded/llm\nsampling: {max_tokens: 7}\n' >"$own/specs/seven.yaml"
check 'and so does use' answers 7 seven -p ROMEO:
rm "$own/specs/llm.yaml"

chat=$source/tests/golden/chat
printf '{{ "SET:" }}{%% for m in messages %%}{{ m.role }}={{ m.content }};{%% endfor %%}' >"$own/specs/set.jinja"
printf 'viv: 1\nuse: llama\ncheckpoint: %s\nchat_template: set.jinja\nsystem: Be brief.\n' "$(realpath "$chat")" >"$own/specs/talk.yaml"
printf '[{"role": "user", "content": "Hi"}]' >"$work/m.json"
check 'a chat template that is set goes before the checkpoint' says 'SET:user=Hi;' "$viv" render talk "$work/m.json"
prompt_of() { printf 'Hi\n' | "$viv" chat talk --json -n 1 "$@" | sed -n 's/.*"prompt_tokens":\([0-9]*\),.*/\1/p'; }
sed -i '/chat_template/d' "$own/specs/talk.yaml"
told() { [ "$(prompt_of)" -eq "$(prompt_of --system 'Be brief.')" ] && [ "$(prompt_of)" -gt "$(prompt_of --system '')" ]; }
check 'a system prompt that is set begins conversations, unless an option gives another' told
finish
