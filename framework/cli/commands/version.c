/* viv version - which Vivarium this is, on what machine, with which kernels. */
#include "cli/open.h"
#include "cli/shared.h"
#include "config.h"
#include "kernels/kernels.h"
#include "model/repack_cache.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

struct version_options {
    struct common common;
    bool json, verbose;
};

#define OPT(field) offsetof(struct version_options, field)
static const struct option table[] = {
    VERBOSE_OPTION(OPT(verbose), "the processor, its kernels, where things are found"),
    JSON_OPTION(OPT(json), "one object with all of that"),
    {0}};

static const struct feature {
    uint64_t bit;
    const char *name;
} features[] = {{VIV_CPU_AVX2, "avx2"},
                {VIV_CPU_AVX_VNNI, "avx_vnni"},
                {VIV_CPU_AVX512, "avx512"},
                {VIV_CPU_AVX512_VNNI, "avx512_vnni"},
                {VIV_CPU_AVX512_BF16, "avx512_bf16"},
                {VIV_CPU_AVX512_FP16, "avx512_fp16"},
                {VIV_CPU_FAST_BF16_DOT, "fast_bf16_dot"},
                {VIV_CPU_NEON, "neon"},
                {VIV_CPU_NEON_DOTPROD, "neon_dotprod"},
                {VIV_CPU_NEON_I8MM, "neon_i8mm"}};

enum { N_FEATURES = sizeof features / sizeof *features, N_DTYPES = 96 };

static bool per_type(int operation)
{
    return operation == KERNEL_PRODUCT || operation == KERNEL_TO_F32 || operation == KERNEL_FROM_F32;
}

/* What --kernels makes of it. */
static const struct kernel *chosen(const char *word, int operation, uint32_t dtype)
{
    return kernels_chosen(kernels_cpu_at_most(word), word && strcmp(word, "fastest") == 0,
                          (enum kernel_operation)operation, dtype);
}

/* Calls back for every operation, and type where there is one, that has a kernel. */
static bool each_kernel(const char *word, bool (*call)(void *ctx, const struct kernel *k, const char *type),
                        void *ctx)
{
    for (int operation = 0; operation < N_KERNEL_OPERATIONS; operation++)
        for (uint32_t dtype = 0; dtype < (per_type(operation) ? N_DTYPES : 1); dtype++) {
            const struct dtype *type = dtype_get(dtype);
            const struct kernel *k = type ? chosen(word, operation, dtype) : NULL;
            if (k && !call(ctx, k, per_type(operation) ? type->name : NULL))
                return false;
        }
    return true;
}

struct kernel_table {
    struct columns columns;
    const char *word; /* of --kernels */
};

/* An operation, its kernel, and those that could run, too. */
static bool print_kernel(void *ctx, const struct kernel *k, const char *type)
{
    struct kernel_table *t = ctx;
    struct columns *c = &t->columns;
    columns_add(c, "%s%s%s", kernels_operation_name(k->operation), type ? " " : "", type ? type : "");
    columns_add(c, "%s", k->name);
    char others[256] = "";
    for (const struct kernel *const *other = kernels_all(); *other; other++)
        if ((*other)->operation == k->operation && (*other)->dtype == k->dtype && *other != k &&
            kernel_runs(*other, kernels_cpu_at_most(t->word))) {
            const size_t n = strlen(others);
            snprintf(others + n, sizeof others - n, "%s%s", n ? ", " : "", (*other)->name);
        }
    columns_add(c, "%s", others);
    return true;
}

static bool add_kernel(void *ctx, const struct kernel *k, const char *type)
{
    return json_array_append_new(ctx,
                                 json_pack("{s:s, s:s*, s:s}", "operation", kernels_operation_name(k->operation),
                                           "type", type, "kernel", k->name)) == 0;
}

static bool repacked(const struct opened *o, struct repack_cache_state *out)
{
    return repack_cache_state(o->world->defaults ? o->world->defaults->repack_cache : (double)NAN, out);
}

