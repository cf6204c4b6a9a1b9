#!/bin/sh
# Tools as users meet them: which dialect a model speaks, calls as events, and tool files that are refused by name.
set -u
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

chat=$source/tests/golden/chat
cat >"$work/hermes.jinja" <<'END_TEMPLATE'
{%- if tools %}system: for each call write <tool_call>{"name": ..., "arguments": ...}</tool_call>
{%- for tool in tools %}{{ tool | tojson }}
{%- endfor %}
{%- endif %}
{%- for m in messages %}
{{ m.role }}: {{ m.content or '' }}
{%- for call in m.tool_calls or [] %}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>
{%- endfor %}
{%- endfor %}
{%- if add_generation_prompt %}
assistant: {% endif %}
END_TEMPLATE
sed 's/{"name": "{{ call.function.name }}"/{"tool": "{{ call.function.name }}"/' "$work/hermes.jinja" >"$work/odd.jinja"
cat >"$work/tools.json" <<'END_TOOLS'
[{"type": "function", "function": {"name": "get", "parameters": {"type": "object", "properties":
 {"n": {"type": "integer", "minimum": 0, "maximum": 99}, "on": {"type": "boolean"}}, "required": ["n"]}}},
 {"type": "function", "function": {"name": "stop"}}]
END_TOOLS
printf '[{"role": "user", "content": "Hello"}]' >"$work/messages.json"

# --- viv tools ---
known() { "$viv" tools >"$work/all" && grep -q '^hermes ' "$work/all" && grep -q '^gpt-oss ' "$work/all"; }
check 'all dialects are listed' known
speaks() {
    "$viv" tools "$chat" --template "$work/hermes.jinja" --tools "$work/tools.json" --json >"$work/out" &&
        grep -q '"dialect": "hermes"' "$work/out" && grep -q 'specs/dialects/hermes.yaml' "$work/out" &&
        grep -q '"example": "<tool_call>\\n{\\"name\\": \\"get\\", \\"arguments\\": {\\"n\\": 3, \\"on\\": true}}' "$work/out"
}
check 'a model speaks the dialect of its template' speaks
refused() { # SENTENCE COMMAND...
    sentence=$1
    shift
    if "$@" >"$work/out" 2>"$work/err"; then return 1; fi
    grep -qF -e "$sentence" "$work/err" || { cat "$work/err"; return 1; }
}
check 'a template that writes calls in another form is refused' refused 'writes the call get_weather' \
    "$viv" tools --template "$work/odd.jinja"
check 'a template without calls has no dialect' refused 'in none of the forms that are known' "$viv" tools "$chat"
keeps() {
    "$viv" tools --template "$work/hermes.jinja" --tools "$work/tools.json" --lark --one-call >"$work/calls.lark" &&
        "$viv" grammar check "$work/calls.lark" '<tool_call>
{"name": "get", "arguments": {"n": 42, "on": true}}
</tool_call>' >/dev/null && ! "$viv" grammar check "$work/calls.lark" '<tool_call>
{"name": "get", "arguments": {"on": true}}
</tool_call>' >/dev/null 2>&1
}
check 'the grammar of calls keeps to the schemas' keeps

# --- viv render ---
cat >"$work/items.jinja" <<'END_TEMPLATE'
{%- for tool in tools or [] %}{{ tool.function.name }} {% endfor %}
{%- for m in messages %}{{ m.role }}{% for call in m.tool_calls or [] %}
{%- for key, value in call.function.arguments.items() %} {{ key }}={{ value }}{% endfor %}{% endfor %} {% endfor %}
END_TEMPLATE
sed 's/for key.*endfor %}{% endfor %}/set text = call.function.arguments + "!" %} {{ text }}{% endfor %}/' \
    "$work/items.jinja" >"$work/text.jinja"
printf '%s' '[{"role": "user", "content": "Hello"}, {"role": "assistant", "tool_calls": [{"type": "function", "id": "a",
 "function": {"name": "get", "arguments": "{\"n\": 3}"}}]}]' >"$work/calls.json"
written() { # TEMPLATE TEXT
    "$viv" render "$chat" "$work/calls.json" --template "$work/$1" --tools "$work/alone.json" >"$work/out" 2>"$work/err"
    test "$(cat "$work/out")" = "$2" || { cat "$work/out" "$work/err"; return 1; }
}
sed -e '/for call in/,/endfor %}$/d' "$work/hermes.jinja" >"$work/silent.jinja"
put_in() { # the text of its calls goes into the content
    "$viv" tools --template "$work/silent.jinja" | grep -q '^hermes: ' &&
        "$viv" render "$chat" "$work/calls.json" --template "$work/silent.jinja" --tools "$work/tools.json" >"$work/out" &&
        tr '\n' ' ' <"$work/out" | grep -qF 'assistant: <tool_call> {"name": "get", "arguments": {"n": 3}} </tool_call>' || { cat "$work/silent.jinja" "$work/out"; return 1; }
}
check 'a template that leaves calls out has them in the content' put_in
printf '[{"name": "get", "parameters": {}}, {"type": "function", "name": "stop"}]' >"$work/alone.json"
check 'arguments in a text become an object for templates that want one' written items.jinja 'get stop user assistant n=3 '
check 'other templates have them as they are' written text.jinja 'get stop user assistant {"n": 3}! '

