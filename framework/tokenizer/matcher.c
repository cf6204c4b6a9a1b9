/* matcher.c - regular expressions by Oniguruma, within limits; see matcher.h. */
#include "tokenizer/matcher.h"

#include "config.h"
#include "tokenizer/unicode.h"

#include "base/utf8.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_ONIGURUMA
#include <limits.h>
#include <oniguruma.h>
#include <time.h>

enum {
    FIRST_STEPS = 512,      /* steps of a search before it is tried with more */
    STEPS_PER_BYTE = 64,    /* steps for each byte that a search advances */
    MAX_STEPS = 10000000,   /* steps of a search beyond that, as in the tokenizers library ... */
    ALLOWANCE = 100000000,  /* ... and of all searches in a text */
    MAX_STACK = 1 << 23,    /* entries of Oniguruma's stack, some 40 bytes each */
    MAX_SECONDS = 10,       /* of the processor, for a whole text ... */
    MAX_MICROSECONDS = 20,  /* ... and these for each byte */
    SEARCHES_PER_LOOK = 256 /* at the clock */
};

struct matcher {
    regex_t *code;
    const char *pattern; /* the caller's, for messages */
};

static void start_oniguruma(void)
{
    OnigEncoding used[] = {ONIG_ENCODING_UTF8};
    onig_initialize(used, 1);
}

/* Rewrites patterns for which Debian 12's Oniguruma 6.9.8 differs from the newer one of the tokenizers library:
 * inside a class, [:punct:] lacks symbols; outside, \R after a repetition misses newlines. */
static bool spell_out(const char *pattern, size_t n, struct buf *out)
{
    static const struct {
        const char *from, *to;
        bool in_class;
    } names[] = {{"[:punct:]", "\\p{P}\\p{S}", true},
                 {"[:^punct:]", "[^\\p{P}\\p{S}]", true},
                 {"\\R", "(?>\\r\\n|[\\n-\\r\\x{85}\\x{2028}\\x{2029}])", false}};
    size_t depth = 0;
    bool ok = true;
    for (size_t i = 0, used; ok && i < n; i += used) {
        const char *to = NULL;
        used = pattern[i] == '\\' && i + 1 < n ? 2 : 1;
        for (size_t k = 0; k < sizeof names / sizeof *names; k++)
            if (names[k].in_class == (depth > 0) && n - i >= strlen(names[k].from) &&
                memcmp(pattern + i, names[k].from, strlen(names[k].from)) == 0) {
                to = names[k].to;
                used = strlen(names[k].from);
            }
        depth += !to && pattern[i] == '[';
        depth -= depth && pattern[i] == ']';
        ok = to ? buf_puts(out, to) : buf_append(out, pattern + i, used);
    }
    return ok;
}

viv_status matcher_create(const char *pattern, enum regex_syntax syntax, struct matcher **out, struct error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    OnigErrorInfo info;
    UChar sentence[ONIG_MAX_ERROR_MESSAGE_LEN];
    struct buf spelled = {0};
    const size_t n = strlen(pattern);
    struct matcher *e = calloc(1, sizeof *e);
    if (!e)
        return error_nomem(err);
    pthread_once(&once, start_oniguruma);
    if (!(syntax == REGEX_PYTHON ? buf_append(&spelled, pattern, n) : spell_out(pattern, n, &spelled))) {
        buf_release(&spelled);
        free(e);
        return error_nomem(err);
    }
    e->pattern = pattern;
    *out = e;
    const UChar *text = (const UChar *)buf_text(&spelled);
    int code = onig_new(&e->code, text, text + spelled.size, ONIG_OPTION_NONE, ONIG_ENCODING_UTF8,
                        syntax == REGEX_PYTHON ? ONIG_SYNTAX_PYTHON : ONIG_SYNTAX_DEFAULT, &info);
    if (code != ONIG_NORMAL)
        onig_error_code_to_str(sentence, code, &info); /* names what `info` points to in the pattern */
    buf_release(&spelled);
    if (code == ONIG_NORMAL)
        return VIV_OK;
    e->code = NULL;
    matcher_destroy(e);
    *out = NULL;
    if (code == ONIGERR_MEMORY)
        return error_nomem(err);
    return error_set(err, VIV_EFORMAT, "pattern '%.100s': %s", pattern, (const char *)sentence);
}

void matcher_destroy(struct matcher *e)
{
    if (!e)
        return;
    onig_free(e->code);
    free(e);
}

/* One pass over a text. */
struct search {
    const struct matcher *matcher;
    const UChar *text;
    size_t n;
    OnigMatchParam *param;
    OnigRegion *region;
    size_t allowance;
};

static int search_once(const struct search *s, size_t from, size_t steps)
{
    onig_set_retry_limit_in_search_of_match_param(s->param, steps);
    onig_set_match_stack_limit_size_of_match_param(s->param, (unsigned)(steps < MAX_STACK ? steps : MAX_STACK));
    onig_region_clear(s->region);
    return onig_search_with_param(s->matcher->code, s->text, s->text + s->n, s->text + from, s->text + s->n,
                                  s->region, ONIG_OPTION_NONE, s->param);
}

/* Finds the next match from a place on. Oniguruma does not return how many steps it took, so the limit is raised
 * until it is enough. */
