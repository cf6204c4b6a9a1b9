/* fuzz_transcript.c - any bytes as a transcript: an error or events, each an object of one line; as the spec of a
 * model that acts, as an action of a model, and as one in the words of others, whose actions are ours. */
#include "fuzz_host.h"
#include "lam/desktop/foreign.h"

#include <stdlib.h>
#include <string.h>

static viv_status tell(const viv_listener *listener, const char *json, uint64_t size)
{
    (void)listener;
    if (size < 2 || json[0] != '{' || json[size - 1] != '}' || memchr(json, '\n', size))
        abort();
    return VIV_OK;
}
static const viv_listener listener = {.struct_size = sizeof listener, .tell = tell};

static void as_spec(const char *text)
{
    struct settings s;
    struct scene nothing = {0};
    if (settings_read(&host, "fuzz", text, &s) != VIV_OK)
        return;
    json_decref(action_schema(&s, &nothing, NULL, NULL, NULL));
    settings_release(&s);
}

static void as_action(const char *text, size_t size)
{
    const struct tool *tool;
    char *words[MAX_ARGUMENTS];
    json_error_t e;
    json_t *action = json_loadb(text, size, JSON_REJECT_DUPLICATES, &e);
    if (action) {
        action_parse(&host, action, &tool, words);
        for (int i = 0; i < MAX_ARGUMENTS; i++)
            free(words[i]);
    }
    json_decref(action);
}

static void as_foreign(const struct foreign *f, const char *text, size_t size)
{
    const struct tool *tool;
    char *words[MAX_ARGUMENTS];
    const char *why = NULL;
    size_t i;
    json_t *list = f->read(text, size, &why), *action;
    if (!list && !why)
        abort();
    json_array_foreach(list, i, action)
    {
        if (action_parse(&host, action, &tool, words) != VIV_OK)
            abort();
        for (int k = 0; k < MAX_ARGUMENTS; k++)
            free(words[k]);
    }
    json_decref(list);
    lam_rewrite(&host, f->name, "fuzz", text, size, &listener);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    lam_replay(&host, "fuzz", text, size, &listener);
    as_spec(text);
    as_action(text, size);
    as_foreign(&foreign_computer_use, text, size);
    as_foreign(&foreign_ui_tars, text, size);
    free(text);
    return 0;
}
