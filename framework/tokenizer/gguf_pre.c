/* gguf_pre.c - llama.cpp's pre-tokenizers, by the names that its converter writes into tokenizer.ggml.pre.
 *
 * The patterns split as llama.cpp does, which may differ from the tokenizer.json of that name. llama.cpp evaluates
 * most patterns over text in which each character is replaced by a letter for its category. So:
 *   - \p{Lu}, \p{Ll} and the like all mean \p{L}; only A-Z and a-z have a case;
 *   - a contraction is ASCII: (?i:'s) does not match the long s;
 *   - a class of characters beyond ASCII never contains white space: [...&&\S];
 *   - \d is [0-9] if the pattern has no category.
 * tests/tokenizer/gguf_pre.json holds results of llama.cpp itself. */
#include "tokenizer/gguf_pre.h"

#include "tokenizer/patterns.h"

#include "base/near.h"

#include <string.h>

#define SHORT   ASCII_CONTRACTION_PATTERN
#define SYMBOLS " ?[^\\s\\p{L}\\p{N}]+"
#define LETTERS "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+"
#define MARKED  "[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+"

#define NO_CONTRACTIONS LETTERS "|\\p{N}|" SYMBOLS_PATTERN
#define LONG_DIGITS     WORDS_PATTERN(SHORT, "\\p{N}+")
#define BAILING         SHORT "|" LETTERS "|\\p{N}|" SYMBOLS "[\\r\\n]*|\\s*[\\r\\n]|" SPACES_PATTERN
#define SEED            SHORT "|" LETTERS "|\\p{N}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|" LINES_PATTERN
#define PHRASES                                                                                                    \
    SHORT "|[^\\r\\n\\p{L}\\p{N}]?(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+|\\p{N}|" SYMBOLS                           \
          "[\\r\\n/]?|\\s*[\\r\\n]|" SPACES_PATTERN
#define JAIS2                                                                                                      \
    SHORT "|" LETTERS "|\\p{N}{1,3}|" SYMBOLS                                                                      \
          "[\\r\\n]*|\\s*[\\r\\n]+|\\s{512}(?!\\S)|\\s{256}(?!\\S)|\\s{128}(?!\\S)|\\s{64}(?!\\S)|"                \
          "\\s{32}(?!\\S)|\\s{16}(?!\\S)|\\s{8}(?!\\S)|\\s{4}(?!\\S)|\\s{1,2}(?!\\S)|\\s"
#define GRANITE                                                                                                    \
    CASED_PATTERN("[\\p{L}\\p{M}&&[^a-z]]", "[\\p{L}\\p{M}&&[^A-Z]]", SHORT "?") "|\\p{N}{1,3}|" PATHS_PATTERN
#define AYA   MARKED SHORT "?|\\p{N}{1,3}|" PATHS_PATTERN
#define YOUTU MARKED SHORT "?|\\p{N}|" PATHS_PATTERN

#define PUNCTUATION     "[\\p{P}$+<=>^~|]+"
#define PUNCTUATION_TOO "[\\p{P}$+<=>^~|`]+" /* and the grave accent */
#define THREE_DIGITS    "[0-9][0-9][0-9]"
/* splits after each digit whose distance to the end of the run is a multiple of 3 */
#define DIGIT_GROUPS "(?<=\\p{N})(?=(?:\\p{N}{3})*+(?!\\p{N}))"
#define SENTENCE     " ?[^(\\s|.,!?\\u2026\\u3002\\uFF0C\\u3001\\u0964\\u06D4\\u060C)]+"
#define NEWLINES     "[^\\n]+|\\n+"

#define JAPANESE      "[\\u4E00-\\u9FA5\\u3040-\\u30FF]+"
#define ASIAN         "[\\u0800-\\u9FA5\\uAC00-\\uD7FF&&\\S]+"
#define SIGN          "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+"
#define DEEPSEEK_WORD SIGN "|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+"
#define DEEPSEEK3     DEEPSEEK_WORD "[\\r\\n]*|" LINES_PATTERN
#define SPARK         DEEPSEEK_WORD "|[\\r\\n]|" SPACES_PATTERN

