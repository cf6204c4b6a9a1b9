#!/bin/sh
# viv demo: what a newcomer sees first, from the models that ship.
set -u
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"
export VIV_SPEC_PATH="$source/specs"
demo=$work/demo
for plugin in llm moe slm vlm lam; do
    "$viv" plugin list 2>/dev/null | grep -q "^$plugin accepted" || exit 77 # built without it
done

check 'it runs to its end' ends 0 "$viv" demo --workspace "$demo"
cp "$work/out" "$work/shown"
for line in '$ viv compare llm moe slm' '$ viv run vlm' '$ viv act lam' '$ viv undo' "The report: $demo/report.html"; do
    check "it shows '$line'" grep -qF -- "$line" "$work/shown"
done
check 'the table has all three' grep -qE '^ +llm +moe +slm' "$work/shown"
check 'the folder was sorted' grep -qE 'moved? ' "$work/shown"
check 'and is as before' test "$(cd "$demo/inbox" && ls)" = "$(printf '%s\n' beach.jpg budget.csv letter.txt plan.pdf song.mp3 'trip (2).png')"
check 'the report is a page' grep -qF '</html>' "$demo/report.html"
check 'a report that is there already stays' fails 'report.html is there already' "$viv" demo --workspace "$demo"
rm "$demo/report.html"
check 'and so does an inbox' fails 'inbox' "$viv" demo --workspace "$demo"
finish
