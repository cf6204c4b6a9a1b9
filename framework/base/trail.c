/* trail.c - see trail.h. */
#include "base/trail.h"

#include <stdio.h>

_Thread_local struct trail trail;
const char *trail_spoilt;

void trail_spoil(const char *sentence)
{
    static char copy[1024]; /* the heap is not to be trusted any more */
    snprintf(copy, sizeof copy, "%s", sentence);
    trail_spoilt = copy;
}
