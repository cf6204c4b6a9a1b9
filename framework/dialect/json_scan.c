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

/* `read`: of the bytes, how many the value has ended behind. */
static void end_value(struct json_scan *j, size_t read)
{
    if (j->depth == 1 && j->member == MEMBER_VALUE) {
        j->member = MEMBER_DONE;
        j->value_size = read - j->value;
    }
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
    end_value(j, j->read + 1);
    return true;
}

static bool begin_value(struct json_scan *j, char c)
{
    if (j->depth == 1 && !j->list[0]) {
        j->member = MEMBER_VALUE;
        j->value = j->read;
    }
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
    else if (c == '"' && j->is_key) {
        j->state = COLON;
        if (j->depth == 1)
            j->key_size = j->read - j->key;
    } else if (c == '"')
        end_value(j, j->read + 1);
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
            end_value(j, j->read + 1);
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
        if (j->depth == 1)
            j->key = j->read + 1;
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
    for (*used = 0; *used < n && j->state != END; ++*used, j->read++) {
        const char c = s[*used];
        if (j->state >= MINUS) { /* of a number */
            if (number(j, c))
                continue;
            if (!may_end_number(j))
                return JSON_SCAN_BAD;
            end_value(j, j->read);
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
