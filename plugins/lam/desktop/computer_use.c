/* computer_use.c - the actions of Anthropic's tool `computer` (20250124, 20251124):
 *
 *   left_click right_click middle_click double_click triple_click {coordinate, text: keys that are held}
 *   left_click_drag {start_coordinate, coordinate}    left_mouse_down left_mouse_up    mouse_move {coordinate}
 *   scroll {coordinate, scroll_direction, scroll_amount}     key {text}     hold_key {text, duration}
 *   type {text}     wait {duration}     screenshot     cursor_position
 *
 * The object may be the input of a call: {"type": "tool_use", "name": "computer", "input": {...}}. */
#include "foreign.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *how;
} clicks[] = {{"left_click", "left"},
              {"right_click", "right"},
              {"middle_click", "middle"},
              {"double_click", "double"},
              {"triple_click", "triple"}};
enum { N_CLICKS = sizeof clicks / sizeof *clicks, LONGEST_WAIT = 60, MOST_TURNS = 30 };
static const char *const plain[] = {"screenshot", "cursor_position", "left_mouse_down", "left_mouse_up"};
enum { N_PLAIN = sizeof plain / sizeof *plain };

static const char *click_of(const char *name)
{
    for (size_t i = 0; i < N_CLICKS; i++)
        if (strcmp(clicks[i].name, name) == 0)
            return clicks[i].how;
    return NULL;
}

static bool is_plain(const char *name)
{
    for (size_t i = 0; i < N_PLAIN; i++)
        if (strcmp(plain[i], name) == 0)
            return true;
    return false;
}

static bool is_action(const json_t *action)
{
    static const char *const others[] = {"mouse_move", "left_click_drag", "scroll", "key", "hold_key", "type",
                                         "wait"};
    const char *name = json_string_value(json_object_get(action, "action"));
    bool is = name && (click_of(name) || is_plain(name));
    for (size_t i = 0; name && i < sizeof others / sizeof *others; i++)
        is = is || strcmp(others[i], name) == 0;
    return is;
}

/* --- reading ------------------------------------------------------------------------------------------------ */

static bool place_of(const json_t *action, const char *key, json_int_t at[2])
{
    const json_t *v = json_object_get(action, key);
    const json_t *x = json_array_get(v, 0), *y = json_array_get(v, 1);
    at[0] = json_integer_value(x);
    at[1] = json_integer_value(y);
    return json_array_size(v) == 2 && json_is_integer(x) && json_is_integer(y) && at[0] >= 0 && at[1] >= 0 &&
           at[0] <= UINT16_MAX && at[1] <= UINT16_MAX;
}

/* "ctrl+Page_Down", in our names; NULL: it is none. */
static json_t *keys_of(const char *text)
{
    struct text keys = {0};
    uint32_t ignored[MOST_KEYS];
    bool ok = text && *text;
    while (ok && *text) {
        const size_t n = *text == '+' ? 1 : strcspn(text, "+");
        text_printf(&keys, "%s", keys.size ? "+" : "");
        ok = keys_add_own_name(text, n, &keys);
        text += n + (text[n] == '+' && text[n + 1]);
    }
    json_t *v = ok && !keys.failed && keys_read(text_or_empty(&keys), ignored) ? json_string(keys.data) : NULL;
    text_release(&keys);
    return v;
}

static json_t *hold(json_t *keys, const char *how)
{
    return json_pack("{s:s, s:O, s:s}", "action", "desktop_hold", "keys", keys, "how", how);
}

static json_t *wait_of(double seconds)
{
    const json_int_t n = (json_int_t)(seconds > LONGEST_WAIT ? LONGEST_WAIT : seconds > 0 ? seconds : 0);
    return json_pack("{s:s, s:I, s:s}", "action", "desktop_wait", "seconds", n, "text", "");
}