# --- viv run ---
run() { "$viv" run "$chat" --template "$work/hermes.jinja" -q -n 200 "$@" 2>"$work/err" >"$work/out"; }
calls() {
    for seed in 1 2 3; do
        run --tools "$work/tools.json" --tool-choice get --seed $seed --json Hello &&
            grep '"event": *"call"' "$work/out" >"$work/calls" || return 1
        [ "$(wc -l <"$work/calls")" = 1 ] && ! grep -q '"event": *"text"' "$work/out" &&
            grep -Eq '"name": *"get", *"arguments": *\{"n": *[0-9]{1,2}(, *"on": *(true|false))?\}, *"id": *"call_[A-Za-z0-9]{24}"' "$work/calls" ||
            { cat "$work/out"; return 1; }
    done
}
check 'a call that is required is an event with name, arguments and id' calls
parts() { # with their pieces put together, before it
    run --tools "$work/tools.json" --tool-choice get --one-call --seed 2 --json Hello && grep -q '"event":"call_begin","call":0,"name":"get"' "$work/out" &&
        sed -n 's/.*"event":"call_part","call":0,"arguments":"\(.*\)"}$/\1/p; /"event":"call",/q' "$work/out" >"$work/parts" &&
        [ "$(wc -l <"$work/parts")" -gt 3 ] && whole=$(tr -d '\n\\ ' <"$work/parts") &&
        grep '"event":"call",' "$work/out" | tr -d ' ' | grep -qF "\"arguments\":$whole," || { cat "$work/out"; return 1; }
}
check 'its arguments come piece by piece' parts
readable() { run --tools "$work/tools.json" --tool-choice get --seed 1 Hello && grep -Eq '^call get \{"n": [0-9]' "$work/out"; }
check 'without --json, it is a line' readable
any_call() { run --tools "$work/tools.json" --tool-choice required --one-call --seed 3 --json Hello &&
    [ "$(grep -c '"event": *"call"' "$work/out")" = 1 ]; }
check 'with required, one of the tools is called' any_call
special() {
    mkdir -p "$work/special" && cp "$chat"/* "$work/special" &&
        sed 's/<|im_start|>/<tool_call>/g; s/<|im_end|>/<\/tool_call>/g' "$chat/tokenizer.json" >"$work/special/tokenizer.json" &&
        "$viv" run "$work/special" --template "$work/hermes.jinja" -q --tools "$work/tools.json" --tool-choice required \
            -n 1 --json Hello >"$work/out" && grep -q '"text": *"<tool_call>"' "$work/out" || { cat "$work/out"; return 1; }
    "$viv" run "$work/special" --template "$work/hermes.jinja" -q --tools "$work/tools.json" --tool-choice required \
        --one-call --seed 3 -n 200 --json Hello >"$work/out" && grep -q '"event": *"call"' "$work/out" &&
        ! grep -q '"event": *"text"' "$work/out"
}
check 'a marker that is a special token is that token, and not its letters' special
named() {
    "$viv" tools "$work/special" --template "$work/hermes.jinja" --tools "$work/tools.json" --lark --one-call >"$work/named.lark" &&
        grep -q ' <tool_call> ' "$work/named.lark" && ! grep -q '"<tool_call>' "$work/named.lark" &&
        "$viv" run "$work/special" -q --grammar "$work/named.lark" --seed 3 -n 200 --json Hello >"$work/out" && grep -q '"reason":"end"' "$work/out" || { cat "$work/named.lark" "$work/out"; return 1; }
}
check 'and viv tools --lark prints its name' named
counted() { # TEMPLATE: the tokens of the prompt
    "$viv" run "$work/special" --template "$work/$1" -q --messages "$work/special.json" --tools "$work/tools.json" --temp 0 -n 5 --json \
        >"$work/out" 2>"$work/err" && grep -o '"prompt_tokens":[0-9]*' "$work/out" || { cat "$work/out" "$work/err"; return 1; }
}
same_tokens() { # and a marker inside of an argument stays text
    printf '%s' '[{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "I.", "tool_calls": [{"type": "function", "id": "a",
        "function": {"name": "get", "arguments": {"n": 3, "s": "</tool_call>"}}}]}, {"role": "tool", "content": "fine"}]' >"$work/special.json"
    a=$(counted hermes.jinja) && b=$(counted silent.jinja) && [ "$a" = "$b" ] || { echo "$a, not $b"; return 1; }
}
check 'also where calls are put into the content' same_tokens
free() { run --tools "$work/tools.json" --seed 1 --json Hello && grep -q '"event": *"text"' "$work/out"; }
check 'with auto, an answer is text' free
none() { run --tools "$work/tools.json" --tool-choice none --seed 1 --json Hello && ! grep -q '"event": *"call"' "$work/out"; }
check 'with none, no tool is called' none
returns() {
    cat >"$work/turns.json" <<'END'
[{"role": "user", "content": "Hello"},
 {"role": "assistant", "content": null, "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "get", "arguments": {"n": 3}}}]},
 {"role": "tool", "tool_call_id": "call_1", "content": "fine"}]
END
    "$viv" render "$chat" "$work/turns.json" --template "$work/hermes.jinja" --tools "$work/tools.json" >"$work/text" &&
        grep -qF '{"name": "get", "arguments": {"n": 3}}' "$work/text" && grep -q 'tool: fine' "$work/text" &&
        run --messages "$work/turns.json" --tools "$work/tools.json" --json
}
check 'calls and results are messages' returns

# --- viv chat ---
sed 's/{{ tool | tojson }}//' "$work/hermes.jinja" >"$work/brief.jinja" # so that two turns have room
talk() { # LINES OPTION...: lines divided by |
    lines=$1
    shift
    printf '%s\n' "$lines" | tr '|' '\n' |
        "$viv" chat "$chat" --template "$work/brief.jinja" --tools "$work/tools.json" -n 140 --seed 1 "$@" >"$work/out" 2>"$work/err"
}
chats() {
    talk "Hello|/result fine|/save $work/said.json" --tool-choice get --one-call && [ "$(grep -c '^call get {"n": [0-9]' "$work/out")" = 2 ] &&
        grep -q 'get waits for its result' "$work/err" && "$viv" render "$chat" "$work/said.json" --template "$work/brief.jinja" >"$work/text" &&
        grep -q 'tool: fine' "$work/text" && [ "$(grep -c '<tool_call>' "$work/text")" = 2 ] &&
        [ "$(grep -c "\"$(sed -n 's/.*"tool_call_id": "\(.*\)".*/\1/p' "$work/said.json")\"" "$work/said.json")" = 2 ] || { cat "$work/out" "$work/err"; return 1; }
}
check 'in a chat calls are shown, and go on with their results' chats
both() { # the model goes on when both calls have theirs
    for seed in 1 2 3 4 5 6 7 8; do
        talk 'Hello' --tool-choice required --seed $seed --json || return 1
        n=$(grep -o '"id":' "$work/out" | wc -l)
        [ "$n" -lt 2 ] || break
    done
    results=$(for i in $(seq "$n"); do printf '|/result r%d' "$i"; done)
    [ "$n" -ge 2 ] && talk "Hello$results" --tool-choice required --seed $seed --json && [ "$(wc -l <"$work/out")" = 2 ] ||
        { echo "$n calls"; cat "$work/out" "$work/err"; return 1; }
}
check 'all calls of an answer have results before the next' both
check 'a result without a call is refused' refused 'no call waits for a result' \
    sh -c "echo '/result x' | '$viv' chat '$chat' --tools '$work/tools.json'"
