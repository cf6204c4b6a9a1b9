"""Tasks over files, and who does them: what lam.py learns from and is scored on.

A task is a sentence, a tree of files, and a plan that knows what is meant: from the tree and what was done so far it says the
next action, or that it is done. Trees, names and sentences are made at random. A fifth of the words, and of each
kind of task two sentences, are for the score alone: `unseen` draws from those.

The prompts are those that plugins/lam writes (loop.c: show_all), and the results of actions those of its tools, so that what is
learnt here is what `viv act` asks.
"""
import dataclasses
import json
import random

HISTORY = 300  # bytes of what was done that a prompt shows: limits.history in specs/embedded/lam.yaml

NOUNS = """budget report notes letter invoice recipe plan draft summary holiday garden house school music photo picture meeting
agenda project idea list contract receipt ticket travel paris london summer winter family birthday party work team
client order price sales tax bank insurance car bike train flight hotel map guide manual lesson homework exam essay poem story
chapter book novel song album concert movie script scene game score result data table chart graph logo icon banner poster flyer
menu dinner lunch soup bread cake coffee tea water river lake sea beach mountain forest tree flower rose cat dog bird horse fish
baby mother father sister brother friend doctor health sport run swim yoga training course talk slides backup archive
old new final copy test sample example demo main index readme todo log error config settings setup install update version
january february march april may june july august september october november december monday friday week month year""".split()
SUFFIXES = ["", "", "", "", "_final", "-draft", "_v2", "-2", "_old", "2024", "_2023", "-copy", " 1", " (2)", "_big"]
KINDS = {"pictures": ["png", "jpg", "jpeg", "gif", "webp"], "documents": ["txt", "md", "pdf", "doc", "odt"],
         "music": ["mp3", "wav", "ogg", "flac"], "videos": ["mp4", "mkv", "avi"], "tables": ["csv", "xls", "ods"],
         "archives": ["zip", "tar", "gz"], "code": ["py", "c", "js", "sh"], "other": ["tmp", "log", "bak", "dat"]}
KIND_OF = {ending: kind for kind, endings in KINDS.items() for ending in endings}


def kind_of(path: str) -> str:
    return KIND_OF.get(path.rsplit(".", 1)[-1], "other")


