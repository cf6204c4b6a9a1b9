/* normalizer.c - changes a text before it is split. Each step is a function from one buffer to the next. */
#include "tokenizer/regex.h"
#include "tokenizer/stages.h"
#include "tokenizer/unicode.h"

#include "base/base64.h"
#include "base/near.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_GROWTH = 64 }; /* of a text, by all steps together */

/* --- patterns ------------------------------------------------------------------------------------------------ */

void pattern_release(struct pattern *p)
{
    free(p->literal);
    regex_destroy(p->regex);
    *p = (struct pattern){0};
}

viv_status pattern_ranges(const struct pattern *p, const char *s, size_t n, struct ranges *out, struct error *err)
{
    if (p->regex)
        return regex_ranges(p->regex, s, n, out, err);
    size_t covered = 0;
    for (const char *at = s; (at = memmem(at, n - (size_t)(at - s), p->literal, p->n)); at += p->n) {
        size_t begin = (size_t)(at - s);
        if (!ranges_add(out, covered, begin, false) || !ranges_add(out, begin, begin + p->n, true))
            return error_nomem(err);
        covered = begin + p->n;
    }
    return ranges_add(out, covered, n, false) ? VIV_OK : error_nomem(err);
}

viv_status pattern_from_json(json_t *j, struct pattern *out, struct error *err)
{
    json_t *literal = json_object_get(j, "String"), *regex = json_object_get(j, "Regex");
    if (json_is_string(j))
        literal = j;
    if (json_is_string(literal) && json_string_length(literal) == 0)
        return regex_create("", 0, REGEX_TOKENIZERS, &out->regex, err); /* matches between any two characters */
    if (json_is_string(literal)) {
        out->n = json_string_length(literal);
        out->literal = malloc(out->n + 1);
        if (!out->literal)
            return error_nomem(err);
        memcpy(out->literal, json_string_value(literal), out->n + 1);
        return VIV_OK;
    }
    if (json_is_string(regex))
        return regex_create(json_string_value(regex), json_string_length(regex), REGEX_TOKENIZERS, &out->regex,
                            err);
    return error_set(err, VIV_EFORMAT, "a pattern is {\"String\": ...} or {\"Regex\": ...}, found %s",
                     json_kind(j));
}

/* --- steps --------------------------------------------------------------------------------------------------- */

static viv_status ok_or_nomem(bool ok, struct error *err)
{
    return ok ? VIV_OK : error_nomem(err);
}

static bool lowercase(const char *s, size_t n, struct buf *out)
{
    uint32_t c;
    bool ok = true;
    for (size_t i = 0, length; ok && i < n && (length = utf8_decode(s + i, n - i, &c)); i += length)
        ok = unicode_put_lower(c, out);
    return ok;
}

static bool strip(const char *s, size_t n, bool left, bool right, struct buf *out)
{
    uint32_t c;
    size_t begin = 0, end = n, length;
    while (left && begin < n && (length = utf8_decode(s + begin, n - begin, &c)) && unicode_is_space(c))
        begin += length;
    while (right && end > begin) {
        size_t last = end - 1;
        while (last > begin && ((unsigned char)s[last] & 0xC0) == 0x80)
            last--;
        if (!utf8_decode(s + last, end - last, &c) || !unicode_is_space(c))
            break;
        end = last;
    }
    return buf_append(out, s + begin, end - begin);
}

static bool strip_marks(const char *s, size_t n, bool (*mark)(uint32_t), struct buf *out)
{
    uint32_t c;
    bool ok = true;
    for (size_t i = 0, length; ok && i < n && (length = utf8_decode(s + i, n - i, &c)); i += length)
        ok = mark(c) || buf_append(out, s + i, length);
    return ok;
}

static viv_status replace(const struct normalizer *z, const char *s, size_t n, struct buf *out, struct error *err)
{
    struct ranges r = {0};
    viv_status status = pattern_ranges(&z->pattern, s, n, &r, err);
    for (size_t i = 0; status == VIV_OK && i < r.n; i++)
        status = ok_or_nomem(r.v[i].match ? buf_puts(out, z->text)
                                          : buf_append(out, s + r.v[i].begin, r.v[i].end - r.v[i].begin),
                             err);
    ranges_release(&r);
    return status;
}

static viv_status bert(const struct normalizer *z, const char *s, size_t n, struct buf *out, struct error *err)
{
    struct buf cleaned = {0}, plain = {0};
    uint32_t c;
    bool ok = true;
    viv_status status = VIV_OK;
    for (size_t i = 0, length; ok && i < n && (length = utf8_decode(s + i, n - i, &c)); i += length) {
        if (z->clean && (c == 0 || c == 0xFFFD || unicode_is_control(c)))
            continue;
        bool apart = z->chinese && unicode_is_chinese(c);
        if (z->clean && unicode_is_space(c))
            ok = buf_putc(&cleaned, ' ');
        else
            ok = (!apart || buf_putc(&cleaned, ' ')) && buf_append(&cleaned, s + i, length) &&
                 (!apart || buf_putc(&cleaned, ' '));
    }
    struct buf *from = &cleaned;
    if (ok && z->accents) {
        struct buf decomposed = {0};
        status = unicode_normalize(NFD, buf_text(from), from->size, &decomposed, err);
        ok = status == VIV_OK &&
             strip_marks(buf_text(&decomposed), decomposed.size, unicode_is_nonspacing_mark, &plain);
        buf_release(&decomposed);
        from = &plain;
    }
    if (ok)
        ok =
            z->lowercase ? lowercase(buf_text(from), from->size, out) : buf_append(out, buf_text(from), from->size);
    buf_release(&cleaned);
    buf_release(&plain);
    return status != VIV_OK ? status : ok_or_nomem(ok, err);
}

