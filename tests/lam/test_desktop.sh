#!/bin/sh
# Programs with windows, with a script in place of a model, on an X server of its own: a text editor is driven to a saved
# file by what it tells of itself, and one that tells nothing by coordinates; what is refused and asked, and what hostile
# windows and ends of all kinds get. Nothing here waits for a time: a step waits for what it needs, up to a minute or two.
set -u
[ -w /dev/shm ] && TMPDIR=${TMPDIR:-/dev/shm} && export TMPDIR # all that is done is synced
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"
"$viv" plugin list 2>/dev/null | grep -q lam || { echo 'built without lam'; exit 77; }
command -v Xvfb >/dev/null || { echo 'there is no Xvfb'; exit 77; }
for program in xedit xlogo; do
    command -v $program >/dev/null || { echo "there is no $program (x11-apps)"; exit 77; }
done
seconds=300

w=$work/w
mkdir "$w" "$work/spec"
printf 'viv: 1\nanswers: answers\n' >"$work/spec/script.yaml"
spec() { # POLICY PROGRAMS [MORE]
    printf 'viv: 1\narchitecture: lam\nuse: script.yaml\nstages: {plan: {}}\ntools: [list, desktop]\npolicy: {%s}\nlimits: {page_seconds: 120}\ndesktop:\n  programs: {%s}\n%s\n' \
        "$1" "$2" "${3:-}" >"$work/spec/lam.yaml"
}
pid=
give_up() { # a run that was talked to, of a check that failed
    [ -z "$pid" ] || kill -9 "$pid" 2>/dev/null
    [ -z "$pid" ] || wait "$pid" 2>/dev/null
    pid=
}
acts() { # STATUS OPTION...: with the answers of standard input
    give_up
    wanted=$1
    shift
    rm -f "$work/spec/answers"
    cat >"$work/spec/answers"
    bounded "$viv" act "$work/spec/lam.yaml" -p 'A task' -w "$w" --json "$@"
    got=$?
    [ $got -eq "$wanted" ] || { echo "exit status $got, expected $wanted"; tail -n 3 "$work/out" | cut -c 1-600; cat "$work/err"; return 1; }
}
prints() { grep -qF -- "$1" "$work/out" || { echo "no '$1' in:"; cut -c 1-700 "$work/out"; return 1; }; }
prints_not() { ! grep -qF -- "$1" "$work/out" || { echo "'$1' in:"; cut -c 1-700 "$work/out"; return 1; }; }
complains() { grep -qF -- "$1" "$work/err" || { echo "no '$1' in:"; cat "$work/err"; return 1; }; }

# --- is there all that is needed? ------------------------------------------------------------------------------------
spec '' 'logo: [xlogo]'
acts 0 <<'END'
{"action":"desktop_start","program":"logo"}
{"action":"done","answer":""}
END
if ! grep -q '"event":"screen"' "$work/out"; then
    grep -q 'built without the desktop\|needs namespaces\|the sandbox lacks' "$work/out" || { cut -c 1-600 "$work/out"; cat "$work/err"; exit 1; }
    grep -o 'this viv was built without the desktop\|a private display needs namespaces[^:"]*\|the sandbox lacks[^:"]*' "$work/out" | head -n 1
    exit 77
fi

