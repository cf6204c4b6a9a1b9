/* sha256.h - SHA-256 (FIPS 180-4), for names of content. */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

/* A digest of bytes that come in pieces. */
struct sha256 {
    uint32_t h[8];
    uint64_t n; /* bytes so far */
    unsigned char tail[64];
};
void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *bytes, size_t n);
void sha256_end(struct sha256 *s, unsigned char digest[32]);

/* The digest of n bytes as 64 hex digits, terminated. */
void sha256_hex(const void *bytes, size_t n, char hex[65]);

#endif
