/* specimen.h - a whole plugin in small parts, from which the tests of the host build wholesome and sick ones. */
#include <vivarium/vivarium.h>

#include <string.h>

static viv_status specimen_open(const viv_host *host, viv_model *model, void **instance)
{
    (void)host;
    (void)model;
    *instance = NULL;
    return VIV_OK;
}

static viv_status specimen_run(void *instance, const viv_request *request, const viv_sink *sink)
{
    (void)instance;
    (void)request;
    (void)sink;
    return VIV_OK;
}

static void specimen_close(void *instance)
{
    (void)instance;
}

static viv_status specimen_infer(void *layer, viv_infer *b)
{
    (void)layer;
    b->out_dim = b->in_dims[0];
    return VIV_OK;
}

static viv_status specimen_prepare(void *layer, viv_prepare *p)
{
    (void)layer;
    (void)p;
    return VIV_OK;
}

static uint64_t specimen_tasks(const void *layer, const viv_exec *exec, uint32_t phase)
{
    (void)layer;
    (void)phase;
    return exec->n_rows;
}

static viv_status specimen_forward(const void *layer, const viv_exec *exec, uint32_t phase, uint64_t first,
                                   uint64_t end)
{
    (void)layer;
    (void)exec;
    (void)phase;
    (void)first;
    (void)end;
    return VIV_OK;
}

static const viv_attr *const specimen_attrs[] = {NULL};

/* Later values win over those given here. */
#define ARCHITECTURE(...)                                                                                          \
    {                                                                                                              \
        .struct_size = sizeof(viv_architecture_class), .name = "specimen", .summary = "a specimen",                \
        .open = specimen_open, .run = specimen_run, .close = specimen_close, __VA_ARGS__                           \
    }
#define LAYER(...)                                                                                                 \
    {                                                                                                              \
        .struct_size = sizeof(viv_layer_class), .name = "specimen", .summary = "a specimen",                       \
        .attrs = specimen_attrs, .infer = specimen_infer, .prepare = specimen_prepare, .tasks = specimen_tasks,    \
        .forward = specimen_forward, __VA_ARGS__                                                                   \
    }

/* get_classes for a plugin that provides one class. */
#define BRINGS(kind, type, ...)                                                                                    \
    static const type provided = __VA_ARGS__;                                                                      \
    static const void *const *get_classes(const char *id)                                                          \
    {                                                                                                              \
        static const void *const list[] = {&provided, NULL};                                                       \
        (void)specimen_open, (void)specimen_run, (void)specimen_close, (void)specimen_infer;                       \
        (void)specimen_prepare, (void)specimen_tasks, (void)specimen_forward;                                      \
        (void)specimen_attrs;                                                                                      \
        return strcmp(id, kind) == 0 ? list : NULL;                                                                \
    }
#define BRINGS_ARCHITECTURE(...) BRINGS(VIV_CLASS_ARCHITECTURE, viv_architecture_class, ARCHITECTURE(__VA_ARGS__))
#define BRINGS_LAYER(...)        BRINGS(VIV_CLASS_LAYER, viv_layer_class, LAYER(__VA_ARGS__))

/* VIV_PLUGIN with an identification to tamper with. */
#define TAMPERED(...)                                                                                              \
    VIV_EXTERN VIV_EXPORT const viv_plugin_ident viv_plugin_identification;                                        \
    VIV_EXTERN VIV_EXPORT const viv_plugin_entry_table viv_plugin_entry;                                           \
    __attribute__((section(".viv_plugin"), used))                                                                  \
    const viv_plugin_ident viv_plugin_identification = {.magic = VIV_PLUGIN_MAGIC,                                 \
                                                        .block_size = sizeof(viv_plugin_ident),                    \
                                                        .abi_major = VIV_ABI_MAJOR,                                \
                                                        .abi_minor = VIV_ABI_MINOR,                                \
                                                        .abi_min_minor = VIV_ABI_MINOR,                            \
                                                        .ptr_bits = 8 * sizeof(void *),                            \
                                                        .byte_order = VIV_BYTE_ORDER,                              \
                                                        .name = "specimen",                                        \
                                                        __VA_ARGS__};                                              \
    const viv_plugin_entry_table viv_plugin_entry = {.struct_size = sizeof(viv_plugin_entry_table),                \
                                                     .get_classes = get_classes};
