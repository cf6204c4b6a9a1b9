#!/bin/sh
# see, and classify of pictures, as their users meet them: what goes in, what comes out, and what is refused by name.
set -u
. "${VIV_SOURCE:-.}/tests/cli/checks.sh"

golden=$source/tests/golden/vision
a=$golden/a.png b=$golden/b.png
has_vlm() { "$viv" plugin list 2>/dev/null | grep -q vlm; }
has_vlm || { echo 'built without vlm'; exit 77; }

# --- see -------------------------------------------------------------------------------------------------------
check 'a picture has a size and rows' says '51 x 37 pixels, 70 rows' "$viv" see "$golden/llava_next" --image "$a"
check 'tiles are counted' says '  2 x 2 tiles of 28 x 28 pixels, 4 x 4 patches of 7 x 7 each: 54 rows' "$viv" see "$golden/llava_next" --image "$a"
check 'so is the whole picture' says '  the whole picture, 28 x 28 pixels' "$viv" see "$golden/smolvlm" --image "$a"
check 'a picture may keep its shape' says '  one picture of 21 x 42 pixels, 3 x 6 patches of 7 x 7' "$viv" see "$golden/siglip2" --image "$b"
check 'in JSON' says '"views":[{"whole":true,"lines":1,"columns":1,"tile_height":28,"tile_width":28,"patch":7,"patches":[4,4],"rows":16}' \
    "$viv" see "$golden/llava_next" --image "$b" --json
no_weights() {
    mkdir "$work/bare" && cp "$golden/internvl/config.json" "$golden/internvl/preprocessor_config.json" "$work/bare" &&
        says '20 rows' "$viv" see "$work/bare" --image "$a"
}
check 'weights are not needed' no_weights
drawing() {
    ends 0 "$viv" see "$golden/internvl" --image "$a" --image "$b" -o "$work/x.png" &&
        [ "$(od -An -tx1 -N8 "$work/x.png" | tr -d ' \n')" = 89504e470d0a1a0a ] &&
        says 'one picture of' "$viv" see "$golden/clip" --image "$work/x.png"
}
check 'the drawing is a picture' drawing
numbers() {
    ends 0 "$viv" see "$golden/internvl" --image "$a" --image "$b" --pixels "$work/x.npy" &&
        [ "$(wc -c <"$work/x.npy")" -eq $((128 + 8 * 3 * 28 * 28 * 4)) ] &&
        grep -aq "'shape': (8, 3, 28, 28), }" "$work/x.npy" &&
        ends 0 "$viv" see "$golden/internvl" --image "$a" --pixels "$work/x.npy" --view 2 &&
        grep -aq "'shape': (1, 3, 28, 28), }" "$work/x.npy"
}
check 'the numbers are an array' numbers
check 'tiles of several sizes are none' fails 'are not one array' "$viv" see "$golden/siglip2" --image "$a" --image "$b" --pixels "$work/y.npy"
check 'a view that there is not' fails 'there is no view 3' "$viv" see "$golden/internvl" --image "$a" --pixels "$work/y.npy" --view 3
check 'frames of a video are seen together' says '  0.167 s: 2 frames of 24 x 16 pixels, 6 x 4 patches of 4 x 4 each: 6 rows' \
    "$viv" see "$golden/kimi_k25" --video "$golden/frames"
