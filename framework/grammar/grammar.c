/* grammar.c - see grammar.h. */
#include "grammar/grammar.h"

#include "base/utf8.h"
#include "grammar/program.h"
#include "grammar/sources.h"

#include <inttypes.h>

const char *grammar_kind_name(uint32_t kind)
{
    switch (kind) {
    case VIV_GRAMMAR_JSON_SCHEMA:
        return "JSON Schema";
    case VIV_GRAMMAR_GBNF:
        return "GBNF";
    case VIV_GRAMMAR_LARK:
        return "Lark";
    case VIV_GRAMMAR_REGEX:
        return "regular expression";
    case VIV_GRAMMAR_CHOICE:
        return "choices";
    default:
        return "grammar";
    }
}

static viv_status read_source(const struct grammar_source *s, struct rules *r, struct buf *notes, struct error *err)
{
    if (s->size > MAX_SOURCE)
        return error_set(err, VIV_ELIMIT, "%zu bytes; a grammar has at most %d", s->size, MAX_SOURCE);
    for (size_t at = 0, n; at < s->size; at += n) {
        uint32_t c;
        n = utf8_decode(s->text + at, s->size - at, &c);
        if (n == 0)
            return error_set(err, VIV_EFORMAT, "expected UTF-8, found the byte 0x%02x at offset %zu",
                             (unsigned char)s->text[at], at);
    }
    switch (s->kind) {
    case VIV_GRAMMAR_JSON_SCHEMA:
        return read_json_schema(r, s->text, s->size, s->lenient, notes, err);
    case VIV_GRAMMAR_GBNF:
        return read_gbnf(r, s->text, s->size, s->trie, err);
    case VIV_GRAMMAR_LARK:
        return read_lark(r, s->text, s->size, s->trie, err);
    case VIV_GRAMMAR_REGEX:
        return read_regex(r, s->text, s->size, err);
    case VIV_GRAMMAR_CHOICE:
        return read_choices(r, s->text, s->size, err);
    default:
        return error_set(err, VIV_EUNSUPPORTED, "a grammar of kind %" PRIu32 " is not known", s->kind);
    }
}

viv_status grammar_compile(const struct grammar_source *s, struct program **out, struct buf *notes,
                           struct error *err)
{
    struct rules rules = {0};
    struct buf own = {0};
    viv_status status = read_source(s, &rules, notes ? notes : &own, err);
    if (status == VIV_OK)
        status = program_compile(&rules, out, err);
    rules_release(&rules);
    buf_release(&own);
    return status == VIV_OK ? VIV_OK : error_prefix(err, "%s", s->name ? s->name : grammar_kind_name(s->kind));
}
