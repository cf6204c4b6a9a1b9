# walks.sh - commands whose memory runs out; sourced by the tests here.
#
# Every allocation of whole commands fails, alone (for the first command also with all that come after it): the command ends
# with status 1 and a sentence, or with status 0 and what it always prints, and leaves nothing allocated that it does not
# always leave. An allocation is failed once for every way that leads to it, in the first command that goes this way;
# ALL_FAULTS=1 fails each single one, in every command.
set -u
source=${VIV_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
viv=${VIV_BUILD:-$(pwd)}/viv
passed=0 failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
XDG_CACHE_HOME=$work/cache
export XDG_CACHE_HOME

if [ "${FAULTS-}" = none ]; then
    echo "SKIP: FAULTS=none"
    exit 77
fi
if nm "$viv" | grep -q __asan_; then
    echo "SKIP: the sanitizer has its own malloc"
    exit 77
fi
if ! ${CC:-cc} -O1 -shared -fPIC -o "$work/fail_malloc.so" "$source/tests/faults/fail_malloc.c" -ldl -lpthread 2>"$work/err"; then
    cat "$work/err"
    echo "SKIP: no library that can be preloaded can be built here"
    exit 77
fi

# without_times: events without what differs from run to run
without_times() {
    sed -E 's/"([a-z0-9_]*(per_second|seconds|bytes)|value)":[^,}]*//g'
}

# try HOW N COMMAND...: one failure
try() {
    how=$1 n=$2
    shift 2
    status=0 why=
    timeout 20 env "$how=$n" FAIL_LIVE="$work/live" LD_PRELOAD="$work/fail_malloc.so" "$@" >"$work/all" 2>"$work/err" </dev/null || status=$?
    case $status in
    0)
        without_times <"$work/all" >"$work/out"
        cmp -s "$work/out" "$work/expected" || why="status 0, but other output"
        ;;
    1) [ -s "$work/err" ] || why="status 1 without a sentence" ;;
    *) why="status $status" ;;
    esac
    # more blocks of an object than usual; a dlopen that fails leaves two blocks of its own
    leak=$(awk -F+ 'FILENAME ~ /usual$/ {usual[$1]++; next} {left[$1]++}
        END {for (o in left) if (left[o] > usual[o] + (o ~ /^libc[.]/ ? 2 : 0)) print o, left[o]}' "$work/usual" "$work/live")
    [ -z "$leak" ] || why="$why${why:+, }leaves blocks of $(echo "$leak" | tr '\n' ' ')"
    [ -n "$why" ] || return 0
    wrong=$((wrong + 1))
    echo "FAIL: $how=$n: $why: $*"
    head -c 1000 "$work/err"
    [ -z "$leak" ] || sort "$work/live" | uniq -c | grep -v 'libc.so' | head -5
}

# walk COMMAND...: all failures of one command
walk() {
    wrong=0
    "$@" >"$work/all" 2>"$work/err" </dev/null || {
        failed=$((failed + 1))
        echo "FAIL: does not run at all: $*"
        cat "$work/err"
        return
    }
    without_times <"$work/all" >"$work/expected"
    FAIL_PATHS=$work/paths FAIL_KNOWN=$work/known FAIL_LIVE=$work/usual LD_PRELOAD=$work/fail_malloc.so "$@" >"$work/out" 2>&1 </dev/null
    if [ -n "${ALL_FAULTS-}" ]; then
        seq 1 "$(tail -n 1 "$work/paths")" >"$work/points"
    else
        cp "$work/paths" "$work/points"
    fi
    echo "$(wc -l <"$work/points") failures: $*"
    while read -r n; do
        try FAIL_AT "$n" "$@"
        [ -n "${ALL_FAULTS-}${alone-}" ] || try FAIL_FROM "$n" "$@"
    done <"$work/points"
    if [ "$wrong" -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
tiny=$source/tests/golden/llama-gqa
