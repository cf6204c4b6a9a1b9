/* json_scan.c - see json_scan.h. A pushdown automaton: a state, and whether each open bracket is a list's. */
#include "dialect/json_scan.h"

#include <string.h>

enum {
    VALUE,      /* a value must come */
    FIRST_ITEM, /* a value, or ']' */
    FIRST_KEY,  /* a key, or '}' */
    KEY,
    COLON,
    AFTER, /* behind a value: ',' or a closing bracket */
    STRING,
    ESCAPE,
    HEX,
    WORD,
    MINUS,
    ZERO,
    INTEGER,
    POINT,
    FRACTION,
    EXPONENT,
    SIGN,
    POWER,
    END
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void end_value(struct json_scan *j)
{
    j->state = j->depth ? AFTER : END;
}

static bool open_bracket(struct json_scan *j, bool list)
{
    if (j->depth == JSON_SCAN_DEPTH)
        return false;
    j->list[j->depth++] = list;
    j->state = list ? FIRST_ITEM : FIRST_KEY;
    return true;
}

static bool close_bracket(struct json_scan *j, bool list)
{
    if (!j->depth || j->list[j->depth - 1] != list)
        return false;
    j->depth--;
    end_value(j);
    return true;
}

static bool begin_value(struct json_scan *j, char c)
{
    switch (c) {
    case '{':
        return open_bracket(j, false);
    case '[':
        return open_bracket(j, true);
    case '"':
        j->is_key = false;
        j->state = STRING;
        return true;
    case 't':
    case 'f':
    case 'n':
        j->word = c == 't' ? "true" : c == 'f' ? "false" : "null";
        j->at = 1;
        j->state = WORD;
        return true;
    case '-':
        j->state = MINUS;
        return true;
    default:
        j->state = c == '0' ? ZERO : INTEGER;
        return is_digit(c);
    }
}

/* A byte of a number. False: the number does not go on with it. */
static bool number(struct json_scan *j, char c)
{
    const bool digit = is_digit(c), e = c == 'e' || c == 'E';
    uint8_t next = END;
    switch (j->state) {
    case MINUS:
        next = c == '0' ? ZERO : digit ? INTEGER : END;
        break;
    case ZERO:
    case INTEGER:
        next = digit && j->state == INTEGER ? INTEGER : c == '.' ? POINT : e ? EXPONENT : END;
        break;
    case POINT:
    case FRACTION:
        next = digit ? FRACTION : e && j->state == FRACTION ? EXPONENT : END;
        break;
    case EXPONENT:
        next = digit ? POWER : c == '+' || c == '-' ? SIGN : END;
        break;
    default: /* SIGN, POWER */
        next = digit ? POWER : END;
    }
    if (next != END)
        j->state = next;
    return next != END;
}

static bool may_end_number(const struct json_scan *j)
{
    return j->state == ZERO || j->state == INTEGER || j->state == FRACTION || j->state == POWER;
}

static bool in_string(struct json_scan *j, char c)
{
    if (j->state == ESCAPE) {
        j->state = c == 'u' ? HEX : STRING;
        j->at = 4;
        return c && strchr("\"\\/bfnrtu", c);
    }
    if (j->state == HEX) {
        j->state = --j->at ? HEX : STRING;
        return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    }
    if (c == '\\')
        j->state = ESCAPE;
    else if (c == '"' && j->is_key)
        j->state = COLON;
    else if (c == '"')
        end_value(j);
    return (unsigned char)c >= 0x20;
}

/* One byte, which is not a number's. */
static bool step(struct json_scan *j, char c)
{
    if (j->state == STRING || j->state == ESCAPE || j->state == HEX)
        return in_string(j, c);
    if (j->state == WORD) {
        if (j->word[j->at] != c)
            return false;
        if (!j->word[++j->at])
            end_value(j);
        return true;
    }
    if (is_space(c))
        return true;
    switch (j->state) {
    case VALUE:
        return begin_value(j, c);
    case FIRST_ITEM:
        return c == ']' ? close_bracket(j, true) : begin_value(j, c);
    case FIRST_KEY:
    case KEY:
        if (c == '}' && j->state == FIRST_KEY)
            return close_bracket(j, false);
        j->is_key = true;
        j->state = STRING;
        return c == '"';
    case COLON:
        j->state = VALUE;
        return c == ':';
    default: /* AFTER */
        if (c != ',')
            return close_bracket(j, c == ']') && (c == ']' || c == '}');
        j->state = j->list[j->depth - 1] ? VALUE : KEY;
        return true;
    }
}

enum json_scan_result json_scan(struct json_scan *j, const char *s, size_t n, size_t *used)
{
    for (*used = 0; *used < n && j->state != END; ++*used) {
        const char c = s[*used];
        if (j->state >= MINUS) { /* of a number */
            if (number(j, c))
                continue;
            if (!may_end_number(j))
                return JSON_SCAN_BAD;
            end_value(j);
            if (j->state == END)
                break;
        }
        if (!step(j, c))
            return JSON_SCAN_BAD;
    }
    return j->state == END ? JSON_SCAN_DONE : JSON_SCAN_MORE;
}

bool json_scan_end(const struct json_scan *j)
{
    return j->state == END || (j->depth == 0 && may_end_number(j));
}

/* --- members -------------------------------------------------------------------------------------------------- */

static const char *skip_space(const char *s, const char *end)
{
    while (s < end && is_space(*s))
        s++;
    return s;
}

/* Behind the value at s. */
static const char *skip_value(const char *s, const char *end)
{
    struct json_scan j = {0};
    size_t used;
    json_scan(&j, s, (size_t)(end - s), &used);
    return s + used;
}

bool json_scan_member(const char *object, size_t n, const char *key, const char **name, size_t *name_size,
                      const char **value, size_t *size)
{
    const char *end = object + n, *at = skip_space(object, end);
    while (at < end && *at != '}') { /* '{' or ',' */
        const char *k = skip_space(at + 1, end);
        if (k == end || *k != '"')
            return false;
        at = skip_value(k, end);
        const size_t length = (size_t)(at - k) - 2;
        const char *v = skip_space(skip_space(at, end) + 1, end);
        at = skip_value(v, end);
        if (!key || (strlen(key) == length && memcmp(key, k + 1, length) == 0)) {
            if (name) {
                *name = k + 1;
                *name_size = length;
            }
            *value = v;
            *size = (size_t)(at - v);
            return true;
        }
        at = skip_space(at, end);
    }
    return false;
}
