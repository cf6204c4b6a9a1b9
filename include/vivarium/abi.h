/* abi.h - what host and plugin agree on before anything else: versions, status codes, the
 * identification block, the entry, the host.
 *
 * Draft 0.x: until 1.0 a minor version may change anything. From 1.0 on, structs only grow at their
 * end, an incompatible change gets a new id ("viv.layer/2"), and nothing is ever renamed.
 *
 * Conventions, for every header of this folder:
 *   - A growable struct starts with `struct_size`, set by whoever made it to its own sizeof. It is passed
 *     by pointer, arrays of it are arrays of pointers, and a field beyond the first version is read only
 *     under VIV_HAS. No struct has padding.
 *   - Strings are UTF-8, borrowed for the call, or for the life of the object that hands them out.
 *   - A function returns VIV_OK or a negative status, and has then said why through `set_error`.
 *   - Each function says who may call it:
 *       [any]     any thread, any time
 *       [setup]   one thread at a time per object, may allocate and block
 *       [worker]  any thread, concurrently on one object; allocates nothing, blocks on nothing
 */
#ifndef VIVARIUM_ABI_H
#define VIVARIUM_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#define VIV_STATIC_ASSERT(cond, text) static_assert(cond, text)
#else
#define VIV_STATIC_ASSERT(cond, text) _Static_assert(cond, text)
#endif

#define VIV_ABI_MAJOR 0u
#define VIV_ABI_MINOR 1u

/* Field f of *p lies within the memory that the other side gave us. */
#define VIV_HAS(p, T, f) ((p)->struct_size >= offsetof(T, f) + sizeof((p)->f))

typedef int32_t viv_status;

enum {
    VIV_OK = 0,
    VIV_EINVAL = -1,       /* an argument or a spec that makes no sense */
    VIV_ENOMEM = -2,       /* memory could not be had */
    VIV_EUNSUPPORTED = -3, /* understood, but not something we can do */
    VIV_ESHAPE = -4,       /* two shapes that must agree do not */
    VIV_EABI = -5,         /* host and plugin do not fit */
    VIV_ECANCELLED = -6,   /* the caller asked us to stop */
    VIV_EINTERNAL = -7,    /* a promise of our own was broken */
    VIV_EIO = -8,          /* the operating system refused */
    VIV_EFORMAT = -9,      /* the bytes of a file are not what they claim to be */
    VIV_ENOTFOUND = -10,   /* there is no such thing */
    VIV_ELIMIT = -11,      /* more than we are willing to take */
    VIV_ERANGE = -12       /* a number beyond those that its type holds */
};

/* The identification block: 64 bytes without a pointer, in section ".viv_plugin", so that a plugin can be
 * validated from its file before any of its code runs. Frozen. */
#define VIV_PLUGIN_MAGIC 0x50564956u /* "VIVP", little-endian */
#define VIV_BYTE_ORDER 0x01020304u

typedef struct viv_plugin_ident {
    uint32_t magic, block_size;
    uint16_t abi_major, abi_minor; /* what the plugin was built with */
    uint16_t abi_min_minor;        /* the oldest host minor that it can live with */
    uint16_t ptr_bits;
    uint32_t byte_order;
    uint32_t flags;         /* none yet: 0 */
    uint64_t cpu_required;  /* bits of viv_cpu_feature (kernels.h) without which its code may not run */
    char name[32];          /* "llm", NUL-terminated */
} viv_plugin_ident;

/* The host, as a plugin sees it. Lives until `deinit` has returned. */
typedef struct viv_host viv_host;
struct viv_host {
    uint32_t struct_size, abi_major, abi_minor, flags;
    void *ctx;
    const char *name, *version;

    /* The table behind an id such as VIV_SERVICE_KERNELS, or NULL if this host has none. [any] */
    const void *(*get_service)(const viv_host *host, const char *id);

    /* Says why the function about to return `status` fails. Copies the sentence; kept per thread. [any] */
    void (*set_error)(const viv_host *host, viv_status status, const char *sentence);
};

/* The one symbol that a plugin exports besides its identification: `viv_plugin_entry`. */
typedef struct viv_plugin_entry_table {
    uint32_t struct_size, flags;

    /* Called once before anything else, and once at the end; both may be NULL. A plugin is first loaded in a child
     * process, which calls both and then ends, so that nothing they do may reach beyond the process. [setup] */
    viv_status (*init)(const viv_host *host);
    void (*deinit)(void);

    /* What the plugin provides: a NULL-terminated array of pointers to the classes named by `id`
     * (VIV_CLASS_LAYER, VIV_CLASS_SCHEDULER, VIV_CLASS_ARCHITECTURE), or NULL. [any] */
    const void *const *(*get_classes)(const char *id);
} viv_plugin_entry_table;

#define VIV_CLASS_LAYER "viv.layer/0"
#define VIV_CLASS_SCHEDULER "viv.scheduler/0"
#define VIV_CLASS_ARCHITECTURE "viv.architecture/0"

#define VIV_EXPORT __attribute__((visibility("default")))

/* A plugin writes, once, at the top level of one file:
 *   VIV_PLUGIN("llm", .get_classes = get_classes)                                                         */
#ifdef __cplusplus
#define VIV_EXTERN extern "C"
#else
#define VIV_EXTERN extern
#endif
#define VIV_PLUGIN(plugin_name, ...)                                                                         \
    VIV_EXTERN VIV_EXPORT const viv_plugin_ident viv_plugin_identification;                                  \
    VIV_EXTERN VIV_EXPORT const viv_plugin_entry_table viv_plugin_entry;                                     \
    __attribute__((section(".viv_plugin"), used)) const viv_plugin_ident viv_plugin_identification = {       \
        .magic = VIV_PLUGIN_MAGIC,                                                                           \
        .block_size = sizeof(viv_plugin_ident),                                                              \
        .abi_major = VIV_ABI_MAJOR,                                                                          \
        .abi_minor = VIV_ABI_MINOR,                                                                          \
        .abi_min_minor = VIV_ABI_MINOR,                                                                      \
        .ptr_bits = 8 * sizeof(void *),                                                                      \
        .byte_order = VIV_BYTE_ORDER,                                                                        \
        .flags = 0,                                                                                          \
        .cpu_required = 0,                                                                                   \
        .name = plugin_name};                                                                                \
    const viv_plugin_entry_table viv_plugin_entry = {.struct_size = sizeof(viv_plugin_entry_table),          \
                                                     .flags = 0, __VA_ARGS__};

VIV_STATIC_ASSERT(sizeof(viv_plugin_ident) == 64, "frozen");

#ifdef __cplusplus
}
#endif
#endif
