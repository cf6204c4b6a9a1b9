/* pace.c - see pace.h. */
#include "model/pace.h"

#include "base/clock.h"

#include <math.h>
#include <time.h>

static double cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double pace_rest(double cpu, double wall, double share, uint32_t n_threads)
{
    return fmax(cpu / (share * n_threads) - wall, 0);
}

static void mark(struct pace *p)
{
    p->cpu = cpu_now();
    p->wall = seconds_now();
}

/* Seconds to rest now. */
static double rest_of(const struct pace *p, double share, uint32_t n_threads)
{
    return pace_rest(cpu_now() - p->cpu, seconds_now() - p->wall, share, n_threads);
}

void pace_begin(struct pace *p, double share, uint32_t n_threads)
{
    if (p->wall <= 0 || rest_of(p, share, n_threads) <= 0)
        mark(p);
}

void pace_end(struct pace *p, double share, uint32_t n_threads, const uint32_t *cancel)
{
    static const double LOOK_EVERY = 0.02; /* seconds: at *cancel */
    double rest;
    while ((rest = rest_of(p, share, n_threads)) > 0) {
        if (cancel && __atomic_load_n(cancel, __ATOMIC_RELAXED))
            break;
        const struct timespec nap = {0, (long)(1e9 * fmin(rest, LOOK_EVERY))};
        nanosleep(&nap, NULL);
    }
    mark(p);
}
