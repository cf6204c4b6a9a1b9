#!/bin/sh
# viv mcp: tools for the agent of another program, in both eras of the protocol, under policy and journal.
set -u
[ -w /dev/shm ] && TMPDIR=${TMPDIR:-/dev/shm} && export TMPDIR
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"
"$viv" plugin list 2>/dev/null | grep -q lam || { echo 'built without lam'; exit 77; }

# serve OPTION...: answers the lines of standard input
serve() {
    rm -rf "$work/w"
    mkdir -p "$work/w/docs"
    printf 'one\ntwo\n' >"$work/w/a.txt"
    more "$@"
}
more() { timeout "$seconds" "$viv" mcp "$@" -w "$work/w" >"$work/out" 2>"$work/err"; }
prints() { grep -qF -- "$1" "$work/out" || { echo "no '$1' in:"; cat "$work/out" "$work/err"; return 1; }; }
meta='"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}'
call() { printf '{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":"%s","arguments":%s,%s}}\n' "$1" "$2" "$3" "$meta"; }

new_era() {
    {
        printf '{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{%s}}\n' "$meta"
        printf '{"jsonrpc":"2.0","id":"two","method":"tools/list","params":{%s}}\n' "$meta"
        call 3 read '{"path":"a.txt"}'
    } | serve && [ "$(wc -l <"$work/out")" -eq 3 ] && prints '"id":1,"result":{"supportedVersions":["2026-07-28"]' &&
        prints '"id":"two","result":{"tools":[{"name":"list"' && prints '"ttlMs":0,"cacheScope":"private","resultType":"complete"' &&
        prints '"id":3,"result":{"content":[{"type":"text","text":"one\ntwo\n"}],"isError":false,"resultType":"complete"}'
}
old_era() {
    {
        echo '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
        echo '{"jsonrpc":"2.0","id":2,"method":"initialize","params":{"protocolVersion":"2025-03-26","capabilities":{}}}'
        echo '{"jsonrpc":"2.0","method":"notifications/initialized"}'
        echo '{"jsonrpc":"2.0","id":3,"method":"ping"}'
        echo '{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"list","arguments":{"folder":"."}}}'
        echo '{"jsonrpc":"2.0","id":5,"method":"initialize","params":{"protocolVersion":"2099-01-01"}}'
    } | serve && [ "$(wc -l <"$work/out")" -eq 5 ] && prints '"id":1,"error":{"code":-32602' && prints '"id":2,"result":{"protocolVersion":"2025-03-26"' &&
        prints '"id":3,"result":{}' && prints '"text":"a.txt (8 bytes)\ndocs/\n"}],"isError":false}' && prints '"id":5,"result":{"protocolVersion":"2025-11-25"'
}
bad_lines() {
    {
        echo 'not JSON'
        echo '[]'
        printf '%3000s\n' | tr ' ' '['
        echo '{"jsonrpc":"2.0","id":{},"method":"ping"}'
        echo '{"jsonrpc":"2.0","id":7,"result":{}}'
        echo '{"jsonrpc":"2.0","id":8,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2099"}}}'
        printf '{"jsonrpc":"2.0","id":9,"method":"resources/list","params":{%s}}\n' "$meta"
        call 10 python '{}'
        call 11 read '{}'
        call 12 read '{"path":"a.txt","more":1}'
        call 13 read '{"path":"../../etc/passwd"}'
        call 14 read '{"path":"a\u0000.txt"}' # no JSON for us
        call 15 write '{"path":"/etc/x","text":""}'
        call 16 write '{"path":"docs/","text":""}'
        call 17 delete '{"path":".viv"}'
        call 18 shell '{"arguments":["id"],"to":"x"}'
        printf '\342\000\200\n'
    } | serve --yes || return 1
    [ "$(grep -c '"id":null,"error":{"code":-32700' "$work/out")" -ge 2 ] || return 1
    prints 'the line is no JSON: maximum parsing depth reached' &&
        prints '"id":null,"error":{"code":-32700' && prints '"id":null,"error":{"code":-32600' && prints '"id":8,"error":{"code":-32022' &&
        prints '"id":9,"error":{"code":-32601' && prints '"id":10,"error":{"code":-32602' && prints '"id":18,"error":{"code":-32602' || return 1
    for id in 11 12 13 15 16 17; do
        grep "\"id\":$id," "$work/out" | grep -q '"isError":true' || { echo "$id"; return 1; }
    done
    [ ! -e "$work/w/docs/x" ] && [ -e "$work/w/a.txt" ]
}
writes() {
    call 1 write '{"path":"docs/new.md","text":"# New\n"}'
    call 2 move '{"from":"a.txt","to":"docs/b.txt"}'
    call 3 delete '{"path":"docs/b.txt"}'
}
no_answer() { writes | serve && [ "$(grep -c 'the user did not allow it' "$work/out")" -eq 3 ] && [ -e "$work/w/a.txt" ] && [ ! -e "$work/w/docs/new.md" ]; }
policy() {
    printf 'viv: 1\narchitecture: lam\nstages: {verify: {}}\ntools: [read, write, delete]\npolicy: {write: {"docs/*": allow}, delete: deny}\n' >"$work/lam.yaml"
    { writes; call 4 delete '{"path":"docs"}'; } | serve "$work/lam.yaml" --yes && [ -e "$work/w/docs/new.md" ] && prints 'it is not allowed' && prints '"id":2,"error"'
}
all_yes() { writes | serve --yes && [ ! -e "$work/w/a.txt" ] && [ -e "$work/w/docs/new.md" ]; }
undone() { says '3 actions undone' "$viv" undo -w "$work/w" && [ -e "$work/w/a.txt" ] && [ ! -e "$work/w/docs/new.md" ]; }
many() { # more calls than a model may make, and the same one again and again
    i=0
    while [ $i -lt 100 ]; do
        call $i list '{"folder":"."}'
        i=$((i + 1))
    done | serve && [ "$(wc -l <"$work/out")" -eq 100 ]
}
cancel() { printf '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%s,"reason":"x"}}\n' "$1"; }
queued() { # a call that is cancelled before it was begun is not done, and not answered
    { call 1 write '{"path":"docs/a","text":"a"}'; call 2 write '{"path":"docs/b","text":"b"}'; cancel 2; cancel 7; call 3 write '{"path":"docs/c","text":"c"}'; } >"$work/calls"
    serve --yes <"$work/calls" && [ "$(wc -l <"$work/out")" -eq 2 ] && prints '"id":1,"result"' && prints '"id":3,"result"' &&
        [ -e "$work/w/docs/a" ] && [ ! -e "$work/w/docs/b" ] && [ -e "$work/w/docs/c" ]
}
under_way() { # one that goes on is ended
    printf 'viv: 1\narchitecture: lam\nstages: {}\ntools: [read, shell]\npolicy: {shell: allow}\n' >"$work/lam.yaml"
    rm -rf "$work/w"
    mkdir -p "$work/w"
    echo text >"$work/w/a.txt"
    mkfifo "$work/calls.fifo"
    timeout "$seconds" "$viv" mcp "$work/lam.yaml" --yes -w "$work/w" <"$work/calls.fifo" >"$work/out" 2>"$work/err" &
    viv_pid=$!
    exec 9>"$work/calls.fifo"
    call 1 shell '{"arguments":["sh","-c","touch begun; sleep 1000"],"to":"out"}' >&9
    for _ in $(seq 600); do
        { [ -e "$work/w/.viv/kept/new/begun" ] || grep -q '"id":1,' "$work/out"; } && break
        sleep 0.1
    done
    cancel 1 >&9
    call 2 read '{"path":"a.txt"}' >&9
    exec 9>&-
    wait $viv_pid
    got=$?
    rm "$work/calls.fifo"
    grep -q 'there are neither namespaces' "$work/out" && { echo 'skipped: this kernel has no sandbox' >&2; return 0; }
    [ $got -eq 0 ] && [ "$(wc -l <"$work/out")" -eq 1 ] && prints '"id":2,"result"' && [ ! -e "$work/w/out" ] && [ ! -e "$work/w/.viv/kept/new" ]
}
hides() { # what others put there meanwhile is judged, too
    printf 'viv: 1\narchitecture: lam\nstages: {}\npolicy: {read: {"docs/*": deny}, "*": allow}\n' >"$work/lam.yaml"
    : >"$work/out"
    {
        call 1 list '{"folder":"."}'
        for _ in $(seq 600); do
            grep -q '"id":1,' "$work/out" && break
            sleep 0.1
        done
        echo secret >"$work/w/docs/key"
        call 2 copy '{"from":"docs","to":"other"}'
        call 3 read '{"path":"other/key"}'
    } | serve "$work/lam.yaml" --yes && prints 'keeps what is there from being read' && [ ! -e "$work/w/other" ] && ! grep -q secret "$work/out"
}
closed() { # a folder that can be entered and not listed: what is in it is judged as any of the rules say
    [ "$(id -u)" -ne 0 ] || return 0
    printf 'viv: 1\narchitecture: lam\nstages: {}\npolicy: {read: {"shut/*": deny}, "*": allow}\n' >"$work/lam.yaml"
    rm -rf "$work/w"
    mkdir -p "$work/w/shut" && echo secret >"$work/w/shut/key" && chmod 300 "$work/w/shut"
    { call 1 move '{"from":"shut","to":"open"}'; call 2 move '{"from":"shut/key","to":"key"}'; call 3 read '{"path":"open/key"}'; } | more "$work/lam.yaml" --yes
    chmod 700 "$work/w/shut" && [ -e "$work/w/shut/key" ] && [ "$(grep -c 'keeps what is there from being read' "$work/out")" -eq 2 ]
}
deaf() { # an agent that reads no answers does not keep it from ending; timeout would send a second signal to the group
    rm -rf "$work/w"
    mkdir -p "$work/w"
    mkfifo "$work/calls.fifo" "$work/answers.fifo"
    exec 8<>"$work/answers.fifo" 9<>"$work/calls.fifo"
    timeout --foreground "$seconds" "$viv" mcp -w "$work/w" <"$work/calls.fifo" >"$work/answers.fifo" 2>"$work/err" &
    viv_pid=$!
    { for i in $(seq 2000); do call "$i" list '{"folder":"."}'; done >&9; } &
    writer=$!
    for _ in $(seq 600); do # until it waits to say more: what it does not read is left in the pipe
        [ "$(stat -c %s "$work/w/.viv/runs/1.jsonl" 2>/dev/null)" = "${before:-0}" ] && break
        before=$(stat -c %s "$work/w/.viv/runs/1.jsonl" 2>/dev/null)
        sleep 1
    done
    kill $viv_pid
    wait $viv_pid
    got=$?
    kill $writer 2>/dev/null
    exec 8>&- 9>&-
    rm "$work/calls.fifo" "$work/answers.fifo"
    [ $got -eq 130 ] || { echo "exit status $got"; cat "$work/err"; return 1; }
}
dry() { writes | serve --yes --dry-run && prints 'it would be done' && [ -e "$work/w/a.txt" ] && [ ! -e "$work/w/.viv" ]; }
long() { ! head -c 6000000 /dev/zero | tr '\0' x | serve && grep -q 'more than 4 MiB' "$work/err"; }
check 'the new era' new_era
check 'the old era' old_era
check 'lines and calls that are none' bad_lines
check 'without a rule, what changes something is refused' no_answer
check 'a spec says what is allowed' policy
check '--yes allows it' all_yes
check 'and it is undone' undone
check 'the transcript has it' says 'delete docs/b.txt' "$viv" replay "$work/w/.viv/runs/1.jsonl"
check 'many calls' many
check 'a call that is cancelled before it begins' queued
check 'a call that is cancelled while it goes on' under_way
check 'what may not be read is not copied, also when it is new' hides
check 'a folder that cannot be listed' closed
check 'an agent that reads nothing' deaf
check '--dry-run touches nothing' dry
check 'a line without an end' long
check 'no workspace' ends 2 "$viv" mcp
check 'no spec' fails "expected a spec with 'stages'" "$viv" mcp llama -w "$work/w"

finish
