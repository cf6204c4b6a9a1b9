/* report_tables.c - the tables of a report. */
#include "cli/compare/report_parts.h"
#include "cli/compare/table.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* --- tables: a line for each model, a column for each row of the comparison ---------------------------------- */

static bool is_words(const struct row *row)
{
    return row->unit == UNIT_WORDS;
}

static void put_cell(struct report *r, const struct row *row, uint32_t model, bool best)
{
    const struct cell *cell = &row->cells[model];
    struct buf text = {0};
    table_cell_text(row, model, &text);
    buf_puts(r->out, is_words(row) ? "<td class=\"text\"" : "<td");
    if (!is_words(row))
        buf_puts(r->out, " data-v=\"");
    if (!is_words(row) && cell->known && isfinite(cell->value))
        buf_printf(r->out, "%.10g", cell->value);
    if (!is_words(row))
        buf_puts(r->out, "\"");
    if (cell->why) {
        buf_puts(r->out, " title=\"");
        put(r, cell->why);
        buf_puts(r->out, "\"");
    }
    buf_puts(r->out, best ? "><b>" : ">");
    put(r, cell->known ? buf_text(&text) : "\xE2\x80\x93");
    buf_puts(r->out, best ? "</b><span class=\"hidden\"> (best)</span></td>" : "</td>");
    r->out->failed |= text.failed;
    buf_release(&text);
}

static bool among(const struct row *row, const char *const *sections)
{
    for (; *sections; sections++)
        if (strcmp(row->section, *sections) == 0)
            return true;
    return false;
}

static const char *const first_sections[] = {"model", "size", NULL};

/* Long words, answers to prompts say, are read side by side: a column for each model. */
static bool is_said(const struct row *row)
{
    return is_words(row) && !among(row, first_sections);
}

/* The rows of these sections, but for what is said. */
static void put_table(struct report *r, const char *const *sections, const char *caption, bool shown)
{
    const struct comparison *c = r->c;
    buf_puts(r->out, "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"");
    put(r, caption);
    buf_printf(r->out, "\"><table class=\"sorts\">\n<caption%s>", shown ? "" : " class=\"hidden\"");
    put(r, caption);
    buf_puts(r->out, "</caption>\n<thead><tr><th scope=\"col\"><button type=\"button\">model</button></th>");
    for (size_t i = 0; i < c->n_rows; i++) {
        if (!among(&c->rows[i], sections) || is_said(&c->rows[i]))
            continue;
        buf_printf(r->out, "<th scope=\"col\"%s><button type=\"button\">",
                   is_words(&c->rows[i]) ? " class=\"text\"" : "");
        put(r, c->rows[i].label);
        buf_puts(r->out, "</button></th>");
    }
    buf_puts(r->out, "</tr></thead>\n<tbody>\n");
    for (uint32_t m = 0; m < c->n_models; m++) {
        buf_puts(r->out, "<tr><th scope=\"row\">");
        put(r, c->models[m].name);
        buf_puts(r->out, "</th>");
        for (size_t i = 0; i < c->n_rows; i++)
            if (among(&c->rows[i], sections) && !is_said(&c->rows[i]))
                put_cell(r, &c->rows[i], m, table_row_best(c, &c->rows[i]) == m);
        buf_puts(r->out, "</tr>\n");
    }
    buf_puts(r->out, "</tbody></table></div>\n");
}

void report_put_models(struct report *r)
{
    buf_puts(r->out, "<section aria-labelledby=\"models\">\n<h2 id=\"models\">Models</h2>\n");
    put_table(r, first_sections, "What each model is. The head of a column sorts by it.", true);
    buf_puts(r->out, "</section>\n");
}

static void put_answers(struct report *r, const char *section)
{
    const struct comparison *c = r->c;
    buf_puts(r->out, "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"");
    put(r, section);
    buf_puts(r->out, "\"><table class=\"say\">\n<caption>What each model says.</caption>\n<thead><tr><th "
                     "scope=\"col\">asked</th>");
    for (uint32_t m = 0; m < c->n_models; m++) {
        buf_puts(r->out, "<th scope=\"col\" class=\"text\">");
        put(r, c->models[m].name);
        buf_puts(r->out, "</th>");
    }
    buf_puts(r->out, "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < c->n_rows; i++) {
        if (strcmp(c->rows[i].section, section) != 0 || !is_said(&c->rows[i]))
            continue;
        buf_puts(r->out, "<tr><th scope=\"row\">");
        put(r, c->rows[i].label);
        buf_puts(r->out, "</th>");
        for (uint32_t m = 0; m < c->n_models; m++) {
            const struct cell *cell = &c->rows[i].cells[m];
            buf_puts(r->out, "<td>");
            put(r, cell->known ? cell->words : cell->why ? cell->why : "\xE2\x80\x93");
            buf_puts(r->out, "</td>");
        }
        buf_puts(r->out, "</tr>\n");
    }
    buf_puts(r->out, "</tbody></table></div>\n");
}

void report_put_numbers(struct report *r)
{
    const struct comparison *c = r->c;
    buf_puts(r->out, "<section aria-labelledby=\"numbers\">\n<h2 id=\"numbers\">Numbers</h2>\n");
    for (size_t i = 0; i < c->n_rows; i++) {
        const char *const sections[] = {c->rows[i].section, NULL};
        bool before = among(&c->rows[i], first_sections), numbers = false, words = false;
        for (size_t j = 0; j < i; j++)
            before |= strcmp(c->rows[j].section, sections[0]) == 0;
        if (before)
            continue;
        for (size_t j = i; j < c->n_rows; j++) {
            const bool here = strcmp(c->rows[j].section, sections[0]) == 0;
            numbers |= here && !is_said(&c->rows[j]);
            words |= here && is_said(&c->rows[j]);
        }
        buf_puts(r->out, "<h3>");
        if (sections[0][0] >= 'a' && sections[0][0] <= 'z') {
            buf_putc(r->out, (char)(sections[0][0] - 'a' + 'A'));
            put(r, sections[0] + 1);
        } else {
            put(r, sections[0]);
        }
        buf_puts(r->out, "</h3>\n");
        if (numbers)
            put_table(r, sections, sections[0], false);
        if (words)
            put_answers(r, sections[0]);
    }
    buf_puts(r->out, "</section>\n");
}

/* --- structure ----------------------------------------------------------------------------------------------- */

static bool has_attribute(const struct structure *s, size_t n, const char *attribute)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(s->traits[i].attribute, attribute) == 0)
            return true;
    return false;
}

