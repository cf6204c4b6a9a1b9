/* polite - a plugin that wraps the architecture llm: a conversation gets a system prompt of its own before it.
 * Built by tests/host/test_outside.sh, with the public headers alone. */
#include <stdlib.h>
#include <string.h>
#include <vivarium/vivarium.h>

struct polite {
    const viv_host *host;
    const viv_architecture_class *llm;
    void *instance; /* of llm */
};

static viv_status fail(const viv_host *host, viv_status status, const char *sentence)
{
    host->set_error(host, status, sentence);
    return status;
}

static viv_status polite_open(const viv_host *host, viv_model *model, void **instance)
{
    const viv_architectures *architectures = host->get_service(host, VIV_SERVICE_ARCHITECTURES);
    struct polite *p = calloc(1, sizeof *p);
    if (!architectures || !p) {
        free(p);
        return fail(host, VIV_EABI, "polite needs a host with " VIV_SERVICE_ARCHITECTURES);
    }
    p->host = host;
    viv_status status = architectures->find(host, "llm", &p->llm);
    if (status == VIV_OK)
        status = p->llm->open(host, model, &p->instance);
    if (status == VIV_OK)
        *instance = p;
    else
        free(p);
    return status;
}

static viv_status polite_run(void *instance, const viv_request *request, const viv_sink *sink)
{
    static const char words[] = "Be polite.";
    static const viv_part part = {
        .struct_size = sizeof part, .kind = VIV_PART_TEXT, .data = words, .size = sizeof words - 1};
    static const viv_part *const parts[] = {&part};
    static const viv_message system = {
        .struct_size = sizeof system, .n_parts = 1, .role = "system", .parts = parts};
    struct polite *p = instance;
    viv_request more = *request;
    const viv_message **messages = malloc((request->n_messages + 1) * sizeof(const viv_message *));
    if (!messages)
        return fail(p->host, VIV_ENOMEM, "out of memory");
    messages[0] = &system;
    for (uint32_t i = 0; i < request->n_messages; i++)
        messages[i + 1] = request->messages[i];
    more.messages = messages;
    more.n_messages++;
    viv_status status = p->llm->run(p->instance, &more, sink);
    free(messages);
    return status;
}

static void polite_close(void *instance)
{
    struct polite *p = instance;
    if (p)
        p->llm->close(p->instance);
    free(p);
}

static const viv_architecture_class polite = {.struct_size = sizeof(viv_architecture_class),
                                              .name = "polite",
                                              .summary = "Talks as llm does, politely.",
                                              .open = polite_open,
                                              .run = polite_run,
                                              .close = polite_close};

static const void *const *get_classes(const char *id)
{
    static const void *const architectures[] = {&polite, NULL};
    return strcmp(id, VIV_CLASS_ARCHITECTURE) == 0 ? architectures : NULL;
}

VIV_PLUGIN_BY("polite", "1.0", "tests", .get_classes = get_classes)
