/* drawing.c - see drawing.h. */
#include "cli/compare/drawing.h"

#include "base/figure.h"
#include "cli/compare/svg.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <vivarium/description.h>
#include <vivarium/routes.h>

enum {
    COLUMN = 344, /* a stack, with its frames */
    BETWEEN = 40, /* stacks */
    MARGIN = 12,
    GAP = 8,   /* between blocks */
    LINE = 15, /* of text */
    MOST_READERS = 64
};

/* Where things are drawn; without `out` they are only measured. */
struct pen {
    struct buf *out;
    const struct blocks *blocks;
    const struct drawing_look *look;
    double unit;
    double x, width;                 /* of every block of the stack */
    double y;                        /* how far down it is */
    double anchors[DRAWING_ANCHORS]; /* where landmarks came to be; 0: not met */
    uint32_t next;                   /* the first landmark that may still come */
    uint32_t repeats;                /* that it is in */
    bool marks;                      /* this stack has landmarks */
    double readers[MOST_READERS];    /* heights of layers that read the encoder's rows */
    uint32_t n_readers;
};

/* --- landmarks ----------------------------------------------------------------------------------------------- */

enum landmark { FIRST_LAYER, FIRST_REPEAT, MIXING, MIXING_LAYER, FEEDING, FEEDING_LAYER };
_Static_assert(FEEDING_LAYER + 1 == DRAWING_ANCHORS, "");

static bool has_part(const struct block *b, uint32_t a, uint32_t or_b)
{
    for (const struct block *i = b->inner; i; i = i->next)
        if (has_part(i, a, or_b))
            return true;
    return b->kind == BLOCK_LAYER && (b->part == a || b->part == or_b);
}

static void pass(struct pen *p, enum landmark l)
{
    if (!p->marks || (uint32_t)l < p->next)
        return;
    p->next = (uint32_t)l + 1;
    p->y = fmax(p->y, p->look->anchors[l]);
    p->anchors[l] = p->y;
}

/* Which landmarks a block is, before it is drawn. */
static void pass_block(struct pen *p, const struct block *b)
{
    const bool layer = b->kind == BLOCK_LAYER;
    pass(p, FIRST_LAYER);
    if (b->kind == BLOCK_REPEAT)
        pass(p, FIRST_REPEAT);
    const bool mixes = has_part(b, VIV_MODEL_PART_ATTENTION, VIV_MODEL_PART_ATTENTION);
    if (p->repeats > 0 && mixes)
        pass(p, layer ? MIXING_LAYER : MIXING);
    if (p->repeats > 0 && !mixes && p->next > MIXING &&
        has_part(b, VIV_MODEL_PART_FEED_FORWARD, VIV_MODEL_PART_EXPERTS))
        pass(p, layer ? FEEDING_LAYER : FEEDING);
}

/* --- words --------------------------------------------------------------------------------------------------- */

static void put_range(struct buf *out, const struct range *r)
{
    if (r->least == 0)
        buf_puts(out, "tokens");
    else if (r->least == r->most)
        buf_printf(out, "%" PRIu64, r->least);
    else
        buf_printf(out, "%" PRIu64 "\xE2\x80\x93%" PRIu64, r->least, r->most);
}

/* Not of routes: how those are written down says nothing. */
static void put_dims(const struct block *b, struct buf *out)
{
    if (graph_routes(b->node))
        return;
    if (b->in.least != b->out.least || b->in.most != b->out.most) {
        put_range(out, &b->in);
        buf_puts(out, " \xE2\x86\x92 ");
    }
    put_range(out, &b->out);
}

static struct figure human_amount(double amount)
{
    return human_count((uint64_t)amount);
}

static double share(const struct pen *p, double amount)
{
    return p->blocks->total > 0 ? amount / p->blocks->total : 0;
}

/* The i-th thing that a layer says of itself; false: there is no such. */
static bool say(const struct block *b, uint32_t i, char out[VIV_DESCRIPTION_TEXT])
{
    char attribute[VIV_DESCRIPTION_ATTRIBUTE];
    return b->part != VIV_MODEL_PART_OTHER && graph_describe(b->node, i, attribute, out);
}

