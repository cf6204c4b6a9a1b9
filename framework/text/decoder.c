/* decoder.c - from the pieces of tokens back to text. */
#include "text/stages.h"
#include "text/unicode.h"

#include "base/near.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

bool strings_add(struct strings *s, const char *text, size_t n)
{
    if (!VEC_RESERVE(s->v, s->n, s->capacity))
        return false;
    s->v[s->n] = (struct buf){0};
    if (!buf_append(&s->v[s->n], text, n))
        return false;
    s->n++;
    return true;
}

void strings_release(struct strings *s)
{
    for (size_t i = 0; i < s->n; i++)
        buf_release(&s->v[i]);
    free(s->v);
    *s = (struct strings){0};
}

static bool set(struct buf *b, const char *text, size_t n)
{
    struct buf copy = {0};
    if (!buf_append(&copy, text, n))
        return false;
    buf_release(b);
    *b = copy;
    return true;
}

static bool starts(const struct buf *b, const char *with, size_t n)
{
    return b->size >= n && memcmp(buf_text(b), with, n) == 0;
}

static bool replace_all(struct buf *b, const char *from, const char *to)
{
    struct buf out = {0};
    size_t k = strlen(from);
    const char *s = buf_text(b), *end = s + b->size, *at;
    bool ok = true;
    while (ok && k && (at = memmem(s, (size_t)(end - s), from, k))) {
        ok = buf_append(&out, s, (size_t)(at - s)) && buf_puts(&out, to);
        s = at + k;
    }
    ok = ok && buf_append(&out, s, (size_t)(end - s));
    buf_release(b);
    *b = out;
    return ok;
}

