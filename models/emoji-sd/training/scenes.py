"""Scenes: emoji on a coloured ground, and the sentences that say what is there.

A scene is one emoji (plain, big or small), two to four equal ones, or two different ones side by side.
Emoji may be recoloured: the pixels near the main hue move to another one.
"""

import json
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

MASTER = 256
GROUNDS = {
    "white": "#ffffff", "red": "#e5484d", "orange": "#f9a03f", "yellow": "#ffe066", "green": "#7bc96f",
    "blue": "#6cb4f5", "purple": "#a98be8", "pink": "#f7a8c8", "gray": "#bdbdbd", "black": "#2a2a2e",
}
# Hue in turns, saturation and value of a recoloured emoji's main colour.
PAINTS = {
    "red": (0.0, 0.82, 0.93), "orange": (0.075, 0.9, 1.0), "yellow": (0.14, 0.8, 1.0), "green": (0.36, 0.72, 0.72),
    "blue": (0.585, 0.82, 0.95), "purple": (0.75, 0.6, 0.85), "pink": (0.92, 0.5, 1.0),
}
COLOR_WORDS = {*PAINTS, "black", "white", "brown", "grey"}
NUMBERS = {2: "two", 3: "three", 4: "four"}

# These have a "face" of their own, which takes the plain word: "a cat" is the cat's face.
FACED = ["monkey", "dog", "cat", "tiger", "horse", "cow", "pig", "mouse", "rabbit", "dragon"]
# Everyday words for Unicode's names.
SYNONYMS = {
    "automobile": "car", "doughnut": "donut", "mobile phone": "phone", "hamburger": "burger", "honeybee": "bee",
    "lady beetle": "ladybug", "baby chick": "chick", "hot beverage": "coffee", "bicycle": "bike",
    "wrapped gift": "gift", "jack-o-lantern": "pumpkin", "smiling face with sunglasses": "cool face",
    "face with tears of joy": "laughing face", "smiling face with heart-eyes": "face in love",
    "loudly crying face": "sobbing face", "pile of poo": "poop", "water wave": "wave", "ear of corn": "corn",
    "cheese wedge": "cheese", "glass of milk": "milk", "evergreen tree": "fir tree", "deciduous tree": "tree",
    "T-Rex": "dinosaur", "spouting whale": "whale", "front-facing baby chick": "little chick",
    "high voltage": "lightning", "smiling face with halo": "angel face", "partying face": "party face",
    "smiling face": "happy face", "flying saucer": "ufo", "gem stone": "diamond", "sun with face": "sunny face", "cooking": "fried egg",
}
FAVOURITES = """
grinning face; beaming face with smiling eyes; face with tears of joy; winking face; smiling face with halo;
smiling face with heart-eyes; star-struck; face blowing a kiss; face with tongue; zany face; thinking face;
sleeping face; hot face; cold face; exploding head; cowboy hat face; partying face; smiling face with sunglasses;
nerd face; angry face; enraged face; crying face; loudly crying face; smiling face with horns; skull; pile of poo;
clown face; ghost; alien; alien monster; robot; grinning cat; red heart; yellow heart; green heart; blue heart;
purple heart; broken heart; heart on fire; collision; monkey face; dog face; wolf; fox; raccoon; cat face; lion;
tiger face; horse face; unicorn; zebra; cow face; pig face; ram; camel; giraffe; elephant; rhinoceros; mouse face;
hamster; rabbit face; hedgehog; bear; polar bear; koala; panda; sloth; chicken; baby chick; bird; penguin; eagle;
duck; swan; owl; flamingo; parrot; frog; crocodile; turtle; lizard; snake; dragon face; sauropod; T-Rex;
spouting whale; dolphin; fish; tropical fish; shark; octopus; crab; lobster; squid; snail; butterfly; bug; honeybee;
lady beetle; spider; cherry blossom; rose; sunflower; tulip; evergreen tree; deciduous tree; palm tree; cactus;
four leaf clover; maple leaf; mushroom; grapes; watermelon; tangerine; lemon; banana; pineapple; red apple;
green apple; pear; peach; cherries; strawberry; tomato; avocado; eggplant; carrot; ear of corn; hot pepper; broccoli;
bread; croissant; pretzel; pancakes; cheese wedge; hamburger; french fries; pizza; hot dog; taco; egg; cooking;
popcorn; sushi; soft ice cream; doughnut; cookie; birthday cake; cupcake; chocolate bar; lollipop; honey pot;
hot beverage; teapot; wine glass; beer mug; bubble tea; volcano; house; castle; tent; locomotive; bus; police car;
taxi; automobile; tractor; racing car; bicycle; motor scooter; anchor; sailboat; ship; airplane; helicopter; rocket;
flying saucer; alarm clock; crescent moon; full moon; sun; star; cloud; rainbow; umbrella; high voltage; snowflake;
snowman without snow; fire; droplet; water wave; ringed planet; jack-o-lantern; Christmas tree; balloon; ribbon;
wrapped gift; trophy; soccer ball; basketball; baseball; bullseye; teddy bear; kite; glasses; t-shirt; dress; crown;
top hat; high-heeled shoe; ring; gem stone; bell; guitar; drum; trumpet; violin; mobile phone; laptop; television;
camera; light bulb; candle; books; envelope; pencil; key; hammer; scissors; magnet; bomb; dagger; microscope; door;
bathtub; moai; globe showing Americas
"""


