/* settings.c - what a spec says under `browser`. */
#include "browser.h"

#include <string.h>

/* "example.org", "*.example.org", "localhost:8080", "[::1]" */
static bool is_host(const json_t *v)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]";
    const char *s = json_string_value(v);
    if (!s)
        return false;
    if (strncmp(s, "*.", 2) == 0)
        s += 2;
    return *s && s[strspn(s, letters)] == '\0' && strcmp(s, WORKSPACE_HOST) != 0;
}

viv_status browser_check(const viv_host *host, const char *spec, const json_t *v)
{
    static const char *const switches[] = {"files", "data", "sockets", "pictures", "places"};
    const json_t *hosts = json_object_get(v, "hosts"), *program = json_object_get(v, "program");
    size_t i;
    json_t *name;
    if (!json_is_object(v))
        return viv_fail(host, VIV_EINVAL, "%s: browser: expected a mapping, such as {hosts: [example.org]}", spec);
    if (hosts && !json_is_array(hosts))
        return viv_fail(host, VIV_EINVAL, "%s: browser: hosts: expected a list, such as [example.org]", spec);
    json_array_foreach(hosts, i, name) if (!is_host(name)) return viv_fail(
        host, VIV_EINVAL,
        "%s: browser: hosts: '%s' is no host: expected a name, such as example.org or *.example.org, "
        "perhaps with :PORT",
        spec, json_is_string(name) ? json_string_value(name) : "");
    for (i = 0; i < sizeof switches / sizeof *switches; i++) {
        const json_t *is = json_object_get(v, switches[i]);
        if (is && !json_is_boolean(is))
            return viv_fail(host, VIV_EINVAL, "%s: browser: %s: expected true or false", spec, switches[i]);
    }
    return !program || (json_is_string(program) && json_string_value(program)[0] == '/')
               ? VIV_OK
               : viv_fail(host, VIV_EINVAL, "%s: browser: program: expected an absolute path", spec);
}
