/* test_stale.c - pattern 127 of bad inputs: a page that changes between the look at it and the action. What was
 * seen and is not there any more is said to be so; nothing else is acted on in its place. */
#include "workspace.h"

#include "lam/browser/browser.h"

static const char spec[] = "{\"stages\":{},\"tools\":[\"browser\"],\"browser\":{\"files\":true}}";
static const char page[] = "<title>Stale</title><button onclick=\"document.title='clicked'\">One</button>"
                           "<input aria-label=Field><select><option>Red<option>Blue</select>"
                           "<button onclick=\"document.title='other'\">Two</button>";

static struct journal j;
static struct settings settings;
static struct events events;
static struct browser *browser;
static const char *path;

static viv_status hear(const viv_listener *l, const char *json, uint64_t size)
{
    (void)l, (void)json, (void)size;
    return VIV_OK;
}

static viv_status use(const char *tool, const char *a, const char *b)
{
    struct text result = {0};
    const struct tool_call c = {.host = &host,
                                .root = &j.root,
                                .journal = &j,
                                .words = {a, b},
                                .limit = 4000,
                                .settings = &settings,
                                .browser = browser};
    const viv_status status = tool_run(tool_find(tool), &c, &result);
    text_release(&result);
    return status;
}

/* false: there is no browser here. */
static bool begin(void)
{
    static const viv_listener listener = {.struct_size = sizeof listener, .tell = hear};
    path = new_workspace();
    events = (struct events){&host, &listener, -1, 0};
    ck_assert_int_eq(journal_open(&host, path, JOURNAL_MAKE, &j), VIV_OK);
    ck_assert_int_eq(settings_read(&host, "a.yaml", spec, &settings), VIV_OK);
    make_file(j.root.fd, "page.html", page, 0644);
    browser = browser_create(&host, &j.root, j.store, &events, &settings, NULL);
    ck_assert_ptr_nonnull(browser);
    const viv_status status = use("open_file", "page.html", NULL);
    if (status != VIV_OK)
        printf("skipped: %s\n", sentence);
    else
        ck_assert_int_eq(browser_look(browser), VIV_OK);
    return status == VIV_OK;
}

static void end(void)
{
    browser_destroy(browser);
    settings_release(&settings);
    journal_close(&j);
    remove_all(path);
}

/* Does what a page's own script would, after it was seen. */
static void change(const char *script)
{
    ck_assert_int_eq(page_call(browser, script, 10000, NULL), VIV_OK);
}

static void title_is(const char *words)
{
    ck_assert_int_eq(browser_look(browser), VIV_OK);
    ck_assert_str_eq(json_string_value(json_object_get(browser->page, "title")), words);
}

TEST(what_has_gone_meanwhile_is_not_acted_on)
{
    static const struct {
        const char *tool, *a, *b;
    } actions[] = {{"click", "1", "left"}, {"hover", "1", NULL}, {"type", "2", "x"}, {"select", "4", NULL}};
    if (begin()) {
        change("document.querySelectorAll('button, input, select').forEach(x => x.outerHTML = '<button "
               "onclick=\"document.title=`other`\">One</button>')");
        for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
            ck_assert_int_ne(use(actions[i].tool, actions[i].a, actions[i].b), VIV_OK);
            ck_assert_msg(strstr(sentence, "not there any more") != NULL, "%s: %s", actions[i].tool, sentence);
        }
        title_is("Stale");
    }
    end();
}
END_TEST

TEST(what_is_covered_or_far_away_meanwhile_is_not_clicked)
{
    if (begin()) {
        change("document.body.insertAdjacentHTML('beforeend', '<div onclick=\"document.title=`other`\" "
               "style=\"position:fixed;inset:0\">Cover</div>')");
        ck_assert_int_ne(use("click", "1", "left"), VIV_OK);
        ck_assert_msg(strstr(sentence, "covered") != NULL, "%s", sentence);
        change("document.querySelector('div').remove(); document.querySelector('button').style = "
               "'position:fixed;left:-500px'");
        ck_assert_int_ne(use("click", "1", "left"), VIV_OK);
        ck_assert_msg(strstr(sentence, "outside of the window") != NULL, "%s", sentence);
        title_is("Stale");
        change("document.querySelector('button').style = ''");
        ck_assert_int_eq(browser_look(browser), VIV_OK);
        ck_assert_msg(use("click", "1", "left") == VIV_OK, "%s", sentence);
        title_is("clicked");
    }
    end();
}
END_TEST

TEST(another_page_has_other_elements)
{
    if (begin()) {
        ck_assert_int_eq(use("open_file", "page.html", NULL), VIV_OK); /* the same, anew, and not looked at */
        ck_assert_int_ne(use("click", "1", "left"), VIV_OK);
        ck_assert_msg(strstr(sentence, "not there any more") != NULL, "%s", sentence);
    }
    end();
}
END_TEST

TESTS(what_has_gone_meanwhile_is_not_acted_on, what_is_covered_or_far_away_meanwhile_is_not_clicked,
      another_page_has_other_elements)
