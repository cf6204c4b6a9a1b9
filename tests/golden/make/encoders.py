"""Encoders: bert and its kin with random weights, what they make of each token, of a text, and what their classifiers say.

A folder holds the checkpoint, tokens.json ({"tokens": [...], "types": [...]}: which text of a pair each is of) and
  vectors.npy   float32 [n_tokens, hidden_size], the last hidden states
  pooled.npy    float32 [1, hidden_size], the text's vector as the checkpoint's files want it
or, of a classifier, scores.npy, float32 [1, n_labels].
Some have a tokenizer, too, and what sentence-transformers makes of texts or pairs:
  texts.json    {"texts": [[text], ...]} or {"texts": [[text, text], ...]}
  texts.npy     float32 [n_texts, hidden_size], or the classifier's logits, [n_texts, n_labels]
"""
import json
import sys

import numpy as np
import torch
import transformers as t
from safetensors.torch import save_file

from sentence_transformers import CrossEncoder, SentenceTransformer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

import golden

N_TOKENS = 40
LABELS = {0: "bad", 1: "middling", 2: "good"}


def pool(h, pooling, normalize):
    v = {"cls": h[:1], "mean": h.mean(0, keepdims=True), "last": h[-1:]}[pooling]
    return v / np.linalg.norm(v) if normalize else v


@torch.no_grad()
def write_answers(directory, model, pooling, normalize, types):
    g = torch.Generator().manual_seed(11)
    tokens = torch.randint(3, model.config.vocab_size, (N_TOKENS,), generator=g)
    kinds = torch.tensor([int(types and i >= 25) for i in range(N_TOKENS)])
    (directory / "tokens.json").write_text(json.dumps({"tokens": tokens.tolist(), "types": kinds.tolist()}) + "\n")
    out = model(tokens[None], **({"token_type_ids": kinds[None]} if types else {}))
    if "logits" in out:
        np.save(directory / "scores.npy", out.logits.float().numpy())
        return
    h = out.last_hidden_state[0].float().numpy()
    np.save(directory / "vectors.npy", h)
    np.save(directory / "pooled.npy", pool(h, pooling, normalize))


def write(name, model, pooling="mean", modules=None, types=False, rename=lambda k: k, change=lambda k, v: v, answers=None, drop=(),
          **instead):
    """modules: whether there is a Normalize module; None: no modules.json at all; rename, change: of tensors; drop, instead: of
    config.json; answers: the part of the model that gives the vectors, where its head does not"""
    directory = golden.HERE / name
    directory.mkdir(exist_ok=True)
    save_file({rename(k): change(k, v).detach().contiguous().clone() for k, v in golden.weights_of(model).items()},
              directory / "model.safetensors", metadata={"format": "pt"})
    config = {k: v for k, v in golden.config_json(model, False).items() if k not in drop} | instead
    (directory / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    if modules is not None:
        kinds = ["Transformer", "Pooling"] + ["Normalize"] * modules
        (directory / "modules.json").write_text(json.dumps(
            [{"idx": i, "name": str(i), "path": "" if i == 0 else f"{i}_{kind}", "type": f"sentence_transformers.models.{kind}"}
             for i, kind in enumerate(kinds)], indent=1) + "\n")
        modes = {"cls": "cls_token", "mean": "mean_tokens", "last": "lasttoken"}
        (directory / "1_Pooling").mkdir(exist_ok=True)
        (directory / "1_Pooling" / "config.json").write_text(json.dumps(
            {"word_embedding_dimension": model.config.hidden_size}
            | {f"pooling_mode_{m}": m == modes[pooling] for m in [*modes.values(), "max_tokens"]}, indent=1) + "\n")
        (directory / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 48, "do_lower_case": False}) + "\n")
    write_answers(directory, answers or model, pooling, modules is None or modules, types)


def write_gguf(name, model, architecture, values, pooling, types, **more):
    golden.write_answers, keep = lambda *a, **k: None, golden.write_answers
    golden.write_gguf(name, model, architecture, values, **more)
    golden.write_answers = keep
    write_answers(golden.HERE / name, model, pooling, True, types)


TEXTS = ["", "a", "The quick brown fox jumps over the lazy dog.",
         "Ol\u00e9! caf\u00e9 na\u00efve \u0130stanbul", "[MASK] a [SEP]", "\U0001f600 \u4f60\u597d 42",
         "one two three four five six seven eight nine ten eleven twelve thirteen"]


