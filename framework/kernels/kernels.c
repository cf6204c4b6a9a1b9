/* kernels.c - the table of all kernels, and the choice among them. Nothing is allocated: there is a static place
 * for the choice of each set of features. */
#include "kernels/kernels.h"
#include "config.h"

#include <pthread.h>
#include <string.h>

#define ENTRY(symbol) extern const struct kernel symbol;
#include "registry/kernels_generic.inc"
#ifdef HAVE_KERNELS_X86_64
#include "registry/kernels_avx2.inc"
#include "registry/kernels_avx512.inc"
#include "registry/kernels_avx512_vnni.inc"
#include "registry/kernels_avx_vnni.inc"
#endif
#ifdef HAVE_KERNELS_NEON
#include "registry/kernels_neon.inc"
#endif
#ifdef HAVE_KERNELS_NEON_I8MM
#include "registry/kernels_neon_i8mm.inc"
#endif
#ifdef HAVE_OPENBLAS
#include "registry/kernels_openblas.inc"
#endif
#undef ENTRY

static const struct kernel *const entries[] = {
#define ENTRY(symbol) &symbol,
#include "registry/kernels_generic.inc"
#ifdef HAVE_KERNELS_X86_64
#include "registry/kernels_avx2.inc"
#include "registry/kernels_avx512.inc"
#include "registry/kernels_avx512_vnni.inc"
#include "registry/kernels_avx_vnni.inc"
#endif
#ifdef HAVE_KERNELS_NEON
#include "registry/kernels_neon.inc"
#endif
#ifdef HAVE_KERNELS_NEON_I8MM
#include "registry/kernels_neon_i8mm.inc"
#endif
#ifdef HAVE_OPENBLAS
#include "registry/kernels_openblas.inc"
#endif
#undef ENTRY
    NULL,
};

static const char *const operation_names[N_KERNEL_OPERATIONS] = {
    [KERNEL_PRODUCT] = "product",   [KERNEL_DECODED_PRODUCTS] = "decoded products",
    [KERNEL_RMS_NORM] = "rms_norm", [KERNEL_LAYER_NORM] = "layer_norm",
    [KERNEL_ADD] = "add",           [KERNEL_SCALE] = "scale",
    [KERNEL_SOFTCAP] = "softcap",   [KERNEL_SOFTMAX] = "softmax",
    [KERNEL_ACTIVATE] = "activate", [KERNEL_GATE] = "gate",
    [KERNEL_ANGLES] = "angles",     [KERNEL_ROTATE] = "rotate",
    [KERNEL_ATTEND] = "attend",     [KERNEL_DELTA_RULE] = "delta_rule",
    [KERNEL_TO_F32] = "to_f32",     [KERNEL_FROM_F32] = "from_f32",
    [KERNEL_ENCODERS] = "encoders",
};

const struct kernel *const *kernels_all(void)
{
    return entries;
}

const char *kernels_operation_name(enum kernel_operation operation)
{
    return operation_names[operation];
}

static int has_type(enum kernel_operation operation)
{
    return operation == KERNEL_PRODUCT || operation == KERNEL_TO_F32 || operation == KERNEL_FROM_F32;
}

bool kernel_runs(const struct kernel *k, uint64_t cpu)
{
    return !(k->cpu & ~cpu) && (!k->usable || k->usable());
}

static bool product_admitted(const viv_product *p, unsigned flags)
{
    return (!(p->flags & VIV_PRODUCT_BATCH_VARIANT) || flags & KERNELS_FASTEST) &&
           (!(flags & KERNELS_F32_ACTIVATIONS) || strcmp(p->row_format, "f32") == 0);
}

const struct kernel *kernels_chosen(uint64_t cpu, unsigned flags, enum kernel_operation operation, uint32_t dtype)
{
    const struct kernel *best = NULL;
    for (size_t i = 0; entries[i]; i++) {
        const struct kernel *e = entries[i];
        if (e->operation != operation || (has_type(operation) && e->dtype != dtype))
            continue;
        if (operation == KERNEL_PRODUCT && !product_admitted(e->product, flags))
            continue;
        if (!kernel_runs(e, cpu))
            continue;
        if (!best || e->rank > best->rank)
            best = e;
    }
    return best;
}

