/* decoding.c - runs decoders over pieces: the result is that of decode_chain of the tokenizers library for the
 * whole sequence, but text is returned as early as possible.
 *
 * Each step passes its text on in parts. A part may begin a piece, end one, do both, or neither: the result of
 * Fuse is one piece, which ends with the sequence. A step holds back text that later parts may change. The last
 * step holds back incomplete characters. Decoding a whole sequence is one such run, too. */
#include "tokenizer/stages.h"
#include "tokenizer/unicode.h"

#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

enum { BEGIN = 1, END = 2, WHOLE = BEGIN | END };
enum {
    MAX_TEXT = 64 << 20,
    MAX_GROWTH = 256
}; /* limits of bytes over all steps: a constant, and a factor for each byte of pieces */

struct step {
    const struct decoder *how;
    bool whole;        /* the step needs whole pieces: their parts are collected first */
    bool begun, first; /* a piece has begun; it is the first one */
    bool open;         /* the piece that it passes on has not ended */
    struct buf parts;  /* of the piece that is being collected */
    struct buf held;   /* text that later parts may change */
    struct buf text;   /* that it passes on; kept for the next, so that decoding a token allocates nothing */
    struct buf spare;
    struct ranges ranges; /* Replace: of the pattern; kept like the text */
    uint32_t n_to_drop;   /* Strip: characters at the beginning of this piece */
};

struct decoding {
    struct step *steps; /* [n + 1]: the last one's output is the text */
    size_t n;
    bool joined;           /* pieces have a space between them */
    uint64_t n_in, n_text; /* bytes of all pieces and of the output of all steps */
    struct buf *out;
    struct error *err;
};

static viv_status put(struct decoding *d, size_t k, const char *s, size_t n, int part);

static viv_status check_growth(const struct decoding *d, uint64_t n)
{
    if (d->n_text + n <= MAX_TEXT + MAX_GROWTH * d->n_in)
        return VIV_OK;
    return error_set(d->err, VIV_ELIMIT, "decoding makes the text more than %d times as long", MAX_GROWTH);
}

static viv_status unless_nomem(const struct decoding *d, bool ok)
{
    return ok ? VIV_OK : error_nomem(d->err);
}

/* The text of step k, empty. */
static struct buf *text_of(struct decoding *d, size_t k)
{
    buf_clear(&d->steps[k].text);
    return &d->steps[k].text;
}

/* Passes on the text of step k. */
static viv_status put_text(struct decoding *d, size_t k, bool ok, int part)
{
    const struct buf *b = &d->steps[k].text;
    return ok && !b->failed ? put(d, k + 1, buf_text(b), b->size, part) : error_nomem(d->err);
}

static void drop_front(struct buf *b, size_t n)
{
    if (n == b->size)
        buf_clear(b);
    if (n == 0 || b->size == 0)
        return;
    memmove(b->data, b->data + n, b->size - n + 1);
    b->size -= n;
}

/* Passes on the first n bytes of the held text. */
static viv_status put_held(struct decoding *d, size_t k, size_t n, int part)
{
    struct buf *held = &d->steps[k].held;
    bool ok = buf_append(text_of(d, k), buf_text(held), n);
    drop_front(held, n);
    return put_text(d, k, ok, part);
}

static bool begins_with(const char *s, size_t n, const char *with, size_t m)
{
    return n >= m && memcmp(s, with, m) == 0;
}

static bool append_replaced(struct buf *out, const char *s, size_t n, const char *from, const char *to)
{
    const size_t k = strlen(from);
    const char *end = s + n, *at;
    bool ok = true;
    while (ok && k && (at = memmem(s, (size_t)(end - s), from, k))) {
        ok = buf_append(out, s, (size_t)(at - s)) && buf_puts(out, to);
        s = at + k;
    }
    return ok && buf_append(out, s, (size_t)(end - s));
}

static void swap_text(struct step *z)
{
    const struct buf text = z->text;
    z->text = z->spare;
    z->spare = text;
}

