"""Writes tokenizer-cases.json: what transformers' CLIPTokenizer makes of hard prompts, by the files of its folder.

pip install transformers==5.23.0; python make-tokenizer-cases.py
"""

import itertools
import json
import pathlib
import tempfile
import unicodedata

import transformers

HERE = pathlib.Path(__file__).parent
LENGTH = 24
END, START = "<|endoftext|>", "<|startoftext|>"


def token(content, normalized=False, special=True, **sides):
    return {
        "content": content,
        "lstrip": False,
        "normalized": normalized,
        "rstrip": False,
        "single_word": False,
        **sides,
        "special": special,
    }


VOCAB = json.loads((HERE / "clip-tokenizer/vocab.json").read_text())
AFTER = len(VOCAB)


def folder(pad, added=None, normalized=True):
    """The content of tokenizer_config.json; special tokens as older files have them, without added_tokens_decoder."""
    named = {"__type": "AddedToken", **{k: v for k, v in token(END, normalized).items() if k != "special"}}
    config = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": LENGTH,
        "do_lower_case": True,
        "errors": "replace",
        "bos_token": {**named, "content": START},
        "eos_token": named,
        "unk_token": named,
        "pad_token": pad,
    }
    if added is not None:
        config["added_tokens_decoder"] = {str(k): v for k, v in added.items()}
    return config


ENDS = {VOCAB[START]: token(START, True), VOCAB[END]: token(END, False)}
FOLDERS = {
    "pad end of text": folder(END),
    "pad exclamation": folder("!"),
    "pad exclamation, added tokens": folder("!", {VOCAB["!"]: token("!"), **ENDS}),
    "words added": folder(
        END,
        {
            **ENDS,
            AFTER: token("<cat-toy>", special=False),
            AFTER + 1: token("<Dog-Toy>", normalized=True, special=False),
            AFTER + 2: token("<strip>", special=False, lstrip=True, rstrip=True),
            AFTER + 3: token("zebra", normalized=True, special=False, single_word=True),
        },
    ),
}

PLAIN = [
    "", " ", "!", "!!", " ! ", "a red shoe!", "wow !", "!wow", "a!b", "red! blue!! green!!!", "?!", "!?", "a red shoe ! ",
    "A RED Shoe", "a  red\tshoe\n", "\u00a0a\u2003b", "it's we're I'll they'd", "'s 't", "''", "don''t",
    "100% 3.14 1,000", "x1y2", "a-b_c/d\\e", "(a:1.3), [b], {c}", "<a> </a>", "a<b>c", "@#$%^&*()", "...", "\u2026", "\u2014 \u2013 -",
    "na\u00efve caf\u00e9", "nai\u0308ve cafe\u0301", "\u00c5NGSTR\u00d6M", "\u212b \u2126", "Stra\u00dfe STRASSE", "\u0130stanbul", "\u01c4 \u01c5",
    "\uff26\uff35\uff2c\uff2c", "\ufb01ne \ufb00", "\u8d64\u3044\u9774", "\u0441\u0438\u043d\u0438\u0439", "\u0e44\u0e17\u0e22", "\u0627\u0644\u0639\u0631\u0628\u064a\u0629",
    "\U0001f97f\U0001f45f", "\U0001f45f\U0001f3fd", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "a\u200bb", "a\u200db", "\ufeffa", "a\u0000b", "\u0301a",
    "\u00bd \u00b2 \u2460 \u0664", "\u2160 \u216b", "\u2028a\u2029", "a\u0085b", "\u180ea", "a\u001cb",
]
SPECIAL = [END, START, "!", "<cat-toy>", "<Dog-Toy>", "<dog-toy>", "<strip>", "zebra", "Zebra", "zebras", "<|ENDOFTEXT|>", "<|endoftext", "<pad>"]
FRAMES = ["{0}", "a {0} b", "a{0}b", " {0} ", "{0}{0}", "{0} {0}", "A {0}, {1}", "{1}{0}", "\u00e9{0}\u00c9", "({0})", "'{0}'s"]
MADE = [frame.format(*pair) for frame in FRAMES for pair in itertools.permutations(SPECIAL, 2) if SPECIAL.index(pair[1]) == (SPECIAL.index(pair[0]) + 1) % len(SPECIAL)]
LONG = ["a " * 40, "red! " * 30, "x" * 60, f"{END} " * 30, "<cat-toy>" * 30]
PROMPTS = list(dict.fromkeys(PLAIN + MADE + LONG))


def load(config):
    place = pathlib.Path(tempfile.mkdtemp())
    for name in ["vocab.json", "merges.txt"]:
        (place / name).write_bytes((HERE / "clip-tokenizer" / name).read_bytes())
    (place / "tokenizer_config.json").write_text(json.dumps(config))
    return transformers.CLIPTokenizer.from_pretrained(place), place


def ids(tokenizer):
    made = [tokenizer(prompt, padding="max_length", max_length=LENGTH, truncation=True).input_ids for prompt in PROMPTS]
    return made


cases = []
for name, config in FOLDERS.items():
    tokenizer, place = load(config)
    cases.append({"name": name, "config": config, "ids": ids(tokenizer)})
    saved = place / "saved"
    tokenizer.save_pretrained(saved)
    definition = json.loads((saved / "tokenizer.json").read_text())
    again = transformers.CLIPTokenizer.from_pretrained(saved)
    del definition["model"]["vocab"], definition["model"]["merges"]
    cases.append({
        "name": f"{name}, tokenizer.json",
        "config": json.loads((saved / "tokenizer_config.json").read_text()),
        "definition": definition,
        "ids": ids(again),
    })
text = ",\n".join(json.dumps(case) for case in cases)
(HERE / "tokenizer-cases.json").write_text(
    f'{{"transformers": "{transformers.__version__}", "unicode": "{unicodedata.unidata_version}", "prompts": {json.dumps(PROMPTS)}, "cases": [\n{text}\n]}}\n'
)
print(len(PROMPTS), transformers.__version__)