const viv_product *kernels_product(uint64_t cpu, unsigned flags, uint32_t dtype)
{
    const struct kernel *k = kernels_chosen(cpu, flags, KERNEL_PRODUCT, dtype);
    if (k)
        return k->product;
    k = kernels_chosen(cpu, flags, KERNEL_DECODED_PRODUCTS, 0);
    const viv_product *const *p = k->products;
    while (*p && (*p)->weight_dtype != dtype)
        p++;
    return *p;
}

const struct encoder *kernels_encoder(uint64_t cpu, uint32_t dtype)
{
    const struct encoder *e = kernels_chosen(cpu, 0, KERNEL_ENCODERS, 0)->encoders->types;
    while (e->encode && e->dtype != dtype)
        e++;
    return e->encode ? e : NULL;
}

struct choice {
    viv_kernels table;
    viv_delta_rules delta_rules;
    uint64_t cpu;
    unsigned flags;
};

static const viv_product *chosen_product(const viv_kernels *kernels, uint32_t dtype)
{
    const struct choice *choice = (const struct choice *)kernels;
    return kernels_product(choice->cpu, choice->flags, dtype);
}

/* These two do not know which table they were called through. Conversions are exact, so any table gives the same
 * result.
 */
static void (*chosen_to_f32(uint32_t dtype))(float *, const void *, uint64_t)
{
    const struct kernel *k = kernels_chosen(kernels_cpu(), 0, KERNEL_TO_F32, dtype);
    return k ? k->to_f32 : NULL;
}

static void (*chosen_from_f32(uint32_t dtype))(void *, const float *, uint64_t)
{
    const struct kernel *k = kernels_chosen(kernels_cpu(), 0, KERNEL_FROM_F32, dtype);
    return k ? k->from_f32 : NULL;
}

static void choose(struct choice *choice, uint64_t cpu, unsigned flags)
{
#define CHOSEN(operation) kernels_chosen(cpu, flags, operation, 0)
    const struct kernel *attend = CHOSEN(KERNEL_ATTEND);
    *choice = (struct choice){
        .cpu = cpu,
        .flags = flags,
        .table = {.struct_size = sizeof(viv_kernels),
                  .cpu = cpu,
                  .product = chosen_product,
                  .rms_norm = CHOSEN(KERNEL_RMS_NORM)->rms_norm,
                  .layer_norm = CHOSEN(KERNEL_LAYER_NORM)->layer_norm,
                  .add = CHOSEN(KERNEL_ADD)->add,
                  .scale = CHOSEN(KERNEL_SCALE)->scale,
                  .softcap = CHOSEN(KERNEL_SOFTCAP)->softcap,
                  .softmax = CHOSEN(KERNEL_SOFTMAX)->softmax,
                  .activate = CHOSEN(KERNEL_ACTIVATE)->activate,
                  .gate = CHOSEN(KERNEL_GATE)->gate,
                  .angles = CHOSEN(KERNEL_ANGLES)->angles,
                  .rotate = CHOSEN(KERNEL_ROTATE)->rotate,
                  .attend = attend->attend,
                  .attend_scratch_bytes = attend->attend_scratch_bytes,
                  .to_f32 = chosen_to_f32,
                  .from_f32 = chosen_from_f32},
        .delta_rules = {.struct_size = sizeof(viv_delta_rules), .run = CHOSEN(KERNEL_DELTA_RULE)->delta_rule},
    };
#undef CHOSEN
}

const viv_kernels *kernels_choose(uint64_t cpu, unsigned flags)
{
    enum { ALL = (VIV_CPU_NEON_DOTPROD << 1) - 1, FLAGS = KERNELS_FASTEST | KERNELS_F32_ACTIVATIONS };
    static struct choice choices[ALL + 1][FLAGS + 1];
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    struct choice *choice = &choices[cpu & ALL][flags & FLAGS];
    pthread_mutex_lock(&lock);
    if (!choice->table.struct_size)
        choose(choice, cpu & ALL, flags & FLAGS);
    pthread_mutex_unlock(&lock);
    return &choice->table;
}

const viv_delta_rules *kernels_delta_rules(const viv_kernels *kernels)
{
    return &((const struct choice *)kernels)->delta_rules;
}
