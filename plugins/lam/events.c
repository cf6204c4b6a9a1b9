/* events.c - events as JSON objects, to the listener and to the transcript. */
#include "lam.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static viv_status send(const struct events *e, json_t *event, int32_t *yes)
{
    char *json = event ? json_dumps(event, JSON_COMPACT) : NULL;
    json_decref(event);
    if (!json)
        return viv_fail(e->host, VIV_ENOMEM, "out of memory");
    const size_t n = strlen(json);
    viv_status status = VIV_OK;
    if (e->transcript >= 0) {
        json[n] = '\n'; /* in place of the end, which is not needed meanwhile */
        errno = ENOSPC; /* of a write that is cut */
        if (write(e->transcript, json, n + 1) != (ssize_t)n + 1)
            status = viv_fail(e->host, VIV_EIO, "the transcript cannot be written: %s", strerror(errno));
        json[n] = '\0';
    }
    if (status == VIV_OK)
        status = yes ? e->listener->ask(e->listener, json, n, yes) : e->listener->tell(e->listener, json, n);
    free(json);
    return status;
}

viv_status events_tell(const struct events *e, json_t *event)
{
    return send(e, event, NULL);
}

viv_status events_ask(const struct events *e, json_t *event, bool *yes)
{
    int32_t answer = 0;
    if (e->seconds)
        json_object_set_new(event, "seconds", json_integer(e->seconds));
    const viv_status status = send(e, event, &answer);
    *yes = status == VIV_OK && answer == 1;
    return status;
}

json_t *json_of_path(const char *path)
{
    char *text = path ? text_of_name(path) : NULL;
    json_t *v = path ? text ? json_string(text) : NULL : json_null();
    free(text);
    return v;
}
