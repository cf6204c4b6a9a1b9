/* Where plugins are searched for, which files are trusted, and what happens when two provide the same. */
#include "host/plugin.h"
#include "sandbox.h"

TEST(clash__within_one_place_takes_neither)
{
    struct architecture class;
    struct error err;
    open_sandbox();
    build("plugins", "a", WHOLE);
    build("plugins", "b", WHOLE);
    struct host *h = host_over("plugins");
    expect_refused(h, "a.so", "/b.so) in the same place");
    expect_refused(h, "b.so", "/a.so) in the same place");
    ck_assert_int_eq(host_architecture(h, "specimen", &class, &err), VIV_ENOTFOUND);
    ck_assert_ptr_nonnull(strstr(err.text, "/a.so) is refused"));
    ck_assert_ptr_nonnull(strstr(err.text, "/b.so) is refused"));
    host_destroy(h);
    close_sandbox();
}
END_TEST

TEST(clash__between_places_takes_the_earlier_and_names_the_later)
{
    struct architecture class;
    struct error err;
    open_sandbox();
    build("first", "z", ARCHITECTURE_WITH(".summary = \"the first\""));
    build("second", "a", WHOLE);
    struct host *h = host_over("first:second");
    expect_accepted(h, "z.so");
    expect_refused(h, "a.so", "/z.so), which is earlier in the plugin path");
    ck_assert_int_eq(host_architecture(h, "specimen", &class, &err), VIV_OK);
    ck_assert_str_eq(class.class->summary, "the first");
    host_destroy(h);
    close_sandbox();
}
END_TEST

TEST(clash__with_our_own_layer_refuses_the_plugin)
{
    open_sandbox();
    build("plugins", "own", LAYER_WITH(".name = \"linear\""));
    struct host *h = host_over("plugins");
    expect_refused(h, "own.so", "layer 'linear', which Vivarium has itself");
    host_destroy(h);
    close_sandbox();
}
END_TEST

TEST(layers__of_plugins_stand_beside_ours_once_they_are_asked_for)
{
    const viv_layer_class *class;
    struct error err;
    open_sandbox();
    build("plugins", "specimen", LAYER_WITH(".summary = \"theirs\""));
    struct host *h = host_over("plugins");
    const struct layer_set *layers = host_layers(h);
    ck_assert_ptr_nonnull(layer_set_find(layers, "linear"));
    ck_assert_ptr_null(layer_set_find(layers, "specimen"));
    ck_assert(!listed(h, "specimen.so").loaded);
    ck_assert_int_eq(layer_set_require(layers, "specimen", &class, &err), VIV_OK);
    ck_assert_str_eq(class->summary, "theirs");
    ck_assert_ptr_eq(layer_set_find(layers, "specimen"), class);
    ck_assert_int_eq(layer_set_require(layers, "nowhere", &class, &err), VIV_ENOTFOUND);
    ck_assert_str_eq(err.text, "");
    host_destroy(h);
    close_sandbox();
}
END_TEST

TEST(architecture__that_nobody_brings_is_told_with_places_and_the_nearest_word)
{
    struct architecture class;
    struct error err;
    open_sandbox();
    build("plugins", "specimen", WHOLE);
    build("plugins", "sick", ARCHITECTURE_WITH(".name = \"sick\", .open = NULL"));
    struct host *h = host_over("plugins");
    ck_assert_int_eq(host_architecture(h, "specimne", &class, &err), VIV_ENOTFOUND);
    ck_assert_ptr_nonnull(strstr(err.text, "no plugin provides architecture 'specimne'; did you mean 'specimen'?"));
    ck_assert_ptr_nonnull(strstr(err.text, in_sandbox("plugins")));
    ck_assert_int_eq(host_architecture(h, "missing", &class, &err), VIV_ENOTFOUND);
    ck_assert_ptr_nonnull(strstr(err.text, "searched for missing.so and others in"));
    host_destroy(h);
    close_sandbox();
}
END_TEST

/* --- the file and its place -------------------------------------------------------------------------------- */

TEST(file__that_anyone_may_write_is_refused)
{
    open_sandbox();
    build("plugins", "open", WHOLE);
    build("wide", "closed", WHOLE);
    ck_assert_int_eq(chmod(in_sandbox("plugins/open.so"), 0777), 0);
    ck_assert_int_eq(chmod(in_sandbox("wide"), 0777), 0);
    struct host *h = host_over("plugins:wide");
    expect_refused(h, "open.so", "anyone may write the file (mode 0777): chmod o-w");
    expect_refused(h, "closed.so", "anyone may write its directory (mode 0777): chmod o-w");
    host_destroy(h);
    close_sandbox();
}
END_TEST

TEST(file__of_a_stranger_is_refused)
{
    open_sandbox();
    build("plugins", "strange", WHOLE);
    if (chown(in_sandbox("plugins/strange.so"), 12345, 12345) != 0) {
        fprintf(stderr, "skipped: only root can give files away\n");
        close_sandbox();
        return;
    }
    struct host *h = host_over("plugins");
    expect_refused(h, "strange.so", "the file belongs to user 12345");
    host_destroy(h);
    close_sandbox();
}
END_TEST

TEST(file__that_is_a_link_may_not_lead_out)
{
    open_sandbox();
    build("elsewhere", "far", WHOLE);
    build("plugins", "real", WHOLE);
    ck_assert_int_eq(symlink("../elsewhere/far.so", in_sandbox("plugins/out.so")), 0);
    ck_assert_int_eq(symlink("real.so", in_sandbox("plugins/same.so")), 0);
    ck_assert_int_eq(symlink("loop.so", in_sandbox("plugins/loop.so")), 0);
    struct host *h = host_over("plugins");
    expect_refused(h, "out.so", "it is a link to another directory, /");
    expect_refused(h, "loop.so", "cannot be resolved");
    expect_accepted(h, "real.so");
    ck_assert_uint_eq(host_n_plugins(h), 3);
    host_destroy(h);
    close_sandbox();
}
END_TEST

