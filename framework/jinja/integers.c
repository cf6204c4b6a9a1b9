/* integers.c - integers of any size, as in Python: schoolbook arithmetic on limbs of 32 bits (Knuth, The Art of
 * Computer Programming, volume 2, 4.3.1).
 *
 * GMP aborts if memory is out, and numbers of libtommath must be freed one by one. These lie in the arena of
 * the run, are counted, and have at most MAX_BITS bits. Integers of up to 64 bits, which are nearly all, do
 * not need them. */
#include "jinja/jinja.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { MAX_BITS = 1 << 16, MAX_LIMBS = MAX_BITS / 32, MAX_DIGITS = 4300 /* the most that Python prints */ };

/* A view of any integer. */
struct number {
    bool negative;
    uint32_t n;
    const uint32_t *limbs;
    uint32_t own[2];
};

static void view(const struct value *v, struct number *x)
{
    if (v->kind == BIG) {
        *x = (struct number){.negative = v->big->negative, .n = v->big->n, .limbs = v->big->limbs};
        return;
    }
    const uint64_t size = v->i < 0 ? -(uint64_t)v->i : (uint64_t)v->i;
    *x = (struct number){.negative = v->i < 0, .own = {(uint32_t)size, (uint32_t)(size >> 32)}};
    x->n = x->own[1] ? 2 : x->own[0] ? 1 : 0;
    x->limbs = x->own;
}

static struct big *make_big(struct run *r, size_t limbs)
{
    if (limbs > MAX_LIMBS) {
        jinja_set_error(r, VIV_ELIMIT, "an integer of more than %d bits", MAX_BITS);
        return NULL;
    }
    struct big *b = jinja_alloc(r, sizeof *b + limbs * sizeof *b->limbs);
    if (b)
        b->n = (uint32_t)limbs;
    return b;
}

/* Makes a value of limbs: in 64 bits if it fits. */
static struct value value_of(struct big *b)
{
    while (b->n && b->limbs[b->n - 1] == 0)
        b->n--;
    const uint64_t size = (b->n > 0 ? b->limbs[0] : 0) | (uint64_t)(b->n > 1 ? b->limbs[1] : 0) << 32;
    if (b->n <= 2 && size <= (uint64_t)INT64_MAX + b->negative)
        return jinja_make_int((int64_t)(b->negative ? -size : size));
    return (struct value){.kind = BIG, .big = b};
}

static int compare_sizes(const struct number *a, const struct number *b)
{
    if (a->n != b->n)
        return a->n > b->n ? 1 : -1;
    for (uint32_t i = a->n; i-- > 0;)
        if (a->limbs[i] != b->limbs[i])
            return a->limbs[i] > b->limbs[i] ? 1 : -1;
    return 0;
}

int jinja_integer_compare(const struct value *a, const struct value *b)
{
    struct number x, y;
    if (a->kind != BIG && b->kind != BIG)
        return (a->i > b->i) - (a->i < b->i);
    view(a, &x);
    view(b, &y);
    if (x.negative != y.negative)
        return x.negative ? -1 : 1;
    return x.negative ? compare_sizes(&y, &x) : compare_sizes(&x, &y);
}

size_t jinja_integer_bits(const struct value *v)
{
    struct number x;
    view(v, &x);
    return x.n ? 32 * (size_t)x.n - (size_t)__builtin_clz(x.limbs[x.n - 1]) : 0;
}

/* --- + - * --------------------------------------------------------------------------------------------------- */

/* |a| + |b| */
static struct big *add_sizes(struct run *r, const struct number *a, const struct number *b)
{
    const uint32_t n = (a->n > b->n ? a->n : b->n) + 1;
    struct big *sum = make_big(r, n);
    uint64_t carry = 0;
    for (uint32_t i = 0; sum && i < n; i++, carry >>= 32) {
        carry += (uint64_t)(i < a->n ? a->limbs[i] : 0) + (i < b->n ? b->limbs[i] : 0);
        sum->limbs[i] = (uint32_t)carry;
    }
    return sum;
}