/* letters with a case, as DeepSeek lists them */
#define DEEPSEEK_LETTERS                                                                                           \
    "A-Za-z"                                                                                                       \
    "\\u00B5\\u00C0-\\u00D6\\u00D8-\\u00F6\\u00F8-\\u01BA\\u01BC-\\u01BF\\u01C4-\\u0293\\u0295-\\u02AF"            \
    "\\u0370-\\u0373\\u0376\\u0377\\u037B-\\u037D\\u037F\\u0386\\u0388-\\u038A\\u038C\\u038E-\\u03A1"              \
    "\\u03A3-\\u03F5\\u03F7-\\u0481\\u048A-\\u052F\\u0531-\\u0556\\u10A0-\\u10C5\\u13A0-\\u13F5"                   \
    "\\u13F8-\\u13FD\\u1C90-\\u1CBA\\u1CBD-\\u1CBF\\u1D00-\\u1D2B\\u1D6B-\\u1D77\\u1D79-\\u1D9A"                   \
    "\\u1E00-\\u1F15\\u1F18-\\u1F1D\\u1F20-\\u1F45\\u1F48-\\u1F4D\\u1F50-\\u1F57\\u1F59\\u1F5B\\u1F5D"             \
    "\\u1F5F-\\u1F7D\\u1F80-\\u1FB4\\u1FB6-\\u1FBC\\u1FBE\\u1FC2-\\u1FC4\\u1FC6-\\u1FCC\\u1FD0-\\u1FD3"            \
    "\\u1FD6-\\u1FDB\\u1FE0-\\u1FEC\\u1FF2-\\u1FF4\\u1FF6-\\u1FFC\\u2102\\u2107\\u210A-\\u2113\\u2115"             \
    "\\u2119-\\u211D\\u2124\\u2126\\u2128\\u212A-\\u212D\\u212F-\\u2134\\u2139\\u213C-\\u213F\\u2145-\\u2149"      \
    "\\u214E\\u2183\\u2184\\u2C00-\\u2C7B\\u2C7E-\\u2CE4\\u2CEB-\\u2CEE\\u2CF2\\u2CF3\\uA640-\\uA66D"              \
    "\\uA680-\\uA69B\\uA722-\\uA76F\\uA771-\\uA787\\uA78B-\\uA78E\\uAB70-\\uABBF\\uFB00-\\uFB06"                   \
    "\\uFB13-\\uFB17\\uFF21-\\uFF3A\\uFF41-\\uFF5A\\x{10400}-\\x{1044F}\\x{104B0}-\\x{104D3}"                      \
    "\\x{104D8}-\\x{104FB}\\x{10C80}-\\x{10CB2}\\x{10CC0}-\\x{10CF2}\\x{118A0}-\\x{118DF}"                         \
    "\\x{1E900}-\\x{1E943}"
#define DEEPSEEK_PUNCTUATION "[!-/:-~\\uFF01-\\uFF0F\\uFF1A-\\uFF5E\\u2018-\\u201F\\u3001\\u3002]"

#define YOUTU_SCRIPTS                                                                                              \
    "[\\uAC00-\\uD7A3\\u3131-\\u318E]+|[\\uFF01\\u2026\\u201C\\u201D\\u2018\\u2019\\u2014\\uFF1A\\uFF1B\\uFF0C"    \
    "\\u3001-\\u303F\\uFE30-\\uFE4F]+|[\\u3105-\\u312F]+|" JAPANESE
#define AFMOE_SCRIPTS                                                                                              \
    "[\\u4E00-\\u9FFF\\u3400-\\u4DBF\\u8C48-\\uFAFF\\u3040-\\u309F\\u30A0-\\u30FF\\uFF65-\\uFF9F\\u2F00-"          \
    "\\u2FDF\\u0E40-\\u0E7F\\u0E80-\\u0EFF\\u1780-\\u17FF\\u1000-\\u109F\\uAA60-\\uAA7F\\uA9E0-\\uA9FF\\uAC00-"    \
    "\\uD7AF\\u1100-\\u11FF]+"

#define HAN                                                                                                        \
    "\\u4E00-\\u9FFF\\u3400-\\u4DBF\\x{20000}-\\x{2A6DF}\\x{2A700}-\\x{2EBEF}\\uF900-\\uFAFF\\x{2F800}-\\x{2FA1F}"
#define KIMI "[" HAN "]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}&&[^" HAN "]]+" SHORT "?|\\p{N}{1,3}|" SYMBOLS_PATTERN

#define CHAMELEON_SPACES "([\\t\\n]|    |  )"
#define CHAMELEON_MARKS  "[\\p{P}!-/:-@\\[-`{-~]"

