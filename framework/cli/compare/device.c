/* device.c - see device.h. */
#include "cli/compare/device.h"
#include "cli/compare/memory.h"

#include "base/file.h"
#include "base/near.h"
#include "base/size.h"
#include "config.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define GB(x)  ((x)*1e9)
#define TF(x)  ((x)*1e12)
#define GIB(x) ((uint64_t)(x) << 30)

/* What the makers' own pages and data sheets say, without sparsity: memory, f32, bf16, f16, int8. */
static const struct device listed[] = {
    {"raspberry-pi-5", {GB(17.1), TF(0.154), 0, 0, TF(0.614)}, GIB(8)},
    {"m1", {GB(68.3), TF(2.6), 0, 0, 0}, GIB(16)},
    {"m2-ultra", {GB(800), TF(27.2), 0, 0, 0}, GIB(192)},
    {"m4-max", {GB(546), TF(18.4), 0, 0, 0}, GIB(128)},
    {"rtx-3090", {GB(936), TF(35.6), TF(71), TF(71), TF(284)}, GIB(24)},
    {"rtx-4090", {GB(1008), TF(82.6), TF(165.2), TF(165.2), TF(660.6)}, GIB(24)},
    {"l4", {GB(300), TF(30.3), TF(121), TF(121), TF(242)}, GIB(24)},
    {"a100-80gb", {GB(2039), TF(19.5), TF(312), TF(312), TF(624)}, GIB(80)},
    {"h100-sxm", {GB(3350), TF(67), TF(989), TF(989), TF(1979)}, GIB(80)},
    {"h200", {GB(4800), TF(67), TF(989), TF(989), TF(1979)}, GIB(141)},
    {"mi300x", {GB(5300), TF(163.4), TF(1307), TF(1307), TF(2615)}, GIB(192)},
};

const struct device *device_listed(size_t i)
{
    return i < sizeof listed / sizeof *listed ? &listed[i] : NULL;
}

double device_arithmetic(const struct device *d, uint32_t dtype)
{
    double best = d->limits.f32;
    bool quantized = dtype_get(dtype)->block > 1;
    if (dtype == VIV_BF16 && d->limits.bf16 > best)
        best = d->limits.bf16;
    if (dtype == VIV_F16 && d->limits.f16 > best)
        best = d->limits.f16;
    if (quantized && d->limits.int8 > best)
        best = d->limits.int8;
    return best;
}

/* --- from words ---------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    double factor;
} prefixes[] = {{"ki", 1024}, {"mi", 1048576}, {"gi", 1073741824}, {"ti", 1099511627776.0},
                {"k", 1e3},   {"m", 1e6},      {"g", 1e9},         {"t", 1e12},
                {"p", 1e15},  {"", 1}};

/* "80GB/s" with unit "b/s": 80e9. */
static bool parse_quantity(const char *text, size_t n, const char *unit, double *out)
{
    char word[64], *end;
    if (n >= sizeof word)
        return false;
    memcpy(word, text, n);
    word[n] = '\0';
    double value = strtod(word, &end);
    if (end == word || !(value > 0) || value > 1e30)
        return false;
    while (*end == ' ')
        end++;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        size_t m = strlen(prefixes[i].name);
        if (strncasecmp(end, prefixes[i].name, m) == 0 && strcasecmp(end + m, unit) == 0) {
            *out = value * prefixes[i].factor;
            return true;
        }
    }
    return false;
}

static viv_status parse_quantities(const char *text, struct device *d, struct error *err)
{
    double memory = 0;
    for (const char *at = text; *at;) {
        size_t n = strcspn(at, ",");
        if (!parse_quantity(at, n, "B/s", &d->limits.read) && !parse_quantity(at, n, "FLOP/s", &d->limits.f32) &&
            !parse_quantity(at, n, "FLOPS", &d->limits.f32) && !parse_quantity(at, n, "B", &memory))
            return error_set(err, VIV_EINVAL,
                             "device '%s': expected \"80GB/s,2TFLOP/s\" or \"80GB/s,2TFLOP/s,16GiB\"", text);
        at += n + (at[n] == ',');
    }
    if (d->limits.read <= 0 || d->limits.f32 <= 0)
        return error_set(err, VIV_EINVAL,
                         "device '%s': both are needed, bytes from memory (80GB/s) and operations (2TFLOP/s)",
                         text);
    d->memory = memory < 1e18 ? (uint64_t)memory : 0;
    return VIV_OK;
}