/* |a| - |b|, which must not be negative */
static struct big *subtract_sizes(struct run *r, const struct number *a, const struct number *b)
{
    struct big *rest = make_big(r, a->n);
    int64_t borrow = 0;
    for (uint32_t i = 0; rest && i < a->n; i++, borrow >>= 32) {
        borrow += (int64_t)a->limbs[i] - (i < b->n ? b->limbs[i] : 0);
        rest->limbs[i] = (uint32_t)borrow;
    }
    return rest;
}

static bool add(struct run *r, const struct number *a, const struct number *b, struct value *out)
{
    const bool swap = compare_sizes(a, b) < 0;
    struct big *sum = a->negative == b->negative ? add_sizes(r, a, b)
                      : swap                     ? subtract_sizes(r, b, a)
                                                 : subtract_sizes(r, a, b);
    if (!sum)
        return false;
    sum->negative = swap ? b->negative : a->negative;
    *out = value_of(sum);
    return true;
}

static bool multiply(struct run *r, const struct number *a, const struct number *b, struct value *out)
{
    struct big *product = make_big(r, (size_t)a->n + b->n);
    if (!product || !jinja_step(r, 1 + (uint64_t)a->n * b->n / 16))
        return false;
    for (uint32_t i = 0; i < a->n; i++) {
        uint64_t carry = 0;
        for (uint32_t k = 0; k < b->n || carry; k++, carry >>= 32) {
            carry += product->limbs[i + k] + (k < b->n ? (uint64_t)a->limbs[i] * b->limbs[k] : 0);
            product->limbs[i + k] = (uint32_t)carry;
        }
    }
    product->negative = a->negative != b->negative;
    *out = value_of(product);
    return true;
}

static bool power(struct run *r, const struct value *a, int64_t exponent, struct value *out)
{
    struct value base = *a, x = jinja_make_int(1);
    if (jinja_integer_bits(a) > 1 && (uint64_t)exponent > MAX_BITS / (jinja_integer_bits(a) - 1))
        return jinja_fail(r, VIV_ELIMIT, "an integer of more than %d bits", MAX_BITS);
    for (; exponent; exponent >>= 1) {
        if ((exponent & 1 && !jinja_integer_operation(r, "*", &x, &base, &x)) ||
            (exponent > 1 && !jinja_integer_operation(r, "*", &base, &base, &base)))
            return false;
    }
    *out = x;
    return true;
}

/* --- / // % -------------------------------------------------------------------------------------------------- */

/* Divides limbs by a small number, in place; returns the remainder. */
static uint32_t divide_small(uint32_t *limbs, uint32_t n, uint32_t by)
{
    uint64_t rest = 0;
    for (uint32_t i = n; i-- > 0;) {
        rest = rest << 32 | limbs[i];
        limbs[i] = (uint32_t)(rest / by);
        rest %= by;
    }
    return (uint32_t)rest;
}

/* limbs << shift, of less than 32 bits, into n + 1 */
static void shift_left(const uint32_t *limbs, uint32_t n, uint32_t shift, uint32_t *out)
{
    uint64_t carry = 0;
    for (uint32_t i = 0; i < n; i++, carry >>= 32) {
        carry |= (uint64_t)limbs[i] << shift;
        out[i] = (uint32_t)carry;
    }
    out[n] = (uint32_t)carry;
}

/* Algorithm D: divides u (of m + n + 1 limbs) by v (of n limbs, with its highest bit set); u
 * becomes the remainder. */
static void divide_long(uint32_t *u, uint32_t m, const uint32_t *v, uint32_t n, uint32_t *quotient)
{
    for (uint32_t j = m + 1; j-- > 0;) {
        const uint64_t top = (uint64_t)u[j + n] << 32 | u[j + n - 1];
        uint64_t q = top / v[n - 1], rest = top % v[n - 1];
        while (q >> 32 || q * v[n - 2] > (rest << 32 | u[j + n - 2])) {
            q--;
            if ((rest += v[n - 1]) >> 32)
                break;
        }
        int64_t borrow = 0;
        uint64_t carry = 0;
        for (uint32_t i = 0; i < n; i++, borrow >>= 32, carry >>= 32) {
            carry += q * v[i];
            borrow += (int64_t)u[i + j] - (uint32_t)carry;
            u[i + j] = (uint32_t)borrow;
        }
        borrow += (int64_t)u[j + n] - (int64_t)carry;
        u[j + n] = (uint32_t)borrow;
        if (borrow < 0) { /* one too many */
            q--;
            carry = 0;
            for (uint32_t i = 0; i < n; i++, carry >>= 32) {
                carry += (uint64_t)u[i + j] + v[i];
                u[i + j] = (uint32_t)carry;
            }
            u[j + n] += (uint32_t)carry;
        }
        quotient[j] = (uint32_t)q;
    }
}

