/* acting.c - see acting.h. This is the one place that calls an architecture's viv_acting, and it checks every
 * event. */
#include "engine/acting.h"

#include "base/size.h"
#include "base/trail.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <string.h>

viv_status acting_open(struct engine *e, const char *architecture, struct acting *out, struct error *err)
{
    *out = (struct acting){.engine = e};
    viv_status status = host_architecture(engine_host(e), architecture, &out->architecture, err);
    if (status != VIV_OK)
        return status;
    const viv_architecture_class *class = out->architecture.class;
    const viv_acting *table = class->get_ext ? class->get_ext(VIV_ARCHITECTURE_ACTING) : NULL;
    if (!table || !VIV_HAS(table, viv_acting, log) || table->struct_size > MAX_STRUCT || !table->undo ||
        !table->log)
        return error_set(err, VIV_EUNSUPPORTED, "architecture '%s' of %s does not act", architecture,
                         out->architecture.plugin);
    out->table = table;
    return VIV_OK;
}

/* --- events ------------------------------------------------------------------------------------------------- */

enum { MOST_EVENT = 16 << 20 };

static viv_status hear(const viv_listener *listener, const char *json, uint64_t size, bool *yes)
{
    const struct acting_listener *to = listener->ctx;
    struct error err;
    json_t *event = NULL;
    viv_status status =
        json && size <= MOST_EVENT ? VIV_OK : error_set(&err, VIV_EABI, "an event is NULL or too long");
    if (status == VIV_OK)
        status = json_parse("an event", json, size, &event, &err);
    if (status == VIV_OK && !json_is_string(json_object_get(event, "event")))
        status = error_set(&err, VIV_EABI, "an event does not say what it is");
    if (status == VIV_OK)
        status = yes ? to->ask(to->ctx, event, yes, &err) : to->tell(to->ctx, event, &err);
    json_decref(event);
    if (status != VIV_OK)
        error_leave(status, err.text);
    return status;
}

static viv_status tell(const viv_listener *listener, const char *json, uint64_t size)
{
    return hear(listener, json, size, NULL);
}

static viv_status ask(const viv_listener *listener, const char *json, uint64_t size, int32_t *yes)
{
    bool answer = false;
    const viv_status status = hear(listener, json, size, &answer);
    *yes = status == VIV_OK && answer;
    return status;
}

static viv_listener listener_of(const struct acting_listener *to)
{
    return (viv_listener){.struct_size = sizeof(viv_listener), .ctx = (void *)to, .tell = tell, .ask = ask};
}

/* --- calls -------------------------------------------------------------------------------------------------- */

static viv_status ended(viv_status status, struct error *err)
{
    return status == VIV_OK ? VIV_OK : error_take(err, status);
}

viv_status acting_undo(const struct acting *a, const viv_undo *what, const struct acting_listener *listener,
                       struct error *err)
{
    const viv_listener hears = listener_of(listener);
    const struct trail before = trail_enter(a->architecture.plugin, "acting.undo");
    const viv_status status = a->table->undo(host_viv(engine_host(a->engine)), what, &hears);
    trail = before;
    return ended(status, err);
}

viv_status acting_log(const struct acting *a, const char *workspace, const struct acting_listener *listener,
                      struct error *err)
{
    const viv_listener hears = listener_of(listener);
    const struct trail before = trail_enter(a->architecture.plugin, "acting.log");
    const viv_status status = a->table->log(host_viv(engine_host(a->engine)), workspace, &hears);
    trail = before;
    return ended(status, err);
}