# --- a run to talk to ------------------------------------------------------------------------------------------------
# talk OPTION...: begins a run whose answers come from say
talk() {
    give_up
    rm -f "$work/spec/answers"
    mkfifo "$work/spec/answers"
    n_said=0
    "$viv" act "$work/spec/lam.yaml" -p 'A task' -w "$w" --json "$@" >"$work/out" 2>"$work/err" </dev/null &
    pid=$!
    exec 7<>"$work/spec/answers"
}
count() { grep -c "\"event\":\"$1\"" "$work/out"; }
# until N seconds have gone, or the command succeeds, or the run has ended
until_() {
    tries=$(($1 * 20))
    shift
    while ! "$@"; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] && kill -0 "$pid" 2>/dev/null || { "$@"; return; }
        sleep 0.05
    done
}
was_done() { [ "$(count result)" -ge "$n_said" ] && { [ "$after" = result ] || grep -n '"event":"\(result\|screen\|end\)"' "$work/out" | tail -n 1 | grep -q '"event":"screen"'; }; }
# say ANSWER [result]: and waits until it was done, and, if there is a screen, until it was looked at again
say() {
    n_said=$((n_said + 1))
    after=${2:-screen}
    printf '%s\n' "$1" >&7
    until_ 120 was_done || { echo "nothing came of $1"; tail -n 2 "$work/out" | cut -c 1-900; cat "$work/err"; return 1; }
}
sees() { say "{\"action\":\"desktop_wait\",\"seconds\":60,\"text\":\"$1\"}" && grep '"event":"result"' "$work/out" | tail -n 1 | grep -q 'it is seen now' ||
    { echo "not seen: $1"; seen; return 1; }; }
seen() { grep '"event":"screen"' "$work/out" | tail -n 1 | sed 's/\\n/\n/g; s/\\"/"/g'; }
number() { seen | grep -F -- "$1" | sed -n 's/.*\[\([0-9]*\)\].*/\1/p' | head -n 1; }
ended() { # STATUS
    printf '%s\n' '{"action":"done","answer":""}' >&7
    until_ 120 false
    wait "$pid"
    got=$?
    pid=
    exec 7>&-
    rm -f "$work/spec/answers"
    [ $got -eq "$1" ] || { echo "exit status $got"; cat "$work/err"; return 1; }
}

# --- an editor that tells of itself ----------------------------------------------------------------------------------
if command -v l3afpad >/dev/null && [ -e /usr/share/dbus-1/accessibility-services/org.a11y.atspi.Registry.service ]; then
    editor() {
        spec 'desktop_keep: allow' 'editor: [l3afpad]' '  pictures: true'
        talk
        say '{"action":"desktop_start","program":"editor"}' && sees 'menu \"File\"' &&
            say '{"action":"desktop_type","text":"Grüße, мир, 世界 😀!\n\ttabs & \"quotes\" + {ends}"}' && sees '{ends}' &&
            say '{"action":"desktop_key","keys":"ctrl+s"}' && sees 'push button \"Save As\" disabled' &&
            say '{"action":"desktop_type","text":"été.txt"}' && sees 'push button \"Save As\" at' &&
            say "{\"action\":\"desktop_click\",\"element\":$(number 'push button "Save As"'),\"how\":\"left\"}" &&
            sees 'file \"été.txt\" 55 bytes' &&
            say '{"action":"desktop_keep","file":"été.txt","folder":".","name":"saved.txt"}' &&
            ended 0 || return 1
        printf 'Grüße, мир, 世界 😀!\n\ttabs & "quotes" + {ends}' | cmp - "$w/saved.txt" || { ls -l "$w"; cat "$w/saved.txt"; return 1; }
    }
    check 'an editor is driven to a saved file, through its dialog' editor
    cp "$w/.viv/runs/$(ls "$w/.viv/runs" | sort -n | tail -n 1)" "$work/run.jsonl"
    page() {
        ends 0 "$viv" replay "$work/run.jsonl" --html "$work/run.html" && grep -q '<span style="left:' "$work/run.html" &&
            grep -q 'data:image/png;base64,iVBOR' "$work/run.html" && says 'push button "Save As"' "$viv" replay "$work/run.jsonl"
    }
    check 'and the run is shown, with what was clicked' page
    as() {
        says "open_app(app_name='editor')" "$viv" replay "$work/run.jsonl" --as ui-tars && grep -qF "hotkey(key='ctrl s')" "$work/out" &&
            grep -qE "^click\\(start_box='\\([0-9]+,[0-9]+\\)'\\)" "$work/out" && grep -q 'left out, .* 1 actions' "$work/err" &&
            says '{"action":"key","text":"ctrl+s"}' "$viv" replay "$work/run.jsonl" --as computer-use &&
            grep -qE '^\{"action":"left_click","coordinate":\[[0-9]+,[0-9]+\]\}' "$work/out" &&
            fails "there is no format 'x'" "$viv" replay "$work/run.jsonl" --as x
    }
    check 'and told in the words of others' as
    deeds() { says 'desktop_click "Save As" push button "Save As" left  (cannot be undone)' "$viv" log -w "$w"; }
    check 'what was done is recorded as what stays' deeds
    undone() { ends 0 "$viv" undo -w "$w" && [ ! -e "$w/saved.txt" ]; }
    check 'but the saved file can be undone' undone
    opens() { # a file of the workspace is read, and not written
        printf 'as it was\n' >"$w/old.txt"
        chmod 644 "$w/old.txt"
        spec 'desktop_keep: ask' 'editor: [l3afpad, ../workspace/old.txt]'
        talk --yes
        say '{"action":"desktop_start","program":"editor"}' && sees 'as it was' && say '{"action":"desktop_type","text":"NOT "}' &&
            sees 'NOT as it was' && say '{"action":"desktop_key","keys":"ctrl+shift+s"}' && sees 'push button \"Save As\"' &&
            say '{"action":"desktop_key","keys":"ctrl+a"}' && say '{"action":"desktop_type","text":"/work/new/new.txt"}' &&
            sees 'value \"/work/new/new.txt' && sees 'push button \"Save As\" at' &&
            say "{\"action\":\"desktop_click\",\"element\":$(number 'push button "Save As"'),\"how\":\"left\"}" && sees 'file \"new.txt\" 14 bytes' &&
            [ "$(cat "$w/old.txt")" = 'as it was' ] &&
            say '{"action":"desktop_keep","file":"new.txt","folder":".","name":"old.txt"}' && ended 0 || return 1
        [ "$(cat "$w/old.txt")" = 'NOT as it was' ] && prints '- as it was\n+ NOT as it was' && ends 0 "$viv" undo -w "$w" &&
            [ "$(cat "$w/old.txt")" = 'as it was' ]
    }
    check 'a file of the workspace is read, and changed only by what is asked about' opens
