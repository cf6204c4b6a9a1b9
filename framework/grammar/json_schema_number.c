/* json_schema_number.c - numbers: bounds as automata over their digits.
 *
 * Numbers without bounds may have an exponent. Those with bounds are written in plain decimals of at most
 * MAX_DECIMALS digits behind the point, so that decimals that differ are numbers that differ. -0 is never written.
 * A divisor with decimals is one whose multiples have exact quotients in floating point, in which validators
 * divide: 2.5 and 0.125, but not 0.01, of which they find 0.07 to be no multiple. */
#include "grammar/json_schema.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DECIMALS = 6, MAX_DIVISOR = 4096 };
static const double MAX_BOUND = 1e9; /* of numbers with fractions: 9 + 6 digits are exact in a double */

/* A bound in decimals. */
struct decimal {
    bool negative, open; /* open: the bound itself is not allowed */
    char whole[24];      /* without leading zeros */
    char fraction[40];   /* without zeros at the end */
};

struct bounds {
    bool has_lower, has_upper, whole_only;
    struct decimal lower, upper;
    double lower_value, upper_value;
    const struct item *lower_from, *upper_from;
    struct divisor {
        uint32_t units, decimals; /* units / 10^decimals */
    } divisors[8];
    size_t n_divisors;
};

/* --- reading -------------------------------------------------------------------------------------------------- */

static bool to_decimal(double x, bool open, struct decimal *out)
{
    char text[80];
    snprintf(text, sizeof text, "%.30f", fabs(x));
    char *point = strchr(text, '.');
    if (!point || point - text >= (long)sizeof out->whole)
        return false;
    *out = (struct decimal){.negative = x < 0, .open = open};
    memcpy(out->whole, text, (size_t)(point - text));
    /* the shortest decimals that are this number: those that its author wrote */
    for (int digits = 0; digits <= 30; digits++) {
        char shortest[80];
        snprintf(shortest, sizeof shortest, "%.*f", digits, fabs(x));
        if (strtod(shortest, NULL) == fabs(x)) {
            const char *dot = strchr(shortest, '.');
            snprintf(out->whole, sizeof out->whole, "%.*s", (int)(dot ? dot - shortest : (long)strlen(shortest)),
                     shortest);
            snprintf(out->fraction, sizeof out->fraction, "%s", dot ? dot + 1 : "");
            break;
        }
    }
    for (size_t n = strlen(out->fraction); n && out->fraction[n - 1] == '0';)
        out->fraction[--n] = '\0';
    return true;
}

static void take_bound(struct schema_reader *s, struct bounds *b, const struct item *i, const char *keyword,
                       bool open, bool upper)
{
    const json_t *v = json_object_get(i->schema, keyword);
    if (!v || (open && json_is_boolean(v)))
        return;
    if (!json_is_number(v)) {
        schema_fail(s, VIV_EINVAL, i, keyword, "expected a number, found %s", json_kind(v));
        return;
    }
    const double x = json_number_value(v);
    double *value = upper ? &b->upper_value : &b->lower_value;
    bool *has = upper ? &b->has_upper : &b->has_lower;
    struct decimal *d = upper ? &b->upper : &b->lower;
    if (*has && (upper ? x > *value : x < *value))
        return;
    open = open || (*has && x == *value && d->open);
    if (!(fabs(x) < 9e15)) {
        if (upper ? x < 0 : x > 0)
            schema_refuse(s, i, keyword, "a bound beyond 9e15 cannot be kept");
        return; /* nothing that is written comes near, but integers; see integer digits */
    }
    *has = to_decimal(x, open, d);
    *value = x;
    if (upper)
        b->upper_from = i;
    else
        b->lower_from = i;
}

static bool to_divisor(double x, struct divisor *out)
{
    struct decimal d;
    char text[sizeof d.whole + sizeof d.fraction];
    if (x > MAX_DIVISOR || ldexp(x, MAX_DECIMALS) != floor(ldexp(x, MAX_DECIMALS)) || !to_decimal(x, false, &d) ||
        strlen(d.fraction) > MAX_DECIMALS)
        return false;
    snprintf(text, sizeof text, "%s%s", d.whole, d.fraction);
    const unsigned long units = strtoul(text, NULL, 10);
    *out = (struct divisor){(uint32_t)units, (uint32_t)strlen(d.fraction)};
    return units > 0 && units <= MAX_DIVISOR;
}

