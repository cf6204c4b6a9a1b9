/* figure.c - see figure.h. */
#include "base/figure.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* value below `base` of the largest fitting unit, three digits */
static struct figure figure_of(double value, double base, const char *const *units, size_t n_units)
{
    struct figure f;
    size_t unit = 0;
    while (value >= base * 0.9995 && unit + 1 < n_units) {
        value /= base;
        unit++;
    }
    int decimals = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    snprintf(f.text, sizeof f.text, "%.*f%s", decimals, value, units[unit]);
    return f;
}

struct figure human_bytes(uint64_t bytes)
{
    static const char *const units[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB"};
    return figure_of((double)bytes, 1024, units, sizeof units / sizeof *units);
}

struct figure human_count(uint64_t n)
{
    static const char *const units[] = {"", " K", " M", " B", " T"};
    return figure_of((double)n, 1000, units, sizeof units / sizeof *units);
}

struct figure human_number(double x, int digits)
{
    struct figure f;
    double whole = 1; /* numbers from here on have no decimals */
    for (int i = 1; i < digits; i++)
        whole *= 10;
    if (fabs(x) >= whole && fabs(x) < 1e6)
        snprintf(f.text, sizeof f.text, "%.0f", x);
    else
        snprintf(f.text, sizeof f.text, "%.*g", digits, x);
    return f;
}

struct figure human_seconds(double seconds)
{
    struct figure f;
    const bool short_time = seconds < 1;
    snprintf(f.text, sizeof f.text, "%.16s %s", human_number(short_time ? seconds * 1e3 : seconds, 3).text,
             short_time ? "ms" : "s");
    return f;
}

struct figure human_rate(double per_second)
{
    return per_second < 1000 ? human_number(per_second, 3) : human_count((uint64_t)per_second);
}

struct figure human_share(double part)
{
    struct figure f;
    if (part > 0 && part < 0.0005)
        snprintf(f.text, sizeof f.text, "< 0.1 %%");
    else
        snprintf(f.text, sizeof f.text, "%.*f %%", part >= 0.9995 ? 0 : 1, 100 * part);
    return f;
}