else
    echo 'without l3afpad or at-spi2-core: elements of windows are not tried'
fi

# --- one that tells nothing ------------------------------------------------------------------------------------------
xedit() {
    spec 'desktop_keep: {"a.txt": allow, "*": deny}' 'xedit: [xedit, b.txt]' '  actions: computer-use'
    talk
    say '{"action":"desktop_start","program":"xedit"}' && say '{"action":"left_click","coordinate":[300,300]}' &&
        say '{"action":"type","text":"Typed\nby places"}' && say '{"action":"key","text":"BackSpace"}' && say '{"action":"screenshot"}' &&
        say '{"action":"left_click","coordinate":[60,10]}' && sees 'file \"b.txt\" 14 bytes' &&
        say '{"action":"desktop_keep","file":"b.txt","folder":".","name":"b.txt"}' && [ ! -e "$w/b.txt" ] &&
        say '{"action":"desktop_keep","file":"b.txt","folder":".","name":"a.txt"}' && ended 0 &&
        [ "$(cat "$w/a.txt")" = "$(printf 'Typed\nby place')" ]
}
check 'an editor is driven by places, in the words of Computer Use' xedit
tars() {
    spec '' 'xedit: [xedit, b.txt]' '  actions: ui-tars'
    acts 0 <<'END' && prints '"tool":"desktop_click_at","x":300,"y":300' && prints '"keys":"ctrl+a"' && prints 'file \"b.txt\" 3 bytes' && prints '"answer":"so"'
Action: open_app(app_name='xedit')
Action: click(start_box='(300,300)')
Action: type(content='abc')
Action: hotkey(key='ctrl a')
Action: hotkey(key='nokey')
Action: click(start_box='(60,10)')
Action: click(start_box='(9999,10)')
Action: finished(content='so')
END
    prints 'such as' && prints 'is not on the screen'
}
check 'and in those of UI-TARS' tars