def is_plural(noun):
    last = noun.split(" with ")[0].split(" of ")[0].split()[-1]
    return last.endswith("s") and not last.endswith(("ss", "us", "is")) and last not in {"lens", "canvas"}


def pluralize(noun):
    """The plural of a noun phrase: "pots of food", "happy faces", "cherries"."""
    for link in (" with ", " of ", " in ", " on ", " without "):
        if link in noun:
            head, rest = noun.split(link, 1)
            return pluralize(head) + link + rest
    if is_plural(noun):
        return noun
    irregular = {"mouse": "mice", "goose": "geese", "fish": "fish", "sheep": "sheep", "leaf": "leaves", "ox": "oxen"}
    head, _, last = noun.rpartition(" ")
    if last in irregular:
        last = irregular[last]
    elif last.endswith(("s", "x", "z", "ch", "sh")) or last in {"tomato", "potato", "mango", "volcano", "mosquito"}:
        last += "es"
    elif last.endswith("y") and last[-2:-1] not in set("aeiou"):
        last = last[:-1] + "ies"
    else:
        last += "s"
    return f"{head} {last}".strip()


def with_article(words, noun):
    if is_plural(noun):
        return words
    return ("an " if words[0].lower() in "aeio" or words.startswith(("um", "al")) else "a ") + words


def repaint(pixels, paint, least=0.1):
    """RGBA [H,W,4] in [0,1] with the pixels near its main hue in another paint.

    None where less than this share of it has a hue.
    """
    rgb, alpha = pixels[..., :3], pixels[..., 3]
    value, low = rgb.max(-1), rgb.min(-1)
    chroma = value - low
    safe = np.where(chroma > 0, chroma, 1)
    r, g, b = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    hue = np.select([value == r, value == g], [(g - b) / safe % 6, (b - r) / safe + 2], (r - g) / safe + 4) / 6
    saturation = chroma / np.maximum(value, 1e-6)
    weight = alpha * (chroma > 0.15) * chroma
    if weight.sum() < least * alpha.sum():
        return None
    histogram = np.histogram(hue, 24, (0, 1), weights=weight)[0]
    main = (np.argmax(histogram + np.roll(histogram, 1)) / 24) % 1
    near = (np.abs((hue - main + 0.5) % 1 - 0.5) < 0.11) & (chroma > 0.04)
    mass = weight * near
    mean_s, mean_v = ((mass * x).sum() / mass.sum() for x in (saturation, value))
    s = np.clip(saturation * paint[1] / mean_s, 0, 1)
    v = np.clip(value * paint[2] / mean_v, 0, 1)
    sector = ((paint[0] * 6) + np.array([5, 3, 1])) % 6
    shade = np.clip(np.minimum(sector, 4 - sector), 0, 1)
    painted = v[..., None] * (1 - s[..., None] * shade)
    return np.concatenate([np.where(near[..., None], painted, rgb), alpha[..., None]], -1)


@dataclass
class Scene:
    image: np.ndarray  # uint8 [S,S,3]
    caption: str
    emoji: list  # indices, left to right
    count: int
    ground: str
    paint: str | None