/* Removes spaces that English text does not have before punctuation. */
static bool clean_up(struct step *z)
{
    static const char *const pairs[][2] = {{" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
                                           {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
                                           {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
    bool ok = true;
    for (size_t i = 0; ok && i < sizeof pairs / sizeof *pairs; i++) {
        buf_clear(&z->spare);
        ok = append_replaced(&z->spare, buf_text(&z->text), z->text.size, pairs[i][0], pairs[i][1]);
        swap_text(z);
    }
    return ok;
}

/* --- steps --------------------------------------------------------------------------------------------------- */

/* GPT-2's letters become bytes, and bytes become text, across pieces. */
static viv_status byte_level(struct decoding *d, size_t k, const char *s, size_t n)
{
    struct step *z = &d->steps[k];
    struct buf *held = &z->held, *text = text_of(d, k);
    size_t used = 0;
    bool ok = byte_level_decode(s, n, held) && unicode_clean_part(buf_text(held), held->size, text, &used);
    drop_front(held, used);
    z->open = true;
    return put_text(d, k, ok, z->first ? BEGIN : 0);
}

/* "▁" becomes a space, except at the begin of the first piece, where it was added before the text. */
static viv_status metaspace(struct decoding *d, size_t k, const char *s, size_t n, int part)
{
    const struct step *z = &d->steps[k];
    bool ok = append_replaced(text_of(d, k), s, n, z->how->text, z->first && z->how->flag ? "" : " ");
    return put_text(d, k, ok, part);
}

static viv_status wordpiece(struct decoding *d, size_t k, const char *s, size_t n)
{
    const struct decoder *how = d->steps[k].how;
    const bool first = d->steps[k].first;
    struct buf *text = text_of(d, k);
    bool ok = true;
    const size_t m = strlen(how->text);
    if (!first && begins_with(s, n, how->text, m))
        ok = buf_append(text, s + m, n - m);
    else
        ok = (first || buf_putc(text, ' ')) && buf_append(text, s, n);
    return put_text(d, k, ok && (!how->flag || clean_up(&d->steps[k])), WHOLE);
}

/* The suffix becomes a space, except in the last piece: so one is held back. */
static viv_status bpe_held(struct decoding *d, size_t k, const char *suffix)
{
    struct step *z = &d->steps[k];
    bool ok = append_replaced(text_of(d, k), buf_text(&z->held), z->held.size, z->how->text, suffix);
    buf_clear(&z->held);
    z->open = false;
    return put_text(d, k, ok, WHOLE);
}

static viv_status bpe(struct decoding *d, size_t k, const char *s, size_t n)
{
    struct step *z = &d->steps[k];
    viv_status status = z->open ? bpe_held(d, k, " ") : VIV_OK;
    z->open = true;
    return status == VIV_OK ? unless_nomem(d, buf_append(&z->held, s, n)) : status;
}

/* The value of "<0x41>", or -1. */
static int byte_piece(const char *s, size_t n)
{
    unsigned value = 0;
    if (n != 6 || memcmp(s, "<0x", 3) != 0 || s[5] != '>')
        return -1;
    for (int i = 3; i < 5; i++) {
        const char *digits = "0123456789ABCDEF0123456789abcdef", *at = strchr(digits, s[i]);
        if (!at || !s[i])
            return -1;
        value = value << 4 | (unsigned)((at - digits) & 15);
    }
    return (int)value;
}

/* A run of byte tokens becomes the characters that it encodes, or, if it is not UTF-8, as many U+FFFD. One wrong
 * byte changes the whole run, so it is held until its end. */
static viv_status put_bytes(struct decoding *d, size_t k)
{
    struct buf *run = &d->steps[k].held;
    viv_status status = VIV_OK;
    if (run->size && utf8_valid(run->data, run->size))
        status = put(d, k + 1, run->data, run->size, WHOLE);
    else
        for (size_t i = 0; status == VIV_OK && i < run->size; i++)
            status = put(d, k + 1, "\xEF\xBF\xBD", 3, WHOLE);
    buf_clear(run);
    return status;
}

static viv_status byte_fallback(struct decoding *d, size_t k, const char *s, size_t n)
{
    const int byte = byte_piece(s, n);
    if (byte >= 0)
        return unless_nomem(d, buf_putc(&d->steps[k].held, (char)byte));
    viv_status status = put_bytes(d, k);
    return status == VIV_OK ? put(d, k + 1, s, n, WHOLE) : status;
}

/* Bytes at the end of the held text: up to `most` times the character. */
static size_t at_the_end(const struct buf *b, const char *character, uint32_t most)
{
    const size_t m = strlen(character);
    size_t n = 0;
    for (uint32_t i = 0; i < most && n + m <= b->size && memcmp(b->data + b->size - n - m, character, m) == 0; i++)
        n += m;
    return n;
}

static viv_status strip(struct decoding *d, size_t k, const char *s, size_t n, int part)
{
    struct step *z = &d->steps[k];
    const size_t m = strlen(z->how->text);
    if (part & BEGIN)
        z->n_to_drop = z->how->left;
    while (n && z->n_to_drop && begins_with(s, n, z->how->text, m)) {
        z->n_to_drop--;
        s += m;
        n -= m;
    }
    if (n)
        z->n_to_drop = 0;
    if (!buf_append(&z->held, s, n))
        return error_nomem(d->err);
    const size_t end = at_the_end(&z->held, z->how->text, z->how->right);
    viv_status status = put_held(d, k, z->held.size - end, part);
    if (part & END)
        buf_clear(&z->held);
    return status;
}

/* Bytes at the end of s that may be the begin of the literal. */
static size_t may_begin(const char *s, size_t n, const struct pattern *p)
{
    size_t m = n < p->n ? n : p->n - 1;
    while (m > 0 && memcmp(s + n - m, p->literal, m) != 0)
        m--;
    return m;
}

static viv_status replace(struct decoding *d, size_t k, const char *s, size_t n, int part)
{
    struct step *z = &d->steps[k];
    const struct pattern *p = &z->how->pattern;
    struct buf *text = text_of(d, k);
    struct ranges *r = &z->ranges;
    bool ok = buf_append(&z->held, s, n);
    r->n = 0;
    viv_status status = ok ? pattern_ranges(p, buf_text(&z->held), z->held.size, r, d->err) : error_nomem(d->err);
    size_t kept = 0;
    for (size_t i = 0; status == VIV_OK && ok && i < r->n; i++) {
        const struct range *at = &r->v[i];
        const char *from = buf_text(&z->held) + at->begin;
        size_t length = at->end - at->begin;
        if (i + 1 == r->n && !at->match && !(part & END) && p->n)
            kept = may_begin(from, length, p);
        status = check_growth(d, text->size);
        ok = at->match ? buf_puts(text, z->how->text) : buf_append(text, from, length - kept);
    }
    drop_front(&z->held, z->held.size - kept);
    return status == VIV_OK ? put_text(d, k, ok, part) : status;
}

/* Removes all but one of equal neighbours. */
static viv_status ctc(struct decoding *d, size_t k, const char *s, size_t n)
{
    struct step *z = &d->steps[k];
    struct buf *text = text_of(d, k);
    if (!z->first && z->held.size == n && begins_with(buf_text(&z->held), n, s, n))
        return VIV_OK;
    buf_clear(&z->held);
    bool ok = buf_append(&z->held, s, n) && append_replaced(text, s, n, z->how->text, "");
    if (ok && z->how->flag) {
        ok = clean_up(z);
        buf_clear(&z->spare);
        ok = ok && append_replaced(&z->spare, buf_text(text), text->size, z->how->pattern.literal, " ");
        swap_text(z);
    }
    return ok && text->size == 0 ? VIV_OK : put_text(d, k, ok, WHOLE);
}

/* The pieces of Fuse and of ByteLevel end with the sequence. */
static viv_status fuse(struct decoding *d, size_t k, const char *s, size_t n, int part)
{
    struct step *z = &d->steps[k];
    z->open = true;
    return put(d, k + 1, s, n, z->first ? part & BEGIN : 0);
}

static viv_status put_end(struct decoding *d, size_t k, const char *s, size_t n)
{
    if (!d->steps[k].open)
        return VIV_OK;
    d->steps[k].open = false;
    return put(d, k + 1, s, n, END);
}

/* The last step: passes on whole characters. */
static viv_status let_out(struct decoding *d, const char *s, size_t n, int part)
{
    struct step *z = &d->steps[d->n];
    size_t used = 0;
    bool ok = !d->joined || z->first || !(part & BEGIN) || buf_putc(&z->held, ' ');
    ok = ok && buf_append(&z->held, s, n) && unicode_clean_part(buf_text(&z->held), z->held.size, d->out, &used);
    drop_front(&z->held, used);
    return unless_nomem(d, ok);
}

/* --- the run ------------------------------------------------------------------------------------------------- */

static viv_status take(struct decoding *d, size_t k, const char *s, size_t n, int part)
{
    if (k == d->n)
        return let_out(d, s, n, part);
    switch (d->steps[k].how->kind) {
    case DECODE_BYTE_LEVEL:
        return byte_level(d, k, s, n);
    case DECODE_METASPACE:
        return metaspace(d, k, s, n, part);
    case DECODE_WORDPIECE:
        return wordpiece(d, k, s, n);
    case DECODE_BPE:
        return bpe(d, k, s, n);
    case DECODE_BYTE_FALLBACK:
        return byte_fallback(d, k, s, n);
    case DECODE_FUSE:
        return fuse(d, k, s, n, part);
    case DECODE_STRIP:
        return strip(d, k, s, n, part);
    case DECODE_REPLACE:
        return replace(d, k, s, n, part);
    case DECODE_CTC:
        return ctc(d, k, s, n);
    }
    return VIV_OK;
}

/* Gives step k a part of a piece. */
static viv_status put(struct decoding *d, size_t k, const char *s, size_t n, int part)
{
    struct step *z = &d->steps[k];
    viv_status status = check_growth(d, n);
    if (status != VIV_OK)
        return status;
    d->n_text += n;
    if (part & BEGIN) {
        z->first = !z->begun;
        z->begun = true;
    }
    if (!z->whole || part == WHOLE)
        return take(d, k, s, n, part);
    if (!buf_append(&z->parts, s, n))
        return error_nomem(d->err);
    if (!(part & END))
        return VIV_OK;
    status = take(d, k, buf_text(&z->parts), z->parts.size, WHOLE);
    buf_clear(&z->parts);
    return status;
}

/* Passes on what step k still holds: nothing follows. */
static viv_status finish(struct decoding *d, size_t k)
{
    struct step *z = &d->steps[k];
    const char *broken = z->held.size ? "\xEF\xBF\xBD" : "";
    if (k == d->n || z->how->kind == DECODE_BYTE_LEVEL)
        buf_clear(&z->held);
    if (k == d->n)
        return unless_nomem(d, buf_puts(d->out, broken));
    switch (z->how->kind) {
    case DECODE_BYTE_LEVEL:
        return put_end(d, k, broken, strlen(broken));
    case DECODE_FUSE:
        return put_end(d, k, "", 0);
    case DECODE_BPE:
        return z->open ? bpe_held(d, k, "") : VIV_OK;
    case DECODE_BYTE_FALLBACK:
        return put_bytes(d, k);
    default:
        return VIV_OK;
    }
}

viv_status decoding_push(struct decoding *d, const char *piece, size_t n, struct buf *out, struct error *err)
{
    d->out = out;
    d->err = err;
    d->n_in += n;
    return put(d, 0, piece, n, WHOLE);
}

viv_status decoding_finish(struct decoding *d, struct buf *out, struct error *err)
{
    viv_status status = VIV_OK;
    d->out = out;
    d->err = err;
    for (size_t k = 0; status == VIV_OK && k <= d->n; k++)
        status = finish(d, k);
    return status;
}

/* Room for the text of any likely token. */
static bool reserve(struct step *z)
{
    bool ok = buf_reserve(&z->parts, LIKELY_TEXT) && buf_reserve(&z->held, LIKELY_TEXT) &&
              buf_reserve(&z->text, LIKELY_TEXT) && buf_reserve(&z->spare, LIKELY_TEXT);
    for (size_t i = 0; ok && i < LIKELY_TEXT / sizeof *z->ranges.v; i++)
        ok = ranges_add(&z->ranges, 0, 1, true);
    return ok;
}

viv_status decoding_create(const struct decoders *list, struct decoding **out, struct error *err)
{
    struct decoding *d = calloc(1, sizeof *d);
    struct step *steps = calloc(list->n + 1, sizeof *steps);
    if (!d || !steps) {
        free(d);
        free(steps);
        return error_nomem(err);
    }
    d->steps = steps;
    d->n = list->n;
    d->joined = !list->present;
    for (size_t k = 0; k < list->n; k++) {
        const struct decoder *how = &list->v[k];
        steps[k].how = how;
        steps[k].whole = how->kind != DECODE_METASPACE && how->kind != DECODE_FUSE && how->kind != DECODE_STRIP &&
                         (how->kind != DECODE_REPLACE || how->pattern.regex);
    }
    for (size_t k = 0; k <= list->n; k++)
        if (!reserve(&steps[k])) {
            decoding_destroy(d);
            return error_nomem(err);
        }
    *out = d;
    return VIV_OK;
}

void decoding_destroy(struct decoding *d)
{
    if (!d)
        return;
    for (size_t k = 0; k <= d->n; k++) {
        buf_release(&d->steps[k].parts);
        buf_release(&d->steps[k].held);
        buf_release(&d->steps[k].text);
        buf_release(&d->steps[k].spare);
        ranges_release(&d->steps[k].ranges);
    }
    free(d->steps);
    free(d);
}