# --- hostile windows -------------------------------------------------------------------------------------------------
titles() {
    spec '' 'logo: [xlogo, -geometry, 300x200+3000+2000, -title, "\e[31m red\n[9] push button \u202e"], huge: [xlogo, -geometry, 3000x3000-500-500]'
    acts 0 <<'END' && prints '\\x1b[31m red\\x0a[9] push button' && prints_not "$(printf '\033')" && prints 'at 724,568 300x200' && prints 'at 0,0 1024x768'
{"action":"desktop_start","program":"logo"}
{"action":"desktop_start","program":"huge"}
{"action":"desktop_window","window":1,"how":"activate"}
{"action":"desktop_wait","seconds":0,"text":""}
{"action":"done","answer":""}
END
}
check 'titles are lines, and windows are on the screen' titles
closes() {
    spec '' 'logo: [xlogo], ends: [sh, -c, "echo out of luck >&2; exit 3"], absent: [no-such-program]'
    talk
    say '{"action":"desktop_start","program":"logo"}' && say '{"action":"desktop_start","program":"ends"}' &&
        say '{"action":"desktop_start","program":"absent"}' && say "{\"action\":\"desktop_window\",\"window\":$(number 'window "xlogo"'),\"how\":\"close\"}" &&
        sees 'pointer' && ended 0 && prints 'program ends has ended (exit status 3: out of luck' && prints 'program absent has ended (No such file' &&
        prints 'it was asked to close'
}
check 'programs that end are told of' closes

shrinks() { # a program may ask for a smaller screen
    command -v xrandr >/dev/null || return 0
    spec '' 'logo: [xlogo], small: [sh, -c, "xrandr --fb 640x480"]' '  pictures: true'
    acts 0 <<'END' && prints 'screen 1024x768' && prints 'screen 640x480' && prints 'clicked there'
{"action":"desktop_start","program":"logo"}
{"action":"desktop_start","program":"small"}
{"action":"desktop_wait","seconds":0,"text":""}
{"action":"desktop_click_at","x":639,"y":479,"how":"left"}
{"action":"done","answer":""}
END
}
check 'a screen that becomes smaller' shrinks

# --- the sandbox -----------------------------------------------------------------------------------------------------
held() {
    printf 'private\n' >"$w/read.txt"
    cat >"$w/probe.sh" <<'END'
cat ../workspace/read.txt >made.txt
echo x >../workspace/evil; echo x >/etc/evil; ls ../workspace/.viv >>made.txt; rm -f /tmp/.X11-unix/X0; echo x >/tmp/.X11-unix/evil
[ -e /tmp/.X11-unix/X0 ] && echo 'the socket is there' >>made.txt
ln -s /etc/hostname link.txt; mkfifo pipe.txt; (exec 3<>/dev/tcp/127.0.0.1/1) 2>/dev/null
cut -d : -f 1 /proc/net/dev | grep -c eth >>made.txt
END
    spec 'desktop_keep: allow' 'probe: [sh, ../workspace/probe.sh], logo: [xlogo]'
    talk
    say '{"action":"desktop_start","program":"probe"}' && say '{"action":"desktop_start","program":"logo"}' &&
        say '{"action":"desktop_keep","file":"made.txt","folder":".","name":"made.txt"}' && ended 0 || return 1
    [ ! -e "$w/evil" ] && [ ! -e /etc/evil ] && head -n 2 "$w/made.txt" | cmp - "$(printf 'private\nthe socket is there\n' >"$work/want"; echo "$work/want")" &&
        prints_not 'link.txt' && prints_not 'pipe.txt'
}
check 'programs reach what they are given' held