/* "layers.0.attention: 10.5 M parameters, 16 times, 168 M together, 13.6 % {n_heads: 32}" */
static void put_tip(const struct pen *p, const struct block *b, struct buf *out)
{
    const double each = b->amount / (double)b->times;
    buf_puts(out, b->node->spec->path);
    if (b->amount > 0) {
        buf_printf(out, ": %s %s", human_amount(each).text, p->look->measured);
        if (b->times > 1)
            buf_printf(out, " each, %" PRIu64 " times, %s together", b->times, human_amount(b->amount).text);
        buf_printf(out, ", %s", human_share(share(p, b->amount)).text);
    }
    if (b->lender)
        buf_printf(out, ": its weights are those of %s", b->lender->spec->path);
    struct buf attrs = {0};
    blocks_node_attrs(b->node->spec, &attrs);
    if (attrs.size)
        buf_printf(out, " {%s}", buf_text(&attrs));
    out->failed |= attrs.failed;
    buf_release(&attrs);
}

/* --- blocks -------------------------------------------------------------------------------------------------- */

static void wire(struct pen *p, double x, double from, double to)
{
    if (p->out && to > from)
        svg_path(p->out, "wire", "M%.6g %.6gV%.6g", x, from, to);
}

static void write_layer(struct pen *p, const struct block *b, double height, double filled)
{
    struct buf text = {0}, *out = p->out;
    char class[16], edge[16], line[VIV_DESCRIPTION_TEXT], fitted[VIV_DESCRIPTION_TEXT + 8];
    const double part = b->amount > 0 ? fmin(1, b->at_work / b->amount) : 1;
    snprintf(class, sizeof class, "p%" PRIu32, b->part);
    snprintf(edge, sizeof edge, "e%" PRIu32, b->part);
    put_tip(p, b, &text);
    buf_puts(out, "<g><title>");
    svg_escape(out, buf_text(&text));
    buf_puts(out, "</title>\n");
    svg_frame(out, p->x, p->y, p->width, height, 3, "box");
    if (filled >= 0.05) {
        char idle[32];
        snprintf(idle, sizeof idle, "%s idle", class);
        if (part < 0.999)
            svg_rect(out, p->x, p->y, p->width, filled, idle, 1, NULL);
        svg_rect(out, p->x, p->y, part < 0.999 ? p->width * part : p->width, filled, class, 1, NULL);
    }
    svg_rect(out, p->x, p->y, 4, height, edge, 1, NULL);

    buf_clear(&text);
    if (b->lender)
        buf_printf(&text, "weights of %s", b->lender->class->name);
    else if (b->amount > 0)
        buf_printf(&text, "%s \xC2\xB7 %s", human_amount(b->amount).text, human_share(share(p, b->amount)).text);
    const double taken = 6.3 * (double)text.size + 22;
    svg_text(out, p->x + p->width - 8, p->y + LINE, "end", "", buf_text(&text));
    buf_printf(out, "<text class=\"strong\" x=\"%.6g\" y=\"%.6g\">", p->x + 11, p->y + LINE);
    svg_escape(out, svg_fit(b->node->class->name, p->width - taken, 12.5, fitted, sizeof fitted));
    buf_clear(&text);
    put_dims(b, &text);
    if (7.4 * (double)strlen(b->node->class->name) + 6.2 * (double)text.size + taken < p->width) {
        buf_puts(out, "<tspan class=\"quiet\" font-weight=\"400\" dx=\"8\">");
        svg_escape(out, buf_text(&text));
        buf_puts(out, "</tspan>");
    }
    buf_puts(out, "</text>\n");
    for (uint32_t i = 0; p->y + LINE * (i + 2) <= p->y + height && say(b, i, line); i++)
        svg_text(out, p->x + 11, p->y + LINE * (i + 2), "start", "small quiet",
                 svg_fit(line, p->width - 16, 11, fitted, sizeof fitted));
    buf_puts(out, "</g>\n");
    out->failed |= text.failed;
    buf_release(&text);
}

