/* test_windows.c - desktops without a display: names of keys, the actions of others, what a model is told and may
 * do where there is much or odd to see, pictures, and specs. */
#include "lam/browser/browser.h"
#include "lam/desktop/foreign.h"
#include "workspace.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* --- keys --------------------------------------------------------------------------------------------------- */

START_TEST(chords_are_keysyms_with_modifiers_first)
{
    uint32_t keys[MOST_KEYS];
    ck_assert_uint_eq(keys_read("a", keys), 1);
    ck_assert_uint_eq(keys[0], 'a');
    ck_assert_uint_eq(keys_read("ctrl+shift+Page_Down", keys), 3);
    ck_assert_uint_eq(keys[0], 0xffe3);
    ck_assert_uint_eq(keys[1], 0xffe1);
    ck_assert_uint_eq(keys[2], 0xff56);
    ck_assert_uint_eq(keys_read("ctrl++", keys), 2);
    ck_assert_uint_eq(keys[1], '+');
    ck_assert_uint_eq(keys_read("+", keys), 1);
    ck_assert_uint_eq(keys_read("ctrl", keys), 1);
}
END_TEST

START_TEST(what_is_no_chord_is_refused)
{
    static const char *const bad[] = {"",
                                      "ab",
                                      "Enter",
                                      "ctrl+",
                                      "ctrl+ab",
                                      "x+y",
                                      "CTRL+a",
                                      "ctrl-a",
                                      "\n",
                                      "\xc3\xa9",
                                      " ",
                                      "hyper+a",
                                      "ctrl+ctrl+ctrl+ctrl+ctrl+ctrl+ctrl+a"};
    uint32_t keys[MOST_KEYS];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(keys_read(bad[i], keys) == 0, "'%s' is taken", bad[i]);
}
END_TEST

START_TEST(characters_are_keysyms)
{
    ck_assert_uint_eq(keysym_of_character('A'), 'A');
    ck_assert_uint_eq(keysym_of_character(0xe9), 0xe9);
    ck_assert_uint_eq(keysym_of_character(0x4e2d), 0x01004e2d);
    ck_assert_uint_eq(keysym_of_character(0x1f600), 0x0101f600);
    ck_assert_uint_eq(keysym_of_character('\n'), 0xff0d);
    ck_assert_uint_eq(keysym_of_character(0x80), 0x01000080);
}
END_TEST

/* --- the actions of others ---------------------------------------------------------------------------------- */

static void reads(const struct foreign *f, const char *text, const char *expected)
{
    const char *why = NULL;
    json_t *list = f->read(text, strlen(text), &why);
    char *got = list ? json_dumps(list, JSON_COMPACT) : NULL;
    ck_assert_msg(got != NULL, "%s is not read: %s", text, why ? why : "");
    ck_assert_str_eq(got, expected);
    free(got);
    json_decref(list);
}

static void refuses(const struct foreign *f, const char *text, size_t size)
{
    const char *why = NULL;
    json_t *list = f->read(text, size, &why);
    ck_assert_msg(list == NULL && why != NULL, "%s is read", text);
}

static void writes(const struct foreign *f, const char *step, const struct box *at, const char *expected)
{
    struct text out = {0};
    json_t *v = json_loads(step, 0, NULL);
    ck_assert_ptr_nonnull(v);
    ck_assert(f->write(v, at, &out) == (expected != NULL));
    ck_assert_str_eq(text_or_empty(&out), expected ? expected : "");
    text_release(&out);
    json_decref(v);
}

