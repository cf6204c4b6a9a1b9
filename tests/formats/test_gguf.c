/* GGUF: real files, files made on the fly, and every way in which one can lie (numbers as in the list of patterns
 * that hostile files follow). */
#include "formats/build.h"

#include <dirent.h>

/* A header, keys, tensors; then the data, aligned. */
#define HEAD(n_tensors, n_keys) "GGUF 4:3 8:" #n_tensors " 8:" #n_keys " "
#define U8                      "4:0 "
#define U32                     "4:4 "
#define I32                     "4:5 "
#define BOOL                    "4:7 "
#define STRING                  "4:8 "
#define ARRAY                   "4:9 "

TEST(gguf__refuses_what_lies)
{
    static const struct {
        const char *script, *expected;
    } cases[] = {
        {"", "an empty file"},
        {"GGUF", "the header needs 4 bytes, the file has 0 left"},
        {"GGUF 4:3 8:0", "the header needs 8 bytes"},
        {"FUGG 4:3 8:0 8:0", "bytes reversed"},
        {"GGUF 4:0x03000000 8:0 8:0", "big-endian"},
        {"GGUF 4:0x02000000 8:0 8:0", "big-endian"},
        {"GGUF 4:0 8:0 8:0", "version 0, expected 2 or 3"},
        {"GGUF 4:1 4:0 4:0", "version 1"},
        {"GGUF 4:4 8:0 8:0", "version 4"},
        {"GGUF 4:0xFFFFFFFF 8:0 8:0", "version 4294967295"},
        {HEAD(0xFFFFFFFFFFFFFFFF, 0), "18446744073709551615 tensors"},
        {HEAD(0, 0xFFFFFFFFFFFFFFFF), "18446744073709551615 keys"},
        {HEAD(1, 0) "z:4", "do not fit"},
        /* keys */
        {HEAD(0, 1) "8:0xFFFFFFFFFFFFFFFF z:40", "a key needs 18446744073709551615 bytes"},
        {HEAD(0, 1) "8:65 z:40", "a key needs 65 bytes"},
        {HEAD(0, 1) "8:0 " U32 "4:1", "a key is empty"},
        {HEAD(0, 1) "8:3 x:610062 " U32 "4:1", "not UTF-8"},
        {HEAD(0, 1) "8:2 x:c3c3 " U32 "4:1", "not UTF-8"},
        {HEAD(0, 1) "8:5000 z:5020", "at most 4096"},
        {HEAD(0, 2) "s:a " U32 "4:1 s:a " U32 "4:2", "key 'a' has two values"},
        {HEAD(0, 2) "s:a " U32 "4:1 s:a " I32 "4:1", "key 'a' has two values"},
        {HEAD(0, 2) "s:a " STRING "s:x s:a " STRING "s:xy", "key 'a' has two values"},
        {HEAD(0, 1) "s:a 4:13 z:8", "unknown type 13"},
        {HEAD(0, 1) "s:a 4:0xFFFFFFFF z:8", "unknown type 4294967295"},
        {HEAD(0, 1) "s:ab " BOOL "1:2", "a boolean is 2"},
        {HEAD(0, 1) "s:a " U32 "1:2", "a needs 4 bytes"},
        {HEAD(0, 1) "s:a " STRING "8:0x7FFFFFFFFFFFFFFF", "a needs 9223372036854775807 bytes"},
        /* lists */
        {HEAD(0, 1) "s:a " ARRAY "4:9 8:1 4:9 8:1", "list of lists"},
        {HEAD(0, 1) "s:a " ARRAY "4:99 8:1 z:8", "unknown type 99"},
        {HEAD(0, 1) "s:a " ARRAY "4:4 8:0x4000000000000001 z:8", "a list of 4611686018427387905 elements"},
        {HEAD(0, 1) "s:a " ARRAY "4:4 8:3 z:8", "a list of 3 elements, the file has 8 bytes left"},
        {HEAD(0, 1) "s:a " ARRAY "4:8 8:2 s:x 8:99", "key 'a', element 1"},
        {HEAD(0, 1) "s:a " ARRAY "4:7 8:2 1:1 1:3", "element 1: a boolean is 3"},
        /* alignment */
        {HEAD(0, 1) "s:general.alignment " U32 "4:0", "general.alignment is 0"},
        {HEAD(0, 1) "s:general.alignment " U32 "4:3", "general.alignment is 3"},
        {HEAD(0, 1) "s:general.alignment " U32 "4:13", "general.alignment is 13"},
        {HEAD(0, 1) "s:general.alignment " U32 "4:0x80000000", "general.alignment is 2147483648"},
        {HEAD(0, 1) "s:general.alignment " I32 "4:32", "not a 32-bit unsigned"},
        /* tensors */
        {HEAD(1, 0) "8:0 4:1 8:4 4:0 8:0 p:32 z:16", "a tensor's name is empty"},
        {HEAD(1, 0) "8:2 x:ff61 4:1 8:4 4:0 8:0 p:32 z:16", "a tensor's name is not UTF-8"},
        {HEAD(1, 0) "s:t 4:0 4:0 8:0 p:32 z:32", "0 dimensions"},
        {HEAD(1, 0) "s:t 4:5 8:1 8:1 8:1 8:1 8:1 4:0 8:0 p:32 z:4", "5 dimensions"},
        {HEAD(1, 0) "s:t 4:0xFFFFFFFF z:64", "4294967295 dimensions"},
        {HEAD(1, 0) "s:t 4:2 8:4 8:0 4:0 8:0 p:32", "dimension 1 is 0"},
        {HEAD(1, 0) "s:t 4:1 8:0xFFFFFFFFFFFFFFFF 4:0 8:0 p:32", "dimension 0 is -1"},
        /* the product wraps to 4 MiB, to 0 */
        {HEAD(1, 0) "s:t 4:3 8:0x100000001 8:0x100000000 8:0x100000 4:0 8:0 p:32", "more bytes than"},
        {HEAD(1, 0) "s:t 4:4 8:0x10000 8:0x10000 8:0x10000 8:0x10000 4:0 8:0 p:32", "more bytes than"},
        {HEAD(1, 0) "s:t 4:1 8:0x7FFFFFFFFFFFFFC0 4:0 8:0 p:32 z:64", "more bytes than"},
        {HEAD(2, 0) "s:t 4:1 8:0x7FFFFFFFFFFFFFC0 4:24 8:0 s:u 4:1 8:0x7FFFFFFFFFFFFFC0 4:24 "
                    "8:0x7FFFFFFFFFFFFFC0 p:32 z:64",
         "is it cut short"},
        {HEAD(1, 0) "s:t 4:1 8:33 4:8 8:0 p:32 z:68", "rows have 33 elements, expected a multiple of 32"},
        {HEAD(1, 0) "s:t 4:2 8:16 8:2 4:8 8:0 p:32 z:34", "rows have 16 elements, expected a multiple of 32"},
        {HEAD(1, 0) "s:t 4:1 8:128 4:12 8:0 p:32 z:144", "expected a multiple of 256"},
        {HEAD(1, 0) "s:t 4:1 8:32 4:4 8:0 p:32 z:32", "type 4, which GGML has removed"},
        {HEAD(1, 0) "s:t 4:1 8:32 4:5 8:0 p:32 z:32", "type 5, which GGML has removed"},
        {HEAD(1, 0) "s:t 4:1 8:32 4:31 8:0 p:32 z:32", "type 31, which GGML has removed"},
        {HEAD(1, 0) "s:t 4:1 8:32 4:38 8:0 p:32 z:32", "type 38, which GGML has removed"},
        {HEAD(1, 0) "s:t 4:1 8:32 4:64 8:0 p:32 z:32",
         "type 64, which GGML does not have; this version computes with f32, f16, bf16, q4_0"},
        {HEAD(1, 0) "s:t 4:1 8:32 4:144 8:0 p:32 z:32",
         "tensor 't' has the type 144, which GGML does not have: perhaps one of ik_llama.cpp's own"},
        {HEAD(1, 0) "s:t 4:1 8:32 4:0xFFFFFFFF 8:0 p:32 z:32", "type 4294967295, which GGML does not have"},
        {HEAD(1, 0) "s:t 4:1 8:4 4:0 8:8 p:32 z:64", "lies at 8, expected a multiple of 32"},
        {HEAD(1, 0) "s:t 4:1 8:4 4:0 8:64 p:32 z:64", "is it cut short"},
        {HEAD(1, 0) "s:t 4:1 8:4 4:0 8:0xFFFFFFFFFFFFFFE0 p:32 z:64", "is it cut short"},
        {HEAD(2, 0) "s:t 4:1 8:16 4:0 8:0 s:u 4:1 8:4 4:0 8:32 p:32 z:64", "'t' and 'u' overlap"},
        {HEAD(2, 0) "s:t 4:1 8:4 4:0 8:0 s:u 4:1 8:4 4:0 8:0 p:32 z:64", "overlap"},
        {HEAD(2, 0) "s:t 4:1 8:4 4:0 8:0 s:t 4:1 8:4 4:0 8:32 p:32 z:64", "'t' is there a second time"},
        /* parts */
        {HEAD(0, 1) "s:split.count 4:2 2:65535", "split.count is 65535"},
        {HEAD(0, 1) "s:split.count 4:2 2:2", "expected a name that ends in '-00001-of-00002.gguf'"},
        {HEAD(0, 2) "s:split.count 4:2 2:2 s:split.no 4:2 2:1", "this is part 2 of 2, expected the first"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuses(write_script("x.gguf", cases[i].script), cases[i].expected);
    remove_scratch();
}
END_TEST

TEST(gguf__opens_a_header_without_its_data)
{
    static const char *const cut[] = {"p:32 z:15", "", "p:32 z:32", "p:32 z:47"};
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        char script[256];
        struct checkpoint c;
        struct error err;
        snprintf(script, sizeof script, HEAD(2, 0) "s:t 4:1 8:4 4:0 8:0 s:u 4:1 8:4 4:0 8:32 %s", cut[i]);
        const char *path = write_script("cut.gguf", script);
        ck_assert_msg(checkpoint_open(&c, path, &err) == VIV_OK, "%s", err.text);
        ck_assert(checkpoint_knows_tensors(&c));
        ck_assert_int_eq(checkpoint_tensor(&c, "u")->dl.shape[0], 4);
        ck_assert_ptr_null(checkpoint_tensor(&c, "u")->dl.data);
        ck_assert_int_eq(checkpoint_need_weights(&c, &err), VIV_ENOTFOUND);
        ck_assert_msg(strstr(err.text, "cut.gguf: the file is cut short"), "%s", err.text);
        checkpoint_close(&c);
    }
    remove_scratch();
}
END_TEST

TEST(gguf__refuses_lists_nested_ten_thousand_deep)
{
    struct buf b = {0};
    build(&b, HEAD(0, 1) "s:a " ARRAY);
    for (int i = 0; i < 10000; i++)
        build(&b, "4:9 8:1");
    refuses(write_bytes("x.gguf", &b), "list of lists");
    buf_release(&b);
    remove_scratch();
}
END_TEST

TEST(gguf__refuses_what_is_no_file)
{
    ck_assert_int_eq(mkfifo(in_scratch("fifo.gguf"), 0600), 0);
    ck_assert_int_eq(mkdir(in_scratch("dir.gguf"), 0700), 0);
    ck_assert_int_eq(symlink("loop.gguf", in_scratch("loop.gguf")), 0);
    refuses(in_scratch("fifo.gguf"), "found a FIFO");
    refuses(in_scratch("dir.gguf"), "a directory without weights");
    refuses(in_scratch("loop.gguf"), "symbolic links");
    refuses(in_scratch("none.gguf"), "No such file");
    refuses("/dev/zero", "found a device");
    remove_scratch();
}
END_TEST

TEST(gguf__reads_every_kind_of_value)
{
    struct checkpoint c;
    opens(&c,
          write_script("x.gguf", HEAD(0, 15) "s:u8 4:0 1:255 s:i8 4:1 1:255 s:u16 4:2 2:65535 s:i16 4:3 2:65535 "
                                             "s:u32 4:4 4:0xFFFFFFFF s:i32 4:5 4:0xFFFFFFFF s:f32 4:6 4:0x3F800000 "
                                             "s:bool 4:7 1:1 s:text 4:8 s:llama s:u64 4:10 8:0xFFFFFFFFFFFFFFFF "
                                             "s:i64 4:11 8:0xFFFFFFFFFFFFFFFF s:f64 4:12 8:0x3FF0000000000000 "
                                             "s:list 4:9 4:5 8:2 4:7 4:0xFFFFFFFF s:words 4:9 4:8 8:3 s:a 8:0 s:bc "
                                             "s:empty 4:9 4:4 8:0"));
    ck_assert_str_eq(c.format->name, "gguf");
    ck_assert_int_eq(int_of(&c, "u8"), 255);
    ck_assert_int_eq(int_of(&c, "i8"), -1);
    ck_assert_int_eq(int_of(&c, "u16"), 65535);
    ck_assert_int_eq(int_of(&c, "i16"), -1);
    ck_assert_int_eq(int_of(&c, "u32"), 4294967295);
    ck_assert_int_eq(int_of(&c, "i32"), -1);
    ck_assert_int_eq(int_of(&c, "i64"), -1);
    int64_t i;
    double f;
    struct meta m = checkpoint_meta(&c, "u64");
    ck_assert(m.kind == META_UINT && m.u == UINT64_MAX && !checkpoint_meta_int(&m, &i));
    m = checkpoint_meta(&c, "f32");
    ck_assert(m.kind == META_FLOAT && checkpoint_meta_float(&m, &f) && f == 1 && !checkpoint_meta_int(&m, &i));
    m = checkpoint_meta(&c, "f64");
    ck_assert(m.kind == META_FLOAT && checkpoint_meta_float(&m, &f) && f == 1);
    m = checkpoint_meta(&c, "bool");
    ck_assert(m.kind == META_BOOL && m.u == 1 && !checkpoint_meta_int(&m, &i));
    m = checkpoint_meta(&c, "text");
    ck_assert(m.kind == META_STRING && m.n == 5);
    ck_assert_str_eq(m.s, "llama");
    const struct meta list = checkpoint_meta(&c, "list");
    ck_assert(list.kind == META_ARRAY && list.element == META_INT && list.n == 2);
    m = checkpoint_meta_element(&c, &list, 1);
    ck_assert(checkpoint_meta_int(&m, &i) && i == -1);
    ck_assert_int_eq(checkpoint_meta_element(&c, &list, 2).kind, META_NONE);
    const struct meta words = checkpoint_meta(&c, "words");
    ck_assert(words.kind == META_ARRAY && words.element == META_STRING && words.n == 3);
    ck_assert_uint_eq(checkpoint_meta_element(&c, &words, 1).n, 0);
    m = checkpoint_meta_element(&c, &words, 2);
    ck_assert(m.n == 2 && memcmp(m.s, "bc", 2) == 0);
    ck_assert_uint_eq(checkpoint_meta(&c, "empty").n, 0);
    ck_assert_int_eq(checkpoint_meta(&c, "none").kind, META_NONE);
    checkpoint_close(&c);
    remove_scratch();
}
END_TEST

TEST(gguf__reads_shapes_outermost_first_and_respects_alignment)
{
    struct checkpoint c;
    opens(&c, write_script("x.gguf", "GGUF 4:2 8:2 8:1 s:general.alignment " U32 "4:64 s:t 4:2 8:64 8:3 4:8 8:0 "
                                     "s:u 4:1 8:2 4:0 8:256 p:64 z:256 4:0x3F800000 4:0x40000000"));
    const viv_tensor *t = checkpoint_tensor(&c, "t"), *u = checkpoint_tensor(&c, "u");
    ck_assert(t->dl.ndim == 2 && t->dl.shape[0] == 3 && t->dl.shape[1] == 64 && t->dl.strides[0] == 64);
    ck_assert(t->dtype == VIV_Q8_0 && t->nbytes == 204 && t->row_bytes == 68);
    ck_assert_float_eq(((const float *)u->dl.data)[1], 2);
    ck_assert_ptr_null(checkpoint_tensor(&c, "v"));
    checkpoint_close(&c);
    remove_scratch();
}
END_TEST

/* Parts of two tensors and one; the first part may hold none. */
#define PART(n_tensors, no, count, tensors)                                                                        \
    HEAD(n_tensors, 3)                                                                                             \
    "s:split.no 4:2 2:" #no " s:split.count 4:2 2:" #count " s:split.tensors.count 4:5 4:" #tensors " "

TEST(gguf__joins_the_parts_of_a_split_file)
{
    struct checkpoint c;
    const char *first = write_script("m-00001-of-00003.gguf", PART(0, 0, 3, 3));
    write_script("m-00002-of-00003.gguf",
                 PART(2, 1, 3, 3) "s:a 4:1 8:1 4:0 8:0 s:b 4:1 8:1 4:0 8:32 p:32 4:1 z:28 4:2");
    write_script("m-00003-of-00003.gguf", PART(1, 2, 3, 3) "s:c 4:1 8:1 4:0 8:0 p:32 4:3");
    opens(&c, first);
    ck_assert_uint_eq(c.n_tensors, 3);
    ck_assert_uint_eq(*(const uint32_t *)checkpoint_tensor(&c, "b")->dl.data, 2);
    ck_assert_uint_eq(*(const uint32_t *)checkpoint_tensor(&c, "c")->dl.data, 3);
    ck_assert_int_eq(int_of(&c, "split.no"), 0);
    checkpoint_close(&c);
    refuses(in_scratch("m-00002-of-00003.gguf"), "this is part 2 of 3, expected the first");

    write_script("m-00003-of-00003.gguf", PART(1, 1, 3, 3) "s:c 4:1 8:1 4:0 8:0 p:32 4:3");
    refuses(first, "says that it is part 2 of 3, expected 3 of 3");
    write_script("m-00003-of-00003.gguf", PART(1, 2, 4, 3) "s:c 4:1 8:1 4:0 8:0 p:32 4:3");
    refuses(first, "says that it is part 3 of 4, expected 3 of 3");
    write_script("m-00003-of-00003.gguf", PART(1, 2, 3, 3) "s:a 4:1 8:1 4:0 8:0 p:32 4:3");
    refuses(first, "tensor 'a' is there a second time");
    write_script("m-00003-of-00003.gguf", PART(0, 2, 3, 3));
    refuses(first, "its parts have 2 tensors, split.tensors.count says 3");
    write_script("m-00003-of-00003.gguf", "GGUF 4:1");
    refuses(first, "m-00003-of-00003.gguf: at byte 8: GGUF version 1");
    ck_assert_int_eq(unlink(in_scratch("m-00003-of-00003.gguf")), 0);
    refuses(first, "part 3 of 3 cannot be read");
    remove_scratch();
}
END_TEST

/* 262144 words, as large vocabularies have, twice (words and merges). A search for each would take minutes. */
TEST(gguf__opens_a_large_vocabulary_at_once)
{
    struct buf b = {0};
    struct checkpoint c;
    build(&b, HEAD(0, 2));
    for (int k = 0; k < 2; k++) {
        build(&b, k ? "s:merges 4:9 4:8 8:262144" : "s:words 4:9 4:8 8:262144");
        for (int i = 0; i < 262144; i++)
            build_string(&b, "word", 4);
    }
    const char *path = write_bytes("x.gguf", &b);
    buf_release(&b);
    const double begin = seconds();
    opens(&c, path);
    checkpoint_close(&c);
    ck_assert_msg(seconds() - begin < 10, "took %g s", seconds() - begin);
    remove_scratch();
}
END_TEST

/* As many tensors as are read, and texts up to the limit, stay within 256 MiB. A search for each would take
 * minutes. Sanitizers make both many times as much: they see fewer. */
TEST(gguf__stays_within_time_and_memory)
{
    enum { MANY = SANITIZED ? 8192 : 262144 };
    struct checkpoint c;
    const char *path = in_scratch("x.gguf");
    FILE *f = fopen(path, "wb");
    struct buf b = {0};
    char head[128];
    snprintf(head, sizeof head, "GGUF 4:3 8:%d 8:1 s:words 4:9 4:8 8:%d", MANY, 16 * MANY);
    build(&b, head);
    for (size_t i = 0; i < 16 * MANY; i++) {
        build(&b, "8:0");
        if (b.size > 1 << 20) {
            fwrite(b.data, 1, b.size, f);
            buf_clear(&b);
        }
    }
    for (int i = 0; i < MANY; i++) {
        char name[64];
        int n = snprintf(name, sizeof name, "blk.%d.attn_q.weight", i);
        build_string(&b, name, (size_t)n);
        build(&b, "4:4 8:1 8:1 8:1 8:1 4:0");
        build_number(&b, (uint64_t)i * 32, 8);
        fwrite(b.data, 1, b.size, f);
        buf_clear(&b);
    }
    build(&b, "z:64");
    fwrite(b.data, 1, b.size, f);
    buf_release(&b);
    long at = ftell(f);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_int_eq(truncate(path, at + (long)MANY * 32), 0);
    const double begin = seconds();
    struct error err;
    ck_assert_msg(checkpoint_open(&c, path, &err) == VIV_OK, "%s", err.text);
    ck_assert_uint_eq(c.n_tensors, MANY);
    checkpoint_close(&c);
    ck_assert_msg(seconds() - begin < 20, "took %g s", seconds() - begin);
#if !SANITIZED
    ck_assert_uint_lt(peak_mib(), 256);
#endif
    remove_scratch();
}
END_TEST

TEST(gguf__opens_the_stories_model)
{
    struct checkpoint c;
    const char *path = shared_path("weights/stories260K/stories260K-f32.gguf");
    if (!path)
        return;
    opens(&c, path);
    ck_assert_str_eq(checkpoint_architecture(&c), "llama");
    ck_assert_int_eq(int_of(&c, "llama.embedding_length"), 64);
    const viv_tensor *t = checkpoint_tensor(&c, "token_embd.weight");
    ck_assert(t && t->dtype == VIV_F32 && t->dl.shape[0] == 512 && t->dl.shape[1] == 64);
    checkpoint_close(&c);
    refuses(shared_path("weights/stories260K/stories260K-f32-ggufv1.gguf"), "GGUF version 1");
}
END_TEST

static void opens_with_words(const char *path)
{
    struct checkpoint c;
    opens(&c, path);
    ck_assert_ptr_nonnull(checkpoint_architecture(&c));
    struct meta words = checkpoint_meta(&c, "tokenizer.ggml.tokens");
    ck_assert(words.kind == META_ARRAY && words.element == META_STRING);
    for (uint64_t i = 0; i < words.n; i++)
        ck_assert_int_eq(checkpoint_meta_element(&c, &words, i).kind, META_STRING);
    checkpoint_close(&c);
}

TEST(gguf__opens_other_real_files)
{
    const char *folder = shared_path("tokenizers/gguf-vocab");
    if (!folder)
        return;
    opens_with_words(shared_path("weights/stories-192/stories-192-f32.gguf"));
    opens_with_words(shared_path("weights/loader-fixtures/llama-2-tiny-random.gguf"));
    DIR *d = opendir(folder);
    ck_assert_ptr_nonnull(d);
    for (struct dirent *e; (e = readdir(d));) {
        char path[8192];
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (strlen(e->d_name) > 5 && strcmp(e->d_name + strlen(e->d_name) - 5, ".gguf") == 0)
            opens_with_words(path);
    }
    closedir(d);
}
END_TEST

TESTS(gguf__refuses_what_lies, gguf__opens_a_header_without_its_data, gguf__refuses_lists_nested_ten_thousand_deep,
      gguf__refuses_what_is_no_file, gguf__reads_every_kind_of_value,
      gguf__reads_shapes_outermost_first_and_respects_alignment, gguf__joins_the_parts_of_a_split_file,
      gguf__opens_a_large_vocabulary_at_once, gguf__stays_within_time_and_memory, gguf__opens_the_stories_model,
      gguf__opens_other_real_files)
