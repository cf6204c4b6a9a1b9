"""Tasks over files, and who does them: what lam.py learns from and is scored on.

A task is a sentence, what is wanted in words of our own, and a tree of files. The model is asked three things: by the stage
`intent` what is wanted; then before each action by `think` to read what is there, line by line, up to the first thing that is to
be acted on; and by `plan` for the action. To say of a name that was just written whether it is wanted is easy to learn; to
choose one of many, whose endings come after their beginnings, is not.

Trees, names and sentences are made at random. A fifth of the words that make names, and a fifth of the ways to say each task,
are for the score alone: `unseen` draws from those. The words of a sentence are all learnt, since the model knows no others;
what is new is how they stand together.

Names are made of the words of books: of a few hundred words, a model learns which there are, and takes new ones for those; of
thousands it learns to copy.

The prompts are those that plugins/lam writes (prompt.c), and the results of actions those of its tools, so that what is
learnt here is what `viv act` asks.
"""
import dataclasses
import json
import pathlib
import random
import re
import zlib

HISTORY = 160  # bytes of what was done that a prompt shows: limits.history in lam.yaml

NOUNS = """budget report notes letter invoice recipe plan draft summary holiday garden house school music photo picture meeting
agenda project idea list contract receipt ticket travel paris london summer winter family birthday party work team
client order price sales tax bank insurance car bike train flight hotel map guide manual lesson homework exam essay poem story
chapter book novel song album concert movie script scene game score result data table chart graph logo icon banner poster flyer
menu dinner lunch soup bread cake coffee tea water river lake sea beach mountain forest tree flower rose cat dog bird horse fish
baby mother father sister brother friend doctor health sport run swim yoga training course talk slides backup archive
old new final window test sample example demo main index readme todo log error config settings setup install update version
january february march april may june july august september october november december monday friday week month year copy""".split()
SUFFIXES = ["", "", "", "", "", "", "", "_final", "-draft", "_v2", "-2", "_old", "2024", "_2023", "-copy", " 1", " (2)", "_big"]
KINDS = {"pictures": ["png", "jpg", "gif"], "documents": ["txt", "md", "pdf", "doc"], "music": ["mp3", "wav"],
         "videos": ["mp4", "mkv"], "tables": ["csv", "xls"], "archives": ["zip", "tar"], "code": ["py", "c"],
         "other": ["tmp", "log", "bak"]}
POLITE = [("", "")] * 6 + [("", "."), ("", ", please"), ("", " now"), ("", " for me"), ("Please ", ""), ("Please ", "."),
         ("Now ", ""),
          ("Can you ", "?"), ("Could you ", "?"), ("Could you please ", "?"), ("I want you to ", ""), ("You should ", "")]
SHORT = {"INTO": "[{b}|{b}|the FOLDER {b}|the {b} FOLDER|FOLDER {b}|a FOLDER called {b}|my {b} FOLDER]",
         "DELETE": "[Delete|Remove|Throw away|Get rid of|Erase|Trash|Drop]", "FOLDER": "[folder|folder|folder|directory]"}
GROUPS = {"pictures": ["pictures", "images", "photos"], "documents": ["documents"], "music": ["music files", "songs"],
          "videos": ["videos", "movies"], "tables": ["tables", "spreadsheets"], "archives": ["archives"], "code": ["code files"]}
KIND_OF = {ending: kind for kind, endings in KINDS.items() for ending in endings}


def ending_of(path: str) -> str:
    return path.rsplit(".", 1)[-1]


def kind_of(path: str) -> str:
    return KIND_OF.get(ending_of(path), "other")