static void draw_layer(struct pen *p, const struct block *b)
{
    enum { MOST_LINES = 3 };
    char line[VIV_DESCRIPTION_TEXT];
    uint32_t lines = 1;
    while (lines < 1 + MOST_LINES && say(b, lines - 1, line))
        lines++;
    const double filled = b->amount * p->unit, height = fmax(filled, LINE * lines + 7);
    if (b->reads_encoder && p->n_readers < MOST_READERS)
        p->readers[p->n_readers++] = p->y + height / 2;
    if (p->out)
        write_layer(p, b, height, filled);
    p->y += height;
}

static double inset(const struct block *b, bool right)
{
    if (b->kind == BLOCK_LAYER || b->kind == BLOCK_BRANCH)
        return 0;
    return b->kind == BLOCK_JOIN && b->passes_by && !right ? 18 : 8;
}

static double insets(const struct block *b, bool right)
{
    double most = 0;
    for (; b; b = b->next)
        most = fmax(most, inset(b, right) + insets(b->inner, right));
    return most;
}

static void draw_list(struct pen *p, const struct block *list, double left, double right);

/* What came in goes around the blocks inside, and is joined with what they made of it below. */
static void draw_join(struct pen *p, const struct block *b, double left, double right)
{
    const double top = p->y, middle = p->x + p->width / 2, rail = left + 9;
    p->y += 12;
    const double begin = p->y;
    if (b->inner->kind != BLOCK_BRANCH)
        wire(p, middle, top, begin);
    draw_list(p, b->inner, left + inset(b, false), right - inset(b, true));
    const double end = p->y, at = end + 15, bottom = at + 10;
    p->y = bottom;
    if (!p->out)
        return;
    svg_frame(p->out, left, top, right - left, bottom - top, 6, "frame");
    if (b->passes_by)
        svg_path(p->out, "wire", "M%.6g %.6gH%.6gQ%.6g %.6g %.6g %.6gV%.6gQ%.6g %.6g %.6g %.6gH%.6g", middle,
                 top + 5, rail + 6, rail, top + 5, rail, top + 11, at - 6, rail, at, rail + 6, at, middle - 7);
    wire(p, middle, end, at - 7);
    wire(p, middle, at + 7, bottom);
    svg_circle(p->out, middle, at, 7, "ring", NULL);
    svg_path(p->out, "wire", "M%.6g %.6gh7M%.6g %.6gv7", middle - 3.5, at, middle, at - 3.5);
    svg_text(p->out, middle + 13, at + 4, "start", "small quiet", b->node->class->name);
}

static void draw_repeat(struct pen *p, const struct block *b, double left, double right)
{
    const double top = p->y, middle = p->x + p->width / 2;
    p->y += 30;
    p->repeats++;
    draw_list(p, b->inner, left + inset(b, false), right - inset(b, true));
    p->repeats--;
    const double end = p->y;
    p->y += 10;
    if (!p->out)
        return;
    char text[64];
    svg_frame(p->out, left, top, right - left, p->y - top, 8, "repeat");
    snprintf(text, sizeof text, "%" PRIu64 " \xC3\x97", b->rounds);
    svg_text(p->out, left + 11, top + 19, "start", "strong", text);
    if (b->amount > 0) {
        snprintf(text, sizeof text, "%s \xC2\xB7 %s", human_amount(b->amount).text,
                 human_share(share(p, b->amount)).text);
        svg_text(p->out, right - 10, top + 19, "end", "", text);
    }
    wire(p, middle, top, top + 30);
    wire(p, middle, end, p->y);
}

static void draw_branch(struct pen *p, const struct block *b, double left, double right, bool first)
{
    if (!first) {
        p->y += 18;
        if (p->out) {
            svg_path(p->out, "wire dash", "M%.6g %.6gH%.6g", left + 6, p->y - 9, p->x + p->width / 2 - 40);
            svg_path(p->out, "wire dash", "M%.6g %.6gH%.6g", p->x + p->width / 2 + 40, p->y - 9, right - 6);
            svg_text(p->out, p->x + p->width / 2, p->y - 5, "middle", "small quiet", "and beside it");
        }
    }
    draw_list(p, b->inner, left, right);
}

