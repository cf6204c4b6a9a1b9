/* cpus.c - affinity by sched_getaffinity; quota by control groups, version 2: cpu.max holds "<quota> <period>" in
 * microseconds, or "max <period>" (Linux, Documentation/admin-guide/cgroup-v2.rst). A quota of 1.5 processors
 * counts as 2: the kernel throttles no one who stays below it, and most steps leave some time unused. */
#include "sched/cpus.h"

#include "base/size.h"

#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* sched_getaffinity refuses a set smaller than the kernel's own. */
static uint32_t affinity(void)
{
    for (int n_cpus = 1024; n_cpus <= 1 << 20; n_cpus *= 4) {
        cpu_set_t *set = CPU_ALLOC(n_cpus);
        if (!set)
            break;
        size_t size = CPU_ALLOC_SIZE(n_cpus);
        int found = sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : 0;
        CPU_FREE(set);
        if (found > 0)
            return (uint32_t)found;
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (uint32_t)online : 1;
}

/* The path of version 2 is the line "0::<path>". */
static int group_of(const char *membership, char path[PATH_MAX])
{
    char line[PATH_MAX];
    int found = 0;
    FILE *f = fopen(membership, "re");
    while (f && !found && fgets(line, sizeof line, f)) {
        if (strncmp(line, "0::/", 4) != 0)
            continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(path, PATH_MAX, "%s", line + 3);
        found = 1;
    }
    if (f)
        fclose(f);
    return found;
}

static uint32_t quota_in(const char *root, const char *group)
{
    char path[2 * PATH_MAX];
    uint64_t quota, period, n = UINT32_MAX;
    snprintf(path, sizeof path, "%s%s/cpu.max", root, group);
    FILE *f = fopen(path, "re");
    if (!f)
        return UINT32_MAX;
    if (fscanf(f, "%" SCNu64 " %" SCNu64, &quota, &period) == 2 && period > 0)
        n = size_max(1, quota / period + (quota % period != 0));
    fclose(f);
    return (uint32_t)size_min(n, UINT32_MAX);
}

uint32_t cpus_quota(const char *membership, const char *root)
{
    char group[PATH_MAX];
    if (!group_of(membership, group))
        return UINT32_MAX;
    uint32_t least = UINT32_MAX;
    for (char *slash; (slash = strrchr(group, '/')); *slash = '\0')
        least = (uint32_t)size_min(least, quota_in(root, group));
    return (uint32_t)size_min(least, quota_in(root, ""));
}

uint32_t cpus_usable(void)
{
    return (uint32_t)size_min(affinity(), cpus_quota("/proc/self/cgroup", "/sys/fs/cgroup"));
}