def base(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def folder_of(path: str) -> str:
    return path.rsplit("/", 1)[0] if "/" in path else "."


def inside(folder: str, name: str) -> str:
    return name if folder == "." else f"{folder}/{name}"


# --- a tree, and what actions make of it ---------------------------------------------------------------------------

class Tree(dict):
    """Path -> the text of a file, or None for a folder."""

    def lines(self) -> list[str]:
        return [path + ("/" if self[path] is None else "") for path in sorted(self, key=str.encode)]

    def shown(self) -> str:
        return "What is in the folder:\n" + "".join(line + "\n" for line in self.lines() or ["nothing"])

    def files(self, folder: str = None) -> list[str]:
        return [p for p in sorted(self, key=str.encode) if self[p] is not None and folder in (None, folder_of(p))]

    def folders(self) -> list[str]:
        return [p for p in sorted(self, key=str.encode) if self[p] is None]

    def do(self, action: dict) -> str:
        """Does what the tool of that name does, and returns what it answers."""
        kind, to = action["action"], inside(action.get("folder", "."), action.get("name", ""))
        if kind == "move" or kind == "copy":
            for path in [p for p in self if p == action["from"] or p.startswith(action["from"] + "/")]:
                self[to + path[len(action["from"]) :]] = self[path] if kind == "copy" else self.pop(path)
            return f"it was {'moved' if kind == 'move' else 'copied'}\n"
        if kind == "delete":
            for path in [p for p in self if p == action["path"] or p.startswith(action["path"] + "/")]:
                del self[path]
            return "it was deleted\n"
        if kind == "make_folder":
            self[to] = None
            return "the folder is there now\n"
        if kind == "write":
            self[to] = action["text"]
            return f"{len(action['text'].encode())} bytes are there now, 0 were before\n"
        if kind == "search":
            found = []
            for path in sorted(self, key=lambda p: p.encode().split(b"/")):
                if action["text"] in path:
                    found.append(path)
                for number, line in enumerate((self[path] or "").split("\n"), 1):
                    if action["text"] in line:
                        found.append(f"{path}:{number}: {line}")
            return "".join(line + "\n" for line in found) or "nothing was found\n"
        raise ValueError(kind)


# --- words ---------------------------------------------------------------------------------------------------------

def is_unseen(said: str) -> bool:
    """Whether a word or a sentence is for the score alone."""
    return zlib.crc32(said.encode()) % 5 == 0


class Words:
    def __init__(self, texts: list[pathlib.Path], seed: int, unseen: bool = False, only_words: bool = False):
        """`texts`: where words are taken from. `only_words`: names are words; else some are no words at all."""
        self.rng, self.before, self.unseen, self.only_words = random.Random(seed), "", unseen, only_words
        words = {word for text in texts for word in re.findall(r"\b[a-z]{3,12}\b", text.read_text(encoding="utf-8"))}
        self.nouns, self.words = ([word for word in some if is_unseen(word) == unseen] for some in (NOUNS, sorted(words)))

    def start(self, seed: int) -> None:
        self.rng, self.before = random.Random(seed), ""

    def known(self) -> str:
        return self.rng.choice(self.nouns if self.rng.random() < 0.3 else self.words)

    def word(self) -> str:
        """A word, at times the one before, so that names begin alike; or halves of two, syllables, or letters."""
        if self.before and self.rng.random() < 0.06:
            return self.before
        way = 1 if self.only_words else self.rng.random()
        if way < 0.15:
            a, b = self.known(), self.known()
            self.before = a[: self.rng.randint(1, len(a))] + b[self.rng.randint(0, len(b) - 1) :]
        elif way < 0.25:
            syllables = range(self.rng.randint(2, 3))
            self.before = "".join(self.rng.choice("bcdfghjklmnprstvwz") + self.rng.choice("aeiou") for _ in syllables)
        elif way < 0.35:
            self.before = "".join(self.rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(self.rng.randint(2, 9)))
        else:
            self.before = self.known()
        return self.before

    def stem(self) -> str:
        word = self.word() + (self.rng.choice("_- ") + self.word() if self.rng.random() < 0.15 else "")
        way = self.rng.random()
        word = word.capitalize() if way < 0.12 else word.upper() if way < 0.15 else word
        if self.rng.random() < 0.08:
            return word + self.rng.choice("_- ") + str(self.rng.randint(1, 2030))
        return word + self.rng.choice(SUFFIXES)

    def file(self, endings: list[str] = ()) -> str:
        ending = self.rng.choice(endings or [e for es in KINDS.values() for e in es])
        return f"{self.stem()}.{ending}"

    def files(self, least: int) -> int:
        """How many: often few, which are soon read, and at times many."""
        return self.rng.randint(least, 12 if self.rng.random() < 0.2 else 6)

    def sentence(self) -> str:
        return " ".join(self.word() for _ in range(self.rng.randint(2, 5)))

    def named(self, path: str) -> str:
        """A path by its name, or in full."""
        return path if self.rng.random() < 0.15 else base(path)

    def group(self, ending: str) -> tuple[str, str, str]:
        """Files of an ending, or of the kind that has it: in words of our own, as many, and as one."""
        kind = KIND_OF[ending]
        if kind in GROUPS and self.rng.random() < 0.25:
            many = self.rng.choice(GROUPS[kind])
            return f"all {kind}", many, many.removesuffix("s")
        said = self.rng.choice([ending, ending, ending, f".{ending}", f".{ending}", f"*.{ending}", ending.upper()])
        many, each = self.rng.choice([("{} files", "{} file")] * 4 + [("{}s", "{}"), ("files ending in {}", "file ending in {}"),
                                     ("files that end in {}", "file that ends in {}")])
        return f"*.{ending}", many.format(said), each.format(said)

    def choose(self, sentences: list[str]) -> str:
        """One way to say it: of each [a|b|c] one word, around an order the words of POLITE, and now and then names in quotes."""
        while True:
            said = self.rng.choice(sentences)
            for short, words in SHORT.items():
                said = said.replace(short, words)
            while "[" in said:
                said = re.sub(r"\[([^\[\]]*)\]", lambda m: self.rng.choice(m[1].split("|")), said, count=1)
            is_order = not said.startswith(("{", "I ", "All", "The", "New")) and said[-1] != "?"
            if is_order:
                before, after = self.rng.choice(POLITE)
                said = (before + said[0].lower() + said[1:] if before else said) + after
            if not said.startswith(("{", "I ")) and self.rng.random() < 0.2:
                said = said[0].lower() + said[1:]
            if is_unseen(said) == self.unseen:
                quote = self.rng.choice(["", "", "", "", "", "", "", "'", '"']) if '"' not in said else ""
                return re.sub(r"(\{[ab]\})", rf"{quote}\1{quote}", said)

    def tree(self, n_files: int, folders: int) -> Tree:
        """Every name is there once, so that a task can name a file without its folder."""
        tree = Tree()
        names = [self.word() for _ in range(folders)]
        for name in names:
            tree[name] = None
        for name in {self.file(): None for _ in range(n_files)}:
            folder = self.rng.choice(names) if names and self.rng.random() < 0.25 else "."
            tree[inside(folder, name)] = self.sentence() + "\n"
        return tree

    def add(self, tree: Tree, ending: str) -> None:
        """A file more, of that ending."""
        name = self.file([ending])
        if name not in map(base, tree):
            tree[name] = self.sentence() + "\n"


# --- tasks ---------------------------------------------------------------------------------------------------------

@dataclasses.dataclass
class Task:
    kind: str
    text: str
    wanted: dict
    tree: Tree
    answer: str = ""  # what must be in the last answer, for a task that is a question


def sort_by_kind(w: Words) -> Task:
    tree = w.tree(w.files(2), w.rng.randint(0, 2))
    for kind in w.rng.sample(list(KINDS), w.rng.randint(0, 2)):
        tree[kind] = None
    text = w.choose([
        "[Sort|Tidy|Organise|Organize|Order|Group|Arrange] [the files|these files|all files|everything|my files] by "
        "[kind|type]",
        "[Sort|Tidy|Organise|Organize] [the files|everything|my files] into folders[| by kind| by type]",
        "[Tidy|Clean|Tidy up|Clean up|Sort] [this folder|the folder|here|everything|this mess|the files|my files]",
        "[Put|Move] [each file|every file|all files|the files|everything] into [a folder|folders] for [its|their|the] "
        "[kind|type]",
        "[Make|Create] a folder for each [kind|type] of file and [move|put] the files there"])
    return Task("sort", text, {"do": "sort"}, tree)


def move_one(w: Words) -> Task:
    tree = w.tree(w.files(1), w.rng.randint(1, 3))
    path = w.rng.choice(tree.files())
    others = [f for f in tree.folders() if f != folder_of(path)]
    target = w.rng.choice(others) if others and w.rng.random() < 0.6 else w.word()
    while target in tree and tree[target] is not None or target == folder_of(path):
        target = w.word()
    what = w.named(path)
    text = w.choose([
        "[Move|Put|Bring|Take|Shift|Send] [|the file |file ]{a} [to|into|in] INTO",
        "[Take|Get] [|the file ]{a} and [put|move] it [in|into|to] INTO",
        "{a} [belongs|should go|goes|has to go|must go|should be] [to|into|in] INTO",
        "I [want|need|would like] [|the file ]{a} [|to be ]in INTO"]).format(a=what, b=target)
    return Task("move", text, {"do": "move", "what": what, "to": target}, tree)


def move_all(w: Words) -> Task:
    tree = w.tree(w.files(2), w.rng.randint(0, 2))
    ending = ending_of(w.rng.choice(tree.files()))
    for _ in range(w.rng.randint(0, 2)):
        w.add(tree, ending)
    target = w.rng.choice(tree.folders() or [w.word()]) if w.rng.random() < 0.4 else w.word()
    what, many, each = w.group(ending)
    text = w.choose([
        "[Move|Put|Bring|Take|Collect|Gather|Send] [|all |the |all the |all my |my ]{m} [to|into|in] INTO",
        "[Move|Put|Bring|Take|Send] [every|each] {e} [to|into|in] INTO",
        "[All the|All my|All|The] {m} [belong|should go|go|have to go] [to|into|in] INTO",
        "I [want|need|would like] [|all |the |all the |all my ]{m} in INTO"]).format(m=many, e=each, b=target)
    return Task("move all", text, {"do": "move", "what": what, "to": target}, tree)


def archive(w: Words) -> Task:
    tree = w.tree(w.files(1), w.rng.randint(0, 3))
    path = w.rng.choice(tree.files() + tree.folders())
    if w.rng.random() < 0.4:
        tree["archive"] = None
    if path == "archive":
        path = w.rng.choice(tree.files())
    what = w.named(path)
    text = w.choose([
        "Archive [|the |the old |the file |my ]{a}", "[Put|Move|Send|Bring|Take] [|the old ]{a} [to|into|in] the archive",
        "{a} [can go|belongs|should go|has to go|must go] [to|into|in] the archive", "{a} should be archived",
        "I [want|need] {a} in the archive"]).format(a=what)
    return Task("archive", text, {"do": "move", "what": what, "to": "archive"}, tree)


def rename(w: Words) -> Task:
    tree = w.tree(w.files(1), w.rng.randint(0, 3))
    path = w.rng.choice(tree.files())
    new = f"{w.stem()}.{ending_of(path)}"
    if new in map(base, tree):
        return rename(w)
    what = w.named(path)
    text = w.choose([
        "Rename [|the file |file ]{a} [to|as|into] [|the name ]{b}", "[Call|Name] [|the file ]{a} {b}",
        "Change the name of [|the file ]{a} [to|into] {b}", "Change {a} to {b}",
        "Give [|the file ]{a} the [|new ]name {b}", "Let [|the file ]{a} [have the name|be called] {b}",
        "{a} [should|must|is to] [be called|be named|have the name|be renamed to] {b}",
        "I [want|would like|need] {a} to [be called|be named|have the name] {b}"]).format(a=what, b=new)
    return Task("rename", text, {"do": "rename", "what": what, "to": new}, tree)


def copy_one(w: Words) -> Task:
    tree = w.tree(w.files(1), w.rng.randint(1, 3))
    path = w.rng.choice(tree.files())
    others = [f for f in tree.folders() if f != folder_of(path)]
    if not others:
        return copy_one(w)
    target, what = w.rng.choice(others), w.named(path)
    text = w.choose([
        "[Copy|Duplicate] [|the file |file ]{a} [to|into|in] INTO",
        "[Make|Put|Save|Place] a [copy|second copy|duplicate] of [|the file ]{a} [in|into|to] INTO",
        "I [want|need|would like] a copy of [|the file ]{a} [|to be ]in INTO"]).format(a=what, b=target)
    return Task("copy", text, {"do": "copy", "what": what, "to": target}, tree)


def delete_one(w: Words) -> Task:
    tree = w.tree(w.files(1), w.rng.randint(0, 3))
    path = w.rng.choice(tree.files() + tree.folders())
    what = w.named(path)
    text = w.choose([
        "DELETE [|the old |the file |my |the ]{a}", "I [do not|don't|no longer] [need|want] {a}[| any more| anymore]",
        "{a} [can|should|must] [go away|be deleted|be removed|go]"]).format(a=what)
    return Task("delete", text, {"do": "delete", "what": what}, tree)


def delete_all(w: Words) -> Task:
    tree = w.tree(w.files(1), w.rng.randint(0, 3))
    ending = w.rng.choice(["tmp", "log", "bak"]) if w.rng.random() < 0.6 else ending_of(w.rng.choice(tree.files()))
    for _ in range(w.rng.randint(1, 3)):
        w.add(tree, ending)
    what, many, each = w.group(ending)
    text = w.choose([
        "DELETE [|all |the |all the |all my |my |the old ]{m}", "DELETE [every|each|any] {e}",
        "[All the|All my|All|The] {m} [can|should|must] [go away|be deleted|be removed|go]",
        "I [do not|don't|no longer] [need|want] [the|all the|my|these] {m}[| any more| anymore]"]).format(m=many, e=each)
    return Task("delete all", text, {"do": "delete", "what": what}, tree)


def find_name(w: Words) -> Task:
    tree = w.tree(w.files(2), w.rng.randint(1, 3))
    path = w.rng.choice([p for p in tree.files() if "/" in p] or tree.files())
    text = w.choose([
        "Where is [|the file |my file ]{a}?", "Where [can I|do I|did I] [find|have|put|save] [|the file ]{a}?",
        "[Find|Look for|Locate] [|the file |my file |file ]{a}", "I [cannot|can't] find [|the file |my file ]{a}",
        "In [which|what] FOLDER [is|do I have|can I find] [|the file ]{a}?", "[Which|What] FOLDER [has|holds|contains] {a}?",
        "[Tell|Show] me where [|the file |my file ]{a} is"]).format(a=base(path))
    return Task("find", text, {"do": "find", "what": base(path)}, tree, answer=path)


def find_text(w: Words) -> Task:
    tree = w.tree(w.files(1), w.rng.randint(0, 3))
    word = w.word()
    path = w.rng.choice(tree.files())
    if any(word in p or word in (tree[p] or "") for p in tree):
        return find_text(w)
    is_second = w.rng.random() < 0.5
    tree[path] = f"{w.sentence()}\n{w.sentence()} {word}\n" if is_second else f"{word} {w.sentence()}\n"
    text = w.choose([
        "[Which|What] [file|of my files|of the files] [mentions|contains|is about|has|speaks of|talks about] [|the word ]{a}?",
        "Find [the|a] file [that|which] [mentions|contains|is about|has|speaks of|talks about] [|the word ]{a}",
        "Search [|the files |my files |all files |here |this folder ]for [|the word ]{a}", "Where is the word {a}?",
        "In [which|what] file [is|do I find|can I find|did I write] [|the word ]{a}?",
        "[Tell|Show] me [which|what] file [mentions|contains|is about|has] [|the word ]{a}"]).format(a=word)
    return Task("search", text, {"do": "search", "what": word}, tree, answer=path)


def summarise(w: Words) -> Task:
    tree = w.tree(w.files(0), w.rng.randint(0, 2))
    text = w.choose([
        "[What is|What's|What kind of files are|What kinds of files are] [in here|in this FOLDER|in the FOLDER|here]?",
        "[Summarise|Summarize|Sum up|Describe] "
        "[the files|what is here|what is in here|all files|my files|this FOLDER|the FOLDER]",
        "[What|What files|What kinds of files] do I have[| here| in here| in this FOLDER]?",
        "Tell me what [is|I have] [here|in here|in this FOLDER]",
        "[Give me|Show me|Make|Write] a [summary|short summary] of [the files|this FOLDER|the FOLDER|all files|my files]"])
    return Task("summarise", text, {"do": "summarise"}, tree, answer=summary_of(tree))


def make_folder(w: Words) -> Task:
    tree = w.tree(w.files(0), w.rng.randint(0, 3))
    name = w.word()
    if name in tree:
        return make_folder(w)
    text = w.choose([
        "[Make|Create|Add] [a|a new] FOLDER [|called |named |with the name |for ]{a}", "[Make|Create|Add] the [|new ]FOLDER {a}",
        "New FOLDER[|:] {a}", "[Make|Create|Add] [a|the|a new] {a} FOLDER",
        "I [want|need|would like] a [|new ]FOLDER [|called |named |with the name ]{a}"]).format(a=name)
    return Task("make folder", text, {"do": "make folder", "what": name}, tree)


def write(w: Words) -> Task:
    tree = w.tree(w.files(0), w.rng.randint(0, 3))
    name, words = w.file(["txt", "md"]), w.sentence()
    if name in tree:
        return write(w)
    text = w.choose([
        '[Write|Note|Put|Save] "{b}" [to|into|in] [|the file |the new file |a new file |a file called ]{a}',
        '[Write|Make|Create|Add] [a file|a note|a new file|a text] [|called |named ]{a} '
        '[that says|saying|with|with the text|with the words] "{b}"',
        'I [want|need|would like] a [file|note] [|called |named ]{a} [that says|with|with the text|with the words] "{b}"']).format(a=name, b=words)
    return Task("write", text, {"do": "write", "what": name, "text": words}, tree)


MAKERS = [sort_by_kind, move_one, move_all, archive, rename, copy_one, delete_one, delete_all, find_name, find_text, summarise,
          make_folder, write]
HARD = [sort_by_kind, move_all, rename, rename, rename, write]  # are learnt from more often


def make_task(w: Words) -> Task:
    """Now and then what is named is not there."""
    task = w.rng.choice(MAKERS if w.unseen else MAKERS + HARD)(w)
    if w.rng.random() < 0.07 and task.wanted["do"] in ("move", "rename", "copy", "delete", "find"):
        gone = [line.removesuffix("/") for line in task.tree.lines() if matches(task.wanted["what"], line)]
        task.tree = Tree({p: text for p, text in task.tree.items() if not any((p + "/").startswith(g + "/") for g in gone)})
        task.answer = spoken(task.wanted["what"]) + ": nothing"
    return task


# --- who does them ------------------------------------------------------------------------------------------------

def matches(what: str, line: str) -> bool:
    """`what`: "*.txt", "all pictures", or a file or folder by its name or in full."""
    path, is_file = line.removesuffix("/"), not line.endswith("/")
    if what.startswith("*."):
        return is_file and path.endswith(what[1:])
    if what.startswith("all "):
        return is_file and kind_of(path) == what[4:]
    return what in (path, base(path))


def worth(wanted: dict, line: str) -> str:
    """What is to become of a line of the tree: a folder, a new name, a word; "" if it stays as it is."""
    do, what, path, is_file = wanted["do"], wanted.get("what"), line.removesuffix("/"), not line.endswith("/")
    if do == "sort":
        return kind_of(path) if is_file and "/" not in path else ""
    if do == "summarise":
        return kind_of(path) if is_file else ""
    if not matches(what, line) or do == "move" and folder_of(path) == wanted["to"]:
        return ""
    return {"delete": "delete", "find": "here"}.get(do) or wanted["to"]


def thought(wanted: dict, tree: Tree, results: list[str]) -> dict:
    """Lines from the first on, and what each is worth, to the first that is worth something. None, if what is wanted is in no
    line, or was done already."""
    if wanted["do"] in ("search", "make folder", "write") or results and wanted["do"] in ("rename", "copy"):
        return {}
    seen = {}
    for line in tree.lines():
        seen[line] = worth(wanted, line)
        if seen[line] and wanted["do"] != "summarise":
            break
    return seen


def spoken(what: str) -> str:
    return what.removeprefix("*").removeprefix("all ")


def summary_of(tree: Tree) -> str:
    *some, last = sorted({kind_of(p) for p in tree.files()}) or ["nothing"]
    return " and ".join([", ".join(some), last] if some else [last])


def done(answer: str) -> dict:
    return {"action": "done", "answer": answer}


def finished(wanted: dict, tree: Tree, results: list[str]) -> dict:
    """All was read, and nothing is left to do."""
    do, what, to = wanted["do"], spoken(wanted.get("what", "")), wanted.get("to")
    if do == "search":
        return done(f"It is in {results[-1].split(':')[0]}.")
    if not results and do in ("move", "rename", "copy", "delete", "find"):
        return done(f"{what}: nothing to {do}.")
    return done({"sort": "The files are sorted.", "summarise": f"Here: {summary_of(tree)}.", "move": f"{what}: moved to {to}.",
                 "rename": f"{what}: renamed to {to}.", "copy": f"{what}: copied to {to}.", "delete": f"{what}: deleted.",
                 "make folder": f"{what}: made.", "write": f"{what}: written."}[do])


def next_action(wanted: dict, tree: Tree, seen: dict, results: list[str]) -> dict:
    """From what is wanted and the thought."""
    do, what = wanted["do"], wanted.get("what")
    line, value = list(seen.items())[-1] if seen else ("", "")
    path = line.removesuffix("/")
    if not results and do == "search":
        return {"action": "search", "folder": ".", "text": what}
    if not results and do == "make folder":
        return {"action": "make_folder", "folder": ".", "name": what}
    if not results and do == "write":
        return {"action": "write", "folder": ".", "name": what, "text": wanted["text"]}
    if not value or do == "summarise":
        return finished(wanted, tree, results)
    if do == "find":
        return done(f"It is {path}.")
    if do == "delete":
        return {"action": "delete", "path": path}
    if do == "rename":
        return {"action": "move", "from": path, "folder": folder_of(path), "name": value}
    if value not in tree:
        return {"action": "make_folder", "folder": ".", "name": value}
    return {"action": "copy" if do == "copy" else "move", "from": path, "folder": value, "name": base(path)}


# --- what the model is shown, and says -----------------------------------------------------------------------------

def show_history(history: str) -> str:
    data = history.encode()
    if not data:
        return "\nDone so far:\nnothing\n"
    if len(data) <= HISTORY:
        return "\nDone so far:\n" + history
    _, _, rest = data[len(data) - HISTORY :].partition(b"\n")
    return "\nDone so far:\n... (what came before is left out)\n" + rest.decode(errors="replace")


def as_json(value: dict) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


Step = list[tuple[str, str]]  # what is shown, and what is said to it


def answers(wanted: dict, tree: Tree, results: list[str]) -> tuple[Step, dict]:
    """The thought and the action, and the action itself."""
    seen = thought(wanted, tree, results)
    action = next_action(wanted, tree, seen, results)
    return [("The next thought:\n", as_json(seen)), ("\nThe next action:\n", as_json(action))], action


def steps_of(task: Task) -> list[tuple[Step, Tree]]:
    """What is wanted, then each step; and the tree that each shows."""
    tree, history, results, wanted = Tree(task.tree), "", [], as_json(task.wanted)
    steps = [([(f"Task: {task.text}\n\n{tree.shown()}{show_history('')}\n", wanted)], Tree(tree))]
    while True:
        turns, action = answers(task.wanted, tree, results)
        shown = f"Task: {task.text}\nWhat is wanted: {wanted}\n\n{tree.shown()}{show_history(history)}\n"
        steps.append(([(shown + turns[0][0], turns[0][1]), turns[1]], Tree(tree)))
        if action["action"] == "done":
            return steps
        results.append(tree.do(action))
        lines = results[-1].removesuffix("\n").split("\n")
        history += f"{len(results)}. {as_json(action)}\ndone:\n" + "".join(f"| {line}\n" for line in lines)


def practice(w: Words, tree: Tree) -> Step:
    """Something else that could be wanted of a tree, and the first step of it."""
    path = w.rng.choice(tree.files() or ["a.txt"])
    what = w.rng.choice([base(path), f"*.{ending_of(path)}"])
    to = w.rng.choice(tree.folders() or [w.word()]) if w.rng.random() < 0.5 else w.word()
    wanted = w.rng.choice([{"do": "sort"}, {"do": "delete", "what": what}, {"do": "move", "what": what, "to": to},
                           {"do": "find", "what": base(path)},
                           {"do": "rename", "what": base(path), "to": f"{w.stem()}.{ending_of(path)}"}])
    turns, _ = answers(wanted, tree, [])
    return [("What is wanted: " + as_json(wanted) + "\n" + turns[0][0], turns[0][1]), turns[1]]


def example(w: Words, exercises: int = 0) -> list[Step]:
    """One step of a task: a quarter say what is wanted, and few that it is done, which is soon learnt. Behind it, `exercises` about
    the same tree, which cost little, since the tree stands there already."""
    wanted, *steps = steps_of(make_task(w))
    way = w.rng.random()
    step, tree = wanted if way < 0.25 else steps[-1] if way < 0.38 or not steps[1:] else w.rng.choice(steps[:-1])
    return [step] + [practice(w, tree) for _ in range(exercises)]


def final_tree(task: Task) -> Tree:
    tree, results = Tree(task.tree), []
    while (action := answers(task.wanted, tree, results)[1])["action"] != "done":
        results.append(tree.do(action))
    return tree
