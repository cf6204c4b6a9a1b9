/* test_loop.c - the loop with answers from a list in place of a model: why it ends, what it tells, what it asks. */
#include "scripted.h"

TEST(it_ends_when_the_model_says_so)
{
    const char *path = begin();
    ck_assert_int_eq(
        act(path, ALL, (const char *const[]){"{\"action\":\"delete\",\"path\":\"a.txt\"}", DONE, NULL}, 0), VIV_OK);
    tells("\"removed\":[\"a.txt\"]");
    tells("\"reason\":\"done\",\"answer\":\"so\",\"steps\":1,\"tokens\":20");
    ck_assert_ptr_nonnull(strstr(text_or_empty(&asked_with), "it was deleted"));
    end(path);
}
END_TEST

TEST(it_is_cancelled_between_two_actions)
{
    const char *path = begin();
    until_cancel = 1;
    ck_assert_int_eq(
        act(path, ALL, (const char *const[]){"{\"action\":\"delete\",\"path\":\"a.txt\"}", DONE, NULL}, 0),
        VIV_ECANCELLED);
    tells("\"reason\":\"cancelled\"");
    end(path);
}
END_TEST

TEST(a_cut_answer_is_a_step_that_failed)
{
    const char *path = begin();
    ck_assert_int_eq(act(path, ALL, (const char *const[]){"{\"action\":\"wri", DONE, NULL}, 0), VIV_OK);
    tells("the answer was cut");
    end(path);
}
END_TEST

TEST(a_failure_of_a_tool_is_told_to_the_model)
{
    const char *path = begin();
    ck_assert_int_eq(
        act(path, ALL,
            (const char *const[]){"{\"action\":\"move\",\"from\":\"a.txt\",\"folder\":\".\",\"name\":\"b.txt\"}",
                                  DONE, NULL},
            0),
        VIV_OK);
    tells("\"outcome\":\"failed\"");
    ck_assert_ptr_nonnull(strstr(text_or_empty(&asked_with), "cannot make 'b.txt': File exists"));
    end(path);
}
END_TEST

TEST(a_prompt_is_cut_to_what_the_model_has_room_for)
{
    const char *path = begin();
    char name[64];
    struct text long_text = {0};
    const int folder = open(path, O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "a file with a long name, number %d", i);
        make_file(folder, name, "", 0644);
    }
    for (int i = 0; i < 300; i++)
        text_printf(&long_text, "line %d\n", i);
    make_file(folder, "long.txt", text_or_empty(&long_text), 0644);
    const char *const list[] = {"{\"action\":\"read\",\"path\":\"long.txt\"}", DONE, NULL};
    context = 1500;
    ck_assert_msg(act(path, ALL, list, 0) == VIV_OK, "%s", sentence);
    const char *prompt = text_or_empty(&asked_with);
    ck_assert_ptr_nonnull(strstr(prompt, "Task: a task\n"));
    ck_assert_ptr_nonnull(strstr(prompt, "a file with a long name, number 1\n"));
    ck_assert_ptr_nonnull(strstr(prompt, "... (more than the model has room for: the rest is left out)\n"));
    ck_assert_ptr_nonnull(strstr(prompt, "... (what came before is left out)\n| line "));
    ck_assert_ptr_nonnull(strstr(prompt, "The next action:\n"));
    ck_assert_uint_gt(asked_with.size, context / 2);
    context = 100; /* not even the task */
    ck_assert_int_eq(act(path, ALL, list, 0), VIV_ELIMIT);
    tells("\"reason\":\"failed\"");
    text_release(&long_text);
    close(folder);
    end(path);
}
END_TEST

TEST(tokens_have_a_limit)
{
    const char *path = begin();
    const char *const list[] = {"{\"action\":\"list\",\"folder\":\".\"}",
                                "{\"action\":\"list\",\"folder\":\"docs\"}", DONE, NULL};
    ck_assert_int_eq(act(path, "{\"stages\":{},\"limits\":{\"tokens\":15}}", list, 0), VIV_ELIMIT);
    tells("\"reason\":\"tokens\"");
    end(path);
}
END_TEST