/* Whether all models say the same of an attribute. */
static bool all_alike(const struct comparison *c, const char *attribute)
{
    const struct compared *first = NULL;
    for (uint32_t i = 0; i < c->n_models; i++) {
        const struct compared *m = &c->models[i];
        if (!takes_part(m))
            continue;
        if (!first) {
            first = m;
            continue;
        }
        for (int side = 0; side < 2; side++) {
            const struct structure *a = side ? &first->structure : &m->structure,
                                   *b = side ? &m->structure : &first->structure;
            for (size_t t = 0; t < a->n; t++)
                if (strcmp(a->traits[t].attribute, attribute) == 0 &&
                    !structure_find(b, attribute, a->traits[t].text))
                    return false;
        }
    }
    return true;
}

/* "as in a and 3 more": the others that say the same. */
static void put_others(struct report *r, uint32_t model, const struct trait *t)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->c->n_models; i++) {
        if (i == model || !structure_find(&r->c->models[i].structure, t->attribute, t->text))
            continue;
        if (n++)
            continue;
        buf_puts(r->out, "<br><span class=\"note\">as in ");
        put(r, r->c->models[i].name);
    }
    if (n > 1)
        buf_printf(r->out, " and %" PRIu32 " more", n - 1);
    buf_puts(r->out, n ? "</span>" : "");
}

static void put_attribute(struct report *r, const char *attribute)
{
    const struct comparison *c = r->c;
    const bool alike = c->n_models > 1 && all_alike(c, attribute);
    buf_printf(r->out, "<tr%s><th scope=\"row\">", alike ? " class=\"shared\"" : "");
    put(r, attribute);
    buf_puts(r->out, alike ? "<br><span class=\"pill\">shared by all</span></th>" : "</th>");
    for (uint32_t m = 0; m < c->n_models; m++) {
        const struct structure *s = &c->models[m].structure;
        bool any = false;
        buf_puts(r->out, "<td>");
        for (size_t t = 0; t < s->n; t++) {
            if (strcmp(s->traits[t].attribute, attribute) != 0)
                continue;
            buf_puts(r->out, any ? "<br>" : "");
            put(r, s->traits[t].text);
            if (s->traits[t].n_layers > 1)
                buf_printf(r->out, " <span class=\"note\">\xC3\x97\xC2\xA0%" PRIu32 "</span>",
                           s->traits[t].n_layers);
            if (!alike)
                put_others(r, m, &s->traits[t]);
            any = true;
        }
        buf_puts(r->out, any ? "</td>" : "\xE2\x80\x93</td>");
    }
    buf_puts(r->out, "</tr>\n");
}

void report_put_structure(struct report *r)
{
    const struct comparison *c = r->c;
    buf_puts(r->out,
             "<section aria-labelledby=\"structure\">\n<h2 id=\"structure\">Structure</h2>\n"
             "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"Structure\"><table class=\"like\">\n"
             "<caption>What layers say of themselves, and in how many they are (\xC3\x97). Lines that all models "
             "share are marked.</caption>\n<thead><tr><th scope=\"col\">attribute</th>");
    for (uint32_t m = 0; m < c->n_models; m++) {
        buf_puts(r->out, "<th scope=\"col\">");
        put(r, c->models[m].name);
        buf_puts(r->out, "</th>");
    }
    buf_puts(r->out, "</tr></thead>\n<tbody>\n");
    for (uint32_t m = 0; m < c->n_models; m++) {
        const struct structure *s = &c->models[m].structure;
        for (size_t t = 0; t < s->n; t++) {
            bool before = has_attribute(s, t, s->traits[t].attribute);
            for (uint32_t i = 0; i < m; i++)
                before |= has_attribute(&c->models[i].structure, c->models[i].structure.n, s->traits[t].attribute);
            if (!before)
                put_attribute(r, s->traits[t].attribute);
        }
    }
    buf_puts(r->out, "</tbody></table></div>\n</section>\n");
}
