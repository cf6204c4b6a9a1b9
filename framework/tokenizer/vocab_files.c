/* vocab_files.c - tokenizers in older formats: vocab.json with merges.txt, and vocab.txt. */
#include "tokenizer/patterns.h"
#include "tokenizer/pipeline.h"

#include "base/file.h"
#include "base/utf8.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILE = 256 << 20 };

/* --- vocab.json and merges.txt ------------------------------------------------------------------------------- */

static viv_status read_merges(struct tokenizer *t, const char *path, struct error *err)
{
    struct buf text = {0};
    viv_status status = file_read(path, MAX_FILE, &text, err);
    const char *line = buf_text(&text), *end = line + text.size;
    for (size_t number = 1; status == VIV_OK && line < end; number++) {
        const char *stop = memchr(line, '\n', (size_t)(end - line)), *next = stop ? stop : end;
        const char *last = next > line && next[-1] == '\r' ? next - 1 : next;
        const char *space = memchr(line, ' ', (size_t)(last - line));
        bool comment = number == 1 && last - line > 8 && memcmp(line, "#version", 8) == 0;
        if (last > line && !comment) {
            if (!space)
                status = error_set(err, VIV_EFORMAT, "expected two pieces with a space between");
            else
                status = bpe_add_merge(t->model, line, (size_t)(space - line), space + 1,
                                       (size_t)(last - space - 1), err);
            if (status != VIV_OK)
                error_prefix(err, "%s:%zu", path, number);
        }
        line = next + 1;
    }
    buf_release(&text);
    return status;
}

/* The words of GPT-2, with a space added before each part of the text that does not begin with one. */
static viv_status add_spaced_words(struct tokenizer *t, struct error *err)
{
    json_t *j = json_pack("{s:s, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", 1, "use_regex", 1);
    viv_status status = j ? pretokenizers_add_json(&t->pretokenizers, j, err) : error_nomem(err);
    json_decref(j);
    if (status == VIV_OK && !decoders_add(&t->decoders, DECODE_BYTE_LEVEL))
        status = error_nomem(err);
    return status;
}

viv_status tokenizer_read_vocab_merges(struct tokenizer *t, const char *directory, const struct tokenizer_words *w,
                                       struct error *err)
{
    const char *name;
    const struct tokenizer_class *class = tokenizer_class_of(w, &name);
    const char *pattern = class ? class->pattern : name ? NULL : GPT2_PATTERN; /* the class of these files */
    char path[PATH_MAX];
    json_t *vocab;
    if (!pattern)
        return error_set(err, VIV_EUNSUPPORTED,
                         "vocab.json without tokenizer.json, and tokenizer_config.json names the class '%s', whose "
                         "pre-tokenizer this version does not know",
                         name ? name : class->names[0]);
    snprintf(path, sizeof path, "%s/vocab.json", directory);
    viv_status status = json_read(path, MAX_FILE, &vocab, err);
    if (status != VIV_OK)
        return status;
    status = tokenizer_read_pieces(t, vocab, err);
    json_decref(vocab);
    if (status == VIV_OK && class && class->nfc && !normalizers_add(&t->normalizers, NORMALIZE_NFC))
        status = error_nomem(err);
    const bool spaced = !(class && class->nfc) && json_is_true(json_object_get(w->config, "add_prefix_space"));
    if (status == VIV_OK)
        status = spaced ? add_spaced_words(t, err)
                        : tokenizer_add_byte_level(t, (const char *const[]){pattern, NULL}, err);
    const struct token_model base = tokenizer_model_base(t, -1);
    if (status == VIV_OK)
        status = bpe_create(&base, &(struct bpe_options){0}, &t->model, err);
    snprintf(path, sizeof path, "%s/merges.txt", directory);
    return status == VIV_OK ? read_merges(t, path, err) : status;
}

/* --- vocab.txt ----------------------------------------------------------------------------------------------- */

