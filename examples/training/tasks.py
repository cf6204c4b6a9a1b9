"""Tasks over files, and who does them: what lam.py learns from and is scored on.

A task is a sentence, what is wanted in words of our own, a tree of files, and a plan: from the tree and what was done so far it
says the next action, or that it is done. The model is asked twice: by the stage `intent` what is wanted, by `plan` for an action. Trees, names and sentences are made at random. A fifth of the words, and a fifth of
the ways to say each task, are for the score alone: `unseen` draws from those. The words of a sentence are all learnt, since
the model knows no others; what is new is how they stand together.

The prompts are those that plugins/lam writes (prompt.c), and the results of actions those of its tools, so that what is
learnt here is what `viv act` asks.
"""
import dataclasses
import json
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
old new final copy test sample example demo main index readme todo log error config settings setup install update version
january february march april may june july august september october november december monday friday week month year""".split()
SUFFIXES = ["", "", "", "", "", "", "", "_final", "-draft", "_v2", "-2", "_old", "2024", "_2023", "-copy", " 1", " (2)", "_big"]
KINDS = {"pictures": ["png", "jpg", "gif"], "documents": ["txt", "md", "pdf", "doc"], "music": ["mp3", "wav"],
         "videos": ["mp4", "mkv"], "tables": ["csv", "xls"], "archives": ["zip", "tar"], "code": ["py", "c"],
         "other": ["tmp", "log", "bak"]}
POLITE = [("", "")] * 6 + [("", "."), ("", ", please"), ("", " now"), ("", " for me"), ("Please ", ""), ("Please ", "."),
         ("Now ", ""),
          ("Can you ", "?"), ("Could you ", "?"), ("Could you please ", "?"), ("I want you to ", ""), ("You should ", "")]
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
        way = self.rng.random()
        if way < 0.3:
            parts = self.rng.randint(2, 3)
            return "".join(self.rng.choice("bcdfghjklmnprstvwz") + self.rng.choice("aeiou") for _ in range(parts))
        if way < 0.5:
            return "".join(self.rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(self.rng.randint(2, 9)))
        return self.rng.choice(NOUNS[::5] if self.unseen else [n for i, n in enumerate(NOUNS) if i % 5])

    def stem(self) -> str:
        word = self.word() + (self.rng.choice("_- ") + self.word() if self.rng.random() < 0.15 else "")
        word = word.capitalize() if self.rng.random() < 0.15 else word
        return word + self.rng.choice(SUFFIXES)

    def file(self, endings: list[str] = ()) -> str:
        ending = self.rng.choice(endings or [e for es in KINDS.values() for e in es])
        return f"{self.stem()}.{ending}"

    def sentence(self) -> str:
        return " ".join(self.word() for _ in range(self.rng.randint(2, 5)))

    def choose(self, sentences: list[str]) -> str:
        """One way to say it: of each [a|b|c] one word, and around an order the words of POLITE."""
        while True:
            said = self.rng.choice(sentences)
            while "[" in said:
                said = re.sub(r"\[([^\[\]]*)\]", lambda m: self.rng.choice(m[1].split("|")), said, count=1)
            if said[0] not in "{I" and said[-1] != "?":
                before, after = self.rng.choice(POLITE)
                said = (before + said[0].lower() + said[1:] if before else said) + after
            if (zlib.crc32(said.encode()) % 5 == 0) == self.unseen:
                return said

    def tree(self, n_files: int, folders: int) -> Tree:
        """Every name is there once, so that a task can name a file without its folder."""
        tree = Tree()
        names = [self.word() for _ in range(folders)]
        for name in names:
            tree[name] = None
        for name in {self.file(): None for _ in range(n_files)}:
            folder = self.rng.choice(names) if names and self.rng.random() < 0.2 else "."
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


def sort_plan(tree: Tree, results: list[str]) -> dict:
    return gather(tree, tree.files("."), kind_of, "The files are sorted by kind.")


def sort_by_kind(w: Words) -> Task:
    tree = w.tree(w.rng.randint(2, 7), w.rng.randint(0, 2))
    for kind in w.rng.sample(list(KINDS), w.rng.randint(0, 2)):
        tree[kind] = None
    text = w.choose(["[Sort|Tidy|Organise|Order|Group] [the files|these files|all files|everything|my files] by [kind|type]",
                     "[Sort|Tidy|Organise] [the files|everything] by [kind|type] into folders",
                     "[Tidy|Clean|Tidy up|Clean up] [this folder|the folder|here|everything]",
                     "[Put|Move] [each file|every file|all files] into a folder for its [kind|type]",
                     "Make a folder for each [kind|type] of file and [move|put] the files there"])
    return Task("sort", text, {"do": "sort"}, tree, sort_plan)


def move_one(w: Words) -> Task:
    tree = w.tree(w.rng.randint(1, 7), w.rng.randint(1, 3))
    path = w.rng.choice(tree.files())
    others = [f for f in tree.folders() if f != folder_of(path)]
    target = w.rng.choice(others) if others and w.rng.random() < 0.6 else w.word()
    while target in tree and tree[target] is not None or target == folder_of(path):
        target = w.word()
    text = w.choose(["[Move|Put|Bring|Take] [|the file ]{a} [to|into|in] [|the folder ]{b}",
                     "Take [|the file ]{a} and put it [in|into] [|the folder ]{b}",
                     "{a} [belongs|should go|goes|has to go] [to|into|in] [|the folder ]{b}",
                     "I [want|need|would like] [|the file ]{a} in [|the folder ]{b}"]).format(a=base(path), b=target)
    return Task("move", text, {"do": "move", "what": base(path), "to": target}, tree,
                lambda t, _: gather(t, [path] if path in t else [], lambda _: target, f"{base(path)} is in {target}."))


def move_all(w: Words) -> Task:
    tree = w.tree(w.rng.randint(2, 7), w.rng.randint(0, 2))
    ending = base(w.rng.choice(tree.files())).rsplit(".", 1)[-1]
    for _ in range(w.rng.randint(0, 2)):
        w.add(tree, ending)
    target = w.word()
    text = w.choose(["[Move|Put|Bring|Take|Collect] [all|the|all the|all my] [|.]{e} files [to|into|in] [|the folder ]{b}",
                     "[Move|Put|Bring|Take] [every|each] [|.]{e} file [to|into|in] [|the folder ]{b}",
                     "I [want|need|would like] [all|the|all the] [|.]{e} files in [|the folder ]{b}"]).format(e=ending, b=target)

    def plan(t, _):
        left = [p for p in t.files() if p.endswith("." + ending) and folder_of(p) != target]
        return gather(t, left, lambda _: target, f"The {ending} files are in {target}.")
    return Task("move all", text, {"do": "move", "what": f"*.{ending}", "to": target}, tree, plan)


def archive(w: Words) -> Task:
    tree = w.tree(w.rng.randint(1, 7), w.rng.randint(0, 3))
    path = w.rng.choice(tree.files() + tree.folders())
    if w.rng.random() < 0.4:
        tree["archive"] = None
    if path == "archive":
        path = w.rng.choice(tree.files())
    text = w.choose(["Archive [|the old ]{a}", "[Put|Move|Send|Bring|Take] [|the old ]{a} [to|into|in] the archive",
                     "{a} [can go|belongs|should go|has to go] [to|into|in] the archive",
                     "I [want|need] {a} in the archive"]).format(a=base(path))
    return Task("archive", text, {"do": "move", "what": base(path), "to": "archive"}, tree,
                lambda t, _: gather(t, [path] if path in t and folder_of(path) != "archive" else [], lambda _: "archive",
                                    f"{base(path)} is in archive."))


def rename(w: Words) -> Task:
    tree = w.tree(w.rng.randint(1, 7), w.rng.randint(0, 3))
    path = w.rng.choice(tree.files())
    new = f"{w.stem()}.{path.rsplit('.', 1)[-1]}"
    text = w.choose(["Rename [|the file ]{a} [to|as|into] {b}", "[Call|Name] [|the file ]{a} {b}",
                     "Change the name of [|the file ]{a} [to|into] {b}",
                     "Give [|the file ]{a} the name {b}", "Let [|the file ]{a} have the name {b}",
                     "{a} should [be called|be named|have the name] {b}",
                     "I want {a} to [be called|be named|have the name] {b}"]).format(a=base(path), b=new)

    def plan(t, _):
        if path in t and new != base(path):
            return {"action": "move", "from": path, "folder": folder_of(path), "name": new}
        return done(f"{base(path)} is {new} now.")
    return Task("rename", text, {"do": "rename", "what": base(path), "to": new}, tree, plan)


def copy_one(w: Words) -> Task:
    tree = w.tree(w.rng.randint(1, 7), w.rng.randint(1, 3))
    path = w.rng.choice(tree.files())
    target = w.rng.choice([f for f in tree.folders() if f != folder_of(path)] or ["."])
    if target == "." or inside(target, base(path)) in tree:
        return copy_one(w)
    text = w.choose(["Copy [|the file ]{a} [to|into] [|the folder ]{b}",
                     "[Make|Put|Save] a [copy|second copy] of [|the file ]{a} [in|into] [|the folder ]{b}",
                     "I [want|need|would like] a copy of [|the file ]{a} in [|the folder ]{b}"]).format(a=base(path), b=target)

    def plan(t, _):
        if inside(target, base(path)) not in t:
            return {"action": "copy", "from": path, "folder": target, "name": base(path)}
        return done(f"A copy of {base(path)} is in {target}.")
    return Task("copy", text, {"do": "copy", "what": base(path), "to": target}, tree, plan)


def delete(w: Words) -> Task:
    tree = w.tree(w.rng.randint(1, 7), w.rng.randint(0, 3))
    if w.rng.random() < 0.5:
        path = w.rng.choice(tree.files() + tree.folders())
        text = w.choose(["[Delete|Remove|Throw away|Get rid of|Erase] [|the old |the file ]{a}",
                         "I [do not|don't] [need|want] [|the old |the file ]{a} [any more|anymore]",
                         "{a} [can go|is not needed any more|is not needed anymore|can be deleted|should be deleted]"]).format(a=base(path))
        return Task("delete", text, {"do": "delete", "what": base(path)}, tree,
                    lambda t, _: {"action": "delete", "path": path} if path in t else done(f"{base(path)} is deleted."))
    ending = w.rng.choice(["tmp", "log", "bak"])
    for _ in range(w.rng.randint(1, 3)):
        w.add(tree, ending)
    text = w.choose(["[Delete|Remove|Throw away|Get rid of|Erase] [all|the|all the|all my] [|.]{e} files",
                     "[Delete|Remove|Throw away|Get rid of|Erase] [every|each] [|.]{e} file",
                     "I [do not|don't] [need|want] [the|all the] [|.]{e} files [any more|anymore]"]).format(e=ending)

    def plan(t, _):
        left = [p for p in t.files() if p.endswith("." + ending)]
        return {"action": "delete", "path": left[0]} if left else done(f"The {ending} files are deleted.")
    return Task("delete", text, {"do": "delete", "what": f"*.{ending}"}, tree, plan)


def found(path: str) -> dict:
    return done(f"It is {path}." if "/" in path else f"It is {path}, at the top.")


def find_name(w: Words) -> Task:
    tree = w.tree(w.rng.randint(2, 7), w.rng.randint(1, 3))
    path = w.rng.choice([p for p in tree.files() if "/" in p] or tree.files())
    name = base(path)
    if sum(base(p) == name for p in tree.files()) > 1:
        return find_name(w)
    text = w.choose(["Where is [|the file |my file ]{a}?", "Where [can I|do I|did I] [find|have|put] [|the file ]{a}?",
                     "[Find|Look for] [|the file |my file ]{a}",
                     "In [which|what] folder [is|do I have|can I find] [|the file ]{a}?",
                     "[Tell|Show] me where [|the file |my file ]{a} is"]).format(a=name)
    return Task("find", text, {"do": "find", "what": name}, tree, lambda t, _: found(path), answer=path)


def find_text(w: Words) -> Task:
    tree = w.tree(w.rng.randint(1, 7), w.rng.randint(0, 3))
    word = w.word()
    path = w.rng.choice(tree.files())
    if any(word in p or word in (tree[p] or "") for p in tree):
        return find_text(w)
    tree[path] = w.sentence() + "\n" + w.sentence() + " " + word + "\n" if w.rng.random() < 0.5 else word + " " + w.sentence() + "\n"
    text = w.choose(["[Which|What] file [mentions|contains|is about|has|speaks of] [|the word ]{a}?",
                     "Find the file that [mentions|contains|is about|has|speaks of] [|the word ]{a}",
                     "Search [|the files ]for [|the word ]{a}", "In [which|what] file [is|do I find|can I find] the word {a}?",
                     "[Tell|Show] me [which|what] file [mentions|contains|is about|has] [|the word ]{a}"]).format(a=word)
    return Task("search", text, {"do": "search", "what": word}, tree, lambda t, r: done(f"It is in {path}.") if r
                else {"action": "search", "folder": ".", "text": word}, answer=path)


def summarise(w: Words) -> Task:
    tree = w.tree(w.rng.randint(0, 6), w.rng.randint(0, 2))
    kinds = sorted({kind_of(p) for p in tree.files()})
    text = w.choose(["[What|What kind of files|What kinds of files] is [in here|in this folder|in the folder]?",
                     "[Summarise|Sum up|Describe] [the files|what is here|what is in here|all files|this folder|the folder]",
                     "[What|What files|What kinds of files] do I have[| here| in here| in this folder]?",
                     "[Give me|Show me|Make] a [summary|short summary] of [the files|this folder|the folder|all files]"])
    said = " and ".join([", ".join(kinds[:-1]), kinds[-1]] if kinds[1:] else kinds) or "no files"
    return Task("summarise", text, {"do": "summarise"}, tree, lambda t, _: done(f"Here: {said}."), answer=said)


def make_folder(w: Words) -> Task:
    tree = w.tree(w.rng.randint(0, 7), w.rng.randint(0, 3))
    name = w.word()
    if name in tree:
        return make_folder(w)
    text = w.choose(["[Make|Create|Add] [a|a new] folder [|called |named |with the name ]{a}", "[Make|Create|Add] the folder {a}",
                     "I [want|need|would like] a [|new ]folder [|called |named |with the name ]{a}"]).format(a=name)
    return Task("make folder", text, {"do": "make folder", "what": name}, tree, lambda t, _: done(f"The folder {name} is there.") if name in t
                else {"action": "make_folder", "folder": ".", "name": name})


def write(w: Words) -> Task:
    tree = w.tree(w.rng.randint(0, 7), w.rng.randint(0, 3))
    name, words = w.file(["txt", "md"]), w.sentence()
    if name in tree:
        return write(w)
    text = w.choose(['[Write|Note|Put|Save] "{b}" [to|into|in] [|the file |the new file |a new file ]{a}',
                     '[Write|Make|Create|Add] [a file|a note|a new file|a text] {a} [that says|with|with the text|with the words] "{b}"',
                     'I [want|need|would like] a [file|note] {a} [that says|with|with the text|with the words] "{b}"']).format(a=name, b=words)
    return Task("write", text, {"do": "write", "what": name, "text": words}, tree, lambda t, _: done(f"It is written in {name}.") if name in t
                else {"action": "write", "folder": ".", "name": name, "text": words})


MAKERS = [sort_by_kind, sort_by_kind, sort_by_kind, move_one, move_all, move_all, archive, rename, copy_one, delete, find_name, find_text, summarise,
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


def as_json(value: dict) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def steps_of(task: Task) -> list[tuple[str, str, Tree]]:
    """The prompt and the answer of what is wanted, then of each step, with the tree that the prompt shows."""
    tree, history, results, wanted = Tree(task.tree), "", [], as_json(task.wanted)
    steps = [(f"Task: {task.text}\n\n{tree.shown()}{show_history('')}\n", wanted, Tree(tree))]
    while True:
        action = task.plan(tree, results)
        said = as_json(action)
        steps.append((f"Task: {task.text}\nWhat is wanted: {wanted}\n\n{tree.shown()}{show_history(history)}\nThe next action:\n",
                      said, Tree(tree)))
        if action["action"] == "done":
            return steps
        results.append(tree.do(action))
        history += f"{len(results)}. {said}\ndone:\n" + "".join(f"| {line}\n" for line in results[-1].removesuffix("\n").split("\n"))


def practice(w: Words, tree: Tree) -> tuple[str, str]:
    """Something else that could be wanted of a tree, and the first action of it."""
    files, way = tree.files(), w.rng.randrange(7)
    if way > 4 or not files:
        return as_json({"do": "sort"}), as_json(sort_plan(tree, []))
    path = w.rng.choice(files)
    ending, name = path.rsplit(".", 1)[-1], base(path)
    first = next(p for p in files if p.endswith("." + ending))
    if way == 0:
        return as_json({"do": "delete", "what": f"*.{ending}"}), as_json({"action": "delete", "path": first})
    if way == 1:
        return as_json({"do": "delete", "what": name}), as_json({"action": "delete", "path": path})
    if way == 2:
        return as_json({"do": "find", "what": name}), as_json(found(path))
    target = w.rng.choice(tree.folders() or [w.word()])
    chosen = [p for p in files if p.endswith("." + ending)] if way == 4 else [path]
    return (as_json({"do": "move", "what": f"*.{ending}" if way == 4 else name, "to": target}),
            as_json(gather(tree, [p for p in chosen if folder_of(p) != target], lambda _: target,
                           f"The {ending} files are in {target}." if way == 4 else f"{name} is in {target}.")))


def example(rng: random.Random, unseen: bool = False, exercises: int = 0) -> list[tuple[str, str]]:
    """One step of a task, as what is shown and what is said: a fifth say what is wanted, and few that it is done, which is soon
    learnt. Behind it, `exercises` about the same tree: to choose among files is hard to learn, and each costs little."""
    wanted, *actions, last = steps_of(make_task(rng, unseen))
    way = rng.random()
    shown, said, tree = wanted if way < 0.2 else last if way < 0.3 or not actions else rng.choice(actions)
    more = [practice(Words(rng, unseen), tree) for _ in range(exercises)]
    return [(shown, said), *((w + "\n", action) for w, action in more)]


def final_tree(task: Task) -> Tree:
    tree, results = Tree(task.tree), []
    while (action := task.plan(tree, results))["action"] != "done":
        results.append(tree.do(action))
    return tree
