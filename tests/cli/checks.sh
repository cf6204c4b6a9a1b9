# checks.sh - what the scripts here say of the program. Sourced; seconds and limits bound every command.
viv=${VIV_BUILD:-.}/viv
source=${VIV_SOURCE:-.}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
XDG_CACHE_HOME=$work/cache
XDG_CONFIG_HOME=$work/config
XDG_STATE_HOME=$work/state
export XDG_CACHE_HOME XDG_CONFIG_HOME XDG_STATE_HOME
passed=0 failed=0
seconds=120 limits=:

# check NAME COMMAND...: the command succeeds
check() {
    name=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $name"
        head -n 5 "$work/said"
    fi
}
bounded() {
    (eval "$limits" && exec timeout "$seconds" "$@") >"$work/out" 2>"$work/err" </dev/null
}
# ends STATUS COMMAND...: it ends with this status, within its time, and never by a signal
ends() {
    wanted=$1
    shift
    bounded "$@"
    got=$?
    [ "$got" -eq "$wanted" ] || { echo "exit status $got, expected $wanted"; cat "$work/err"; return 1; }
}
# fails WORDS COMMAND...: status 1 and one sentence that holds these words
fails() {
    words=$1
    shift
    ends 1 "$@" || return 1
    grep -qF -- "$words" "$work/err" || { echo "no '$words' in:"; cat "$work/err"; return 1; }
    [ "$(wc -l <"$work/err")" -eq 1 ]
}
says() { # WORDS COMMAND...
    words=$1
    shift
    ends 0 "$@" || return 1
    grep -qF -- "$words" "$work/out" || { echo "no '$words' in:"; cat "$work/out"; return 1; }
}
# heeding COMMAND...: SIGINT means what it means on a terminal, also where this script runs in the background and ignores it
heeding() {
    if env --default-signal=INT true 2>/dev/null; then env --default-signal=INT "$@"; else "$@"; fi
}
# interrupts KEPT COMMAND...: Ctrl-C ends it in its own way, and KEPT finds what it has done until then; a slow machine is
# given longer to have done something
interrupts() {
    kept=$1
    shift
    for after in 2 4 8 16 32; do
        # --foreground: one signal and not two, of which the second would end it at once
        heeding timeout --foreground --preserve-status -s INT "$after" "$@" >"$work/out" 2>"$work/err" </dev/null
        got=$?
        [ "$got" -eq 130 ] || { echo "exit status $got, expected 130"; cat "$work/err"; return 1; }
        "$kept" && return
    done
    echo "nothing was kept after $after seconds"
    cat "$work/err"
    return 1
}

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
