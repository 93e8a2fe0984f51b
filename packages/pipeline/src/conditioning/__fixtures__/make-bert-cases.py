"""Token ids of BERT's tokenizer, for prompts that are hard to split.

    python make-bert-cases.py ../../../../../models/tiny/ldm-text/tokenizer
"""

import json
import sys
from pathlib import Path

from transformers import BertTokenizer

FOLDER = Path(sys.argv[1])
PROMPTS = [
    "a red shoe",
    "A RED Shoe!",
    "",
    "  red\tshoe\n on  green ",
    "redshoe, foxes.",
    "ünïcödé shoe",
    "狐 fox",
    "fox [MASK] fox [SEP] a",
    "[cls] fox",
    "x" * 120 + " fox",
    "123 fox",
    "a " * 90,
]

tokenizer = BertTokenizer(vocab=str(FOLDER / "vocab.txt"), model_max_length=77)
cases = [
    {"prompt": prompt, "ids": tokenizer(prompt, padding="max_length", max_length=77, truncation=True).input_ids}
    for prompt in PROMPTS
]
Path(__file__).with_name("bert-cases.json").write_text(json.dumps(cases, ensure_ascii=False) + "\n")
