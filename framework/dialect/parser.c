/* parser.c - see parser.h. Four states: text, reasoning, between the calls of a section, in a call.
 *
 * `held` has the bytes that are not decided yet. What lies before `at` is read; of it, what lies behind `unit`
 * becomes text if the call that has begun there turns out to be none. */
#include "dialect/call.h"

#include <stdlib.h>
#include <string.h>

enum state { IN_TEXT, IN_REASONING, IN_SECTION, IN_CALL };

struct dialect_parser {
    const struct dialect *d;
    struct dialect_parser_options options;
    struct buf held;
    size_t at, unit;
    size_t scanned; /* bytes behind `at` that are no marker */
    size_t prompt;  /* bytes of the prompt's marker among those held: never emitted */
    enum state state;
    bool ends;
    bool section_has_call;
    bool content; /* there was text since the beginning, the reasoning or a call */
    bool layout;  /* whitespace that comes now is layout, and is dropped */
    size_t n_calls;
    struct call call;
    bool begun;  /* the call's beginning was told */
    size_t told; /* bytes of its arguments that were */
};

viv_status dialect_parser_create(const struct dialect *d, const struct dialect_parser_options *options,
                                 struct dialect_parser **out, struct error *err)
{
    struct dialect_parser *p = calloc(1, sizeof *p);
    if (!p)
        return error_nomem(err);
    p->d = d;
    p->options = *options;
    call_init(&p->call, d, options->tools, options->seed);
    if (options->opened && *options->opened) {
        p->prompt = strlen(options->opened);
        p->layout = true;
        buf_append(&p->held, options->opened, p->prompt);
    }
    if (p->held.failed) {
        dialect_parser_destroy(p);
        return error_nomem(err);
    }
    *out = p;
    return VIV_OK;
}

void dialect_parser_destroy(struct dialect_parser *p)
{
    if (!p)
        return;
    call_release(&p->call);
    buf_release(&p->held);
    free(p);
}

/* --- events ----------------------------------------------------------------------------------------------------
 */

/* Bytes [from, to) of what is held, without those of the prompt. */
static viv_status emit(struct dialect_parser *p, enum dialect_event_kind kind, size_t from, size_t to,
                       struct error *err)
{
    from = from < p->prompt ? p->prompt : from;
    if (from >= to)
        return VIV_OK;
    const struct dialect_event e = {.kind = kind, .text = p->held.data + from, .size = to - from};
    return p->options.emit(p->options.ctx, &e, err);
}

static viv_status emit_call(struct dialect_parser *p, struct error *err)
{
    const struct call *c = &p->call;
    const struct buf *arguments = c->once.size ? &c->once : &c->arguments;
    const struct dialect_event e = {.kind = DIALECT_CALL,
                                    .text = buf_text(arguments),
                                    .size = arguments->size,
                                    .name = buf_text(&c->name),
                                    .id = buf_text(&c->id),
                                    .index = p->n_calls};
    return p->options.emit(p->options.ctx, &e, err);
}

/* What of the call was not told yet. */
static viv_status tell(struct dialect_parser *p, struct error *err)
{
    const struct call *c = &p->call;
    const char *arguments = buf_text(&c->arguments) + p->told;
    const size_t n = c->arguments.size - p->told;
    const struct dialect_event begin = {
        .kind = DIALECT_CALL_BEGIN, .name = buf_text(&c->name), .index = p->n_calls};
    const struct dialect_event part = {
        .kind = DIALECT_CALL_PART, .text = arguments, .size = n, .index = p->n_calls};
    viv_status status = VIV_OK;
    if (!p->begun && !call_is_named(c))
        return VIV_OK;
    if (!p->begun)
        status = p->options.emit(p->options.ctx, &begin, err);
    p->begun = true;
    p->told += n;
    return status == VIV_OK && n ? p->options.emit(p->options.ctx, &part, err) : status;
}

static void enter(struct dialect_parser *p, enum state state)
{
    p->state = state;
    p->scanned = 0;
    if (state != IN_CALL)
        return;
    call_begin(&p->call);
    p->begun = false;
    p->told = 0;
}

