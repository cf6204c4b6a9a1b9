/* kernels.h - chooses, once, the implementation of each operation for this machine.
 *
 * Each folder is an instruction set or a library, each file an operation; names are the same in every folder. A
 * file only has to define its entries at the top level:
 *
 *   const struct kernel kernel_avx2_rms_norm = {
 *       .operation = KERNEL_RMS_NORM, .name = "avx2", .cpu = VIV_CPU_AVX2, .rank = 20, .rms_norm = rms_norm};
 *
 * Among the entries of an operation whose cpu bits the machine has, the one with the highest rank is chosen.
 * generic/ has rank 0 and requires nothing: it is the specification that all others are tested against. */
#ifndef KERNELS_KERNELS_H
#define KERNELS_KERNELS_H

#include "base/error.h"

#include <vivarium/delta_rule.h>
#include <vivarium/kernels.h>

#include <stdbool.h>

enum kernel_operation {
    KERNEL_PRODUCT,          /* one for each weight type */
    KERNEL_DECODED_PRODUCTS, /* for all block types: weights decoded to f32, activations as they are */
    KERNEL_RMS_NORM,
    KERNEL_LAYER_NORM,
    KERNEL_ADD,
    KERNEL_SCALE,
    KERNEL_SOFTCAP,
    KERNEL_SOFTMAX,
    KERNEL_ACTIVATE,
    KERNEL_GATE,
    KERNEL_ANGLES,
    KERNEL_ROTATE,
    KERNEL_ATTEND,
    KERNEL_DELTA_RULE,
    KERNEL_TO_F32,   /* one for each type */
    KERNEL_FROM_F32, /* one for each type */
    KERNEL_ENCODERS, /* for all block types that weights are quantized to */
    N_KERNEL_OPERATIONS
};

/* Weights to the blocks of a type, with a search for the best scales: encode.h. (KERNEL_FROM_F32 rounds at once,
 * for activations and caches.) */
struct encoder {
    uint32_t dtype;
    /* One row: w are its weights. n is a multiple of the type's block; x is finite and at most 65504 in size. */
    void (*encode)(void *blocks, const float *x, const float *w, uint64_t n);
};

struct encoders {
    /* The weight of each error in a row, [n]. importance: [n], at least 0, or NULL. */
    void (*weights)(float *w, const float *x, const float *importance, uint64_t n);
    const struct encoder *types; /* ended by one without a function */
};

struct kernel {
    enum kernel_operation operation;
    int rank;
    const char *name;     /* of the implementation: "avx512_vnni" */
    uint64_t cpu;         /* VIV_CPU_... all needed */
    bool (*usable)(void); /* whether further requirements are met; NULL: there are none */
    uint32_t dtype;       /* of KERNEL_PRODUCT, KERNEL_TO_F32, KERNEL_FROM_F32 */
    union {
        const viv_product *product;
        const viv_product *const *products; /* NULL-terminated */
        void (*rms_norm)(float *, const float *, const float *, uint64_t, float);
        void (*layer_norm)(float *, const float *, const float *, const float *, uint64_t, float);
        void (*add)(float *, const float *, const float *, uint64_t);
        void (*scale)(float *, const float *, float, uint64_t);
        void (*softcap)(float *, const float *, float, uint64_t);
        void (*softmax)(float *, const float *, uint64_t);
        void (*activate)(uint32_t, float *, const float *, uint64_t);
        void (*gate)(uint32_t, float *, const float *, const float *, uint64_t);
        void (*angles)(float *, float *, const float *, int32_t, uint64_t);
        void (*rotate)(float *, const float *, const float *, uint64_t, int32_t);
        struct {
            void (*attend)(const viv_attend *);
            uint64_t (*attend_scratch_bytes)(uint64_t, uint64_t, uint64_t, uint64_t);
        };
        void (*delta_rule)(const viv_delta_rule *);
        void (*to_f32)(float *, const void *, uint64_t);
        void (*from_f32)(void *, const float *, uint64_t);
        const struct encoders *encoders;
    };
};

/* The features of this processor, masked by $VIV_CPU ("generic", "avx2", "avx512": that and what is below it). */
uint64_t kernels_cpu(void);
/* The features that such a word leaves; all of them for NULL or another word. */
uint64_t kernels_cpu_at_most(const char *word);
/* The processor's own name: "AMD EPYC ...". */
const char *kernels_cpu_name(void);

/* What products may be. */
enum {
    KERNELS_FASTEST = 1,        /* also those that depend on the batch (OpenBLAS) */
    KERNELS_F32_ACTIVATIONS = 2 /* only those that take activations as they are, without rounding them first */
};

/* Chooses among all entries for these features. Thread-safe; the result lives as long as the process. */
const viv_kernels *kernels_choose(uint64_t cpu, unsigned flags);
/* The delta rule that was chosen with this table, which kernels_choose returned. */
const viv_delta_rules *kernels_delta_rules(const viv_kernels *kernels);
/* The entry chosen for an operation (and type), or NULL; for `viv version -v` and tests. */
const struct kernel *kernels_chosen(uint64_t cpu, unsigned flags, enum kernel_operation operation, uint32_t dtype);
/* The product that this makes for weights of a type, or NULL: the entry's, else one of KERNEL_DECODED_PRODUCTS. */
const viv_product *kernels_product(uint64_t cpu, unsigned flags, uint32_t dtype);
/* The encoder that this makes for a type: NULL if there is none. */
const struct encoder *kernels_encoder(uint64_t cpu, uint32_t dtype);
const char *kernels_operation_name(enum kernel_operation operation);
/* Whether an entry can run with these features. */
bool kernel_runs(const struct kernel *k, uint64_t cpu);
/* All entries, for tests: NULL-terminated. */
const struct kernel *const *kernels_all(void);

#endif
