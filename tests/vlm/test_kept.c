/* Rows of pictures that are kept between requests: found by identity, and forgotten when they are too many. */
#include "testing.h"

#include "vlm/vlm.h"

#include <stdlib.h>
#include <string.h>

enum { DIM = 1024 };

/* Rows of so many bytes, which nobody reads. */
static void add(struct vlm *v, uint8_t name, uint64_t bytes)
{
    struct seen *s = calloc(1, sizeof *s);
    ck_assert_ptr_nonnull(s);
    s->n_rows = bytes / DIM / sizeof(float);
    s->identity[15] = name;
    vlm_kept_add(v, s);
}

static bool keeps(struct vlm *v, uint8_t name)
{
    const uint8_t identity[16] = {[15] = name};
    const struct seen *s = vlm_kept_find(v, identity);
    ck_assert(!s || s->identity[15] == name);
    return s != NULL;
}

TEST(kept__what_was_asked_for_least_lately_goes_first)
{
    struct vlm v = {.dim = DIM};
    for (uint8_t i = 1; i <= 4; i++)
        add(&v, i, 60 << 20);
    vlm_kept_trim(&v);
    for (uint8_t i = 1; i <= 4; i++)
        ck_assert(keeps(&v, i));
    ck_assert(!keeps(&v, 5) && keeps(&v, 1)); /* 1 was asked for last, 2 before all others */
    add(&v, 5, 60 << 20);
    vlm_kept_trim(&v);
    ck_assert(!keeps(&v, 2) && keeps(&v, 1) && keeps(&v, 3) && keeps(&v, 4) && keeps(&v, 5));
    vlm_kept_end(&v);
    ck_assert(!keeps(&v, 1));
}
END_TEST

TEST(kept__what_is_too_large_alone_is_not_kept)
{
    struct vlm v = {.dim = DIM};
    add(&v, 1, 60 << 20);
    add(&v, 2, UINT64_C(1) << 33);
    vlm_kept_trim(&v);
    ck_assert(keeps(&v, 1) && !keeps(&v, 2));
    vlm_kept_end(&v);
}
END_TEST

TESTS(kept__what_was_asked_for_least_lately_goes_first, kept__what_is_too_large_alone_is_not_kept)
