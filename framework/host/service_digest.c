/* service_digest.c - VIV_SERVICE_DIGEST: SHA-256. */
#include "base/sha256.h"
#include "host/service.h"

#include <vivarium/digest.h>

static void sha256(const void *const *pieces, const uint64_t *sizes, uint64_t n, uint8_t digest[32])
{
    struct sha256 s;
    sha256_init(&s);
    for (uint64_t i = 0; i < n; i++)
        sha256_add(&s, pieces[i], (size_t)sizes[i]);
    sha256_end(&s, digest);
}

static const viv_digest digest = {.struct_size = sizeof(viv_digest), .sha256 = sha256};

const struct service service_digest = {.id = VIV_SERVICE_DIGEST, .table = &digest};
