/* viv draw - the architecture as a picture, from the spec alone. */
#include "base/size.h"
#include "cli/compare/drawing.h"
#include "cli/open.h"
#include "cli/shared.h"

#include <inttypes.h>
#include <string.h>

struct draw_options {
    struct common common;
    const char *scale, *output;
    int64_t seen;
};
static const struct draw_options defaults = {.scale = "params", .seen = 4096};

#define OPT(field) offsetof(struct draw_options, field)
static const struct option table[] = {
    {"scale", 0, OPTION_CHOICE, OPT(scale), "WHAT",
     .help = "params or flops: what makes a block high, its parameters or the operations that a token costs",
     .choices = "params|flops"},
    {"seen", 0, OPTION_INT, OPT(seen), "N", .help = "with --scale flops: tokens that the token sees", .min = 1,
     .max = 1 << 30},
    OUTPUT_OPTION(OPT(output), "an SVG"),
    {0}};

static void put_about(const struct spec *s, const struct blocks *b, bool flops, uint64_t seen, struct buf *out)
{
    if (flops)
        buf_printf(out, "%s operations a token at %" PRIu64, human_count((uint64_t)b->total).text, seen);
    else if (b->total_at_work < b->total)
        buf_printf(out, "%s parameters, %s active", human_count((uint64_t)b->total).text,
                   human_count((uint64_t)b->total_at_work).text);
    else
        buf_printf(out, "%s parameters", human_count((uint64_t)b->total).text);
    buf_printf(out, " \xC2\xB7 %s", spec_family(s));
}

static int draw(const struct arguments *a)
{
    const struct draw_options *options = a->options;
    const bool flops = strcmp(options->scale, "flops") == 0;
    struct opened o = {0};
    struct error err = {0};
    struct blocks blocks = {0};
    struct buf svg = {0}, about = {0};
    struct facts facts;
    struct looked looked;
    viv_status status = cli_look_at_model(&o, &options->common, a->words[0], &looked, &err);
    if (status == VIV_OK)
        status = facts_of(o.model, &facts, &err);
    if (status == VIV_OK) {
        const uint64_t seen = size_min((uint64_t)options->seen, model_context(o.model));
        status = blocks_make(&facts, flops ? MEASURE_FLOPS : MEASURE_PARAMS, seen, DRAWN_KINDS, &blocks, &err);
        put_about(model_spec(o.model), &blocks, flops, seen, &about);
    }
    if (status == VIV_OK) {
        const struct drawing_look look = {.name = looked.name,
                                          .about = buf_text(&about),
                                          .measured = flops ? "operations" : "parameters",
                                          .alone = true};
        status = about.failed ? error_nomem(&err) : drawing_write(&blocks, &look, &svg, &err);
    }
    if (status == VIV_OK)
        status = cli_write_output(options->output, buf_text(&svg), svg.size, &err);
    blocks_release(&blocks);
    buf_release(&about);
    buf_release(&svg);
    return cli_close_opened(&o, status, &err);
}

const struct command command_draw = {
    .name = "draw",
    .summary = "the architecture as a picture; weights not needed",
    .words = "MODEL",
    .text = "Writes the graph as SVG: layers as blocks, branches and repeats as boxes around them, rounds of a "
            "repeat that are equal once. Each colour is as high as its share of the model's parameters, or of the "
            "operations that a token costs; of experts, the solid part works on one token. The picture is light or "
            "dark as whoever looks at it has it.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(struct draw_options),
    .examples = "viv draw mixtral-8x7b -o mixtral.svg\n"
                "viv draw gemma-3-1b --scale flops --seen 32768 -o gemma.svg\n"
                "viv draw ./my-checkpoint >mine.svg",
    .group = GROUP_LOOK,
    .models = true,
    .main = draw,
};
