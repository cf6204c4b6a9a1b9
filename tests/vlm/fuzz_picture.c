/* Any bytes given as a picture or an animation end in pixels or in an error, within the limit on pixels. */
#include "fuzz.h"
#include "host.h"
#include "vlm/picture.h"

enum { LIMIT = 1 << 20 };

static unsigned char sum_of(const struct vlm_picture *p)
{
    unsigned char sum = 0;
    for (uint64_t i = 0; i < UINT64_C(3) * p->width * p->height; i++)
        sum = (unsigned char)(sum + p->pixels[i]);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct vlm_reading how = {.max_pixels = LIMIT};
    volatile unsigned char sum = 0;
    struct vlm_picture picture;
    struct vlm_frames frames;
    uint32_t width = 0, height = 0;
    const viv_status measured = vlm_picture_measure(&test_host, data, size, &how, &width, &height);
    if (vlm_picture_read(&test_host, data, size, &how, &picture) == VIV_OK) {
        if (measured != VIV_OK || picture.width != width || picture.height != height)
            __builtin_trap();
        sum = sum_of(&picture);
        vlm_picture_release(&picture);
    }
    if (vlm_frames_read(&test_host, data, size, &how, &frames) == VIV_OK) {
        for (uint32_t i = 0; i < frames.n; i++)
            sum = (unsigned char)(sum + sum_of(&frames.frames[i].picture));
        vlm_frames_release(&frames);
    }
    (void)sum;
    return 0;
}
