#include "text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

enum { MATCH_LIMIT = 200000, DEPTH_LIMIT = 20000, MAX_PATTERN = 65536 };

struct regex {
    pcre2_code *code;
    char *pattern;
};

viv_status regex_create(const char *pattern, size_t n, struct regex **out, struct error *err)
{
    int code;
    PCRE2_SIZE at;
    if (n > MAX_PATTERN)
        return error_set(err, VIV_ELIMIT, "a pattern of more than %d bytes", MAX_PATTERN);
    struct regex *r = calloc(1, sizeof *r);
    if (!r)
        return error_nomem(err);
    r->pattern = strndup(pattern, n);
    r->code = r->pattern ? pcre2_compile((PCRE2_SPTR)pattern, n, PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK, &code,
                                         &at, NULL)
                         : NULL;
    if (!r->code) {
        char sentence[256];
        bool nomem = !r->pattern || code == PCRE2_ERROR_NOMEMORY || code == 121;
        if (!nomem)
            pcre2_get_error_message(code, (PCRE2_UCHAR *)sentence, sizeof sentence);
        viv_status status =
            nomem ? error_nomem(err)
                  : error_set(err, VIV_EFORMAT, "pattern '%.100s': %s at %zu", r->pattern, sentence, (size_t)at);
        regex_destroy(r);
        return status;
    }
    pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE); /* without it, matching is slower, not different */
    *out = r;
    return VIV_OK;
}

void regex_destroy(struct regex *r)
{
    if (!r)
        return;
    pcre2_code_free(r->code);
    free(r->pattern);
    free(r);
}

static viv_status match_all(const struct regex *r, const char *text, size_t n, pcre2_match_data *data,
                            pcre2_match_context *context, struct ranges *out, struct error *err)
{
    size_t covered = 0, at = 0;
    while (at <= n) {
        int rc = pcre2_match(r->code, (PCRE2_SPTR)text, n, at, PCRE2_NO_UTF_CHECK, data, context);
        if (rc == PCRE2_ERROR_NOMATCH)
            break;
        if (rc == PCRE2_ERROR_NOMEMORY)
            return error_nomem(err);
        if (rc < 0)
            return error_set(err, VIV_ELIMIT, "pattern '%.100s' takes too long on this text", r->pattern);
        const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(data);
        if (ends[1] <= ends[0]) { /* step over one character */
            for (at = ends[0] + 1; at < n && ((unsigned char)text[at] & 0xC0) == 0x80; at++) {
            }
            continue;
        }
        if (!ranges_add(out, covered, ends[0], false) || !ranges_add(out, ends[0], ends[1], true))
            return error_nomem(err);
        covered = at = ends[1];
    }
    return ranges_add(out, covered, n, false) ? VIV_OK : error_nomem(err);
}

viv_status regex_ranges(const struct regex *r, const char *text, size_t n, struct ranges *out, struct error *err)
{
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(r->code, NULL);
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    viv_status status = data && context ? VIV_OK : error_nomem(err);
    if (status == VIV_OK) {
        pcre2_set_match_limit(context, MATCH_LIMIT);
        pcre2_set_depth_limit(context, DEPTH_LIMIT);
        status = match_all(r, text, n, data, context, out, err);
    }
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    return status;
}