START_TEST(actions_of_computer_use_are_read)
{
    const struct foreign *f = foreign_find("computer-use");
    reads(f, "{\"action\":\"left_click\",\"coordinate\":[10,20]}",
          "[{\"action\":\"desktop_click_at\",\"x\":10,\"y\":20,\"how\":\"left\"}]");
    reads(f,
          "{\"type\":\"tool_use\",\"name\":\"computer\",\"input\":{\"action\":\"triple_click\",\"coordinate\":[1,2]"
          "}}",
          "[{\"action\":\"desktop_click_at\",\"x\":1,\"y\":2,\"how\":\"triple\"}]");
    reads(f, "{\"action\":\"right_click\",\"coordinate\":[1,2],\"text\":\"Control_L\"}",
          "[{\"action\":\"desktop_hold\",\"keys\":\"ctrl\",\"how\":\"down\"},"
          "{\"action\":\"desktop_click_at\",\"x\":1,\"y\":2,\"how\":\"right\"},"
          "{\"action\":\"desktop_hold\",\"keys\":\"ctrl\",\"how\":\"up\"}]");
    reads(f, "{\"action\":\"left_click_drag\",\"start_coordinate\":[1,2],\"coordinate\":[3,4]}",
          "[{\"action\":\"desktop_drag\",\"x\":1,\"y\":2,\"to_x\":3,\"to_y\":4}]");
    reads(f, "{\"action\":\"scroll\",\"coordinate\":[1,2],\"scroll_direction\":\"down\",\"scroll_amount\":1000}",
          "[{\"action\":\"desktop_scroll\",\"x\":1,\"y\":2,\"direction\":\"down\",\"clicks\":30}]");
    reads(f, "{\"action\":\"key\",\"text\":\"ctrl+shift+page_down\"}",
          "[{\"action\":\"desktop_key\",\"keys\":\"ctrl+shift+Page_Down\"}]");
    reads(f, "{\"action\":\"key\",\"text\":\"ctrl++\"}", "[{\"action\":\"desktop_key\",\"keys\":\"ctrl++\"}]");
    reads(f, "{\"action\":\"hold_key\",\"text\":\"w\",\"duration\":2.5}",
          "[{\"action\":\"desktop_hold\",\"keys\":\"w\",\"how\":\"down\"},"
          "{\"action\":\"desktop_wait\",\"seconds\":2,\"text\":\"\"},"
          "{\"action\":\"desktop_hold\",\"keys\":\"w\",\"how\":\"up\"}]");
    reads(f, "{\"action\":\"type\",\"text\":\"a\\n\\u4e2d\"}",
          "[{\"action\":\"desktop_type\",\"text\":\"a\\n\u4e2d\"}]");
    reads(f, "{\"action\":\"left_mouse_down\"}", "[{\"action\":\"desktop_button\",\"how\":\"down\"}]");
    reads(f, "{\"action\":\"mouse_move\",\"coordinate\":[0,0]}", "[{\"action\":\"desktop_move\",\"x\":0,\"y\":0}]");
    reads(f, "{\"action\":\"wait\",\"duration\":1e300}",
          "[{\"action\":\"desktop_wait\",\"seconds\":60,\"text\":\"\"}]");
    reads(f, "{\"action\":\"screenshot\"}", "[{\"action\":\"desktop_wait\",\"seconds\":0,\"text\":\"\"}]");
}
END_TEST

START_TEST(what_is_no_action_of_computer_use_is_refused)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"action\":\"format_disk\"}",
        "{\"action\":7}",
        "{\"action\":\"left_click\"}",
        "{\"action\":\"left_click\",\"coordinate\":[1]}",
        "{\"action\":\"left_click\",\"coordinate\":[1,2,3]}",
        "{\"action\":\"left_click\",\"coordinate\":[-1,2]}",
        "{\"action\":\"left_click\",\"coordinate\":[1.5,2]}",
        "{\"action\":\"left_click\",\"coordinate\":[1,9223372036854775807]}",
        "{\"action\":\"left_click\",\"coordinate\":[1,2],\"text\":\"nokey\"}",
        "{\"action\":\"key\",\"text\":\"\"}",
        "{\"action\":\"key\",\"text\":\"ctrl+nokey\"}",
        "{\"action\":\"key\"}",
        "{\"action\":\"type\"}",
        "{\"action\":\"scroll\",\"coordinate\":[1,2],\"scroll_direction\":\"in\",\"scroll_amount\":1}",
        "{\"action\":\"scroll\",\"coordinate\":[1,2],\"scroll_direction\":\"up\",\"scroll_amount\":0}",
        "{\"action\":\"left_click\",\"action\":\"type\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuses(&foreign_computer_use, bad[i], strlen(bad[i]));
}
END_TEST

