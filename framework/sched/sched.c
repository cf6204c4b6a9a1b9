/* sched.c - see sched.h. */
#include "sched/sched.h"

#include <string.h>

#define ENTRY(symbol) extern const viv_scheduler_class symbol;
#include "registry/schedulers.inc"
#undef ENTRY

static const viv_scheduler_class *const all[] = {
#define ENTRY(symbol) &symbol,
#include "registry/schedulers.inc"
#undef ENTRY
    NULL,
};

const viv_scheduler_class *scheduler_find(const char *name)
{
    for (const viv_scheduler_class *const *s = all; *s; s++)
        if (strcmp((*s)->name, name ? name : SCHEDULER_DEFAULT) == 0)
            return *s;
    return NULL;
}

const viv_scheduler_class *const *schedulers_all(void)
{
    return all;
}
