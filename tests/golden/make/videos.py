"""Videos for the models of vision.py whose frames are as pictures to them, from the checkpoints that it has made: video.json,
video.npy, video_preprocessor_config.json and a tokenizer with what is said of the frames. And frames.json: which frames the video
processors of transformers take, [class, settings, n_frames, fps, indices] each.

    videos.py [NAME...]
"""
import json
import sys

import numpy as np
import torch
import transformers as t
from PIL import Image

import vision
from vision import FPS, N_FRAMES, N_TURN, OUT

TEXT = [5, 17], [23, 9]  # before and behind the video


def frames():
    return np.stack([np.array(Image.open(OUT / "frames" / f"{5 + i}.png")) for i in range(N_FRAMES)])


@torch.no_grad()
def watch(name, model, processor, place, special, shown, inputs, **config):
    """place: of a video in a prompt; special: tokens besides those that are there; shown: of what the processor makes of the
    frames, the ids that stand for them; inputs: of the same and of all ids, what the model is given. config: keys to change."""
    directory = OUT / name
    written = json.loads((directory / "config.json").read_text()) | config
    (directory / "config.json").write_text(json.dumps(written, indent=1) + "\n")
    model = model.from_pretrained(directory, dtype=torch.float32)
    processor.save_pretrained(directory)
    seen = processor(videos=[frames()], video_metadata=[{"total_num_frames": N_FRAMES, "fps": FPS, "duration": N_FRAMES / FPS}],
                     return_tensors="pt")
    ids = TEXT[0] + shown(seen) + TEXT[1]

    def run(answer):
        tokens = torch.tensor([ids + answer])
        return model(input_ids=tokens, **inputs(seen, tokens)).logits[0]

    greedy = []
    while len(greedy) < N_TURN and (token := int(run(greedy)[-1].argmax())) not in (90, 91):
        greedy.append(token)
    tokenizer = json.loads((directory / "tokenizer.json").read_text())
    special = {x["id"]: x["content"] for x in tokenizer["added_tokens"]} | special
    before, behind = (vision.text_of(x) for x in TEXT)
    (directory / "video.json").write_text(json.dumps({"tokens": ids, "greedy": greedy, "prompt": before + place + behind}, ensure_ascii=False) + "\n")
    np.save(directory / "video.npy", run([]).numpy())
    vision.write_tokenizer(directory, model.config.text_config.vocab_size, special)


def internvl():
    names = {92 + i: ("\n" if i else "") + f"Frame{i + 1}: " for i in range(4)}
    watch("internvl", t.InternVLForConditionalGeneration,
          t.InternVLVideoProcessor(size={"height": 28, "width": 28}, do_sample_frames=True, num_frames=4), "<video>", names,
          lambda seen: sum(([92 + i, 88] + [90] * 4 + [89] for i in range(4)), []),
          lambda seen, tokens: {"pixel_values": seen["pixel_values_videos"][0]})


def smolvlm():
    intro = "You are provided the following series of four frames from a 0:00:00 [H:MM:SS] video.\n"
    watch("smolvlm", t.SmolVLMForConditionalGeneration,
          t.SmolVLMVideoProcessor(size={"longest_edge": 56}, max_image_size={"longest_edge": 28}, do_sample_frames=True, num_frames=4, fps=24),
          "<video>", {93: intro, 94: "\nFrame from 00:00:"},
          lambda seen: [93] + ([94, 91, 92] + [90] * 4 + [91]) * 4 + [95, 95],
          lambda seen, tokens: {"pixel_values": seen["pixel_values"], "pixel_attention_mask": seen["pixel_attention_mask"]})


def llava_onevision():
    watch("llava_onevision", t.LlavaOnevisionForConditionalGeneration,
          t.LlavaOnevisionVideoProcessor(size={"height": 28, "width": 28}, do_sample_frames=True, num_frames=4), "<video>", {91: "<video>"},
          lambda seen: [91] * (4 * 2 * 2 + 1), lambda seen, tokens: {"pixel_values_videos": seen["pixel_values_videos"]}, video_token_index=91)