/* {"piece": line number, from 0} */
static viv_status read_lines(const char *path, json_t *vocab, struct error *err)
{
    struct buf text = {0};
    viv_status status = file_read(path, MAX_FILE, &text, err);
    const char *line = buf_text(&text), *end = line + text.size;
    for (json_int_t id = 0; status == VIV_OK && line < end; id++) {
        const char *stop = memchr(line, '\n', (size_t)(end - line)), *last = stop ? stop : end;
        size_t n = (size_t)(last - line);
        n -= n > 0 && line[n - 1] == '\r';
        if (!utf8_valid(line, n))
            status = error_set(err, VIV_EFORMAT, "line %" JSON_INTEGER_FORMAT " is not UTF-8", id + 1);
        else if (json_object_setn_new(vocab, line, n, json_integer(id)) != 0)
            status = error_nomem(err);
        line = last + 1;
    }
    buf_release(&text);
    return status;
}

/* "cls_token": "[CLS]", or {"content": "[CLS]", ...} */
static const char *token_name(json_t *config, const char *key, const char *otherwise)
{
    json_t *v = json_object_get(config, key);
    const char *name = json_string_value(json_is_object(v) ? json_object_get(v, "content") : v);
    return name ? name : otherwise;
}

/* The stages of BERT's tokenizer with this vocabulary. */
static viv_status describe_bert(json_t *vocab, json_t *config, json_t **out, struct error *err)
{
    static const char *const tokens[][2] = {{"pad_token", "[PAD]"},
                                            {"mask_token", "[MASK]"},
                                            {"unk_token", "[UNK]"},
                                            {"cls_token", "[CLS]"},
                                            {"sep_token", "[SEP]"}};
    enum { UNK = 2, CLS = 3, SEP = 4, N = 5 };
    const char *names[N];
    json_t *ids[N], *added = json_array(), *accents = json_object_get(config, "strip_accents");
    json_t *chinese = json_object_get(config, "tokenize_chinese_chars");
    for (size_t i = 0; i < N; i++) {
        names[i] = token_name(config, tokens[i][0], tokens[i][1]);
        ids[i] = json_object_get(vocab, names[i]);
        if (ids[i])
            json_array_append_new(added,
                                  json_pack("{s:s, s:O, s:b}", "content", names[i], "id", ids[i], "special", 1));
        if (!ids[i] && i >= UNK) {
            json_decref(added);
            return error_set(err, VIV_EFORMAT, "no line is '%s', the %s", names[i], tokens[i][0]);
        }
    }
    *out = json_pack(
        "{s:{s:s, s:s, s:O}, s:{s:s, s:b, s:b, s:O*}, s:{s:s}, s:{s:s, s:[s, O], s:[s, O]}, s:{s:s}, s:o}", "model",
        "type", "WordPiece", "unk_token", names[UNK], "vocab", vocab, "normalizer", "type", "BertNormalizer",
        "lowercase", !json_is_false(json_object_get(config, "do_lower_case")), "handle_chinese_chars",
        !json_is_false(chinese), "strip_accents", json_is_boolean(accents) ? accents : NULL, "pre_tokenizer",
        "type", "BertPreTokenizer", "post_processor", "type", "BertProcessing", "cls", names[CLS], ids[CLS], "sep",
        names[SEP], ids[SEP], "decoder", "type", "WordPiece", "added_tokens", added);
    return *out && !json_lost_something() ? VIV_OK : error_nomem(err);
}

viv_status tokenizer_read_vocab_txt(struct tokenizer *t, const char *path, json_t *config, struct error *err)
{
    static const char *const known[] = {"BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer"};
    const char *class = token_name(config, "tokenizer_class", known[0]);
    json_t *vocab, *described = NULL;
    bool fits = false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t n = strlen(known[i]);
        fits = fits || (strncmp(class, known[i], n) == 0 && (!class[n] || strcmp(class + n, "Fast") == 0));
    }
    if (!fits)
        return error_set(err, VIV_EUNSUPPORTED,
                         "vocab.txt without tokenizer.json, and tokenizer_config.json names the class '%s', whose "
                         "pre-tokenizer this version does not know",
                         class);
    json_notice_memory();
    vocab = json_object();
    viv_status status = vocab ? read_lines(path, vocab, err) : error_nomem(err);
    if (status == VIV_OK)
        status = describe_bert(vocab, config, &described, err);
    if (status == VIV_OK)
        status = tokenizer_read_components(t, described, err);
    json_decref(described);
    json_decref(vocab);
    return status;
}