static void read_bounds(struct schema_reader *s, const struct conjunction *c, struct bounds *b)
{
    *b = (struct bounds){0};
    for (size_t k = 0; k < c->n && s->status == VIV_OK; k++) {
        const struct item *i = &c->v[k];
        const json_t *multiple = json_object_get(i->schema, "multipleOf");
        /* draft 4 has them as booleans beside minimum and maximum */
        take_bound(s, b, i, "minimum", json_is_true(json_object_get(i->schema, "exclusiveMinimum")), false);
        take_bound(s, b, i, "maximum", json_is_true(json_object_get(i->schema, "exclusiveMaximum")), true);
        if (json_is_number(json_object_get(i->schema, "exclusiveMinimum")))
            take_bound(s, b, i, "exclusiveMinimum", true, false);
        if (json_is_number(json_object_get(i->schema, "exclusiveMaximum")))
            take_bound(s, b, i, "exclusiveMaximum", true, true);
        if (!multiple)
            continue;
        struct divisor d;
        if (!json_is_number(multiple) || json_number_value(multiple) <= 0)
            schema_fail(s, VIV_EINVAL, i, "multipleOf", "expected a number above 0");
        else if (!to_divisor(json_number_value(multiple), &d))
            schema_refuse(
                s, i, "multipleOf",
                "only whole numbers and decimals such as 0.5 and 0.125, %d at most without the point, can "
                "be kept: validators divide in floating point, where 0.07 is no multiple of 0.01",
                MAX_DIVISOR);
        else if (b->n_divisors == 8)
            schema_fail(s, VIV_ELIMIT, i, "multipleOf", "more than 8 of them");
        else
            b->divisors[b->n_divisors++] = d;
    }
    for (size_t k = 0; k < b->n_divisors; k++)
        b->whole_only = b->whole_only || b->divisors[k].decimals == 0;
}

/* --- digits --------------------------------------------------------------------------------------------------- */

static const struct tree *digits(struct schema_reader *s, uint32_t min, uint32_t max)
{
    return tree_repeat(s->r, tree_range(s->r, '0', '9'), min, max);
}

static const struct tree *digit(struct schema_reader *s, int lo, int hi)
{
    return lo > hi ? tree_never(s->r) : tree_range(s->r, (uint32_t)lo, (uint32_t)hi);
}

/* Texts of as many digits as `d` has, that are less (or greater) than it. */
static const struct tree *beside(struct schema_reader *s, const char *d, size_t n, bool less)
{
    struct tree_list l = {0};
    for (size_t i = 0; i < n; i++) {
        const struct tree *differs =
            less ? digit(s, i == 0 && n > 1 ? '1' : '0', d[i] - 1) : digit(s, d[i] + 1, '9');
        tree_list_add(&l, tree_cat3(s->r, tree_bytes(s->r, d, i), differs,
                                    digits(s, (uint32_t)(n - i - 1), (uint32_t)(n - i - 1))));
    }
    const struct tree *t = l.failed ? NULL : tree_alt(s->r, l.v, l.n);
    tree_list_release(&l);
    return t;
}

/* Integers from 0 that are less, or greater, than the digits. */
static const struct tree *whole_beside(struct schema_reader *s, const char *d, bool less)
{
    const uint32_t n = (uint32_t)strlen(d);
    const struct tree *nonzero = tree_range(s->r, '1', '9');
    const struct tree *longer = tree_cat2(s->r, nonzero, digits(s, n, UNBOUNDED));
    const struct tree *shorter =
        n < 2 ? tree_never(s->r)
              : tree_alt2(s->r, tree_text(s->r, "0"), tree_cat2(s->r, nonzero, digits(s, 0, n - 2)));
    return tree_alt2(s->r, beside(s, d, n, less), less ? n > 1 ? shorter : tree_never(s->r) : longer);
}

static const struct tree *point(struct schema_reader *s, const struct tree *decimals)
{
    return tree_cat2(s->r, tree_text(s->r, "."), decimals);
}

static const struct tree *any_fraction(struct schema_reader *s)
{
    return tree_repeat(s->r, point(s, digits(s, 1, UNBOUNDED)), 0, 1);
}