/* What began as a call is text, up to where it failed. */
static viv_status give_up(struct dialect_parser *p, struct error *err)
{
    while (p->layout && p->unit < p->at && marker_is_space(p->held.data[p->unit]))
        p->unit++;
    p->content = true;
    p->layout = false;
    const viv_status status = emit(p, DIALECT_TEXT, p->unit, p->at, err);
    p->unit = p->at;
    enter(p, IN_TEXT);
    return status;
}

/* --- text ------------------------------------------------------------------------------------------------------
 */

enum found { FOUND_NOTHING, FOUND_CALL, FOUND_REASONING, FOUND_CONTENT, FOUND_MAYBE };

/* The marker at s: the longest, where several are. */
static enum found find_marker(const struct dialect_parser *p, const char *s, size_t n, size_t *size)
{
    const struct dialect *d = p->d;
    const struct {
        const struct marker *m;
        enum found what;
    } all[] = {{d->at_start ? NULL : dialect_trigger(d), FOUND_CALL},
               {p->content ? NULL : &d->reasoning_begin, FOUND_REASONING},
               {&d->content_begin, FOUND_CONTENT},
               {&d->content_end, FOUND_CONTENT}};
    enum found best = FOUND_NOTHING;
    *size = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const size_t found = all[i].m ? marker_at(all[i].m, s, n, p->ends) : 0;
        if (found == MAYBE)
            return FOUND_MAYBE;
        if (found > *size) {
            *size = found;
            best = all[i].what;
        }
    }
    return best;
}

/* Whether a call without a marker may begin with this character. */
static bool begins_bare(const struct dialect_parser *p, char c)
{
    const struct dialect *d = p->d;
    if (!d->at_start || p->content || p->n_calls)
        return false;
    return (d->section_begin.n && c == d->section_begin.cores[0][0]) ||
           (d->payload == PAYLOAD_JSON ? c == '{' : !d->section_begin.n && tool_name_valid(&c, 1));
}

/* Text up to `solid` is out; the rest, from there to `to`, is whitespace. */
static viv_status settle(struct dialect_parser *p, size_t solid, size_t to, struct error *err)
{
    const viv_status status = emit(p, DIALECT_TEXT, p->at, solid, err);
    p->unit = solid;
    p->at = to;
    return status;
}

static viv_status read_text(struct dialect_parser *p, bool *on, struct error *err)
{
    const char *s = p->held.data;
    const size_t n = p->held.size;
    size_t here = p->at + p->scanned, solid = p->at, size = 0;
    enum found found = FOUND_NOTHING;
    viv_status status;
    for (; here < n; here++) {
        if (marker_is_space(s[here]))
            continue;
        found = find_marker(p, s + here, n - here, &size);
        if (found != FOUND_NOTHING || begins_bare(p, s[here]))
            break;
        if (!p->content && p->layout)
            p->at = here; /* whitespace before it was layout */
        p->content = true;
        p->layout = false;
        solid = here + 1;
    }
    *on = here < n && found != FOUND_MAYBE;
    if (!*on) { /* whitespace at the end waits: a call may follow */
        if (p->ends && (p->content || !p->layout))
            solid = n;
        status = emit(p, DIALECT_TEXT, p->at, solid, err);
        p->unit = p->at = solid;
        p->scanned = here - solid;
        return status;
    }
    status = settle(p, solid, here, err);
    if (found == FOUND_REASONING || found == FOUND_CONTENT) {
        p->unit = p->at = here + size;
        p->layout = true;
        p->content = found == FOUND_CONTENT && p->content;
        enter(p, found == FOUND_REASONING ? IN_REASONING : IN_TEXT);
    } else {
        const bool section = p->d->section_begin.n > 0;
        if (section) {
            if (found != FOUND_CALL)
                size = marker_at(&p->d->section_begin, s + here, n - here, p->ends);
            if (size == MAYBE) {
                *on = false;
                p->at = p->unit;
                p->scanned = here - p->at;
                return status;
            }
            p->at += size;
        }
        p->section_has_call = false;
        enter(p, section || p->d->at_start ? IN_SECTION : IN_CALL);
    }
    return status;
}

