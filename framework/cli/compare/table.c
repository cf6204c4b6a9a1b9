/* table.c - see table.h. */
#include "cli/compare/table.h"

#include "base/figure.h"
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const unit_names[] = {"words", "count", "bytes", "seconds", "per second", "ratio", "part of 1"};

/* --- cells --------------------------------------------------------------------------------------------------- */

static void put_number(enum row_unit unit, double x, struct buf *out)
{
    switch (unit) {
    case UNIT_COUNT:
        buf_puts(out, x < 1e5 ? "" : human_count((uint64_t)fmin(x, 1.8e19)).text);
        if (x < 1e5)
            buf_printf(out, "%.0f", x);
        break;
    case UNIT_BYTES:
        buf_puts(out, human_bytes((uint64_t)fmin(x, 1.8e19)).text);
        break;
    case UNIT_SECONDS:
        buf_puts(out, human_seconds(x).text);
        break;
    case UNIT_RATE:
        buf_puts(out, human_rate(x).text);
        break;
    case UNIT_PERCENT:
        buf_printf(out, "%.1f %%", 100 * x);
        break;
    default:
        buf_puts(out, human_number(x, 4).text);
    }
}

void table_cell_text(const struct row *r, uint32_t model, struct buf *out)
{
    const struct cell *cell = &r->cells[model];
    if (!cell->known)
        return;
    if (r->unit == UNIT_WORDS) {
        buf_puts(out, cell->words);
        return;
    }
    put_number(r->unit, cell->value, out);
    double spread = (cell->high - cell->low) / 2;
    if (spread > 0 && r->unit == UNIT_PERCENT) /* in points */
        buf_printf(out, " ±%.0f", 100 * spread);
    else if (spread > 0 && cell->value > 0)
        buf_printf(out, " ±%.0f%%", 100 * spread / cell->value);
}

uint32_t table_row_best(const struct comparison *c, const struct row *r)
{
    uint32_t best = c->n_models, n = 0;
    bool differ = false;
    if (r->better == BETTER_NEITHER)
        return best;
    for (uint32_t i = 0; i < c->n_models; i++) {
        const struct cell *cell = &r->cells[i];
        if (!cell->known)
            continue;
        n++;
        if (best == c->n_models) {
            best = i;
            continue;
        }
        double was = r->cells[best].value;
        differ |= cell->value != was;
        if (r->better == BETTER_MORE ? cell->value > was : cell->value < was)
            best = i;
    }
    return n > 1 && differ ? best : c->n_models;
}

/* --- for a terminal ------------------------------------------------------------------------------------------ */

enum { BAR = 6, LEAST_COLUMN = 9, MOST_COLUMN = 24 };

static uint32_t text_columns(const char *s)
{
    uint32_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

static void put_spaces(struct buf *out, uint32_t n)
{
    while (n-- > 0)
        buf_putc(out, ' ');
}

/* At most `width` characters of it; what a terminal would obey is shown as a question mark. */
static void put_cut(struct buf *out, const char *s, uint32_t width)
{
    uint32_t n = 0;
    bool fits = text_columns(s) <= width;
    for (; *s; s++) {
        if (((unsigned char)*s & 0xC0) != 0x80 && n++ >= (fits ? width : width - 1))
            break;
        buf_putc(out, (unsigned char)*s < 0x20 || *s == 0x7F ? '?' : *s);
    }
    if (!fits)
        buf_puts(out, "…");
}

/* A bar of eighths of a character, `part` of BAR wide. */
static void put_bar(struct buf *out, double part)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    uint32_t n = (uint32_t)lround(part * BAR * 8), shown = n / 8 + (n % 8 != 0);
    for (uint32_t i = 0; i < n / 8; i++)
        buf_puts(out, "█");
    buf_puts(out, eighths[n % 8]);
    put_spaces(out, BAR - (shown < BAR ? shown : BAR));
}

struct layout {
    uint32_t label, column, per_line; /* characters; models beside each other */
    bool bars, colour;
};

