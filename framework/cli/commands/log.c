/* log.c - what models have done in a folder. */
#include "cli/acting.h"
#include "cli/shared.h"

struct log_options {
    struct common common;
    const char *workspace, *architecture;
    bool json;
};

static const struct log_options defaults = {.common = COMMON_DEFAULTS, .workspace = ".", .architecture = "lam"};

#define OPT(field) offsetof(struct log_options, field)
static const struct option table[] = {WORKSPACE_OPTION(OPT(workspace), "default: this one"),
                                      ARCHITECTURE_OPTION(OPT(architecture)),
                                      JSON_OPTION(OPT(json), "one object for each run and action, one per line"),
                                      {0}};

static int run(const struct arguments *arguments)
{
    const struct log_options *options = arguments->options;
    struct acting_show show = {.json = options->json};
    const struct acting_listener listener = {.ctx = &show, .tell = acting_show_event};
    struct opened o = {0};
    struct acting acting;
    struct error err = {0};
    viv_status status = acting_open_world(&o, &options->common, options->architecture, &acting, &err);
    if (status == VIV_OK)
        status = acting_log(&acting, options->workspace, &listener, &err);
    return cli_close_opened(&o, status, &err);
}

const struct command command_log = {
    .name = "log",
    .summary = "what models have done in a folder",
    .words = "",
    .text = "Lists the runs of viv act in a folder, and the actions of each, with the numbers that viv undo takes.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(struct log_options),
    .examples = "viv log --workspace ~/inbox\n"
                "viv log -w ~/inbox --json",
    .group = GROUP_RUN,
    .main = run,
};
