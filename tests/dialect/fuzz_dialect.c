/* fuzz_dialect.c - any bytes given as a description of a dialect end in an error, or in one that reads any answer
 * and whose grammar can be written. The answer is behind the first NUL byte. */
#include "events.h"
#include "fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
    const size_t n = nul ? (size_t)(nul - data) : size;
    struct dialect *d = NULL;
    struct tools tools = {0};
    struct heard h = {0};
    struct buf lark = {0};
    struct error err;
    if (size > 1 << 14 || dialect_parse("fuzz.yaml", (const char *)data, n, &d, &err) != VIV_OK)
        return 0;
    json_t *list = json_loads(
        "[{\"name\": \"f\", \"parameters\": {\"properties\": {\"a\": {\"type\": \"string\"}}}}]", 0, NULL);
    if (list && tools_read("tools", list, &tools, &err) == VIV_OK) {
        const struct dialect_asked asked = {.tools = &tools, .choice = TOOLS_REQUIRED};
        if (n < size)
            parse_pieces(d, &tools, NULL, (const char *)nul + 1, size - n - 1, SIZE_MAX, 3, &h, &err);
        dialect_grammar(d, &asked, &lark, &err);
    }
    json_decref(list);
    heard_release(&h);
    buf_release(&lark);
    tools_release(&tools);
    dialect_destroy(d);
    return 0;
}