static json_t *read_click(const json_t *a, const char *how, const char **why)
{
    json_int_t at[2];
    const char *held = json_string_value(json_object_get(a, "text"));
    json_t *keys = held && *held ? keys_of(held) : NULL, *list = json_array();
    if (!place_of(a, "coordinate", at) || (held && *held && !keys)) {
        *why = keys || !held ? "it needs a coordinate, such as [10, 20]" : "its text names no key that can be held";
        json_decref(keys);
        json_decref(list);
        return NULL;
    }
    if (keys)
        json_array_append_new(list, hold(keys, "down"));
    json_array_append_new(
        list, json_pack("{s:s, s:I, s:I, s:s}", "action", "desktop_click_at", "x", at[0], "y", at[1], "how", how));
    if (keys)
        json_array_append_new(list, hold(keys, "up"));
    json_decref(keys);
    return list;
}

static json_t *read_drag(const json_t *a, const char **why)
{
    json_int_t from[2], to[2];
    *why = "it needs a start_coordinate and a coordinate";
    return place_of(a, "start_coordinate", from) && place_of(a, "coordinate", to)
               ? json_pack("[{s:s, s:I, s:I, s:I, s:I}]", "action", "desktop_drag", "x", from[0], "y", from[1],
                           "to_x", to[0], "to_y", to[1])
               : NULL;
}

static json_t *read_scroll(const json_t *a, const char **why)
{
    json_int_t at[2];
    const char *way = json_string_value(json_object_get(a, "scroll_direction"));
    const json_int_t n = json_integer_value(json_object_get(a, "scroll_amount"));
    *why = "it needs a coordinate, a scroll_direction (up, down, left or right) and a scroll_amount from 1 on";
    return place_of(a, "coordinate", at) && way && n > 0 &&
                   (strcmp(way, "up") == 0 || strcmp(way, "down") == 0 || strcmp(way, "left") == 0 ||
                    strcmp(way, "right") == 0)
               ? json_pack("[{s:s, s:I, s:I, s:s, s:I}]", "action", "desktop_scroll", "x", at[0], "y", at[1],
                           "direction", way, "clicks", n < MOST_TURNS ? n : MOST_TURNS)
               : NULL;
}

static json_t *read_keys(const json_t *a, bool held, const char **why)
{
    json_t *keys = keys_of(json_string_value(json_object_get(a, "text")));
    const json_t *duration = json_object_get(a, "duration");
    json_t *list = NULL;
    if (!keys)
        *why = "its text is no key, such as Return or ctrl+s";
    else if (!held)
        list = json_pack("[{s:s, s:O}]", "action", "desktop_key", "keys", keys);
    else
        list = json_pack("[o, o, o]", hold(keys, "down"), wait_of(json_number_value(duration)), hold(keys, "up"));
    json_decref(keys);
    return list;
}

static json_t *read_action(const json_t *a, const char **why)
{
    json_int_t at[2];
    const char *name = json_string_value(json_object_get(a, "action"));
    const json_t *text = json_object_get(a, "text");
    *why = "it is no action of Computer Use";
    if (!name || !is_action(a))
        return NULL;
    if (click_of(name))
        return read_click(a, click_of(name), why);
    if (strcmp(name, "left_click_drag") == 0)
        return read_drag(a, why);
    if (strcmp(name, "scroll") == 0)
        return read_scroll(a, why);
    if (strcmp(name, "key") == 0 || strcmp(name, "hold_key") == 0)
        return read_keys(a, *name == 'h', why);
    if (strcmp(name, "left_mouse_down") == 0 || strcmp(name, "left_mouse_up") == 0)
        return json_pack("[{s:s, s:s}]", "action", "desktop_button", "how", name + strlen("left_mouse_"));
    if (strcmp(name, "wait") == 0)
        return json_pack("[o]", wait_of(json_number_value(json_object_get(a, "duration"))));
    if (strcmp(name, "type") == 0) {
        *why = "it needs a text, without a NUL";
        return json_is_string(text) && strlen(json_string_value(text)) == json_string_length(text)
                   ? json_pack("[{s:s, s:O}]", "action", "desktop_type", "text", text)
                   : NULL;
    }
    if (strcmp(name, "mouse_move") == 0) {
        *why = "it needs a coordinate, such as [10, 20]";
        return place_of(a, "coordinate", at)
                   ? json_pack("[{s:s, s:I, s:I}]", "action", "desktop_move", "x", at[0], "y", at[1])
                   : NULL;
    }
    return json_pack("[o]", wait_of(0)); /* the screen is looked at before each action */
}