static double row_most(const struct comparison *c, const struct row *r)
{
    double most = 0;
    for (uint32_t i = 0; i < c->n_models; i++)
        most = r->cells[i].known && r->cells[i].value > most ? r->cells[i].value : most;
    return most;
}

/* Words of any length, such as answers, stand below the table. */
static bool is_long(const struct row *r)
{
    return r->unit == UNIT_WORDS && strcmp(r->section, "model") != 0;
}

static uint32_t widest_cell(const struct comparison *c, struct buf *out)
{
    uint32_t widest = LEAST_COLUMN;
    struct buf text = {0};
    for (uint32_t i = 0; i < c->n_models; i++) {
        uint32_t n = text_columns(c->models[i].name);
        widest = n > widest ? n : widest;
        for (size_t r = 0; r < c->n_rows; r++) {
            buf_clear(&text);
            if (!is_long(&c->rows[r]))
                table_cell_text(&c->rows[r], i, &text);
            n = text_columns(buf_text(&text));
            widest = n > widest ? n : widest;
        }
    }
    out->failed |= text.failed;
    buf_release(&text);
    return widest < MOST_COLUMN ? widest : MOST_COLUMN;
}

static struct layout lay_out(const struct comparison *c, uint32_t width, bool colour, struct buf *out)
{
    struct layout l = {.column = widest_cell(c, out), .colour = colour};
    for (size_t r = 0; r < c->n_rows; r++) {
        uint32_t n = is_long(&c->rows[r]) ? 0 : text_columns(c->rows[r].label) + 2;
        l.label = n > l.label ? n : l.label;
    }
    l.bars = l.label + c->n_models * (l.column + BAR + 3) <= width;
    uint32_t each = l.column + 2 + (l.bars ? BAR + 1 : 0);
    l.per_line = width > l.label + each ? (width - l.label) / each : 1;
    return l;
}

static void put_row(const struct comparison *c, const struct row *r, const struct layout *l, uint32_t begin,
                    uint32_t end, struct buf *out)
{
    const uint32_t best = table_row_best(c, r);
    const double most = row_most(c, r);
    struct buf text = {0};
    buf_puts(out, "  ");
    put_cut(out, r->label, l->label - 2);
    put_spaces(out, l->label - 2 - text_columns(r->label));
    for (uint32_t i = begin; i < end; i++) {
        buf_clear(&text);
        table_cell_text(r, i, &text);
        const char *shown = r->cells[i].known ? buf_text(&text) : "-";
        uint32_t n = text_columns(shown);
        bool marked = i == best && l->colour;
        put_spaces(out, 2 + (n < l->column ? l->column - n : 0));
        buf_puts(out, marked ? "\033[1;32m" : "");
        put_cut(out, shown, l->column);
        buf_puts(out, marked ? "\033[0m" : "");
        if (!l->bars)
            continue;
        buf_puts(out, l->colour ? " \033[2m" : " ");
        put_bar(out, r->unit != UNIT_WORDS && most > 0 && r->cells[i].known ? r->cells[i].value / most : 0);
        buf_puts(out, l->colour ? "\033[0m" : "");
    }
    while (out->size && out->data[out->size - 1] == ' ')
        out->data[--out->size] = '\0';
    buf_putc(out, '\n');
    out->failed |= text.failed;
    buf_release(&text);
}

static void put_title(struct buf *out, const char *title, bool colour)
{
    buf_printf(out, "%s%s%s\n", colour ? "\033[1m" : "", title, colour ? "\033[0m" : "");
}

