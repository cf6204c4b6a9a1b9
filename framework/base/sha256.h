/* sha256.h - SHA-256 (FIPS 180-4), for names of content. */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stddef.h>

/* The digest of n bytes as 64 hex digits, terminated. */
void sha256_hex(const void *bytes, size_t n, char hex[65]);

#endif