START_TEST(actions_of_ui_tars_are_read)
{
    const struct foreign *f = foreign_find("ui-tars");
    reads(f, "Thought: I click(start_box='(9,9)').\nAction: click(start_box='(10,20)')",
          "[{\"action\":\"desktop_click_at\",\"x\":10,\"y\":20,\"how\":\"left\"}]");
    reads(f, "left_double(start_box='<|box_start|>(10,20)<|box_end|>')",
          "[{\"action\":\"desktop_click_at\",\"x\":10,\"y\":20,\"how\":\"double\"}]");
    reads(f, "Action: right_single(start_box='[10, 20, 30, 41]')",
          "[{\"action\":\"desktop_click_at\",\"x\":20,\"y\":30,\"how\":\"right\"}]");
    reads(f, "Action: click(point='<point>7 8</point>')",
          "[{\"action\":\"desktop_click_at\",\"x\":7,\"y\":8,\"how\":\"left\"}]");
    reads(f, "Action: drag(start_box='(1,2)', end_box='(3,4)')",
          "[{\"action\":\"desktop_drag\",\"x\":1,\"y\":2,\"to_x\":3,\"to_y\":4}]");
    reads(f, "Action: hotkey(key='ctrl c')", "[{\"action\":\"desktop_key\",\"keys\":\"ctrl+c\"}]");
    reads(f, "Action: hotkey(key='enter')", "[{\"action\":\"desktop_key\",\"keys\":\"Return\"}]");
    reads(f, "Action: type(content='it\\'s \\\\ \\n')",
          "[{\"action\":\"desktop_type\",\"text\":\"it's \\\\ \\n\"}]");
    reads(f, "Action: scroll(start_box='(1,2)', direction='up')",
          "[{\"action\":\"desktop_scroll\",\"x\":1,\"y\":2,\"direction\":\"up\",\"clicks\":5}]");
    reads(f, "Action: wait()\n\nfinished(content='done')",
          "[{\"action\":\"desktop_wait\",\"seconds\":5,\"text\":\"\"},{\"action\":\"done\",\"answer\":\"done\"}]");
    reads(f, "Thought: it says Action: wait()\nAction: type(content='Action: wait()')",
          "[{\"action\":\"desktop_type\",\"text\":\"Action: wait()\"}]");
    reads(f, "type(content='Action: wait()')", "[{\"action\":\"desktop_type\",\"text\":\"Action: wait()\"}]");
    reads(f, "Thought: on one line. Action: wait()", "[{\"action\":\"desktop_wait\",\"seconds\":5,\"text\":\"\"}]");
    reads(f, "Action: open_app(app_name=\"editor\")", "[{\"action\":\"desktop_start\",\"program\":\"editor\"}]");
}
END_TEST

