/* tools.h - the tools that a request offers: [{"type": "function", "function": {"name", "description",
 * "parameters": JSON Schema, "strict"}}, ...], as OpenAI's API and chat templates have them; or the functions
 * alone. */
#ifndef DIALECT_TOOLS_H
#define DIALECT_TOOLS_H

#include "base/error.h"
#include "base/json.h"
#include "base/strmap.h"

enum { MAX_TOOLS = 4096, MAX_TOOL_NAME = 128 };

struct tool {
    const char *name;
    json_t *parameters; /* an object, or NULL: the tool takes none */
    bool strict;
};
struct tools {
    json_t *list;   /* that all of it is borrowed from */
    struct tool *v; /* [n] */
    size_t n;
    struct strmap names;
};

/* `name`: what errors call the list. Errors name the tool. */
viv_status tools_read(const char *name, json_t *list, struct tools *out, struct error *err);
void tools_release(struct tools *t); /* accepts a zeroed struct */
/* NULL: there is none of this name. */
const struct tool *tools_find(const struct tools *t, const char *name, size_t n);

/* Letters, digits, and _ - . : / */
bool tool_name_valid(const char *name, size_t n);

#endif