TEST(file__that_is_none_is_refused_without_waiting)
{
    open_sandbox();
    make_folder("plugins");
    make_folder("plugins/folder.so");
    ck_assert_int_eq(mkfifo(in_sandbox("plugins/fifo.so"), 0600), 0);
    write_text("plugins/text.so", "once upon a time there was a text file that was called a shared object\n");
    write_text("plugins/empty.so", "");
    write_text("plugins/readme.txt", "not looked at");
    struct host *h = host_over("plugins");
    expect_refused(h, "folder.so", "");
    expect_refused(h, "fifo.so", "");
    expect_refused(h, "text.so", "not an ELF file");
    expect_refused(h, "empty.so", "not an ELF file");
    ck_assert_uint_eq(host_n_plugins(h), 4);
    host_destroy(h);
    close_sandbox();
}
END_TEST

TEST(path__that_is_relative_or_absent_is_an_error)
{
    struct host *h;
    struct error err;
    struct host_options options = {.plugin_path = "plugins"};
    open_sandbox();
    ck_assert_int_eq(host_create(&options, &h, &err), VIV_EINVAL);
    ck_assert_ptr_nonnull(strstr(err.text, "--plugin-path: 'plugins' is relative"));
    options.plugin_path = "/nowhere/at/all";
    ck_assert_int_eq(host_create(&options, &h, &err), VIV_ENOTFOUND);
    ck_assert_ptr_nonnull(strstr(err.text, "there is no directory /nowhere/at/all"));
    options.plugin_path = NULL;
    setenv("VIV_PLUGIN_PATH", "/usr:./here", 1);
    ck_assert_int_eq(host_create(&options, &h, &err), VIV_EINVAL);
    ck_assert_ptr_nonnull(strstr(err.text, "VIV_PLUGIN_PATH: './here' is relative"));
    setenv("VIV_PLUGIN_PATH", "::/nowhere/at/all:", 1);
    ck_assert_int_eq(host_create(&options, &h, &err), VIV_OK);
    host_destroy(h);
    close_sandbox();
}
END_TEST

static bool is_listed(const struct host *h, const char *file)
{
    for (size_t i = 0; i < host_n_plugins(h); i++) {
        struct plugin_info info;
        host_plugin(h, i, &info);
        if (strcmp(path_base(info.path), file) == 0)
            return true;
    }
    return false;
}

TEST(path__of_the_environment_is_ignored_when_privileged)
{
    struct host *h;
    struct error err;
    struct host_options options = {0};
    open_sandbox();
    build("plugins", "specimen", WHOLE);
    setenv("VIV_PLUGIN_PATH", in_sandbox("plugins"), 1);
    setenv("VIV_SPEC_PATH", "/their/specs", 1);
    ck_assert_int_eq(host_create(&options, &h, &err), VIV_OK);
    ck_assert_int_eq(host_examine(h, &err), VIV_OK);
    ck_assert(is_listed(h, "specimen.so"));
    ck_assert_str_eq(host_spec_directories(h)[0], "/their/specs");
    host_destroy(h);
    options.privileged = true;
    ck_assert_int_eq(host_create(&options, &h, &err), VIV_OK);
    ck_assert_int_eq(host_examine(h, &err), VIV_OK);
    ck_assert(!is_listed(h, "specimen.so"));
    ck_assert_str_ne(host_spec_directories(h)[0], "/their/specs");
    host_destroy(h);
    close_sandbox();
}
END_TEST

TEST(path__of_the_build_tree_counts_for_a_program_that_lies_in_one)
{
    struct host *h;
    struct error err;
    struct host_options options = {0};
    char program[256];
    open_sandbox();
    make_folder("plugins");
    make_folder("plugins/specimen");
    build("plugins/specimen/.libs", "specimen", WHOLE);
    write_text("vivarium-build-tree", "/the/source\n");
    write_text("viv", "");
    strcpy(program, in_sandbox("viv"));
    options.program = program;
    ck_assert_int_eq(setenv("XDG_CONFIG_HOME", "/the/config", 1), 0);
    ck_assert_int_eq(host_create(&options, &h, &err), VIV_OK);
    ck_assert_int_eq(host_examine(h, &err), VIV_OK);
    expect_accepted(h, "specimen.so");
    ck_assert_str_eq(host_spec_directories(h)[0], "/the/config/vivarium/specs");
    ck_assert_str_eq(host_spec_directories(h)[1], "/the/source/specs");
    ck_assert_ptr_null(host_spec_directories(h)[2]);
    ck_assert_str_eq(host_defaults(h), "/the/config/vivarium/defaults.yaml");
    host_destroy(h);
    close_sandbox();
}
END_TEST

TESTS(clash__within_one_place_takes_neither, clash__between_places_takes_the_earlier_and_names_the_later,
      clash__with_our_own_layer_refuses_the_plugin, layers__of_plugins_stand_beside_ours_once_they_are_asked_for,
      architecture__that_nobody_brings_is_told_with_places_and_the_nearest_word,
      file__that_anyone_may_write_is_refused, file__of_a_stranger_is_refused, file__that_is_a_link_may_not_lead_out,
      file__that_is_none_is_refused_without_waiting, path__that_is_relative_or_absent_is_an_error,
      path__of_the_environment_is_ignored_when_privileged,
      path__of_the_build_tree_counts_for_a_program_that_lies_in_one)
