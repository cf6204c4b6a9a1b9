#!/usr/bin/env python3
"""What the tokenizers library cuts with the patterns of a Split, and with its other pre-tokenizers.

    pip install tokenizers
    python patterns.py        # writes tests/golden/patterns.json

A list of {"pre_tokenizer": ..., "cuts": [[text, piece, piece, ...], ...]}; without "cuts", the library refuses it.
"""
import json
import pathlib

from tokenizers import Tokenizer

OUT = pathlib.Path(__file__).resolve().parent.parent / "patterns.json"

WORDS = "Hello, World! it's 12345 fooBar\tx_y-z  end\n\n"
MIXED = "né ÀÉ ſt ß K١٢³½Ⅷ ー漢字かなカナ 한국 हिन्दी e\u0301\u200d\U0001f600\u180e\u00a0\u3000\u0085z"
CODE = "if(a[0]==0xFF){return b*c^d;}// #1\r\n\t<tag/>"

NEWER = "a\U0001fae8!\U00031350\u1c89\u1c8a\u0897\U00010d40\U000113d4\U0001ccf0\U0001cc00 \u2427b"  # of Unicode 15 and 16

# pattern, texts; Isolated
PATTERNS = [
    # zero-width matches cut
    (r"(?=(\d{3})+(?!\d))", ["1234567 and 12", "1", "x1234"]), (r"(?<=[a-z])(?=[A-Z])", [WORDS, "aB", "B", "camelCaseXy"]), (r"", ["abc", "é漢"]),
    (r"\b", [WORDS, MIXED]), (r"\B", ["ab cd"]), (r"^", ["a\nb\n\nc", "\n"]), (r"$", ["a\nb\n\nc", "\n"]), (r"\A", ["a\nb"]), (r"\z", ["a\nb\n"]),
    (r"\Z", ["a\nb\n"]), (r"a*", ["baaac", "aaa", "b"]), (r"x?", ["axxb"]), (r"\G\d", ["123a4"]), (r"\d*", ["12ab3"]), (r"(?=ab)|b", ["abab"]),
    # quantifiers
    (r"a{3}+", ["aaaaaaa", "aaaa"]), (r"a{2,3}+", ["aaaaaaa"]), (r"a{1,2}+a", ["aaa", "aa"]), (r"a++a", ["aaa"]), (r"a?+a", ["aa", "a"]), (r"a*+", ["aab"]),
    (r"a{,2}", ["aaaa"]), (r"a{2,}", ["a aa aaa"]), (r"a{2}?", ["aaaa"]), (r"a{1,3}?", ["aaaa"]), (r"a{x", ["a{x"]), (r"a{", ["a{"]), (r"a{3,2}", ["aaaa"]), (r"a{0}", ["aa"]),
    (r"(?:ab){2}", ["abababab"]), (r"a+?b", ["aaab"]), (r"a**", ["aab"]), (r"*a", None), (r"+", None),
    # classes
    (r"[a-z&&[^aeiou]]+", [WORDS]), (r"[a-z[0-9]]+", [WORDS]), (r"[^a-z[0-9]]+", [WORDS]), (r"[\p{L}&&[^\p{Han}]]+", [MIXED]), (r"[a-c&&b-d&&b]", ["abcd"]),
    (r"[a&&]", ["a&b"]), (r"[&&a]", ["a&b"]), (r"[[:alpha:]]+", [WORDS, MIXED]), (r"[[:digit:]]+", [WORDS, MIXED]), (r"[[:alnum:]_]+", [MIXED]), (r"[[:space:]]+", [WORDS, MIXED]),
    (r"[[:punct:]]+", [CODE, MIXED]), (r"[[:upper:]]+", [WORDS, MIXED]), (r"[[:lower:]]+", [WORDS, MIXED]), (r"[[:xdigit:]]+", [CODE]), (r"[[:cntrl:]]+", [CODE, MIXED]),
    (r"[[:graph:]]+", [WORDS, MIXED]), (r"[[:print:]]+", [CODE]), (r"[[:blank:]]+", [WORDS, MIXED]), (r"[[:word:]]+", [MIXED]), (r"[[:ascii:]]+", [MIXED]), (r"[[:^alpha:]]+", [WORDS]),
    (r"[[:nope:]]", ["nope:"]), (r"[]a]+", ["a]b"]), (r"[^]a]+", ["a]b"]), (r"[a-]+", ["a-b"]), (r"[-a]+", ["a-b"]), (r"[a\-z]+", ["a-z b"]), (r"[z-a]", None), (r"[", None), (r"[a", None),
    (r"[]", None), (r"[\d-x]+", ["1-x y"]), (r"[\w-]+", [WORDS]), (r"[^\s]+", [MIXED]), (r"[\s\S]", ["a \n"]), (r"[\x{4e00}-\x{9fff}]+", [MIXED]), (r"[一-龥]+", [MIXED]), (r"[!-/:-@]+", [CODE]),
    (r"[\b]", ["a\bb"]), (r"[.]+", ["a.b"]), (r"[$^]+", ["a$^b"]), (r"[a-z#]+", ["ab#c"]), (r"[\]\[]+", ["a[]b"]),
    # shorthand classes
    (r"\h+", [CODE, WORDS]), (r"\H+", [CODE]), (r"\w+", [WORDS, MIXED]), (r"\W+", [MIXED]), (r"\d+", [MIXED]), (r"\D+", [MIXED]), (r"\s+", [WORDS, MIXED]), (r"\S+", [MIXED]), (r"\R", ["a\r\nb\nc\x0bd\u2028e\u0085f"]),
    (r"\X", ["e\u0301\U0001f468\u200d\U0001f469x", "한\r\n"]), (r"\N+", ["a\nb"]), (r"\O+", ["a\nb"]), (r".+", ["a\nb\r\nc"]), (r"(?m).+", ["a\nb"]), (r"(?s).+", ["a\nb"]), (r"\y", ["ab"]), (r"\Y", ["ab"]),
    # properties
    (r"\p{Letter}+", [MIXED]), (r"\p{L}+", [MIXED]), (r"\p{Lu}+", [WORDS, MIXED]), (r"\p{Ll}+", [MIXED]), (r"\p{Lo}+", [MIXED]), (r"\p{M}+", [MIXED]), (r"\p{N}+", [MIXED]), (r"\p{Nd}", [MIXED]),
    (r"\p{Han}+", [MIXED]), (r"\p{Hiragana}+|\p{Katakana}+", [MIXED]), (r"\p{Script=Han}+", [MIXED]), (r"\p{Hangul}+", [MIXED]), (r"\p{Latin}+", [MIXED]), (r"\p{Greek}", ["αb"]), (r"\p{P}+", [CODE]),
    (r"\p{S}+", [CODE]), (r"\p{^L}+", [MIXED]), (r"\P{L}+", [MIXED]), (r"\P{^L}+", [MIXED]), (r"\p{alpha}+", [MIXED]), (r"\p{Alnum}+", [MIXED]), (r"\p{Emoji}", ["a1\U0001f600"]),
    (r"\p{Uppercase_Letter}+", [WORDS]), (r"\p{uppercaseletter}+", [WORDS]), (r"\p{upper case_letter}+", [WORDS]), (r"\p{White_Space}+", [MIXED]), (r"\p{Any}", ["aé"]), (r"\p{L&}+", None), (r"\p{LC}+", [MIXED]),
    (r"\p{InCyrillic}", ["яa"]), (r"\p{In_Basic_Latin}+", [MIXED]), (r"\p{IsHan}", None), (r"\pL+", ["pLab"]), (r"\p{Nope}", None), (r"\p{gc=Lu}", None), (r"[^\r\n\p{L}\p{N}]?\p{L}+", [WORDS, MIXED]),
    # escapes
    (r"[\u0900-\u097f]+", [MIXED]), (r"\u00e9", [MIXED]), (r"\x41|\x{48}", ["AHa"]), (r"\x{1F600}", [MIXED]), (r"\o{101}", ["AB"]), (r"\101", ["AB"]), (r"\t|\n|\r|\f|\v|\a|\e", ["a\t\n\r\f\v\a\x1bz"]), (r"\0", ["a\0b"]), (r"\cA|\C-b", ["\x01\x02"]),
    (r"\Qa.b\E", ["a.b", "Qa.bE"]), (r"\#", ["a#b"]), (r"\-\_\@\'", ["-_@'"]), (r"\q", ["q"]), (r"\é", ["é"]), ("\\", None), (r"\u12", None), (r"\x{110000}", None), (r"\x{D800}", ["a"]), (r"\k", ["k"]), (r"\p", ["p"]),
    # groups
    (r"(?i:'s|'t|'re)", ["it'S don'T you'RE 'ſ"]), (r"(?i)straße", ["STRASSE Straße"]), (r"(?i)ss", ["ß SS sſ"]), (r"(?i)k", ["K\u212ak"]), (r"(?i)[a-z]+", ["AbſK"]), (r"(?i)ﬁ", ["FI fi ﬁ"]), (r"(?i)ǆ", ["ǅǄ"]), (r"(?i:a)b", ["Ab AB"]),
    (r"(?-i:a)(?i:b)", ["aB AB"]), (r"(?x) a b # c", ["ab"]), (r"(?>a+)a", ["aaa"]), (r"(?>a|ab)c", ["abc ac"]), (r"(a)\1", ["aab"]), (r"(?<x>a)\k<x>", ["aa"]), (r"(?<x>a)(b)\2", None), (r"(?P<x>a)", None), (r"(?P<x>a)(?P=x)", None),
    (r"(?<y>\((?:[^()]|\g<y>)*\))", ["a(b(c)d)e"]), (r"(?'x'a)", None), (r"(?#note)a", ["ab"]), (r"(?:a|b)+", ["abc"]), (r"(?=a)ab", ["abc"]), (r"(?!a)\w", ["ab"]), (r"(?<=a)b", ["ab cb"]), (r"(?<!a)b", ["ab cb"]),
    (r"(?<=a|bc)d", ["ad bcd cd"]), (r"(?<=a+)b", ["aab"]), (r"(?<=a.*)b", ["acb b"]), (r"(?<!\w)x", ["x ax"]), (r"a\Kb", ["ab"]), (r"(?(1)a|b)", None), (r"(a)?(?(1)b|c)", ["ab c"]), (r"(?~ab)", ["xxabyy"]), (r"(?R)?a", ["aa"]), (r"(a", None), (r"a)", None), (r"()", ["ab"]), (r"(?i", None),
    (r"\N*\R", ["ab\n", "a\r\nb"]), (r"\R*", ["09\nbZ"]), (r"x+\R+", ["xx\n\r\n\nx"]), (r"[\R]", ["R\n"]),
    (r"a|", ["ba"]), (r"|a", ["ba"]), (r"a||b", ["cab"]), (r"(?W:\w+)", [MIXED]), (r"(?D:\d+)", [MIXED]), (r"(?S:\s+)", [MIXED]), (r"(?P:[[:alpha:]]+)", [MIXED]), (r"(?a)\w", None), (r"(?u)\w", None), (r"(?y{g})\X", ["e\u0301a"]),
    (r"(*FAIL)|a", ["ab"]), (r"(?{x})a", ["ab"]), (r"(?L)a", None), (r"(?i-m:A)", ["aA"]), (r"(?^:a)", None), (r"(?|a|b)", None), (r"(?&x)", None), (r"\1(a)", ["aa"]), (r"\2(a)", None), (r"(?<1>a)", None), (r"\g<0>?a", ["aa"]), (r"(?<n>a|b\g<n>c)", ["bbacc"]),
    (r"\p{L}+", [NEWER]), (r"\p{N}+", [NEWER]), (r"\p{P}|\p{S}", [NEWER]), (r"\p{Lu}", [NEWER]), (r"\w+", [NEWER]), (r"\p{M}", [NEWER]), (r"\p{Han}", [NEWER]),
    # as published
    (r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", [WORDS, MIXED, CODE]),
    (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+", [WORDS, MIXED, CODE, NEWER]),
    (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+", [WORDS, MIXED, CODE, NEWER]),
    (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+", [WORDS, MIXED, CODE]),
    (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+", [WORDS, MIXED, CODE, NEWER]),
    (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+", [WORDS, MIXED, CODE, NEWER]),
    (r"\d{1,3}(?=(?:\d{3})*\b)", ["1234567 12 x1234", "١٢٣٤"]), (r"(?:\r?\n)+(?!\r?\n)", ["a\n\nb"]), (r" ?[^(\s|.,!?…。，、।۔،)]+", [WORDS, MIXED]),
]
BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
ZERO = [(r"(?<=[a-z])(?=[A-Z])|-|\d", "fooBar-1-b2C"), (r"", "ab"), (r"x*", "axxb"), (r"\b", "ab, cd"), (r"a", "aabaa")]


def split(pattern, behavior, invert, kind="Regex"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def cases():
    for pattern, texts in PATTERNS:
        yield split(pattern, "Isolated", False), texts or ["a"]
    for pattern, text in ZERO:
        for behavior in BEHAVIORS:
            for invert in (False, True):
                yield split(pattern, behavior, invert), [text]
    for literal, text in [("a.", "xa.a.ya"), ("", "né"), ("\\d", "1\\d2"), ("&&", "a&&&b"), ("#-~", "a#-~b"), (" ", "a  b"), ("[", "a[b"), ("é", "née"), ("\n", "a\nb")]:
        for behavior in BEHAVIORS:
            yield split(literal, behavior, False, "String"), [text]
        yield split(literal, "Removed", True, "String"), [text]
    yield {"type": "Sequence", "pretokenizers": [split(r"\s", "Removed", False), split(r"", "Isolated", False)]}, ["ab c"]
    yield {"type": "Sequence", "pretokenizers": [split(r"\b", "Isolated", False), split(r"(?<=b)c", "Isolated", False)]}, ["abc bc"]
    for other in ({"type": "Whitespace"}, {"type": "WhitespaceSplit"}, {"type": "BertPreTokenizer"}, {"type": "UnicodeScripts"}, {"type": "Digits", "individual_digits": True},
                  {"type": "Digits", "individual_digits": False}, {"type": "Punctuation", "behavior": "Contiguous"}, {"type": "CharDelimiterSplit", "delimiter": "é"}, {"type": "FixedLength", "length": 3},
                  {"type": "FixedLength"}, {"type": "FixedLength", "length": 1}, {"type": "Punctuation"}, {"type": "CharDelimiterSplit", "delimiter": "ab"}, {"type": "CharDelimiterSplit", "delimiter": ""}):
        yield other, [WORDS, MIXED, CODE, "どこで生れ。Yes", "Apples are りんご 林檎", "ー カー", " a", "  漢a ", "à\u0301α я1", "a\u0301 \u0301"]


def main():
    made = []
    for pre, texts in cases():
        model = {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}
        entry = {"pre_tokenizer": pre}
        try:
            t = Tokenizer.from_str(json.dumps({"version": "1.0", "pre_tokenizer": pre, "model": model}))
            entry["cuts"] = [[text] + [piece for piece, _ in t.pre_tokenizer.pre_tokenize_str(text)] for text in texts]
        except BaseException as e:
            print(f"refused: {json.dumps(pre, ensure_ascii=False)}: {e}")
        made.append(entry)
    lines = ",\n".join(json.dumps(e, ensure_ascii=False) for e in made)
    OUT.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    print(len(made))


main()
