/* digest.h - names of content that nobody can make two contents for, as a service: VIV_SERVICE_DIGEST. */
#ifndef VIVARIUM_DIGEST_H
#define VIVARIUM_DIGEST_H

#include <vivarium/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VIV_SERVICE_DIGEST "viv.digest/0"

typedef struct viv_digest {
    uint32_t struct_size, flags;
    /* SHA-256 (FIPS 180-4) of n pieces, one behind the other. [any: always] */
    void (*sha256)(const void *const *pieces, const uint64_t *sizes, uint64_t n, uint8_t digest[32]);
} viv_digest;

#ifdef __cplusplus
}
#endif
#endif
