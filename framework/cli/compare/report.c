/* report.c - see report.h.
 *
 *   header    what was compared, when, where, by which command
 *   models    the first rows, a line for each model
 *   drawings  side by side, at one scale or each at its own
 *   structure what layers say of themselves: what is shared and what is not
 *   charts    parts, memory, speed, the roofline, quality
 *   numbers   all rows, a table for each section
 *   notes     why cells are empty, and what numbers mean
 *
 * Every text goes through svg_escape. A content security policy forbids the file to load anything, and to run any
 * script but ours, which it names by its hash. */
#include "base/figure.h"
#include "base/sha256.h"
#include "cli/compare/report_parts.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char css[] =
#include "registry/report_css.inc"
    ;
static const char script[] = "\n"
#include "registry/report_js.inc"
    ;

/* --- head ---------------------------------------------------------------------------------------------------- */

static void put_base64(struct buf *out, const unsigned char *bytes, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        const uint32_t b = (uint32_t)bytes[i] << 16 | (uint32_t)(i + 1 < n ? bytes[i + 1] : 0) << 8 |
                           (uint32_t)(i + 2 < n ? bytes[i + 2] : 0);
        for (size_t d = 0; d < 4; d++)
            buf_putc(out, i + d > n ? '=' : digits[b >> (18 - 6 * d) & 63]);
    }
}

static void put_script_hash(struct buf *out)
{
    char hex[65];
    unsigned char bytes[32];
    sha256_hex(script, sizeof script - 1, hex);
    for (size_t i = 0; i < sizeof bytes; i++) {
        const char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        bytes[i] = (unsigned char)strtoul(pair, NULL, 16);
    }
    put_base64(out, bytes, sizeof bytes);
}

static void put_names(struct report *r)
{
    enum { MOST = 6 };
    const uint32_t n = r->c->n_models;
    for (uint32_t i = 0; i < n && i < MOST; i++) {
        buf_puts(r->out, i == 0 ? "" : i + 1 == n ? " and " : ", ");
        put(r, r->c->models[i].name);
    }
    if (n > MOST)
        buf_printf(r->out, " and %" PRIu32 " more", n - MOST);
}

static void put_fact(struct report *r, const char *name, const char *value)
{
    buf_printf(r->out, "<dt>%s</dt><dd>", name);
    put(r, value);
    buf_puts(r->out, "</dd>\n");
}

static void put_device(const struct device *d, struct buf *out)
{
    buf_printf(out, "%s: %s GB/s from memory, %s TFLOP/s in f32", d->name,
               human_number(d->limits.read * 1e-9, 4).text, human_number(d->limits.f32 * 1e-12, 3).text);
    if (d->limits.bf16 > 0 || d->limits.f16 > 0)
        buf_printf(out, ", %s in 16 bits", human_number(device_arithmetic(d, VIV_F16) * 1e-12, 3).text);
    if (d->limits.int8 > 0)
        buf_printf(out, ", %s TOP/s in int8", human_number(d->limits.int8 * 1e-12, 4).text);
    if (d->memory)
        buf_printf(out, ", %s", human_bytes(d->memory).text);
}

