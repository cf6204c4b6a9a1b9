/* regex.c - see regex.h. Patterns that many tokenizers share have matchers of our own (splitter.h), all others are
 * Oniguruma's (matcher.h). */
#include "tokenizer/regex.h"

#include "tokenizer/matcher.h"
#include "tokenizer/splitter.h"

#include "base/utf8.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PATTERN = 65536 };

struct regex {
    struct matcher *matcher; /* or NULL: */
    const struct splitter *splitter;
    char *pattern;
};

viv_status regex_create(const char *pattern, size_t n, enum regex_syntax syntax, struct regex **out,
                        struct error *err)
{
    if (n > MAX_PATTERN)
        return error_set(err, VIV_ELIMIT, "a pattern of more than %d bytes", MAX_PATTERN);
    struct regex *r = calloc(1, sizeof *r);
    if (!r)
        return error_nomem(err);
    r->pattern = strndup(pattern, n);
    if (r->pattern && syntax == REGEX_TOKENIZERS)
        r->splitter = splitter_find(r->pattern);
    viv_status status = r->pattern ? VIV_OK : error_nomem(err);
    if (status == VIV_OK && !utf8_valid(r->pattern, strlen(r->pattern)))
        status = error_set(err, VIV_EFORMAT, "pattern '%.100s' is not UTF-8", r->pattern);
    if (status == VIV_OK && !r->splitter)
        status = matcher_create(r->pattern, syntax, &r->matcher, err);
    if (status != VIV_OK) {
        regex_destroy(r);
        return status;
    }
    *out = r;
    return VIV_OK;
}

void regex_destroy(struct regex *r)
{
    if (!r)
        return;
    matcher_destroy(r->matcher);
    free(r->pattern);
    free(r);
}

static viv_status split_all(const struct splitter *splitter, const char *text, size_t n, struct ranges *out,
                            struct error *err)
{
    for (size_t at = 0, end; at < n; at = end) {
        end = splitter_next(splitter, text, n, at);
        if (!ranges_add(out, at, end, true))
            return error_nomem(err);
    }
    return VIV_OK;
}

viv_status regex_ranges(const struct regex *r, const char *text, size_t n, struct ranges *out, struct error *err)
{
    if (n == 0)
        return VIV_OK;
    if (n > INT_MAX)
        return error_set(err, VIV_ELIMIT, "a text of %zu bytes; patterns match in at most %d", n, INT_MAX);
    if (!utf8_valid(text, n))
        return error_set(err, VIV_EFORMAT, "pattern '%.100s' is to match in a text that is not UTF-8", r->pattern);
    if (r->splitter)
        return split_all(r->splitter, text, n, out, err);
    return matcher_ranges(r->matcher, text, n, out, err);
}
