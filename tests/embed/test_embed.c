/* libvivarium: what `viv run` and `viv chat` do, an application does, too; what goes wrong is a value. */
#include "library.h"

static viv_request *request_of(viv_model *m, const char *role, const char *text, int64_t max_tokens)
{
    viv_request *r = NULL;
    OK(viv_request_create(m, &r, &err));
    OK(viv_request_add_text(r, role, text, strlen(text), &err));
    viv_request_sampling(r)->temperature = 0;
    r->max_tokens = max_tokens;
    return r;
}

static struct heard ask(viv_model *m, const viv_request *r)
{
    struct heard h = {0};
    const viv_sink sink = {.struct_size = sizeof sink, .ctx = &h, .emit = hear};
    OK(viv_ask(m, r, &sink, &err));
    return h;
}

TEST(request__continues_a_text)
{
    open_engine();
    viv_model *m = open_model("llm");
    viv_request *r = request_of(m, NULL, "ROMEO:", 12);
    const struct heard h = ask(m, r);
    ck_assert_uint_eq(h.n_tokens, 12);
    ck_assert_str_eq(h.reason, "length");
    ck_assert_str_eq(viv_model_name(m), "llm");
    ck_assert_uint_gt(viv_model_context(m), 100);

    /* and again, event by event */
    viv_answer *a = NULL;
    const viv_event *e = NULL;
    struct heard other = {0};
    const viv_sink sink = {.struct_size = sizeof sink, .ctx = &other, .emit = hear};
    OK(viv_answer_begin(m, r, &a, &err));
    do {
        OK(viv_answer_next(a, &e, &err));
        if (e)
            ck_assert_int_eq(hear(&sink, e), VIV_OK);
    } while (e);
    OK(viv_answer_next(a, &e, &err));
    ck_assert_ptr_null(e);
    ck_assert_str_eq(other.text, h.text);
    viv_answer_close(a);

    viv_request_destroy(r);
    viv_model_close(m);
    viv_engine_close(engine);
}
END_TEST

TEST(draft__changes_no_answer)
{
    static const char *const drafts[] = {"none", "ngram", "llm"};
    struct heard first = {0};
    open_engine();
    for (size_t i = 0; i < 3; i++) {
        const viv_model_options options = {.struct_size = sizeof options, .n_threads = 1, .draft = drafts[i]};
        viv_model *m = NULL;
        OK(viv_model_open(engine, "llm", &options, &m, &err));
        viv_request *r = request_of(m, NULL, "ROMEO:\nROMEO:", 30);
        r->draft_tokens = 3;
        viv_request_sampling(r)->temperature = 0.7F;
        viv_request_sampling(r)->seed = 5;
        const struct heard h = ask(m, r);
        if (i == 0)
            first = h;
        ck_assert_str_eq(h.text, first.text);
        ck_assert_uint_eq(h.n_tokens, 30);
        viv_request_destroy(r);
        viv_model_close(m);
    }
    const viv_model_options options = {.struct_size = sizeof options, .draft = source_path("tests/golden/chat")};
    viv_model *m = NULL;
    ck_assert_int_eq(viv_model_open(engine, "llm", &options, &m, &err), VIV_EINVAL);
    ck_assert_ptr_nonnull(strstr(err.text, "a draft needs the same tokens"));
    viv_engine_close(engine);
}
END_TEST

TEST(answer__can_be_cancelled_and_closed_early)
{
    open_engine();
    viv_model *m = open_model("llm");
    viv_request *r = request_of(m, NULL, "ROMEO:", 200);
    viv_answer *a = NULL;
    const viv_event *e = NULL;
    struct heard h = {0};
    const viv_sink sink = {.struct_size = sizeof sink, .ctx = &h, .emit = hear};
    OK(viv_answer_begin(m, r, &a, &err));
    do {
        OK(viv_answer_next(a, &e, &err));
        if (e)
            hear(&sink, e);
        if (h.n_tokens == 3)
            viv_answer_cancel(a);
    } while (e);
    ck_assert_str_eq(h.reason, "cancelled");
    ck_assert_uint_lt(h.n_tokens, 200);
    viv_answer_close(a);
    OK(viv_answer_begin(m, r, &a, &err));
    OK(viv_answer_next(a, &e, &err));
    viv_answer_close(a);
    viv_answer_close(NULL);
    viv_request_destroy(r);
    viv_model_close(m);
    viv_engine_close(engine);
}
END_TEST

