/* images.c - see images.h. */
#include "cli/images.h"

viv_status images_add(const struct string_list *files, struct request *r, struct error *err)
{
    viv_status status = VIV_OK;
    for (size_t i = 0; status == VIV_OK && i < files->n; i++)
        status = request_add_picture(r, files->items[i], err);
    return status;
}