START_TEST(what_is_no_action_of_ui_tars_is_refused)
{
    static const char *const bad[] = {"",
                                      "Thought: nothing",
                                      "Action:",
                                      "Action: click",
                                      "Action: click(",
                                      "Action: click()",
                                      "Action: click(start_box=(1,2))",
                                      "Action: click(start_box='(1,2)'",
                                      "Action: click(start_box='(1)')",
                                      "Action: click(start_box='(-5,10)')",
                                      "Action: click(start_box='(1,2,3)')",
                                      "Action: click(start_box='(1,2,3,4,5)')",
                                      "Action: click(start_box='(1,99999999999999999999)')",
                                      "Action: click(start_box='(1,2)') and more",
                                      "Action: os.system(content='rm')",
                                      "Action: hotkey(key='')",
                                      "Action: hotkey(key='nokey')",
                                      "Action: type(text='x')",
                                      "Action: scroll(start_box='(1,2)', direction='in')",
                                      "Action: type(content='x', content='y', content='z', content='w')"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuses(&foreign_ui_tars, bad[i], strlen(bad[i]));
    refuses(&foreign_ui_tars, "type(content='a\0b')", 19);
    struct text many = {0};
    for (int i = 0; i < 100; i++)
        text_printf(&many, "wait()\n\n");
    refuses(&foreign_ui_tars, many.data, many.size);
    text_release(&many);
}
END_TEST

/* Of each step that both know, what is written is read as the same. */
START_TEST(what_is_written_is_read_as_it_was)
{
    static const char *const steps[] = {
        "{\"action\":\"desktop_click_at\",\"x\":1,\"y\":2,\"how\":\"left\"}",
        "{\"action\":\"desktop_click_at\",\"x\":1,\"y\":2,\"how\":\"double\"}",
        "{\"action\":\"desktop_click_at\",\"x\":1,\"y\":2,\"how\":\"right\"}",
        "{\"action\":\"desktop_drag\",\"x\":1,\"y\":2,\"to_x\":3,\"to_y\":4}",
        "{\"action\":\"desktop_scroll\",\"x\":1,\"y\":2,\"direction\":\"left\",\"clicks\":5}",
        "{\"action\":\"desktop_type\",\"text\":\"it's a \\\"text\\\" with \\\\ and\\n\\u4e2d\\t.\"}",
        "{\"action\":\"desktop_key\",\"keys\":\"ctrl+shift+Page_Up\"}",
        "{\"action\":\"desktop_key\",\"keys\":\"ctrl++\"}",
        "{\"action\":\"desktop_key\",\"keys\":\"'\"}",
        "{\"action\":\"desktop_wait\",\"seconds\":5,\"text\":\"\"}"};
    static const struct foreign *const formats[] = {&foreign_computer_use, &foreign_ui_tars};
    for (size_t f = 0; f < 2; f++)
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
            struct text text = {0};
            const char *why = "";
            json_t *step = json_loads(steps[i], 0, NULL);
            json_object_set(step, "tool", json_object_get(step, "action"));
            ck_assert_msg(formats[f]->write(step, NULL, &text), "%s", steps[i]);
            json_object_del(step, "tool");
            json_t *list = formats[f]->read(text.data, text.size, &why);
            ck_assert_msg(json_array_size(list) == 1 && json_equal(json_array_get(list, 0), step), "%s: %s (%s)",
                          steps[i], text.data, why);
            json_decref(list);
            json_decref(step);
            text_release(&text);
        }
}
END_TEST

START_TEST(elements_are_written_as_places)
{
    const struct box at = {10, 20, 40, 10};
    writes(&foreign_computer_use, "{\"tool\":\"desktop_click\",\"element\":3,\"how\":\"left\"}", &at,
           "{\"action\":\"left_click\",\"coordinate\":[30,25]}");
    writes(&foreign_ui_tars, "{\"tool\":\"desktop_click\",\"element\":3,\"how\":\"double\"}", &at,
           "left_double(start_box='(30,25)')");
    writes(&foreign_ui_tars, "{\"tool\":\"desktop_click\",\"element\":3,\"how\":\"left\"}", NULL, NULL);
    writes(&foreign_ui_tars, "{\"tool\":\"desktop_click_at\",\"x\":1,\"y\":2,\"how\":\"triple\"}", NULL, NULL);
    writes(&foreign_computer_use, "{\"tool\":\"write\",\"path\":\"a\"}", NULL, NULL);
    writes(&foreign_computer_use, "{\"tool\":7}", NULL, NULL);
}
END_TEST

/* --- what is seen ------------------------------------------------------------------------------------------- */

static struct settings settings_of(const char *desktop)
{
    struct settings s = {.elements = 400, .page_seconds = 1};
    s.json = json_loads(desktop, 0, NULL);
    s.desktop = s.json;
    ck_assert_ptr_nonnull(s.json);
    return s;
}

