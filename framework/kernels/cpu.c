/* cpu.c - detects the features of this processor: cpuid and xgetbv (Intel SDM vol. 1 chapter 14, AMD APM vol. 3
 * appendix E), or the kernel's hardware capabilities on arm64. */
#include "kernels/kernels.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t found;
static char found_name[64];

#if defined __x86_64__
#include <cpuid.h>

enum { XMM_YMM = 0x6, OPMASK_ZMM = 0xe0 }; /* of XCR0: registers that the system saves */

static uint64_t saved_registers(void)
{
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static void find_name(void)
{
    unsigned r[12];
    if (!__get_cpuid(0x80000002, &r[0], &r[1], &r[2], &r[3]) ||
        !__get_cpuid(0x80000003, &r[4], &r[5], &r[6], &r[7]) ||
        !__get_cpuid(0x80000004, &r[8], &r[9], &r[10], &r[11]))
        return;
    memcpy(found_name, r, sizeof r);
}

static uint64_t find(void)
{
    unsigned a, b, c, d, leaf7_a, leaf7_b, leaf7_c, leaf7_d, vendor_b, vendor_c, vendor_d;
    uint64_t cpu = 0;
    find_name();
    if (!__get_cpuid(0, &a, &vendor_b, &vendor_c, &vendor_d) || !__get_cpuid(1, &a, &b, &c, &d))
        return 0;
    if (!(c & bit_OSXSAVE) || !__get_cpuid_count(7, 0, &leaf7_a, &leaf7_b, &leaf7_c, &leaf7_d))
        return 0;
    uint64_t saved = saved_registers();
    if ((saved & XMM_YMM) != XMM_YMM || !(c & bit_FMA) || !(c & bit_F16C) || !(leaf7_b & bit_AVX2))
        return 0;
    cpu |= VIV_CPU_AVX2;
    const unsigned leaf7_1_a = leaf7_a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d) ? a : 0;
    if (leaf7_1_a & 1u << 4)
        cpu |= VIV_CPU_AVX_VNNI;
    unsigned wanted = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    if ((saved & OPMASK_ZMM) != OPMASK_ZMM || (leaf7_b & wanted) != wanted)
        return cpu;
    cpu |= VIV_CPU_AVX512;
    if (leaf7_c & 1u << 11)
        cpu |= VIV_CPU_AVX512_VNNI;
    if (leaf7_d & 1u << 23)
        cpu |= VIV_CPU_AVX512_FP16;
    if (leaf7_1_a & 1u << 5) {
        cpu |= VIV_CPU_AVX512_BF16;
        if (vendor_b == signature_AMD_ebx && vendor_c == signature_AMD_ecx && vendor_d == signature_AMD_edx)
            cpu |= VIV_CPU_FAST_BF16_DOT;
    }
    return cpu;
}

#elif defined __aarch64__
#include <sys/auxv.h>

static uint64_t find(void)
{
    enum { ASIMD = 1 << 1, ASIMDDP = 1 << 20, /* of AT_HWCAP */ I8MM = 1 << 13 /* of AT_HWCAP2 */ };
    unsigned long capabilities = getauxval(AT_HWCAP);
    uint64_t cpu = 0;
    snprintf(found_name, sizeof found_name, "arm64");
    if (capabilities & ASIMD)
        cpu |= VIV_CPU_NEON;
    if (capabilities & ASIMD && capabilities & ASIMDDP)
        cpu |= VIV_CPU_NEON_DOTPROD;
    if (cpu & VIV_CPU_NEON_DOTPROD && getauxval(AT_HWCAP2) & I8MM)
        cpu |= VIV_CPU_NEON_I8MM;
    return cpu;
}

#else

static uint64_t find(void)
{
    return 0;
}

#endif

static void find_once(void)
{
    found = find();
    const char *name = found_name + strspn(found_name, " ");
    memmove(found_name, name, strlen(name) + 1);
    if (!*found_name)
        snprintf(found_name, sizeof found_name, "unknown processor");
}

static void find_processor(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_once);
}

/* "avx512" and "neon" include all features */
static uint64_t masked(uint64_t cpu, const char *word)
{
    return word && strcmp(word, "generic") == 0 ? 0 : word && strcmp(word, "avx2") == 0 ? cpu & VIV_CPU_AVX2 : cpu;
}

uint64_t kernels_cpu(void)
{
    find_processor();
    return masked(found, getenv("VIV_CPU"));
}

uint64_t kernels_cpu_at_most(const char *word)
{
    return masked(kernels_cpu(), word);
}

const char *kernels_cpu_name(void)
{
    find_processor();
    return found_name;
}
