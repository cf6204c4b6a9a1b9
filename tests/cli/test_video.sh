#!/bin/sh
# --video as its users meet it: folders of frames and animations; and what is refused by name.
set -u
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

golden=$source/tests/golden/vision
qwen=$golden/qwen2_vl frames=$golden/frames pictures=$source/tests/vlm/corpus_picture
has_vlm() { "$viv" plugin list 2>/dev/null | grep -q vlm; }
has_vlm || { echo 'built without vlm'; exit 77; }
shows() { grep -qF -- "$1" "$work/a" || { cat "$work/a"; return 1; }; }
tokens() { # OPTION...: the answer's
    ends 0 "$viv" run "$qwen" -p ąđ -n 8 --temp 0 --ignore-eos --json "$@" && grep -o '"token":[0-9]*' "$work/out"
}

# --- what is seen ------------------------------------------------------------------------------------------------------
folder() { ends 0 "$viv" run "$qwen" --video "$frames" -p ąđ -n 1 --json && cp "$work/out" "$work/a" && shows "\"name\":\"$frames\",\"index\":0,\"of\":1,\"tokens\":48"; }
check 'a folder of frames is a video' folder
placed() { # by the text, or before it
    tokens --video "$frames" >"$work/a" &&
        ends 0 "$viv" run "$qwen" --video "$frames" -p '<|vision_start|><|video_pad|><|vision_end|>ąđ' -n 8 --temp 0 --ignore-eos --json &&
        grep -o '"token":[0-9]*' "$work/out" >"$work/b" && cmp "$work/a" "$work/b"
}
check 'it stands where the prompt says, or before it' placed
check 'so is an animated GIF' ends 0 "$viv" run "$qwen" --video "$pictures/animated.gif" -p ąđ -n 1
check 'and an animated WebP' ends 0 "$viv" run "$qwen" --video "$pictures/animated.webp" -p ąđ -n 1
check 'a still picture is a video of one frame' ends 0 "$viv" run "$qwen" --video "$golden/a.png" -p ąđ -n 1
both() {
    ends 0 "$viv" run "$qwen" --image "$golden/a.png" --video "$frames" --video "$pictures/animated.gif" -p ąđ -n 1 --json && cp "$work/out" "$work/a" &&
        shows '"index":0,"of":3,"tokens":30' && shows '"index":1,"of":3,"tokens":48'
}
check 'pictures and videos stand in one prompt' both
slower() { # at one frame a second all frames are seen, at 24 four
    ends 0 "$viv" run "$golden/qwen3_vl" --video "$frames" --fps 1 -p ąđ -n 1 --json && cp "$work/out" "$work/a" && shows '"tokens":18'
}
check 'how many frames are seen depends on the time' slower
messages() {
    printf '[{"role":"user","content":[{"type":"video","video":"%s"},{"type":"text","text":"ąđ"}]}]' "$frames" >"$work/m" &&
        printf '%s' '{% for m in messages %}{% for c in m.content %}{% if c.type == "video" %}<|vision_start|><|video_pad|><|vision_end|>{% else %}{{ c.text }}{% endif %}{% endfor %}{% endfor %}' >"$work/t" &&
        printf '%s' '{% for m in messages %}{{ m.content | replace("\n", "") }}{% endfor %}' >"$work/u" && tokens --video "$frames" >"$work/a" &&
        for template in t u; do
            ends 0 "$viv" run "$qwen" --messages "$work/m" --template "$work/$template" -n 8 --temp 0 --ignore-eos --json &&
                grep -o '"token":[0-9]*' "$work/out" >"$work/b" && cmp "$work/a" "$work/b" || return 1
        done
}
check 'messages name videos, whatever the template knows of them' messages

listed() { # the frames one by one, as Qwen's messages have them
    list=$(printf '"%s",' "$frames"/5.png "$frames"/6.png "$frames"/7.png "$frames"/8.png "$frames"/9.png "$frames"/10.png)
    printf '[{"role":"user","content":[{"type":"video","video":[%s]},{"type":"text","text":"ąđ"}]}]' "${list%,}" >"$work/m"
    tokens --video "$frames" >"$work/a" && ends 0 "$viv" run "$qwen" --messages "$work/m" --template "$work/t" -n 8 --temp 0 --ignore-eos --json &&
        grep -o '"token":[0-9]*' "$work/out" >"$work/b" && cmp "$work/a" "$work/b"
}
check 'or list its frames' listed

film() { # the same frames in one file, without loss; or what is lost without libavformat
    tokens --video "$golden/frames.mkv" >"$work/b" || { grep -qF 'configure --with-ffmpeg' "$work/err"; return; }
    tokens --video "$frames" >"$work/a" && cmp "$work/a" "$work/b"
}
check 'a Matroska file, where libavformat is there' film