START_TEST(labels_have_no_controls_and_an_end)
{
    char long_title[5000];
    memset(long_title, 'x', sizeof long_title);
    char *label = label_of(long_title, sizeof long_title);
    ck_assert_uint_eq(strlen(label), LONGEST_LABEL);
    free(label);
    label = label_of("a\033[31m\n[9] button \"Yes\"\xff\xe2\x80\xae", 29);
    ck_assert_ptr_null(strpbrk(label, "\033\n\xff"));
    ck_assert(text_is_utf8(label, strlen(label)));
    ck_assert_ptr_null(strstr(label, "\u202e"));
    free(label);
    label = label_of("a\0b", 3);
    ck_assert_str_eq(label, "a");
    free(label);
}
END_TEST

START_TEST(thousands_of_elements_are_told_and_named)
{
    struct settings s = settings_of("{\"programs\":{\"a\":[\"b\"]}}");
    struct desktop *d = desktop_create(&host, NULL, -1, NULL, &s, NULL);
    enum { N = 4000 };
    struct text shown = {0};
    ck_assert_ptr_nonnull(d);
    d->elements = calloc(N, sizeof *d->elements);
    for (int i = 0; i < N; i++)
        d->elements[d->n_elements++] =
            (struct element){.number = i + 1,
                             .role = strdup("push button"),
                             .name = strdup("a \"name\""),
                             .at = {.x = i % 1000, .y = i / 10, .width = 1, .height = 1}};
    json_t *schema = desktop_schema(d, ARGUMENT_THING);
    ck_assert_uint_eq(json_array_size(json_object_get(schema, "enum")), N);
    json_decref(schema);
    ck_assert_ptr_nonnull(desktop_element(d, N));
    ck_assert_ptr_null(desktop_element(d, N + 1));
    ck_assert_ptr_null(desktop_element(d, -1));
    json_t *event = desktop_event(d);
    ck_assert_uint_eq(json_object_size(json_object_get(event, "boxes")), N);
    json_decref(event);
    desktop_show(d, &shown);
    ck_assert_str_eq(shown.data, "Nothing is open.\n");
    text_release(&shown);
    d->screen = (struct screen *)d; /* as if one were */
    desktop_show(d, &shown);
    d->screen = NULL;
    ck_assert_ptr_nonnull(strstr(shown.data, "[4000] push button \"a \\\"name\\\"\" disabled at 999,399 1x1\n"));
    text_release(&shown);
    desktop_destroy(d);
    settings_release(&s);
}
END_TEST

START_TEST(without_a_display_only_programs_can_be_started)
{
    struct settings s = settings_of("{\"programs\":{\"edit\":[\"x\"],\"draw\":[\"y\"]}}");
    struct desktop *d = desktop_create(&host, NULL, -1, NULL, &s, NULL);
    json_t *programs = desktop_schema(d, ARGUMENT_PROGRAM);
    char *text = json_dumps(programs, JSON_COMPACT);
    ck_assert_str_eq(text, "{\"enum\":[\"edit\",\"draw\"]}");
    for (int kind = ARGUMENT_WINDOW; kind <= ARGUMENT_SECONDS; kind++)
        ck_assert_ptr_null(desktop_schema(d, (enum argument_kind)kind));
    ck_assert(!desktop_has(d, &tool_desktop_click_at) && desktop_has(d, &tool_desktop_start) &&
              !desktop_has(d, &tool_desktop_open));
    ck_assert_int_ne(screen_point(d, 1, 1), VIV_OK);
    ck_assert_int_ne(screen_type(d, "x"), VIV_OK);
    ck_assert_int_ne(screen_keys(d, "a", true, true), VIV_OK);
    ck_assert_int_ne(desktop_settle(d), VIV_OK);
    ck_assert_int_ne(desktop_start(d, "other"), VIV_OK);
    free(text);
    json_decref(programs);
    desktop_destroy(d);
    settings_release(&s);
}
END_TEST

/* --- pictures ----------------------------------------------------------------------------------------------- */

