/* golden.h - models of tests/golden/ loaded for a test. */
#ifndef TESTS_SESSION_GOLDEN_H
#define TESTS_SESSION_GOLDEN_H

#include "base/file.h"
#include "engine/engine.h"
#include "model/model.h"
#include "run/run.h"
#include "testing.h"

static struct engine *engine;
static struct host *host; /* the engine's */

static inline const char *viv_program(void)
{
    static char program[4096];
    snprintf(program, sizeof program, "%s/viv", getenv("VIV_BUILD") ? getenv("VIV_BUILD") : ".");
    return program;
}

/* isa: kernels of no more than this; NULL: all that the processor has */
static inline void open_host_of(const char *isa)
{
    struct error err;
    const struct host_options options = {.program = viv_program(), .isa = isa};
    ck_assert_msg(engine_create(&options, &engine, &err) == VIV_OK, "%s", err.text);
    host = engine_host(engine);
}

static inline void open_host(void)
{
    open_host_of(NULL);
}

/* What every model here is loaded with; the test changes what it is about. */
static inline struct model_options golden_options(void)
{
    return (struct model_options){.scheduler = "parallel", .n_threads = 1, .context = 512};
}

/* Opens and loads a folder's model, or the failure. */
static inline viv_status golden_try(const struct model_options *options, const char *directory, viv_model **m,
                                    struct error *err)
{
    char path[4352];
    snprintf(path, sizeof path, "%s/model.gguf", directory);
    viv_status status = engine_open_model(engine, options, file_exists(path) ? path : directory, m, err);
    if (status == VIV_OK && (status = model_load(*m, err)) != VIV_OK)
        model_close(*m);
    return status;
}

static inline viv_model *golden_load(const struct model_options *options, const char *directory)
{
    struct error err;
    viv_model *m;
    ck_assert_msg(golden_try(options, directory, &m, &err) == VIV_OK, "%s", err.text);
    return m;
}

struct array {
    float *data;
    size_t rows, columns;
};

/* float32, C order, two dimensions: the header ends where its length says. data NULL: there is no such file. */
static inline struct array read_npy(const char *directory, const char *name)
{
    struct array a = {0};
    struct buf b = {0};
    struct error err;
    char path[4352];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    if (!file_exists(path))
        return a;
    ck_assert_int_eq(file_read(path, 1 << 24, &b, &err), VIV_OK);
    size_t header = 10 + (size_t)(unsigned char)b.data[8] + 256 * (size_t)(unsigned char)b.data[9];
    const char *shape = strstr(b.data + 10, "'shape': (");
    ck_assert_ptr_nonnull(shape);
    ck_assert_int_eq(sscanf(shape, "'shape': (%zu, %zu)", &a.rows, &a.columns), 2);
    ck_assert_uint_eq(b.size - header, a.rows * a.columns * sizeof *a.data);
    a.data = malloc(b.size - header);
    memcpy(a.data, b.data + header, b.size - header);
    buf_release(&b);
    return a;
}

static inline viv_sequence *golden_sequence(viv_model *m)
{
    viv_sequence *s;
    struct error err;
    ck_assert_msg(sequence_create(m, &s, &err) == VIV_OK, "%s", err.text);
    return s;
}

#endif