/* What may follow the bound's own integer: a fraction below or above the bound's, or the same. */
static const struct tree *fraction_beside(struct schema_reader *s, const struct decimal *d, bool less)
{
    struct tree_list l = {0};
    const size_t n = strlen(d->fraction);
    for (size_t i = 0; i < n; i++) {
        const struct tree *differs = less ? digit(s, '0', d->fraction[i] - 1) : digit(s, d->fraction[i] + 1, '9');
        tree_list_add(
            &l, point(s, tree_cat3(s->r, tree_bytes(s->r, d->fraction, i), differs, digits(s, 0, UNBOUNDED))));
        if (less && i > 0) /* its beginning alone is less */
            tree_list_add(&l, point(s, tree_bytes(s->r, d->fraction, i)));
    }
    const struct tree *zeros = tree_repeat(s->r, tree_text(s->r, "0"), 0, UNBOUNDED);
    if (n && less)
        tree_list_add(&l, tree_bytes(s->r, "", 0));
    if (n && !d->open)
        tree_list_add(&l, point(s, tree_cat2(s->r, tree_bytes(s->r, d->fraction, n), zeros)));
    if (n && !less)
        tree_list_add(&l, point(s, tree_cat3(s->r, tree_bytes(s->r, d->fraction, n), zeros,
                                             tree_cat2(s->r, digit(s, '1', '9'), digits(s, 0, UNBOUNDED)))));
    if (n == 0 && !d->open) {
        tree_list_add(&l, tree_bytes(s->r, "", 0));
        tree_list_add(&l, point(s, tree_cat2(s->r, tree_text(s->r, "0"), zeros)));
    }
    if (n == 0 && !less)
        tree_list_add(&l, point(s, tree_cat3(s->r, zeros, digit(s, '1', '9'), digits(s, 0, UNBOUNDED))));
    const struct tree *t = l.failed ? NULL : tree_alt(s->r, l.v, l.n);
    tree_list_release(&l);
    return t;
}

/* Numbers without a sign whose size is at most, or at least, that of the bound. */
static const struct tree *size_beside(struct schema_reader *s, const struct decimal *d, bool less)
{
    return tree_alt2(s->r, tree_cat2(s->r, whole_beside(s, d->whole, less), any_fraction(s)),
                     tree_cat2(s->r, tree_text(s->r, d->whole), fraction_beside(s, d, less)));
}

/* All numbers that keep to a bound. */
static const struct tree *within(struct schema_reader *s, const struct decimal *d, bool upper)
{
    const struct tree *minus = tree_text(s->r, "-");
    const struct tree *any = tree_cat2(
        s->r, tree_alt2(s->r, tree_text(s->r, "0"), tree_cat2(s->r, digit(s, '1', '9'), digits(s, 0, UNBOUNDED))),
        any_fraction(s));
    const struct tree *sized = size_beside(s, d, upper != d->negative);
    if (upper)
        return d->negative ? tree_cat2(s->r, minus, sized) : tree_alt2(s->r, tree_cat2(s->r, minus, any), sized);
    return d->negative ? tree_alt2(s->r, tree_cat2(s->r, minus, sized), any) : sized;
}

/* --- automata ------------------------------------------------------------------------------------------------- */

/* Replaces *a by what it shares with b, which is destroyed. */
static viv_status narrow(struct automaton **a, struct automaton *b, struct error *err)
{
    struct automaton *both = NULL;
    const viv_status status = automaton_both(*a, b, false, &both, err);
    automaton_destroy(b);
    if (status == VIV_OK) {
        automaton_destroy(*a);
        *a = both;
    }
    return status;
}

static viv_status narrow_by(struct automaton **a, const struct tree *t, struct error *err)
{
    struct automaton *b = NULL;
    const viv_status status = t ? automaton_of(t, &b, err) : error_nomem(err);
    return status == VIV_OK ? narrow(a, b, err) : status;
}

/* Adds the arcs of digits, to the state of the remainder, behind `point` digits. */
static void add_digits(struct automaton *a, uint32_t units, uint32_t point, uint32_t remainder)
{
    for (uint32_t d = 0; d < 10; d++)
        a->arcs[a->n_arcs++] =
            (struct arc){'0' + d, '0' + d, 2 + point * units + (uint32_t)((uint64_t)(remainder * 10 + d) % units)};
}

/* Numbers that units / 10^decimals divides: the remainder of their digits so far. States: 0: the start, 1: behind
 * '-', 2 + r: before the point, 2 + (1 + k) * units + r: behind it and k digits. Behind all decimals come zeros
 * only, which change nothing. */