static json_t *read_text(const char *text, size_t size, const char **why)
{
    json_error_t e;
    json_t *v = json_loadb(text, size, JSON_REJECT_DUPLICATES, &e), *input = json_object_get(v, "input");
    *why = "it is no JSON object";
    json_t *list = json_is_object(v) ? read_action(json_is_object(input) ? input : v, why) : NULL;
    json_decref(v);
    return list;
}

/* --- writing ------------------------------------------------------------------------------------------------ */

static const char *word(const json_t *step, const char *key)
{
    const char *s = json_string_value(json_object_get(step, key));
    return s ? s : "";
}

static json_t *pair(const json_t *step, const char *x, const char *y)
{
    return json_pack("[I, I]", json_integer_value(json_object_get(step, x)),
                     json_integer_value(json_object_get(step, y)));
}

static json_t *write_click(const json_t *step, json_t *place)
{
    const char *name = NULL;
    for (size_t i = 0; i < N_CLICKS; i++)
        if (strcmp(clicks[i].how, word(step, "how")) == 0)
            name = clicks[i].name;
    if (!name)
        json_decref(place);
    return name ? json_pack("{s:s, s:o}", "action", name, "coordinate", place) : NULL;
}

static json_t *written(const json_t *step, const struct box *at)
{
    const char *tool = word(step, "tool");
    if (strcmp(tool, "desktop_click_at") == 0)
        return write_click(step, pair(step, "x", "y"));
    if (strcmp(tool, "desktop_click") == 0 && at)
        return write_click(step, json_pack("[i, i]", at->x + at->width / 2, at->y + at->height / 2));
    if (strcmp(tool, "desktop_move") == 0)
        return json_pack("{s:s, s:o}", "action", "mouse_move", "coordinate", pair(step, "x", "y"));
    if (strcmp(tool, "desktop_drag") == 0)
        return json_pack("{s:s, s:o, s:o}", "action", "left_click_drag", "start_coordinate", pair(step, "x", "y"),
                         "coordinate", pair(step, "to_x", "to_y"));
    if (strcmp(tool, "desktop_scroll") == 0)
        return json_pack("{s:s, s:o, s:s, s:I}", "action", "scroll", "coordinate", pair(step, "x", "y"),
                         "scroll_direction", word(step, "direction"), "scroll_amount",
                         json_integer_value(json_object_get(step, "clicks")));
    if (strcmp(tool, "desktop_type") == 0)
        return json_pack("{s:s, s:s}", "action", "type", "text", word(step, "text"));
    if (strcmp(tool, "desktop_key") == 0)
        return json_pack("{s:s, s:s}", "action", "key", "text", word(step, "keys"));
    if (strcmp(tool, "desktop_button") == 0)
        return json_pack("{s:s}", "action",
                         strcmp(word(step, "how"), "down") == 0 ? "left_mouse_down" : "left_mouse_up");
    if (strcmp(tool, "desktop_wait") == 0)
        return json_pack("{s:s, s:I}", "action", "wait", "duration",
                         json_integer_value(json_object_get(step, "seconds")));
    return NULL;
}

static bool write_text(const json_t *step, const struct box *at, struct text *out)
{
    json_t *v = written(step, at);
    char *text = v ? json_dumps(v, JSON_COMPACT) : NULL;
    if (text)
        text_printf(out, "%s", text);
    out->failed = out->failed || (v && !text);
    json_decref(v);
    free(text);
    return v != NULL;
}

/* --- the schema --------------------------------------------------------------------------------------------- */

static json_t *range(int first, int last)
{
    return json_pack("{s:s, s:i, s:i}", "type", "integer", "minimum", first, "maximum", last);
}