# --- a conversation ----------------------------------------------------------------------------------------------------
chat() { # TURNS OPTION...: the answers' texts
    turns=$1
    shift
    printf '%s' "$turns" | tr '|' '\n' | "$viv" chat "$qwen" --template "$work/t" --temp 0 -n 8 --ignore-eos --json "$@" 2>"$work/err" |
        sed 's/.*"text":"//; s/","reason".*//'
}
talked() { # as `viv run` answers
    "$viv" run "$qwen" --video "$frames" -p ąđ -n 8 --temp 0 --ignore-eos >"$work/a" 2>/dev/null && chat "/video $frames|ąđ" >"$work/b" &&
        [ -s "$work/b" ] && [ "$(cat "$work/a")" = "$(cat "$work/b")" ]
}
check '/video shows a folder of frames' talked
continued() { # another day, the frames are in the session
    rm -f "$work/s"
    chat "/video $pictures/animated.gif|ąđ" --session "$work/s" >"$work/a" && chat "đą" --session "$work/s" >>"$work/a" &&
        chat "/video $pictures/animated.gif|ąđ|đą" >"$work/b" && [ -s "$work/b" ] && cmp "$work/a" "$work/b"
}
check 'and an animation, which a session holds' continued
mixed_chat() { chat "/video $source/tests/cli|ą" >/dev/null; grep -q 'expected a PNG, JPEG, WebP or GIF file' "$work/err" || { cat "$work/err"; return 1; }; }
check '/video of a folder of other files' mixed_chat

# --- what is refused ---------------------------------------------------------------------------------------------------
refuses() { # WORDS PATH
    fails "$1" "$viv" run "$qwen" --video "$2" -p ąđ -n 1
}
mkdir "$work/none" "$work/mixed" "$work/deep" "$work/deep/in" "$work/text" "$work/cut"
cp "$golden/a.png" "$work/mixed/1.png" && cp "$golden/b.png" "$work/mixed/2.png"
cp "$golden/a.png" "$work/text/1.png" && echo abc >"$work/text/2.png"
cp "$golden/a.png" "$work/cut/1.png" && head -c 700 "$golden/a.png" >"$work/cut/2.png"
printf '\0\0\0\030ftypmp42\0\0\0\0' >"$work/a.mp4"
check 'a folder without frames' refuses "$work/none is empty" "$work/none"
check 'frames of several sizes' refuses '2.png, frame 2 of the video, has 29 x 64 pixels, and the first one has 51 x 37' "$work/mixed"
check 'folders in it' refuses "$work/deep/in is a folder" "$work/deep"
check 'a file that is no picture' refuses "$work/text/2.png: this is no picture" "$work/text"
check 'a frame that is cut short' refuses "$work/cut/2.png: " "$work/cut"
check 'a film of nothing, or of a format that is not read' refuses "$work/a.mp4: " "$work/a.mp4"
check 'a path that is not there' refuses 'No such file' "$work/nowhere"
check 'a model that takes pictures alone' fails 'this model takes no videos' "$viv" run "$golden/llava" --video "$frames" -p ą -n 1
check 'a model that cannot see' fails 'cannot see' "$viv" run "$source/tests/golden/llama-gqa" --video "$frames" -p ą -n 1
check 'more than the context has room for' fails 'give a shorter video' "$viv" run "$qwen" --video "$frames" -p ąđ -n 1 --context 40
check '--fps alone' ends 2 "$viv" run "$qwen" --fps 2 -p ąđ -n 1
absurd() { # settings
    mkdir -p "$work/model" && cp "$qwen"/*.json "$qwen/model.safetensors" "$work/model/" &&
        for change in 's/"fps": 2/"fps": -1/' 's/"fps": 2/"fps": 1e300/' 's/"min_frames": 4/"min_frames": -4/' 's/"patch_size": 4/"patch_size": 0/' \
            's/"longest_edge": [0-9]*/"longest_edge": 0/' 's/"rescale_factor": [0-9.e-]*/"rescale_factor": 0/'; do
            sed "$change" "$qwen/video_preprocessor_config.json" >"$work/model/video_preprocessor_config.json"
            ends 1 "$viv" run "$work/model" --video "$frames" -p ąđ -n 1 || { echo "$change"; return 1; }
        done
}
check 'settings that make no sense' absurd
in_list() { # SOURCES WORDS
    printf '[{"role":"user","content":[{"type":"video","video":%s}]}]' "$1" >"$work/m" && fails "$2" "$viv" run "$qwen" --messages "$work/m" --template "$work/t" -n 1
}
check 'a list without frames' in_list '[]' 'its list is empty'
check 'a list of other things' in_list '[7]' 'frame 1 of a video: expected a path or URL, found an integer'
check 'a frame that is not there' in_list "[\"$work/nowhere.png\"]" 'No such file'


finish
