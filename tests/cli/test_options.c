/* The options of all verbs, as `viv help --json` tells them: one name, one letter, one meaning; and their help. */
#include "testing.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"

#include <stdio.h>

/* What a command of the program prints on standard output. */
static void said(struct buf *out, const char *words)
{
    char line[8192], bytes[4096];
    const char *build = getenv("VIV_BUILD");
    snprintf(line, sizeof line, "'%s/viv' %s", build ? build : ".", words);
    FILE *f = popen(line, "r");
    ck_assert_ptr_nonnull(f);
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, f)) > 0;)
        ck_assert(buf_append(out, bytes, n));
    ck_assert_msg(pclose(f) == 0, "viv %s failed", words);
}

static json_t *all_verbs(void)
{
    struct buf text = {0};
    struct error err;
    json_t *root;
    said(&text, "help --json");
    ck_assert_msg(json_parse("help", buf_text(&text), text.size, &root, &err) == VIV_OK, "%s", err.text);
    buf_release(&text);
    ck_assert_uint_gt(json_array_size(json_object_get(root, "verbs")), 15);
    return root;
}

static const char *of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* A list of texts and a text are the same kind of value, said several times or once. */
static const char *kind(const json_t *option)
{
    return strcmp(of(option, "kind"), "list") == 0 ? "string" : of(option, "kind");
}

/* Calls look for each pair of options of all verbs, as they come: a pair of two names or of one. */
static void for_each_pair(const json_t *root, void (*look)(const json_t *verb, const json_t *a, const json_t *b))
{
    json_t *verbs = json_object_get(root, "verbs"), *verb, *other, *a, *b;
    size_t i, j, k, l;
    json_array_foreach(verbs, i, verb) json_array_foreach(json_object_get(verb, "options"), j, a)
        json_array_foreach(verbs, k, other) json_array_foreach(json_object_get(other, "options"), l, b)
            look(verb, a, b);
}

static void same_meaning(const json_t *verb, const json_t *a, const json_t *b)
{
    if (strcmp(of(a, "name"), of(b, "name")) != 0)
        return;
    const char *const keys[] = {"letter", "value", "meaning"};
    for (size_t i = 0; i < 3; i++)
        ck_assert_msg(strcmp(of(a, keys[i]), of(b, keys[i])) == 0,
                      "--%s of %s: the %s is '%s' here and '%s' elsewhere", of(a, "name"), of(verb, "name"),
                      keys[i], of(a, keys[i]), of(b, keys[i]));
    ck_assert_str_eq(kind(a), kind(b));
    ck_assert(json_equal(json_object_get(a, "aliases"), json_object_get(b, "aliases")));
    /* the words of a choice may depend on the verb: --type takes more in viv quantize */
    ck_assert((json_object_get(a, "choices") == NULL) == (json_object_get(b, "choices") == NULL));
}

static void own_names(const json_t *verb, const json_t *a, const json_t *b)
{
    size_t i, j;
    json_t *x, *y;
    if (strcmp(of(a, "name"), of(b, "name")) == 0)
        return;
    if (strcmp(of(a, "name"), "count") == 0 || strcmp(of(b, "name"), "count") == 0)
        return; /* -n of viv grammar: how many texts, which have no length of their own */
    ck_assert_msg(!*of(a, "letter") || strcmp(of(a, "letter"), of(b, "letter")) != 0,
                  "-%s of %s is --%s here and --%s elsewhere", of(a, "letter"), of(verb, "name"), of(a, "name"),
                  of(b, "name"));
    json_array_foreach(json_object_get(a, "aliases"), i, x)
    {
        ck_assert_msg(strcmp(json_string_value(x), of(b, "name")) != 0, "--%s is an option and an alias of --%s",
                      of(b, "name"), of(a, "name"));
        json_array_foreach(json_object_get(b, "aliases"), j, y)
            ck_assert_msg(!json_equal(x, y), "'%s' is an alias of --%s and of --%s", json_string_value(x),
                          of(a, "name"), of(b, "name"));
    }
}

TEST(options__have_one_meaning_in_all_verbs)
{
    json_t *root = all_verbs();
    for_each_pair(root, same_meaning);
    json_decref(root);
}
END_TEST

TEST(options__share_no_letter_and_no_alias)
{
    json_t *root = all_verbs();
    for_each_pair(root, own_names);
    json_decref(root);
}
END_TEST

TEST(options__aliases_are_in_the_manual)
{
    json_t *root = all_verbs(), *verb, *o, *alias;
    struct buf man = {0};
    struct error err;
    size_t i, j, k, n = 0;
    ck_assert_msg(file_read(source_path("man/viv.1"), 1 << 20, &man, &err) == VIV_OK, "%s", err.text);
    json_array_foreach(json_object_get(root, "verbs"), i, verb)
        json_array_foreach(json_object_get(verb, "options"), j, o)
            json_array_foreach(json_object_get(o, "aliases"), k, alias)
    {
        char name[80], *to = name;
        for (const char *c = json_string_value(alias); *c && to < name + 70; c++) {
            if (*c == '-')
                *to++ = '\\';
            *to++ = *c;
        }
        *to = '\0';
        ck_assert_msg(strstr(buf_text(&man), name) != NULL, "man/viv.1 does not name %s", name);
        n++;
    }
    ck_assert_uint_gt(n, 20);
    buf_release(&man);
    json_decref(root);
}
END_TEST

/* Characters, not bytes. */
static void fits(const char *text, const char *whose)
{
    size_t column = 0, line = 1;
    for (; *text; text++) {
        column = *text == '\n' ? 0 : column + (((unsigned char)*text & 0xC0) != 0x80);
        line += *text == '\n';
        ck_assert_msg(column <= 80, "line %zu of the help of %s has more than 80 columns", line, whose);
    }
}

TEST(help__of_every_verb_fits_80_columns)
{
    json_t *root = all_verbs(), *verb;
    struct buf text = {0};
    size_t i;
    said(&text, "help");
    fits(buf_text(&text), "viv");
    json_array_foreach(json_object_get(root, "verbs"), i, verb)
    {
        char words[80];
        buf_clear(&text);
        snprintf(words, sizeof words, "%s --help", of(verb, "name"));
        said(&text, words);
        ck_assert_uint_gt(text.size, 100);
        fits(buf_text(&text), of(verb, "name"));
    }
    buf_release(&text);
    json_decref(root);
}
END_TEST

TESTS(options__have_one_meaning_in_all_verbs, options__share_no_letter_and_no_alias,
      options__aliases_are_in_the_manual, help__of_every_verb_fits_80_columns)
