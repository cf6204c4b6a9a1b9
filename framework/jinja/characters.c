/* characters.c - case and classes of characters, as Python's string methods use them: full case mappings
 * (SpecialCasing, where one character may become several), and the tables behind isdigit and the like. */
#include "jinja/jinja.h"

#include <string.h>
#include <utf8proc.h>

struct range {
    int32_t first, last;
};

/* Digits outside the category Nd: superscripts, digits in circles. */
static const struct range digits[] = {
    {0xB2, 0xB3},     {0xB9, 0xB9},       {0x1369, 0x1371},   {0x19DA, 0x19DA},   {0x2070, 0x2070},
    {0x2074, 0x2079}, {0x2080, 0x2089},   {0x2460, 0x2468},   {0x2474, 0x247C},   {0x2488, 0x2490},
    {0x24EA, 0x24EA}, {0x24F5, 0x24FD},   {0x24FF, 0x24FF},   {0x2776, 0x277E},   {0x2780, 0x2788},
    {0x278A, 0x2792}, {0x10A40, 0x10A43}, {0x10E60, 0x10E68}, {0x11052, 0x1105A}, {0x1F100, 0x1F10A}};

/* Numeric characters outside the categories N*: ideographs. */
static const struct range numerals[] = {
    {0x3405, 0x3405},   {0x3483, 0x3483},   {0x382A, 0x382A},   {0x3B4D, 0x3B4D},   {0x4E00, 0x4E00},
    {0x4E03, 0x4E03},   {0x4E07, 0x4E07},   {0x4E09, 0x4E09},   {0x4E5D, 0x4E5D},   {0x4E8C, 0x4E8C},
    {0x4E94, 0x4E94},   {0x4E96, 0x4E96},   {0x4EBF, 0x4EC0},   {0x4EDF, 0x4EDF},   {0x4EE8, 0x4EE8},
    {0x4F0D, 0x4F0D},   {0x4F70, 0x4F70},   {0x5104, 0x5104},   {0x5146, 0x5146},   {0x5169, 0x5169},
    {0x516B, 0x516B},   {0x516D, 0x516D},   {0x5341, 0x5341},   {0x5343, 0x5345},   {0x534C, 0x534C},
    {0x53C1, 0x53C4},   {0x56DB, 0x56DB},   {0x58F1, 0x58F1},   {0x58F9, 0x58F9},   {0x5E7A, 0x5E7A},
    {0x5EFE, 0x5EFF},   {0x5F0C, 0x5F0E},   {0x5F10, 0x5F10},   {0x62FE, 0x62FE},   {0x634C, 0x634C},
    {0x67D2, 0x67D2},   {0x6F06, 0x6F06},   {0x7396, 0x7396},   {0x767E, 0x767E},   {0x8086, 0x8086},
    {0x842C, 0x842C},   {0x8CAE, 0x8CAE},   {0x8CB3, 0x8CB3},   {0x8D30, 0x8D30},   {0x9621, 0x9621},
    {0x9646, 0x9646},   {0x964C, 0x964C},   {0x9678, 0x9678},   {0x96F6, 0x96F6},   {0xF96B, 0xF96B},
    {0xF973, 0xF973},   {0xF978, 0xF978},   {0xF9B2, 0xF9B2},   {0xF9D1, 0xF9D1},   {0xF9D3, 0xF9D3},
    {0xF9FD, 0xF9FD},   {0x20001, 0x20001}, {0x20064, 0x20064}, {0x200E2, 0x200E2}, {0x20121, 0x20121},
    {0x2092A, 0x2092A}, {0x20983, 0x20983}, {0x2098C, 0x2098C}, {0x2099C, 0x2099C}, {0x20AEA, 0x20AEA},
    {0x20AFD, 0x20AFD}, {0x20B19, 0x20B19}, {0x22390, 0x22390}, {0x22998, 0x22998}, {0x23B1B, 0x23B1B},
    {0x2626D, 0x2626D}, {0x2F890, 0x2F890}};

