#!/bin/sh
# Models that act by calling tools in their own way: a script that writes as Hermes does, a model with such a template, and tools
# of servers.
set -u
[ -w /dev/shm ] && TMPDIR=${TMPDIR:-/dev/shm} && export TMPDIR # all that is done is synced
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"
"$viv" plugin list 2>/dev/null | grep -q lam || { echo 'built without lam'; exit 77; }

# fresh LINES: a workspace, and a spec with these lines; the answers are those of standard input
fresh() {
    rm -rf "$work/w" "$work/spec"
    mkdir -p "$work/w/docs" "$work/spec"
    printf 'one\ntwo\n' >"$work/w/a.txt"
    printf 'viv: 1\nanswers: answers\ndialect: hermes\n' >"$work/spec/script.yaml"
    printf 'viv: 1\narchitecture: lam\nuse: script.yaml\nstages: {plan: {act_by: native}}\n%b\n' "$1" >"$work/spec/lam.yaml"
    cat >"$work/spec/answers"
}
call() { printf '<tool_call>\n{"name": "%s", "arguments": %s}\n</tool_call>\n\n' "$1" "$2"; }
act() { bounded "$viv" act "$work/spec/lam.yaml" -p 'A task' -w "$work/w" "$@"; }
acts() { # STATUS OPTION...
    wanted=$1
    shift
    act "$@"
    got=$?
    [ $got -eq "$wanted" ] || { echo "exit status $got, expected $wanted"; cat "$work/out" "$work/err"; return 1; }
}
prints() { grep -qF -- "$1" "$work/out" || { echo "no '$1' in:"; cat "$work/out" "$work/err"; return 1; }; }
complains() { grep -qF -- "$1" "$work/err" || { echo "no '$1' in:"; cat "$work/err"; return 1; }; }

calls() {
    {
        call list '{"folder":"."}'
        call write '{"folder":"docs","name":"new.md","text":"# New\n"}'
        call move '{"from":"a.txt","folder":"docs","name":"b.txt"}'
        call archive '{"from":"docs","folder":".","name":"docs.zip"}'
        call done '{"answer":"all of it"}'
    } | fresh 'policy: {"*": allow}'
    acts 0 --json && prints '"reason":"done","answer":"all of it","steps":4' && [ "$(cat "$work/w/docs/new.md")" = '# New' ] &&
        [ -e "$work/w/docs/b.txt" ] && [ -e "$work/w/docs.zip" ] && prints '"tool":"move","from":"a.txt","to":"docs/b.txt"' &&
        ends 0 "$viv" undo -w "$work/w" && [ -e "$work/w/a.txt" ] && [ ! -e "$work/w/docs.zip" ]
}
check 'calls are actions, under policy and journal' calls
cannot() { # NAME ARGUMENTS
    call "$1" "$2" | fresh 'policy: {"*": allow}'
    acts 1 && complains 'does not allow byte' && [ -e "$work/w/a.txt" ]
}
check 'what is not there cannot be named' cannot delete '{"path":"b.txt"}'
check 'nor a tool' cannot python '{"code":"1"}'
check 'nor an argument' cannot delete '{"path":"a.txt","force":true}'
bare() { printf '{"action":"done","answer":""}\n' | fresh ''; acts 1 && complains 'does not allow byte 1'; }
check 'an action of the other kind is none' bare
two() {
    printf '<tool_call>\n{"name": "list", "arguments": {"folder":"."}}\n</tool_call>\n<tool_call>\n{"name": "done", "arguments": {"answer":""}}\n</tool_call>\n' | fresh ''
    acts 1 && complains 'does not allow byte'
}
check 'one call at a time' two
servers() {
    {
        call s/echo '{"text":"hello"}'
        call done '{"answer":""}'
    } | fresh "mcp: {s: {command: [sh, $source/tests/lam/mcp_server.sh, modern]}}"
    acts 0 --yes --json && prints '"tool":"s/echo"' && prints '"outcome":"done","text":"hello\n"'
}
check 'tools of servers are called by their names' servers
kept() { # what of a server's schema cannot be kept is left to it
    {
        call s/c '{"n":[1,1]}'
        call done '{"answer":""}'
    } | fresh "mcp: {s: {command: [sh, $source/tests/lam/mcp_server.sh, schema]}}"
    acts 0 --yes
}
check 'whatever their schemas are' kept

# --- a model -------------------------------------------------------------------------------------------------------
cat >"$work/hermes.jinja" <<'END_TEMPLATE'
{%- if tools %}{% for tool in tools %}{{ tool.function.name }} {{ tool.function.parameters | tojson | length }}
{%- endfor %}
for each call write <tool_call>{"name": ..., "arguments": ...}</tool_call>
{%- endif %}
{%- for m in messages %}
{{ m.role }}: {{ (m.content or '')[:60] }}
{%- for call in m.tool_calls or [] %}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>
{%- endfor %}
{%- endfor %}
{%- if add_generation_prompt %}
assistant: {% endif %}
END_TEMPLATE
model() { # one that has learnt nothing: whatever it samples is a call, of what is there
    fresh 'policy: {"*": allow}\nlimits: {steps: 1}\ntools: [list, move, make_folder]' </dev/null
    cp "$work/hermes.jinja" "$work/spec"
    printf 'viv: 1\nuse: llama\ncheckpoint: %s\nchat_template: hermes.jinja\n%s\n' "$(realpath "$source/tests/golden/chat")" "$1" >"$work/spec/model.yaml"
    sed -i 's/^use: .*/use: model.yaml/; s/act_by: native/act_by: native, prompt: Act, max_tokens: 300/' "$work/spec/lam.yaml"
}
random() {
    model 'sampling: {seed: 3}'
    for _ in 1 2 3; do
        act --json
        got=$?
        { [ $got -eq 0 ] || { [ $got -eq 1 ] && complains 'the limit of steps'; }; } || { cat "$work/err"; return 1; }
    done
    prints '"event":"step"' || prints 'cut' || prints '"reason":"done"'
}
check 'a model without any sense calls within bounds' random
none() {
    fresh '' </dev/null
    sed -i "s|^use: .*|use: $source/tests/golden/chat|" "$work/spec/lam.yaml"
    acts 1 && complains 'calls cannot be required of this model'
}
check 'a model whose template has no calls cannot' none
plain() {
    fresh '' </dev/null
    sed -i 's/^use: .*/use: llm/' "$work/spec/lam.yaml"
    acts 1 && complains 'without a chat template'
}
check 'nor one without a template' plain

# --- specs ---------------------------------------------------------------------------------------------------------
lacks() { printf 'x\n' | fresh ''; sed -i '/dialect/d' "$work/spec/script.yaml"; acts 1 && complains "expected 'dialect'"; }
check 'answers that call no tools' lacks
unknown() { printf 'x\n' | fresh ''; sed -i 's/hermes/hermse/' "$work/spec/script.yaml"; acts 1 && complains "there is no dialect 'hermse'"; }
check 'a dialect that there is not' unknown
wrong() { fresh '' </dev/null; sed -i 's/native/tools/' "$work/spec/lam.yaml"; fails 'expected json or native' "$viv" spec check "$work/spec/lam.yaml"; }
check 'a way to act that there is not' wrong
misplaced() { fresh '' </dev/null; sed -i 's/plan: /verify: /' "$work/spec/lam.yaml"; fails 'of the stage plan' "$viv" spec check "$work/spec/lam.yaml"; }
check 'or of another stage' misplaced

finish