# --- what is allowed -------------------------------------------------------------------------------------------------
cannot() { # ANSWER
    spec '' 'logo: [xlogo]'
    acts 1 <<END && complains 'does not allow byte'
$1
END
}
check 'a program that is not granted cannot be named' cannot '{"action":"desktop_start","program":"xterm"}'
check 'without a display there is nothing to click' cannot '{"action":"desktop_click_at","x":1,"y":1,"how":"left"}'
places() {
    spec '' 'logo: [xlogo]' '  size: 200x100'
    acts 1 <<'END' && complains 'does not allow byte'
{"action":"desktop_start","program":"logo"}
{"action":"desktop_click_at","x":199,"y":99,"how":"left"}
{"action":"desktop_click_at","x":200,"y":99,"how":"left"}
END
}
check 'places that are not on the screen cannot be named' places
rules() {
    spec 'desktop_start: {"logo": allow, "*": deny}, desktop_click_at: {"\"xlogo\" *": deny, "*": allow}, desktop_key: {"*ctrl*": ask, "*": allow}' 'logo: [xlogo], other: [xlogo]'
    acts 0 <<'END' && [ "$(grep -c '"outcome":"denied"' "$work/out")" -eq 3 ] && [ "$(grep -c '"event":"ask"' "$work/out")" -eq 1 ] && prints '"undoable":false'
{"action":"desktop_start","program":"other"}
{"action":"desktop_start","program":"logo"}
{"action":"desktop_click_at","x":5,"y":5,"how":"left"}
{"action":"desktop_click_at","x":900,"y":700,"how":"left"}
{"action":"desktop_key","keys":"ctrl+q"}
{"action":"desktop_key","keys":"q"}
{"action":"done","answer":""}
END
}
check 'rules are for programs, windows and what is acted on' rules
hides() { # programs see all files
    spec 'read: {"*.key": deny, "*": allow}' 'logo: [xlogo]'
    echo secret >"$w/a.key"
    acts 0 <<'END' && prints 'sees all files' && prints '"outcome":"denied"' && prints_not '"event":"screen"'
{"action":"desktop_start","program":"logo"}
{"action":"done","answer":""}
END
    got=$?
    rm -f "$w/a.key"
    return $got
}
check 'where a file may not be read, no program is started' hides
dry() {
    spec '' 'logo: [xlogo]'
    acts 0 --dry-run <<'END' && prints '"outcome":"imagined"' && prints_not '"event":"screen"'
{"action":"desktop_start","program":"logo"}
{"action":"done","answer":""}
END
}
check 'a dry run starts nothing' dry

