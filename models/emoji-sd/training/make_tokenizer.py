"""Train the byte-pair tokenizer, in CLIP's form, on the words of all scenes, and set the text encoder's vocabulary."""

import argparse
import json

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from parts import LENGTH, MODEL
from scenes import GROUNDS, NUMBERS, PAINTS, Scenes, pluralize

START, END = "<|startoftext|>", "<|endoftext|>"
PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
REPEATS = 20  # so that every whole word is worth a token


def words_of(scenes):
    phrases = ["a", "an", "and", "on", "big", "small", "background", "a picture of", "an emoji of"]
    phrases += [*GROUNDS, *PAINTS, "brown", *NUMBERS.values()]
    for index in scenes.kept:
        for noun in scenes.nouns(index)[0]:
            phrases += [noun, pluralize(noun)]
    return phrases


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder with emoji.rgba and emoji.json")
    args = parser.parse_args()
    tokenizer = Tokenizer(models.BPE(unk_token=END, end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERN), "removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel(add_prefix_space=True, trim_offsets=True, use_regex=True)
    trainer = trainers.BpeTrainer(
        vocab_size=6000, min_frequency=REPEATS, special_tokens=[START, END], end_of_word_suffix="</w>",
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
    )
    phrases = words_of(Scenes(args.data))
    tokenizer.train_from_iterator(phrases * REPEATS, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(
        (END, 1), (START, 0), trim_offsets=False, add_prefix_space=False
    )
    tokenizer.save(str(MODEL / "tokenizer/tokenizer.json"), pretty=False)
    config = {
        "backend": "tokenizers", "bos_token": START, "eos_token": END, "model_max_length": LENGTH,
        "pad_token": END, "tokenizer_class": "CLIPTokenizer", "unk_token": END,
    }
    (MODEL / "tokenizer/tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    text_file = MODEL / "text_encoder/config.json"
    text = json.loads(text_file.read_text()) | {"vocab_size": tokenizer.get_vocab_size()}
    text_file.write_text(json.dumps(text, indent=2) + "\n")
    lengths = [len(tokenizer.encode(phrase).ids) - 2 for phrase in phrases]
    print(tokenizer.get_vocab_size(), "tokens;", sum(lengths) / sum(len(p.split()) for p in phrases), "a word")


if __name__ == "__main__":
    main()
