/* Any bytes given as a template end in a text, or in an error, within its bounds. */
#include "fuzz.h"
#include "jinja/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct tm now = {.tm_mday = 10, .tm_mon = 6, .tm_year = 125};
    const struct template_options options = {.name = "template", .now = &now};
    struct buf out = {0};
    struct error err;
    json_t *variables = json_pack("{s:[{s:s, s:s}, {s:s, s:n, s:[{s:s, s:{s:f}}]}], s:s, s:b, s:i}", "messages",
                                  "role", "user", "content",
                                  "Gr\xC3\xB6\xC3\x9F"
                                  "e",
                                  "role", "assistant", "content", "tool_calls", "name", "f", "arguments", "x", 1.5,
                                  "bos_token", "<s>", "add_generation_prompt", 1, "n", 3);
    jinja_render(&options, (const char *)data, size, variables, &out, &err);
    json_decref(variables);
    buf_release(&out);
    return 0;
}