TEST(history_has_a_limit)
{
    const char *path = begin();
    const char *const list[] = {"{\"action\":\"list\",\"folder\":\".\"}",
                                "{\"action\":\"list\",\"folder\":\"docs\"}", DONE, NULL};
    ck_assert_int_eq(act(path, "{\"stages\":{},\"limits\":{\"history\":60}}", list, 0), VIV_OK);
    ck_assert_ptr_nonnull(strstr(text_or_empty(&asked_with), "what came before is left out"));
    ck_assert_ptr_null(strstr(text_or_empty(&asked_with), "\"folder\":\".\""));
    end(path);
}
END_TEST

TEST(a_question_shows_the_difference_and_no_is_told)
{
    const char *path = begin();
    const char *const list[] = {
        "{\"action\":\"write\",\"folder\":\".\",\"name\":\"a.txt\",\"text\":\"first\\nthird\\n\"}", DONE, NULL};
    ck_assert_int_eq(act(path, "{\"stages\":{}}", list, 0), VIV_OK);
    tells("\"effect\":\"- second\\n+ third\\n\",\"undoable\":true");
    tells("\"outcome\":\"denied\"");
    says_yes = 1;
    ck_assert_int_eq(act(path, "{\"stages\":{}}", list, 0), VIV_OK);
    tells("\"outcome\":\"done\"");
    end(path);
}
END_TEST

TEST(a_dry_run_makes_nothing)
{
    const char *path = begin();
    char *before = picture(path);
    const char *const list[] = {"{\"action\":\"delete\",\"path\":\"docs\"}",
                                "{\"action\":\"make_folder\",\"folder\":\"empty\",\"name\":\"x\"}", DONE, NULL};
    ck_assert_int_eq(act(path, "{\"stages\":{}}", list, VIV_ACT_DRY_RUN), VIV_OK);
    char *after = picture(path);
    ck_assert_str_eq(before, after);
    char store[128];
    snprintf(store, sizeof store, "%s/" STORE, path);
    ck_assert_int_ne(access(store, F_OK), 0);
    free(before);
    free(after);
    end(path);
}
END_TEST

TEST(stages_speak_in_order)
{
    const char *path = begin();
    const char *const list[] = {"{\"intent\":\"find\",\"summary\":\"s\"}",
                                "{\"goals\":[\"one\"]}",
                                "{\"thought\":\"nothing is left\"}",
                                DONE,
                                "{\"done\":true,\"why\":\"\"}",
                                NULL};
    ck_assert_int_eq(act(path, "{\"stages\":{\"intent\":{},\"decompose\":{},\"think\":{},\"verify\":{}}}", list, 0),
                     VIV_OK);
    tells("\"stage\":\"intent\"");
    tells("\"stage\":\"decompose\"");
    tells("\"stage\":\"think\"");
    tells("\"stage\":\"verify\"");
    ck_assert_ptr_nonnull(strstr(text_or_empty(&asked_with), "The goals: {\"goals\":[\"one\"]}"));
    end(path);
}
END_TEST

TEST(a_thought_stands_before_the_question_for_the_action)
{
    const char *path = begin();
    const char *const list[] = {"\"a text is enough\"", DONE, NULL};
    const char *spec = "{\"stages\":{\"think\":{\"schema\":{\"type\":\"string\"}}}}";
    ck_assert_msg(act(path, spec, list, 0) == VIV_OK, "%s", sentence);
    ck_assert_ptr_nonnull(
        strstr(text_or_empty(&asked_with), "The next thought:\n\"a text is enough\"\nThe next action:\n"));
    end(path);
}
END_TEST

/* As often as an action may be chosen again: a model that is held to a grammar says the same each time. */
TEST(thoughts_that_cannot_be_read_end_the_run)
{
    const char *path = begin();
    const char *const twice = "{\"a\":1,\"a\":2}", *const cut = "{\"a\":1";
    const char *const list[] = {cut, twice, twice, twice, DONE, NULL};
    ck_assert_int_eq(act(path, "{\"stages\":{\"think\":{\"schema\":{\"type\":\"object\"}}}}", list, 0), VIV_ELIMIT);
    tells("the answer was cut");
    tells("it has a key twice");
    tells("\"reason\":\"repeats\"");
    end(path);
}
END_TEST

