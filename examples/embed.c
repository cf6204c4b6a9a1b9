/* embed.c - chats with a model from a program of one's own. Where Vivarium is installed:
 *
 *   cc embed.c $(pkg-config --cflags --libs vivarium) -o embed
 *   ./embed MODEL        each line of standard input is a turn; a model without a chat template continues the lines */
#include <stdio.h>
#include <string.h>
#include <vivarium/embed.h>

static viv_status print(const viv_sink *sink, const viv_event *event)
{
    (void)sink;
    if (event->kind == VIV_EVENT_TEXT)
        fwrite(event->text, 1, event->size, stdout);
    if (event->kind == VIV_EVENT_DONE)
        putchar('\n');
    fflush(stdout);
    return VIV_OK;
}

static void notice(void *ctx, uint32_t level, const char *sentence)
{
    (void)ctx, (void)level;
    fprintf(stderr, "%s\n", sentence);
}

/* A line that the model continues: one request, whose events are taken one by one. */
static viv_status continue_line(viv_model *model, const char *line, viv_error *err)
{
    viv_request *request = NULL;
    viv_answer *answer = NULL;
    const viv_event *event = NULL;
    viv_status status = viv_request_create(model, &request, err);
    if (status == VIV_OK)
        status = viv_request_add_text(request, NULL, line, strlen(line), err);
    if (status == VIV_OK) {
        viv_request_sampling(request)->temperature = 0;
        request->max_tokens = 30;
        status = viv_answer_begin(model, request, &answer, err);
    }
    while (status == VIV_OK && (status = viv_answer_next(answer, &event, err)) == VIV_OK && event)
        print(NULL, event);
    viv_answer_close(answer);
    viv_request_destroy(request);
    return status;
}

int main(int argc, char **argv)
{
    const viv_engine_options options = {.struct_size = sizeof options, .log = notice};
    const viv_sink sink = {.struct_size = sizeof sink, .emit = print};
    viv_engine *engine = NULL;
    viv_model *model = NULL;
    viv_conversation *talk = NULL;
    viv_error err = {0};
    char line[4096];
    if (argc != 2)
        return fprintf(stderr, "usage: embed MODEL\n"), 2;
    viv_status status = viv_engine_open(&options, &engine, &err);
    if (status == VIV_OK)
        status = viv_model_open(engine, argv[1], NULL, &model, &err);
    if (status == VIV_OK)
        status = viv_conversation_create(model, NULL, &talk, &err);
    while (status == VIV_OK && fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        status = viv_conversation_ask(talk, "user", line, strlen(line), NULL, &sink, &err);
        if (status == VIV_ENOTFOUND) /* no chat template */
            status = continue_line(model, line, &err);
    }
    if (status != VIV_OK)
        fprintf(stderr, "embed: %s\n", err.text);
    viv_conversation_close(talk);
    viv_model_close(model);
    viv_engine_close(engine);
    return status != VIV_OK;
}