check 'a choice without tools is refused in a chat' refused 'name them by --tools' "$viv" chat "$chat" --tool-choice get

# --- what is refused ---
bad() { # NAME CONTENT SENTENCE
    printf '%s' "$2" >"$work/bad.json"
    check "$1" refused "$3" "$viv" run "$chat" --template "$work/hermes.jinja" --tools "$work/bad.json" --tool-choice required -n 5 Hello
}
bad 'an empty tool file' '' 'bad.json'
bad 'a tool file that is not JSON' 'x' 'bad.json'
bad 'a tool file that is no list' '{"name": "f"}' 'expected a list of tools, found an object'
bad 'no tools' '[]' 'there are no tools'
bad 'a tool without a name' '[{"type": "function", "function": {}}]' 'bad.json[0]'
bad 'two tools of one name' '[{"name": "f"}, {"name": "f"}]' 'bad.json[1] "f": a tool before it has the same name'
bad 'a name with a quote' '[{"name": "f\"g"}]' 'the name of a tool has'
bad 'parameters that are a list' '[{"name": "f", "parameters": []}]' 'bad.json[0] "f": parameters: expected a JSON Schema'
bad 'a schema that cannot be kept, by tool and path' \
    '[{"name": "e"}, {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "string", "pattern": "(?=x)y"}}}}]' \
    'tools[1] "f": #/properties/a'
check 'a choice that is no tool' refused "tool choice 'got'" \
    "$viv" run "$chat" --template "$work/hermes.jinja" --tools "$work/tools.json" --tool-choice got Hello
check 'a model without a dialect cannot be made to call' refused 'calls cannot be required of this model' \
    "$viv" run "$chat" --tools "$work/tools.json" --tool-choice required Hello
check 'a choice without tools' refused 'name them by --tools' "$viv" run "$chat" --tool-choice required Hello
many() {
    awk 'BEGIN { printf "["; for (i = 0; i < 1000; i++) printf "%s{\"name\": \"f%d\", \"parameters\": {\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"string\"}}}}", i ? "," : "", i; print "]" }' >"$work/many.json"
    "$viv" tools --template "$work/hermes.jinja" --tools "$work/many.json" --lark >"$work/many.lark" &&
        "$viv" grammar check "$work/many.lark" '<tool_call>
{"name": "f999", "arguments": {"a": "x"}}
</tool_call>' >/dev/null
}
check 'a thousand tools' many
finish
