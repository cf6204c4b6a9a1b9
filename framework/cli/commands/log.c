/* log.c - what models have done in a folder. */
#include "cli/acting.h"
#include "cli/shared.h"

struct log_options {
    struct common common;
    const char *workspace, *architecture;
    uint64_t bytes;
    int64_t days;
    bool json;
};

static const struct log_options defaults = {
    .common = COMMON_DEFAULTS, .workspace = ".", .architecture = "lam", .bytes = UINT64_MAX, .days = -1};

#define OPT(field) offsetof(struct log_options, field)
static const struct option table[] = {
    WORKSPACE_OPTION(OPT(workspace), "default: this one"),
    {"prune-to", 0, OPTION_SIZE, OPT(bytes), "SIZE",
     .help = "forget the oldest actions, until what is kept to undo the rest "
             "takes at most SIZE, such as 1GiB; what is forgotten cannot be undone"},
    {"prune-older", 0, OPTION_INT, OPT(days), "DAYS",
     .help = "forget actions that are as old; they cannot be undone then", .min = 0, .max = 36500},
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
    const bool prunes = options->bytes != UINT64_MAX || options->days >= 0;
    const viv_prune what = {.struct_size = sizeof what,
                            .workspace = options->workspace,
                            .bytes = options->bytes > INT64_MAX ? -1 : (int64_t)options->bytes,
                            .seconds = options->days < 0 ? -1 : options->days * 86400};
    viv_status status = acting_open_world(&o, &options->common, options->architecture, &acting, &err);
    if (status == VIV_OK && prunes)
        status = acting_prune(&acting, &what, &listener, &err);
    else if (status == VIV_OK)
        status = acting_log(&acting, options->workspace, &listener, &err);
    return cli_close_opened(&o, status, &err);
}

const struct command command_log = {
    .name = "log",
    .summary = "what models have done in a folder",
    .words = "",
    .text =
        "Lists the runs of viv act in a folder, and the actions of each, with the numbers that viv undo takes.\n"
        "What viv undo needs takes room under .viv/kept for as long as it is wanted: with --prune-to or "
        "--prune-older, the oldest of it goes, and what has gone is listed instead.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(struct log_options),
    .examples = "viv log --workspace ~/inbox\n"
                "viv log -w ~/inbox --json\n"
                "viv log -w ~/inbox --prune-to 1GiB     # forget the oldest, for room\n"
                "viv log -w ~/inbox --prune-older 90",
    .group = GROUP_RUN,
    .main = run,
};