static viv_status multiples(const struct divisor *d, struct automaton **out, struct error *err)
{
    struct automaton *a = calloc(1, sizeof *a);
    if (!a)
        return error_nomem(err);
    const uint32_t units = d->units;
    a->n = 2 + (size_t)units * (d->decimals + 2);
    a->max = UNBOUNDED;
    a->states = calloc(a->n, sizeof *a->states);
    a->arcs = calloc(11 * a->n, sizeof *a->arcs);
    if (!a->states || !a->arcs) {
        automaton_destroy(a);
        return error_nomem(err);
    }
    for (uint32_t i = 0; i < a->n; i++) {
        struct state *state = &a->states[i];
        const uint32_t point = i < 2 ? 0 : (i - 2) / units, remainder = i < 2 ? 0 : (i - 2) % units;
        uint64_t whole = remainder; /* of the number times 10^decimals */
        for (uint32_t k = point ? point - 1 : 0; k < d->decimals; k++)
            whole = whole * 10 % units;
        state->first = (uint32_t)a->n_arcs;
        state->ends = i >= 2 && point != 1 && whole == 0;
        if (i == 0)
            a->arcs[a->n_arcs++] = (struct arc){'-', '-', 1};
        if (i >= 2 && point == 0)
            a->arcs[a->n_arcs++] = (struct arc){'.', '.', 2 + units + remainder};
        if (point <= d->decimals)
            add_digits(a, units, point ? point + 1 : 0, remainder);
        else
            a->arcs[a->n_arcs++] = (struct arc){'0', '0', i};
        state->n = (uint32_t)a->n_arcs - state->first;
    }
    *out = a;
    return VIV_OK;
}

static const struct tree *regex(struct schema_reader *s, const char *text)
{
    const struct tree *t = NULL;
    if (s->status == VIV_OK)
        s->status = parse_regex(s->r, text, strlen(text), REGEX_WHOLE, 0, &t, s->err);
    return t;
}

static const struct tree *bounded(struct schema_reader *s, const struct bounds *b, unsigned types)
{
    const bool fractions = types & TYPE_FRACTION && !b->whole_only;
    const struct item *from = b->has_lower ? b->lower_from : b->upper_from;
    struct automaton *a = NULL;
    if (fractions && ((b->has_lower && fabs(b->lower_value) > MAX_BOUND) ||
                      (b->has_upper && fabs(b->upper_value) > MAX_BOUND))) {
        schema_refuse(s, from, b->has_lower ? "minimum" : "maximum",
                      "a bound above 1e9 cannot be kept for numbers with fractions; use type integer");
        return s->status == VIV_OK ? regex(s, "-?[1-9][0-9]{0,8}|0") : NULL;
    }
    /* what is written, before bounds: at most 9 digits and a fraction, or integers of any length */
    const struct tree *written = !fractions ? regex(s, "0|-?[1-9][0-9]*")
                                 : types & TYPE_INTEGER
                                     ? regex(s, "(?:0|-?[1-9][0-9]{0,8})(?:\\.[0-9]{1,6})?|-0\\.[0-9]{0,5}[1-9]")
                                     : regex(s, "(?:0|-?[1-9][0-9]{0,8})\\.[0-9]{0,5}[1-9]|-0\\.[0-9]{0,5}[1-9]");
    viv_status status = s->status == VIV_OK ? automaton_of(written, &a, s->err) : s->status;
    if (status == VIV_OK && b->has_lower)
        status = narrow_by(&a, within(s, &b->lower, false), s->err);
    if (status == VIV_OK && b->has_upper)
        status = narrow_by(&a, within(s, &b->upper, true), s->err);
    for (size_t i = 0; status == VIV_OK && i < b->n_divisors; i++) {
        struct automaton *m = NULL;
        status = multiples(&b->divisors[i], &m, s->err);
        if (status == VIV_OK)
            status = narrow(&a, m, s->err);
    }
    if (status != VIV_OK) {
        automaton_destroy(a);
        s->status = s->status == VIV_OK ? status : s->status;
        return NULL;
    }
    return tree_automaton(s->r, a);
}

const struct tree *number_of(struct schema_reader *s, const struct conjunction *c, unsigned types)
{
    struct bounds b;
    read_bounds(s, c, &b);
    if (s->status != VIV_OK)
        return NULL;
    if (b.whole_only && !(types & TYPE_INTEGER))
        return tree_never(s->r);
    if (b.has_lower || b.has_upper || b.n_divisors)
        return bounded(s, &b, types);
    if (types == TYPE_INTEGER)
        return regex(s, "0|-?[1-9][0-9]*");
    if (types == TYPE_FRACTION)
        return regex(s, "-?(?:0|[1-9][0-9]{0,8})\\.[0-9]{0,5}[1-9]");
    return regex(s, "-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?");
}
