/* architecture.c - see architecture.h. What is promised of events is in vivarium/request.h. */
#include "engine/architecture.h"

#include "base/size.h"
#include "base/trail.h"
#include "base/utf8.h"
#include "model/model.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { MAX_REASON = 31, MAX_PROGRESS = 63 };

struct listener {
    const struct architecture *architecture;
    const viv_sink *sink; /* where events go once they are checked */
    viv_model *model;
    const viv_request *request;
    pthread_t thread;
    uint64_t dim; /* of the vectors so far; 0: there was none */
    bool done;
    bool failed; /* an event was wrong, or refused by the sink: nothing is listened to any more */
    struct error error;
};

static viv_status check_text(const viv_event *e, struct error *err)
{
    if (!e->text && (e->size || e->kind != VIV_EVENT_TEXT))
        return error_set(err, VIV_EINVAL, "its text is NULL and its size %" PRIu64, e->size);
    if (e->size && !utf8_valid(e->text, e->size))
        return error_set(err, VIV_EINVAL, "its text is not UTF-8: it must hold whole characters only");
    return VIV_OK;
}

static viv_status check_token(const struct listener *l, const viv_event *e, struct error *err)
{
    const uint64_t n = model_graph(l->model)->stacks[STACK_GRAPH].vocab_size;
    if (e->token < 0 || (n && (uint64_t)e->token >= n))
        return error_set(err, VIV_EINVAL, "token %" PRId32 " is outside the vocabulary of %" PRIu64, e->token, n);
    return VIV_OK;
}

static viv_status check_progress(const viv_event *e, struct error *err)
{
    return e->total && e->done > e->total
               ? error_set(err, VIV_EINVAL, "%" PRIu64 " of %" PRIu64 " are done", e->done, e->total)
               : VIV_OK;
}

static viv_status check_vector(struct listener *l, const viv_event *e, struct error *err)
{
    const uint32_t n = l->request->n_messages;
    if (!e->vector || e->dim == 0)
        return error_set(err, VIV_EINVAL, "its vector is %s and its dim %" PRIu64, e->vector ? "there" : "NULL",
                         e->dim);
    if (l->dim && l->dim != e->dim)
        return error_set(err, VIV_EINVAL,
                         "its vector has %" PRIu64 " numbers, those before it %" PRIu64 ": all are of one length",
                         e->dim, l->dim);
    if (e->total != n || e->done >= n)
        return error_set(err, VIV_EINVAL,
                         "it is of message %" PRIu64 " of %" PRIu64 ", the request has messages 0 to %" PRId64,
                         e->done, e->total, (int64_t)n - 1);
    if (e->token < -1)
        return error_set(err, VIV_EINVAL, "it is of token %" PRId32 ", expected one of the message's, or -1",
                         e->token);
    l->dim = e->dim;
    return VIV_OK;
}

static viv_status check_picture(const viv_event *e, struct error *err)
{
    if (e->done >= e->total)
        return error_set(err, VIV_EINVAL, "it is of picture %" PRIu64 " of %" PRIu64, e->done, e->total);
    return e->value >= 0 && e->value <= UINT32_MAX && (e->token == 0 || e->token == 1)
               ? VIV_OK
               : error_set(err, VIV_EINVAL, "it has %g tokens, and its token is %" PRId32 ", expected 0 or 1",
                           e->value, e->token);
}

static viv_status check_done(struct listener *l, const viv_event *e, struct error *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz_-";
    if (e->size == 0 || e->size > MAX_REASON || strspn(e->text, letters) < e->size)
        return error_set(
            err, VIV_EINVAL,
            "its text is '%.*s', expected a word of 1 to %d of a-z, '_' and '-', such as end or length",
            (int)size_min(e->size, 64), e->text, MAX_REASON);
    l->done = true;
    return VIV_OK;
}

static viv_status check_event(struct listener *l, const viv_event *e, struct error *err)
{
    static const char *const names[] = {"",      "TEXT", "TOKEN",  "PROGRESS", "ACTION",
                                        "STATS", "DONE", "VECTOR", "PICTURE"};
    if (!e)
        return error_set(err, VIV_EINVAL, "an event is NULL");
    if (e->struct_size < SIZE_TO(viv_event, dim) || e->struct_size > MAX_STRUCT)
        return error_set(err, VIV_EABI, "struct_size of a viv_event is %u, expected %zu", e->struct_size,
                         SIZE_TO(viv_event, dim));
    if (e->kind < VIV_EVENT_TEXT || e->kind > VIV_EVENT_PICTURE)
        return error_set(err, VIV_EUNSUPPORTED, "an event is of kind %u, this host knows %d to %d", e->kind,
                         VIV_EVENT_TEXT, VIV_EVENT_PICTURE);
    if (!pthread_equal(l->thread, pthread_self()))
        return error_set(err, VIV_EINVAL,
                         "VIV_EVENT_%s comes from another thread than the one that runs the request",
                         names[e->kind]);
    if (l->done)
        return error_set(err, VIV_EINVAL, "VIV_EVENT_%s comes after VIV_EVENT_DONE, which is the last event",
                         names[e->kind]);
    const bool has_text = e->kind != VIV_EVENT_TOKEN && e->kind != VIV_EVENT_VECTOR;
    viv_status status = has_text ? check_text(e, err) : VIV_OK;
    if (status == VIV_OK && e->kind == VIV_EVENT_TOKEN)
        status = check_token(l, e, err);
    else if (status == VIV_OK && e->kind == VIV_EVENT_PROGRESS)
        status = check_progress(e, err);
    else if (status == VIV_OK && e->kind == VIV_EVENT_VECTOR)
        status = check_vector(l, e, err);
    else if (status == VIV_OK && e->kind == VIV_EVENT_PICTURE)
        status = check_picture(e, err);
    else if (status == VIV_OK && e->kind == VIV_EVENT_DONE)
        status = check_done(l, e, err);
    return status == VIV_OK ? VIV_OK : error_prefix(err, "VIV_EVENT_%s", names[e->kind]);
}

