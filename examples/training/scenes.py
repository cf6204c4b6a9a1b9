"""Pictures that are drawn here, and questions about them: what vlm.py learns from and is scored on.

Three kinds of picture: coloured shapes on a grid of three by three, a word or a number, and a chart of coloured bars. Each comes
with questions and their answers. Words and numbers that `unseen` pictures show are never learnt from.
"""
import random
import string
import zlib

from PIL import Image, ImageDraw, ImageFont

COLOURS = {"red": (214, 40, 40), "green": (44, 150, 60), "blue": (40, 80, 210), "yellow": (250, 210, 40), "black": (20, 20, 20),
           "pink": (245, 130, 180), "purple": (130, 50, 160)}
SHAPES = ["circle", "square", "triangle"]
PLACES = ["at the top left", "at the top", "at the top right", "on the left", "in the middle", "on the right",
          "at the bottom left", "at the bottom", "at the bottom right"]
PAPER = [(255, 255, 255), (244, 240, 228), (228, 236, 244)]
NUMBERS = ["no", "one", "two", "three", "four", "five"]
COMMON = """cat dog sun red tree book fish bird milk stop open exit shop cafe tea zoo park bus taxi bank east west left yes no sale
free new old hot cold love home city""".split()
CANVAS = 192  # pixels of a side; vlm.py makes it smaller as it does with any picture


def is_held_out(word: str) -> bool:
    return len(word) > 1 and zlib.crc32(word.lower().encode()) % 10 == 0



def drawn_shape(draw, rng, shape, colour, cell):
    """In one of the nine cells, not quite in its middle."""
    side = CANVAS / 3
    r = side * rng.uniform(0.26, 0.42)
    x = side * (cell % 3 + 0.5) + rng.uniform(-1, 1) * (side / 2 - r)
    y = side * (cell // 3 + 0.5) + rng.uniform(-1, 1) * (side / 2 - r)
    if shape == "circle":
        draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)
    elif shape == "square":
        draw.rectangle((x - 0.9 * r, y - 0.9 * r, x + 0.9 * r, y + 0.9 * r), fill=colour)
    else:
        draw.polygon([(x, y - r), (x - r, y + 0.9 * r), (x + r, y + 0.9 * r)], fill=colour)


def shapes(rng: random.Random, unseen: bool):
    image = Image.new("RGB", (CANVAS, CANVAS), rng.choice(PAPER))
    draw = ImageDraw.Draw(image)
    cells = sorted(rng.sample(range(9), rng.randint(1, 4)))
    things = [(rng.choice(list(COLOURS)), rng.choice(SHAPES), cell) for cell in cells]
    for colour, shape, cell in things:
        drawn_shape(draw, rng, shape, COLOURS[colour], cell)
    questions = [("Describe the picture.", ", ".join(f"a {c} {s} {PLACES[i]}" for c, s, i in things)),
                 ("How many shapes are there?", NUMBERS[len(things)])]
    shape, colour = rng.choice(SHAPES), rng.choice(list(COLOURS))
    if rng.random() < 0.7:
        colour, shape, _ = rng.choice(things)
    questions.append((f"How many {shape}s are there?", NUMBERS[sum(s == shape for _, s, _ in things)]))
    questions.append((f"Is there a {colour} {shape}?", "yes" if (colour, shape) in [t[:2] for t in things] else "no"))
    colour, shape, cell = rng.choice(things)
    if sum(t[:2] == (colour, shape) for t in things) == 1:
        questions.append((f"Where is the {colour} {shape}?", PLACES[cell]))
    if sum(s == shape for _, s, _ in things) == 1:
        questions.append((f"What colour is the {shape}?", colour))
    questions.append((f"What is {PLACES[cell]}?", f"a {colour} {shape}"))
    return image, questions


def a_word(rng: random.Random, unseen: bool) -> str:
    while True:
        kind = rng.random()
        word = ("".join(rng.choice(string.digits) for _ in range(rng.randint(1, 4))) if kind < 0.4
                else "".join(rng.choice(string.ascii_uppercase) for _ in range(rng.randint(2, 4))) if kind < 0.8
                else rng.choice(COMMON).upper())
        if is_held_out(word) == unseen:
            return word


def written(rng: random.Random, unseen: bool):
    """Large letters, each in one of four columns, about in the middle of it."""
    image = Image.new("RGB", (CANVAS, CANVAS), rng.choice(PAPER))
    draw = ImageDraw.Draw(image)
    word = a_word(rng, unseen)
    font, pitch, column = ImageFont.load_default(rng.randint(56, 68)), CANVAS / 4, rng.randint(0, 4 - len(word))
    y = CANVAS / 2 + rng.uniform(-10, 10)
    colour = rng.choice([c for c in COLOURS if c != "yellow"])
    for i, letter in enumerate(word):
        x = (column + i + 0.5) * pitch + rng.uniform(-3, 3)
        draw.text((x, y), letter, fill=COLOURS[colour], font=font, anchor="mm")
    kind = "number" if word.isdigit() else "word"
    return image, [("What does it say?", word), (f"Read the {kind}.", word), ("Describe the picture.", f"the {kind} {word} in {colour}")]


def bars(rng: random.Random, unseen: bool):
    """Heights of one to five units, of which a line each is drawn."""
    image = Image.new("RGB", (CANVAS, CANVAS), rng.choice(PAPER))
    draw = ImageDraw.Draw(image)
    names = rng.sample(list(COLOURS), rng.randint(2, 4))
    heights = [rng.randint(1, 5) for _ in names]
    bottom, unit, left = CANVAS - 16, (CANVAS - 36) / 5, 14
    for n in range(6):
        draw.line((left, bottom - n * unit, CANVAS - 8, bottom - n * unit), fill=(170, 170, 170) if n else (0, 0, 0), width=2)
    pitch = (CANVAS - 8 - left) / len(names)
    width = pitch * rng.uniform(0.5, 0.8)
    for i, (name, height) in enumerate(zip(names, heights)):
        x = left + pitch * (i + 0.5)
        draw.rectangle((x - width / 2, bottom - height * unit, x + width / 2, bottom), fill=COLOURS[name])
    questions = [("Describe the picture.", "a chart: " + ", ".join(f"{n} {h}" for n, h in zip(names, heights))),
                 ("How many bars are there?", NUMBERS[len(names)])]
    name, height = rng.choice(list(zip(names, heights)))
    questions.append((f"How tall is the {name} bar?", str(height)))
    for word, most in (("tallest", max(heights)), ("shortest", min(heights))):
        if heights.count(most) == 1:
            questions.append((f"Which bar is the {word}?", names[heights.index(most)]))
    return image, questions


KINDS = {"shapes": shapes, "writing": written, "chart": bars}


def make_scene(rng: random.Random, unseen: bool = False):
    """The kind of picture, the picture, and its questions with their answers."""
    kind = rng.choice(list(KINDS))
    return kind, *KINDS[kind](rng, unseen)
