#!/bin/sh
# Plugins that break a promise, one at a time (tests/host/mistakes/: $MISTAKE chooses): each is refused or stopped by a
# sentence that names the plugin and the promise, and no other model notices.
set -u
source=${VIV_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${VIV_BUILD:-.}
viv=$build/viv
CC=${CC:-cc}
passed=0 failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
XDG_CACHE_HOME=/dev/null # each mistake is the same file's: nothing may be remembered
MARK=$work/mark
export XDG_CACHE_HOME MARK
unset MISTAKE VIV_PLUGIN_PATH VIV_ALLOW_THREADS

for what in layer scheduler architecture; do
    mkdir "$work/$what"
    # shellcheck disable=SC2086 # a list of words
    $CC -std=gnu11 -O0 -shared -fPIC -I"$source/include" -o "$work/$what/$what.so" "$source/tests/host/mistakes/$what.c" \
        >"$work/log" 2>&1 && continue
    cat "$work/log"
    echo "0 passed, 1 failed"
    exit 1
done

# spec ARCHITECTURE LAYER: an embedding, the layer, and the embedding's transpose
spec() {
    cat <<END
viv: 1
family: trial
architecture: $1
checkpoint: $source/specs/embedded/llm.gguf
params:
  vocab_size: {gguf: rows(token_embd.weight)}
  hidden_size: {gguf: .embedding_length}
  max_position_embeddings: {gguf: .context_length, default: 256}
graph:
  - embedding: {weight: embed}
  $2
  - linear: {weight: embed}
weights:
  embed: {hf: x, gguf: token_embd.weight, shape: [vocab_size, hidden_size]}
ignore: ["*"]
END
}
spec llm '- bad: {}' >"$work/layer.yaml"
spec bada '' >"$work/architecture.yaml"

run() { "$viv" "$@" --plugin-path "$work/$what"; }
ask_layer() { run run "$work/layer.yaml" -p ROM -n 2 --temp 0 --scheduler serial; }
ask_scheduler() { run logits "$source/tests/golden/chat" --tokens 1,2,3 --scheduler bads; }
ask_merge() { run logits "$source/tests/golden/chat" --tokens 1,2 --scheduler bads --lora "$source/tests/golden/chat-lora"; }
ask_architecture() { run run "$work/architecture.yaml" -p ROM -n 2 --scheduler serial; }
ask_vectors() { run embed "$work/architecture.yaml" ROM --scheduler serial; }

# verdict MISTAKE STATUS SENTENCE PLUGIN: what is in out.MISTAKE, whose last line is the status
verdict() {
    status=$(tail -n 1 "$work/out.$1")
    if [ "$status" = "$2" ] && grep -qF -e "$3" "$work/out.$1" && { [ "$2" = 0 ] || grep -q "plugin $4 (" "$work/out.$1"; }; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL: $1: expected status $2 and '$3' of plugin $4, got"
        cat "$work/out.$1"
    fi
}

# Those that do not end take 5 seconds each: all at once, meanwhile.
what=layer
for mistake in loops sleeps loading_loops deinit_loops; do
    MISTAKE=$mistake sh -c '"$1" run "$2" -p ROM -n 2 --plugin-path "$3" 2>&1; echo $?' \
        - "$viv" "$work/layer.yaml" "$work/layer" >"$work/out.$mistake" &
done

# table ASKED PLUGIN: lines "MISTAKE STATUS SENTENCE"
table() {
    while read -r mistake status sentence; do
        MISTAKE=$mistake
        export MISTAKE
        "$1" >"$work/out.$mistake" 2>&1
        result=$?
        printf '\n%s\n' "$result" >>"$work/out.$mistake"
        verdict "$mistake" "$status" "$sentence" "$2"
    done
    unset MISTAKE
}

table ask_layer bad <<'END'
works 0
size_newer 0
exits 1 its code ended the process during its init, with exit status 0
aborts 1 its code crashed during its init: signal 6
crashes 1 its code crashed during its init: signal 11
fails 1 init failed: not supported
fails_null 1 init failed: not supported
fails_nomem 1 init failed: out of memory
fails_positive 1 init failed: it returned 3, expected VIV_OK or a negative status
fails_why 1 init failed: needs a blue moon
fails_escape 1 init failed: evil \x1b[2J second line
fails_long 1 init failed: yyyyyyyyyyyyyyyy
deinit_crashes 1 its code crashed during its deinit: signal 11
deinit_exits 1 its code ended the process during its deinit
loading_prints 1 loading it writes to standard output
loading_exits 1 its code ended the process during loading, with exit status 0
loading_crashes 1 its code crashed during loading: signal 11
locale 1 loading it changes the locale from C
directory 1 loading it changes the current directory
umask 1 loading it changes the umask
signal 1 loading it changes the handling of signal 15
closes 1 it closes files that are not its own during its init
daemon 1 loading it starts another process
flood 1 it writes more than 1048576 bytes during its init
classes_garbage 1 get_classes answers '', an id that does not exist
classes_all 1 get_classes answers '', an id that does not exist
classes_none 1 it provides no class
classes_shift 1 get_classes("viv.layer/0") returns other classes when it is called again
twice 1 it provides layer 'bad' twice
size_none 1 struct_size of a viv_layer_class is 0, expected 104
size_small 1 struct_size of a viv_layer_class is 24, expected 104
size_huge 1 struct_size of a viv_layer_class is 4294967295
flags 1 layer 'bad': flags 0xfffffff0 are not known to this host
no_name 1 'name' is NULL, it must be given
name 1 a name that is not 1 to 63 of a-z
no_summary 1 layer 'bad': 'summary' is NULL
summary 1 its summary is empty, endless, not UTF-8 or not of one line
no_attrs 1 layer 'bad': 'attrs' is NULL
no_infer 1 layer 'bad': 'infer' is NULL
no_prepare 1 layer 'bad': 'prepare' is NULL
no_tasks 1 layer 'bad': 'tasks' is NULL
no_forward 1 layer 'bad': 'forward' is NULL
instance_huge 1 instance_size is 1152921504606846976 bytes
instance_none 1 writes beyond its instance, whose instance_size is 0
over_instance 1 writes beyond its instance, whose instance_size is 16
part 1 layer 'bad': part is 4711, this host knows 0 to 6
reserved 1 layer 'bad': reserved is 7, it must be 0
attr_no_name 1 attribute 0: its name or doc is missing or not plain
attr_name 1 attribute 0: its name or doc is missing or not plain
attr_dots 1 attribute 0: its name or doc is missing or not plain
attr_no_doc 1 attribute 0: its name or doc is missing or not plain
attr_doc 1 attribute 0: its name or doc is missing or not plain
attr_kind 1 attribute 'k': kind is 99, this host knows 1 to 9
attr_choice 1 attribute 'k': a choice without choices
attr_empty_choice 1 attribute 'k': one of its choices is empty or given twice
attr_same_choice 1 attribute 'k': one of its choices is empty or given twice
attr_which 1 attribute 'k': its default is not one of its choices
attr_choices 1 attribute 'k': only a choice has choices
attr_flags 1 attribute 'k': flags are 0xfffe, this host knows 0x1
attr_size 1 attribute 0: struct_size of viv_attr is 4, expected 56
attr_default 1 attribute 'k': its default is outside its min and max
attr_order 1 attribute 'k': its min is above its max
attr_nan 1 attribute 'k': its default, min or max is not a number
attr_fraction 1 attribute 'k': its default is no integer
attr_bool 1 attribute 'k': its default is neither 0 nor 1
attr_weight 1 attribute 'w': only numbers, booleans and choices have a default
attr_twice 1 has both an attribute 'k' and an attribute 'k'
attr_group 1 has both an attribute 'k' and an attribute 'k.theta'
out_none 1 layer 'bad': its out_dim is 0, expected 1 to 2^31
out_huge 1 layer 'bad': its out_dim is 1152921504606846976
phases_none 1 layer 'bad': its n_phases is 0, expected 1 to 256
phases_huge 1 layer 'bad': its n_phases is 1099511627776
whole 1 layer 'bad': its whole_sequences is 7, expected 0 or 1
whole_row_wise 1 is flagged VIV_LAYER_ROW_WISE, but sets whole_sequences
row_workspace 1 requests row_workspace of 4611686018427387904 bytes, expected at most 2^40
shared_workspace 1 requests shared_workspace of 18446744073709551605 bytes
worker_workspace 1 requests worker_workspace of 18446744073709551615 bytes
cache_huge 1 it declares a cache 's' of 2305843009213693952 elements, expected 1 to 2^31
cache_null 1 it declares a cache whose name is NULL
cache_index 1 it declares a cache whose index is NULL
cache_ignored 1 it declares a cache whose name is empty or too long
cache_twice 1 it declares two caches of one name, 's'
cache_row_wise 1 is flagged VIV_LAYER_ROW_WISE, but has a cache
get_unknown 1 get_int: it asks for the attribute 'nosuch', which it does not declare
get_null 1 get_float: it asks for the attribute 'NULL'
get_weight 1 get_int: the attribute 'w' is declared as one of another kind
get_ints 1 get_ints: the attribute 'k' is declared as one of another kind
get_text_null 1 get_text: the attribute 'k' is declared as one of another kind
get_text_nowhere 1 get_text: where to write the length of 't' is NULL
set_unknown 1 is_set: it asks for the attribute 'nosuch'
want_unknown 1 want_weight: it asks for the attribute 'nosuch'
want_number 1 want_weight: the attribute 'k' is declared as one of another kind
want_ndim 1 want_weight: 'w' is asked for with 99 dims, expected 1 to 8
want_dims_null 1 want_weight: 'w' is asked for with 2 dims at NULL
want_expert_weight_vector 1 viv.expert-cache/0.want_weight: 'w' is asked for with 1 dims, expected 2 to 8
dims_null 1 weight_dims: where to write the dims of 'w' is NULL
dims_unset 1 the weight 'w', which the layer needs, is not set
infer_fails 1 infer failed: invalid argument
infer_nomem 1 infer failed: out of memory
infer_positive 1 infer failed: it returned 17, expected VIV_OK or a negative status
infer_strange 1 infer failed: it failed (status -4711, which this host does not know)
infer_crashes 1 crashed in infer: signal 11
infer_aborts 1 crashed in infer: signal 6
infer_exits 1 ended the program in infer
prepare_bytes 1 prepare failed: (a sentence that is not UTF-8)
prepare_workspace 1 requests row_workspace of 1125899906842624 bytes
weight_null 0
prepare_rows 1 requests row_workspace of 549755813888 bytes for each of 512 rows
prepare_worker 1 requests worker_workspace of 18446744073709551612 bytes
tasks_huge 1 its tasks returned 18446744073709551615, expected at most 2^32
tasks_none 1 its tasks returned 0 for all of its phases
past_output 1 forward writes beyond its output, n_out_rows * out_dim numbers
past_workspace 1 forward writes beyond its workspace
past_scratch 1 forward writes beyond its scratch, worker_workspace bytes
writes_input 1 forward writes to its input
makes_nan 1 forward makes NaN of inputs that hold none
forward_crashes 1 crashed in forward: signal 11
forward_exits 1 ended the program in forward
forward_fails 1 forward failed: internal error
forward_positive 1 forward failed: it returned 5, expected VIV_OK or a negative status
release_crashes 1 crashed in release: signal 11
late_crash 1 crashed in its init: signal 11
END
ask_list() { run plugin list; }
table ask_list bad <<'END'
own_name 0 it provides layer 'linear', which Vivarium has itself
word 0 it provides layer 'repeat', which Vivarium has itself
END
if [ "$(uname -m)" = x86_64 ]; then
    table ask_layer bad <<'END'
rounding 1 loading it changes the floating-point mode
rounding_infer 1 layer 'bad' changes the floating-point mode
rounding_prepare 1 layer 'bad' changes the floating-point mode
rounding_forward 1 layer 'bad' changes the floating-point mode
END
fi
if [ -e /proc/self/task ]; then
    table ask_layer bad <<'END'
thread 1 loading it starts a thread: threads are the host's
END
fi

# What takes all memory takes what there may be of it, and not this machine's.
# shellcheck disable=SC3045 # dash has it, too
ask_limited() (ulimit -d 1000000 && ask_layer)
if what=layer ask_limited >/dev/null 2>&1; then
    table ask_limited bad <<'END'
all_memory 1 is refused: its code
END
fi

what=scheduler
table ask_scheduler bads <<'END'
works 0
none 0
fails 1 create: out of memory
no_workers 1 n_workers: it has 0 workers, expected 1 to 4096
many_workers 1 n_workers: it has 4294967295 workers
worker 1 run_step: it runs tasks as worker 77, by its n_workers there are 0 to 0
beyond 1 run_step: it runs tasks 0 to 1000 of operation 0
empty 1 run_step: it runs tasks 0 to 0 of operation 0
leaves_task 1 each must be run once
leaves_operation 1 run_step: it goes on and has left out operation 3 of
leaves_last 1 run_step: it ends and has left out operation
unasked 1 each must be run once
twice 1 each must be run once
one_for_another 1 each must be run once
backwards 1 run_step: it goes on and has left out operation
strange_op 1 run_step: it asks for operation
cancels 1 it returned VIV_ECANCELLED, but the step was not cancelled
positive 1 run_step: it returned 4, expected VIV_OK or a negative status
fails_late 1 run_step: input/output error
crashes 1 crashed in run_step: signal 11
END
table ask_merge bads <<'END'
works 0
tasks_none 1 run_tasks: it succeeds when it has run 0 tasks of
tasks_beyond 1 run_tasks: it runs task
END

what=architecture
table ask_architecture bada <<'END'
works 0
none 0
open_fails 1 open: not supported
close_crashes 1 crashed in close: signal 11
run_crashes 1 crashed in run: signal 11
run_positive 1 it returned 9, expected VIV_OK or a negative status
no_events 1 it succeeded without VIV_EVENT_DONE
done_null 1 VIV_EVENT_DONE: its text is NULL
done_why 1 VIV_EVENT_DONE: its text is 'because\x1b[31m', expected a word
done_twice 1 VIV_EVENT_DONE comes after VIV_EVENT_DONE
text_after 1 VIV_EVENT_TEXT comes after VIV_EVENT_DONE
text_null 1 VIV_EVENT_TEXT: its text is NULL and its size 5
text_bytes 1 VIV_EVENT_TEXT: its text is not UTF-8
text_half 1 VIV_EVENT_TEXT: its text is not UTF-8
event_null 1 an event is NULL
event_small 1 struct_size of a viv_event is 8, expected 72
event_huge 1 struct_size of a viv_event is 4294967295
kind_none 1 an event is of kind 0, this host knows 1 to 8
kind_strange 1 an event is of kind 99
token 1 VIV_EVENT_TOKEN: token -5 is outside the vocabulary
token_beyond 1 VIV_EVENT_TOKEN: token 1073741824 is outside the vocabulary
progress 1 VIV_EVENT_PROGRESS: 5 of 3 are done
stats_null 1 VIV_EVENT_STATS: its text is NULL
elsewhere 1 comes from another thread than the one that runs the request
rows_size 1 struct_size of viv_rows is 0
rows_flags 1 flags of viv_rows are 0xff0, this host knows 0x3
rows_null 1 struct_size of viv_rows is 0
rows_nowhere 1 rows of a step belong to no sequence
sampling_size 1 viv_sampling: struct_size is 0 and flags 0x0
sampling_flags 1 viv_sampling: struct_size is 72 and flags 0x4
sampling_bias 1 viv_sampling: n_bias is 3 and its lists are NULL
find_null 1 viv.architectures/0.find: NULL
END
table ask_vectors bada <<'END'
vector_null 1 VIV_EVENT_VECTOR: its vector is NULL
vector_empty 1 VIV_EVENT_VECTOR: its vector is there and its dim 0
vector_beyond 1 VIV_EVENT_VECTOR: it is of message 77 of 1
vector_total 1 VIV_EVENT_VECTOR: it is of message 0 of 9
vector_length 1 VIV_EVENT_VECTOR: its vector has 3 numbers, those before it 4
END

# What needs none of it notices nothing: the plugin is not even tried.
what=layer
ask_other() { run run llm -p ROM -n 2 --temp 0; }
for mistake in fails_nomem crashes thread classes_shift; do
    MISTAKE=$mistake ask_other >"$work/out" 2>&1 && passed=$((passed + 1)) && continue
    failed=$((failed + 1))
    echo "FAIL: llm beside $mistake"
    cat "$work/out"
done

wait
verdict loops 1 'its code was still busy with its init after 5 seconds' bad
verdict sleeps 1 'its code was still busy with its init after 5 seconds' bad
verdict loading_loops 1 'its code was still busy with loading after 5 seconds' bad
verdict deinit_loops 1 'its code was still busy with its deinit after 5 seconds' bad

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