static viv_status print_verbose(const struct opened *o, const char *word, struct error *err)
{
    struct kernel_table t = {.columns = {.align = "lll"}, .word = word};
    printf("processor: %s, %ld usable\nfeatures: ", kernels_cpu_name(), sysconf(_SC_NPROCESSORS_ONLN));
    for (int i = 0; i < N_FEATURES; i++)
        if (kernels_cpu() & features[i].bit)
            printf(" %s", features[i].name);
    printf("%s\nkernels, and those that were not chosen:\n",
           kernels_cpu() ? "" : " none beyond the least of its kind");
    each_kernel(word, print_kernel, &t);
    viv_status status = columns_print(&t.columns, 2, err);
    printf("specs:\n");
    for (const char *const *d = host_spec_directories(engine_host(o->engine)); *d; d++)
        printf("  %s\n", *d);
    printf("plugins:\n");
    for (size_t i = 0; i < host_n_plugins(engine_host(o->engine)); i++) {
        struct plugin_info p;
        host_plugin(engine_host(o->engine), i, &p);
        printf("  %s%s\n", p.path, p.reason ? " (refused, see viv plugin list)" : "");
    }
    struct repack_cache_state r;
    if (repacked(o, &r))
        printf("repacked weights:\n  %s: %" PRIu64 " files, %s of at most %s\n", r.folder, r.n,
               human_bytes(r.bytes).text, human_bytes(r.limit).text);
    return status;
}

static bool add_words(json_t *array, const char *const *words)
{
    for (; *words; words++)
        if (json_array_append_new(array, cli_json_word(*words)) != 0)
            return false;
    return true;
}

static viv_status print_version_json(const struct opened *o, const char *word, struct error *err)
{
    char abi[32];
    snprintf(abi, sizeof abi, "%u.%u", VIV_ABI_MAJOR, VIV_ABI_MINOR);
    json_t *kernels = json_array(), *cpu = json_array(), *specs = json_array(), *plugins = json_array();
    bool ok = kernels && cpu && each_kernel(word, add_kernel, kernels);
    for (int i = 0; ok && i < N_FEATURES; i++)
        if (kernels_cpu() & features[i].bit)
            ok = json_array_append_new(cpu, json_string(features[i].name)) == 0;
    ok = ok && add_words(specs, host_spec_directories(engine_host(o->engine)));
    for (size_t i = 0; ok && i < host_n_plugins(engine_host(o->engine)); i++) {
        struct plugin_info p;
        host_plugin(engine_host(o->engine), i, &p);
        ok = json_array_append_new(plugins, cli_json_word(p.path)) == 0;
    }
    struct repack_cache_state r;
    json_t *cache = repacked(o, &r)
                        ? json_pack("{s:o, s:I, s:I, s:I}", "folder", cli_json_word(r.folder), "files",
                                    (json_int_t)r.n, "bytes", (json_int_t)r.bytes, "limit", (json_int_t)r.limit)
                        : json_null();
    if (!ok) {
        json_decref(kernels);
        kernels = NULL; /* which fails below, and releases the others */
    }
    return cli_print_json(json_pack("{s:s, s:s, s:{s:o, s:I, s:o}, s:o, s:o, s:o, s:o}", "version", PACKAGE_VERSION,
                                    "abi", abi, "processor", "name", cli_json_word(kernels_cpu_name()), "usable",
                                    (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "features", cpu, "kernels", kernels,
                                    "specs", specs, "plugins", plugins, "repacked", cache),
                          false, err);
}

static int version(const struct arguments *a)
{
    const struct version_options *o = a->options;
    struct opened opened = {0};
    struct error err = {0};
    viv_status status = VIV_OK;
    if (!o->json)
        printf("viv %s, plugin ABI %u.%u\n", PACKAGE_VERSION, VIV_ABI_MAJOR, VIV_ABI_MINOR);
    if (o->verbose || o->json)
        status = cli_open_world(&opened, &o->common, &err);
    if (status == VIV_OK && opened.engine)
        status = host_examine(engine_host(opened.engine), &err);
    if (status == VIV_OK && o->json)
        status = print_version_json(&opened, o->common.kernels, &err);
    else if (status == VIV_OK && o->verbose)
        status = print_verbose(&opened, o->common.kernels, &err);
    return cli_close_opened(&opened, status, &err);
}

const struct command command_version = {
    .name = "version",
    .summary = "which Vivarium this is, and what it uses of this machine",
    .words = "",
    .options = table,
    .options_size = sizeof(struct version_options),
    .examples = "viv version\n"
                "viv version -v\n"
                "VIV_CPU=generic viv version -v",
    .group = GROUP_FRAMEWORK,
    .main = version,
};