static bool nmt(const char *s, size_t n, struct buf *out)
{
    uint32_t c;
    bool ok = true;
    for (size_t i = 0, length; ok && i < n && (length = utf8_decode(s + i, n - i, &c)); i += length) {
        bool gone =
            (c >= 1 && c <= 8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F;
        bool space = c == 9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 || (c >= 0x200B && c <= 0x200F) ||
                     c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
        ok = gone || (space ? buf_putc(out, ' ') : buf_append(out, s + i, length));
    }
    return ok;
}

/* As in the reference: a grapheme of up to 5 bytes at once, else character by character. Characters that are not
 * in the map stay. */
static bool charsmap_by_grapheme(const struct charsmap *m, const char *s, size_t n, struct buf *out)
{
    bool ok = true;
    for (size_t at = 0, length; ok && at < n; at += length) {
        const char *to;
        length = unicode_grapheme_length(s + at, n - at);
        if (length < 6 && charsmap_find(m, s + at, length, false, &to)) {
            ok = buf_puts(out, to);
            continue;
        }
        uint32_t c;
        for (size_t i = 0, k; ok && i < length && (k = utf8_decode(s + at + i, length - i, &c)); i += k)
            ok = charsmap_find(m, s + at + i, k, false, &to) ? buf_puts(out, to) : buf_append(out, s + at + i, k);
    }
    return ok;
}

static bool charsmap_by_prefix(const struct charsmap *m, const char *s, size_t n, struct buf *out)
{
    bool ok = true;
    for (size_t at = 0, length; ok && at < n; at += length) {
        const char *to;
        uint32_t c;
        length = charsmap_find(m, s + at, n - at, true, &to);
        if (length) {
            ok = buf_puts(out, to);
        } else {
            length = utf8_decode(s + at, n - at, &c);
            length = length ? length : 1;
            ok = buf_append(out, s + at, length);
        }
    }
    return ok;
}

static bool squeeze(const char *s, size_t n, struct buf *out)
{
    bool ok = true, pending = false, begun = false;
    for (size_t i = 0; ok && i < n; i++) {
        if (s[i] == ' ') {
            pending = begun;
            continue;
        }
        ok = (!pending || buf_putc(out, ' ')) && buf_putc(out, s[i]);
        pending = false;
        begun = true;
    }
    return ok;
}

bool byte_level_encode(const char *s, size_t n, struct buf *out)
{
    bool ok = true;
    for (size_t i = 0, k; ok && i < n; i++) {
        const char *letter = byte_level_letter((unsigned char)s[i], &k);
        ok = buf_append(out, letter, k);
    }
    return ok;
}

static viv_status step(const struct normalizer *z, const char *s, size_t n, struct buf *out, struct error *err)
{
    bool ok = true;
    switch (z->kind) {
    case NORMALIZE_NFC:
    case NORMALIZE_NFD:
    case NORMALIZE_NFKC:
    case NORMALIZE_NFKD:
        return unicode_normalize((enum normal_form)(z->kind - NORMALIZE_NFC), s, n, out, err);
    case NORMALIZE_LOWERCASE:
        ok = lowercase(s, n, out);
        break;
    case NORMALIZE_STRIP:
        ok = strip(s, n, z->left, z->right, out);
        break;
    case NORMALIZE_STRIP_ACCENTS:
        ok = strip_marks(s, n, unicode_is_mark, out);
        break;
    case NORMALIZE_REPLACE:
        return replace(z, s, n, out, err);
    case NORMALIZE_PREPEND:
        ok = n == 0 || (buf_puts(out, z->text) && buf_append(out, s, n));
        break;
    case NORMALIZE_BERT:
        return bert(z, s, n, out, err);
    case NORMALIZE_NMT:
        ok = nmt(s, n, out);
        break;
    case NORMALIZE_CHARSMAP:
        ok = z->by_prefix ? charsmap_by_prefix(z->charsmap, s, n, out)
                          : charsmap_by_grapheme(z->charsmap, s, n, out);
        break;
    case NORMALIZE_BYTES:
        ok = byte_level_encode(s, n, out);
        break;
    case NORMALIZE_SQUEEZE:
        ok = squeeze(s, n, out);
        break;
    }
    return ok_or_nomem(ok, err);
}

viv_status normalizers_apply(const struct normalizers *list, const char *s, size_t n, struct buf *out,
                             struct error *err)
{
    struct buf from = {0}, to = {0};
    viv_status status = VIV_OK;
    for (size_t i = 0; i < list->n && status == VIV_OK; i++) {
        if (i && from.size / MAX_GROWTH > n + 4096) {
            status =
                error_set(err, VIV_ELIMIT, "normalizing makes the text more than %d times as long", MAX_GROWTH);
            break;
        }
        buf_clear(&to);
        status = step(&list->v[i], i ? buf_text(&from) : s, i ? from.size : n, &to, err);
        struct buf swap = from;
        from = to;
        to = swap;
    }
    if (status == VIV_OK)
        status = ok_or_nomem(buf_append(out, list->n ? buf_text(&from) : s, list->n ? from.size : n), err);
    buf_release(&from);
    buf_release(&to);
    return status;
}

/* --- making them --------------------------------------------------------------------------------------------- */

struct normalizer *normalizers_add(struct normalizers *list, enum normalizer_kind kind)
{
    if (!VEC_RESERVE(list->v, list->n, list->capacity))
        return NULL;
    list->v[list->n] = (struct normalizer){.kind = kind};
    return &list->v[list->n++];
}

void normalizers_release(struct normalizers *list)
{
    for (size_t i = 0; i < list->n; i++) {
        pattern_release(&list->v[i].pattern);
        free(list->v[i].text);
        charsmap_destroy(list->v[i].charsmap);
    }
    free(list->v);
    *list = (struct normalizers){0};
}

static viv_status charsmap_from_base64(const char *s, size_t n, struct charsmap **out, struct error *err)
{
    struct buf bytes = {0};
    viv_status status = base64_decode(s, n, &bytes) ? charsmap_create(buf_text(&bytes), bytes.size, out, err)
                        : bytes.failed              ? error_nomem(err)
                                       : error_set(err, VIV_EFORMAT, "precompiled_charsmap is not base64");
    buf_release(&bytes);
    return status;
}

static bool flag(json_t *j, const char *key, bool otherwise)
{
    json_t *v = json_object_get(j, key);
    return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

static viv_status read_options(struct normalizer *z, json_t *j, struct error *err)
{
    json_t *text = json_object_get(j, z->kind == NORMALIZE_REPLACE ? "content" : "prepend");
    json_t *map = json_object_get(j, "precompiled_charsmap");
    z->left = flag(j, "strip_left", true);
    z->right = flag(j, "strip_right", true);
    z->clean = flag(j, "clean_text", true);
    z->chinese = flag(j, "handle_chinese_chars", true);
    z->lowercase = flag(j, "lowercase", true);
    z->accents = flag(j, "strip_accents", z->lowercase);
    if (z->kind == NORMALIZE_REPLACE || z->kind == NORMALIZE_PREPEND) {
        if (!json_is_string(text))
            return error_set(err, VIV_EFORMAT, "a text is missing");
        z->text = strdup(json_string_value(text));
        if (!z->text)
            return error_nomem(err);
    }
    if (z->kind == NORMALIZE_REPLACE)
        return pattern_from_json(json_object_get(j, "pattern"), &z->pattern, err);
    if (z->kind == NORMALIZE_CHARSMAP && !json_is_string(map))
        return error_set(err, VIV_EFORMAT, "precompiled_charsmap is missing");
    if (z->kind == NORMALIZE_CHARSMAP)
        return charsmap_from_base64(json_string_value(map), json_string_length(map), &z->charsmap, err);
    return VIV_OK;
}

viv_status normalizers_add_json(struct normalizers *list, json_t *j, struct error *err)
{
    static const char *const names[] = {"NFC",   "NFD",          "NFKC",     "NFKD",    "Lowercase",
                                        "Strip", "StripAccents", "Replace",  "Prepend", "BertNormalizer",
                                        "Nmt",   "Precompiled",  "ByteLevel"};
    enum { N = sizeof names / sizeof *names };
    if (!j || json_is_null(j))
        return VIV_OK;
    const char *type = json_string_value(json_object_get(j, "type"));
    if (!type)
        return error_set(err, VIV_EFORMAT, "normalizer: a component without a type");
    if (strcmp(type, "Sequence") == 0) {
        json_t *item;
        size_t i;
        json_array_foreach(json_object_get(j, "normalizers"), i, item)
        {
            viv_status status = normalizers_add_json(list, item, err);
            if (status != VIV_OK)
                return status;
        }
        return VIV_OK;
    }
    for (int i = 0; i < N; i++)
        if (strcmp(type, names[i]) == 0) {
            struct normalizer *z = normalizers_add(list, (enum normalizer_kind)i);
            viv_status status = z ? read_options(z, j, err) : error_nomem(err);
            return status == VIV_OK ? status : error_prefix(err, "normalizer %s", type);
        }
    const char *nearest = near_word(type, names, N);
    return error_set(err, VIV_EUNSUPPORTED, "normalizer '%s' is unknown%s%s", type,
                     nearest ? "; the nearest is " : "", nearest ? nearest : "");
}