static json_t *place_schema(int width, int height)
{
    return json_pack("{s:s, s:[o, o], s:b, s:i, s:i}", "type", "array", "prefixItems", range(0, width - 1),
                     range(0, height - 1), "items", 0, "minItems", 2, "maxItems", 2);
}

/* Takes ownership of the schemas; a NULL name ends the list, and one behind "?" may be left out. */
static void add_schema(json_t *choices, const char *action, const char *const names[3], json_t *const schemas[3])
{
    json_t *properties = json_pack("{s:{s:s}}", "action", "const", action), *required = json_pack("[s]", "action");
    for (int i = 0; i < 3 && names[i]; i++) {
        const bool optional = *names[i] == '?';
        json_object_set_new(properties, names[i] + optional, schemas[i]);
        if (!optional)
            json_array_append_new(required, json_string(names[i]));
    }
    json_array_append_new(choices, json_pack("{s:s, s:o, s:o, s:b}", "type", "object", "properties", properties,
                                             "required", required, "additionalProperties", 0));
}

static void add_schemas(int width, int height, json_t *choices)
{
    char *pattern = keys_pattern();
    json_t *keys = json_pack("{s:s, s:s}", "type", "string", "pattern", pattern ? pattern : "");
    json_t *ways = json_pack("{s:[s, s, s, s]}", "enum", "up", "down", "left", "right");
    const char *const none[3] = {NULL}, *const place[3] = {"coordinate", NULL}, *const text[3] = {"text", NULL};
    for (size_t i = 0; i < N_CLICKS; i++)
        add_schema(choices, clicks[i].name, (const char *const[3]){"coordinate", "?text"},
                   (json_t *[3]){place_schema(width, height), json_incref(keys)});
    for (size_t i = 0; i < N_PLAIN; i++)
        add_schema(choices, plain[i], none, (json_t *[3]){NULL});
    add_schema(choices, "mouse_move", place, (json_t *[3]){place_schema(width, height)});
    add_schema(choices, "left_click_drag", (const char *const[3]){"start_coordinate", "coordinate"},
               (json_t *[3]){place_schema(width, height), place_schema(width, height)});
    add_schema(choices, "scroll", (const char *const[3]){"coordinate", "scroll_direction", "scroll_amount"},
               (json_t *[3]){place_schema(width, height), ways, range(1, MOST_TURNS)});
    add_schema(choices, "key", text, (json_t *[3]){json_incref(keys)});
    add_schema(choices, "hold_key", (const char *const[3]){"text", "duration"},
               (json_t *[3]){json_incref(keys), range(0, LONGEST_WAIT)});
    add_schema(choices, "type", text,
               (json_t *[3]){json_pack("{s:s, s:i}", "type", "string", "maxLength", 100000)});
    add_schema(choices, "wait", (const char *const[3]){"duration"}, (json_t *[3]){range(0, LONGEST_WAIT)});
    json_decref(keys);
    free(pattern);
}

static const char description[] =
    "{\"action\": \"left_click\", \"coordinate\": [x, y]}  a place on the screen; so do right_click, middle_click, "
    "double_click, triple_click and mouse_move\n"
    "{\"action\": \"left_click_drag\", \"start_coordinate\": [x, y], \"coordinate\": [x, y]}\n"
    "{\"action\": \"scroll\", \"coordinate\": [x, y], \"scroll_direction\": ..., \"scroll_amount\": ...}\n"
    "{\"action\": \"key\", \"text\": ...}  such as Return or ctrl+s\n"
    "{\"action\": \"hold_key\", \"text\": ..., \"duration\": seconds}\n"
    "{\"action\": \"type\", \"text\": ...}\n{\"action\": \"wait\", \"duration\": seconds}\n"
    "{\"action\": \"left_mouse_down\"}, left_mouse_up, screenshot and cursor_position\n";

const struct foreign foreign_computer_use = {.name = "computer-use",
                                             .read = read_text,
                                             .write = write_text,
                                             .description = description,
                                             .schemas = add_schemas,
                                             .is = is_action,
                                             .read_object = read_action};
