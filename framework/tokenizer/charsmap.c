/* charsmap.c - SentencePiece's precompiled normalization map: a double-array trie in darts-clone's layout, whose
 * values are offsets into a list of NUL-terminated texts. */
#include "tokenizer/stages.h"

#include <stdlib.h>
#include <string.h>

struct charsmap {
    uint32_t *units;
    size_t n_units;
    char *texts;
    size_t n_texts;
};

viv_status charsmap_create(const void *bytes, size_t n, struct charsmap **out, struct error *err)
{
    uint32_t size;
    if (n < 4)
        return error_set(err, VIV_EFORMAT, "the character map is cut short");
    memcpy(&size, bytes, 4);
    if (size > n - 4 || size % 4 != 0)
        return error_set(err, VIV_EFORMAT, "the character map says that its trie has %u of %zu bytes", size, n - 4);
    struct charsmap *c = calloc(1, sizeof *c);
    if (!c)
        return error_nomem(err);
    c->n_units = size / 4;
    c->n_texts = n - 4 - size;
    c->units = malloc(size + 4);
    c->texts = malloc(c->n_texts + 1);
    if (!c->units || !c->texts) {
        charsmap_destroy(c);
        return error_nomem(err);
    }
    memcpy(c->units, (const char *)bytes + 4, size);
    memcpy(c->texts, (const char *)bytes + 4 + size, c->n_texts);
    c->texts[c->n_texts] = '\0';
    *out = c;
    return VIV_OK;
}

void charsmap_destroy(struct charsmap *c)
{
    if (!c)
        return;
    free(c->units);
    free(c->texts);
    free(c);
}

static uint32_t offset_of(uint32_t unit)
{
    return (unit >> 10) << ((unit & (1u << 9)) >> 6);
}

size_t charsmap_find(const struct charsmap *c, const char *s, size_t n, bool longest, const char **to)
{
    size_t found = 0, at = 0;
    if (c->n_units == 0)
        return 0;
    at = offset_of(c->units[0]);
    for (size_t i = 0; i < n; i++) {
        unsigned char byte = (unsigned char)s[i];
        at ^= byte;
        if (at >= c->n_units || (c->units[at] & (0x80000000u | 0xFFu)) != byte)
            break;
        uint32_t unit = c->units[at];
        at ^= offset_of(unit);
        if ((unit >> 8 & 1) && at < c->n_units) {
            uint32_t value = c->units[at] & 0x7FFFFFFFu;
            if (value > c->n_texts)
                break;
            *to = c->texts + value;
            found = i + 1;
            if (!longest)
                break;
        }
    }
    return found;
}