static viv_status named(const struct architecture *a, const char *call, struct error *err)
{
    return error_prefix(err, "architecture '%s' of %s, %s", a->class->name, a->plugin, call);
}

/* Hands it on, as long as we know it. */
static viv_status pass_on(const struct listener *l, const viv_event *e)
{
    char what[MAX_PROGRESS + 1];
    viv_event known;
    memcpy(&known, e, sizeof known);
    known.struct_size = sizeof known;
    if (e->kind == VIV_EVENT_PROGRESS) {
        snprintf(what, sizeof what, "%.*s", (int)size_min(e->size, MAX_PROGRESS), e->text);
        known.text = what;
    }
    return l->sink->emit(l->sink, &known);
}

static viv_status emit(const viv_sink *sink, const viv_event *event)
{
    struct listener *l = sink->ctx;
    const struct trail before = trail_enter(NULL, NULL);
    if (!l->failed) {
        struct error err;
        viv_status status = check_event(l, event, &err);
        if (status != VIV_OK)
            named(l->architecture, "run", &err);
        else if ((status = pass_on(l, event)) != VIV_OK)
            status = error_take(&err, status);
        l->failed = status != VIV_OK;
        if (l->failed)
            l->error = err;
    }
    if (l->failed)
        error_leave(l->error.status, l->error.text);
    trail = before;
    return l->failed ? l->error.status : VIV_OK;
}

static viv_status run(const struct architecture *a, void *instance, struct listener *l, struct error *err)
{
    const viv_sink sink = {.struct_size = sizeof sink, .ctx = l, .emit = emit};
    const struct trail before = trail_enter(a->plugin, "run");
    viv_status status = a->class->run(instance, l->request, &sink);
    trail = before;
    if (l->failed) {
        *err = l->error;
        return err->status;
    }
    const uint32_t *cancel = l->request->cancel;
    if (status == VIV_ECANCELLED && !(cancel && __atomic_load_n(cancel, __ATOMIC_RELAXED))) {
        error_set(err, VIV_EINTERNAL, "it says that it was cancelled, and nobody has cancelled it");
        return named(a, "run", err);
    }
    if (status != VIV_OK) { /* mostly a failure that is nobody's fault; else it is told whose */
        error_take(err, status);
        return err->status != status || status == VIV_EABI ? named(a, "run", err) : status;
    }
    if (!l->done) {
        error_set(err, VIV_EINTERNAL, "it succeeded without VIV_EVENT_DONE, the last event of every answer");
        return named(a, "run", err);
    }
    return VIV_OK;
}

static viv_status open_instance(struct architecture_instance *a, const viv_host *host, viv_model *model,
                                struct error *err)
{
    const struct trail before = trail_enter(a->architecture.plugin, "open");
    viv_status status = a->architecture.class->open(host, model, &a->instance);
    trail = before;
    a->is_open = status == VIV_OK;
    if (status == VIV_OK)
        return VIV_OK;
    error_take(err, status == VIV_ECANCELLED ? VIV_EINTERNAL : status);
    return named(&a->architecture, "open", err);
}

viv_status architecture_run(struct architecture_instance *a, const viv_host *host, viv_model *model,
                            const viv_request *request, const viv_sink *sink, struct error *err)
{
    struct listener l = {.architecture = &a->architecture,
                         .sink = sink,
                         .model = model,
                         .request = request,
                         .thread = pthread_self()};
    viv_status status = a->is_open ? VIV_OK : open_instance(a, host, model, err);
    return status == VIV_OK ? run(&a->architecture, a->instance, &l, err) : status;
}

void architecture_close(struct architecture_instance *a)
{
    if (!a->is_open)
        return;
    const struct trail before = trail_enter(a->architecture.plugin, "close");
    a->architecture.class->close(a->instance);
    trail = before;
    a->is_open = false;
}
