/* record.c - lines of the journal: a checksum of 16 hex digits, a space, a JSON object, a line feed.
 *
 *   {"record": "journal", "version": 1}                     the first line
 *   {"record": "run", "run": R, "task": ..., "time": ...}   a run begins
 *   {"record": "end", "run": R, "reason": ...}              and ends
 *   {"record": "action", "action": N, "run": R, "tool": ..., "from": PATH or null, "to": PATH or null, "moved":
 * PRINT, "replaced": PRINT or null, "folders": [ns, ns], "time": ...}      before the rename
 *   {"record": "deed", "run": R, "tool": ..., "about": ..., "time": ...}     outside of the workspace: it stays
 *   {"record": "done" | "failed" | "undo" | "undone" | "forgotten", "action": N, "folders": [ns, ns]}
 *
 * What is read here decides what is renamed, so all of it is checked. */
#include "lam.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHECKSUM_DIGITS = 16 };

uint64_t record_checksum(const char *bytes, size_t n)
{
    uint64_t h = 0xcbf29ce484222325;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)bytes[i]) * 0x100000001b3;
    return h;
}

char *record_write(const json_t *object, size_t *size)
{
    char *json = object ? json_dumps(object, JSON_COMPACT) : NULL, *line = NULL;
    const int n = json ? asprintf(&line, "%016" PRIx64 " %s\n", record_checksum(json, strlen(json)), json) : -1;
    free(json);
    *size = n < 0 ? 0 : (size_t)n;
    return n < 0 ? NULL : line;
}

json_t *record_read(const char *line, size_t n, const char **why)
{
    char digits[CHECKSUM_DIGITS + 1];
    json_error_t e;
    if (n < CHECKSUM_DIGITS + 2 || line[CHECKSUM_DIGITS] != ' ') {
        *why = "it does not begin with a checksum";
        return NULL;
    }
    const char *json = line + CHECKSUM_DIGITS + 1;
    n -= CHECKSUM_DIGITS + 1;
    snprintf(digits, sizeof digits, "%016" PRIx64, record_checksum(json, n));
    if (memcmp(digits, line, CHECKSUM_DIGITS) != 0) {
        *why = "its checksum is another one";
        return NULL;
    }
    json_t *object = json_loadb(json, n, JSON_REJECT_DUPLICATES, &e);
    if (!json_is_object(object)) {
        *why = "it is no JSON object";
        json_decref(object);
        return NULL;
    }
    return object;
}

/* --- prints ------------------------------------------------------------------------------------------------- */

static json_t *print_write(const struct print *p)
{
    return p->kind == PRINT_NONE ? json_null()
                                 : json_pack("{s:i, s:i, s:I, s:I, s:I, s:s}", "kind", p->kind, "mode", p->mode,
                                             "ino", (json_int_t)p->ino, "size", (json_int_t)p->size, "mtime",
                                             (json_int_t)p->mtime, "digest", p->digest);
}

static bool print_read(json_t *v, struct print *out)
{
    int kind, mode;
    json_int_t ino, size, mtime;
    const char *digest;
    *out = (struct print){0};
    if (json_is_null(v))
        return true;
    if (json_unpack(v, "{s:i, s:i, s:I, s:I, s:I, s:s !}", "kind", &kind, "mode", &mode, "ino", &ino, "size", &size,
                    "mtime", &mtime, "digest", &digest) != 0 ||
        kind <= PRINT_NONE || kind > PRINT_OTHER || (*digest && strlen(digest) != 64))
        return false;
    *out = (struct print){.kind = (enum print_kind)kind,
                          .mode = (uint32_t)mode,
                          .ino = (uint64_t)ino,
                          .size = (uint64_t)size,
                          .mtime = mtime};
    snprintf(out->digest, sizeof out->digest, "%s", digest);
    return true;
}

/* --- actions ------------------------------------------------------------------------------------------------ */

static json_t *path_write(const char *path)
{
    char *text = path ? text_of_name(path) : NULL;
    json_t *v = path ? text ? json_string(text) : NULL : json_null();
    free(text);
    return v;
}

/* NULL where the side is the store. */
static bool path_read(const struct root *r, const json_t *v, char **out)
{
    *out = NULL;
    if (json_is_null(v))
        return true;
    if (!json_is_string(v) || strlen(json_string_value(v)) != json_string_length(v) ||
        !(*out = name_of_text(json_string_value(v))))
        return false;
    return root_check(r, *out, false) == VIV_OK;
}

json_t *action_write(const struct action *a)
{
    return json_pack("{s:s, s:I, s:I, s:s, s:o, s:o, s:o, s:o, s:[I, I], s:I}", "record", "action", "action",
                     (json_int_t)a->n, "run", (json_int_t)a->run, "tool", a->tool, "from", path_write(a->from),
                     "to", path_write(a->to), "moved", print_write(&a->moved), "replaced",
                     print_write(&a->replaced), "folders", (json_int_t)a->folder[FROM].before,
                     (json_int_t)a->folder[TO].before, "time", (json_int_t)a->time);
}

bool action_read(const struct root *r, const json_t *record, struct action *out, const char **why)
{
    const char *kind, *tool;
    json_int_t n, run, time, before[2];
    json_t *from, *to, *moved, *replaced;
    *out = (struct action){0};
    *why = "it is no action";
    if (json_unpack((json_t *)record, "{s:s, s:I, s:I, s:s, s:o, s:o, s:o, s:o, s:[I, I !], s:I !}", "record",
                    &kind, "action", &n, "run", &run, "tool", &tool, "from", &from, "to", &to, "moved", &moved,
                    "replaced", &replaced, "folders", &before[FROM], &before[TO], "time", &time) != 0)
        return false;
    *out = (struct action){.n = (uint64_t)n, .run = (uint64_t)run, .time = time, .tool = strdup(tool)};
    for (int i = 0; i < 2; i++) {
        out->folder[i].before = before[i];
        out->folder[i].after = out->folder[i].restore = -1;
    }
    *why = "its paths lead out of the workspace";
    bool ok = out->tool && path_read(r, from, &out->from) && path_read(r, to, &out->to) && (out->from || out->to);
    if (ok) {
        *why = "it does not say what it moves";
        ok = print_read(moved, &out->moved) && print_read(replaced, &out->replaced) &&
             out->moved.kind != PRINT_NONE && (out->replaced.kind == PRINT_NONE || out->to);
    }
    if (!ok)
        action_release(out);
    return ok;
}

void action_release(struct action *a)
{
    free(a->tool);
    free(a->from);
    free(a->to);
    *a = (struct action){0};
}
