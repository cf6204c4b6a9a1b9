#!/bin/sh
# Pictures as programs and people hand them over: in messages, in a conversation, beside a prompt.
set -u
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

golden=$source/tests/golden/vision
qwen_gguf=$golden/qwen2_vl-gguf
llava=$golden/llava gemma=$golden/gemma3 a=$golden/a.png b=$golden/b.png
for model in "$llava" "$gemma"; do
    "$viv" inspect "$model" >/dev/null 2>&1 || { echo "this viv has no models that see"; exit 77; }
done

# Two templates: one reads lists of parts and marks pictures, one takes texts alone.
cat >"$work/parts.jinja" <<'EOF'
{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}{% for c in m.content %}{% if c.type == 'image' %}<image>{% else %}{{ c.text }}{% endif %}{% endfor %}{% endif %}ĥ{% endfor %}
EOF
sed 's/<image>/<start_of_image>/' "$work/parts.jinja" >"$work/gemma.jinja"
printf '{%% for m in messages %%}{{ m.content }}ĥ{%% endfor %%}' >"$work/texts.jinja"

# answers MODEL TEMPLATE MESSAGES OPTION...: the answer to these messages
answers() {
    printf '%s' "$3" >"$work/messages.json"
    model=$1 template=$2
    shift 3
    bounded "$viv" run "$model" --messages "$work/messages.json" --template "$work/$template" --temp 0 -n 12 --ignore-eos --json "$@" ||
        { cat "$work/err"; return 1; }
    grep -o '"token":[0-9]*' "$work/out"
    grep -o '"prompt_tokens":[0-9]*' "$work/out"
}
same() { [ -s "$work/a" ] && cmp "$work/a" "$work/b"; }
shows() { grep -qF -- "$1" "$work/a" || { echo "no '$1' in:"; cat "$work/a"; return 1; }; }
talk() { # TURNS OPTION...: turns divided by |
    turns=$1
    shift
    printf '%s\n' "$turns" | tr '|' '\n' | timeout "$seconds" "$viv" chat "$@"
}

# --- messages --------------------------------------------------------------------------------------------------------
by_path="[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"image\":\"$a\"},{\"type\":\"text\",\"text\":\"ąć\"}]}]"
beside() {
    answers "$llava" parts.jinja "$by_path" >"$work/a" && shows '"prompt_tokens":19' &&
        bounded "$viv" run "$llava" --image "$a" --template "$work/parts.jinja" -p ąć --temp 0 -n 12 --ignore-eos --json &&
        { grep -o '"token":[0-9]*' "$work/out"; grep -o '"prompt_tokens":[0-9]*' "$work/out"; } >"$work/b" && same
}
check 'a picture in a message is one beside the prompt' beside
sources() {
    data=$(base64 <"$a" | tr -d '\n')
    answers "$llava" parts.jinja "$by_path" >"$work/a" || return 1
    for part in "\"image\",\"path\":\"$a\"" "\"image\",\"url\":\"file://$a\"" "\"image\",\"base64\":\"$data\"" \
        "\"image\",\"image\":\"data:image/png;base64,$data\"" "\"image_url\",\"image_url\":\"data:image/png;base64,$data\"" \
        "\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,$data\",\"detail\":\"auto\"}"; do
        answers "$llava" parts.jinja "[{\"role\":\"user\",\"content\":[{\"type\":$part},{\"type\":\"text\",\"text\":\"ąć\"}]}]" >"$work/b" &&
            same || { echo "$part" | cut -c 1-60; return 1; }
    done
    answers "$llava" parts.jinja '[{"role":"user","content":[{"type":"image"},{"type":"text","text":"ąć"}]}]' --image "$a" >"$work/b" && same
}
check 'wherever the message has it' sources
several() { # at several places of several messages: not what the other order gives
    turns='[{"role":"user","content":[{"type":"text","text":"ą"},{"type":"image"},{"type":"text","text":"ć"},{"type":"image"}]},
        {"role":"assistant","content":"Ĉ"},{"role":"user","content":[{"type":"image"},{"type":"text","text":"ĉ"}]}]'
    answers "$llava" parts.jinja "$turns" --image "$a" --image "$b" --image "$a" >"$work/a" && shows '"prompt_tokens":55' &&
        answers "$llava" parts.jinja "$turns" --image "$a" --image "$b" --image "$a" >"$work/b" && same &&
        answers "$llava" parts.jinja "$turns" --image "$b" --image "$a" --image "$a" >"$work/b" && ! cmp -s "$work/a" "$work/b"
}
check 'several stand at several places, each at its own' several
texts() { # the picture is a line of its own, which this tokenizer has no letter for
    answers "$llava" parts.jinja "$by_path" >"$work/a" && answers "$llava" texts.jinja "$by_path" >"$work/b" && same &&
        answers "$gemma" gemma.jinja "$by_path" >"$work/a" && answers "$gemma" texts.jinja "$by_path" >"$work/b" && same
}
check 'a template that takes texts alone shows them, too' texts
words() { # the text for a picture in what a user writes is text, and marks are none of ours
    says='[{"role":"user","content":[{"type":"image"},{"type":"text","text":"<image>[picture 0]"}]}]'
    answers "$llava" parts.jinja "$says" --image "$a" >"$work/a" && shows '"prompt_tokens":17' &&
        answers "$llava" texts.jinja "$says" --image "$a" >"$work/a" && shows '"prompt_tokens":17'
}
check 'what a user writes makes no picture' words