/* |a| / |b|, rounded to 0, and the remainder */
static bool divide_sizes(struct run *r, const struct number *a, const struct number *b, struct big **quotient,
                         struct big **rest)
{
    if (!jinja_step(r, 1 + (uint64_t)a->n * b->n / 16))
        return false;
    if (compare_sizes(a, b) < 0) {
        *quotient = make_big(r, 0);
        *rest = make_big(r, a->n);
        if (*rest)
            memcpy((*rest)->limbs, a->limbs, a->n * sizeof *a->limbs);
        return *quotient && *rest;
    }
    *quotient = make_big(r, a->n - b->n + 1);
    if (b->n == 1) {
        *rest = make_big(r, 1);
        if (!*quotient || !*rest)
            return false;
        memcpy((*quotient)->limbs, a->limbs, a->n * sizeof *a->limbs);
        (*rest)->limbs[0] = divide_small((*quotient)->limbs, a->n, b->limbs[0]);
        return true;
    }
    const uint32_t shift = (uint32_t)__builtin_clz(b->limbs[b->n - 1]);
    uint32_t *u = jinja_alloc(r, (a->n + 1) * sizeof *u), *v = jinja_alloc(r, (b->n + 1) * sizeof *v);
    *rest = make_big(r, b->n);
    if (!u || !v || !*quotient || !*rest)
        return false;
    shift_left(a->limbs, a->n, shift, u);
    shift_left(b->limbs, b->n, shift, v);
    divide_long(u, a->n - b->n, v, b->n, (*quotient)->limbs);
    for (uint32_t i = 0; i < b->n; i++)
        (*rest)->limbs[i] = (uint32_t)(((uint64_t)u[i + 1] << 32 | u[i]) >> shift);
    return true;
}

/* Python's // and %: the quotient is rounded down, the remainder has the sign of b. */
static bool divide(struct run *r, bool wants_quotient, const struct number *a, const struct number *b,
                   struct value *out)
{
    struct big *quotient = NULL, *rest = NULL;
    if (!divide_sizes(r, a, b, &quotient, &rest))
        return false;
    quotient->negative = a->negative != b->negative;
    rest->negative = a->negative;
    struct value q = value_of(quotient), left = value_of(rest);
    const struct value one = jinja_make_int(1);
    const bool down = jinja_truth(&left) && a->negative != b->negative;
    if (wants_quotient) {
        *out = q;
        return !down || jinja_integer_operation(r, "-", &q, &one, out);
    }
    struct number l;
    view(&left, &l);
    *out = left;
    return !down || add(r, &l, b, out);
}

/* a / b as the closest float: from a quotient of 66 bits or more, whose last bit is set if there is a remainder. */
static bool ratio(struct run *r, const struct value *a, const struct value *b, struct value *out)
{
    const int64_t shift = 66 - (int64_t)jinja_integer_bits(a) + (int64_t)jinja_integer_bits(b);
    const struct value two = jinja_make_int(2);
    struct value scale, x = *a, y = *b, q, left;
    if (shift < -1100) /* beyond the range of floats, whatever the bits */
        return jinja_fail(r, VIV_EINVAL, "the quotient is too large for a number with a fraction");
    if (!power(r, &two, shift < 0 ? -shift : shift, &scale) ||
        !jinja_integer_operation(r, "*", shift > 0 ? &x : &y, &scale, shift > 0 ? &x : &y) ||
        !jinja_integer_operation(r, "//", &x, &y, &q) || !jinja_integer_operation(r, "%", &x, &y, &left))
        return false;
    const struct value parity = jinja_make_int(q.kind == INT ? q.i & 1 : q.big->limbs[0] & 1),
                       one = jinja_make_int(1);
    if (jinja_truth(&left) && !jinja_truth(&parity) && !jinja_integer_operation(r, "+", &q, &one, &q))
        return false;
    const double f = ldexp(jinja_integer_float(&q), (int)-shift);
    *out = jinja_make_float(f);
    return !isinf(f) || jinja_fail(r, VIV_EINVAL, "the quotient is too large for a number with a fraction");
}