/* A thread that reads the second answer first is not waited for by the first. */
TEST(answers__of_one_model_may_be_read_in_any_order)
{
    open_engine();
    viv_model *m = open_model("llm");
    viv_request *r = request_of(m, NULL, "ROMEO:", 90);
    const struct heard alone = ask(m, r);
    viv_answer *answers[2] = {NULL, NULL};
    for (int i = 0; i < 2; i++)
        OK(viv_answer_begin(m, r, &answers[i], &err));
    for (int i = 1; i >= 0; i--) {
        struct heard h = {0};
        const viv_sink sink = {.struct_size = sizeof sink, .ctx = &h, .emit = hear};
        const viv_event *e = NULL;
        do {
            OK(viv_answer_next(answers[i], &e, &err));
            if (e)
                hear(&sink, e);
        } while (e);
        ck_assert_str_eq(h.text, alone.text);
    }
    uint32_t cancel = 1;
    const viv_event *e = NULL;
    viv_answer *cancelled = NULL;
    struct heard h = {0};
    const viv_sink sink = {.struct_size = sizeof sink, .ctx = &h, .emit = hear};
    r->cancel = &cancel;
    OK(viv_answer_begin(m, r, &cancelled, &err));
    do {
        OK(viv_answer_next(cancelled, &e, &err));
        if (e)
            hear(&sink, e);
    } while (e);
    ck_assert_str_eq(h.reason, "cancelled");
    viv_answer_close(cancelled);
    viv_answer_close(answers[0]);
    viv_answer_close(answers[1]);
    viv_request_destroy(r);
    viv_model_close(m);
    viv_engine_close(engine);
}
END_TEST

TEST(conversation__goes_on_and_is_saved)
{
    char path[] = "/tmp/viv-session-XXXXXX";
    const char *json = NULL;
    struct heard first = {0}, second = {0}, again = {0};
    viv_sink sink = {.struct_size = sizeof sink, .ctx = &first, .emit = hear};
    viv_conversation *c = NULL;
    open_engine();
    viv_model *m = open_model(source_path("tests/golden/chat"));
    viv_request *how = NULL;
    OK(viv_request_create(m, &how, &err));
    viv_request_sampling(how)->temperature = 0;
    how->max_tokens = 9;
    OK(viv_conversation_create(m, "Be brief.", &c, &err));
    OK(viv_conversation_ask(c, "user", "Hello", 5, how, &sink, &err));
    ck_assert_uint_eq(first.n_tokens, 9);
    close(mkstemp(path));
    unlink(path);
    OK(viv_conversation_save(c, path, &err));
    sink.ctx = &second;
    OK(viv_conversation_ask(c, "user", "And you?", 8, how, &sink, &err));
    OK(viv_conversation_messages(c, &json, &err));
    ck_assert_ptr_nonnull(strstr(json, "Be brief."));
    ck_assert_ptr_nonnull(strstr(json, "And you?"));
    viv_conversation_close(c);

    OK(viv_conversation_open(m, path, &c, &err));
    sink.ctx = &again;
    OK(viv_conversation_ask(c, "user", "And you?", 8, how, &sink, &err));
    ck_assert_str_eq(again.text, second.text);
    again = (struct heard){0};
    OK(viv_conversation_regenerate(c, how, &sink, &err));
    ck_assert_str_eq(again.text, second.text);
    viv_conversation_clear(c);
    OK(viv_conversation_messages(c, &json, &err));
    ck_assert_ptr_null(strstr(json, "Hello"));
    viv_conversation_close(c);
    unlink(path);
    viv_request_destroy(how);
    viv_model_close(m);
    viv_engine_close(engine);
}
END_TEST

/* A message whose answer fails is none. */
/* The last event of a kind, and how many there were. */
struct last {
    uint32_t kind, n;
    char text[512];
};

static viv_status hear_last(const viv_sink *sink, const viv_event *e)
{
    struct last *l = sink->ctx;
    if (e->kind == l->kind) {
        l->n++;
        snprintf(l->text, sizeof l->text, "%.*s", (int)e->size, e->text);
    }
    return VIV_OK;
}

