/* float_mode.h - how this thread rounds, and whether it flushes small numbers to zero. A plugin must leave that
 * alone: it would change the numbers of all others. */
#ifndef BASE_FLOAT_MODE_H
#define BASE_FLOAT_MODE_H

#include <stdint.h>

#if defined __x86_64__
static inline uint32_t float_mode(void)
{
    return __builtin_ia32_stmxcsr() & 0xffc0; /* rounding, flushing, masks; not the sticky flags */
}
static inline void float_mode_set(uint32_t mode)
{
    __builtin_ia32_ldmxcsr(mode);
}
#else
static inline uint32_t float_mode(void)
{
    uint64_t mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    return (uint32_t)mode;
}
static inline void float_mode_set(uint32_t mode)
{
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)mode));
}
#endif

#endif
