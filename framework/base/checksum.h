/* checksum.h - a checksum of 64 bits at the speed of memory. It finds damage; it is no guard against intent. */
#ifndef BASE_CHECKSUM_H
#define BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Differs for any two texts of n bytes that differ within one aligned word of 8 bytes, and nearly always else. */
uint64_t checksum(const void *bytes, size_t n);

#endif