viv_status device_parse(const char *text, struct device *out, struct error *err)
{
    const char *names[sizeof listed / sizeof *listed];
    struct device d = {0};
    for (size_t i = 0; i < sizeof listed / sizeof *listed; i++) {
        names[i] = listed[i].name;
        if (strcmp(text, listed[i].name) == 0) {
            *out = listed[i];
            return VIV_OK;
        }
    }
    if (!strpbrk(text, "/,")) {
        const char *near = near_word(text, names, sizeof names / sizeof *names);
        if (near)
            return error_set(err, VIV_ENOTFOUND, "unknown device '%.64s', did you mean '%s'?", text, near);
        return error_set(err, VIV_ENOTFOUND,
                         "unknown device '%.64s'; say what it can do (\"80GB/s,2TFLOP/s,16GiB\"), or one of those "
                         "that `viv compare --devices` lists",
                         text);
    }
    snprintf(d.name, sizeof d.name, "%s", text);
    viv_status status = parse_quantities(text, &d, err);
    if (status == VIV_OK)
        *out = d;
    return status;
}

/* --- this machine -------------------------------------------------------------------------------------------- */

enum { MAX_CACHED = 4096 };

static void cpu_model(char out[64])
{
    char line[256];
    snprintf(out, 64, "this machine");
    FILE *f = fopen("/proc/cpuinfo", "re");
    while (f && fgets(line, sizeof line, f)) {
        char *at = strncmp(line, "model name", 10) == 0 ? strchr(line, ':') : NULL;
        if (!at)
            continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(out, 64, "%.63s", at + 2);
        break;
    }
    if (f)
        fclose(f);
}

/* What the figures were measured under: a first line that must still be true. */
static void cache_key(const char *cpu_name, uint32_t n_threads, uint64_t cpu, char out[256])
{
    snprintf(out, 256, "vivarium %s limits; %s; %u threads; cpu %" PRIx64 "\n", PACKAGE_VERSION, cpu_name,
             n_threads, cpu);
}

static bool cache_read(const char *path, const char *key, struct limits *l)
{
    struct buf text = {0};
    struct error err;
    size_t n = strlen(key);
    bool known =
        file_read(path, MAX_CACHED, &text, &err) == VIV_OK && text.size > n && memcmp(text.data, key, n) == 0 &&
        sscanf(text.data + n, "%lf %lf %lf %lf %lf", &l->read, &l->f32, &l->bf16, &l->f16, &l->int8) == 5 &&
        l->read > 0 && l->f32 > 0;
    buf_release(&text);
    return known;
}

static void cache_write(const char *path, const char *key, const struct limits *l)
{
    struct buf text = {0};
    struct error err; /* a cache that cannot be written is no failure */
    buf_printf(&text, "%s%.6g %.6g %.6g %.6g %.6g\n", key, l->read, l->f32, l->bf16, l->f16, l->int8);
    if (!text.failed)
        (void)file_write(path, text.data, text.size, &err);
    buf_release(&text);
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* What a machine can do at most is the most that it was ever seen to do: at another time it was busy. */
static struct limits most_of(const struct limits *a, const struct limits *b)
{
    return (struct limits){larger(a->read, b->read), larger(a->f32, b->f32), larger(a->bf16, b->bf16),
                           larger(a->f16, b->f16), larger(a->int8, b->int8)};
}

viv_status device_here(uint32_t n_threads, uint64_t cpu, bool measure, struct device *out, struct error *err)
{
    struct device d = {0};
    struct limits known = {0};
    char key[256], name[64], directory[4096], path[4160];
    cpu_model(name);
    cache_key(name, n_threads, cpu, key);
    snprintf(d.name, sizeof d.name, "%s, %u threads", name, n_threads);
    d.memory = memory_of_machine();
    bool cached = file_cache_directory(directory, sizeof directory);
    snprintf(path, sizeof path, "%s/limits-%u", directory, n_threads);
    bool is_known = cached && cache_read(path, key, &known);
    if (measure || !is_known) {
        viv_status status = limits_measure(n_threads, cpu, &d.limits, err);
        if (status != VIV_OK)
            return status;
    }
    d.limits = most_of(&d.limits, &known);
    if (cached && (measure || !is_known) && file_make_parents(path))
        cache_write(path, key, &d.limits);
    *out = d;
    return VIV_OK;
}
