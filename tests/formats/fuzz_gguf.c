/* Any bytes given as a GGUF file end in a checkpoint whose tensors and metadata can be read, or in an error. */
#include "formats/checkpoint.h"
#include "fuzz.h"
#include "tokenizer/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct checkpoint c;
    struct error err;
    struct tokenizer *t;
    volatile unsigned char sum = 0;
    if (checkpoint_open(&c, fuzz_file(data, size), &err) != VIV_OK)
        return 0;
    for (uint32_t i = 0; i < c.n_tensors; i++)
        if (c.tensors[i].dl.data && c.tensors[i].nbytes)
            sum = (unsigned char)(sum + ((const unsigned char *)c.tensors[i].dl.data)[c.tensors[i].nbytes - 1]);
    if (tokenizer_open(&c, &t, &err) == VIV_OK)
        tokenizer_destroy(t);
    checkpoint_close(&c);
    return 0;
}
