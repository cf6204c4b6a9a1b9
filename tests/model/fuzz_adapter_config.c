/* Any bytes given as adapter_config.json end in a rank and a scale for each module, or in an error. */
#include "adapters/adapter.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const modules[] = {"lm_head", "model.layers.11.self_attn.q_proj",
                                          "transformer.h.0.attn.c_attn", "a..b.\xC3\xB6"};
    struct adapter_config *config;
    struct error err;
    uint64_t rank;
    double scale;
    if (adapter_config_read(fuzz_file(data, size), &config, &err) != VIV_OK)
        return 0;
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++)
        adapter_config_scale(config, modules[i], &rank, &scale, &err);
    adapter_config_destroy(config);
    return 0;
}
