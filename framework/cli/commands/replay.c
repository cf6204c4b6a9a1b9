/* replay.c - a run of a model that acts, again, from its transcript. */
#include "cli/acting.h"
#include "cli/acting_page.h"
#include "cli/input.h"
#include "cli/shared.h"

struct replay_options {
    struct common common;
    const char *architecture, *html, *as;
    bool json;
};

static const struct replay_options defaults = {.common = COMMON_DEFAULTS, .architecture = "lam"};

#define OPT(field) offsetof(struct replay_options, field)
static const struct option table[] = {
    ARCHITECTURE_OPTION(OPT(architecture)),
    JSON_OPTION(OPT(json), "one object for each event, one per line"),
    {"html", 0, OPTION_STRING, OPT(html), "FILE", .help = "write a page as well: one file that needs no other",
     .here = "steps, and pictures with what was acted on"},
    {"as", 0, OPTION_STRING, OPT(as), "FORMAT", .help = "write only what was done on a desktop, in other words",
     .here = "computer-use, or ui-tars"},
    {0}};

static const uint64_t LARGEST_TRANSCRIPT = 256u << 20;

struct shown {
    struct acting_show show;
    struct acting_page page;
    bool makes_page;
};

static viv_status tell(void *ctx, const json_t *event, struct error *err)
{
    struct shown *s = ctx;
    if (s->makes_page)
        acting_page_add(&s->page, event);
    return acting_show_event(&s->show, event, err);
}

static int run(const struct arguments *arguments)
{
    const struct replay_options *options = arguments->options;
    const char *path = arguments->words[0];
    struct shown s = {.show = {.json = options->json}, .makes_page = options->html != NULL};
    const struct acting_listener listener = {.ctx = &s, .tell = tell};
    struct opened o = {0};
    struct acting acting;
    struct buf text = {0};
    struct error err = {0};
    acting_page_begin(&s.page);
    viv_status status = acting_open_world(&o, &options->common, options->architecture, &acting, &err);
    if (status == VIV_OK)
        status = cli_read_input(path, LARGEST_TRANSCRIPT, &text, &err);
    if (status == VIV_OK && options->as)
        status = acting_rewrite(&acting, options->as, file_input_name(path), buf_text(&text), text.size, &listener,
                                &err);
    else if (status == VIV_OK)
        status = acting_replay(&acting, file_input_name(path), buf_text(&text), text.size, &listener, &err);
    if (status == VIV_OK && options->html)
        status = acting_page_end(&s.page, &err);
    if (status == VIV_OK && options->html)
        status = cli_write_output(options->html, buf_text(&s.page.html), s.page.html.size, &err);
    acting_page_release(&s.page);
    buf_release(&text);
    return cli_close_opened(&o, status, &err);
}

const struct command command_replay = {
    .name = "replay",
    .summary = "show a run of viv act again, from its transcript",
    .words = "FILE",
    .text = "Shows what a run of viv act did, step by step, without a model and without touching anything. "
            "Transcripts lie in the "
            "folder .viv/runs of the workspace; a dry run has none.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(struct replay_options),
    .examples = "viv replay ~/inbox/.viv/runs/1.jsonl\n"
                "viv replay ~/inbox/.viv/runs/1.jsonl --html run.html\n"
                "viv replay ~/inbox/.viv/runs/1.jsonl --as computer-use\n"
                "viv act lam.yaml -p \"Sort\" -w ~/inbox --json | viv replay -",
    .group = GROUP_RUN,
    .main = run,
};