static void put_block(const struct comparison *c, const struct layout *l, uint32_t begin, uint32_t end,
                      struct buf *out)
{
    const char *section = "";
    put_spaces(out, l->label);
    for (uint32_t i = begin; i < end; i++) {
        uint32_t n = text_columns(c->models[i].name);
        put_spaces(out, 2 + (n < l->column ? l->column - n : 0));
        buf_puts(out, l->colour ? "\033[1m" : "");
        put_cut(out, c->models[i].name, l->column);
        buf_puts(out, l->colour ? "\033[0m" : "");
        if (l->bars && i + 1 < end)
            put_spaces(out, BAR + 1);
    }
    buf_putc(out, '\n');
    for (size_t r = 0; r < c->n_rows; r++) {
        if (is_long(&c->rows[r]))
            continue;
        if (strcmp(section, c->rows[r].section) != 0)
            put_title(out, section = c->rows[r].section, l->colour);
        put_row(c, &c->rows[r], l, begin, end, out);
    }
    buf_putc(out, '\n');
}

/* Text of others, its lines `indent` deep; what a terminal would obey is shown as a question mark. */
static void put_long(struct buf *out, const char *s, uint32_t indent)
{
    for (; *s; s++) {
        const bool c1 = (unsigned char)s[0] == 0xC2 && ((unsigned char)s[1] & 0xE0) == 0x80;
        if (*s == '\n') {
            buf_putc(out, '\n');
            put_spaces(out, indent);
        } else if (c1 || ((unsigned char)*s < 0x20 && *s != '\t') || *s == 0x7F) {
            buf_putc(out, '?');
            s += c1;
        } else {
            buf_putc(out, *s);
        }
    }
}

/* What they answer: each prompt, and below it each model's. */
static void put_answers(const struct comparison *c, bool colour, struct buf *out)
{
    for (size_t r = 0; r < c->n_rows; r++) {
        const struct row *row = &c->rows[r];
        if (!is_long(row))
            continue;
        buf_puts(out, colour ? "\033[1m" : "");
        put_long(out, row->label, 0);
        buf_puts(out, colour ? "\033[0m\n" : "\n");
        for (uint32_t i = 0; i < c->n_models; i++) {
            buf_printf(out, "  %s%s%s\n    ", colour ? "\033[2m" : "", c->models[i].name, colour ? "\033[0m" : "");
            put_long(out, row->cells[i].known ? row->cells[i].words : "-", 4);
            buf_putc(out, '\n');
        }
        buf_putc(out, '\n');
    }
}

/* --- structure ----------------------------------------------------------------------------------------------- */

/* Calls take for every distinct trait of any model, those of one attribute together. */
typedef void take_trait(void *ctx, const struct comparison *c, const struct trait *t, bool new_attribute);

static bool seen_before(const struct comparison *c, uint32_t model, const char *attribute, const char *text)
{
    for (uint32_t i = 0; i < model; i++)
        for (size_t t = 0; t < c->models[i].structure.n; t++) {
            const struct trait *other = &c->models[i].structure.traits[t];
            if (strcmp(other->attribute, attribute) == 0 && (!text || strcmp(other->text, text) == 0))
                return true;
        }
    return false;
}

static void take_attribute(const struct comparison *c, uint32_t model, const char *attribute, take_trait *take,
                           void *ctx)
{
    bool first = true;
    for (uint32_t i = model; i < c->n_models; i++)
        for (size_t t = 0; t < c->models[i].structure.n; t++) {
            const struct trait *trait = &c->models[i].structure.traits[t];
            if (strcmp(trait->attribute, attribute) != 0 || seen_before(c, i, attribute, trait->text))
                continue;
            take(ctx, c, trait, first);
            first = false;
        }
}

static void for_each_trait(const struct comparison *c, take_trait *take, void *ctx)
{
    for (uint32_t i = 0; i < c->n_models; i++) {
        const struct structure *s = &c->models[i].structure;
        for (size_t t = 0; t < s->n; t++) {
            bool before = seen_before(c, i, s->traits[t].attribute, NULL);
            for (size_t u = 0; u < t && !before; u++)
                before = strcmp(s->traits[u].attribute, s->traits[t].attribute) == 0;
            if (!before)
                take_attribute(c, i, s->traits[t].attribute, take, ctx);
        }
    }
}

