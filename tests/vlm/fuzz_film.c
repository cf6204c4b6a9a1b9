/* Any bytes given as a film end in frames or in an error. Only builds with --with-ffmpeg read films. */
#include "fuzz.h"
#include "host.h"
#include "vlm/film.h"

#include <stddef.h>

enum { MOST_PIXELS = 1 << 20, MOST_SEEN = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vlm_film *film = NULL;
    if (!vlm_film_matches(data, size) || vlm_film_open(&test_host, data, size, &film) != VIV_OK)
        return 0;
    const bool small = (uint64_t)film->width * film->height <= MOST_PIXELS;
    for (uint32_t i = 0; small && i < film->total && i < 2 * MOST_SEEN; i += 2) {
        struct vlm_picture p = {0};
        if (vlm_film_frame(&test_host, film, i, &p) != VIV_OK)
            break;
        if (p.width != film->width || p.height != film->height)
            __builtin_trap();
        vlm_picture_release(&p);
    }
    vlm_film_close(film);
    return 0;
}
