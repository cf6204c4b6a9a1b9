/* kept.c - rows of pictures that were computed before, by the identity of the picture: a second question about a
 * picture does not encode it again. Between requests, those that were asked for least lately go until the rest is
 * small. */
#include "vlm.h"

#include <stdlib.h>
#include <string.h>

static const uint64_t MOST_KEPT = 256 << 20; /* bytes */

static uint64_t bytes_of(const struct vlm *v, const struct seen *s)
{
    return s->n_rows * v->dim * sizeof *s->rows + sizeof *s;
}

/* The latest is the first. */
static void put_first(struct vlm *v, struct seen *s)
{
    s->next = v->kept;
    v->kept = s;
}

struct seen *vlm_kept_find(struct vlm *v, const uint8_t identity[16])
{
    for (struct seen **p = &v->kept; *p; p = &(*p)->next) {
        struct seen *s = *p;
        if (memcmp(s->identity, identity, sizeof s->identity) != 0)
            continue;
        *p = s->next;
        put_first(v, s);
        return s;
    }
    return NULL;
}

void vlm_kept_add(struct vlm *v, struct seen *s)
{
    put_first(v, s);
}

void vlm_kept_trim(struct vlm *v)
{
    uint64_t bytes = 0;
    for (struct seen **p = &v->kept; *p;) {
        struct seen *s = *p;
        const uint64_t more = bytes_of(v, s);
        if (more <= MOST_KEPT - bytes) {
            bytes += more;
            p = &s->next;
            continue;
        }
        *p = s->next;
        vlm_seen_free(s);
    }
}

void vlm_kept_end(struct vlm *v)
{
    for (struct seen *s = v->kept, *next; s; s = next) {
        next = s->next;
        vlm_seen_free(s);
    }
    v->kept = NULL;
}

void vlm_seen_free(struct seen *s)
{
    if (s) {
        free(s->rows);
        free(s->parts);
    }
    free(s);
}
