#!/bin/sh
# What shells complete: by bash itself, by fish and by the syntax of zsh where they are installed.
set -u
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

viv=$(cd "$(dirname "$viv")" && pwd)/viv
for shell in bash zsh fish; do
    "$viv" completion $shell >"$work/viv.$shell"
done
cd "$work" || exit 1
mkdir -p 'a dir' && : >'a text' && : >other

if command -v bash >/dev/null; then
    # completes WORD... : what bash makes of the last word, one per line
    # shellcheck disable=SC2016 # for bash
    completes() {
        bash -c '. ./viv.bash && COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) ; _viv; printf "%s\n" "${COMPREPLY[@]}"' bash "$viv" "$@" >"$work/out" 2>"$work/err"
    }
    # offers EXPECTED WORD...: exactly these lines, divided by |
    offers() {
        printf '%s\n' "$1" | tr '|' '\n' | sort >"$work/expected"
        shift
        completes "$@"
        [ ! -s "$work/err" ] && sort "$work/out" | cmp - "$work/expected" || { cat "$work/out" "$work/err"; return 1; }
    }
    has() {
        words=$1
        shift
        completes "$@"
        grep -qx -- "$words" "$work/out" || { cat "$work/out" "$work/err"; return 1; }
    }
    check 'bash: verbs' offers 'render|replay|rerank' re
    check 'options' offers "--template|--template-name|--temp" chat --temp
    check 'of the verb alone' offers '' tokenize --temp
    check 'the words of a choice' offers 'exact' run llm --kernels ex
    check 'behind =' offers 'exact' run llm --kernels = ex
    check 'all behind = alone' offers 'auto|f32' run --activations =
    check 'files where an option takes one' offers 'a dir|a text' run llm --file a
    check 'by its letter' offers 'other' run llm -f oth
    check 'directories where it takes these' offers 'a dir' run --plugin-path a
    check 'nothing where it takes a number' offers '' run llm -n ''
    check 'names of specs' has 'llm' run ll
    check 'and files' has 'a text' inspect ''
    check 'actions' offers 'check' spec ch
    check 'and then models' has 'llm' spec check ll
    check 'verbs of help' offers 'render|replay|rerank' help re
    aliases() { completes run --n-p && ! grep -q n-predict "$work/out"; }
    check 'no alias' aliases
    whole() {
        bash -n viv.bash
        "$viv" help --json | sed -n 's/^          "name": "\(.*\)",/--\1/p' | sort -u >"$work/all"
        [ -s "$work/all" ] && tr ' ' '\n' <viv.bash | sed "s/^options='//" | grep -Fxf "$work/all" | sort -u | cmp - "$work/all"
    }
    check 'every option of every verb' whole
fi
if command -v zsh >/dev/null; then
    check 'zsh: the syntax' zsh -n viv.zsh
fi
if command -v fish >/dev/null; then
    check 'fish: the syntax' fish -n viv.fish
    # shellcheck disable=SC2016 # for fish
    in_fish() {
        HOME=$work fish -N -c 'source viv.fish; complete -C $argv[1]' "$2" 2>"$work/err" | cut -f 1 >"$work/out"
        grep -qx -- "$1" "$work/out" || { cat "$work/out" "$work/err"; return 1; }
    }
    check 'verbs' in_fish rerank 'viv re'
    check 'options' in_fish --template-name 'viv chat --temp'
    check 'the words of a choice' in_fish exact 'viv run x --kernels ex'
fi
check 'another shell is named' ends 2 "$viv" completion tcsh

finish