def write_tokenizer(name, single, pair, first=("[PAD]", "[UNK]"), inputs=("input_ids", "token_type_ids", "attention_mask")):
    """WordPiece over 83 pieces: letters, figures, a few words and endings."""
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    vocab = [*first, "[CLS]", "[SEP]", "[MASK]", *letters, *("##" + x for x in letters), *"0123456789.,!?",
             *"the fox dog one two over quick ##er ##ing ##th ##een ##ve".split()]
    assert len(vocab) == 83
    tokenizer = Tokenizer(models.WordPiece({x: i for i, x in enumerate(vocab)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(single=single, pair=pair, special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    fast = t.PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
                                     mask_token="[MASK]", model_input_names=list(inputs))
    fast.save_pretrained(golden.HERE / name)  # its model_max_length is 1000000000000000019884624838656


def write_texts(name, texts, answers):
    (golden.HERE / name / "texts.json").write_text(json.dumps({"texts": texts}) + "\n")
    np.save(golden.HERE / name / "texts.npy", np.asarray(answers, dtype=np.float32).reshape(len(texts), -1))


def embed_texts(name, single, pair):
    write_tokenizer(name, single, pair)
    (golden.HERE / name / "config_sentence_transformers.json").write_text(json.dumps(
        {"prompts": {"query": "find: ", "document": ""}, "default_prompt_name": None}) + "\n")
    model = SentenceTransformer(str(golden.HERE / name), device="cpu")
    write_texts(name, [[x] for x in TEXTS], model.encode(TEXTS, batch_size=1))


def score_pairs(name, single, pair, **more):
    write_tokenizer(name, single, pair, **more)
    pairs = [["a fox", x] for x in TEXTS]
    model = CrossEncoder(str(golden.HERE / name), device="cpu", max_length=64)
    write_texts(name, pairs, model.predict(pairs, batch_size=1, activation_fn=torch.nn.Identity()))


def bert_config(cls=t.BertConfig, **more):
    return cls(**dict(vocab_size=83, hidden_size=36, num_hidden_layers=3, num_attention_heads=3, intermediate_size=50,
                      max_position_embeddings=64, hidden_act="gelu", pad_token_id=0, attn_implementation="eager") | more)


def bert_values(c, **more):
    return {"block_count": c.num_hidden_layers, "context_length": c.max_position_embeddings, "embedding_length": c.hidden_size,
            "feed_forward_length": c.intermediate_size, "attention.head_count": c.num_attention_heads,
            "attention.layer_norm_epsilon": float(getattr(c, "layer_norm_eps", None) or c.norm_eps), "attention.causal": False} | more


def bert():
    model = golden.randomise(t.BertModel(bert_config()), 1)
    write("bert", model, types=True)
    # as the first checkpoints have it, and with files of sentence-transformers
    old = lambda k: "bert." + k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
    write("bert-old", golden.randomise(t.BertModel(bert_config(hidden_act="gelu_new")), 2), pooling="cls", modules=False, rename=old)
    embed_texts("bert-old", "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1")
    drop = lambda k, a: None if k.startswith("pooler.") else a
    write_gguf("bert-gguf", model, "bert", bert_values(model.config, pooling_type=1), "mean", True, change=drop)
    classifier = t.BertForSequenceClassification(bert_config(num_labels=3, id2label=LABELS, hidden_act="relu"))
    write("bert-classifier", golden.randomise(classifier, 3), types=True)
    score_pairs("bert-classifier", "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1")


def roberta_config(cls=t.RobertaConfig, **more):
    return bert_config(cls, **dict(pad_token_id=1, type_vocab_size=1, max_position_embeddings=66) | more)


def roberta():
    model = golden.randomise(t.RobertaModel(roberta_config()), 1)
    write("roberta", model)
    masked = golden.randomise(t.RobertaForMaskedLM(roberta_config(pad_token_id=0, type_vocab_size=2, hidden_act="gelu_new")), 2)
    write("roberta-masked", masked, types=True, answers=masked.roberta)
    classifier = golden.randomise(t.RobertaForSequenceClassification(roberta_config(num_labels=3, id2label=LABELS)), 3)
    write("roberta-classifier", classifier)
    # as converted: without the positions that stand for padding
    rows = lambda k, a: None if ".pooler." in "." + k else a[2:] if k.endswith("position_embeddings.weight") else a
    values = bert_values(model.config) | {"context_length": 64}
    write_gguf("roberta-gguf", model, "bert", values | {"pooling_type": 1}, "mean", False, change=rows)
    write_gguf("roberta-classifier-gguf", classifier, "bert", values | {"pooling_type": 4}, "mean", False, change=rows, strip="roberta.")


def xlm_roberta():
    write("xlm-roberta", golden.randomise(t.XLMRobertaModel(roberta_config(t.XLMRobertaConfig)), 4), pooling="cls", modules=True)
    write("xlm-roberta-reranker",
          golden.randomise(t.XLMRobertaForSequenceClassification(roberta_config(t.XLMRobertaConfig, num_labels=1)), 5))
    score_pairs("xlm-roberta-reranker", "[CLS] $A [SEP]", "[CLS] $A [SEP] [SEP] $B:1 [SEP]:1", first=("[UNK]", "[PAD]"),
                inputs=("input_ids", "attention_mask"))


def distilbert_config(**more):
    return t.DistilBertConfig(**dict(vocab_size=83, dim=36, n_layers=3, n_heads=3, hidden_dim=50, max_position_embeddings=64,
                                     pad_token_id=0, attn_implementation="eager") | more)


def distilbert():
    model = golden.randomise(t.DistilBertModel(distilbert_config()), 1)
    write("distilbert", model)
    masked = golden.randomise(t.DistilBertForMaskedLM(distilbert_config(activation="relu", sinusoidal_pos_embds=True)), 2)
    write("distilbert-masked", masked, pooling="mean", modules=False, answers=masked.distilbert)
    classifier = golden.randomise(t.DistilBertForSequenceClassification(distilbert_config(num_labels=3, id2label=LABELS)), 3)
    write("distilbert-classifier", classifier)
    c = model.config
    values = {"block_count": c.n_layers, "context_length": c.max_position_embeddings, "embedding_length": c.dim,
              "feed_forward_length": c.hidden_dim, "attention.head_count": c.n_heads, "attention.layer_norm_epsilon": 1e-12,
              "attention.causal": False}
    write_gguf("distilbert-gguf", model, "bert", values | {"pooling_type": 1}, "mean", False)
    head = lambda k, a: [("cls.output." + k.split(".")[1], a)] if k.startswith("classifier.") else a
    write_gguf("distilbert-classifier-gguf", classifier, "bert", values | {"pooling_type": 4}, "mean", False, strip="distilbert.",
               change=head)


def modernbert_config(**more):
    return t.ModernBertConfig(**dict(vocab_size=83, hidden_size=36, num_hidden_layers=4, num_attention_heads=3, intermediate_size=34,
                                     max_position_embeddings=64, local_attention=12, pad_token_id=0, bos_token_id=1, eos_token_id=2,
                                     cls_token_id=1, sep_token_id=2, attn_implementation="eager") | more)


def modernbert():
    model = golden.randomise(t.ModernBertModel(modernbert_config()), 1)
    write("modernbert", model, pooling="cls", modules=True)
    # as the first checkpoints have it, all biases there, another pattern, an odd window
    biased = golden.randomise(t.ModernBertForMaskedLM(modernbert_config(
        global_attn_every_n_layers=2, local_attention=9, attention_bias=True, mlp_bias=True, norm_bias=True, decoder_bias=False,
        hidden_activation="gelu_pytorch_tanh", norm_eps=1e-3,
        rope_parameters={"full_attention": {"rope_type": "default", "rope_theta": 500.0},
                         "sliding_attention": {"rope_type": "default", "rope_theta": 50.0}})), 2)
    write("modernbert-old", biased, answers=biased.model, drop=("layer_types", "rope_parameters"), global_attn_every_n_layers=2,
          global_rope_theta=500.0, local_rope_theta=50.0, position_embedding_type="absolute")
    write("modernbert-classifier", golden.randomise(t.ModernBertForSequenceClassification(modernbert_config(
        num_labels=3, id2label=LABELS, classifier_bias=True, classifier_activation="relu", norm_bias=True,
        layer_types=["sliding_attention", "full_attention"] * 2)), 3))
    mean = golden.randomise(t.ModernBertForSequenceClassification(modernbert_config(num_labels=1, classifier_pooling="mean")), 5)
    write("modernbert-reranker", mean)
    values = bert_values(model.config, **{"attention.sliding_window": 12, "attention.sliding_window_pattern": 3, "rope.freq_base": 160000.0,
                                          "rope.freq_base_swa": 10000.0, "rope.scaling.type": "none"})
    write_gguf("modernbert-gguf", model, "modern-bert", values | {"pooling_type": 2}, "cls", False)
    head = lambda k, a: [("cls.output." + k.split(".")[1], a)] if k.startswith("classifier.") else a
    write_gguf("modernbert-reranker-gguf", mean, "modern-bert", values | {"pooling_type": 4}, "mean", False, strip="model.", change=head)


def nomic_config(**more):
    return t.NomicBertConfig(**dict(vocab_size=83, hidden_size=36, num_hidden_layers=3, num_attention_heads=3, intermediate_size=50,
                                    max_position_embeddings=64, pad_token_id=0, attn_implementation="eager") | more)


def gpt2_names(c, **more):
    """config.json as beside the first checkpoints"""
    return dict(model_type="nomic_bert", architectures=["NomicBertModel"], n_embd=c.hidden_size, n_layer=c.num_hidden_layers,
                n_head=c.num_attention_heads, n_inner=c.intermediate_size, n_positions=64, vocab_size=c.vocab_size,
                type_vocab_size=c.type_vocab_size, layer_norm_epsilon=c.layer_norm_eps, activation_function="swiglu",
                rotary_emb_base=c.rope_parameters["rope_theta"], rotary_emb_fraction=1.0, rotary_emb_interleaved=False,
                rotary_emb_scale_base=None, rotary_scaling_factor=None, max_trained_positions=2048, qkv_proj_bias=False,
                mlp_fc1_bias=False, mlp_fc2_bias=False, prenorm=False, parallel_block=False, use_rms_norm=False, causal=False,
                pad_vocab_size_multiple=1) | more


def turn_neighbours_of_half(model, theta):
    """Makes the model do what the first code does for rotary_emb_fraction 0.5 and rotary_emb_interleaved."""
    n = model.config.head_dim // 2
    model.rotary_emb.inv_freq = 1 / theta ** (torch.arange(0, n, 2) / n)

    def apply(q, k, cos, sin):
        cos, sin = (x[:, None, :, : n // 2].repeat_interleave(2, -1) for x in (cos, sin))
        turn = lambda x: x[..., :n] * cos + torch.stack((-x[..., 1:n:2], x[..., 0:n:2]), -1).flatten(-2) * sin
        return tuple(torch.cat((turn(x), x[..., n:]), -1) for x in (q, k))

    t.models.nomic_bert.modeling_nomic_bert.apply_rotary_pos_emb = apply


def nomic_bert():
    model = golden.randomise(t.NomicBertModel(nomic_config()), 1)
    write("nomic-bert", model, types=True)
    write_gguf("nomic-bert-gguf", model, "nomic-bert",
               bert_values(model.config, pooling_type=1, **{"rope.freq_base": 1000.0}), "mean", True)
    write("nomic-bert-classifier", golden.randomise(t.NomicBertForSequenceClassification(nomic_config(
        num_labels=3, id2label=LABELS, hidden_act="gelu", rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 100.0})), 2))
    # a text longer than the trained ones; more rows than words
    scaled = golden.randomise(t.NomicBertModel(nomic_config(
        vocab_size=88, hidden_act="gelu", max_position_embeddings=16,
        rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 100.0})), 3)
    keys = [k for k in golden.config_json(scaled, False)]
    write("nomic-bert-old", scaled, types=True, pooling="cls", modules=False, drop=keys, **gpt2_names(
        scaled.config, activation_function="geglu", rotary_scaling_factor=2.0, max_trained_positions=16, vocab_size=83,
        pad_vocab_size_multiple=8))
    biased = t.NomicBertForMaskedLM(nomic_config(rope_parameters={"rope_type": "default", "rope_theta": 100.0}))
    for m in [*biased.nomic_bert.layers.modules()]:
        if isinstance(m, torch.nn.Linear):
            m.bias = torch.nn.Parameter(torch.zeros(m.out_features))
    golden.randomise(biased, 4)
    turn_neighbours_of_half(biased.nomic_bert, 100.0)
    write("nomic-bert-biases", biased, answers=biased.nomic_bert, drop=keys, rename=lambda k: k.replace("nomic_bert.", "bert."), **gpt2_names(
        biased.config, architectures=["NomicBertForPreTraining"], rotary_emb_fraction=0.5, rotary_emb_interleaved=True, qkv_proj_bias=True,
        mlp_fc1_bias=True, mlp_fc2_bias=True))


def qwen3_embedding():
    config = lambda **more: t.Qwen3Config(**dict(
        vocab_size=83, hidden_size=36, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, head_dim=10, intermediate_size=40,
        max_position_embeddings=64, attn_implementation="eager") | more)
    model = golden.randomise(t.Qwen3Model(config(tie_word_embeddings=True)), 1)
    write("qwen3-embedding", model, pooling="last", modules=True, architectures=["Qwen3ForCausalLM"])
    embed_texts("qwen3-embedding", "$A [SEP]", "$A $B [SEP]")
    write("qwen3-embedding-window", golden.randomise(t.Qwen3Model(config(
        use_sliding_window=True, sliding_window=9, max_window_layers=1, attention_bias=True)), 2), pooling="mean", modules=False)
    write_gguf("qwen3-embedding-gguf", model, "qwen3", golden.common_values(model.config, pooling_type=3), "last", False)


for family in sys.argv[1:] or ["bert", "roberta", "xlm_roberta", "distilbert", "modernbert", "nomic_bert", "qwen3_embedding"]:
    globals()[family]()
