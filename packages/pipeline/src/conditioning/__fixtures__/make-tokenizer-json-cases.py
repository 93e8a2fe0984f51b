"""Writes tokenizer-json-cases.json: what transformers' fast T5 and BERT tokenizers make of the prompts of
tokenizer-cases.json, by tiny vocabularies that are learned here.

T5's own table of character normalization (Precompiled, 300 kB) is left out; NFKC stands for it.

pip install transformers==5.23.0; python make-tokenizer-json-cases.py
"""

import json
import pathlib
import tempfile

import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).parent
LENGTH = 24
PROMPTS = json.loads((HERE / "tokenizer-cases.json").read_text())["prompts"]
PROMPTS += ["[CLS]", "a [SEP] b", "a[MASK]b", "a [MASK] b", "[mask]", "</s>", "a</s>b", "a </s> b", "<extra_id_0>", "a<extra_id_0>b", "a <extra_id_0> b", "<unk>", "[UNK]", "[PAD]"]
WORDS = ["a red shoe!", "a blue dress on a white table", "it's the best, don't you think?", "cats and dogs 123, 456 7.89", "painting of a small house by the river"] * 4
ADDED = [
    AddedToken("<cat-toy>", normalized=False, special=False),
    AddedToken("<Dog-Toy>", normalized=True, special=False),
    AddedToken("<strip>", normalized=False, lstrip=True, rstrip=True, special=False),
    AddedToken("zebra", normalized=True, single_word=True, special=False),
]


def t5():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), "\u2581")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="always", split=True)
    special = ["<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=130, special_tokens=special, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(WORDS, trainer)
    tokenizer.add_special_tokens([AddedToken("<extra_id_0>", lstrip=True, rstrip=True, normalized=False, special=True)])
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer.decoder = decoders.Metaspace()
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=LENGTH)


def bert():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(WORDS, trainers.WordPieceTrainer(vocab_size=150, special_tokens=special, show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer.decoder = decoders.WordPiece()
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=LENGTH, **names)


cases = []
for name, tokenizer in [("T5", t5()), ("BERT", bert())]:
    for added in [[], ADDED]:
        if added:
            tokenizer.add_tokens(added)
        place = pathlib.Path(tempfile.mkdtemp())
        tokenizer.save_pretrained(place)
        again = transformers.PreTrainedTokenizerFast.from_pretrained(place)
        cases.append({
            "name": f"{name}, words added" if added else name,
            "config": json.loads((place / "tokenizer_config.json").read_text()),
            "definition": json.loads((place / "tokenizer.json").read_text()),
            "ids": [again(prompt, padding="max_length", max_length=LENGTH, truncation=True).input_ids for prompt in PROMPTS],
        })
text = ",\n".join(json.dumps(case) for case in cases)
(HERE / "tokenizer-json-cases.json").write_text(
    f'{{"transformers": "{transformers.__version__}", "prompts": {json.dumps(PROMPTS)}, "cases": [\n{text}\n]}}\n'
)
print(len(PROMPTS), transformers.__version__)
