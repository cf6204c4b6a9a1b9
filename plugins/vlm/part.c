/* part.c - the picture of a part of a request, whose errors begin with the part's name. */
#include "film.h"
#include "vlm.h"

static void set_error(const viv_host *host, viv_status status, const char *sentence)
{
    const struct vlm_naming *n = (const struct vlm_naming *)(const void *)host;
    viv_leave_error(n->real, status, "%s%s%s", n->name ? n->name : "", n->name ? ": " : "", sentence);
}

struct vlm_naming vlm_naming(const viv_host *host, const viv_part *part)
{
    return (struct vlm_naming){{.struct_size = sizeof(viv_host), .set_error = set_error}, host, part->name};
}

viv_status vlm_part_read(const viv_host *host, const viv_part *part, struct vlm_picture *out)
{
    const struct vlm_naming n = vlm_naming(host, part);
    const struct vlm_reading how = {0};
    return vlm_picture_read(&n.host, part->data, part->size, &how, out);
}

viv_status vlm_part_measure(const viv_host *host, const viv_part *part, uint32_t *width, uint32_t *height)
{
    const struct vlm_naming n = vlm_naming(host, part);
    const struct vlm_reading how = {0};
    return vlm_picture_measure(&n.host, part->data, part->size, &how, width, height);
}

viv_status vlm_part_frames(const viv_host *host, const viv_part *part, struct vlm_frames *out)
{
    const struct vlm_naming n = vlm_naming(host, part);
    const struct vlm_reading how = {0};
    return vlm_frames_read(&n.host, part->data, part->size, &how, out);
}

viv_status vlm_part_film(const viv_host *host, const viv_part *part, struct vlm_film **out)
{
    const struct vlm_naming n = vlm_naming(host, part);
    return vlm_film_open(&n.host, part->data, part->size, out);
}
