/* picture_source.h - where a message has its pictures: a data: URL holds the bytes of the picture's file in base64,
 * a file: URL or a path names the file. Nothing is ever fetched from the network. */
#ifndef CHAT_PICTURE_SOURCE_H
#define CHAT_PICTURE_SOURCE_H

#include "base/buf.h"
#include "base/error.h"

#include <stdint.h>

/* The bytes of a picture's file; their format is not looked at. files: whether paths and file: URLs are read; who
 * answers others than this user must not. */
viv_status picture_source_read(const char *source, bool files, struct buf *out, struct error *err);
/* The same of a path. A file that is empty, or larger than 1 GiB, is refused. */
viv_status picture_file_read(const char *path, struct buf *out, struct error *err);
/* The other way round: appends a data: URL. */
bool picture_source_write(const void *bytes, uint64_t size, struct buf *out);

/* "image/png" and so on, by the first bytes; NULL: none of the formats that are read. */
const char *picture_media_type(const void *bytes, uint64_t size);

#endif
