/* images.c - see images.h. */
#include "cli/images.h"

#include "base/file.h"

static const uint64_t LARGEST_FILE = 1 << 30;

viv_status image_add(const char *file, struct request *r, struct error *err)
{
    struct buf bytes = {0};
    viv_status status = file_read_input(file, LARGEST_FILE, &bytes, err);
    if (status == VIV_OK && bytes.size == 0)
        status = error_set(err, VIV_EFORMAT, "%s: expected a picture, found an empty file", file_input_name(file));
    if (status == VIV_OK)
        status = request_add_part(r, VIV_PART_IMAGE, bytes.data, bytes.size, file, err);
    buf_release(&bytes);
    return status;
}

viv_status images_add(const struct string_list *files, struct request *r, struct error *err)
{
    viv_status status = VIV_OK;
    for (size_t i = 0; status == VIV_OK && i < files->n; i++)
        status = image_add(files->items[i], r, err);
    return status;
}
