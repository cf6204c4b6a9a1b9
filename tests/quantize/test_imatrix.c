/* The reader of importance matrices: both formats, and any bytes in their place. */
#include "testing.h"

#include "base/buf.h"
#include "base/file.h"
#include "formats/gguf/writer.h"
#include "quantize/imatrix.h"

#include <math.h>
#include <unistd.h>

static char path[64];

static void make_path(void)
{
    snprintf(path, sizeof path, "/tmp/test_imatrix.XXXXXX");
    const int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void put_i32(struct buf *b, int32_t v)
{
    buf_append(b, &v, sizeof v);
}

static viv_status read_bytes(const void *bytes, size_t n, struct imatrix *m, struct error *err)
{
    ck_assert_int_eq(file_write(path, bytes, n, err), VIV_OK);
    return imatrix_read(m, path, err);
}

/* Two entries, of which the second is of two experts. */
static void make_gguf(const float counts[3], uint32_t dtype)
{
    static const float sums[] = {2.0f, 4.0f, 6.0f, 8.0f, 10.0f, 12.0f};
    static const char *const dataset = "text.txt";
    struct gguf_writer w;
    struct error err;
    ck_assert_int_eq(gguf_writer_begin(&w, path, &err), VIV_OK);
    gguf_put_string(&w, "general.type", "imatrix");
    gguf_put_strings(&w, "imatrix.datasets", &dataset, 1);
    gguf_put_u32(&w, "imatrix.chunk_count", 7);
    gguf_add_tensor(&w, "a.weight.in_sum2", VIV_F32, 2, (const int64_t[]){1, 2});
    gguf_add_tensor(&w, "a.weight.counts", VIV_F32, 2, (const int64_t[]){1, 1});
    gguf_add_tensor(&w, "b.weight.in_sum2", VIV_F32, 2, (const int64_t[]){2, 2});
    gguf_add_tensor(&w, "b.weight.counts", dtype, 2, (const int64_t[]){2, 1});
    ck_assert_int_eq(gguf_write_header(&w, &err), VIV_OK);
    ck_assert_int_eq(gguf_write_data(&w, sums, 2 * sizeof(float), &err), VIV_OK);
    ck_assert_int_eq(gguf_write_data(&w, counts, sizeof(float), &err), VIV_OK);
    ck_assert_int_eq(gguf_write_data(&w, sums + 2, 4 * sizeof(float), &err), VIV_OK);
    ck_assert_int_eq(gguf_write_data(&w, counts + 1, 2 * sizeof(float), &err), VIV_OK);
    ck_assert_int_eq(gguf_writer_keep(&w, &err), VIV_OK);
    gguf_writer_drop(&w);
}

static void make_dat(struct buf *b)
{
    static const float values[] = {3.0f, 6.0f};
    put_i32(b, 1);
    put_i32(b, 8);
    buf_puts(b, "a.weight");
    put_i32(b, 3);
    put_i32(b, 2);
    buf_append(b, values, sizeof values);
    put_i32(b, 5);
    put_i32(b, 4);
    buf_puts(b, "text");
}

TEST(imatrix__divides_sums_by_the_rows_of_each_expert)
{
    struct imatrix m;
    struct error err;
    make_path();
    make_gguf((const float[]){2.0f, 4.0f, 0.0f}, VIV_F32);
    ck_assert_msg(imatrix_read(&m, path, &err) == VIV_OK, "%s", err.text);
    const struct imatrix_entry *a = imatrix_find(&m, "a.weight"), *b = imatrix_find(&m, "b.weight");
    ck_assert(a && b && !imatrix_find(&m, "c.weight"));
    ck_assert_uint_eq(a->n_values, 2);
    ck_assert_float_eq(a->values[1], 2.0f);
    ck_assert_uint_eq(b->n_values, 4);
    ck_assert_float_eq(b->values[0], 1.5f);
    ck_assert_float_eq(b->values[3], 1.0f); /* an expert without rows */
    ck_assert_uint_eq(m.n_chunks, 7);
    ck_assert_str_eq(m.dataset, "text.txt");
    imatrix_release(&m);
    unlink(path);
}
END_TEST

TEST(imatrix__reads_the_older_format)
{
    struct buf b = {0};
    struct imatrix m;
    struct error err;
    make_path();
    make_dat(&b);
    ck_assert_msg(read_bytes(b.data, b.size, &m, &err) == VIV_OK, "%s", err.text);
    ck_assert_float_eq(imatrix_find(&m, "a.weight")->values[1], 2.0f);
    ck_assert_uint_eq(m.n_chunks, 5);
    ck_assert_str_eq(m.dataset, "text");
    imatrix_release(&m);
    buf_release(&b);
    unlink(path);
}
END_TEST

static void refuses(const char *words)
{
    struct imatrix m;
    struct error err;
    ck_assert_msg(imatrix_read(&m, path, &err) != VIV_OK, "it is accepted");
    ck_assert_msg(strstr(err.text, words), "no '%s' in: %s", words, err.text);
    imatrix_release(&m);
}

TEST(imatrix__refuses_what_is_no_sum_of_squares)
{
    make_path();
    make_gguf((const float[]){NAN, 1.0f, 1.0f}, VIV_F32);
    refuses("expected a sum of squares");
    make_gguf((const float[]){-1.0f, 1.0f, 1.0f}, VIV_F32);
    refuses("expected a sum of squares");
    make_gguf((const float[]){1.0f, 1.0f, 1.0f}, VIV_I32);
    refuses("a count for each expert");
    unlink(path);
}
END_TEST

/* Every byte is changed, and the file is cut at every length: an error or a matrix, never a crash. */
static void survive(const unsigned char *bytes, size_t n)
{
    unsigned char *copy = malloc(n);
    struct imatrix m;
    struct error err;
    memcpy(copy, bytes, n);
    for (size_t i = 0; i < n; i++) {
        copy[i] = i % 2 ? 0xff : (unsigned char)(bytes[i] + 1);
        (void)read_bytes(copy, n, &m, &err);
        imatrix_release(&m);
        copy[i] = bytes[i];
        (void)read_bytes(bytes, i, &m, &err);
        imatrix_release(&m);
    }
    free(copy);
}

TEST(imatrix__survives_any_bytes)
{
    struct buf b = {0}, gguf = {0};
    struct error err;
    make_path();
    make_dat(&b);
    survive((const unsigned char *)b.data, b.size);
    make_gguf((const float[]){1.0f, 1.0f, 1.0f}, VIV_F32);
    ck_assert_int_eq(file_read(path, 1 << 20, &gguf, &err), VIV_OK);
    survive((const unsigned char *)gguf.data, gguf.size);
    buf_release(&b);
    buf_release(&gguf);
    unlink(path);
}
END_TEST

TESTS(imatrix__divides_sums_by_the_rows_of_each_expert, imatrix__reads_the_older_format,
      imatrix__refuses_what_is_no_sum_of_squares, imatrix__survives_any_bytes)
