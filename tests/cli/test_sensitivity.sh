#!/bin/sh
# viv calibrate --sensitivity: what types of weights cost a model, measured; viv run --memory --precision goes by it.
set -u
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

golden=$source/tests/golden
"$viv" run llm ROMEO: -n 60 --temp 0 -q >"$work/text" 2>"$work/err"
"$viv" run "$golden/chat" you -n 30 --temp 0 -q >"$work/other" 2>"$work/err"
table=$work/table.json
measure() { ends 0 "$viv" calibrate llm "$work/text" --sensitivity -o "$table" --force; }
check 'a table is measured' measure
# more of a role's error in fewer bits
ordered() {
    python3 -c '
import json, sys
t = json.load(open(sys.argv[1]))
assert t["model"] == "llm" and t["tokens"] > 50
roles = {(r["layer"], r["attr"]): r["kl"] for r in t["roles"]}
assert {("attention", "v"), ("mlp", "down"), ("embedding", "weight")} <= set(roles), roles.keys()
for name, kl in roles.items():
    assert "q8_0" not in kl and 0 <= kl["q5_0"] < kl["q4_0"], (name, kl)  # it has q8_0
' "$table"
}
if python3 -c '' 2>/dev/null; then check 'fewer bits cost more' ordered; fi
check 'a table fits its model' ends 0 "$viv" run llm ROMEO: -n 2 --memory 200MiB --precision "$table"
check 'and no other' fails 'was measured for another model' "$viv" run "$golden/chat" you -n 2 --memory 200MiB --precision "$table"
check 'also where no weight has to change' fails 'No such file' "$viv" run llm A -n 2 --memory 200MiB --precision "$work/nowhere"
check 'a table is of use within a budget' ends 2 "$viv" run llm A -n 2 --precision "$table"
check 'in a conversation, too' ends 2 "$viv" chat "$golden/chat" --precision "$table"
check 'a file is not replaced' fails 'exists' "$viv" calibrate llm "$work/text" --sensitivity -o "$table"
check 'a model without weights is refused' ends 1 "$viv" calibrate qwen3-8b "$work/text" --sensitivity -o -
check 'JSON on standard output' says '"sensitivity": 1' "$viv" calibrate llm "$work/text" --sensitivity -o -

finish
