/* energy.h - energy that the processor and its memory take, by the counters of the Linux power capping framework
 * (Documentation/power/powercap): RAPL of Intel and AMD. They count all that the machine does, not this process
 * alone. Where they cannot be read, `why` says so. */
#ifndef CLI_COMPARE_ENERGY_H
#define CLI_COMPARE_ENERGY_H

#include <stddef.h>
#include <stdint.h>

enum { ENERGY_ZONES = 64 };

struct energy {
    struct energy_zone {
        char path[512];       /* of its folder */
        uint64_t last, range; /* microjoules: what it said last, and after how many it begins anew */
    } zones[ENERGY_ZONES];
    size_t n;
    double joules; /* of all zones, since energy_begin */
    char why[768]; /* they are not known; "": they are */
};

/* Finds the zones of processor packages and of memory below `root`, NULL: where Linux has them, and begins to
 * count.
 */
void energy_begin(struct energy *e, const char *root);
/* Joules since then, or NAN. Each counter begins anew at most once between two calls: one needs an hour or so. */
double energy_now(struct energy *e);

#endif
