/* film.h - videos in files that libavformat reads: MP4, MOV, Matroska, WebM and AVI (./configure --with-ffmpeg;
 * without it, no file is one). Frames are decoded one after the other, so that memory is that of one, however long
 * the video is. Nothing but the bytes that are given is read, and no thread is started. */
#ifndef VLM_FILM_H
#define VLM_FILM_H

#include "picture.h"

/* Its bytes are the caller's, until it is closed. */
struct vlm_film {
    uint32_t total, width, height; /* total: frames */
    double fps;
};

/* Whether the first bytes are those of such a file. */
bool vlm_film_matches(const uint8_t *bytes, uint64_t size);
/* Counts the frames; decodes none. */
viv_status vlm_film_open(const viv_host *host, const uint8_t *bytes, uint64_t size, struct vlm_film **out);
/* Frame `index`, from 0: the same as at the call before, or a later one. */
viv_status vlm_film_frame(const viv_host *host, struct vlm_film *film, uint32_t index, struct vlm_picture *out);
void vlm_film_close(struct vlm_film *film); /* accepts NULL */

#endif
