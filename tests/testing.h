/* testing.h - a test program is a list of tests:
 *
 *   #include "testing.h"
 *   TEST(rope__rotates_pairs_by_position_times_theta) { ck_assert(...); }
 *   TESTS(rope__rotates_pairs_by_position_times_theta)
 *
 * VIV_SOURCE and VIV_BUILD name the source and build trees; data files of the tests are under VIV_SOURCE. */
#ifndef TESTS_TESTING_H
#define TESTS_TESTING_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Whether a sanitizer of gcc or clang is compiled in: it takes memory and time of its own. */
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__ || __has_feature(address_sanitizer) ||             \
    __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#define TEST(name) START_TEST(name)
#define TESTS(...) TESTS_UNLESS(NULL, __VA_ARGS__)
/* `lack` is what this machine lacks for them, a text, or NULL: then the program is skipped and says so. */
#define TESTS_UNLESS(lack, ...)                                                                                    \
    int main(void)                                                                                                 \
    {                                                                                                              \
        const char *const lacking = (lack);                                                                        \
        if (lacking) {                                                                                             \
            printf("skipped: %s\n", lacking);                                                                      \
            return 77;                                                                                             \
        }                                                                                                          \
        const TTest *const all[] = {__VA_ARGS__};                                                                  \
        Suite *suite = suite_create(path_of_test(__FILE__));                                                       \
        TCase *tests = tcase_create("all");                                                                        \
        tcase_set_timeout(tests, 1000);                                                                            \
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)                                                      \
            tcase_add_test(tests, all[i]);                                                                         \
        suite_add_tcase(suite, tests);                                                                             \
        SRunner *runner = srunner_create(suite);                                                                   \
        srunner_run_all(runner, CK_NORMAL);                                                                        \
        int failed = srunner_ntests_failed(runner);                                                                \
        srunner_free(runner);                                                                                      \
        return failed != 0;                                                                                        \
    }

static inline const char *path_of_test(const char *file)
{
    const char *at = strstr(file, "tests/");
    return at ? at : file;
}

/* A path in the source tree, in one of four rotating buffers. */
static inline const char *source_path(const char *relative)
{
    static char paths[4][4096];
    static unsigned next;
    const char *root = getenv("VIV_SOURCE");
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", root ? root : ".", relative);
    return path;
}

/* The folder of real data beside the project, or NULL on machines that lack it: then the test says so and ends. */
static inline const char *shared_path(const char *relative)
{
    static char paths[4][4096];
    static unsigned next;
    struct stat st;
    char *path = paths[next++ % 4];
    const char *root = getenv("VIV_SHARED_DATA");
    snprintf(path, sizeof paths[0], "%s/%s", root ? root : source_path("../shared/data"), relative);
    if (stat(path, &st) == 0)
        return path;
    fprintf(stderr, "skipped: %s is not here\n", path);
    return NULL;
}

#endif
