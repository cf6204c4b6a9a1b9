/* error.h - a failure is a negative status and one sentence that names the object, what was expected and
 * what was found. Functions that can fail take a `struct error *` last and return the status; they write
 * the error only when they fail. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdarg.h>
#include <vivarium/abi.h>

struct error {
    viv_status status;
    char text[1020]; /* always terminated; cut at a character when too long */
};

/* Fills *err and returns `status`, so that a failure is one line: return error_set(err, VIV_EIO, ...). */
viv_status error_set(struct error *err, viv_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
viv_status error_setv(struct error *err, viv_status status, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

/* Memory could not be had. */
static inline viv_status error_nomem(struct error *err)
{
    error_set(err, VIV_ENOMEM, "out of memory");
    return VIV_ENOMEM;
}

/* Puts "<prefix>: " before the sentence; returns its status. */
viv_status error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What crosses the ABI: viv_host.set_error leaves the sentence with the thread; whoever called the plugin takes it.
 * A status without a sentence gets error_status_name's. Taking empties it. A status that is
 * none, above 0 or unknown, becomes VIV_EINTERNAL: the result is always a failure of ours. */
void error_leave(viv_status status, const char *sentence);
viv_status error_take(struct error *err, viv_status status);

#ifdef __clang_analyzer__ /* it takes each file alone, and would try what cannot be: a failure that is VIV_OK */
#define NEVER_OK(call)                                                                                             \
    ({                                                                                                             \
        viv_status status_ = (call);                                                                               \
        if (status_ == VIV_OK)                                                                                     \
            __builtin_unreachable();                                                                               \
        status_;                                                                                                   \
    })
#define error_set(...)    NEVER_OK(error_set(__VA_ARGS__))
#define error_take(...)   NEVER_OK(error_take(__VA_ARGS__))
#define error_prefix(...) NEVER_OK(error_prefix(__VA_ARGS__))
#endif

/* "invalid argument", "out of memory", ...: for a status that came without a sentence. */
const char *error_status_name(viv_status status);

#endif