/* Other_Lowercase: lower case outside the category Ll. */
static const struct range lowers[] = {
    {0xAA, 0xAA},       {0xBA, 0xBA},       {0x2B0, 0x2B8},     {0x2C0, 0x2C1},    {0x2E0, 0x2E4},
    {0x345, 0x345},     {0x37A, 0x37A},     {0x1D2C, 0x1D6A},   {0x1D78, 0x1D78},  {0x1D9B, 0x1DBF},
    {0x2071, 0x2071},   {0x207F, 0x207F},   {0x2090, 0x209C},   {0x2170, 0x217F},  {0x24D0, 0x24E9},
    {0x2C7C, 0x2C7D},   {0xA69C, 0xA69D},   {0xA770, 0xA770},   {0xA7F8, 0xA7F9},  {0xAB5C, 0xAB5F},
    {0x10780, 0x10780}, {0x10783, 0x10785}, {0x10787, 0x107B0}, {0x107B2, 0x107BA}};

/* Other_Uppercase: upper case outside the category Lu. */
static const struct range uppers[] = {
    {0x2160, 0x216F}, {0x24B6, 0x24CF}, {0x1F130, 0x1F149}, {0x1F150, 0x1F169}, {0x1F170, 0x1F189}};

#define IN(table, c) in_ranges(table, sizeof(table) / sizeof *(table), c)
static bool in_ranges(const struct range *table, size_t n, int32_t c)
{
    size_t low = 0, high = n;
    while (high > low) {
        const size_t middle = (low + high) / 2;
        if (c > table[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && c >= table[low].first && c <= table[low].last;
}

size_t jinja_decode(const char *s, size_t n, int32_t *c)
{
    utf8proc_ssize_t k = utf8proc_iterate((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)n, c);
    if (k > 0)
        return (size_t)k;
    *c = 0xFFFD;
    return 1;
}

static void put(struct buf *out, int32_t c)
{
    utf8proc_uint8_t bytes[4];
    buf_append(out, bytes, (size_t)utf8proc_encode_char(c, bytes));
}

/* --- classes ------------------------------------------------------------------------------------------------- */

bool jinja_is_white(int32_t c)
{
    utf8proc_category_t k = utf8proc_category(c);
    return k == UTF8PROC_CATEGORY_ZS || k == UTF8PROC_CATEGORY_ZL || k == UTF8PROC_CATEGORY_ZP ||
           (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x1F) || c == 0x85;
}

bool jinja_is_printable(int32_t c)
{
    utf8proc_category_t k = utf8proc_category(c);
    return c == ' ' || (k != UTF8PROC_CATEGORY_CN && k != UTF8PROC_CATEGORY_CC && k != UTF8PROC_CATEGORY_CF &&
                        k != UTF8PROC_CATEGORY_CS && k != UTF8PROC_CATEGORY_CO && k != UTF8PROC_CATEGORY_ZL &&
                        k != UTF8PROC_CATEGORY_ZP && k != UTF8PROC_CATEGORY_ZS);
}

static bool is_letter(int32_t c)
{
    utf8proc_category_t k = utf8proc_category(c);
    return k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO;
}

static bool is_decimal(int32_t c)
{
    return utf8proc_category(c) == UTF8PROC_CATEGORY_ND;
}

static bool is_digit(int32_t c)
{
    return is_decimal(c) || IN(digits, c);
}

static bool is_numeric(int32_t c)
{
    utf8proc_category_t k = utf8proc_category(c);
    return (k >= UTF8PROC_CATEGORY_ND && k <= UTF8PROC_CATEGORY_NO) || IN(numerals, c);
}

static bool is_alphanumeric(int32_t c)
{
    return is_letter(c) || is_numeric(c);
}

bool jinja_is_word_character(int32_t c)
{
    return c == '_' || is_alphanumeric(c);
}

static bool is_ascii(int32_t c)
{
    return c < 0x80;
}

static bool is_lower(int32_t c)
{
    return utf8proc_category(c) == UTF8PROC_CATEGORY_LL || IN(lowers, c);
}

static bool is_upper(int32_t c)
{
    return utf8proc_category(c) == UTF8PROC_CATEGORY_LU || IN(uppers, c);
}

static bool is_title(int32_t c)
{
    return utf8proc_category(c) == UTF8PROC_CATEGORY_LT;
}

static bool is_cased(int32_t c)
{
    return is_lower(c) || is_upper(c) || is_title(c);
}

/* Whether there are letters with a case, and all have this case. */
static bool all_cased(const struct value *v, bool upper)
{
    bool any = false;
    int32_t c;
    for (size_t at = 0; at < v->s.size;) {
        at += jinja_decode(v->s.text + at, v->s.size - at, &c);
        if (upper ? is_lower(c) || is_title(c) : is_upper(c) || is_title(c))
            return false;
        any = any || (upper ? is_upper(c) : is_lower(c));
    }
    return any;
}

/* Whether each word is a capital followed by small letters. */
static bool all_title(const struct value *v)
{
    bool any = false, before = false;
    int32_t c;
    for (size_t at = 0; at < v->s.size;) {
        at += jinja_decode(v->s.text + at, v->s.size - at, &c);
        if ((is_upper(c) || is_title(c)) ? before : is_lower(c) && !before)
            return false;
        before = is_cased(c);
        any = any || before;
    }
    return any;
}

static bool is_name(const struct value *v)
{
    int32_t c;
    for (size_t at = 0; at < v->s.size;) {
        const bool first = at == 0;
        at += jinja_decode(v->s.text + at, v->s.size - at, &c);
        const utf8proc_category_t k = utf8proc_category(c);
        const bool begins = c == '_' || is_letter(c) || k == UTF8PROC_CATEGORY_NL,
                   goes_on = is_decimal(c) || k == UTF8PROC_CATEGORY_MN || k == UTF8PROC_CATEGORY_MC ||
                             k == UTF8PROC_CATEGORY_PC;
        if (!begins && (first || !goes_on))
            return false;
    }
    return v->s.size > 0;
}

bool jinja_has_class(const struct value *v, const char *name)
{
    static const struct {
        const char *name;
        bool (*holds)(int32_t c);
        bool of_nothing; /* result for an empty text */
    } classes[] = {{"isalpha", is_letter, false},
                   {"isalnum", is_alphanumeric, false},
                   {"isdecimal", is_decimal, false},
                   {"isdigit", is_digit, false},
                   {"isnumeric", is_numeric, false},
                   {"isspace", jinja_is_white, false},
                   {"isprintable", jinja_is_printable, true},
                   {"isascii", is_ascii, true}};
    int32_t c;
    if (strcmp(name, "isupper") == 0 || strcmp(name, "islower") == 0)
        return all_cased(v, name[2] == 'u');
    if (strcmp(name, "istitle") == 0)
        return all_title(v);
    if (strcmp(name, "isidentifier") == 0)
        return is_name(v);
    size_t k = 0;
    while (strcmp(classes[k].name, name) != 0)
        k++;
    for (size_t at = 0; at < v->s.size;) {
        at += jinja_decode(v->s.text + at, v->s.size - at, &c);
        if (!classes[k].holds(c))
            return false;
    }
    return v->s.size > 0 || classes[k].of_nothing;
}

/* --- case ---------------------------------------------------------------------------------------------------- */

/* The case folding of a character: one or several characters. */
static size_t fold(int32_t c, int32_t out[8])
{
    int boundary = 0;
    utf8proc_ssize_t n = utf8proc_decompose_char(c, out, 8, UTF8PROC_CASEFOLD, &boundary);
    if (n < 1 || n > 8) {
        out[0] = c;
        return 1;
    }
    return (size_t)n;
}

/* The upper case of a character. If that is not one character, the upper case of each character of its folding: FI
 * for the ligature. */
static void put_upper(struct buf *out, int32_t c)
{
    int32_t folded[8];
    size_t n = is_upper(c) ? 1 : fold(c, folded);
    if (n == 1)
        put(out, utf8proc_toupper(c));
    for (size_t i = 0; n > 1 && i < n; i++)
        put(out, utf8proc_toupper(folded[i]));
}

static void put_title(struct buf *out, int32_t c)
{
    enum { IOTA = 0x3B9, IOTA_BELOW = 0x345 };
    int32_t folded[8];
    size_t n = is_upper(c) || is_title(c) || is_title(utf8proc_totitle(c)) ? 1 : fold(c, folded);
    if (n == 1)
        put(out, utf8proc_totitle(c));
    for (size_t i = 0, first = 1; n > 1 && i < n; i++) {
        const bool capital = first && is_cased(folded[i]);
        put(out, capital ? utf8proc_totitle(folded[i]) : folded[i] == IOTA ? IOTA_BELOW : folded[i]);
        first = first && !capital;
    }
}

/* Characters that may stand inside a word without being letters. They matter for the small sigma at the end
 * of a word. */
static bool is_case_ignorable(int32_t c)
{
    static const int32_t marks[] = {'\'',   '.',    ':',    0xB7,   0x387,  0x55F,  0x5F4,  0x2018, 0x2019,
                                    0x2024, 0x2027, 0xFE13, 0xFE52, 0xFE55, 0xFF07, 0xFF0E, 0xFF1A};
    utf8proc_category_t k = utf8proc_category(c);
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (c == marks[i])
            return true;
    return k == UTF8PROC_CATEGORY_MN || k == UTF8PROC_CATEGORY_ME || k == UTF8PROC_CATEGORY_CF ||
           k == UTF8PROC_CATEGORY_LM || k == UTF8PROC_CATEGORY_SK;
}

/* Whether the sigma between `at` and `end` is the last letter of its word. */
static bool ends_word(const struct value *v, size_t at, size_t end)
{
    int32_t c = 0;
    bool before = false;
    while (at > 0) {
        size_t n = 1;
        while (n < at && (v->s.text[at - n] & 0xC0) == 0x80)
            n++;
        at -= n;
        jinja_decode(v->s.text + at, n, &c);
        if (!is_case_ignorable(c)) {
            before = is_cased(c);
            break;
        }
    }
    while (before && end < v->s.size) {
        end += jinja_decode(v->s.text + end, v->s.size - end, &c);
        if (!is_case_ignorable(c))
            return !is_cased(c);
    }
    return before;
}

static void put_lower(struct buf *out, int32_t c, const struct value *v, size_t at, size_t end)
{
    enum { SIGMA = 0x3A3, FINAL_SIGMA = 0x3C2, I_WITH_DOT = 0x130, DOT_ABOVE = 0x307 };
    if (c == SIGMA && ends_word(v, at, end)) {
        put(out, FINAL_SIGMA);
    } else if (c == I_WITH_DOT) {
        put(out, 'i');
        put(out, DOT_ABOVE);
    } else {
        put(out, utf8proc_tolower(c));
    }
}

bool jinja_recase(struct run *r, const struct value *v, enum casing how, struct value *out)
{
    struct buf b = {0};
    bool starts = true;
    if (!jinja_step(r, 1 + v->s.size / 16))
        return false;
    for (size_t at = 0, end; at < v->s.size; at = end) {
        int32_t c, folded[8];
        end = at + jinja_decode(v->s.text + at, v->s.size - at, &c);
        if (how == FOLDED)
            for (size_t i = 0, n = fold(c, folded); i < n; i++)
                put(&b, folded[i]);
        else if (how == UPPER || (how == SWAPPED && is_lower(c)))
            put_upper(&b, c);
        else if ((how == TITLE || how == CAPITAL) && starts)
            put_title(&b, c);
        else if (how != SWAPPED || is_upper(c))
            put_lower(&b, c, v, at, end);
        else
            put(&b, c);
        starts = how == TITLE && !is_cased(c);
    }
    return jinja_take_buf(r, &b, out);
}
