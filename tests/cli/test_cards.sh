#!/bin/sh
# The cards of the models that ship say what is measured: parameters, bytes, bits per byte of the held-out text.
set -u
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

"$source/examples/training/cards.sh" "$viv" >"$work/rows" 2>"$work/err"
check 'three models are measured' test "$(wc -l <"$work/rows")" -eq 3
while IFS= read -r row; do
    check "the card has: $row" grep -qxF -- "$row" "$source/specs/embedded/README.md"
done <"$work/rows"
finish
