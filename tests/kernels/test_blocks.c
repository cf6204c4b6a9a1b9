/* Block-quantized weights are decoded to the floats of llama.cpp's own package, bit for bit, and those of our own
 * types to what golden/make/blocks.py says. */
#include "testing.h"

#include "base/buf.h"
#include "base/file.h"
#include "kernels/decode_floats.h"
#include "kernels/kernels.h"
#include "tensor/dtype.h"

static void check(const char *name, uint32_t dtype)
{
    struct buf bytes = {0}, floats = {0};
    struct error err;
    char path[64];
    snprintf(path, sizeof path, "tests/golden/blocks/%s.bytes", name);
    ck_assert_msg(file_read(source_path(path), 1 << 20, &bytes, &err) == VIV_OK, "%s", err.text);
    snprintf(path, sizeof path, "tests/golden/blocks/%s.f32", name);
    ck_assert_msg(file_read(source_path(path), 1 << 20, &floats, &err) == VIV_OK, "%s", err.text);
    const struct block_type t = block_type(dtype);
    const struct dtype *d = dtype_get(dtype);
    ck_assert_msg(d && d->block == t.block && d->block_bytes == t.bytes && strcmp(d->name, name) == 0,
                  "%s: dtype.c and decode.h differ", name);
    const size_t n = bytes.size / t.bytes * t.block;
    ck_assert_uint_eq(floats.size, n * sizeof(float));
    float *y = malloc(n * sizeof *y);
    for (const struct kernel *const *k = kernels_all(); *k; k++) {
        if ((*k)->operation != KERNEL_TO_F32 || (*k)->dtype != dtype || !kernel_runs(*k, kernels_cpu()))
            continue;
        (*k)->to_f32(y, bytes.data, n);
        for (size_t i = 0; i < n; i++) {
            float expected;
            memcpy(&expected, floats.data + i * sizeof expected, sizeof expected);
            ck_assert_msg(y[i] == expected, "%s, %s: weight %zu is %a, expected %a", (*k)->name, name, i,
                          (double)y[i], (double)expected);
        }
    }
    free(y);
    buf_release(&bytes);
    buf_release(&floats);
}

TEST(blocks__are_decoded_as_the_reference_does)
{
#define CHECK(name, number) check(#name, number);
    FLOAT_BLOCK_TYPES(CHECK)
}
END_TEST

TESTS(blocks__are_decoded_as_the_reference_does)