START_TEST(a_picture_is_a_png_of_its_pixels)
{
    enum { WIDTH = 3, HEIGHT = 2 };
    static const char pixels[] = "\xff\x00\x00\x00\xff\x00\x00\x00\xff\x01\x02\x03\x04\x05\x06\x07\x08\x09";
    struct text in = {0}, png = {0};
    text_add(&in, pixels, 3 * WIDTH * HEIGHT);
    ck_assert(png_write(&in, WIDTH, HEIGHT, &png));
    ck_assert_mem_eq(png.data, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\3\0\0\0\2\x08\2\0\0\0", 29);
    unsigned char lines[(3 * WIDTH + 1) * HEIGHT];
    uLongf size = sizeof lines;
    const unsigned char *length = (const unsigned char *)png.data + 33;
    ck_assert_int_eq(uncompress(lines, &size, (const Bytef *)png.data + 41, (uLong)(length[2] << 8 | length[3])),
                     Z_OK);
    ck_assert_uint_eq(size, sizeof lines);
    ck_assert_uint_eq(lines[0], 2);
    ck_assert_mem_eq(lines + 1, pixels, (size_t)3 * WIDTH);
    for (size_t i = 0; i < (size_t)3 * WIDTH; i++)
        ck_assert_uint_eq((unsigned char)(lines[11 + i] + (unsigned char)pixels[i]), (unsigned char)pixels[9 + i]);
    ck_assert(!png_write(&in, WIDTH + 1, HEIGHT, &png) && !png_write(&in, 0, 0, &png) &&
              !png_write(&in, -1, 2, &png));
    text_release(&in);
    text_release(&png);
}
END_TEST

/* --- specs -------------------------------------------------------------------------------------------------- */

START_TEST(specs_that_are_wrong_are_refused)
{
    static const struct {
        const char *desktop, *words;
    } bad[] = {{"[]", "expected a mapping"},
               {"{}", "needs `programs`"},
               {"{\"display\":\"\",\"programs\":{}}", "display: expected private"},
               {"{\"size\":\"10x10\",\"programs\":{}}", "size: expected"},
               {"{\"size\":\"1024\",\"programs\":{}}", "size: expected"},
               {"{\"size\":\"1024x-768\",\"programs\":{}}", "size: expected"},
               {"{\"size\":\"99999999999999999999x768\",\"programs\":{}}", "size: expected"},
               {"{\"size\":1024,\"programs\":{}}", "size: expected"},
               {"{\"pictures\":1,\"programs\":{}}", "pictures: expected"},
               {"{\"actions\":\"mine\",\"programs\":{}}", "actions: expected"},
               {"{\"programs\":[\"xterm\"]}", "programs: expected"},
               {"{\"programs\":{\"a\":[]}}", "'a': expected"},
               {"{\"programs\":{\"a\":[\"\"]}}", "'a': expected"},
               {"{\"programs\":{\"a\":\"xterm\"}}", "'a': expected"},
               {"{\"programs\":{\"a b\":[\"xterm\"]}}", "'a b': expected"},
               {"{\"programs\":{\"a\":[\"x\",7]}}", "'a': expected"},
               {"{\"display\":\":0\",\"programs\":{\"a\":[\"x\"]}}", "private display only"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_t *v = json_loads(bad[i].desktop, 0, NULL);
        ck_assert_int_eq(desktop_check(&host, "a.yaml", v), VIV_EINVAL);
        ck_assert_msg(strstr(sentence, bad[i].words) != NULL, "no '%s' in: %s", bad[i].words, sentence);
        json_decref(v);
    }
    json_t *v = json_loads("{\"display\":\":0\"}", 0, NULL);
    ck_assert_int_eq(desktop_check(&host, "a.yaml", v), VIV_OK);
    json_decref(v);
}
END_TEST

TESTS(chords_are_keysyms_with_modifiers_first, what_is_no_chord_is_refused, characters_are_keysyms,
      actions_of_computer_use_are_read, what_is_no_action_of_computer_use_is_refused, actions_of_ui_tars_are_read,
      what_is_no_action_of_ui_tars_is_refused, what_is_written_is_read_as_it_was, elements_are_written_as_places,
      labels_have_no_controls_and_an_end, thousands_of_elements_are_told_and_named,
      without_a_display_only_programs_can_be_started, a_picture_is_a_png_of_its_pixels,
      specs_that_are_wrong_are_refused)
