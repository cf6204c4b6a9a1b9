/* Any bytes given as tokenizer.json end in a tokenizer that can encode and decode, or in an error. */
#include "fuzz.h"
#include "tokenizer/pipeline.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char text[] = "Hello, w\xC3\xB6rld! <s> 12345 \xE4\xBD\xA0\xE5\xA5\xBD \xFF";
    struct error err;
    struct token_ids ids = {0};
    struct buf out = {0};
    struct tokenizer *t = tokenizer_new();
    if (t && tokenizer_read_json(t, fuzz_file(data, size), &err) == VIV_OK &&
        tokenizer_finish(t, "fuzz", &err) == VIV_OK &&
        tokenizer_encode(t, text, sizeof text - 1, TOKENIZER_ADD_SPECIAL | TOKENIZER_PARSE_SPECIAL, &ids, &err) ==
            VIV_OK)
        tokenizer_decode(t, ids.ids, ids.n, 0, &out, &err);
    token_ids_release(&ids);
    buf_release(&out);
    tokenizer_destroy(t);
    return 0;
}
