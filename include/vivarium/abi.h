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
 *   - Each function says in brackets which thread may call it, and when, as [thread: when].
 *     The thread:
 *       any       any thread, also several at the same time
 *       setup     one thread at a time per object; may allocate and block
 *       worker    any thread, also several on one object at the same time; allocates nothing, blocks on nothing
 *     When: "always" is from before viv_plugin_entry_table.init until deinit has returned; "in f" is during a call of f,
 *     "after f" from a successful f until the object ends; "once" is a call of the host's that comes once per object.
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

/* The identification block: without a pointer, in section ".viv_plugin", so that a plugin can be judged from its file
 * before any of its code runs. Fields are only ever added at its end: a host reads those that it knows, and refuses a block
 * that lacks some of them. */
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
    char name[32];          /* "llm": a-z, 0-9, '_', '-', '.' */
    char version[24];       /* of the plugin: "1.2.0"; for people */
    char vendor[40];        /* who made it; for people */
} viv_plugin_ident;         /* all texts are NUL-terminated; version and vendor may be empty */

/* The host, as a plugin sees it. Lives until `deinit` has returned. */
typedef struct viv_host viv_host;
struct viv_host {
    uint32_t struct_size, abi_major, abi_minor, flags;
    void *ctx;
    const char *name, *version;

    /* The table behind an id such as VIV_SERVICE_KERNELS, or NULL if this host has none.
     * [any: always] */
    const void *(*get_service)(const viv_host *host, const char *id);

    /* Says why the function about to return `status` fails. Copies the sentence; kept per thread.
     * [any: always] */
    void (*set_error)(const viv_host *host, viv_status status, const char *sentence);
};

/* The one symbol that a plugin exports besides its identification: `viv_plugin_entry`. */
typedef struct viv_plugin_entry_table {
    uint32_t struct_size, flags;

    /* Called before anything else, and at the end; both may be NULL. A plugin is first loaded in a child process, which
     * calls both and then ends, so that nothing they do may reach beyond the process. */
    viv_status (*init)(const viv_host *host); /* [setup: once, first] */
    void (*deinit)(void);                     /* [setup: once, last; only after init has succeeded] */

    /* What the plugin provides: a NULL-terminated array of pointers to the classes named by `id`
     * (VIV_CLASS_LAYER, VIV_CLASS_SCHEDULER, VIV_CLASS_ARCHITECTURE), or NULL. The same at
     * each call. [any: after init] */
    const void *const *(*get_classes)(const char *id);
} viv_plugin_entry_table;

#define VIV_CLASS_LAYER "viv.layer/0"
#define VIV_CLASS_SCHEDULER "viv.scheduler/0"
#define VIV_CLASS_ARCHITECTURE "viv.architecture/0"

#define VIV_EXPORT __attribute__((visibility("default")))

/* A plugin writes, once, at the top level of one file (in C and in C++), its name, then the fields of
 * viv_plugin_entry_table from init on: in order, or in C by name; with its version and vendor:
 *   VIV_PLUGIN("llm", .get_classes = get_classes)
 *   VIV_PLUGIN_BY("llm", "1.2.0", "Example Corp.", init, deinit, get_classes)
 * or both parts by themselves, if it needs features of the processor, or can live with an older host:
 *   VIV_PLUGIN_IDENT("llm", "1.2.0", "Example Corp.", VIV_ABI_MINOR, VIV_CPU_AVX2)
 *   VIV_PLUGIN_ENTRY(NULL, NULL, get_classes)                                                               */
#define VIV_PLUGIN(plugin_name, ...) VIV_PLUGIN_BY(plugin_name, "", "", __VA_ARGS__)
#define VIV_PLUGIN_BY(plugin_name, plugin_version, plugin_vendor, ...)                                       \
    VIV_PLUGIN_IDENT(plugin_name, plugin_version, plugin_vendor, VIV_ABI_MINOR, 0)                           \
    VIV_PLUGIN_ENTRY(__VA_ARGS__)

/* A plugin that is built into a program, instead of being a file of its own, is compiled with -DVIV_BUILTIN=NAME: its two
 * symbols end in _NAME then. */
#ifdef VIV_BUILTIN
#define VIV_JOIN_(a, b) a##_##b
#define VIV_JOIN(a, b) VIV_JOIN_(a, b)
#define VIV_PLUGIN_SYMBOL(symbol) VIV_JOIN(symbol, VIV_BUILTIN)
#else
#define VIV_PLUGIN_SYMBOL(symbol) symbol
#endif

#ifdef __cplusplus
#define VIV_EXTERN extern "C"
#define VIV_PLUGIN_ENTRY_HEAD sizeof(viv_plugin_entry_table), 0
#else
#define VIV_EXTERN extern
#define VIV_PLUGIN_ENTRY_HEAD .struct_size = sizeof(viv_plugin_entry_table), .flags = 0
#endif

#define VIV_PLUGIN_IDENT(plugin_name, plugin_version, plugin_vendor, min_minor, cpu)                         \
    VIV_STATIC_ASSERT(sizeof(plugin_name) <= 32, "the name of a plugin has at most 31 bytes");               \
    VIV_STATIC_ASSERT(sizeof(plugin_version) <= 24, "the version of a plugin has at most 23 bytes");         \
    VIV_STATIC_ASSERT(sizeof(plugin_vendor) <= 40, "the vendor of a plugin has at most 39 bytes");           \
    VIV_EXTERN VIV_EXPORT const viv_plugin_ident VIV_PLUGIN_SYMBOL(viv_plugin_identification);               \
    __attribute__((section(".viv_plugin"), used)) const viv_plugin_ident VIV_PLUGIN_SYMBOL(viv_plugin_identification) = { \
        VIV_PLUGIN_MAGIC, sizeof(viv_plugin_ident), VIV_ABI_MAJOR, VIV_ABI_MINOR, min_minor,                 \
        8 * sizeof(void *), VIV_BYTE_ORDER, 0, cpu, plugin_name, plugin_version, plugin_vendor};

#define VIV_PLUGIN_ENTRY(...)                                                                                \
    VIV_EXTERN VIV_EXPORT const viv_plugin_entry_table VIV_PLUGIN_SYMBOL(viv_plugin_entry);                  \
    const viv_plugin_entry_table VIV_PLUGIN_SYMBOL(viv_plugin_entry) = {VIV_PLUGIN_ENTRY_HEAD, __VA_ARGS__};

VIV_STATIC_ASSERT(sizeof(viv_plugin_ident) == 128, "0.1");

#ifdef __cplusplus
}
#endif
#endif
