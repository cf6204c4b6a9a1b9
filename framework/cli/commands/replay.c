/* replay.c - a run of a model that acts, again, from its transcript. */
#include "cli/acting.h"
#include "cli/input.h"
#include "cli/shared.h"

struct replay_options {
    struct common common;
    const char *architecture;
    bool json;
};

static const struct replay_options defaults = {.common = COMMON_DEFAULTS, .architecture = "lam"};

#define OPT(field) offsetof(struct replay_options, field)
static const struct option table[] = {
    ARCHITECTURE_OPTION(OPT(architecture)), JSON_OPTION(OPT(json), "one object for each event, one per line"), {0}};

static const uint64_t LARGEST_TRANSCRIPT = 256u << 20;

static int run(const struct arguments *arguments)
{
    const struct replay_options *options = arguments->options;
    const char *path = arguments->words[0];
    struct acting_show show = {.json = options->json};
    const struct acting_listener listener = {.ctx = &show, .tell = acting_show_event};
    struct opened o = {0};
    struct acting acting;
    struct buf text = {0};
    struct error err = {0};
    viv_status status = acting_open_world(&o, &options->common, options->architecture, &acting, &err);
    if (status == VIV_OK)
        status = cli_read_input(path, LARGEST_TRANSCRIPT, &text, &err);
    if (status == VIV_OK)
        status = acting_replay(&acting, file_input_name(path), buf_text(&text), text.size, &listener, &err);
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
                "viv act lam.yaml -p \"Sort\" -w ~/inbox --json | viv replay -",
    .group = GROUP_RUN,
    .main = run,
};