check 'at another pace at other times' says '  0.750 s: 2 frames of' "$viv" see "$golden/qwen2_5_vl" --video "$golden/frames" --fps 4
check 'videos in JSON' says '"rows":8,"begin":0.125}],"rows":16}' "$viv" see "$golden/qwen3_vl" --video "$golden/frames" --json
frames() {
    ends 0 "$viv" see "$golden/kimi_k25" --video "$golden/frames" --pixels "$work/x.npy" -o "$work/x.png" &&
        grep -aq "'shape': (6, 3, 16, 24), }" "$work/x.npy" &&
        says "x.png: 121 x 56 pixels" "$viv" see "$golden/clip" --image "$work/x.png"
}
check 'frames are drawn, and numbers' frames
check 'a model that takes no videos' fails 'takes no videos' "$viv" see "$golden/clip" --video "$golden/frames"
check 'a pace of no video' ends 2 "$viv" see "$golden/clip" --image "$a" --fps 3
check 'a model that cannot see' fails 'cannot see' "$viv" see "$source/tests/golden/llama-gqa" --image "$a"
narrow() { # 1 x 40,000 and 40,000 x 1 pixels, of all families: seen, or refused in words, in little memory
    echo iVBORw0KGgoAAAANSUhEUgAAAAEAAJxAAQAAAADbAjylAAAAZElEQVR42u3BgQAAAADDoPlTH+AKVQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAwBs4jwAB3AJAdAAAAABJRU5ErkJggg== | base64 -d >"$work/tall.png"
    echo iVBORw0KGgoAAAANSUhEUgAAnEAAAAABAQAAAACVG/YpAAAAHElEQVR42u3BMQEAAADCoPVPbQo/oAAAAACAuwETiQABoJhm3QAAAABJRU5ErkJggg== | base64 -d >"$work/wide.png"
    nm "$viv" | grep -q __asan_ || limits='ulimit -v 2000000'
    for directory in "$golden"/*/preprocessor_config.json; do
        for picture in tall wide; do
            [ -e "${directory%/*}/swapped.json" ] && continue # of no family
            [ -e "${directory%/*}/config.json" ] || continue  # a pair of GGUF files
            bounded "$viv" see "${directory%/*}" --image "$work/$picture.png" ||
                grep -q "$work/$picture.png: a picture .*\(less narrow\|too narrow\|has no patch\|is cut into\)" "$work/err" ||
                { echo "$directory"; cat "$work/err"; limits=:; return 1; }
        done
    done
    limits=:
}
check 'a line of pixels is seen, or too narrow' narrow
another() { # the class's own settings: patches of 14 x 14, where the model has 4 x 4
    mkdir -p "$work/qwen" && cp "$golden/qwen2_5_vl/config.json" "$golden/qwen2_5_vl/model.safetensors" "$work/qwen" &&
        fails "patch_size or merge_size is another model's" "$viv" see "$work/qwen" --image "$a"
}
check "another model's preprocessor" another
check 'a file that is no picture' fails 'config.json' "$viv" see "$golden/clip" --image "$golden/clip/config.json"
check 'a picture that is not there' fails 'none.png' "$viv" see "$golden/clip" --image "$work/none.png"
check 'no picture at all' ends 2 "$viv" see "$golden/clip"
output() { # instead of words
    ends 0 "$viv" see "$golden/internvl" --image "$a" -o "$work/x.png" && ends 0 "$viv" see "$golden/internvl" --image "$a" -o - &&
        cmp "$work/x.png" "$work/out" && ends 0 "$viv" see "$golden/internvl" --image "$a" --pixels "$work/x.npy" &&
        ends 0 "$viv" see "$golden/internvl" --image "$a" --pixels - && cmp "$work/x.npy" "$work/out"
}
check 'standard output takes the drawing, or the numbers' output
check 'and one thing alone' ends 2 "$viv" see "$golden/clip" --image "$a" -o - --json
check 'also of two files' ends 2 "$viv" see "$golden/clip" --image "$a" -o - --pixels "$work/y.npy"

# --- classify --------------------------------------------------------------------------------------------------
check 'a classifier has labels' says '  0.473499  LABEL_2' "$viv" classify "$golden/vit" --cache-type f32 --image "$a"
check 'in JSON, by the name of the file' says '"labels":[{"label":"LABEL_2","score":0.47' "$viv" classify "$golden/vit" --image "$a" --json
sums() { # of the scores
    "$viv" classify "$@" --cache-type f32 --image "$a" | awk 'NR > 1 { sum += $1 } END { printf "%.4f\n", sum }'
}
one() { [ "$(sums "$golden/clip_pair" --label 'ą' --label 'Č')" = 1.0000 ]; }
each() { [ "$(sums "$golden/siglip_pair" --label 'ąđġ' --label 'Č')" = 1.8337 ]; }
check 'of any labels one fits, in CLIP' one
check 'and each or not, in SigLIP' each
check 'several pictures' says 'b.png' "$viv" classify "$golden/siglip_pair" --label 'Č' --image "$a" --image "$b"
check 'a pair of encoders has no labels' fails '--label TEXT' "$viv" classify "$golden/clip_pair" --image "$a"
check 'a classifier takes no others' fails 'labels of its own' "$viv" classify "$golden/vit" --image "$a" --label x
check 'an encoder has none' fails 'no labels for pictures' "$viv" classify "$golden/dinov2" --image "$a"
check 'labels are for pictures' ends 2 "$viv" classify "$golden/clip_pair" --label x
check 'texts or pictures' ends 2 "$viv" classify "$golden/vit" --image "$a" text
finish