TEST(a_check_that_cannot_be_read_is_asked_for_again)
{
    const char *path = begin();
    const char *const cut = "{\"done\":true";
    const char *const list[] = {DONE, cut, DONE, "{\"done\":true,\"why\":\"\"}", NULL};
    ck_assert_msg(act(path, "{\"stages\":{\"verify\":{}}}", list, 0) == VIV_OK, "%s", sentence);
    tells("the answer was cut");
    tells("\"reason\":\"done\"");
    end(path);
}
END_TEST

TEST(checks_that_cannot_be_read_are_no_yes)
{
    const char *path = begin();
    const char *const cut = "{\"done\":true";
    const char *const list[] = {DONE, cut, DONE, cut, DONE, cut, DONE, cut, NULL};
    ck_assert_int_eq(act(path, "{\"stages\":{\"verify\":{}}}", list, 0), VIV_ELIMIT);
    ck_assert_msg(strstr(sentence, "asked again 3 times: the answer was cut"), "%s", sentence);
    end(path);
}
END_TEST

TEST(an_archive_is_cancelled_within)
{
    const char *path = begin();
    const char *const list[] = {"{\"action\":\"archive\",\"from\":\"docs\",\"folder\":\".\",\"name\":\"docs.tar\"}",
                                DONE, NULL};
    char *before = picture(path);
    cancels_at = "\"event\":\"step\"";
    ck_assert_int_eq(act(path, ALL, list, 0), VIV_ECANCELLED);
    tells("\"reason\":\"cancelled\"");
    stays(path, before);
    end(path);
}
END_TEST

/* A name that looks like another's, and letters that only a model reads. */
TEST(what_is_hidden_in_names_is_shown)
{
    const char *path = begin();
    const int at = open(path, O_RDONLY | O_DIRECTORY);
    ck_assert_int_ge(at, 0);
    make_file(at,
              "bill\xE2\x80\xAE"
              "cod.exe",
              "", 0644);
    make_file(at, "note\xF3\xA0\x81\xA4\xF3\xA0\x81\xA5", "", 0644); /* "de" in tags */
    close(at);
    const char *const list[] = {"{\"action\":\"read\",\"path\":\"bill\\\\xe2\\\\x80\\\\xaecod.exe\"}", DONE, NULL};
    ck_assert_int_eq(act(path, ALL, list, 0), VIV_OK);
    tells("\"outcome\":\"done\""); /* it can be named so */
    ck_assert_ptr_nonnull(strstr(asked_with.data, "\nbill\\xe2\\x80\\xaecod.exe\n"));
    ck_assert_ptr_nonnull(strstr(asked_with.data, "\nnote\\xf3\\xa0\\x81\\xa4\\xf3\\xa0\\x81\\xa5\n"));
    end(path);
}
END_TEST

TEST(what_models_say_may_be_anything)
{
    static const char *const bad[] = {
        "[]",
        "7",
        "{}",
        "{\"action\":5}",
        "{\"action\":\"move\"}",
        "{\"action\":\"move\",\"from\":\"a\\u0000b\",\"folder\":\".\",\"name\":\"x\"}",
        "{\"action\":\"read\",\"path\":\"../../etc/passwd\"}",
        "{\"action\":\"write\",\"folder\":\"..\",\"name\":\"x\",\"text\":\"\"}",
        "{\"action\":\"delete\",\"path\":\".viv\"}",
        "{\"action\":\"delete\",\"path\":\".\"}"};
    const char *path = begin();
    char *before = picture(path);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        (void)act(path, ALL, (const char *const[]){bad[i], DONE, NULL}, 0);
    stays(path, before);
    end(path);
}
END_TEST

TESTS(it_ends_when_the_model_says_so, it_is_cancelled_between_two_actions, a_cut_answer_is_a_step_that_failed,
      a_failure_of_a_tool_is_told_to_the_model, a_prompt_is_cut_to_what_the_model_has_room_for, tokens_have_a_limit,
      history_has_a_limit, a_question_shows_the_difference_and_no_is_told, a_dry_run_makes_nothing,
      stages_speak_in_order, a_thought_stands_before_the_question_for_the_action,
      thoughts_that_cannot_be_read_end_the_run, a_check_that_cannot_be_read_is_asked_for_again,
      checks_that_cannot_be_read_are_no_yes, an_archive_is_cancelled_within, what_is_hidden_in_names_is_shown,
      what_models_say_may_be_anything)