# --- ends ------------------------------------------------------------------------------------------------------------
# below NAME: processes of that name that the run has started
below() {
    for folder in /proc/[0-9]*; do
        [ "$(cat "$folder/comm" 2>/dev/null)" = "$1" ] || continue
        parent=${folder#/proc/}
        for _ in 1 2 3; do
            parent=$(sed -n 's/^PPid:[^0-9]*//p' "/proc/$parent/status" 2>/dev/null)
            [ "$parent" = "$pid" ] && echo "${folder#/proc/}"
        done
    done
}
dies() {
    spec '' 'logo: [xlogo]'
    talk
    say '{"action":"desktop_start","program":"logo"}' || return 1
    kill -9 "$(below Xvfb)" || return 1
    say '{"action":"desktop_click_at","x":5,"y":5,"how":"left"}' result && prints 'the display has ended' &&
        say '{"action":"desktop_start","program":"logo"}' && seen | grep -q 'window "xlogo" active' && ended 0
}
check 'a display that dies costs one action, and can be had again' dies
stops() { # a server that does not answer is as good as gone
    spec '' 'logo: [xlogo]'
    sed -i 's/page_seconds: 120/page_seconds: 4/' "$work/spec/lam.yaml"
    talk
    say '{"action":"desktop_start","program":"logo"}' || return 1
    kill -STOP "$(below Xvfb)" || return 1
    say '{"action":"desktop_click_at","x":5,"y":5,"how":"left"}' result && prints 'the display does not answer' && ended 0
}
check 'nor does one that hangs hold the run' stops
gone() { [ ! -e "$w/.viv/desktop" ] && ! grep -qsF "$w/.viv/desktop" /proc/[0-9]*/mountinfo; }
check 'nothing is left of it' gone
killed() {
    spec '' 'logo: [xlogo]'
    talk
    say '{"action":"desktop_start","program":"logo"}' || return 1
    kill -9 "$pid"
    wait "$pid" 2>/dev/null
    pid=
    exec 7>&-
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        grep -qsF "$w/.viv/desktop" /proc/[0-9]*/mountinfo || break
        sleep 0.2
    done
    ! grep -qsF "$w/.viv/desktop" /proc/[0-9]*/mountinfo && dry && rules && gone
}
check 'after kill -9 no program goes on, and the next run begins anew' killed

# --- a display that is there -----------------------------------------------------------------------------------------
Xvfb -displayfd 8 -screen 0 800x600x24 -ac -nolisten tcp 8>"$work/number" >/dev/null 2>&1 7>&- &
server=$!
trap 'kill $server 2>/dev/null; rm -rf "$work"' EXIT
tries=600
while [ ! -s "$work/number" ] && [ $tries -gt 0 ]; do
    sleep 0.1
    tries=$((tries - 1))
done
display=:$(cat "$work/number")
named() { # POLICY
    printf 'viv: 1\narchitecture: lam\nuse: script.yaml\nstages: {plan: {}}\ntools: [desktop]\npolicy: {%s}\ndesktop: {display: "%s"}\n' "$1" "$display" >"$work/spec/lam.yaml"
}
asked() {
    named ''
    acts 0 <<'END' && prints '"outcome":"denied"' && prints 'it is a display of people' && prints_not '"event":"screen"'
{"action":"desktop_open"}
{"action":"done","answer":""}
END
}
check 'a display that is there is asked about' asked
keys() { # characters that no key has, more than there are free keys, leave the keyboard as it was
    named '"*": allow'
    xkbcomp "$display" "$work/before.xkb" 2>/dev/null
    acts 0 --yes <<'END' && [ "$(grep -c '"event":"ask"' "$work/out")" -eq 4 ] && [ "$(grep -c '"outcome":"done"' "$work/out")" -eq 4 ] || return 1
{"action":"desktop_open"}
{"action":"desktop_click_at","x":10,"y":10,"how":"left"}
{"action":"desktop_type","text":"АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмнопрстуфхцчшщъыьэюя世界"}
{"action":"desktop_hold","keys":"shift","how":"down"}
{"action":"done","answer":""}
END
    xkbcomp "$display" "$work/after.xkb" 2>/dev/null
    for f in before after; do
        grep 'key <' "$work/$f.xkb" | grep -v 'NoSymbol' >"$work/$f.keys"
    done
    [ -s "$work/before.keys" ] && cmp "$work/before.keys" "$work/after.keys"
}
check 'and its keyboard is given back as it was' keys
own_rule() {
    named 'desktop_open: allow, desktop_move: allow'
    acts 0 <<'END' && prints_not '"event":"ask"' && prints 'the pointer is at 7,9'
{"action":"desktop_open"}
{"action":"desktop_move","x":7,"y":9}
{"action":"desktop_wait","seconds":0,"text":""}
{"action":"done","answer":""}
END
    prints 'screen 800x600'
}
check 'rules of their own allow actions on it' own_rule
kill $server
nowhere() {
    display=:4711
    named 'desktop_open: allow'
    acts 0 <<'END' && prints "display ':4711': there is no such display"
{"action":"desktop_open"}
{"action":"done","answer":""}
END
}
check 'a display that is not there is named' nowhere

# --- specs -----------------------------------------------------------------------------------------------------------
wrong() { # MORE WORDS
    spec '' 'logo: [xlogo]' "$1"
    fails "$2" "$viv" spec check "$work/spec/lam.yaml"
}
check 'sizes are sizes' wrong '  size: big' 'size: expected WIDTHxHEIGHT'
check 'keys are those of the table' wrong '  sized: 1x1' "sized"
check 'programs are in the sandbox' wrong 'sandbox: "off"' 'say `sandbox: auto`'
check 'words of others are for one of both' wrong "  actions: computer-use
browser: {files: true}" 'leave one out'

finish
