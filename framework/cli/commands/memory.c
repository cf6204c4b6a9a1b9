/* memory.c - what models remember of a folder. */
#include "base/buf.h"
#include "cli/acting.h"
#include "cli/shared.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct memory_options {
    struct common common;
    const char *workspace, *architecture, *spec;
    bool json;
};

static const struct memory_options defaults = {.common = COMMON_DEFAULTS, .workspace = ".", .architecture = "lam"};

#define OPT(field) offsetof(struct memory_options, field)
static const struct option table[] = {WORKSPACE_OPTION(OPT(workspace), "default: this one"),
                                      {"spec", 0, OPTION_STRING, OPT(spec), "SPEC",
                                       .help = "the spec of a model that acts: with the encoder of its `memory`, "
                                               "search finds what is near in meaning, too"},
                                      ARCHITECTURE_OPTION(OPT(architecture)),
                                      JSON_OPTION(OPT(json), "one object for each text, one per line"),
                                      {0}};

static int ask(const struct arguments *a, const char *words, uint64_t forget)
{
    const struct memory_options *options = a->options;
    struct acting_show show = {.json = options->json};
    const struct acting_listener listener = {.ctx = &show, .tell = acting_show_event};
    const viv_memory what = {
        .struct_size = sizeof what, .workspace = options->workspace, .words = words, .forget = forget};
    struct opened o = {0};
    struct acting acting;
    struct error err = {0};
    viv_status status = acting_open_world(&o, &options->common, options->architecture, &acting, &err);
    const struct model_options models = cli_model_options(&o, &options->common);
    if (status == VIV_OK)
        status = acting_memory(&acting, options->spec, &models, &what, &listener, &err);
    return cli_close_opened(&o, status, &err);
}

static int search(const struct arguments *a)
{
    struct buf words = {0};
    struct error err;
    for (size_t i = 1; i < a->n_words; i++)
        buf_printf(&words, "%s ", a->words[i]);
    if (words.failed)
        error_nomem(&err);
    const int status = words.failed ? cli_fail(&err) : ask(a, buf_text(&words), 0);
    buf_release(&words);
    return status;
}

static int run(const struct arguments *a)
{
    const char *action = a->n_words ? a->words[0] : "";
    char *end;
    if (strcmp(action, "list") == 0 && a->n_words == 1)
        return ask(a, NULL, 0);
    if (strcmp(action, "search") == 0 && a->n_words > 1)
        return search(a);
    if (strcmp(action, "forget") == 0 && a->n_words == 2) {
        errno = 0;
        const long long id = strtoll(a->words[1], &end, 10);
        if (errno == 0 && !*end && id > 0)
            return ask(a, NULL, (uint64_t)id);
    }
    return cli_usage_error("memory", "expected list, search WORD... or forget ID");
}

const struct command command_memory = {
    .name = "memory",
    .summary = "what models remember of a folder",
    .words = "list|search|forget [WORD|ID]...",
    .text = "Lists the texts that models have been told to remember in a folder (the tool remember of viv act), "
            "finds those that have any of some words, or forgets one, by its number.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(struct memory_options),
    .examples = "viv memory list --workspace ~/inbox\n"
                "viv memory search invoices -w ~/inbox --json\n"
                "viv memory search bills -w ~/inbox --spec lam.yaml\n"
                "viv memory forget 3 -w ~/inbox",
    .group = GROUP_RUN,
    .main = run,
};
