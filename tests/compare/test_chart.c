/* Charts: what is drawn of numbers that may be anything. */
#include "testing.h"

#include "cli/compare/chart.h"

#include <math.h>

static const double xs[] = {1, 2, 4, 8}, up[] = {10, 20, 40, 80}, holes[] = {10, NAN, 40, 80},
                    none[] = {NAN, 0, -1, INFINITY};

static void write(const struct series *series, size_t n, bool log, struct buf *svg)
{
    const struct chart c = {.title = "a <chart>",
                            .about = "of \"numbers\"",
                            .x = {"tokens", AXIS_TOKENS, log, false},
                            .y = {"bytes", AXIS_BYTES, log, true},
                            .series = series,
                            .n = n};
    struct error err;
    ck_assert_int_eq(chart_write(&c, svg, &err), VIV_OK);
    ck_assert_ptr_null(strstr(buf_text(svg), "nan"));
    ck_assert_ptr_null(strstr(buf_text(svg), "inf"));
    ck_assert_ptr_nonnull(strstr(buf_text(svg), "<title>a &lt;chart&gt;</title>"));
}

static int count(const struct buf *svg, const char *what)
{
    int n = 0;
    for (const char *at = strstr(svg->data, what); at; at = strstr(at + 1, what))
        n++;
    return n;
}

TEST(chart__draws_a_line_and_its_points)
{
    for (int log = 0; log < 2; log++) {
        struct buf svg = {0};
        const struct series s = {.name = "a & b", .x = xs, .y = up, .n = 4, .line = true};
        write(&s, 1, log, &svg);
        ck_assert_int_eq(count(&svg, "class=\"line s0\""), 1);
        ck_assert_int_eq(count(&svg, "class=\"mark s0\""), 4);
        ck_assert_int_eq(count(&svg, ">a &amp; b</text>"), 1);
        ck_assert_int_eq(count(&svg, "<title>a &amp; b: 2 tokens, 20 B bytes</title>"), 1);
        /* y falls, in pixels, as numbers rise */
        const char *d = strstr(svg.data, "class=\"line");
        double x0, y0, x1, y1;
        ck_assert_int_eq(sscanf(strstr(d, " d=\""), " d=\"M%lf %lfL%lf %lf", &x0, &y0, &x1, &y1), 4);
        ck_assert(x1 > x0 && y1 < y0);
        buf_release(&svg);
    }
}
END_TEST

TEST(chart__leaves_out_what_is_no_number)
{
    struct buf svg = {0};
    const struct series s[] = {{.name = "holes", .colour = 1, .x = xs, .y = holes, .n = 4, .line = true},
                               {.name = "none", .colour = 2, .x = xs, .y = none, .n = 4, .line = true}};
    write(s, 2, true, &svg);
    ck_assert_int_eq(count(&svg, "class=\"mark s1\""), 3);
    ck_assert_int_eq(count(&svg, "s2"), 0);
    ck_assert_ptr_null(strstr(svg.data, ">none</text>"));
    const char *line = strstr(strstr(svg.data, "class=\"line s1\""), " d=\"");
    ck_assert_int_eq(line[4], 'M');
    ck_assert_ptr_nonnull(strchr(line + 5, 'M')); /* begins anew behind the hole */
    buf_clear(&svg);
    write(s + 1, 1, true, &svg);
    buf_clear(&svg);
    write(NULL, 0, false, &svg);
    buf_release(&svg);
}
END_TEST

TEST(chart__names_do_not_stand_on_each_other)
{
    struct buf svg = {0};
    double at[12][2], y[12];
    struct series s[12];
    for (int i = 0; i < 12; i++) {
        at[i][0] = at[i][1] = 1000 + i;
        s[i] = (struct series){.name = "x", .colour = (uint32_t)i, .x = xs, .y = at[i], .n = 2, .line = true};
    }
    write(s, 12, false, &svg);
    const char *text = svg.data;
    for (int i = 0; i < 12; i++) {
        text = strstr(text + 1, "<text class=\"small t");
        ck_assert_ptr_nonnull(text);
        y[i] = strtod(strstr(text, " y=\"") + 4, NULL);
        ck_assert(i == 0 || y[i] >= y[i - 1] + 13);
        ck_assert(y[i] > 0 && y[i] < 310);
    }
    buf_release(&svg);
}
END_TEST

TEST(chart__bars_are_shares)
{
    struct buf svg = {0};
    struct error err;
    const double a[] = {10, 0, 30, 60, 0, 0, 0}, zero[7] = {0};
    const struct bar bars[] = {{"a", "100", a}, {"<b>", "0", zero}};
    ck_assert_int_eq(chart_bars("parts", bars, 2, 7, &svg, &err), VIV_OK);
    ck_assert_int_eq(count(&svg, "<rect"), 3);
    const double whole = strtod(strstr(strstr(svg.data, "class=\"e3\""), "width=\"") + 7, NULL);
    ck_assert_double_eq(strtod(strstr(strstr(svg.data, "class=\"e2\""), "width=\"") + 7, NULL), whole / 2);
    ck_assert_ptr_nonnull(strstr(svg.data, "&lt;b&gt;"));
    buf_release(&svg);
}
END_TEST

TESTS(chart__draws_a_line_and_its_points, chart__leaves_out_what_is_no_number,
      chart__names_do_not_stand_on_each_other, chart__bars_are_shares)