/* "all", or the names of those that have it, and in how many layers where not all of theirs do. */
static void put_owners(const struct comparison *c, const struct trait *t, struct buf *out)
{
    uint32_t n = 0, take_part = 0;
    size_t begin = out->size;
    for (uint32_t i = 0; i < c->n_models; i++) {
        const struct trait *has = structure_find(&c->models[i].structure, t->attribute, t->text);
        take_part += !c->models[i].why;
        if (!has)
            continue;
        buf_printf(out, "%s%s (%u)", n++ ? ", " : "", c->models[i].name, has->n_layers);
    }
    if (n == take_part && n > 2 && !out->failed) {
        out->size = begin;
        buf_puts(out, "all");
    }
}

struct terminal_traits {
    struct buf *out;
    uint32_t width;
    bool colour;
};

static void print_trait(void *ctx, const struct comparison *c, const struct trait *t, bool new_attribute)
{
    const struct terminal_traits *to = ctx;
    struct buf owners = {0};
    put_owners(c, t, &owners);
    if (new_attribute)
        buf_printf(to->out, "  %s\n", t->attribute);
    buf_puts(to->out, "    ");
    uint32_t n = text_columns(t->text), wide = 48;
    put_cut(to->out, t->text, to->width > 8 ? to->width - 4 : 4);
    put_spaces(to->out, n < wide ? wide - n : 0);
    buf_printf(to->out, "  %s%s%s\n", to->colour ? "\033[2m" : "", buf_text(&owners), to->colour ? "\033[0m" : "");
    to->out->failed |= owners.failed;
    buf_release(&owners);
}

/* --- the whole ----------------------------------------------------------------------------------------------- */

/* "3.35 TB/s" */
static void put_rate(struct buf *out, double per_second, const char *unit)
{
    const bool tera = per_second >= 1e12;
    buf_printf(out, "%s %c%s", human_number(per_second * (tera ? 1e-12 : 1e-9), 3).text, tera ? 'T' : 'G', unit);
}

static void put_devices(const struct comparison *c, struct buf *out)
{
    for (uint32_t i = 0; i < c->n_devices; i++) {
        const struct limits *l = &c->devices[i].limits;
        if (l->read <= 0)
            continue;
        buf_printf(out, "ceilings of %s: ", c->devices[i].name);
        put_rate(out, l->read, "B/s, ");
        put_rate(out, l->f32, "FLOP/s f32");
        if (l->int8 > 0) {
            buf_puts(out, ", ");
            put_rate(out, l->int8, "OP/s int8");
        }
        buf_putc(out, '\n');
    }
}

static bool lacks_for(const struct comparison *c, uint32_t model, const char *why)
{
    for (size_t r = 0; r < c->n_rows; r++)
        if (c->rows[r].cells[model].why && strcmp(c->rows[r].cells[model].why, why) == 0)
            return true;
    return false;
}

/* Why cells are empty: each reason once, with the models that it holds for. */
static void put_reasons(const struct comparison *c, const char *bullet, struct buf *out)
{
    for (size_t at = 0; at < c->n_rows * c->n_models; at++) {
        const char *why = c->rows[at / c->n_models].cells[at % c->n_models].why;
        bool said = !why;
        for (size_t before = 0; before < at && !said; before++) {
            const char *other = c->rows[before / c->n_models].cells[before % c->n_models].why;
            said = other && strcmp(other, why) == 0;
        }
        if (said)
            continue;
        uint32_t n = 0;
        buf_puts(out, bullet);
        for (uint32_t i = 0; i < c->n_models; i++)
            if (lacks_for(c, i, why))
                buf_printf(out, "%s%s", n++ ? ", " : "", c->models[i].name);
        buf_printf(out, ": %s\n", why);
    }
}

