/* classes.c - properties of transformers' tokenizer classes that no file of a checkpoint has. Needed only if there
 * is no tokenizer.json, which has them all. */
#include "tokenizer/patterns.h"
#include "tokenizer/pipeline.h"

#include <string.h>

#define END_OF_TEXT "<|endoftext|>"

static const struct tokenizer_class classes[] = {
    {.names = {"GPT2Tokenizer", "CodeGenTokenizer", "OPTTokenizer"},
     .model_types = {"gpt2", "gpt_bigcode", "gpt_neo", "gptj", "opt", "phi", "starcoder2"},
     .pattern = GPT2_PATTERN,
     .bos = END_OF_TEXT,
     .eos = END_OF_TEXT,
     .unk = END_OF_TEXT},
    {.names = {"GPTNeoXTokenizer"},
     .model_types = {"gpt_neox"},
     .pattern = GPT2_PATTERN,
     .nfc = true,
     .bos = END_OF_TEXT,
     .eos = END_OF_TEXT,
     .unk = END_OF_TEXT},
    {.names = {"Qwen2Tokenizer", "Qwen3Tokenizer"},
     .model_types = {"qwen2", "qwen2_moe", "qwen2_vl", "qwen3", "qwen3_moe", "qwen3_next"},
     .pattern = QWEN2_PATTERN,
     .nfc = true,
     .eos = END_OF_TEXT,
     .pad = END_OF_TEXT},
    {.names = {"RobertaTokenizer"},
     .model_types = {"roberta"},
     .pattern = GPT2_PATTERN,
     .around = true,
     .bos = "<s>",
     .eos = "</s>",
     .unk = "<unk>",
     .pad = "<pad>",
     .sep = "</s>",
     .cls = "<s>",
     .mask = "<mask>"},
    {.names = {"LlamaTokenizer", "CodeLlamaTokenizer", "LLaMATokenizer"},
     .llama = true,
     .bos = "<s>",
     .eos = "</s>",
     .unk = "<unk>"},
    {.names = {"T5Tokenizer", "MT5Tokenizer", "UMT5Tokenizer"},
     .model_types = {"t5", "mt5", "umt5"},
     .t5 = true,
     .eos = "</s>",
     .unk = "<unk>",
     .pad = "<pad>"},
};
enum { N_CLASSES = sizeof classes / sizeof *classes, N_NAMES = 6, N_TYPES = 8 };

static const char *text_of(json_t *root, const char *key)
{
    return json_string_value(json_object_get(root, key));
}

/* "GPT2TokenizerFast" is called "GPT2Tokenizer". */
static bool is_called(const char *name, const char *class)
{
    const size_t n = strlen(class);
    return strncmp(name, class, n) == 0 && (!name[n] || strcmp(name + n, "Fast") == 0);
}

/* Class names without a meaning for the tokenizer. */
static bool is_generic(const char *name)
{
    return is_called(name, "PreTrainedTokenizer") || strcmp(name, "TokenizersBackend") == 0;
}

const struct tokenizer_class *tokenizer_class_of(const struct tokenizer_words *w, const char **name)
{
    const char *named = text_of(w->config, "tokenizer_class");
    const char *type = text_of(w->model_config, "model_type");
    named = named ? named : text_of(w->model_config, "tokenizer_class");
    if (named && is_generic(named))
        named = NULL;
    *name = named;
    for (size_t i = 0; i < N_CLASSES; i++) {
        for (size_t k = 0; named && k < N_NAMES && classes[i].names[k]; k++)
            if (is_called(named, classes[i].names[k]))
                return &classes[i];
        for (size_t k = 0; !named && type && k < N_TYPES && classes[i].model_types[k]; k++)
            if (strcmp(type, classes[i].model_types[k]) == 0)
                return &classes[i];
    }
    return NULL;
}
