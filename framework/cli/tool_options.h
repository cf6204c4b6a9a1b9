/* tool_options.h - --tools, --tool-choice and --one-call: the tools that a model may call. */
#ifndef CLI_TOOL_OPTIONS_H
#define CLI_TOOL_OPTIONS_H

#include "cli/options.h"
#include "engine/request.h"

#define TOOLS_OPTION(at)                                                                                           \
    {                                                                                                              \
        "tools", 0, OPTION_STRING, at, "FILE", .help = "a JSON list of the tools that the model may call"          \
    }

#define TOOL_CHOICE_OPTION(at)                                                                                     \
    {                                                                                                              \
        "tool-choice", 0, OPTION_STRING, at, "CHOICE",                                                             \
            .help = "of --tools: auto (default), none, required, or the name of the tool that is called"           \
    }
#define ONE_CALL_OPTION(at)                                                                                        \
    {                                                                                                              \
        "one-call", 0, OPTION_FLAG, at, .help = "of --tool-choice: not more than one call"                         \
    }

/* Reads and checks a list of tools. Errors have the file's name, and that of the tool. */
viv_status tool_file_read(const char *path, json_t **out, struct error *err);
/* The same as one line of JSON: malloc'ed. */
viv_status tool_file_text(const char *path, char **out, struct error *err);
/* Puts the tools of the file (NULL: none) and the choice (may be NULL) into a request. */
viv_status tool_file_apply(const char *path, const char *choice, bool one_call, struct request *r,
                           struct error *err);

#endif
