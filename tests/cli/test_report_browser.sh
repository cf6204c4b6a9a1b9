#!/bin/sh
# The report of compare in a browser without a window: it says nothing on the console, asks for nothing, and holds what
# report_checks.js demands, on a wide light screen and on a narrow dark one.
set -u
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

browser=
for name in chromium chromium-browser google-chrome chrome; do
    [ -n "$browser" ] || browser=$(command -v $name)
done
if [ -z "$browser" ]; then
    echo "SKIP: there is no Chromium"
    exit 77
fi
cd "$work" || exit 1
# open FILE WIDTH SCHEME (0 is dark, 1 is light): the document afterwards in `dom`, what the browser said in `log`
open() {
    HOME=$work timeout 120 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
        --user-data-dir="$work/profile" --host-resolver-rules='MAP * ~NOTFOUND' --force-prefers-reduced-motion \
        --blink-settings=preferredColorScheme="$3" --window-size="$2,900" --virtual-time-budget=10000 \
        --enable-logging=stderr --dump-dom "file://$work/$1" >dom 2>log </dev/null
}
echo '<!doctype html><title>here</title>' >empty.html
if ! open empty.html 800 1 || ! grep -q '<title>here' dom; then
    tail -n 3 log
    echo "SKIP: Chromium does not start here"
    exit 77
fi

mkdir d
odd=$(printf '<script>alert(1)<!--&"\047')
cp "$source/specs/zoo/llama-3.2-1b.yaml" "d/$odd.yaml"
make_report() {
    ends 0 "$viv" compare mixtral-8x7b llama-3.2-1b gpt-oss-20b t5-small bert-base "d/$odd.yaml" gemma-3-1b gpt-j-6b \
        --on 80GB/s,2TFLOP/s,16GiB --html "$work/r.html" --at 300,4096
}
check 'there is a report' make_report
quiet() {
    open r.html 1280 1 && grep -q '<html[^>]*class="live"' dom && ! grep CONSOLE log
}
check 'its script runs, and nothing stands on the console' quiet
strict() { # what the policy of the file forbids, it does not do
    sed 's|</body>|<img src="http://example.com/x.png"><script>document.title="run"</script></body>|' r.html >s.html
    open s.html 1280 1 && grep -q '<title>mixtral' dom && [ "$(grep -c 'CONSOLE.*Content Security Policy' log)" -ge 2 ]
}
check 'nothing else may run or be loaded' strict

# the checks are a script of their own, which the policy would not let run
{
    sed -e '/http-equiv="Content-Security-Policy"/d' -e '/^<\/body>/,$d' r.html
    echo '<script>'
    cat "$source/tests/cli/report_checks.js"
    printf '</script>\n</body>\n</html>\n'
} >c.html
holds() { # WIDTH SCHEME: in a frame, since windows have a least width
    printf '<!doctype html><title>-</title><iframe src="c.html" width="%s" height="900"></iframe><script>onmessage = e => document.title = e.data</script>' "$1" >f.html
    open f.html 1400 "$2" || return 1
    title=$(sed -n 's:.*<title>\([A-Z][A-Z].*\)</title>.*:\1:p' dom | head -n 1)
    [ "$title" = 'ALL RIGHT' ] || { echo "$title"; grep CONSOLE log; return 1; }
}
check 'charts, tables, drawings, words: wide and light' holds 1280 1
check 'charts, tables, drawings, words: narrow and dark' holds 390 0
finish
