/* letters.h - models of tests/golden/ that can be asked in letters: with a tokenizer of 73 letters, which they
 * lack. */
#ifndef TESTS_MODEL_LETTERS_H
#define TESTS_MODEL_LETTERS_H

#include "formats/build.h"
#include "golden.h"

#include <unistd.h>

/* A folder of tests/golden/ with that tokenizer. remove_scratch removes it. */
static inline const char *with_letters(const char *name)
{
    char from[256], to[512];
    const char *folder = in_scratch(name);
    ck_assert_int_eq(mkdir(folder, 0755), 0);
    const char *const files[] = {"config.json", "model.safetensors"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(from, sizeof from, "tests/golden/%s/%s", name, files[i]);
        snprintf(to, sizeof to, "%s/%s", folder, files[i]);
        char *path = realpath(source_path(from), NULL);
        ck_assert_int_eq(symlink(path, to), 0);
        free(path);
    }
    snprintf(to, sizeof to, "%s/tokenizer.json", folder);
    char *path = realpath(source_path("tests/golden/letters.json"), NULL);
    ck_assert_int_eq(symlink(path, to), 0);
    free(path);
    return folder;
}

static inline viv_model *open_letters(const struct model_options *options, const char *name)
{
    struct error err;
    viv_model *m;
    ck_assert_msg(engine_open_model(engine, options, with_letters(name), &m, &err) == VIV_OK, "%s", err.text);
    ck_assert_msg(engine_load_model(m, &err) == VIV_OK, "%s", err.text);
    return m;
}

#endif