TEST(conversation__holds_calls_of_tools_and_their_results)
{
    static const char template[] =
        "{% for m in messages %}{{ m.role }}: {{ m.content or '' }}{% for c in m.tool_calls or [] %}<tool_call>\n"
        "{\"name\": \"{{ c.function.name }}\", \"arguments\": {{ c.function.arguments | tojson }}}\n</tool_call>\n"
        "{% endfor %}\n{% endfor %}assistant: ";
    char path[] = "/tmp/viv-test-XXXXXX";
    const int fd = mkstemp(path);
    ck_assert(fd >= 0 && write(fd, template, sizeof template - 1) == sizeof template - 1);
    close(fd);
    open_engine();
    const viv_model_options options = {.struct_size = sizeof options, .n_threads = 1, .chat_template = path};
    struct last calls = {.kind = VIV_EVENT_TOOL_CALL};
    const viv_sink sink = {.struct_size = sizeof sink, .ctx = &calls, .emit = hear_last};
    viv_model *m = NULL;
    viv_conversation *c = NULL;
    viv_request *how = NULL;
    const char *json;
    OK(viv_model_open(engine, source_path("tests/golden/chat"), &options, &m, &err));
    OK(viv_conversation_create(m, NULL, &c, &err));
    OK(viv_request_create(m, &how, &err));
    how->max_tokens = 150;
    how->tools =
        "[{\"type\": \"function\", \"function\": {\"name\": \"get\", \"parameters\": {\"type\": \"object\", "
        "\"properties\": {\"n\": {\"type\": \"integer\", \"maximum\": 9, \"minimum\": 0}}, \"required\": "
        "[\"n\"]}}}]";
    how->tool_choice = "get";
    OK(viv_conversation_ask(c, "user", "Hello", 5, how, &sink, &err));
    ck_assert_uint_eq(calls.n, 1);
    ck_assert_ptr_nonnull(strstr(calls.text, "\"function\": {\"name\": \"get\", \"arguments\": {\"n\":"));
    how->tool_choice = "none";
    OK(viv_conversation_ask(c, "tool", "fine", 4, how, &sink, &err));
    ck_assert_uint_eq(calls.n, 1);
    OK(viv_conversation_messages(c, &json, &err));
    ck_assert_ptr_nonnull(strstr(json, "\"tool_calls\""));
    ck_assert_ptr_nonnull(strstr(json, "\"tool\""));
    how->tool_choice = "put";
    ck_assert_int_eq(viv_conversation_ask(c, "user", "Hello", 5, how, &sink, &err), VIV_EINVAL);
    ck_assert_ptr_nonnull(strstr(err.text, "'put'"));
    viv_request_destroy(how);
    viv_conversation_close(c);
    viv_model_close(m);
    viv_engine_close(engine);
    unlink(path);
}
END_TEST

TEST(conversation__takes_a_message_back_that_is_not_answered)
{
    const char *json = NULL;
    struct heard h = {.refuse = VIV_EIO};
    const viv_sink sink = {.struct_size = sizeof sink, .ctx = &h, .emit = hear};
    viv_conversation *c = NULL;
    viv_request *how = NULL;
    open_engine();
    viv_model *m = open_model(source_path("tests/golden/chat"));
    OK(viv_conversation_create(m, NULL, &c, &err));
    OK(viv_conversation_ask(c, "user", "A", 1, NULL, NULL, &err));
    OK(viv_request_create(m, &how, &err));
    how->flags |= VIV_REQUEST_IGNORE_EOS; /* so that there is text to refuse */
    ck_assert_int_eq(viv_conversation_ask(c, "user", "Hello", 5, how, &sink, &err), VIV_EIO);
    viv_request_destroy(how);
    OK(viv_conversation_messages(c, &json, &err));
    ck_assert_str_eq(json, "[{\"role\": \"user\", \"content\": \"A\"}]");
    viv_conversation_close(c);
    viv_model_close(m);
    viv_engine_close(engine);
}
END_TEST