def glm4v():
    for name, model in (("glm4v", t.Glm4vForConditionalGeneration), ("glm4v_moe", t.Glm4vMoeForConditionalGeneration)):
        processor = t.Glm4vVideoProcessor(patch_size=4, merge_size=2, temporal_patch_size=2, fps=12,
                                          size={"shortest_edge": 8 * 8 * 4, "longest_edge": 4 * 8 * 8 * 24})

        def shown(seen):
            groups, h, w = seen["video_grid_thw"][0].tolist()
            return [94] + ([92] + [90] * (h * w // 4) + [93, 89]) * groups + [95]

        watch(name, model, processor, "<|begin_of_video|><|video|><|end_of_video|>",
              {89: "0", 94: "<|begin_of_video|>", 95: "<|end_of_video|>"}, shown,
              lambda seen, tokens: {**seen, "mm_token_type_ids": 2 * (tokens == 90).int()})


def kimi_k25():
    processor = t.Kimi_K25VideoProcessor(patch_size=4, merge_size=2, max_patches=16, size={"max_height": 12, "max_width": 12}, fps=24)

    def shown(seen):
        rows = [h * w // 4 for _, h, w in seen["video_grid_thw"].tolist()]
        return sum(([time, 92, 87, 91] + [86] * n + [93] for time, n in zip((88, 89), rows)), [])

    watch("kimi_k25", t.Kimi_K25ForConditionalGeneration, processor, "<|kimi_k25_video_placeholder|>",
          {86: "<|kimi_k25_video_placeholder|>", 87: "video", 88: "00:00:00.000", 89: "00:00:00.166"}, shown,
          lambda seen, tokens: {k: seen[k] for k in ("pixel_values_videos", "video_grid_thw")}, video_token_id=86)


def sampled():
    cases = []
    lengths = [(1, 24), (2, 24), (7, 5), (90, 30), (97, 24), (301, 25), (1000, 29.97), (2500, 30), (12000, 25), (90000, 30)]
    kinds = [(t.InternVLVideoProcessor, dict(num_frames=1)), (t.InternVLVideoProcessor, dict(fps=1)),
             (t.InternVLVideoProcessor, dict(fps=2, initial_shift=False)),
             (t.SmolVLMVideoProcessor, dict(num_frames=64, fps=1)), (t.SmolVLMVideoProcessor, dict(num_frames=8, fps=2)),
             (t.Glm4vVideoProcessor, dict()), (t.Glm4vVideoProcessor, dict(max_duration=30, fps=1)), (t.Glm46VVideoProcessor, dict()),
             (t.LlavaOnevisionVideoProcessor, dict(fps=1))]
    for kind, settings in kinds:
        for total, fps in lengths:
            processor = kind(**settings, do_sample_frames=True)
            metadata = t.video_utils.VideoMetadata(total_num_frames=total, fps=fps, duration=total / fps)
            given = {k: getattr(processor, k) for k in ("num_frames", "fps") if k in settings}
            try:
                indices = [int(i) for i in processor.sample_frames(metadata=metadata, **given)]
            except (ValueError, ZeroDivisionError, RuntimeError):
                continue  # no frame, or more than there are
            if kind in (t.Glm4vVideoProcessor, t.Glm46VVideoProcessor) and len(indices) > 1 and indices[-1] == indices[-2]:
                indices.pop()  # for a pair, which we repeat the last one for anyway
            if 0 < len(indices) < 700:
                cases.append([kind.__name__, settings, total, fps, indices])
    (OUT / "frames.json").write_text(json.dumps(cases).replace("], [\"", "],\n [\"") + "\n")


if __name__ == "__main__":
    for make in (internvl, smolvlm, llava_onevision, glm4v, kimi_k25, sampled):
        if not sys.argv[1:] or make.__name__ in sys.argv[1:]:
            make()
