/* fuzz_answer.c - any bytes are an answer in any dialect: the events are the same whole and byte by byte, and
 * without a call, reasoning or markers of content all of it is text. The first byte chooses the dialect. */
#include "events.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct dialect_list all;
    static char folder[4096];
    const char *directories[] = {folder, NULL};
    struct heard whole = {.with_ids = true}, bytes = {.with_ids = true};
    struct error err;
    if (!all.n) {
        snprintf(folder, sizeof folder, "%s/specs", getenv("VIV_SOURCE") ? getenv("VIV_SOURCE") : ".");
        if (dialects_read(directories, &all, &err) != VIV_OK || !all.n)
            abort(); /* the fuzzer has nothing to try */
    }
    if (size < 1 || size > 1 << 14)
        return 0;
    const struct dialect *d = all.v[data[0] % all.n];
    const char *text = (const char *)data + 1;
    const size_t n = size - 1;
    if (parse_pieces(d, NULL, NULL, text, n, SIZE_MAX, n + 1, &whole, &err) != VIV_OK ||
        parse_pieces(d, NULL, NULL, text, n, SIZE_MAX, 1, &bytes, &err) != VIV_OK ||
        strcmp(buf_text(&whole.calls), buf_text(&bytes.calls)) != 0 || whole.text.size != bytes.text.size ||
        memcmp(buf_text(&whole.text), buf_text(&bytes.text), whole.text.size) != 0 ||
        whole.reasoning.size != bytes.reasoning.size ||
        memcmp(buf_text(&whole.reasoning), buf_text(&bytes.reasoning), whole.reasoning.size) != 0)
        abort();
    heard_release(&whole);
    heard_release(&bytes);
    return 0;
}