TEST(request__embeds_texts)
{
    open_engine();
    viv_model *m = open_model(source_path("tests/golden/bert-gguf/model.gguf"));
    viv_request *r = NULL;
    const int32_t ids[] = {5, 6, 7};
    OK(viv_request_create(m, &r, &err));
    OK(viv_request_add_message(r, NULL, &err));
    OK(viv_request_add_part(r, VIV_PART_TOKENS, ids, sizeof ids, NULL, &err));
    r->task = VIV_TASK_EMBED;
    r->pooling = VIV_POOLING_NONE;
    viv_answer *a = NULL;
    const viv_event *e = NULL;
    int n = 0;
    OK(viv_answer_begin(m, r, &a, &err));
    do {
        OK(viv_answer_next(a, &e, &err));
        n += e && e->kind == VIV_EVENT_VECTOR && e->dim > 0 && e->vector[0] == e->vector[0];
    } while (e);
    ck_assert_int_eq(n, 3);
    viv_answer_close(a);
    viv_request_destroy(r);
    viv_model_close(m);
    viv_engine_close(engine);
}
END_TEST

TEST(errors__are_values)
{
    viv_model *m = NULL;
    viv_request *r = NULL;
    const viv_engine_options old = {.struct_size = 8};
    ck_assert_int_eq(viv_engine_open(&old, &engine, &err), VIV_EABI);
    open_engine();
    ck_assert_int_eq(viv_model_open(engine, "no-such-model", NULL, &m, &err), VIV_ENOTFOUND);
    ck_assert_ptr_nonnull(strstr(err.text, "no-such-model"));
    ck_assert_int_eq(viv_model_open(engine, "no-such-model", NULL, &m, NULL), VIV_ENOTFOUND);
    const viv_model_options strange = {.struct_size = sizeof strange, .cache_type = "f8"};
    ck_assert_int_eq(viv_model_open(engine, "llm", &strange, &m, &err), VIV_EINVAL);
    m = open_model("llm");
    OK(viv_request_create(m, &r, &err));
    ck_assert_int_eq(viv_request_add_part(r, VIV_PART_TEXT, "a", 1, NULL, &err), VIV_EINVAL);
    struct heard h = {0};
    const viv_sink sink = {.struct_size = sizeof sink, .ctx = &h, .emit = hear};
    ck_assert_int_lt(viv_ask(m, r, &sink, &err), 0);
    OK(viv_request_add_text(r, "user", "a", 1, &err));
    ck_assert_int_eq(viv_ask(m, r, &sink, &err), VIV_ENOTFOUND);
    ck_assert_ptr_nonnull(strstr(err.text, "no chat template"));
    viv_request_destroy(r);

    const viv_sink deaf = {.struct_size = sizeof deaf};
    viv_conversation *c = NULL;
    OK(viv_request_create(m, &r, &err));
    OK(viv_request_add_text(r, "user", "a", 1, &err));
    r->variables = "[]";
    ck_assert_int_eq(viv_ask(m, r, &sink, &err), VIV_EFORMAT);
    r->variables = NULL;
    r->tools = "{}";
    ck_assert_int_eq(viv_ask(m, r, &sink, &err), VIV_EFORMAT);
    ck_assert_int_eq(viv_ask(m, r, NULL, &err), VIV_EINVAL);
    ck_assert_int_eq(viv_ask(m, r, &deaf, &err), VIV_EINVAL);
    ck_assert_int_eq(viv_ask(m, NULL, &sink, &err), VIV_EINVAL);
    r->struct_size = 8;
    ck_assert_int_eq(viv_ask(m, r, &sink, &err), VIV_EABI);
    viv_request_destroy(r);
    ck_assert_int_eq(viv_model_open(engine, NULL, NULL, &m, &err), VIV_EINVAL);
    ck_assert_int_eq(viv_conversation_open(m, "/nowhere/at-all", &c, &err), VIV_ENOTFOUND);
    ck_assert_int_eq(viv_conversation_create(m, "\xff", &c, &err), VIV_EFORMAT);
    viv_model_close(m);
    viv_engine_close(engine);
    viv_engine_close(NULL);
    viv_model_close(NULL);
    viv_request_destroy(NULL);
    viv_conversation_close(NULL);
}
END_TEST

TESTS(request__continues_a_text, draft__changes_no_answer, answers__of_one_model_may_be_read_in_any_order,
      answer__can_be_cancelled_and_closed_early, conversation__goes_on_and_is_saved,
      conversation__holds_calls_of_tools_and_their_results, conversation__takes_a_message_back_that_is_not_answered,
      request__embeds_texts, errors__are_values)
