/* tool_options.c - see tool_options.h. */
#include "cli/tool_options.h"

#include "base/file.h"
#include "cli/input.h"
#include "dialect/tools.h"

#include <stdlib.h>

viv_status tool_file_read(const char *path, json_t **out, struct error *err)
{
    struct tools tools = {0};
    viv_status status = cli_read_json(path, out, err);
    if (status != VIV_OK)
        return status;
    status = tools_read(file_input_name(path), *out, &tools, err);
    tools_release(&tools);
    if (status != VIV_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return status;
}

viv_status tool_file_text(const char *path, char **out, struct error *err)
{
    json_t *list = NULL;
    viv_status status = tool_file_read(path, &list, err);
    *out = list ? json_dumps(list, JSON_COMPACT) : NULL;
    json_decref(list);
    return status == VIV_OK && !*out ? error_nomem(err) : status;
}

viv_status tool_file_apply(const char *path, const char *choice, bool one_call, struct request *r,
                           struct error *err)
{
    char *text = NULL;
    viv_status status = path ? tool_file_text(path, &text, err) : VIV_OK;
    if (status == VIV_OK && text)
        status = request_keep(r, text, &r->viv.tools, err);
    free(text);
    if (choice)
        r->viv.tool_choice = choice;
    if (one_call)
        r->viv.flags |= VIV_REQUEST_ONE_CALL;
    return status;
}