static viv_status read_reasoning(struct dialect_parser *p, bool *on, struct error *err)
{
    const char *s = p->held.data;
    const size_t n = p->held.size;
    size_t here = p->at + p->scanned, solid = p->at, size = 0;
    for (; here < n; here++) {
        if (marker_is_space(s[here]))
            continue;
        size = marker_at(&p->d->reasoning_end, s + here, n - here, p->ends);
        if (size)
            break;
        if (p->layout)
            p->at = here;
        p->layout = false;
        solid = here + 1;
    }
    *on = here < n && size != MAYBE;
    const viv_status status = emit(p, DIALECT_REASONING, p->at, solid, err);
    p->unit = p->at = *on ? here + size : solid;
    p->scanned = here - p->at;
    if (*on) {
        p->layout = true;
        p->content = false;
        enter(p, IN_TEXT);
    }
    return status;
}

/* --- calls -----------------------------------------------------------------------------------------------------
 */

static viv_status read_section(struct dialect_parser *p, bool *on, struct error *err)
{
    const char *s = p->held.data;
    const size_t n = p->held.size;
    size_t size;
    *on = false;
    while (p->at < n && marker_is_space(s[p->at]))
        p->at++;
    if (p->at == n) {
        if (p->ends && !p->section_has_call)
            return give_up(p, err);
        p->unit = p->ends ? n : p->unit;
        return VIV_OK;
    }
    size = marker_at(&p->d->section_end, s + p->at, n - p->at, p->ends);
    if (size == MAYBE)
        return VIV_OK;
    *on = true;
    if (size) {
        p->at += size;
        if (!p->section_has_call)
            return give_up(p, err);
        p->unit = p->at;
        p->layout = true;
        p->content = false;
        enter(p, IN_TEXT);
        return VIV_OK;
    }
    size = p->section_has_call ? marker_at(&p->d->separator, s + p->at, n - p->at, p->ends) : 0;
    if (size == MAYBE) {
        *on = false;
        return VIV_OK;
    }
    p->at += size;
    enter(p, IN_CALL);
    return VIV_OK;
}

static viv_status read_call(struct dialect_parser *p, bool *on, struct error *err)
{
    const enum step step = call_read(&p->call, p->held.data, &p->at, p->held.size, p->ends);
    *on = step != STEP_MORE;
    switch (step) {
    case STEP_FAIL:
        if (p->ends) /* cut: nothing behind it is looked at again */
            p->at = p->held.size;
        return give_up(p, err);
    case STEP_NOMEM:
        return error_nomem(err);
    case STEP_DONE: {
        viv_status status = tell(p, err);
        if (status == VIV_OK)
            status = emit_call(p, err);
        p->n_calls++;
        p->unit = p->at;
        p->layout = p->section_has_call = true;
        p->content = false;
        enter(p, p->d->section_begin.n || p->d->at_start ? IN_SECTION : IN_TEXT);
        return status;
    }
    default:
        return tell(p, err);
    }
}

/* --- bytes -----------------------------------------------------------------------------------------------------
 */

/* Forgets what is decided. */
static void forget(struct dialect_parser *p)
{
    const size_t n = p->unit < p->at ? p->unit : p->at;
    if (!n || !p->held.data)
        return;
    memmove(p->held.data, p->held.data + n, p->held.size - n);
    p->held.size -= n;
    p->at -= n;
    p->unit -= n;
    p->prompt = p->prompt > n ? p->prompt - n : 0;
}

static viv_status read_on(struct dialect_parser *p, struct error *err)
{
    viv_status status = VIV_OK;
    bool on = true;
    while (status == VIV_OK && on) {
        on = false;
        if (!p->held.data)
            break;
        switch (p->state) {
        case IN_TEXT:
            status = read_text(p, &on, err);
            break;
        case IN_REASONING:
            status = read_reasoning(p, &on, err);
            break;
        case IN_SECTION:
            status = read_section(p, &on, err);
            break;
        case IN_CALL:
            status = read_call(p, &on, err);
            break;
        }
    }
    forget(p);
    return status;
}

viv_status dialect_parser_feed(struct dialect_parser *p, const char *bytes, size_t n, struct error *err)
{
    if (!buf_append(&p->held, bytes, n))
        return error_nomem(err);
    return read_on(p, err);
}

viv_status dialect_parser_finish(struct dialect_parser *p, struct error *err)
{
    p->ends = true;
    return read_on(p, err);
}