/* --- all of them --------------------------------------------------------------------------------------------- */

static bool is_exact(const struct value *v)
{
    return v->kind != BIG && v->i <= (1LL << 53) && v->i >= -(1LL << 53);
}

/* The value in 64 bits; false: it does not fit. */
static bool small(const char *op, int64_t a, int64_t b, struct value *out)
{
    int64_t x = 0;
    bool wraps = false;
    if (op[0] == '+')
        wraps = __builtin_add_overflow(a, b, &x);
    else if (op[0] == '-')
        wraps = __builtin_sub_overflow(a, b, &x);
    else if (op[0] == '*')
        wraps = __builtin_mul_overflow(a, b, &x);
    else if (b == -1)
        wraps = op[0] == '/' && __builtin_sub_overflow(0, a, &x);
    else {
        const bool down = a % b != 0 && (a % b < 0) != (b < 0);
        x = op[0] == '/' ? a / b - down : a % b + (down ? b : 0);
    }
    *out = jinja_make_int(x);
    return !wraps;
}

bool jinja_integer_operation(struct run *r, const char *op, const struct value *a, const struct value *b,
                             struct value *out)
{
    const bool is_power = strcmp(op, "**") == 0, is_ratio = strcmp(op, "/") == 0;
    struct number x, y;
    if ((op[0] == '/' || op[0] == '%') && !jinja_truth(b))
        return jinja_fail(r, VIV_EINVAL, "division by zero");
    if (is_power) {
        const struct value zero = jinja_make_int(0);
        if (jinja_integer_compare(b, &zero) < 0) {
            if (!jinja_truth(a))
                return jinja_fail(r, VIV_EINVAL, "0 has no negative power");
            *out = jinja_make_float(pow(jinja_integer_float(a), jinja_integer_float(b)));
            return true;
        }
        if (b->kind == BIG && jinja_integer_bits(a) > 1)
            return jinja_fail(r, VIV_ELIMIT, "an integer of more than %d bits", MAX_BITS);
        return power(r, a, b->kind == BIG ? 2 - (b->big->limbs[0] & 1) : b->i, out);
    }
    if (is_ratio) {
        if (!is_exact(a) || !is_exact(b))
            return ratio(r, a, b, out);
        *out = jinja_make_float((double)a->i / (double)b->i);
        return true;
    }
    struct value result;
    if (a->kind != BIG && b->kind != BIG && small(op, a->i, b->i, &result)) {
        *out = result;
        return true;
    }
    view(a, &x);
    view(b, &y);
    if (op[0] == '*')
        return multiply(r, &x, &y, out);
    if (op[0] == '/' || op[0] == '%')
        return divide(r, op[0] == '/', &x, &y, out);
    if (op[0] == '-')
        y.negative = !y.negative;
    return add(r, &x, &y, out);
}

/* --- floats and text ----------------------------------------------------------------------------------------- */

double jinja_integer_float(const struct value *v)
{
    struct number x;
    if (v->kind != BIG)
        return (double)v->i;
    view(v, &x); /* the upper 64 bits, whose last is set if a lower one is: so rounding happens once */
    const uint32_t shift = (uint32_t)__builtin_clz(x.limbs[x.n - 1]);
    uint64_t top = (uint64_t)x.limbs[x.n - 1] << 32 | x.limbs[x.n - 2];
    uint64_t below = x.n > 2 ? x.limbs[x.n - 3] : 0;
    if (shift) {
        top = top << shift | below >> (32 - shift);
        below &= (1U << (32 - shift)) - 1;
    }
    for (uint32_t i = 0; i + 3 < x.n && !below; i++)
        below = x.limbs[i];
    const double f = ldexp((double)(top | (below != 0)), (int)(32 * (x.n - 2)) - (int)shift);
    return x.negative ? -f : f;
}

