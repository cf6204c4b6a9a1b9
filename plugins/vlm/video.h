/* video.h - which frames of a video a model sees: sample.c. */
#ifndef VLM_VIDEO_H
#define VLM_VIDEO_H

#include "settings.h"

#include <vivarium/helpers.h>

/* Of `total` frames at `fps` a second, of which `group` go together: *n indices, at least one, which never fall.
 * *index is the caller's. total, fps and group are above 0. */
viv_status vlm_sample(const viv_host *host, const struct vlm_settings *settings, uint32_t total, double fps,
                      uint32_t group, uint32_t **index, uint32_t *n);

#endif