# --- what is refused ---------------------------------------------------------------------------------------------------
refuses() { # WORDS PART
    printf '[{"role":"user","content":[%s]}]' "$2" >"$work/m"
    fails "$1" "$viv" run "$llava" --messages "$work/m" --template "$work/parts.jinja" -n 1
}
check 'the network is not asked' refuses 'not fetched from the network' '{"type":"image_url","image_url":{"url":"http://169.254.169.254/a.png"}}'
check 'a file that is not there' refuses 'part 1 of content: /nowhere/a.png' '{"type":"image","path":"/nowhere/a.png"}'
check 'a picture without a place it is in' refuses 'no further picture is given' '{"type":"image"}'
check 'a source that is no text' refuses 'found an integer' '{"type":"image","image":7}'
check 'an address without one' refuses 'found none' '{"type":"image_url","image_url":{}}'
check 'other parts' refuses 'is of type audio' '{"type":"audio","audio":"a.wav"}'
check 'data that is none' refuses 'no digit of base64' '{"type":"image","base64":"a b"}'
check 'bytes that are no picture' refuses 'no picture that can be read' '{"type":"image","base64":"AAAA"}'
left() {
    printf '[{"role":"user","content":[{"type":"image"}]}]' >"$work/m"
    fails 'has no place for it left' "$viv" run "$llava" --messages "$work/m" --template "$work/parts.jinja" -n 1 --image "$a" --image "$b"
}
check 'a picture more than there are places' left
blind() {
    printf '%s' "$by_path" >"$work/m"
    fails 'cannot see' "$viv" run "$source/tests/golden/chat" --messages "$work/m" -n 1 &&
        talk "/image $a" "$source/tests/golden/chat" 2>&1 | grep -q 'cannot see'
}
check 'a model that cannot see' blind

truncated() { # of 37 lines; how many of them, a PNG says
    size=$(wc -c <"$a")
    head -c $((size / 2)) "$a" >"$work/cut.png"
    fails 'cut.png' "$viv" see "$llava" --image "$work/cut.png" && fails 'of 37' "$viv" run "$llava" --image "$work/cut.png" -p ą -n 1
}
check 'a picture that is cut short' truncated
places() { fails '3 places for pictures' "$viv" run "$llava" --image "$a" --image "$b" -p 'ą<image><image><image>' -n 1; }
check 'more places than pictures' places
fewer() { fails '1 places for pictures' "$viv" run "$llava" --image "$a" --image "$b" -p 'ą<image>' -n 1; }
check 'and fewer' fewer
check 'an empty file' fails 'found an empty file' "$viv" run "$llava" --image /dev/null -p ą -n 1

thin() { # 1 x 40,000 pixels: one rule would make a picture of a million lines, another squeezes it
    echo iVBORw0KGgoAAAANSUhEUgAAAAEAAJxAAQAAAADbAjylAAAAZElEQVR42u3BgQAAAADDoPlTH+AKVQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAwBs4jwAB3AJAdAAAAABJRU5ErkJggg== | base64 -d >"$work/thin.png"
    nm "$viv" | grep -q __asan_ || limits='ulimit -v 4000000' # a sanitizer's own memory is more
    fails 'would be resized to 28 x 1120000' "$viv" run "$llava" --image "$work/thin.png" -p ą -n 1 && ends 0 "$viv" run "$gemma" --image "$work/thin.png" -p ą -n 1
    got=$?
    limits=:
    return "$got"
}
check 'a picture of 1 x 40,000 pixels' thin
check 'an animation given as a picture' fails 'give it as a video' "$viv" run "$llava" --image "$source/tests/vlm/corpus_picture/animated.gif" -p ą -n 1

