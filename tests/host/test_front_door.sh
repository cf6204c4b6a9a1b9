#!/bin/sh
# One front door: requests are built in one place, their events are heard in one place, and models are opened to be asked
# in one place.
set -u
cd "${VIV_SOURCE:-.}" || exit 1
passed=0 failed=0

# only PATTERN WHAT FILE...: nothing else under framework/ and plugins/ has the pattern, and these have; none, without a FILE
only() {
    pattern=$1 what=$2
    shift 2
    found=$(grep -rlE "$pattern" framework plugins --include='*.[ch]' | sort | tr '\n' ' ')
    if [ "$found" = "${1+$* }" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL: $what: expected in ${*:-no file}, found in $found"
    fi
}

only '\(viv_request\) *\{|viv_request [a-z_]+ = \{' 'requests are built elsewhere'
only 'viv = \{\.struct_size' 'the first fields of a request are set' framework/engine/request.c
only '\barchitecture_run\(' 'architectures are run' framework/engine/architecture.c framework/engine/architecture.h framework/engine/engine.c
only '\bmodel_open\(' 'models are opened' framework/engine/engine.c framework/engine/load.c framework/engine/load.h
only '^static viv_status (emit|collect)\(const viv_sink' 'events are received' framework/engine/answer.c framework/engine/architecture.c framework/engine/calls.c framework/engine/stream.c

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
