#!/bin/sh
# The public headers: each compiles alone as C11 and C++11, warning-free and without padding, and their table is the
# one in abi-0.1.txt.
set -u
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
CC=${CC:-cc}
passed=0 failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# check NAME COMMAND...
check() {
    name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL: $name"
        cat "$work/log"
    fi
}

strict='-Wall -Wextra -Wpedantic -Wpadded -Werror -fsyntax-only'
for header in "$source"/include/vivarium/*.h; do
    name=vivarium/$(basename "$header")
    printf '#include <%s>\n#include <%s>\ntypedef int not_empty;\n' "$name" "$name" >"$work/alone.c"
    # shellcheck disable=SC2086
    check "$name alone as C11" $CC -std=c11 $strict -I"$source/include" "$work/alone.c"
    if c++ --version >/dev/null 2>&1; then
        # shellcheck disable=SC2086
        check "$name alone as C++11" c++ -x c++ -std=c++11 $strict -I"$source/include" "$work/alone.c"
    fi
done

compare_table() {
    "$here/abi-table" >"$work/table" && diff -u "$here/abi-0.1.txt" "$work/table" && return
    echo "The ABI is not the one in tests/abi/abi-0.1.txt. Is the change meant? Then write the table anew with"
    echo "tests/abi/abi-table >tests/abi/abi-0.1.txt, and, once there has been a release, raise VIV_ABI_MINOR."
    return 1
}
if [ "$(uname -m)" = x86_64 ] || [ "$(uname -m)" = aarch64 ]; then
    check "the table of the ABI" compare_table
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
