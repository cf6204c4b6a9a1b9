/* draft/request.h - parts and events that no architecture of this version reads or sends. Their numbers are reserved;
 * everything else about them may change. */
#ifndef VIVARIUM_DRAFT_REQUEST_H
#define VIVARIUM_DRAFT_REQUEST_H

#include <vivarium/request.h>

/* Parts of a message. */
enum {
    VIV_PART_VIDEO = 3  /* the bytes of a video file */
};

/* Events of an answer. */
enum {
    VIV_EVENT_ACTION = 4 /* text: an action, as JSON */
};

#endif
