/* grammar_file.c - see grammar_file.h. */
#include "engine/grammar_file.h"

#include "base/file.h"
#include "base/text.h"

#include <string.h>

static const uint64_t LONGEST = 64u << 20; /* whatever is too long, the grammar's own limit says so */

static const struct {
    const char *language, *end;
    uint32_t kind;
} languages[] = {{"json-schema", ".json", VIV_GRAMMAR_JSON_SCHEMA},
                 {"gbnf", ".gbnf", VIV_GRAMMAR_GBNF},
                 {"lark", ".lark", VIV_GRAMMAR_LARK},
                 {"regex", ".regex", VIV_GRAMMAR_REGEX},
                 {"choice", ".txt", VIV_GRAMMAR_CHOICE}};

static void set(struct grammar_file *g, uint32_t kind, const char *name, bool lenient)
{
    g->grammar = (viv_grammar){.struct_size = sizeof g->grammar,
                               .kind = kind,
                               .text = buf_text(&g->text),
                               .size = g->text.size,
                               .name = name,
                               .flags = lenient ? VIV_GRAMMAR_LENIENT : 0};
}

viv_status grammar_file_read(struct grammar_file *g, const char *path, const char *language, bool lenient,
                             struct error *err)
{
    uint32_t kind = 0;
    for (size_t i = 0; i < sizeof languages / sizeof *languages; i++)
        if (language ? strcmp(language, languages[i].language) == 0 : text_ends_in(path, languages[i].end))
            kind = languages[i].kind;
    if (!kind)
        return error_set(
            err, VIV_EINVAL,
            "%s: in which language is this grammar? Its name ends in none of .json, .gbnf, .lark, .regex, "
            ".txt; say it by --language",
            path);
    viv_status status = file_read_input(path, LONGEST, &g->text, err);
    if (status != VIV_OK)
        return status;
    if (kind == VIV_GRAMMAR_REGEX && g->text.size && g->text.data[g->text.size - 1] == '\n')
        g->text.data[--g->text.size] = '\0';
    set(g, kind, file_input_name(path), lenient);
    return VIV_OK;
}

viv_status grammar_file_text(struct grammar_file *g, uint32_t kind, const char *name, const char *text,
                             struct error *err)
{
    for (; *text; text++) {
        const bool escaped = kind == VIV_GRAMMAR_CHOICE && text[0] == '\\' && text[1] == ',';
        text += escaped;
        buf_putc(&g->text, kind == VIV_GRAMMAR_CHOICE && *text == ',' && !escaped ? '\n' : *text);
    }
    if (g->text.failed)
        return error_nomem(err);
    set(g, kind, name, false);
    return VIV_OK;
}

const viv_grammar *grammar_file_keep(const struct grammar_file *g, struct arena *arena)
{
    viv_grammar *copy = arena_alloc(arena, sizeof *copy);
    if (!copy)
        return NULL;
    *copy = g->grammar;
    copy->text = arena_strndup(arena, g->grammar.text, g->grammar.size);
    copy->name = arena_strdup(arena, g->grammar.name);
    return copy->text && copy->name ? copy : NULL;
}

void grammar_file_release(struct grammar_file *g)
{
    buf_release(&g->text);
    *g = (struct grammar_file){0};
}
