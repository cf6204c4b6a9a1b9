/* stream.c - see stream.h. Events are copied into a queue that grows: the thread that answers never waits for the
 * one that reads, which may itself be waiting for another answer of the same model. There are two queues: one is
 * written, one is read; when that is empty, they are exchanged. Their memory is kept, so that nothing is allocated
 * unless the reader is further behind than ever. */
#include "engine/stream.h"

#include "base/buf.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* MANY_EVENTS: room from the beginning; LIKELY_SIZE: bytes of an event's text. */
enum { MANY_EVENTS = 1024, LIKELY_SIZE = 16 };

/* Events, of which `first` were taken. Their texts and vectors are in `bytes`, at these offsets. */
struct queue {
    struct queued {
        viv_event event;
        size_t text, vector;
    } * events;
    size_t first, n, capacity;
    struct buf bytes;
};

struct stream {
    viv_model *model;
    viv_request request; /* with a word of ours as its cancel */
    uint32_t cancel;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    const uint32_t *theirs; /* the request's own cancel, or NULL */
    struct queue written, read;
    viv_event taken; /* what the caller looks at */
    bool closing;    /* nobody takes events any more */
    bool done;
    viv_status status;
    struct error err;
};

static bool queue_init(struct queue *q)
{
    while (q->capacity < MANY_EVENTS)
        if (!vec_grow((void **)&q->events, &q->capacity, sizeof *q->events))
            return false;
    return buf_reserve(&q->bytes, MANY_EVENTS * LIKELY_SIZE);
}

static void queue_release(struct queue *q)
{
    free(q->events);
    buf_release(&q->bytes);
}

/* A copy of the event: its text ends with a null byte, its vector begins where a float may. */
static bool queue_add(struct queue *q, const viv_event *e)
{
    static const char zeros[sizeof *e->vector];
    struct buf *b = &q->bytes;
    struct queued copy = {.event = *e, .text = b->size};
    bool ok = !e->text || (buf_append(b, e->text, e->size) && buf_putc(b, '\0'));
    if (ok && e->vector) {
        ok = buf_append(b, zeros, -b->size % sizeof zeros);
        copy.vector = b->size;
        ok = ok && buf_append(b, e->vector, e->dim * sizeof *e->vector);
    }
    ok = ok && VEC_RESERVE(q->events, q->n, q->capacity);
    if (ok)
        q->events[q->n++] = copy;
    return ok;
}

/* The next, whose text and vector live until the queue is written again; false: it is empty. */
static bool queue_take(struct queue *q, viv_event *out)
{
    if (q->first == q->n)
        return false;
    const struct queued *taken = &q->events[q->first++];
    *out = taken->event;
    out->text = taken->event.text ? q->bytes.data + taken->text : NULL;
    out->vector = taken->event.vector ? (const float *)(const void *)(q->bytes.data + taken->vector) : NULL;
    return true;
}

static void queue_clear(struct queue *q)
{
    q->first = q->n = 0;
    buf_clear(&q->bytes);
}

static viv_status emit(const viv_sink *sink, const viv_event *event)
{
    struct stream *s = sink->ctx;
    viv_status status = VIV_OK;
    if (s->theirs && __atomic_load_n(s->theirs, __ATOMIC_RELAXED))
        stream_cancel(s);
    pthread_mutex_lock(&s->lock);
    if (!s->closing) {
        status = queue_add(&s->written, event) ? VIV_OK : VIV_ENOMEM;
        pthread_cond_broadcast(&s->changed);
    }
    pthread_mutex_unlock(&s->lock);
    if (status != VIV_OK)
        error_leave(status, "out of memory");
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

static void stream_free(struct stream *s)
{
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->changed);
    queue_release(&s->written);
    queue_release(&s->read);
    free(s);
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
    viv_status status = queue_init(&s->written) && queue_init(&s->read) ? VIV_OK : error_nomem(err);
    if (status == VIV_OK && pthread_create(&s->thread, NULL, answer, s) != 0)
        status = error_set(err, VIV_ENOMEM, "no thread could be started for the answer");
    if (status == VIV_OK)
        *out = s;
    else
        stream_free(s);
    return status;
}

viv_status stream_next(struct stream *s, const viv_event **event, struct error *err)
{
    viv_status status = VIV_OK;
    *event = NULL;
    if (queue_take(&s->read, &s->taken)) {
        *event = &s->taken;
        return VIV_OK;
    }
    pthread_mutex_lock(&s->lock);
    while (s->written.n == 0 && !s->done)
        pthread_cond_wait(&s->changed, &s->lock);
    const struct queue emptied = s->read;
    s->read = s->written;
    s->written = emptied;
    queue_clear(&s->written);
    if (queue_take(&s->read, &s->taken)) {
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
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    stream_free(s);
}