def base(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def folder_of(path: str) -> str:
    return path.rsplit("/", 1)[0] if "/" in path else "."


def inside(folder: str, name: str) -> str:
    return name if folder == "." else f"{folder}/{name}"


# --- a tree, and what actions make of it ---------------------------------------------------------------------------

class Tree(dict):
    """Path -> the text of a file, or None for a folder."""

    def shown(self) -> str:
        lines = [path + ("/" if self[path] is None else "") for path in sorted(self, key=str.encode)]
        return "What is in the folder:\n" + "".join(line + "\n" for line in lines or ["nothing"])

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

class Words:
    def __init__(self, rng: random.Random, unseen: bool):
        self.rng, self.unseen = rng, unseen

    def word(self) -> str:
        """A noun, or letters: what is learnt is to copy names, not to know them."""
        if self.rng.random() < 0.4:
            parts = self.rng.randint(2, 3)
            return "".join(self.rng.choice("bcdfghjklmnprstvwz") + self.rng.choice("aeiou") for _ in range(parts))
        return self.rng.choice(NOUNS[::5] if self.unseen else [n for i, n in enumerate(NOUNS) if i % 5])

    def stem(self) -> str:
        word = self.word() + (self.rng.choice("_- ") + self.word() if self.rng.random() < 0.25 else "")
        word = word.capitalize() if self.rng.random() < 0.15 else word
        return word + self.rng.choice(SUFFIXES)

    def file(self, endings: list[str] = ()) -> str:
        ending = self.rng.choice(endings or [e for es in KINDS.values() for e in es])
        return f"{self.stem()}.{ending}"

    def sentence(self) -> str:
        return " ".join(self.word() for _ in range(self.rng.randint(2, 5)))

    def choose(self, sentences: list[str]) -> str:
        """The last two of a list are for the score alone."""
        chosen = self.rng.choice(sentences[-2:] if self.unseen else sentences[:-2])
        if self.rng.random() < 0.2 and chosen[0] not in "{I" and chosen[-1] != "?":
            chosen = "Please " + chosen[0].lower() + chosen[1:]
        return chosen

    def tree(self, n_files: int, folders: int) -> Tree:
        """Every name is there once, so that a task can name a file without its folder."""
        tree = Tree()
        names = [self.word() for _ in range(folders)]
        for name in names:
            tree[name] = None
        for name in {self.file(): None for _ in range(n_files)}:
            folder = self.rng.choice(names) if names and self.rng.random() < 0.4 else "."
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
    tree: Tree
    plan: object  # (tree, results so far) -> the next action
    answer: str = ""  # what must be in the last answer, for a task that is a question


def done(answer: str) -> dict:
    return {"action": "done", "answer": answer}


def gather(tree: Tree, chosen: list[str], folder_for, answer: str) -> dict:
    """Moves the first of the files to its folder, which is made first where it is missing."""
    if not chosen:
        return done(answer)
    folder = folder_for(chosen[0])
    if folder not in tree and folder != ".":
        return {"action": "make_folder", "folder": folder_of(folder), "name": base(folder)}
    return {"action": "move", "from": chosen[0], "folder": folder, "name": base(chosen[0])}


def sort_by_kind(w: Words) -> Task:
    tree = w.tree(w.rng.randint(2, 7), w.rng.randint(0, 2))
    for kind in w.rng.sample(list(KINDS), w.rng.randint(0, 2)):
        tree[kind] = None
    text = w.choose(["Sort the files by kind", "Sort these files by kind into folders", "Tidy up this folder",
                     "Put each file into a folder for its kind", "Organise the files by type", "Clean up",
                     "Make a folder for each kind of file and move the files there", "Group the files by kind",
                     "Sort everything by type", "Tidy the files by kind"])
    return Task("sort", text, tree, lambda t, _: gather(t, t.files("."), kind_of, "The files are sorted by kind."))


def move_one(w: Words) -> Task:
    tree = w.tree(w.rng.randint(2, 9), w.rng.randint(1, 3))
    path = w.rng.choice(tree.files())
    others = [f for f in tree.folders() if f != folder_of(path)]
    target = w.rng.choice(others) if others and w.rng.random() < 0.6 else w.word()
    while target in tree and tree[target] is not None or target == folder_of(path):
        target = w.word()
    text = w.choose(['Move {a} to {b}', 'Put {a} into {b}', 'Move the file {a} into the folder {b}', 'Move {a} into {b}',
                     '{a} belongs into {b}', 'Take {a} and put it in {b}', 'File {a} under {b}',
                     'I want {a} in {b}', 'Please put the file {a} in the folder {b}']).format(a=base(path), b=target)
    return Task("move", text, tree,
                lambda t, _: gather(t, [path] if path in t else [], lambda _: target, f"{base(path)} is in {target}."))


def move_all(w: Words) -> Task:
    tree = w.tree(w.rng.randint(2, 7), w.rng.randint(0, 2))
    ending = base(w.rng.choice(tree.files())).rsplit(".", 1)[-1]
    for _ in range(w.rng.randint(0, 2)):
        w.add(tree, ending)
    target = w.word()
    text = w.choose(['Move all {e} files to {b}', 'Move the {e} files into {b}', 'Put all .{e} files into {b}',
                     'Move every {e} file to {b}', 'All {e} files belong into {b}', 'Collect the {e} files in {b}',
                     'Put the .{e} files in the folder {b}', 'Bring all {e} files to {b}']).format(e=ending, b=target)

    def plan(t, _):
        left = [p for p in t.files() if p.endswith("." + ending) and folder_of(p) != target]
        return gather(t, left, lambda _: target, f"The {ending} files are in {target}.")
    return Task("move all", text, tree, plan)


def archive(w: Words) -> Task:
    tree = w.tree(w.rng.randint(2, 8), w.rng.randint(0, 3))
    path = w.rng.choice(tree.files() + tree.folders())
    if w.rng.random() < 0.4:
        tree["archive"] = None
    if path == "archive":
        path = w.rng.choice(tree.files())
    text = w.choose(["Archive {a}", "Put {a} into the archive", "Move {a} to the archive", "Archive the old {a}",
                     "{a} can go to the archive", "Send {a} to the archive"]).format(a=base(path))
    return Task("archive", text, tree, lambda t, _: gather(t, [path] if path in t and folder_of(path) != "archive" else [],
                                                           lambda _: "archive", f"{base(path)} is archived."))


def rename(w: Words) -> Task:
    tree = w.tree(w.rng.randint(2, 9), w.rng.randint(0, 3))
    path = w.rng.choice(tree.files())
    new = f"{w.stem()}.{path.rsplit('.', 1)[-1]}"
    text = w.choose(["Rename {a} to {b}", "Rename the file {a} to {b}", "Call {a} {b}", "Change the name of {a} to {b}",
                     "Give {a} the name {b}", "{a} should be called {b}", "Rename {a} as {b}",
                     "Let {a} have the name {b}"]).format(a=base(path), b=new)

    def plan(t, _):
        if path in t and new != base(path):
            return {"action": "move", "from": path, "folder": folder_of(path), "name": new}
        return done(f"{base(path)} is {new} now.")
    return Task("rename", text, tree, plan)


def copy_one(w: Words) -> Task:
    tree = w.tree(w.rng.randint(2, 8), w.rng.randint(1, 3))
    path = w.rng.choice(tree.files())
    target = w.rng.choice([f for f in tree.folders() if f != folder_of(path)] or ["."])
    if target == "." or inside(target, base(path)) in tree:
        return copy_one(w)
    text = w.choose(["Copy {a} to {b}", "Copy {a} into {b}", "Make a copy of {a} in {b}", "Put a copy of {a} into {b}",
                     "Copy the file {a} to the folder {b}", "I need a copy of {a} in {b}"]).format(a=base(path), b=target)

    def plan(t, _):
        if inside(target, base(path)) not in t:
            return {"action": "copy", "from": path, "folder": target, "name": base(path)}
        return done(f"A copy of {base(path)} is in {target}.")
    return Task("copy", text, tree, plan)


def delete(w: Words) -> Task:
    tree = w.tree(w.rng.randint(2, 8), w.rng.randint(0, 3))
    if w.rng.random() < 0.5:
        path = w.rng.choice(tree.files() + tree.folders())
        text = w.choose(["Delete {a}", "Remove {a}", "Throw away {a}", "Delete the old {a}", "Get rid of {a}",
                         "I do not need {a} any more", "Erase {a}"]).format(a=base(path))
        return Task("delete", text, tree, lambda t, _: {"action": "delete", "path": path} if path in t
                    else done(f"{base(path)} is deleted."))
    ending = w.rng.choice(["tmp", "log", "bak"])
    for _ in range(w.rng.randint(1, 3)):
        w.add(tree, ending)
    text = w.choose(["Delete all {e} files", "Remove the {e} files", "Delete every .{e} file", "Throw away all {e} files",
                     "Get rid of the .{e} files", "Erase all .{e} files"]).format(e=ending)

    def plan(t, _):
        left = [p for p in t.files() if p.endswith("." + ending)]
        return {"action": "delete", "path": left[0]} if left else done(f"The {ending} files are deleted.")
    return Task("delete", text, tree, plan)


def find_name(w: Words) -> Task:
    tree = w.tree(w.rng.randint(3, 10), w.rng.randint(1, 3))
    path = w.rng.choice(tree.files())
    name = base(path)
    if sum(base(p) == name for p in tree.files()) > 1:
        return find_name(w)
    text = w.choose(["Where is {a}?", "Find {a}", "Find the file {a}", "In which folder is {a}?", "Look for {a}",
                     "Where can I find {a}?", "Tell me where {a} is"]).format(a=name)
    answer = f"It is {path}." if "/" in path else f"It is {path}, at the top."
    return Task("find", text, tree, lambda t, _: done(answer), answer=path)


def find_text(w: Words) -> Task:
    tree = w.tree(w.rng.randint(2, 8), w.rng.randint(0, 3))
    word = w.word()
    path = w.rng.choice(tree.files())
    if any(word in p or word in (tree[p] or "") for p in tree):
        return find_text(w)
    tree[path] = w.sentence() + "\n" + w.sentence() + " " + word + "\n" if w.rng.random() < 0.5 else word + " " + w.sentence() + "\n"
    text = w.choose(["Which file mentions {a}?", "Find the file that mentions {a}", "Search for {a}", "Which file is about {a}?",
                     "Which file contains the word {a}?", "In which file is the word {a}?"]).format(a=word)
    return Task("search", text, tree, lambda t, r: done(f"It is in {path}.") if r
                else {"action": "search", "folder": ".", "text": word}, answer=path)


def count(w: Words) -> Task:
    tree = w.tree(w.rng.randint(1, 8), w.rng.randint(0, 3))
    files, folders = len(tree.files()), len(tree.folders())
    text = w.choose(["How many files are there?", "Summarise the folder", "What is in here?", "Count the files",
                     "How much is in this folder?", "Give me a summary", "Sum up what is here"])
    said = f"{files} file{'s' * (files != 1)} and {folders} folder{'s' * (folders != 1)}"
    return Task("summarise", text, tree, lambda t, _: done(f"There are {said}."), answer=said)


def make_folder(w: Words) -> Task:
    tree = w.tree(w.rng.randint(0, 7), w.rng.randint(0, 3))
    name = w.word()
    if name in tree:
        return make_folder(w)
    text = w.choose(["Make a folder {a}", "Make a new folder called {a}", "Create the folder {a}", "I need a folder {a}",
                     "Add a folder named {a}", "Create a folder with the name {a}"]).format(a=name)
    return Task("make folder", text, tree, lambda t, _: done(f"The folder {name} is there.") if name in t
                else {"action": "make_folder", "folder": ".", "name": name})


def write(w: Words) -> Task:
    tree = w.tree(w.rng.randint(0, 7), w.rng.randint(0, 3))
    name, words = w.file(["txt", "md"]), w.sentence()
    if name in tree:
        return write(w)
    text = w.choose(['Write "{b}" to {a}', 'Write a file {a} that says "{b}"', 'Make a note {a} with the text "{b}"',
                     'Write {a} with the words "{b}"', 'Create a file {a} with "{b}"',
                     'Note "{b}" in the new file {a}']).format(a=name, b=words)
    return Task("write", text, tree, lambda t, _: done(f"It is written in {name}.") if name in t
                else {"action": "write", "folder": ".", "name": name, "text": words})


MAKERS = [sort_by_kind, sort_by_kind, move_one, move_all, archive, rename, copy_one, delete, find_name, find_text, count,
          make_folder, write]


def make_task(rng: random.Random, unseen: bool = False) -> Task:
    return rng.choice(MAKERS)(Words(rng, unseen))


# --- what the model is shown, and says -----------------------------------------------------------------------------

def show_history(history: str) -> str:
    data = history.encode()
    if not data:
        return "\nDone so far:\nnothing\n"
    if len(data) <= HISTORY:
        return "\nDone so far:\n" + history
    _, _, rest = data[len(data) - HISTORY :].partition(b"\n")
    return "\nDone so far:\n... (what came before is left out)\n" + rest.decode(errors="replace")


def steps_of(task: Task) -> list[tuple[str, str]]:
    """The prompt and the answer of each step."""
    tree, history, results, steps = Tree(task.tree), "", [], []
    while True:
        action = task.plan(tree, results)
        said = json.dumps(action, ensure_ascii=False, separators=(",", ":"))
        steps.append((f"Task: {task.text}\n\n{tree.shown()}{show_history(history)}\nThe next action:\n", said))
        if action["action"] == "done":
            return steps
        results.append(tree.do(action))
        history += f"{len(results)}. {said}\ndone:\n" + "".join(f"| {line}\n" for line in results[-1].removesuffix("\n").split("\n"))


def final_tree(task: Task) -> Tree:
    tree, results = Tree(task.tree), []
    while (action := task.plan(tree, results))["action"] != "done":
        results.append(tree.do(action))
    return tree