# --- a conversation ----------------------------------------------------------------------------------------------------
chat() { # TURNS OPTION...
    turns=$1
    shift
    talk "$turns" "$llava" --template "$work/parts.jinja" --temp 0 -n 12 --ignore-eos "$@"
}
kept() { # all of the first turn but the last token of its answer; its picture is not the second one's
    chat "/image $a|ąć|/image $b|ĉĊ" --json 2>/dev/null >"$work/a" && shows '"prompt_tokens":19,"cached_tokens":0' &&
        shows '"prompt_tokens":51,"cached_tokens":30'
}
check 'and the second turn computes what is new' kept
none() { chat "/image $work/none.png|ąć" 2>"$work/a"; shows 'none.png'; }
check '/image of a file that is not there' none
no_picture() { printf 'abc' >"$work/text" && chat "/image $work/text" 2>"$work/a"; shows 'expected a PNG, JPEG, WebP or GIF file'; }
check '/image of a file that is no picture' no_picture

session() { # in another process: all but the new turn is there, and another picture is none of it
    rm -f "$work/s" "$work/t"
    chat "/image $a|ąć" --session "$work/s" --json >"$work/all" 2>/dev/null && cp "$work/s" "$work/t" &&
        chat "/image $b|ĉĊ" --session "$work/s" --json >>"$work/all" 2>/dev/null && chat "/image $a|ąć|/image $b|ĉĊ" --json 2>/dev/null >"$work/b" &&
        texts_of "$work/all" >"$work/a" && texts_of "$work/b" >"$work/c" && cmp "$work/a" "$work/c" &&
        cp "$work/all" "$work/a" && shows '"prompt_tokens":51,"cached_tokens":30' &&
        sed "s/iVBOR/iVBOX/" "$work/t" >"$work/s" && chat ą --session "$work/s" >"$work/a" 2>&1
    shows 'the session is damaged'
}
texts_of() { sed 's/.*"text":"//; s/","reason".*//' "$1"; }
check 'a session holds its pictures' session
bare() { rm -f "$work/s"; ends 2 "$viv" run "$llava" --image "$a" -p ą --session "$work/s"; }
check 'a text without messages holds none' bare