/* The spaces that English text does not have before punctuation. */
static bool clean_up(struct buf *b)
{
    static const char *const pairs[][2] = {{" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
                                           {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
                                           {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
    bool ok = true;
    for (size_t i = 0; ok && i < sizeof pairs / sizeof *pairs; i++)
        ok = replace_all(b, pairs[i][0], pairs[i][1]);
    return ok;
}

/* All pieces become the first one. */
static bool fuse(struct strings *s)
{
    for (size_t i = 1; i < s->n; i++) {
        if (!buf_append(&s->v[0], buf_text(&s->v[i]), s->v[i].size))
            return false;
        buf_release(&s->v[i]);
    }
    s->n = s->n ? 1 : 0;
    return true;
}

static bool byte_level(struct strings *s)
{
    struct buf bytes = {0}, clean = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < s->n; i++)
        ok = letters_to_bytes(buf_text(&s->v[i]), s->v[i].size, &bytes);
    ok = ok && clean_utf8(buf_text(&bytes), bytes.size, &clean);
    buf_release(&bytes);
    if (ok && s->n) {
        for (size_t i = 0; i < s->n; i++)
            buf_release(&s->v[i]);
        s->v[0] = clean;
        s->n = 1;
        return true;
    }
    buf_release(&clean);
    return ok;
}

/* The value of "<0x41>", or -1. */
static int byte_piece(const struct buf *b)
{
    unsigned value = 0;
    const char *s = buf_text(b);
    if (b->size != 6 || memcmp(s, "<0x", 3) != 0 || s[5] != '>')
        return -1;
    for (int i = 3; i < 5; i++) {
        const char *digits = "0123456789ABCDEF0123456789abcdef", *at = strchr(digits, s[i]);
        if (!at || !s[i])
            return -1;
        value = value << 4 | (unsigned)((at - digits) & 15);
    }
    return (int)value;
}

/* Runs of byte tokens become the characters they spell; a run that spells none becomes as many U+FFFD. */
static bool byte_fallback(struct strings *s)
{
    struct strings out = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < s->n;) {
        struct buf run = {0};
        size_t begin = i;
        for (int byte; ok && i < s->n && (byte = byte_piece(&s->v[i])) >= 0; i++)
            ok = buf_putc(&run, (char)byte);
        if (i == begin) {
            ok = strings_add(&out, buf_text(&s->v[i]), s->v[i].size);
            i++;
        } else if (utf8_valid(buf_text(&run), run.size)) {
            ok = ok && strings_add(&out, buf_text(&run), run.size);
        } else {
            for (size_t k = begin; ok && k < i; k++)
                ok = strings_add(&out, "\xEF\xBF\xBD", 3);
        }
        buf_release(&run);
    }
    strings_release(s);
    *s = out;
    return ok;
}

static bool strip_char(const struct decoder *d, struct buf *b)
{
    size_t begin = 0, end = b->size, k = strlen(d->text);
    for (uint32_t i = 0; i < d->left && end - begin >= k && memcmp(b->data + begin, d->text, k) == 0; i++)
        begin += k;
    for (uint32_t i = 0; i < d->right && end - begin >= k && memcmp(b->data + end - k, d->text, k) == 0; i++)
        end -= k;
    return set(b, buf_text(b) + begin, end - begin);
}

static viv_status replace(const struct decoder *d, struct buf *b, struct error *err)
{
    struct ranges r = {0};
    struct buf out = {0};
    bool ok = true;
    viv_status status = pattern_ranges(&d->pattern, buf_text(b), b->size, &r, err);
    for (size_t i = 0; status == VIV_OK && ok && i < r.n; i++)
        ok = r.v[i].match ? buf_puts(&out, d->text)
                          : buf_append(&out, b->data + r.v[i].begin, r.v[i].end - r.v[i].begin);
    ranges_release(&r);
    if (status != VIV_OK || !ok) {
        buf_release(&out);
        return status != VIV_OK ? status : error_nomem(err);
    }
    buf_release(b);
    *b = out;
    return VIV_OK;
}

static bool metaspace(const struct decoder *d, struct strings *s)
{
    bool ok = true;
    size_t k = strlen(d->text);
    for (size_t i = 0; ok && i < s->n; i++) {
        if (i == 0 && d->flag && starts(&s->v[i], d->text, k))
            ok = set(&s->v[i], buf_text(&s->v[i]) + k, s->v[i].size - k);
        ok = ok && replace_all(&s->v[i], d->text, " ");
    }
    return ok;
}

static bool wordpiece(const struct decoder *d, struct strings *s)
{
    bool ok = true;
    size_t k = strlen(d->text);
    for (size_t i = 0; ok && i < s->n; i++) {
        if (i > 0 && starts(&s->v[i], d->text, k)) {
            ok = set(&s->v[i], buf_text(&s->v[i]) + k, s->v[i].size - k);
        } else if (i > 0) {
            struct buf spaced = {0};
            ok = buf_putc(&spaced, ' ') && buf_append(&spaced, buf_text(&s->v[i]), s->v[i].size);
            buf_release(&s->v[i]);
            s->v[i] = spaced;
        }
        if (ok && d->flag)
            ok = clean_up(&s->v[i]);
    }
    return ok;
}

static bool ctc(const struct decoder *d, struct strings *s)
{
    struct strings out = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < s->n; i++) {
        const struct buf *b = &s->v[i];
        if (i > 0 && s->v[i - 1].size == b->size && memcmp(buf_text(&s->v[i - 1]), buf_text(b), b->size) == 0)
            continue;
        struct buf piece = {0};
        ok = buf_append(&piece, buf_text(b), b->size) && replace_all(&piece, d->text, "");
        if (ok && d->flag)
            ok = clean_up(&piece) && replace_all(&piece, d->pattern.literal, " ");
        ok = ok && (piece.size == 0 || strings_add(&out, buf_text(&piece), piece.size));
        buf_release(&piece);
    }
    strings_release(s);
    *s = out;
    return ok;
}

static viv_status step(const struct decoder *d, struct strings *s, struct error *err)
{
    bool ok = true;
    switch (d->kind) {
    case DECODE_BYTE_LEVEL:
        ok = byte_level(s);
        break;
    case DECODE_METASPACE:
        ok = metaspace(d, s);
        break;
    case DECODE_WORDPIECE:
        ok = wordpiece(d, s);
        break;
    case DECODE_BPE:
        for (size_t i = 0; ok && i < s->n; i++)
            ok = replace_all(&s->v[i], d->text, i + 1 < s->n ? " " : "");
        break;
    case DECODE_BYTE_FALLBACK:
        ok = byte_fallback(s);
        break;
    case DECODE_FUSE:
        ok = fuse(s);
        break;
    case DECODE_STRIP:
        for (size_t i = 0; ok && i < s->n; i++)
            ok = strip_char(d, &s->v[i]);
        break;
    case DECODE_REPLACE:
        for (size_t i = 0; i < s->n; i++) {
            viv_status status = replace(d, &s->v[i], err);
            if (status != VIV_OK)
                return status;
        }
        break;
    case DECODE_CTC:
        ok = ctc(d, s);
        break;
    }
    return ok ? VIV_OK : error_nomem(err);
}

viv_status decode_pieces(const struct decoders *list, struct strings *pieces, struct buf *out, struct error *err)
{
    viv_status status = VIV_OK;
    for (size_t i = 0; status == VIV_OK && i < list->n; i++)
        status = step(&list->v[i], pieces, err);
    for (size_t i = 0; status == VIV_OK && i < pieces->n; i++)
        if ((!list->present && i > 0 && !buf_putc(out, ' ')) ||
            !buf_append(out, buf_text(&pieces->v[i]), pieces->v[i].size))
            status = error_nomem(err);
    return status;
}

/* --- making them --------------------------------------------------------------------------------------------- */

struct decoder *decoders_add(struct decoders *list, enum decoder_kind kind)
{
    if (!VEC_RESERVE(list->v, list->n, list->capacity))
        return NULL;
    list->v[list->n] = (struct decoder){.kind = kind};
    list->present = true;
    return &list->v[list->n++];
}

void decoders_release(struct decoders *list)
{
    for (size_t i = 0; i < list->n; i++) {
        pattern_release(&list->v[i].pattern);
        free(list->v[i].text);
    }
    free(list->v);
    *list = (struct decoders){0};
}

static viv_status read_text(struct decoder *d, json_t *j, const char *key, const char *otherwise, struct error *err)
{
    json_t *v = json_object_get(j, key);
    d->text = strdup(json_is_string(v) ? json_string_value(v) : otherwise);
    return d->text ? VIV_OK : error_nomem(err);
}

static bool flag(json_t *j, const char *key, bool otherwise)
{
    json_t *v = json_object_get(j, key);
    return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

static viv_status read_options(struct decoder *d, json_t *j, struct error *err)
{
    const char *scheme = json_string_value(json_object_get(j, "prepend_scheme"));
    viv_status status = VIV_OK;
    switch (d->kind) {
    case DECODE_METASPACE:
        d->flag = scheme ? strcmp(scheme, "never") != 0 : flag(j, "add_prefix_space", true);
        return read_text(d, j, "replacement", "\xE2\x96\x81", err);
    case DECODE_WORDPIECE:
        d->flag = flag(j, "cleanup", true);
        return read_text(d, j, "prefix", "##", err);
    case DECODE_BPE:
        return read_text(d, j, "suffix", "</w>", err);
    case DECODE_STRIP:
        d->left = (uint32_t)json_integer_value(json_object_get(j, "start"));
        d->right = (uint32_t)json_integer_value(json_object_get(j, "stop"));
        status = read_text(d, j, "content", " ", err);
        return status == VIV_OK && !*d->text ? error_set(err, VIV_EFORMAT, "'content' is empty") : status;
    case DECODE_REPLACE:
        status = read_text(d, j, "content", "", err);
        return status == VIV_OK ? pattern_from_json(json_object_get(j, "pattern"), &d->pattern, err) : status;
    case DECODE_CTC:
        d->flag = flag(j, "cleanup", true);
        status = read_text(d, j, "pad_token", "<pad>", err);
        if (status == VIV_OK) {
            json_t *delimiter = json_object_get(j, "word_delimiter_token");
            d->pattern.literal = strdup(json_is_string(delimiter) ? json_string_value(delimiter) : "|");
            status = d->pattern.literal ? VIV_OK : error_nomem(err);
        }
        return status;
    default:
        return VIV_OK;
    }
}

viv_status decoders_add_json(struct decoders *list, json_t *j, struct error *err)
{
    static const char *const names[] = {"ByteLevel", "Metaspace", "WordPiece", "BPEDecoder", "ByteFallback",
                                        "Fuse",      "Strip",     "Replace",   "CTC"};
    enum { N = sizeof names / sizeof *names };
    if (!j || json_is_null(j))
        return VIV_OK;
    list->present = true;
    const char *type = json_string_value(json_object_get(j, "type"));
    if (!type)
        return error_set(err, VIV_EFORMAT, "decoder: a component without a type");
    if (strcmp(type, "Sequence") == 0) {
        json_t *item;
        size_t i;
        json_array_foreach(json_object_get(j, "decoders"), i, item)
        {
            viv_status status = decoders_add_json(list, item, err);
            if (status != VIV_OK)
                return status;
        }
        return VIV_OK;
    }
    for (int i = 0; i < N; i++)
        if (strcmp(type, names[i]) == 0) {
            struct decoder *d = decoders_add(list, (enum decoder_kind)i);
            viv_status status = d ? read_options(d, j, err) : error_nomem(err);
            return status == VIV_OK ? status : error_prefix(err, "decoder %s", type);
        }
    const char *nearest = near_word(type, names, N);
    return error_set(err, VIV_EUNSUPPORTED, "decoder '%s' is unknown%s%s", type, nearest ? "; the nearest is " : "",
                     nearest ? nearest : "");
}