static const struct gguf_pre table[] = {
    {"default", 0, {PUNCTUATION, GPT2_PATTERN, "\\p{N}+", THREE_DIGITS}},
    {"minicpm5", GGUF_WHOLE, {"\\p{N}{1,3}", LONG_DIGITS}},
    {"llama3", GGUF_WHOLE | GGUF_BOS, {LLAMA3_ASCII}},
    {"llama-v3", GGUF_WHOLE | GGUF_BOS, {LLAMA3_ASCII}},
    {"llama-bpe", GGUF_WHOLE | GGUF_BOS, {LLAMA3_ASCII}},
    {"falcon3", GGUF_WHOLE | GGUF_BOS, {LLAMA3_ASCII}},
    {"falcon-h1", GGUF_WHOLE | GGUF_BOS, {LLAMA3_ASCII}},
    {"pixtral", GGUF_WHOLE | GGUF_BOS, {LLAMA3_ASCII}},
    {"midm-2.0", GGUF_WHOLE | GGUF_BOS, {LLAMA3_ASCII}},
    {"lfm2", GGUF_WHOLE | GGUF_BOS, {LLAMA3_ASCII}},
    {"jina-v5-nano", GGUF_WHOLE | GGUF_BOS, {LLAMA3_ASCII}},
    {"deepseek-llm",
     0,
     {"[\\r\\n]", "\\s?[" DEEPSEEK_LETTERS "]+", "\\s?" DEEPSEEK_PUNCTUATION "+", "\\s+\\z", ASIAN, "\\p{N}+"}},
    {"deepseek-coder", 0, {"[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", ASIAN, "\\p{N}"}},
    {"deepseek-v3", 0, {"\\p{N}{1,3}", JAPANESE, DEEPSEEK3}},
    {"spark2_5", 0, {"\\p{N}{1,3}", JAPANESE, SPARK, "\\p{N}"}},
    {"youtu", GGUF_WHOLE, {YOUTU_SCRIPTS, YOUTU}},
    {"falcon", 0, {PUNCTUATION_TOO, GPT2_PATTERN, THREE_DIGITS}},
    {"mpt", 0, {GPT2_PATTERN}},
    {"starcoder", 0, {"\\p{N}", GPT2_PATTERN}},
    {"gpt-2", 0, {GPT2_PATTERN}},
    {"phi-2", 0, {GPT2_PATTERN}},
    {"jina-es", 0, {GPT2_PATTERN}},
    {"jina-de", 0, {GPT2_PATTERN}},
    {"gigachat", 0, {GPT2_PATTERN}},
    {"jina-v2-es", 0, {GPT2_PATTERN}},
    {"jina-v2-de", 0, {GPT2_PATTERN}},
    {"a.x-4.0", 0, {GPT2_PATTERN}},
    {"mellum", 0, {GPT2_PATTERN}},
    {"modern-bert", 0, {GPT2_PATTERN}},
    {"jais-2", 0, {JAIS2}},
    {"gemma4", GGUF_NEWLINES_WHOLE | GGUF_BOS_ALWAYS | GGUF_RAW | GGUF_METASPACE, {NEWLINES}},
    {"granite-embed-multi-311m", GGUF_NEWLINES_WHOLE | GGUF_BOS_ALWAYS | GGUF_RAW | GGUF_METASPACE, {NEWLINES}},
    {"sarvam-moe", GGUF_RAW | GGUF_METASPACE, {NEWLINES}},
    {"jina-v1-en", 0, {GPT2_PATTERN}},
    {"jina-v2-code", 0, {GPT2_PATTERN}},
    {"roberta-bpe", 0, {GPT2_PATTERN}},
    {"whitespace", GGUF_RAW, {"\\S+"}},
    {"refact", 0, {"\\p{N}", GPT2_PATTERN}},
    {"command-r", 0, {"\\p{N}", GPT2_PATTERN}},
    {"qwen2", 0, {QWEN2_ASCII}},
    {"deepseek-r1-qwen", 0, {QWEN2_ASCII}},
    {"kormo", 0, {QWEN2_ASCII}},
    {"f2llmv2", 0, {QWEN2_ASCII}},
    {"qwen35", 0, {QWEN35_ASCII}},
    {"stablelm2", 0, {QWEN2_ASCII}},
    {"olmo", 0, {GPT2_PATTERN}},
    {"dbrx", 0, {LLAMA3_ASCII}},
    {"smaug-bpe", 0, {LLAMA3_ASCII}},
    {"poro-chat", 0, {SENTENCE}},
    {"chatglm-bpe", 0, {LLAMA3_ASCII}},
    {"glm4", GGUF_WHOLE, {LLAMA3_ASCII}},
    {"glm5", GGUF_WHOLE, {LLAMA3_ASCII}},
    {"viking", 0, {SENTENCE, "\\p{N}"}},
    {"jais", 0, {GPT2_PATTERN}},
    {"tekken", GGUF_WHOLE | GGUF_BOS, {TEKKEN_ASCII}},
    {"smollm", 0, {"\\p{N}", GPT2_PATTERN}},
    {"codeshell", 0, {"\\p{N}", GPT2_PATTERN}},
    {"bloom", 0, {SENTENCE}},
    {"gpt3-finnish", 0, {SENTENCE}},
    {"exaone", 0, {"\\p{N}", GPT2_PATTERN}},
    {"exaone4", 0, {GPT2_PATTERN}},
    {"exaone-moe", 0, {PHRASES}},
    {"chameleon",
     GGUF_BOS,
     {"<sentinel:[0-9]+>", "IMGIMG[A-I]{1,4}Z", CHAMELEON_SPACES, "\\p{N}", CHAMELEON_MARKS, GPT2_PATTERN}},
    {"minerva-7b", 0, {"\\p{N}", GPT2_PATTERN}},
    {"megrez", 0, {QWEN2_ASCII}},
    {"gpt-4o", 0, {O200K_ASCII}},
    {"llama4", 0, {O200K_ASCII}},
    {"kanana2", 0, {O200K_ASCII}},
    {"talkie", 0, {O200K_ASCII}},
    {"granite-embed-multi-97m", GGUF_WHOLE, {GRANITE}},
    {"tiny_aya", 0, {DIGIT_GROUPS, AYA}},
    {"cohere2moe", 0, {DIGIT_GROUPS, AYA}},
    {"superbpe", 0, {"\\p{N}+", "(?=([0-9]{3})+(?![0-9]))"}},
    {"trillion", 0, {GPT2_PATTERN}},
    {"granite-docling", 0, {GPT2_PATTERN}},
    {"bailingmoe", 0, {BAILING}},
    {"bailingmoe2", 0, {BAILING}},
    {"llada-moe", 0, {BAILING}},
    {"seed-coder", 0, {SEED}},
    {"hunyuan", 0, {QWEN2_ASCII}},
    {"hunyuan-dense", 0, {"\\p{N}{1,3}", JAPANESE, DEEPSEEK3}},
    {"hy_v4", 0, {"\\p{N}{1,3}", JAPANESE, DEEPSEEK3}},
    {"joyai-llm", 0, {"\\p{N}{1,3}", JAPANESE, DEEPSEEK3}},
    {"kimi-k2", 0, {KIMI}},
    {"ufakzeka", 0, {NO_CONTRACTIONS}},
    {"grok-2", 0, {QWEN2_ASCII}},
    {"afmoe", 0, {DIGIT_GROUPS, AFMOE_SCRIPTS, DEEPSEEK3}},
    {"laguna", 0, {NEWLINES, QWEN2_ASCII}},
    {"minimax-m2", 0, {O200K_ASCII}},
    {"solar-open", 0, {QWEN2_ASCII}},
    {"mellum2", 0, {"\\p{N}", GPT2_PATTERN}},
};
enum { N = sizeof table / sizeof *table };

const struct gguf_pre *gguf_pre_at(size_t i)
{
    return i < N ? &table[i] : NULL;
}

viv_status gguf_pre_find(const char *name, const struct gguf_pre **out, struct error *err)
{
    const char *names[N], *wanted = name && *name ? name : "default";
    for (size_t i = 0; i < N; i++) {
        names[i] = table[i].name;
        if (strcmp(names[i], wanted) == 0) {
            *out = &table[i];
            return VIV_OK;
        }
    }
    const char *nearest = near_word(wanted, names, N);
    return error_set(err, VIV_EUNSUPPORTED,
                     "tokenizer.ggml.pre is '%.100s', a pre-tokenizer that this version does not know%s%s%s",
                     wanted, nearest ? " (the nearest is '" : "", nearest ? nearest : "", nearest ? "')" : "");
}