class Scenes:
    def __init__(self, folder, favourite_weight=6.0):
        """A favourite is drawn this many times as often as another emoji."""
        folder = Path(folder)
        self.names = [entry["name"] for entry in json.loads((folder / "emoji.json").read_text())]
        self.pixels = np.memmap(folder / "emoji.rgba", np.uint8, "r").reshape(-1, MASTER, MASTER, 4)
        assert len(self.pixels) == len(self.names)
        favourites = {name.strip() for name in FAVOURITES.replace("\n", " ").split(";")}
        faced = {name for name in FACED if f"{name} face" in self.names}
        weights = [0.0 if n in faced else favourite_weight if n in favourites else 1.0 for n in self.names]
        self.cumulative = np.cumsum(weights).tolist()
        self.kept = [i for i, weight in enumerate(weights) if weight > 0]
        self.sprites = {}

    def nouns(self, index):
        """The words for an emoji without its colour, the usual one first, and the colour in its name or None."""
        name = self.names[index]
        if name.endswith(" face") and name[:-5] in FACED:
            return [name[:-5], name], None
        first, _, rest = name.partition(" ")
        if first in COLOR_WORDS and rest and rest not in {"bear", "circle"}:
            return [rest], first.replace("grey", "gray")
        return [SYNONYMS[name], name] if name in SYNONYMS else [name], None

    def sprite(self, index, size):
        key = index, size
        if key not in self.sprites:
            if len(self.sprites) > 3000:
                self.sprites.clear()
            image = Image.fromarray(np.asarray(self.pixels[index])).convert("RGBa")
            self.sprites[key] = np.asarray(image.resize((size, size), Image.Resampling.BOX).convert("RGBA"))
        return self.sprites[key].astype(np.float32) / 255

    def draw(self, size, ground, items):
        """uint8 [size,size,3]; items are (index, paint, side, x, y) with the centre and the side in [0,1]."""
        color = GROUNDS[ground]
        canvas = np.empty((size, size, 3), np.float32)
        canvas[:] = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        for index, paint, side, x, y in items:
            pixels = self.sprite(index, round(side * size))
            if paint:
                pixels = repaint(pixels, PAINTS[paint], 0)
            extent = len(pixels)
            left, top = (min(max(round(c * size - extent / 2), 0), size - extent) for c in (x, y))
            area = canvas[top : top + extent, left : left + extent]
            area += pixels[..., 3:] * (pixels[..., :3] - area)
        return (canvas * 255 + 0.5).astype(np.uint8)

    def pick(self, rng):
        return rng.choices(range(len(self.names)), cum_weights=self.cumulative)[0]

    def describe(self, index, paint, rng):
        """Words for the emoji with its colour, and the noun in them."""
        nouns, color = self.nouns(index)
        noun = nouns[0] if rng.random() < 0.85 else rng.choice(nouns)
        shown = paint or color
        return (f"{shown} {noun}" if shown else noun), noun

    def random_paint(self, index, rng, share):
        if rng.random() >= share:
            return None
        paint = rng.choice(list(PAINTS))
        # Stricter than needed, so that it holds at other sizes too.
        colored = repaint(self.sprite(index, 32), PAINTS[paint], 0.15) is not None
        return paint if colored else None

    def random_scene(self, size, rng=random):
        index = self.pick(rng)
        paint = self.random_paint(index, rng, 0.22)
        words, noun = self.describe(index, paint, rng)
        jitter = lambda amount: rng.uniform(-amount, amount)
        kind = rng.choices(["one", "big", "small", "many", "pair"], [50, 5, 6, 19, 20])[0]
        count, emoji = 1, [index]
        if kind == "pair":
            other = self.pick(rng)
            other_paint = self.random_paint(other, rng, 0.15)
            other_words, other_noun = self.describe(other, other_paint, rng)
            count, emoji, side = 2, [index, other], 0.48
            items = [
                (index, paint, side, 0.255 + jitter(0.01), 0.5 + jitter(0.03)),
                (other, other_paint, side, 0.745 + jitter(0.01), 0.5 + jitter(0.03)),
            ]
            phrase = f"{with_article(words, noun)} and {with_article(other_words, other_noun)}"
        elif kind == "many":
            count = rng.choices([2, 3, 4], [10, 6, 3])[0]
            places = {
                2: [(0.255, 0.5), (0.745, 0.5)],
                3: [(0.5, 0.265), (0.255, 0.735), (0.745, 0.735)],
                4: [(0.255, 0.255), (0.745, 0.255), (0.255, 0.745), (0.745, 0.745)],
            }[count]
            items = [(index, paint, 0.46, x + jitter(0.01), y + jitter(0.01)) for x, y in places]
            phrase = f"{NUMBERS[count]} {pluralize(words)}"
        else:
            side = {"one": 0.84 + jitter(0.03), "big": 1.0, "small": 0.46 + jitter(0.03)}[kind]
            room = {"one": 0.03, "big": 0.0, "small": 0.08}[kind]
            items = [(index, paint, side, 0.5 + jitter(room), 0.5 + jitter(room))]
            phrase = with_article(words if kind == "one" else f"{kind} {words}", noun)
        ground = "white" if rng.random() < 0.5 else rng.choice(list(GROUNDS))
        if ground != "white" or rng.random() < 0.1:
            article = "an" if ground == "orange" else "a"
            phrase += rng.choice([f" on {ground}", f" on {ground}", f" on {article} {ground} background"])
        phrase = rng.choices(["{0}", "a picture of {0}", "an emoji of {0}"], [8, 1, 1])[0].format(phrase)
        image = self.draw(size, ground, items)
        return Scene(image, phrase, emoji, count, ground, paint)