static viv_status search(struct search *s, size_t from, bool *found, struct error *err)
{
    const size_t beyond = s->allowance < MAX_STEPS ? s->allowance : MAX_STEPS;
    const size_t most = beyond + STEPS_PER_BYTE * (s->n - from) + FIRST_STEPS;
    size_t steps = FIRST_STEPS;
    int at = search_once(s, from, steps);
    while (steps < most && (at == ONIGERR_RETRY_LIMIT_IN_SEARCH_OVER ||
                            (at == ONIGERR_MATCH_STACK_LIMIT_OVER && steps < MAX_STACK))) {
        steps = steps < most / 8 ? 8 * steps : most;
        at = search_once(s, from, steps);
    }
    if (at == ONIGERR_MEMORY)
        return error_nomem(err);
    if (at < 0 && at != ONIG_MISMATCH)
        return error_set(err, VIV_ELIMIT, "pattern '%.100s' takes too %s on this text, from byte %zu on",
                         s->matcher->pattern, at == ONIGERR_MATCH_STACK_LIMIT_OVER ? "much memory" : "long", from);
    size_t moved = (at >= 0 ? (size_t)s->region->end[0] : s->n) - from;
    size_t free_steps = FIRST_STEPS + STEPS_PER_BYTE * moved;
    if (steps > free_steps) {
        if (steps - free_steps > s->allowance)
            return error_set(err, VIV_ELIMIT, "pattern '%.100s' takes too long on this text, until byte %zu",
                             s->matcher->pattern, from);
        s->allowance -= steps - free_steps;
    }
    *found = at >= 0;
    return VIV_OK;
}

static double processor_seconds(void)
{
    struct timespec t;
    return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) ? 0 : (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Oniguruma counts no step for a loop that cannot fail or backtrack, such as .*x of (?=.*x), so each search may
 * read the whole text. The limit of time covers that. */
static viv_status check_clock(const struct search *s, double begin, size_t from, struct error *err)
{
    if (processor_seconds() - begin < MAX_SECONDS + 1e-6 * MAX_MICROSECONDS * (double)from)
        return VIV_OK;
    return error_set(err, VIV_ELIMIT, "pattern '%.100s' takes too long on this text, until byte %zu",
                     s->matcher->pattern, from);
}

static viv_status match_all(struct search *s, struct ranges *out, struct error *err)
{
    size_t covered = 0, from = 0, n_searches = 0;
    bool matched = false, found;
    const double seconds = processor_seconds();
    while (from <= s->n) {
        viv_status status = ++n_searches % SEARCHES_PER_LOOK ? VIV_OK : check_clock(s, seconds, from, err);
        if (status == VIV_OK)
            status = search(s, from, &found, err);
        if (status != VIV_OK)
            return status;
        if (!found)
            break;
        size_t begin = (size_t)s->region->beg[0], end = (size_t)s->region->end[0];
        if (begin == end && matched && end == covered) {
            /* an empty match at the end of the last one: try from the next character on */
            do
                from++;
            while (from < s->n && (s->text[from] & 0xC0) == 0x80);
            continue;
        }
        if (!ranges_add(out, covered, begin, false) || !ranges_add(out, begin, end, true))
            return error_nomem(err);
        covered = from = end;
        matched = true;
    }
    return ranges_add(out, covered, s->n, false) ? VIV_OK : error_nomem(err);
}

/* Replaces characters that are newer than Oniguruma in a copy of the text. `out` stays empty if there are none. */
static bool replace_newer(const char *text, size_t n, struct buf *out)
{
    uint32_t c, twin;
    for (size_t i = 0, length; i < n; i += length) {
        length = 1;
        if ((unsigned char)text[i] < 0xE0) /* all of them have three bytes or four */
            continue;
        length = utf8_decode(text + i, n - i, &c);
        if ((twin = unicode_stand_in(c)) == c)
            continue;
        if (out->size == 0 && !buf_append(out, text, n))
            return false;
        utf8_put(twin, out->data + i);
    }
    return true;
}

viv_status matcher_ranges(const struct matcher *e, const char *text, size_t n, struct ranges *out,
                          struct error *err)
{
    struct buf replaced = {0};
    if (!replace_newer(text, n, &replaced)) {
        buf_release(&replaced);
        return error_nomem(err);
    }
    struct search s = {.matcher = e,
                       .text = (const UChar *)(replaced.size ? replaced.data : text),
                       .n = n,
                       .param = onig_new_match_param(),
                       .region = onig_region_new(),
                       .allowance = ALLOWANCE};
    viv_status status = s.param && s.region ? VIV_OK : error_nomem(err);
    if (status == VIV_OK) {
        onig_initialize_match_param(s.param);
        onig_set_retry_limit_in_match_of_match_param(s.param, ULONG_MAX); /* all steps of a search count, below */
        status = match_all(&s, out, err);
    }
    if (s.region)
        onig_region_free(s.region, 1);
    if (s.param)
        onig_free_match_param(s.param);
    buf_release(&replaced);
    return status;
}

#else /* no Oniguruma: only patterns that have a splitter */

viv_status matcher_create(const char *pattern, enum regex_syntax syntax, struct matcher **out, struct error *err)
{
    (void)syntax, (void)out;
    return error_set(
        err, VIV_EUNSUPPORTED,
        "pattern '%.100s': this viv is built without Oniguruma (configure --without-oniguruma), and has no "
        "matcher of its own for this pattern",
        pattern);
}

void matcher_destroy(struct matcher *e)
{
    (void)e;
}

viv_status matcher_ranges(const struct matcher *e, const char *text, size_t n, struct ranges *out,
                          struct error *err)
{
    (void)e, (void)text, (void)n, (void)out;
    return error_set(err, VIV_EINTERNAL, "there is no matcher for patterns");
}
#endif