void table_terminal(const struct comparison *c, uint32_t width, bool colour, struct buf *out)
{
    struct layout l = lay_out(c, width, colour, out);
    for (uint32_t begin = 0; begin < c->n_models; begin += l.per_line)
        put_block(c, &l, begin, begin + l.per_line < c->n_models ? begin + l.per_line : c->n_models, out);
    put_answers(c, colour, out);
    bool any = false;
    for (uint32_t i = 0; i < c->n_models; i++)
        any |= c->models[i].structure.n > 0;
    if (any)
        put_title(out, "structure (in how many layers)", colour);
    for_each_trait(c, print_trait, &(struct terminal_traits){out, width, colour});
    if (any)
        buf_putc(out, '\n');
    put_devices(c, out);
    put_reasons(c, "", out);
}

/* --- Markdown ------------------------------------------------------------------------------------------------ */

static void put_markdown(struct buf *out, const char *s)
{
    for (; *s; s++) {
        if (strchr("|\\`*_<>[]", *s))
            buf_putc(out, '\\');
        buf_putc(out, *s == '\n' || *s == '\r' ? ' ' : *s);
    }
}

static void markdown_trait(void *ctx, const struct comparison *c, const struct trait *t, bool new_attribute)
{
    struct buf *out = ctx, owners = {0};
    put_owners(c, t, &owners);
    buf_printf(out, "| %s | ", new_attribute ? t->attribute : "");
    put_markdown(out, t->text);
    buf_puts(out, " | ");
    put_markdown(out, buf_text(&owners));
    buf_puts(out, " |\n");
    out->failed |= owners.failed;
    buf_release(&owners);
}

void table_markdown(const struct comparison *c, struct buf *out)
{
    const char *section = "";
    struct buf text = {0};
    buf_puts(out, "|  |");
    for (uint32_t i = 0; i < c->n_models; i++) {
        buf_putc(out, ' ');
        put_markdown(out, c->models[i].name);
        buf_puts(out, " |");
    }
    buf_puts(out, "\n|---|");
    for (uint32_t i = 0; i < c->n_models; i++)
        buf_puts(out, "---:|");
    buf_putc(out, '\n');
    for (size_t r = 0; r < c->n_rows; r++) {
        const uint32_t best = table_row_best(c, &c->rows[r]);
        if (strcmp(section, c->rows[r].section) != 0) {
            buf_printf(out, "| **%s** |", section = c->rows[r].section);
            for (uint32_t i = 0; i < c->n_models; i++)
                buf_puts(out, "  |");
            buf_putc(out, '\n');
        }
        buf_puts(out, "| ");
        put_markdown(out, c->rows[r].label);
        buf_puts(out, " |");
        for (uint32_t i = 0; i < c->n_models; i++) {
            buf_clear(&text);
            table_cell_text(&c->rows[r], i, &text);
            buf_puts(out, i == best ? " **" : " ");
            put_markdown(out, c->rows[r].cells[i].known ? buf_text(&text) : "–");
            buf_puts(out, i == best ? "** |" : " |");
        }
        buf_putc(out, '\n');
    }
    out->failed |= text.failed;
    buf_release(&text);
    if (c->n_models && c->models[0].structure.n)
        buf_puts(out, "\n| structure |  | in (layers) |\n|---|---|---|\n");
    for_each_trait(c, markdown_trait, out);
    struct buf device = {0}, reasons = {0};
    put_devices(c, &device);
    put_reasons(c, "- ", &reasons);
    buf_putc(out, '\n');
    put_markdown(out, buf_text(&device));
    if (device.size)
        buf_putc(out, '\n');
    if (reasons.size)
        buf_printf(out, "\n%s", buf_text(&reasons));
    out->failed |= device.failed || reasons.failed;
    buf_release(&device);
    buf_release(&reasons);
}

/* --- comma-separated values (RFC 4180) ----------------------------------------------------------------------- */

static void put_csv(struct buf *out, const char *s)
{
    if (!strpbrk(s, ",\"\r\n")) {
        buf_puts(out, s);
        return;
    }
    buf_putc(out, '"');
    for (; *s; s++) {
        if (*s == '"')
            buf_putc(out, '"');
        buf_putc(out, *s);
    }
    buf_putc(out, '"');
}