static void draw_list(struct pen *p, const struct block *list, double left, double right)
{
    for (const struct block *b = list; b; b = b->next) {
        const double end = p->y;
        const bool first = b == list, follows = !first && b->kind != BLOCK_BRANCH;
        p->y += follows ? GAP : 0;
        pass_block(p, b);
        if (follows)
            wire(p, p->x + p->width / 2, end, p->y);
        switch (b->kind) {
        case BLOCK_LAYER:
            draw_layer(p, b);
            break;
        case BLOCK_JOIN:
            draw_join(p, b, left, right);
            break;
        case BLOCK_REPEAT:
            draw_repeat(p, b, left, right);
            break;
        case BLOCK_BRANCH:
            draw_branch(p, b, left, right, first);
            break;
        }
    }
}

/* --- stacks, title, legend ----------------------------------------------------------------------------------- */

static uint32_t count_stacks(const struct blocks *b)
{
    uint32_t n = 0;
    for (int id = 0; id < N_STACKS; id++)
        n += b->stacks[id] != NULL;
    return n;
}

static double width_of(const struct blocks *b)
{
    const double n = count_stacks(b);
    return 2 * MARGIN + n * COLUMN + (n - 1) * BETWEEN;
}

/* What the encoder made goes to all layers that read it. */
static void draw_memory(const struct pen *p, double from_x, double from_y, double rail)
{
    if (!p->out)
        return;
    svg_path(p->out, "wire dash", "M%.6g %.6gv8H%.6g", from_x, from_y, rail);
    for (uint32_t i = 0; i < p->n_readers; i++)
        svg_path(p->out, "wire dash", "M%.6g %.6gV%.6gH%.6gm-5 -4l5 4l-5 4", rail, from_y + 8, p->readers[i],
                 p->x - 1);
}

static void draw_stacks(struct pen *p, double top)
{
    const bool several = count_stacks(p->blocks) > 1;
    double left = MARGIN, bottom = top, memory_x = 0, memory_y = 0;
    for (int id = 0; id < N_STACKS; id++) {
        const struct block *list = p->blocks->stacks[id];
        if (!list)
            continue;
        const double l = insets(list, false);
        p->x = left + l;
        p->width = COLUMN - l - insets(list, true);
        p->y = top;
        p->marks = id == STACK_GRAPH;
        if (several && p->out)
            svg_text(p->out, left, top + 12, "start", "strong", p->blocks->names[id]);
        p->y += several ? 22 : 0;
        draw_list(p, list, left, left + COLUMN);
        wire(p, p->x + p->width / 2, p->y, p->y + 8);
        if (id == STACK_ENCODER) {
            memory_x = p->x + p->width / 2;
            memory_y = p->y;
        } else if (several && p->n_readers) {
            draw_memory(p, memory_x, memory_y, left - BETWEEN / 2.0);
        }
        bottom = fmax(bottom, p->y + 10);
        left += COLUMN + BETWEEN;
    }
    p->y = bottom;
}

static void draw_legend(struct pen *p)
{
    const double width = width_of(p->blocks);
    double x = MARGIN, y = p->y + 12;
    for (uint32_t part = 1; part <= N_MODEL_PARTS; part++) {
        const uint32_t i = part % N_MODEL_PARTS; /* what is in no part comes last */
        const double amount = p->blocks->parts[i];
        if (amount <= 0)
            continue;
        char text[64], class[8];
        snprintf(text, sizeof text, "%s %s", facts_part_names[i], human_share(share(p, amount)).text);
        const double needed = 36 + 6.9 * (double)strlen(text);
        if (x + needed > width - MARGIN + 8 && x > MARGIN) {
            x = MARGIN;
            y += 20;
        }
        if (p->out) {
            snprintf(class, sizeof class, "p%" PRIu32, i);
            svg_rect(p->out, x, y, 14, 12, class, 1, NULL);
            snprintf(class, sizeof class, "e%" PRIu32, i);
            svg_rect(p->out, x, y, 4, 12, class, 1, NULL);
            svg_text(p->out, x + 19, y + 10.5, "start", "", text);
        }
        x += needed;
    }
    p->y = y + 22;
}

