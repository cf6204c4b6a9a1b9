/* world.h - a folder of specs of the test's own, made anew, and checkpoints that are nothing but their metadata. */
#ifndef TESTS_SPEC_WORLD_H
#define TESTS_SPEC_WORLD_H

#include "base/json.h"
#include "host/host.h"
#include "spec/spec.h"
#include "testing.h"

#include <errno.h>
#include <ftw.h>
#include <unistd.h>

struct world {
    char dir[64];
    const char *directories[2];
    struct layer_set layers;
    struct spec_world world;
};

static inline char *in_world(const struct world *w, const char *name)
{
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", w->dir, name);
    return path;
}

static inline void world_write(const struct world *w, const char *name, const void *bytes, size_t n)
{
    FILE *f = fopen(in_world(w, name), "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
}

static inline void world_text(const struct world *w, const char *name, const char *text)
{
    world_write(w, name, text, strlen(text));
}

static inline void world_init(struct world *w)
{
    static const char *const folders[] = {"families", "zoo", "embedded"};
    struct error err;
    *w = (struct world){.dir = "/tmp/viv-spec-XXXXXX"};
    ck_assert_ptr_nonnull(mkdtemp(w->dir));
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(mkdir(in_world(w, folders[i]), 0700), 0);
    ck_assert_int_eq(layer_set_init(&w->layers, &err), VIV_OK);
    w->directories[0] = w->dir;
    w->world = (struct spec_world){.layers = &w->layers, .directories = w->directories};
}

static inline int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static inline void world_release(struct world *w)
{
    layer_set_release(&w->layers);
    nftw(w->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The sentence without the world's own path, wherever that stands in it. */
static inline const char *without_dir(const struct world *w, const struct error *err)
{
    static char text[sizeof err->text];
    char *to = text;
    size_t n = strlen(w->dir);
    for (const char *p = err->text; *p;) {
        if (strncmp(p, w->dir, n) == 0)
            p += n + (p[n] == '/');
        else
            *to++ = *p++;
    }
    *to = '\0';
    return text;
}

/* What opening and expanding x.yaml of this text says: an error's sentence, or "". */
static inline const char *complaint(const struct world *w, const char *text, size_t n, const struct checkpoint *c)
{
    struct spec *s;
    struct expansion *e;
    struct error err;
    world_write(w, "x.yaml", text, n);
    viv_status status = spec_open(&w->world, in_world(w, "x.yaml"), &s, &err);
    if (status != VIV_OK) {
        ck_assert_int_eq(status, err.status);
        return without_dir(w, &err);
    }
    status = spec_expand(s, c, &e, &err);
    if (status == VIV_OK)
        expansion_destroy(e);
    spec_close(s);
    return status == VIV_OK ? "" : without_dir(w, &err);
}

/* --- a checkpoint made of JSON: its metadata, and the names and rows of its tensors --------------------------- */

static inline struct meta fake_value(const json_t *v)
{
    switch (v ? json_typeof(v) : JSON_NULL) {
    case JSON_INTEGER:
        return (struct meta){.kind = META_INT, .i = json_integer_value(v)};
    case JSON_REAL:
        return (struct meta){.kind = META_FLOAT, .f = json_real_value(v)};
    case JSON_TRUE:
    case JSON_FALSE:
        return (struct meta){.kind = META_BOOL, .u = json_is_true(v)};
    case JSON_STRING:
        return (struct meta){.kind = META_STRING, .n = json_string_length(v), .s = json_string_value(v)};
    case JSON_ARRAY:
        return (struct meta){.kind = META_ARRAY, .n = json_array_size(v), .array = v};
    case JSON_OBJECT:
        return (struct meta){.kind = META_OBJECT};
    default:
        return (struct meta){0};
    }
}

static inline struct meta fake_meta(const struct checkpoint *c, const char *key)
{
    json_t *flat = json_object_get(c->config, key);
    return fake_value(flat ? flat : json_at(c->config, key));
}

static inline struct meta fake_element(const struct checkpoint *c, const struct meta *array, uint64_t index)
{
    (void)c;
    return fake_value(json_array_get(array->array, index));
}

static inline const char *fake_key(const struct checkpoint *c, uint64_t i)
{
    void *at = json_object_iter(c->config);
    for (; at && i > 0; i--)
        at = json_object_iter_next(c->config, at);
    return at ? json_object_iter_key(at) : NULL;
}

static const struct format fake_hf = {
    .name = "fake", .names = "hf", .meta = fake_meta, .meta_element = fake_element};
static const struct format fake_gguf = {
    .name = "fake", .names = "gguf", .meta = fake_meta, .meta_element = fake_element, .key = fake_key};

/* tensors: "name name ..." or "name:rows ..."; released by checkpoint_close. Single quotes stand for double ones.
 */
static inline struct checkpoint fake_checkpoint(const struct format *format, const char *json, const char *tensors)
{
    struct checkpoint c = {.format = format, .path = strdup("fake")};
    struct error err;
    char text[8192], *list = arena_strdup(&c.arena, tensors), *rest = NULL;
    size_t n = strlen(json);
    ck_assert_uint_lt(n, sizeof text);
    for (size_t i = 0; i <= n; i++)
        text[i] = json[i] == '\'' ? '"' : json[i];
    ck_assert_int_eq(json_parse("fake", text, n, &c.config, &err), VIV_OK);
    c.tensors = arena_array(&c.arena, 256, sizeof *c.tensors);
    for (char *name = strtok_r(list, " ", &rest); name; name = strtok_r(NULL, " ", &rest)) {
        char *colon = strchr(name, ':');
        int64_t *shape = arena_array(&c.arena, 1, sizeof *shape);
        shape[0] = colon ? atoll(colon + 1) : 1;
        if (colon)
            *colon = '\0';
        c.tensors[c.n_tensors] = (viv_tensor){.name = name, .dl = {.ndim = 1, .shape = shape}};
        ck_assert_int_eq(strmap_add(&c.by_name, name, strlen(name), c.n_tensors), STRMAP_ADDED);
        c.n_tensors++;
    }
    return c;
}

/* The source tree's own specs, with the layers of our plugins, too. */
struct specs {
    char dir[4096];
    const char *directories[2];
    struct host *host;
    struct spec_world world;
};

static inline void specs_init(struct specs *s)
{
    struct error err;
    char program[4096];
    *s = (struct specs){0};
    snprintf(program, sizeof program, "%s/viv", getenv("VIV_BUILD") ? getenv("VIV_BUILD") : ".");
    const struct host_options options = {.program = program};
    snprintf(s->dir, sizeof s->dir, "%s", source_path("specs"));
    s->directories[0] = s->dir;
    s->world.directories = s->directories;
    ck_assert_msg(host_create(&options, &s->host, &err) == VIV_OK, "%s", err.text);
    s->world.layers = host_layers(s->host);
}

static inline void specs_release(struct specs *s)
{
    host_destroy(s->host);
}

/* The canonical form of one of our families with a fake checkpoint, or the error's sentence. */
static inline char *expansion_of(const char *family, const struct format *format, const char *json,
                                 const char *tensors)
{
    struct specs specs;
    struct spec *s;
    struct expansion *e;
    struct error err;
    struct buf out = {0};
    specs_init(&specs);
    struct checkpoint c = fake_checkpoint(format, json, tensors);
    ck_assert_msg(spec_open(&specs.world, family, &s, &err) == VIV_OK, "%s", err.text);
    if (spec_expand(s, &c, &e, &err) == VIV_OK) {
        ck_assert_int_eq(expansion_print(e, &out, &err), VIV_OK);
        expansion_destroy(e);
    } else {
        buf_puts(&out, err.text);
    }
    spec_close(s);
    checkpoint_close(&c);
    specs_release(&specs);
    ck_assert_ptr_nonnull(out.data);
    return out.data;
}

/* Lines that the expansion must hold (separated by '\n'), and, after '!', those that it must not. */
struct family_case {
    const struct format *format;
    const char *json, *tensors, *parts;
};

static inline void check_family(const char *family, const struct family_case *cases, size_t n)
{
    unsigned wrong = 0;
    for (size_t i = 0; i < n; i++) {
        char *found = expansion_of(family, cases[i].format, cases[i].json, cases[i].tensors);
        char parts[1024], *rest = NULL;
        snprintf(parts, sizeof parts, "%s", cases[i].parts);
        for (char *p = strtok_r(parts, "\n", &rest); p; p = strtok_r(NULL, "\n", &rest)) {
            bool absent = *p == '!';
            if ((strstr(found, p + absent) == NULL) == absent)
                continue;
            fprintf(stderr, "%s, case %zu: %s %s in\n%s\n", family, i, absent ? "unwanted" : "missing", p + absent,
                    found);
            wrong++;
        }
        free(found);
    }
    ck_assert_uint_eq(wrong, 0);
}

#endif
