/* build.h - files made on the fly. A script is words between spaces:
 *
 *   GGUF        these four letters           4:7  8:7  1:7   a little-endian number of that many bytes
 *   s:text      a GGUF string: u64 length, bytes             j:text   a safetensors header: the same, text to the
 * end z:100       zeros                        p:32            zeros up to a multiple x:00ff      these bytes */
#ifndef TESTS_FORMATS_BUILD_H
#define TESTS_FORMATS_BUILD_H

#include "base/buf.h"
#include "base/file.h"
#include "formats/checkpoint.h"
#include "testing.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static inline void build_number(struct buf *b, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        buf_putc(b, (char)(value >> 8 * i));
}

static inline void build_string(struct buf *b, const char *text, size_t n)
{
    build_number(b, n, 8);
    buf_append(b, text, n);
}

static inline void build_zeros(struct buf *b, size_t n)
{
    void *p = buf_grow(b, n);
    ck_assert_ptr_nonnull(p);
    memset(p, 0, n);
}

static inline void build_hex(struct buf *b, const char *word, size_t n)
{
    for (size_t i = 0; i + 1 < n; i += 2) {
        char digits[3] = {word[i], word[i + 1], '\0'};
        buf_putc(b, (char)strtoul(digits, NULL, 16));
    }
}

static inline void build(struct buf *b, const char *script)
{
    for (const char *word = script; *word; word += strspn(word, " ")) {
        size_t n = strcspn(word, " ");
        if (n > 1 && word[0] == 'j' && word[1] == ':')
            n = strlen(word);
        if (n == 0)
            continue;
        uint64_t value = n > 2 ? strtoull(word + 2, NULL, 0) : 0;
        if (n < 2 || word[1] != ':')
            buf_append(b, word, n);
        else if (word[0] == 's' || word[0] == 'j')
            build_string(b, word + 2, n - 2);
        else if (word[0] == 'x')
            build_hex(b, word + 2, n - 2);
        else if (word[0] == 'z')
            build_zeros(b, value);
        else if (word[0] == 'p')
            build_zeros(b, (value - b->size % value) % value);
        else
            build_number(b, value, (unsigned)(word[0] - '0'));
        word += n;
    }
    ck_assert(!b->failed);
}

/* A folder of this test's own, removed by remove_scratch. */
static char scratch[64];
static inline const char *in_scratch(const char *name)
{
    static char paths[64][512];
    static unsigned next;
    if (!*scratch) {
        strcpy(scratch, "/tmp/viv-test-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(scratch));
    }
    char *path = paths[next++ % 64];
    snprintf(path, sizeof paths[0], "%s/%s", scratch, name);
    return path;
}

static inline void remove_scratch(void)
{
    char command[96];
    snprintf(command, sizeof command, "rm -rf '%s'", scratch);
    if (*scratch)
        ck_assert_int_eq(system(command), 0);
    *scratch = '\0';
}

static inline const char *write_bytes(const char *name, const struct buf *b)
{
    const char *path = in_scratch(name);
    struct error err;
    ck_assert_msg(file_write(path, b->data, b->size, &err) == VIV_OK, "%s", err.text);
    return path;
}

static inline const char *write_script(const char *name, const char *script)
{
    struct buf b = {0};
    build(&b, script);
    const char *path = write_bytes(name, &b);
    buf_release(&b);
    return path;
}

/* Opening must fail with a sentence that names the file and holds `expected`. */
static inline void refuses(const char *path, const char *expected)
{
    struct checkpoint c;
    struct error err = {0};
    viv_status status = checkpoint_open(&c, path, &err);
    ck_assert_msg(status < 0, "%s opens, expected '%s'", path, expected);
    ck_assert_int_eq(status, err.status);
    ck_assert_msg(strstr(err.text, expected) != NULL, "expected '%s' in '%s'", expected, err.text);
    bool named = strstr(err.text, path_base(path)) || (*scratch && strstr(err.text, scratch));
    ck_assert_msg(named, "expected '%s' in '%s'", path_base(path), err.text);
}

static inline void opens(struct checkpoint *c, const char *path)
{
    struct error err;
    ck_assert_msg(checkpoint_open(c, path, &err) == VIV_OK, "%s", err.text);
    for (uint32_t i = 0; i < c->n_tensors; i++) {
        /* whoever uses a tensor may touch all of its bytes */
        const volatile char *p = c->tensors[i].dl.data;
        if (c->tensors[i].nbytes)
            (void)(p[0] + p[c->tensors[i].nbytes - 1]);
        ck_assert_ptr_eq(checkpoint_tensor(c, c->tensors[i].name), &c->tensors[i]);
    }
}

static inline int64_t int_of(const struct checkpoint *c, const char *key)
{
    struct meta m = checkpoint_meta(c, key);
    int64_t i = 0;
    ck_assert_msg(checkpoint_meta_int(&m, &i), "%s is %s", key, checkpoint_meta_kind_name(m.kind));
    return i;
}

/* Of this process's own work: how busy the machine is must not decide. */
static inline double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static inline uint64_t peak_mib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_maxrss >> 10;
}

#endif
