/* base64.h - bytes written as letters (RFC 4648). */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"

/* Appends the bytes. False: a character is no digit (out->failed: memory is out). What follows a '=' is not read.
 */
bool base64_decode(const char *s, size_t n, struct buf *out);
/* Appends the letters of the bytes, with '=' at their end up to a multiple of 4. */
bool base64_encode(const void *bytes, size_t n, struct buf *out);

#endif
