/* token_bytes.c - the bytes that a token has inside a text, for grammars: what the decoders do to one piece, but
 * for what they do at the ends of a text. */
#include "tokenizer/pipeline.h"

#include <stdlib.h>
#include <string.h>

/* Rows of a vocabulary that no text has: "<unused49>", "[PAD12]", "<|reserved_special_token_3|>". */
static bool is_filler(const char *piece)
{
    static const char *const names[] = {"unused",      "reserved", "pad",        "extra_id",
                                        "extra_token", "dummy",    "placeholder"};
    const char *p = piece;
    if (*p != '<' && *p != '[')
        return false;
    p += strspn(p, "<[|");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const size_t n = strlen(names[i]);
        if (strncasecmp(p, names[i], n) != 0)
            continue;
        p += n;
        p += strspn(p, "abcdefghijklmnopqrstuvwxyz_-0123456789");
        const size_t closed = strspn(p, "|>]");
        return closed > 0 && p[closed] == '\0';
    }
    return false;
}

static bool replace_all(struct buf *b, const char *from, const char *to)
{
    struct buf out = {0};
    const size_t n = strlen(from);
    const char *s = buf_text(b), *end = s + b->size, *at;
    if (n == 0 || !memmem(s, b->size, from, n))
        return true;
    while ((at = memmem(s, (size_t)(end - s), from, n))) {
        buf_append(&out, s, (size_t)(at - s));
        buf_puts(&out, to);
        s = at + n;
    }
    buf_append(&out, s, (size_t)(end - s));
    const bool ok = !out.failed;
    buf_clear(b);
    buf_append(b, buf_text(&out), out.size);
    buf_release(&out);
    return ok && !b->failed;
}

static bool byte_of(const char *s, size_t n, char *byte)
{
    char end[3] = {0};
    if (n != 6 || memcmp(s, "<0x", 3) != 0 || s[5] != '>' || strspn(s + 3, "0123456789ABCDEFabcdef") != 2)
        return false;
    memcpy(end, s + 3, 2);
    *byte = (char)strtoul(end, NULL, 16);
    return true;
}

/* One decoder, on one piece that stands among others. */
static bool decode_piece(const struct decoder *d, struct buf *b)
{
    struct buf copy = {0};
    char byte;
    bool ok = true;
    switch (d->kind) {
    case DECODE_BYTE_LEVEL:
        ok = buf_append(&copy, buf_text(b), b->size);
        buf_clear(b);
        ok = ok && byte_level_decode(buf_text(&copy), copy.size, b);
        buf_release(&copy);
        return ok;
    case DECODE_METASPACE:
        return replace_all(b, d->text, " ");
    case DECODE_REPLACE:
        return !d->pattern.literal || replace_all(b, d->pattern.literal, d->text);
    case DECODE_BPE:
        return replace_all(b, d->text, " ");
    case DECODE_BYTE_FALLBACK:
        if (byte_of(buf_text(b), b->size, &byte)) {
            buf_clear(b);
            ok = buf_putc(b, byte);
        }
        return ok;
    default:
        return true;
    }
}

/* WordPiece puts a space before what does not continue a word. */
static bool decode_word(const struct decoder *d, struct buf *b)
{
    struct buf out = {0};
    const size_t n = strlen(d->text);
    if (b->size > n && memcmp(b->data, d->text, n) == 0)
        buf_append(&out, b->data + n, b->size - n);
    else {
        buf_putc(&out, ' ');
        buf_append(&out, buf_text(b), b->size);
    }
    const bool ok = !out.failed;
    buf_clear(b);
    buf_append(b, buf_text(&out), out.size);
    buf_release(&out);
    return ok && !b->failed;
}

bool tokenizer_token_bytes(const struct tokenizer *t, int32_t id, struct buf *out)
{
    const struct added_token *added = added_of(&t->added, id);
    if (added && added->special)
        return false;
    if (id < 0 || id == t->bos || id == t->eos || id == t->model->unk || (t->unk_surface && id == t->unk))
        return false;
    const bool in_vocab = (uint32_t)id < t->vocab.n && t->vocab.pieces[id];
    const char *piece = added ? added->content : in_vocab ? t->vocab.pieces[id] : NULL;
    const size_t n = !piece ? 0 : added ? added->n : t->vocab.sizes[id];
    char byte;
    uint32_t found;
    if (n == 0 || is_filler(piece))
        return false;
    buf_append(out, piece, n);
    if (added)
        return !out->failed;
    /* A control token is in the vocabulary under no text; a byte token or a double may be, too. */
    if (!vocab_find(&t->vocab, piece, n, &found) && !byte_of(piece, n, &byte))
        return false;
    bool ok = !out->failed;
    for (size_t i = 0; ok && i < t->decoders.n; i++) {
        const struct decoder *d = &t->decoders.v[i];
        ok = d->kind == DECODE_WORDPIECE ? decode_word(d, out) : decode_piece(d, out);
    }
    return ok && out->size > 0;
}
