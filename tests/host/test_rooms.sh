#!/bin/sh
# The folders of framework/ stand in README.md's table in the order in which they build on each other: each includes
# headers of itself and of those above it, and all of them are in the table. Plugins include the public headers alone.
set -u
cd "${VIV_SOURCE:-.}" || exit 1
passed=0 failed=0
order=$(sed -n 's%^| `framework/\([a-z]*\)/` .*%\1%p' README.md)

fail() {
    echo "FAIL: $1"
    failed=$((failed + 1))
}

for folder in framework/*/; do
    folder=$(basename "$folder")
    [ "$folder" = registry ] || echo "$order" | grep -qx "$folder" || fail "README.md's table lacks framework/$folder/"
done

above=' registry '
for folder in $order; do
    above="$above$folder "
    wrong=$(grep -rhoE '^ *# *include "[^"]+"' "framework/$folder" --include='*.[ch]' | sed 's/.*"\(.*\)"/\1/' | sort -u |
        while read -r header; do
            case $above in *" ${header%%/*} "*) ;; *) [ "$header" = config.h ] || echo "$header" ;; esac
        done)
    if [ -z "$wrong" ]; then
        passed=$((passed + 1))
    else
        fail "framework/$folder includes what is not above it: $(echo "$wrong" | tr '\n' ' ')"
    fi
done

for plugin in plugins/*/; do
    wrong=$(grep -hE '^ *# *include "' "$plugin"*.[ch] | sed 's/.*"\(.*\)"/\1/' | sort -u |
        while read -r header; do [ -e "$plugin$header" ] || echo "$header"; done)
    if [ -z "$wrong" ]; then
        passed=$((passed + 1))
    else
        fail "$plugin includes what is not its own: $wrong"
    fi
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