# --- pairs of GGUF files -------------------------------------------------------------------------------------------------
says_of() { # MODEL OPTION...: the answer's tokens
    bounded "$viv" run "$@" --image "$a" -p ąć -n 12 --temp 0 --ignore-eos --json || { cat "$work/err"; return 1; }
    grep -o '"token":[0-9]*' "$work/out"
}
pair() { says_of "$llava" >"$work/a" && says_of "$llava-gguf/model.gguf" >"$work/b" && same; }
check 'a pair answers as its twin does' pair
named() {
    mkdir -p "$work/alone" && cp "$llava-gguf/model.gguf" "$work/alone/" && says_of "$llava" >"$work/a" &&
        says_of "$work/alone/model.gguf" --mmproj "$llava-gguf/mmproj-model.gguf" >"$work/b" && same
}
check 'also where the second file lies elsewhere' named
by_spec() {
    printf 'viv: 1\nuse: llava\ncheckpoint: alone/model.gguf\nmmproj: %s\n' "$llava-gguf/mmproj-model.gguf" >"$work/pair.yaml"
    says_of "$work/pair.yaml" >"$work/b" && same &&
        fails 'No such file' "$viv" run "$work/pair.yaml" --mmproj "$work/none.gguf" -p ą -n 1 &&
        fails 'does not say' "$viv" run "$work/pair.yaml" --mmproj none -p ą -n 1
}
check 'also where a spec names both' by_spec
alone() {
    fails 'mmproj*.gguf: --mmproj FILE' "$viv" run "$work/alone/model.gguf" --image "$a" -p ą -n 1 &&
        fails 'cannot see' "$viv" run "$llava-gguf/model.gguf" --mmproj none --image "$a" -p ą -n 1 &&
        ends 0 "$viv" run "$llava-gguf/model.gguf" --mmproj none -p ą -n 1
}
check 'without it, the text part cannot see' alone
other() { # by the architecture, by the number of features, by what it is
    fails "goes with the architecture gemma3, and $work/alone/model.gguf is of llama" \
        "$viv" run "$work/alone/model.gguf" --mmproj "$gemma-gguf/mmproj-model.gguf" -p ą -n 1 &&
        fails 'has 48 features' "$viv" run "$source/tests/golden/llama-gqa-gguf/model.gguf" --mmproj "$llava-gguf/mmproj-model.gguf" -p ą -n 1 &&
        fails 'is no mmproj file: expected the general.architecture clip, found llama' \
            "$viv" run "$work/alone/model.gguf" --mmproj "$llava-gguf/model.gguf" -p ą -n 1 &&
        fails 'is no GGUF file' "$viv" run "$llava" --mmproj "$llava-gguf/mmproj-model.gguf" -p ą -n 1 &&
        fails 'No such file' "$viv" run "$work/alone/model.gguf" --mmproj "$work/none.gguf" -p ą -n 1
}
check 'the second file of another model is refused by what differs' other
with_basename() { # FILE NAME: it, with a general.basename; its length keeps tensors aligned
    head -c 16 "$1"
    printf "\\$(printf %o $(($(od -An -tu1 -j16 -N1 "$1") + 1)))"
    tail -c +18 "$1" | head -c 7
    printf '\020\0\0\0\0\0\0\0general.basename\010\0\0\0\034\0\0\0\0\0\0\0%-28s' "$2"
    tail -c +25 "$1"
}
namesakes() { # two models of the same shapes
    with_basename "$llava-gguf/model.gguf" 'Lla VA' >"$work/alone/a.gguf" && with_basename "$llava-gguf/mmproj-model.gguf" 'llava' >"$work/alone/b.gguf" &&
        with_basename "$llava-gguf/mmproj-model.gguf" 'bakllava' >"$work/alone/c.gguf" &&
        ends 0 "$viv" run "$work/alone/a.gguf" --mmproj "$work/alone/b.gguf" --image "$a" -p ą -n 1 && ! grep -q 'another model' "$work/err" &&
        ends 0 "$viv" run "$work/alone/a.gguf" --mmproj "$work/alone/c.gguf" --image "$a" -p ą -n 1 && cp "$work/err" "$work/a" &&
        shows "$work/alone/c.gguf is the mmproj of another model by its general.basename, bakllava"
}
check 'one that fits by its sizes alone is named' namesakes
strange() { # what only lies beside is not taken
    sed 's/clip.projector_type/clip.projector_tipe/' "$llava-gguf/mmproj-model.gguf" >"$work/alone/mmproj.gguf" &&
        ends 0 "$viv" run "$work/alone/model.gguf" -p ą -n 1 &&
        fails 'does not say of which type its projector is' "$viv" run "$work/alone/model.gguf" --mmproj "$work/alone/mmproj.gguf" -p ą -n 1 &&
        head -c 3000 "$llava-gguf/mmproj-model.gguf" >"$work/alone/mmproj.gguf" && ends 0 "$viv" run "$work/alone/model.gguf" -p ą -n 1 &&
        fails 'mmproj.gguf' "$viv" run "$work/alone/model.gguf" --mmproj "$work/alone/mmproj.gguf" -p ą -n 1 &&
        cp "$gemma-gguf/mmproj-model.gguf" "$work/alone/mmproj.gguf" && ends 0 "$viv" run "$work/alone/model.gguf" -p ą -n 1
    rm -f "$work/alone/mmproj.gguf"
}
check 'and what lies beside a model and does not fit is not taken' strange

quantized() { # each file by itself; the other goes with it
    ends 0 "$viv" quantize "$llava-gguf/model.gguf" --type q8_0 -o "$work/text.gguf" &&
        ends 0 "$viv" quantize "$llava-gguf/mmproj-model.gguf" --type q8_0 -o "$work/sight.gguf" &&
        says_of "$work/text.gguf" --mmproj "$llava-gguf/mmproj-model.gguf" >"$work/a" && says_of "$work/text.gguf" --mmproj "$work/sight.gguf" >"$work/b" &&
        [ "$(wc -l <"$work/a")" -eq 12 ] && [ "$(wc -l <"$work/b")" -eq 12 ]
}
check 'quantized, a pair goes on seeing' quantized

header() { # a second file that ends behind its header has no weights, as a first one has none
    size=$(wc -c <"$qwen_gguf/mmproj-model.gguf") &&
        for kept in $((size - 1)) $((size * 2 / 3)) $((size / 3)) 4000; do
            head -c "$kept" "$qwen_gguf/mmproj-model.gguf" >"$work/cut.gguf"
            fails 'cut.gguf' "$viv" run "$qwen_gguf/model.gguf" --mmproj "$work/cut.gguf" --image "$a" -p ą -n 1 || return 1
        done
}
check 'a second file that is cut short' header