static void put_head(struct report *r, const struct report_origin *o)
{
    struct buf device = {0};
    buf_puts(r->out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>");
    put_names(r);
    buf_puts(r->out,
             " compared</title>\n<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
             "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"generator\" content=\"viv ");
    put(r, o->version);
    buf_puts(r->out, "\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
                     "'unsafe-inline'; img-src data:; script-src 'sha256-");
    put_script_hash(r->out);
    buf_printf(r->out, "'\">\n<style>\n%s%s</style>\n</head>\n<body>\n", svg_css, css);
    buf_puts(r->out, "<a class=\"skip\" href=\"#main\">To the comparison</a>\n<header>\n<h1>");
    put_names(r);
    buf_puts(r->out, "</h1>\n<dl class=\"facts\">\n");
    put_fact(r, "Made", o->date);
    put_fact(r, "On", o->machine);
    for (uint32_t i = 0; i < r->c->n_devices; i++) {
        if (r->c->devices[i].limits.read <= 0)
            continue;
        buf_clear(&device);
        put_device(&r->c->devices[i], &device);
        put_fact(r, "Ceilings of", buf_text(&device));
    }
    buf_puts(r->out, "<dt>By</dt><dd><code>");
    put(r, o->command);
    buf_puts(r->out, "</code></dd>\n");
    put_fact(r, "Version", o->version);
    buf_puts(r->out, "</dl>\n<nav aria-label=\"Parts of the report\"><ul><li><a "
                     "href=\"#models\">Models</a></li><li><a href=\"#drawings\">Drawings</a></li><li><a "
                     "href=\"#structure\">Structure</a></li><li><a href=\"#charts\">Charts</a></li><li><a "
                     "href=\"#numbers\">Numbers</a></li><li><a href=\"#notes\">Notes</a></li></ul></nav>\n"
                     "</header>\n<main id=\"main\">\n<p id=\"said\" class=\"hidden\" role=\"status\"></p>\n");
    r->out->failed |= device.failed;
    buf_release(&device);
}

/* --- notes --------------------------------------------------------------------------------------------------- */

static void put_reasons(struct report *r)
{
    const struct comparison *c = r->c;
    bool any = false;
    for (uint32_t m = 0; m < c->n_models; m++)
        for (size_t i = 0; i < c->n_rows; i++) {
            const char *why = c->rows[i].cells[m].why;
            bool said = !why;
            for (size_t j = 0; j < i && !said; j++)
                said = c->rows[j].cells[m].why && strcmp(c->rows[j].cells[m].why, why) == 0;
            if (said)
                continue;
            buf_puts(r->out, any ? "<li>" : "<p>Where there is a dash:</p>\n<ul>\n<li>");
            put(r, c->models[m].name);
            buf_puts(r->out, ": ");
            put(r, why);
            buf_puts(r->out, "</li>\n");
            any = true;
        }
    buf_puts(r->out, any ? "</ul>\n" : "");
}

static void put_notes(struct report *r)
{
    buf_puts(r->out,
             "<section aria-labelledby=\"notes\">\n<h2 id=\"notes\">Notes</h2>\n"
             "<p>Parameters are elements of distinct tensors; active are those that work on one token, counted as "
             "the publisher does. Operations are those of products and attention, a multiply-add being two.</p>\n"
             "<p>A ceiling is what no program can pass: each token takes at least as long as its arithmetic at the "
             "machine's best, and as long as reading the bytes that it needs.");
    if (r->q->type >= 0)
        buf_printf(r->out, " Weights are taken to be in %s.", dtype_get((uint32_t)r->q->type)->name);
    else
        buf_puts(r->out, " Weights are taken as they are in the checkpoint, or in f16 without one.");
    if (r->q->n_texts > 1)
        buf_printf(r->out, " %" PRIu64 " texts are written at once.", r->q->n_texts);
    buf_puts(r->out, "</p>\n");
    put_reasons(r);
    buf_puts(r->out, "</section>\n");
}

/* --- the whole ----------------------------------------------------------------------------------------------- */

viv_status report_html(const struct comparison *c, const struct comparison_query *q,
                       const struct report_origin *origin, FILE *stream, struct error *err)
{
    struct buf out = {0};
    struct report r = {c, q, &out, err};
    put_head(&r, origin);
    report_put_models(&r);
    viv_status status = report_put_drawings(&r);
    if (status == VIV_OK) {
        report_put_structure(&r);
        status = report_put_charts(&r);
    }
    if (status == VIV_OK) {
        report_put_numbers(&r);
        put_notes(&r);
        buf_puts(&out, "</main>\n<footer><p>Made by viv ");
        put(&r, origin->version);
        buf_puts(&out,
                 ". This file needs nothing else: no network, no fonts, no scripts of others.</p></footer>\n");
        buf_printf(&out, "<script>%s</script>\n</body>\n</html>\n", script);
    }
    if (status == VIV_OK && out.failed)
        status = error_nomem(err);
    if (status == VIV_OK && fwrite(buf_text(&out), 1, out.size, stream) != out.size)
        status = error_set(err, VIV_EIO, "the report cannot be written");
    buf_release(&out);
    return status;
}
