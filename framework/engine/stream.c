/* stream.c - see stream.h. Events are copied into a queue that grows: the thread that answers never waits for the
 * one that reads, which may itself be waiting for another answer of the same model. */
#include "engine/stream.h"

#include "base/buf.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct stream {
    viv_model *model;
    viv_request request; /* with a word of ours as its cancel */
    uint32_t cancel;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    const uint32_t *theirs; /* the request's own cancel, or NULL */
    viv_event *events;      /* [n], of which `first` were taken */
    size_t first, n, capacity;
    viv_event taken; /* what the caller looks at */
    bool closing;    /* nobody takes events any more */
    bool done;
    viv_status status;
    struct error err;
};

static void release_event(viv_event *e)
{
    free((void *)e->text);
    free((void *)e->vector);
    *e = (viv_event){0};
}

static viv_status copy_event(const viv_event *e, viv_event *out)
{
    *out = *e;
    char *text = e->text ? malloc(e->size + 1) : NULL;
    float *vector = e->vector ? malloc(e->dim * sizeof *vector) : NULL;
    out->text = text;
    out->vector = vector;
    if ((e->text && !text) || (e->vector && !vector)) {
        release_event(out);
        error_leave(VIV_ENOMEM, "out of memory");
        return VIV_ENOMEM;
    }
    if (text) {
        memcpy(text, e->text, e->size);
        text[e->size] = '\0';
    }
    if (vector)
        memcpy(vector, e->vector, e->dim * sizeof *vector);
    return VIV_OK;
}

static viv_status emit(const viv_sink *sink, const viv_event *event)
{
    struct stream *s = sink->ctx;
    viv_event copy;
    viv_status status = copy_event(event, &copy);
    if (status != VIV_OK)
        return status;
    if (s->theirs && __atomic_load_n(s->theirs, __ATOMIC_RELAXED))
        stream_cancel(s);
    pthread_mutex_lock(&s->lock);
    if (s->first == s->n)
        s->first = s->n = 0;
    if (s->closing) {
        release_event(&copy);
    } else if (VEC_RESERVE(s->events, s->n, s->capacity)) {
        s->events[s->n++] = copy;
        pthread_cond_broadcast(&s->changed);
    } else {
        release_event(&copy);
        error_leave(VIV_ENOMEM, "out of memory");
        status = VIV_ENOMEM;
    }
    pthread_mutex_unlock(&s->lock);
    return status;
}

static void *answer(void *ctx)
{
    struct stream *s = ctx;
    const viv_sink sink = {.struct_size = sizeof sink, .ctx = s, .emit = emit};
    struct error err;
    viv_status status = engine_ask(s->model, &s->request, &sink, &err);
    pthread_mutex_lock(&s->lock);
    s->status = status;
    if (status != VIV_OK)
        s->err = err;
    s->done = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

viv_status stream_begin(viv_model *m, const viv_request *request, struct stream **out, struct error *err)
{
    struct stream *s = calloc(1, sizeof *s);
    if (!s)
        return error_nomem(err);
    s->model = m;
    s->request = *request;
    s->theirs = request->cancel;
    s->request.cancel = &s->cancel;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    if (pthread_create(&s->thread, NULL, answer, s) != 0) {
        pthread_mutex_destroy(&s->lock);
        pthread_cond_destroy(&s->changed);
        free(s);
        return error_set(err, VIV_ENOMEM, "no thread could be started for the answer");
    }
    *out = s;
    return VIV_OK;
}

viv_status stream_next(struct stream *s, const viv_event **event, struct error *err)
{
    viv_status status = VIV_OK;
    release_event(&s->taken);
    *event = NULL;
    pthread_mutex_lock(&s->lock);
    while (s->first == s->n && !s->done)
        pthread_cond_wait(&s->changed, &s->lock);
    if (s->first < s->n) {
        s->taken = s->events[s->first++];
        *event = &s->taken;
    } else if (s->status != VIV_OK) {
        status = s->status;
        *err = s->err;
    }
    pthread_mutex_unlock(&s->lock);
    return status;
}

void stream_cancel(struct stream *s)
{
    __atomic_store_n(&s->cancel, 1, __ATOMIC_RELAXED);
}

void stream_end(struct stream *s)
{
    if (!s)
        return;
    stream_cancel(s);
    pthread_mutex_lock(&s->lock);
    s->closing = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    while (s->first < s->n)
        release_event(&s->events[s->first++]);
    free(s->events);
    release_event(&s->taken);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->changed);
    free(s);
}
