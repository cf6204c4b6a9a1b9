/* replay.c - viv.acting's replay: a transcript's events, told again. A transcript is JSON lines, an object each;
 * the last may be cut, where the run was killed. */
#include "lam.h"

#include <string.h>

enum { LONGEST_EVENT = 16 << 20 };

viv_status lam_replay(const viv_host *host, const char *name, const char *bytes, uint64_t size,
                      const viv_listener *listener)
{
    const struct events e = {host, listener, -1, 0};
    viv_status status = VIV_OK;
    size_t line = 1;
    for (uint64_t at = 0; status == VIV_OK && at < size; line++) {
        json_error_t error;
        const char *end = memchr(bytes + at, '\n', size - at);
        const size_t n = end ? (size_t)(end - bytes - (ptrdiff_t)at) : size - at;
        json_t *event = n <= LONGEST_EVENT ? json_loadb(bytes + at, n, JSON_REJECT_DUPLICATES, &error) : NULL;
        if (event && json_is_string(json_object_get(event, "event"))) {
            status = events_tell(&e, event);
        } else {
            json_decref(event);
            if (!end && line > 1)
                return events_tell(&e, json_pack("{s:s, s:s}", "event", "end", "reason", "cut off"));
            return viv_fail(host, VIV_EFORMAT,
                            "%s:%zu: expected a JSON object with an event, as viv act writes them", name, line);
        }
        at += n + 1;
    }
    return status == VIV_OK && line == 1 ? viv_fail(host, VIV_EFORMAT, "%s: the transcript is empty", name)
                                         : status;
}