int jinja_integer_compare_float(const struct value *a, double b)
{
    const double f = jinja_integer_float(a);
    if (f != b || isinf(b))
        return (f > b) - (f < b);
    if (a->kind == BIG) { /* equal after rounding; b is whole, so they differ in the bits that were rounded */
        const struct number x = {.negative = a->big->negative, .n = a->big->n, .limbs = a->big->limbs};
        int exponent;
        const uint64_t bits = (uint64_t)ldexp(frexp(fabs(b), &exponent), 53);
        uint64_t own = 0;
        bool below = false;
        const int lowest = exponent - 53;
        for (int i = 0; i < (int)(32 * x.n); i++) {
            const uint64_t bit = x.limbs[i / 32] >> (i % 32) & 1;
            if (i >= lowest && i - lowest < 64)
                own |= bit << (i - lowest);
            else
                below = below || bit;
        }
        const int sign = own != bits ? (own > bits ? 1 : -1) : below;
        return x.negative ? -sign : sign;
    }
    if (b >= 9223372036854775808.0)
        return -1;
    return (a->i > (int64_t)b) - (a->i < (int64_t)b);
}

bool jinja_integer_of_float(struct run *r, double f, struct value *out)
{
    if (isnan(f) || isinf(f))
        return jinja_fail(r, VIV_EINVAL, "%s is no integer", isnan(f) ? "NaN" : "an infinite number");
    if (fabs(f) < 9e18) {
        *out = jinja_make_int((int64_t)f);
        return true;
    }
    int exponent;
    const double half = frexp(fabs(f), &exponent);
    const struct value bits = jinja_make_int((int64_t)ldexp(half, 53)), two = jinja_make_int(2);
    struct value scale;
    return power(r, &two, exponent - 53, &scale) && jinja_integer_operation(r, "*", &bits, &scale, out) &&
           jinja_sign(r, f < 0, out, out);
}

bool jinja_integer_of_text(struct run *r, const char *digits, size_t n, unsigned base, struct value *out)
{
    if (base == 10 && n > MAX_DIGITS)
        return jinja_fail(r, VIV_ELIMIT, "an integer of %zu digits, at most %d", n, MAX_DIGITS);
    struct big *b = make_big(r, n / 6 + 2); /* 36^6 < 2^32 */
    uint32_t used = 0;
    if (!b || !jinja_step(r, 1 + (uint64_t)n * n / 512))
        return false;
    for (size_t i = 0; i < n; i++) {
        const char c = digits[i];
        uint64_t carry = (uint64_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
        for (uint32_t k = 0; k < used || carry; k++, carry >>= 32) {
            carry += k < used ? (uint64_t)b->limbs[k] * base : 0;
            b->limbs[k] = (uint32_t)carry;
            used = k + 1 > used ? k + 1 : used;
        }
    }
    *out = value_of(b);
    return true;
}

bool jinja_integer_print(struct run *r, const struct value *v, unsigned base, struct buf *out)
{
    struct number x;
    if (v->kind != BIG && base == 10)
        return buf_printf(out, "%" PRId64, v->i);
    view(v, &x);
    uint32_t *limbs = jinja_alloc(r, (x.n + 1) * sizeof *limbs), n = x.n;
    char *text = jinja_alloc(r, 32 * (size_t)x.n + 2), *s = text ? text + 32 * (size_t)x.n + 1 : NULL;
    const uint32_t by = base == 10 ? 1000000000 : base, each = base == 10 ? 9 : 1;
    if (!limbs || !text || !jinja_step(r, 1 + (uint64_t)n * n / 8))
        return false;
    memcpy(limbs, x.limbs, n * sizeof *limbs);
    do {
        uint32_t rest = divide_small(limbs, n, by);
        while (n && limbs[n - 1] == 0)
            n--;
        for (uint32_t i = 0; i < each && (n || rest || i == 0); i++, rest /= base)
            *--s = "0123456789abcdef"[rest % base];
    } while (n);
    if (base == 10 && strlen(s) > MAX_DIGITS)
        return jinja_fail(r, VIV_ELIMIT, "an integer of %zu digits has no text, at most %d", strlen(s), MAX_DIGITS);
    return (!x.negative || buf_putc(out, '-')) && buf_puts(out, s);
}
