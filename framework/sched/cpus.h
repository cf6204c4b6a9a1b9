/* cpus.h - how many processors this process may keep busy. */
#ifndef SCHED_CPUS_H
#define SCHED_CPUS_H

#include <stdint.h>

/* The processors of its affinity mask, or what its control groups grant when that is fewer; at least 1. */
uint32_t cpus_usable(void);

/* The least whole number of processors that covers the quota of the group named in `membership` (the form of
 * /proc/self/cgroup) and of all groups above it, in the control group file system at `root`. UINT32_MAX: no limit.
 */
uint32_t cpus_quota(const char *membership, const char *root);

#endif