static void draw(struct pen *p)
{
    const struct drawing_look *look = p->look;
    double top = 8;
    char text[256];
    p->unit = look->unit > 0 ? look->unit : p->blocks->total > 0 ? FULL_HEIGHT / p->blocks->total : 0;
    if (look->name) {
        if (p->out)
            svg_text(p->out, MARGIN, 26, "start", "title",
                     svg_fit(look->name, width_of(p->blocks) - 2 * MARGIN, 16.5, text, sizeof text));
        top = 40;
    }
    if (look->about) {
        if (p->out)
            svg_text(p->out, MARGIN, top + 5, "start", "quiet",
                     svg_fit(look->about, width_of(p->blocks) - 2 * MARGIN, 12, text, sizeof text));
        top += 18;
    }
    draw_stacks(p, top);
    if (look->alone) {
        if (p->out) {
            snprintf(text, sizeof text, "Colours are as high as their share of the %s.", look->measured);
            svg_text(p->out, MARGIN, p->y + 14, "start", "small quiet", text);
        }
        p->y += 18;
        draw_legend(p);
    }
}

/* --- in words ------------------------------------------------------------------------------------------------ */

static void describe(const struct block *b, struct buf *out)
{
    for (const struct block *first = b; b; b = b->next) {
        if (b != first)
            buf_puts(out, b->kind == BLOCK_BRANCH ? " and " : ", ");
        if (b->kind == BLOCK_REPEAT)
            buf_printf(out, "%" PRIu64 " times ", b->rounds);
        else if (b->node)
            buf_printf(out, "%s%s", b->node->class->name, b->inner ? " of " : "");
        if (!b->inner)
            continue;
        buf_puts(out, "(");
        describe(b->inner, out);
        buf_puts(out, ")");
    }
}

void drawing_describe(const struct blocks *b, struct buf *out)
{
    for (int id = 0; id < N_STACKS; id++) {
        if (!b->stacks[id])
            continue;
        if (count_stacks(b) > 1)
            buf_printf(out, "%s%s: ", id == STACK_GRAPH ? "; " : "", b->names[id]);
        describe(b->stacks[id], out);
    }
}

/* --- the whole ----------------------------------------------------------------------------------------------- */

viv_status drawing_write(const struct blocks *b, const struct drawing_look *look, struct buf *out,
                         struct error *err)
{
    struct buf body = {0}, title = {0}, words = {0};
    struct pen p = {.out = &body, .blocks = b, .look = look};
    draw(&p);
    buf_printf(&title, "%s, drawn to scale by %s", look->name ? look->name : look->called, look->measured);
    drawing_describe(b, &words);
    svg_begin(out, width_of(b), ceil(p.y), buf_text(&title), buf_text(&words), look->alone);
    buf_append(out, buf_text(&body), body.size);
    svg_end(out);
    const bool failed = body.failed || title.failed || words.failed || out->failed;
    buf_release(&body);
    buf_release(&title);
    buf_release(&words);
    return failed ? error_nomem(err) : VIV_OK;
}

void drawing_align(const struct blocks *const *b, struct drawing_look *looks, size_t n)
{
    for (int at = 0; at < DRAWING_ANCHORS; at++) {
        double most = 0;
        for (int pass = 0; pass < 2; pass++)
            for (size_t i = 0; i < n; i++) {
                struct pen p = {.blocks = b[i], .look = &looks[i]};
                if (pass == 0) {
                    draw(&p);
                    most = fmax(most, p.anchors[at]);
                } else {
                    looks[i].anchors[at] = most;
                }
            }
    }
}