# --- another encoder -----------------------------------------------------------------------------------------------------
swapped() { # SigLIP's in place of CLIP's, which has no class token: two lines of LLaVA's spec
    sed 's/use: clip_vision/use: siglip_vision/; /feature_rows:/s/default: default, choices: \[default\]/default: full, choices: [full]/' \
        "$source/specs/families/llava.yaml" >"$work/swapped.yaml"
    [ "$(diff "$source/specs/families/llava.yaml" "$work/swapped.yaml" | grep -c '^>')" -eq 2 ] &&
        printf 'viv: 1\nuse: ./swapped.yaml\ncheckpoint: %s\n' "$golden/llava_siglip" >"$work/mine.yaml" &&
        ends 0 "$viv" run "$work/mine.yaml" --image "$a" -p 'āąđ<image>ė' -n 8 --temp 0 --ignore-eos --cache-type f32 --json &&
        grep -o '"token":[0-9]*' "$work/out" | cut -d: -f2 | tr '\n' ' ' >"$work/a" &&
        sed 's/.*"turns": \[{"tokens": [^]]*\], "greedy": \[\([^]]*\)\].*/\1 /; s/,//g' "$golden/llava_siglip/swapped.json" | tr -d '\n' >"$work/b" && same
}
check "a LLaVA that sees with SigLIP's encoder" swapped

# --- what they cost, from the spec ----------------------------------------------------------------------------------------
compared() { # llava cuts out a square; llava_next has tiles besides; a text model sees nothing
    ends 0 "$viv" compare "$llava" "$golden/llava_next" "$source/tests/golden/llama-gqa" --json && tr -d ' \n' <"$work/out" >"$work/a" &&
        shows '"picture_tokens":16,"picture_flops":512960' && shows '"picture_tokens":70' && shows '"picture_tokens":null' &&
        ends 0 "$viv" compare "$llava" "$source/tests/golden/llama-gqa" --html "$work/x.html" && cp "$work/x.html" "$work/a" &&
        shows 'tokens of a picture of 1024 x 768'
}
check 'a comparison has the tokens and operations of a picture' compared
blind_only() { ends 0 "$viv" compare "$source/tests/golden/llama-gqa" "$source/tests/golden/qwen3" && ! grep -q 'of a picture' "$work/out"; }
check 'where some model sees' blind_only
fitted() { # the encoder's weights, all of them, and the rows of the picture
    ends 0 "$viv" fit "$llava" && cp "$work/out" "$work/a" && shows 'weights                  68.3 KiB'
}
check 'what fits counts the encoder' fitted

check 'where the stacks meet is shown' says 'graph, where rows of project take the place of token 90' "$viv" inspect "$llava"

# --- what is said of them ------------------------------------------------------------------------------------------------
closing() { ends 0 "$viv" run "$llava" --image "$a" --image "$b" -p ąć -n 2 --temp 0 && cp "$work/err" "$work/a" && shows 'pictures 16 + 16 tokens'; }
check 'the tokens of each picture are told' closing
events() {
    ends 0 "$viv" run "$llava" --image "$a" --image "$b" --image "$a" -p ąć -n 2 --temp 0 --json && cp "$work/out" "$work/a" &&
        shows '"what":"pictures","done":1,"total":3' &&
        shows "{\"event\":\"picture\",\"name\":\"$b\",\"index\":1,\"of\":3,\"tokens\":16,\"kept\":false}" &&
        shows "\"index\":2,\"of\":3,\"tokens\":16,\"kept\":true}"
}
check 'in JSON, too, and which were kept' events
many() { # the context has room for 512 tokens
    set -- "$viv" run "$llava" -p ąć -n 2 -q
    for i in $(seq 33); do set -- "$@" --image "$a"; done
    fails 'the first 33 of 33 pictures stand for 528 tokens, and the context has room for 512' "$@"
}
check 'pictures for which there is no room' many
unseen() { # it is refused before it is computed
    bounded "$viv" run "$golden/llava_next" --image "$a" -p ąć -n 2 -c 32 --json
    cp "$work/err" "$work/a" && shows 'the first 1 of 1 pictures stand for 70 tokens, and the context has room for 32' &&
        ! grep -q '"what":"tiles"' "$work/out"
}
check 'and are not computed in vain' unseen


# A picture is read as ever, and the answer keeps to a grammar: four characters, of the few that these vocabularies have.
keeps() {
    for model in "$llava" "$gemma"; do
        "$viv" run "$model" -p "" --image "$a" --no-echo -q -n 20 --seed 1 --ignore-eos --regex '(?s)[^\x00-\x1f]{4}' >"$work/answer" 2>"$work/err" ||
            { cat "$work/err"; return 1; }
        [ "$(tr -d '\n' <"$work/answer" | LC_ALL=C.UTF-8 wc -m)" = 4 ] || { cat "$work/answer"; return 1; }
    done
}
check 'an answer about a picture keeps to a grammar' keeps
finish
