/* frame_folder.h - a folder whose files are the frames of a video, in the order of their names: 2.png is before
 * 10.png. */
#ifndef ENGINE_FRAME_FOLDER_H
#define ENGINE_FRAME_FOLDER_H

#include "base/error.h"

#include <stddef.h>

struct frame_folder {
    char **paths; /* [n] */
    size_t n, capacity;
};

/* Names that begin with a dot are left out; a folder in it, no file at all, or more than 100,000 are refused. */
viv_status frame_folder_read(const char *path, struct frame_folder *out, struct error *err);
void frame_folder_release(struct frame_folder *f); /* accepts a zeroed struct */

#endif
