/* draft/request.h - events that no architecture of this version reads or sends. Their numbers are reserved;
 * everything else about them may change. */
#ifndef VIVARIUM_DRAFT_REQUEST_H
#define VIVARIUM_DRAFT_REQUEST_H

#include <vivarium/request.h>

/* Events of an answer. */
enum {
    VIV_EVENT_ACTION = 4 /* text: an action, as JSON */
};

#endif