void table_csv(const struct comparison *c, struct buf *out)
{
    buf_puts(out, "section,key,unit");
    for (uint32_t i = 0; i < c->n_models; i++) {
        buf_putc(out, ',');
        put_csv(out, c->models[i].name);
    }
    buf_puts(out, "\r\n");
    for (size_t r = 0; r < c->n_rows; r++) {
        const struct row *row = &c->rows[r];
        buf_printf(out, "%s,%s,%s", row->section, row->key, unit_names[row->unit]);
        for (uint32_t i = 0; i < c->n_models; i++) {
            buf_putc(out, ',');
            if (row->cells[i].known && row->unit == UNIT_WORDS)
                put_csv(out, row->cells[i].words);
            else if (row->cells[i].known)
                buf_printf(out, "%.10g", row->cells[i].value);
        }
        buf_puts(out, "\r\n");
    }
}

/* --- JSON ---------------------------------------------------------------------------------------------------- */

static json_t *number(enum row_unit unit, double x)
{
    bool whole = (unit == UNIT_COUNT || unit == UNIT_BYTES) && x < 9e15;
    return whole ? json_integer((json_int_t)llround(x)) : json_real(x);
}

static json_t *model_json(const struct comparison *c, uint32_t i)
{
    const struct compared *m = &c->models[i];
    json_t *model = json_pack("{s:s, s:s, s:s?}", "model", m->given, "name", m->name, "device",
                              m->device ? m->device->name : NULL);
    json_t *why = json_object(), *spread = json_object();
    for (size_t r = 0; r < c->n_rows; r++) {
        const struct row *row = &c->rows[r];
        const struct cell *cell = &row->cells[i];
        json_object_set_new(model, row->key,
                            !cell->known              ? json_null()
                            : row->unit == UNIT_WORDS ? json_string(cell->words)
                                                      : number(row->unit, cell->value));
        if (cell->why)
            json_object_set_new(why, row->key, json_string(cell->why));
        if (cell->known && cell->high > cell->low)
            json_object_set_new(spread, row->key, json_pack("[f, f]", cell->low, cell->high));
    }
    json_t *structure = json_array();
    for (size_t t = 0; t < m->structure.n; t++)
        json_array_append_new(structure, json_pack("{s:s, s:s, s:i}", "attribute", m->structure.traits[t].attribute,
                                                   "text", m->structure.traits[t].text, "layers",
                                                   (int)m->structure.traits[t].n_layers));
    json_object_set_new(model, "structure", structure);
    json_object_set_new(model, "why", why);
    json_object_set_new(model, "spread", spread);
    return model;
}

json_t *table_json(const struct comparison *c)
{
    json_t *models = json_array(), *rows = json_array(), *devices = json_array();
    for (uint32_t i = 0; i < c->n_models; i++)
        json_array_append_new(models, model_json(c, i));
    for (size_t r = 0; r < c->n_rows; r++)
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s, s:s}", "section", c->rows[r].section, "key",
                                              c->rows[r].key, "label", c->rows[r].label, "unit",
                                              unit_names[c->rows[r].unit], "better",
                                              c->rows[r].better == BETTER_MORE   ? "more"
                                              : c->rows[r].better == BETTER_LESS ? "less"
                                                                                 : "neither"));
    for (uint32_t i = 0; i < c->n_devices; i++) {
        const struct limits *l = &c->devices[i].limits;
        json_array_append_new(devices, json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:I}", "name", c->devices[i].name,
                                                 "read", l->read, "f32", l->f32, "bf16", l->bf16, "f16", l->f16,
                                                 "int8", l->int8, "memory", (json_int_t)c->devices[i].memory));
    }
    return json_pack("{s:o, s:o, s:o}", "models", models, "rows", rows, "devices", devices);
}
