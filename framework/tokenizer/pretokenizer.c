/* pretokenizer.c - splits a normalized text into words, which the model encodes one by one. */
#include "tokenizer/patterns.h"
#include "tokenizer/pipeline.h"
#include "tokenizer/regex.h"
#include "tokenizer/unicode.h"

#include "base/near.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

/* --- GPT-2's letters ----------------------------------------------------------------------------------------- */

static uint32_t letter_of(unsigned char byte)
{
    /* printable bytes are their own letters; the others, in order, are U+0100 and on */
    if ((byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174)
        return byte;
    if (byte <= 32)
        return 256u + byte;
    return byte <= 160 ? 256u + 33 + (byte - 127u) : 256u + 67;
}

const char *byte_level_letter(unsigned char byte, size_t *n)
{
    static _Thread_local char letter[4];
    *n = utf8_put(letter_of(byte), letter);
    return letter;
}

static int byte_of(uint32_t letter)
{
    if (letter < 256)
        return letter_of((unsigned char)letter) == letter ? (int)letter : -1;
    if (letter <= 256 + 32)
        return (int)letter - 256;
    if (letter <= 256 + 66)
        return (int)letter - 256 - 33 + 127;
    return letter == 256 + 67 ? 173 : -1;
}

bool byte_level_decode(const char *s, size_t n, struct buf *out)
{
    const size_t before = out->size;
    bool ok = true, known = true;
    uint32_t c;
    for (size_t i = 0, length; ok && known && i < n; i += length) {
        length = utf8_decode(s + i, n - i, &c);
        int byte = length ? byte_of(c) : -1;
        known = byte >= 0;
        ok = !known || buf_putc(out, (char)byte);
    }
    if (known)
        return ok;
    out->size = before;
    return buf_append(out, s, n);
}

/* --- steps --------------------------------------------------------------------------------------------------- */

static viv_status split(const struct pretokenizer *p, const char *s, size_t n, struct pretokens *out,
                        struct error *err)
{
    struct ranges r = {0};
    viv_status status = pattern_ranges(&p->pattern, s, n, &r, err);
    for (size_t i = 0; p->invert && i < r.n; i++)
        r.v[i].match = !r.v[i].match;
    if (status == VIV_OK && !pretokens_split(s, &r, p->behavior, out))
        status = error_nomem(err);
    ranges_release(&r);
    return status;
}

static viv_status split_chars(const struct pretokenizer *p, const char *s, size_t n, struct pretokens *out,
                              struct error *err)
{
    struct ranges r = {0};
    bool ok = true;
    size_t begin = 0;
    uint32_t c;
    for (size_t i = 0, length; ok && i < n && (length = utf8_decode(s + i, n - i, &c)); i += length) {
        if (!p->test(c))
            continue;
        ok = ranges_add(&r, begin, i, false) && ranges_add(&r, i, i + length, true);
        begin = i + length;
    }
    ok = ok && ranges_add(&r, begin, n, false) && pretokens_split(s, &r, p->behavior, out);
    ranges_release(&r);
    return ok ? VIV_OK : error_nomem(err);
}

static viv_status byte_level(const struct pretokenizer *p, const char *s, size_t n, struct pretokens *out,
                             struct error *err)
{
    struct buf spaced = {0}, letters = {0};
    struct pretokens words = {0};
    viv_status status = VIV_OK;
    if (p->prefix_space && s[0] != ' ') {
        if (!buf_putc(&spaced, ' ') || !buf_append(&spaced, s, n))
            status = error_nomem(err);
        s = buf_text(&spaced);
        n = spaced.size;
    }
    if (status == VIV_OK && p->use_regex)
        status = split(p, s, n, &words, err);
    else if (status == VIV_OK && !pretokens_add(&words, s, n))
        status = error_nomem(err);
    for (size_t w = 0; status == VIV_OK && w < words.n; w++) {
        bool ok = true;
        buf_clear(&letters);
        for (size_t i = 0, k; ok && i < words.v[w].n; i++) {
            const char *letter = byte_level_letter((unsigned char)words.text.data[words.v[w].at + i], &k);
            ok = buf_append(&letters, letter, k);
        }
        if (!ok || !pretokens_add(out, buf_text(&letters), letters.size))
            status = error_nomem(err);
    }
    buf_release(&spaced);
    buf_release(&letters);
    pretokens_release(&words);
    return status;
}

/* Replaces spaces, and may add a replacement before the text; a word begins with each. */
static viv_status metaspace(const struct pretokenizer *p, const char *s, size_t n, bool first,
                            struct pretokens *out, struct error *err)
{
    struct buf text = {0};
    struct ranges r = {0};
    size_t k = strlen(p->text), begin = 0;
    bool begins = n >= k && memcmp(s, p->text, k) == 0, ok = true;
    bool prepend = p->scheme == PREPEND_ALWAYS || (p->scheme == PREPEND_FIRST && first);
    if (prepend && !begins && s[0] != ' ')
        ok = buf_puts(&text, p->text);
    for (size_t i = 0; ok && i < n; i++)
        ok = s[i] == ' ' ? buf_puts(&text, p->text) : buf_putc(&text, s[i]);
    const char *t = buf_text(&text);
    for (const char *at = t; ok && p->split && (at = memmem(at, text.size - (size_t)(at - t), p->text, k));
         at += k) {
        ok = ranges_add(&r, begin, (size_t)(at - t), false) &&
             ranges_add(&r, (size_t)(at - t), (size_t)(at - t) + k, true);
        begin = (size_t)(at - t) + k;
    }
    ok = ok && ranges_add(&r, begin, text.size, false) && pretokens_split(t, &r, SPLIT_MERGED_WITH_NEXT, out);
    buf_release(&text);
    ranges_release(&r);
    return ok ? VIV_OK : error_nomem(err);
}

static bool words(const char *s, size_t n, struct pretokens *out)
{
    enum { SPACE, WORD, OTHER } before = SPACE, now;
    size_t begin = 0;
    bool ok = true;
    uint32_t c;
    for (size_t i = 0, length; ok && i < n && (length = utf8_decode(s + i, n - i, &c)); i += length) {
        now = unicode_is_word(c) ? WORD : unicode_is_space(c) ? SPACE : OTHER;
        if (now == before)
            continue;
        ok = before == SPACE || pretokens_add(out, s + begin, i - begin);
        begin = i;
        before = now;
    }
    return ok && (before == SPACE || pretokens_add(out, s + begin, n - begin));
}

/* As in the reference: a character without a script, such as a space, belongs to the one before it, and is lost if
 * there is none. */
static bool scripts(const char *s, size_t n, struct pretokens *out)
{
    unsigned before = 0;
    size_t begin = 0;
    bool ok = true;
    uint32_t c;
    for (size_t i = 0, length; ok && i < n && (length = utf8_decode(s + i, n - i, &c)); i += length) {
        unsigned now = unicode_script(c);
        if (now == 0 || now == before)
            continue;
        ok = before == 0 || pretokens_add(out, s + begin, i - begin);
        begin = i;
        before = now;
    }
    return ok && (before == 0 || pretokens_add(out, s + begin, n - begin));
}

static bool fixed_length(const char *s, size_t n, size_t length, struct pretokens *out)
{
    bool ok = true;
    for (size_t i = 0, end; ok && i < n; i = end) {
        size_t left = length;
        for (end = i; end < n && (left > 0 || ((unsigned char)s[end] & 0xC0) == 0x80); end++)
            left -= ((unsigned char)s[end] & 0xC0) != 0x80;
        ok = pretokens_add(out, s + i, end - i);
    }
    return ok;
}

static viv_status step(const struct pretokenizer *p, const char *s, size_t n, bool first, struct pretokens *out,
                       struct error *err)
{
    switch (p->kind) {
    case PRETOKENIZE_BYTE_LEVEL:
        return byte_level(p, s, n, out, err);
    case PRETOKENIZE_SPLIT:
        return split(p, s, n, out, err);
    case PRETOKENIZE_CHARS:
        return split_chars(p, s, n, out, err);
    case PRETOKENIZE_METASPACE:
        return metaspace(p, s, n, first, out, err);
    case PRETOKENIZE_WORDS:
        return words(s, n, out) ? VIV_OK : error_nomem(err);
    case PRETOKENIZE_SCRIPTS:
        return scripts(s, n, out) ? VIV_OK : error_nomem(err);
    case PRETOKENIZE_LENGTH:
        return fixed_length(s, n, p->length, out) ? VIV_OK : error_nomem(err);
    }
    return VIV_OK;
}

viv_status pretokenizers_apply(const struct pretokenizers *list, const char *s, size_t n, bool first,
                               struct pretokens *out, struct error *err)
{
    struct pretokens from = {0}, to = {0};
    viv_status status = pretokens_add(&from, s, n) ? VIV_OK : error_nomem(err);
    for (size_t i = 0; status == VIV_OK && i < list->n; i++) {
        pretokens_clear(&to);
        for (size_t k = 0; status == VIV_OK && k < from.n; k++)
            status = step(&list->v[i], from.text.data + from.v[k].at, from.v[k].n, first && k == 0, &to, err);
        struct pretokens swap = from;
        from = to;
        to = swap;
    }
    pretokens_release(&to);
    if (status == VIV_OK) {
        pretokens_release(out);
        *out = from;
    } else {
        pretokens_release(&from);
    }
    return status;
}

/* --- making them --------------------------------------------------------------------------------------------- */

struct pretokenizer *pretokenizers_add(struct pretokenizers *list, enum pretokenizer_kind kind)
{
    if (!VEC_RESERVE(list->v, list->n, list->capacity))
        return NULL;
    list->v[list->n] = (struct pretokenizer){.kind = kind};
    return &list->v[list->n++];
}

void pretokenizers_release(struct pretokenizers *list)
{
    for (size_t i = 0; i < list->n; i++) {
        pattern_release(&list->v[i].pattern);
        free(list->v[i].text);
    }
    free(list->v);
    *list = (struct pretokenizers){0};
}

viv_status pretokenizers_add_regex(struct pretokenizers *list, const char *pattern, enum split_behavior behavior,
                                   struct error *err)
{
    struct pretokenizer *p = pretokenizers_add(list, PRETOKENIZE_SPLIT);
    if (!p)
        return error_nomem(err);
    p->behavior = behavior;
    return regex_create(pattern, strlen(pattern), REGEX_TOKENIZERS, &p->pattern.regex, err);
}

static bool is_digit_for_split(uint32_t c)
{
    return unicode_is_numeric(c);
}

static viv_status read_behavior(json_t *j, enum split_behavior otherwise, enum split_behavior *out,
                                struct error *err)
{
    static const char *const names[] = {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext",
                                        "Contiguous"};
    const char *name = json_string_value(json_object_get(j, "behavior"));
    *out = otherwise;
    for (int i = 0; name && i < 5; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (enum split_behavior)i;
            return VIV_OK;
        }
    return name ? error_set(err, VIV_EUNSUPPORTED, "behavior '%s' is unknown", name) : VIV_OK;
}

static bool flag(json_t *j, const char *key, bool otherwise)
{
    json_t *v = json_object_get(j, key);
    return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

static viv_status add_chars(struct pretokenizers *list, bool (*test)(uint32_t), enum split_behavior behavior,
                            struct error *err)
{
    struct pretokenizer *p = pretokenizers_add(list, PRETOKENIZE_CHARS);
    if (!p)
        return error_nomem(err);
    p->test = test;
    p->behavior = behavior;
    return VIV_OK;
}

static viv_status add_byte_level(struct pretokenizers *list, json_t *j, struct error *err)
{
    struct pretokenizer *p = pretokenizers_add(list, PRETOKENIZE_BYTE_LEVEL);
    if (!p)
        return error_nomem(err);
    p->prefix_space = flag(j, "add_prefix_space", true);
    p->use_regex = flag(j, "use_regex", true);
    p->behavior = SPLIT_ISOLATED;
    return regex_create(GPT2_PATTERN, strlen(GPT2_PATTERN), REGEX_TOKENIZERS, &p->pattern.regex, err);
}

static viv_status add_split(struct pretokenizers *list, json_t *j, struct error *err)
{
    struct pretokenizer *p = pretokenizers_add(list, PRETOKENIZE_SPLIT);
    if (!p)
        return error_nomem(err);
    p->invert = flag(j, "invert", false);
    viv_status status = read_behavior(j, SPLIT_ISOLATED, &p->behavior, err);
    return status == VIV_OK ? pattern_from_json(json_object_get(j, "pattern"), &p->pattern, err) : status;
}

static viv_status add_metaspace(struct pretokenizers *list, json_t *j, struct error *err)
{
    struct pretokenizer *p = pretokenizers_add(list, PRETOKENIZE_METASPACE);
    const char *text = json_string_value(json_object_get(j, "replacement"));
    const char *scheme = json_string_value(json_object_get(j, "prepend_scheme"));
    if (!p)
        return error_nomem(err);
    if (text && !*text)
        return error_set(err, VIV_EFORMAT, "'replacement' is empty");
    p->text = strdup(text ? text : "\xE2\x96\x81");
    if (!p->text)
        return error_nomem(err);
    p->split = flag(j, "split", true);
    p->scheme = flag(j, "add_prefix_space", true) ? PREPEND_ALWAYS : PREPEND_NEVER;
    if (scheme && strcmp(scheme, "always") == 0)
        p->scheme = PREPEND_ALWAYS;
    else if (scheme && strcmp(scheme, "first") == 0)
        p->scheme = PREPEND_FIRST;
    else if (scheme && strcmp(scheme, "never") == 0)
        p->scheme = PREPEND_NEVER;
    else if (scheme)
        return error_set(err, VIV_EUNSUPPORTED, "prepend_scheme '%s' is unknown", scheme);
    return VIV_OK;
}

static viv_status add_delimiter(struct pretokenizers *list, json_t *j, struct error *err)
{
    struct pretokenizer *p = pretokenizers_add(list, PRETOKENIZE_SPLIT);
    if (!p)
        return error_nomem(err);
    const char *delimiter = json_string_value(json_object_get(j, "delimiter"));
    uint32_t c;
    if (!delimiter || !*delimiter || utf8_decode(delimiter, strlen(delimiter), &c) != strlen(delimiter))
        return error_set(err, VIV_EFORMAT, "'delimiter' must be one character");
    p->behavior = SPLIT_REMOVED;
    return pattern_from_json(json_object_get(j, "delimiter"), &p->pattern, err);
}

static viv_status add_length(struct pretokenizers *list, json_t *j, struct error *err)
{
    json_t *length = json_object_get(j, "length");
    if (length && (!json_is_integer(length) || json_integer_value(length) < 1))
        return error_set(err, VIV_EFORMAT, "'length' must be a whole number from 1 on");
    struct pretokenizer *p = pretokenizers_add(list, PRETOKENIZE_LENGTH);
    if (!p)
        return error_nomem(err);
    p->length = length ? (size_t)json_integer_value(length) : 5;
    return VIV_OK;
}

static viv_status add_one(struct pretokenizers *list, const char *type, json_t *j, struct error *err)
{
    enum split_behavior behavior;
    static const char *const names[] = {
        "ByteLevel",          "Split",          "Digits",          "Punctuation",
        "Metaspace",          "Whitespace",     "WhitespaceSplit", "BertPreTokenizer",
        "CharDelimiterSplit", "UnicodeScripts", "FixedLength"};
    if (strcmp(type, "ByteLevel") == 0)
        return add_byte_level(list, j, err);
    if (strcmp(type, "Split") == 0)
        return add_split(list, j, err);
    if (strcmp(type, "Digits") == 0)
        return add_chars(list, is_digit_for_split,
                         flag(j, "individual_digits", false) ? SPLIT_ISOLATED : SPLIT_CONTIGUOUS, err);
    if (strcmp(type, "Punctuation") == 0) {
        viv_status status = read_behavior(j, SPLIT_ISOLATED, &behavior, err);
        return status == VIV_OK ? add_chars(list, unicode_is_punctuation, behavior, err) : status;
    }
    if (strcmp(type, "Metaspace") == 0)
        return add_metaspace(list, j, err);
    if (strcmp(type, "Whitespace") == 0)
        return pretokenizers_add(list, PRETOKENIZE_WORDS) ? VIV_OK : error_nomem(err);
    if (strcmp(type, "UnicodeScripts") == 0)
        return pretokenizers_add(list, PRETOKENIZE_SCRIPTS) ? VIV_OK : error_nomem(err);
    if (strcmp(type, "FixedLength") == 0)
        return add_length(list, j, err);
    if (strcmp(type, "WhitespaceSplit") == 0)
        return add_chars(list, unicode_is_space, SPLIT_REMOVED, err);
    if (strcmp(type, "BertPreTokenizer") == 0) {
        viv_status status = add_chars(list, unicode_is_space, SPLIT_REMOVED, err);
        return status == VIV_OK ? add_chars(list, unicode_is_punctuation, SPLIT_ISOLATED, err) : status;
    }
    if (strcmp(type, "CharDelimiterSplit") == 0)
        return add_delimiter(list, j, err);
    const char *nearest = near_word(type, names, sizeof names / sizeof *names);
    return error_set(err, VIV_EUNSUPPORTED, "unknown%s%s", nearest ? "; the nearest is " : "",
                     nearest ? nearest : "");
}

viv_status pretokenizers_add_json(struct pretokenizers *list, json_t *j, struct error *err)
{
    if (!j || json_is_null(j))
        return VIV_OK;
    const char *type = json_string_value(json_object_get(j, "type"));
    if (!type)
        return error_set(err, VIV_EFORMAT, "pre_tokenizer: a component without a type");
    if (strcmp(type, "Sequence") == 0) {
        json_t *item;
        size_t i;
        json_array_foreach(json_object_get(j, "pretokenizers"), i, item)
        {
            viv_status status = pretokenizers_add_json(list, item, err);
            if (status != VIV_OK)
                return status;
        }
        return VIV_OK;
    }
    viv_status status = add_one(list, type, j, err);
    return status == VIV_OK ? status : error_prefix(err, "pre_tokenizer %s", type);
}
