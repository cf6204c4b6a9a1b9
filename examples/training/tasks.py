"""Tasks over files, and who does them: what lam.py learns from and is scored on.

A task is a sentence, what is wanted in words of our own, and a tree of files. The model is asked three things: by the stage
`intent` what is wanted; then before each action by `think` to read what is there, line by line, up to the first thing that is to
be acted on; and by `plan` for the action. To say of a name that was just written whether it is wanted is easy to learn; to
choose one of many, whose endings come after their beginnings, is not.

Trees, names and sentences are made at random. A fifth of the words, and a fifth of the ways to say each task, are for the
score alone: `unseen` draws from those. The words of a sentence are all learnt, since the model knows no others; what is new
is how they stand together.

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
old new final window test sample example demo main index readme todo log error config settings setup install update version
january february march april may june july august september october november december monday friday week month year copy""".split()
SUFFIXES = ["", "", "", "", "", "", "", "_final", "-draft", "_v2", "-2", "_old", "2024", "_2023", "-copy", " 1", " (2)", "_big"]
KINDS = {"pictures": ["png", "jpg", "gif"], "documents": ["txt", "md", "pdf", "doc"], "music": ["mp3", "wav"],
         "videos": ["mp4", "mkv"], "tables": ["csv", "xls"], "archives": ["zip", "tar"], "code": ["py", "c"],
         "other": ["tmp", "log", "bak"]}
POLITE = [("", "")] * 6 + [("", "."), ("", ", please"), ("", " now"), ("", " for me"), ("Please ", ""), ("Please ", "."),
         ("Now ", ""),
          ("Can you ", "?"), ("Could you ", "?"), ("Could you please ", "?"), ("I want you to ", ""), ("You should ", "")]
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

class Words:
    def __init__(self, rng: random.Random, unseen: bool, only_nouns: bool = False):
        self.rng, self.unseen, self.only_nouns = rng, unseen, only_nouns

    def word(self) -> str:
        """A noun, halves of two, syllables, or letters: what is learnt is to copy names, not to know them."""
        nouns = NOUNS[::5] if self.unseen else [n for i, n in enumerate(NOUNS) if i % 5]
        way = 1 if self.only_nouns else self.rng.random()
        if way < 0.3:
            a, b = self.rng.choice(nouns), self.rng.choice(nouns)
            return a[: self.rng.randint(1, len(a))] + b[self.rng.randint(0, len(b) - 1) :]
        if way < 0.45:
            parts = self.rng.randint(2, 3)
            return "".join(self.rng.choice("bcdfghjklmnprstvwz") + self.rng.choice("aeiou") for _ in range(parts))
        if way < 0.6:
            return "".join(self.rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(self.rng.randint(2, 9)))
        return self.rng.choice(nouns)

    def stem(self) -> str:
        word = self.word() + (self.rng.choice("_- ") + self.word() if self.rng.random() < 0.15 else "")
        word = word.capitalize() if self.rng.random() < 0.15 else word
        return word + self.rng.choice(SUFFIXES)

    def file(self, endings: list[str] = ()) -> str:
        ending = self.rng.choice(endings or [e for es in KINDS.values() for e in es])
        return f"{self.stem()}.{ending}"

    def files(self, least: int) -> int:
        """How many: often few, which are soon read, and at times many."""
        return self.rng.randint(least, 12 if self.rng.random() < 0.2 else 6)

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
    answer: str = ""  # what must be in the last answer, for a task that is a question


def sort_by_kind(w: Words) -> Task:
    tree = w.tree(w.files(2), w.rng.randint(0, 2))
    for kind in w.rng.sample(list(KINDS), w.rng.randint(0, 2)):
        tree[kind] = None
    text = w.choose(["[Sort|Tidy|Organise|Order|Group] [the files|these files|all files|everything|my files] by [kind|type]",
                     "[Sort|Tidy|Organise] [the files|everything] by [kind|type] into folders",
                     "[Tidy|Clean|Tidy up|Clean up] [this folder|the folder|here|everything]",
                     "[Put|Move] [each file|every file|all files] into a folder for its [kind|type]",
                     "Make a folder for each [kind|type] of file and [move|put] the files there"])
    return Task("sort", text, {"do": "sort"}, tree)


def move_one(w: Words) -> Task:
    tree = w.tree(w.files(1), w.rng.randint(1, 3))
    path = w.rng.choice(tree.files())
    others = [f for f in tree.folders() if f != folder_of(path)]
    target = w.rng.choice(others) if others and w.rng.random() < 0.6 else w.word()
    while target in tree and tree[target] is not None or target == folder_of(path):
        target = w.word()
    text = w.choose(["[Move|Put|Bring|Take] [|the file ]{a} [to|into|in] [|the folder ]{b}",
                     "Take [|the file ]{a} and put it [in|into] [|the folder ]{b}",
                     "{a} [belongs|should go|goes|has to go] [to|into|in] [|the folder ]{b}",
                     "I [want|need|would like] [|the file ]{a} in [|the folder ]{b}"]).format(a=base(path), b=target)
    return Task("move", text, {"do": "move", "what": base(path), "to": target}, tree)


def move_all(w: Words) -> Task:
    tree = w.tree(w.files(2), w.rng.randint(0, 2))
    ending = ending_of(w.rng.choice(tree.files()))
    for _ in range(w.rng.randint(0, 2)):
        w.add(tree, ending)
    target = w.rng.choice(tree.folders() or [w.word()]) if w.rng.random() < 0.4 else w.word()
    text = w.choose(["[Move|Put|Bring|Take|Collect] [all|the|all the|all my] [|.]{e} files [to|into|in] [|the folder ]{b}",
                     "[Move|Put|Bring|Take] [every|each] [|.]{e} file [to|into|in] [|the folder ]{b}",
                     "I [want|need|would like] [all|the|all the] [|.]{e} files in [|the folder ]{b}"]).format(e=ending, b=target)
    return Task("move all", text, {"do": "move", "what": f"*.{ending}", "to": target}, tree)


def archive(w: Words) -> Task:
    tree = w.tree(w.files(1), w.rng.randint(0, 3))
    path = w.rng.choice(tree.files() + tree.folders())
    if w.rng.random() < 0.4:
        tree["archive"] = None
    if path == "archive":
        path = w.rng.choice(tree.files())
    text = w.choose(["Archive [|the old ]{a}", "[Put|Move|Send|Bring|Take] [|the old ]{a} [to|into|in] the archive",
                     "{a} [can go|belongs|should go|has to go] [to|into|in] the archive",
                     "I [want|need] {a} in the archive"]).format(a=base(path))
    return Task("archive", text, {"do": "move", "what": base(path), "to": "archive"}, tree)


def rename(w: Words) -> Task:
    tree = w.tree(w.files(1), w.rng.randint(0, 3))
    path = w.rng.choice(tree.files())
    new = f"{w.stem()}.{ending_of(path)}"
    if new in map(base, tree):
        return rename(w)
    text = w.choose(["Rename [|the file ]{a} [to|as|into] {b}", "[Call|Name] [|the file ]{a} {b}",
                     "Change the name of [|the file ]{a} [to|into] {b}",
                     "Give [|the file ]{a} the name {b}", "Let [|the file ]{a} have the name {b}",
                     "{a} should [be called|be named|have the name] {b}",
                     "I want {a} to [be called|be named|have the name] {b}"]).format(a=base(path), b=new)
    return Task("rename", text, {"do": "rename", "what": base(path), "to": new}, tree)


def copy_one(w: Words) -> Task:
    tree = w.tree(w.files(1), w.rng.randint(1, 3))
    path = w.rng.choice(tree.files())
    others = [f for f in tree.folders() if f != folder_of(path)]
    if not others:
        return copy_one(w)
    target = w.rng.choice(others)
    text = w.choose(["Copy [|the file ]{a} [to|into] [|the folder ]{b}",
                     "[Make|Put|Save] a [copy|second copy] of [|the file ]{a} [in|into] [|the folder ]{b}",
                     "I [want|need|would like] a copy of [|the file ]{a} in [|the folder ]{b}"]).format(a=base(path), b=target)
    return Task("copy", text, {"do": "copy", "what": base(path), "to": target}, tree)


def delete_one(w: Words) -> Task:
    tree = w.tree(w.files(1), w.rng.randint(0, 3))
    path = w.rng.choice(tree.files() + tree.folders())
    text = w.choose(["[Delete|Remove|Throw away|Get rid of|Erase] [|the old |the file ]{a}",
                     "I [do not|don't] [need|want] {a} [any more|anymore]",
                     "{a} [can|should] [go away|be deleted|be removed]"]).format(a=base(path))
    return Task("delete", text, {"do": "delete", "what": base(path)}, tree)


def delete_all(w: Words) -> Task:
    tree = w.tree(w.files(1), w.rng.randint(0, 3))
    ending = w.rng.choice(["tmp", "log", "bak"]) if w.rng.random() < 0.6 else ending_of(w.rng.choice(tree.files()))
    for _ in range(w.rng.randint(1, 3)):
        w.add(tree, ending)
    text = w.choose(["[Delete|Remove|Throw away|Get rid of|Erase] [all|the|all the|all my] [|.]{e} files",
                     "[Delete|Remove|Throw away|Get rid of|Erase] [every|each] [|.]{e} file",
                     "I [do not|don't] [need|want] [the|all the] [|.]{e} files [any more|anymore]"]).format(e=ending)
    return Task("delete all", text, {"do": "delete", "what": f"*.{ending}"}, tree)


def find_name(w: Words) -> Task:
    tree = w.tree(w.files(2), w.rng.randint(1, 3))
    path = w.rng.choice([p for p in tree.files() if "/" in p] or tree.files())
    text = w.choose(["Where is [|the file |my file ]{a}?", "Where [can I|do I|did I] [find|have|put] [|the file ]{a}?",
                     "[Find|Look for] [|the file |my file ]{a}",
                     "In [which|what] folder [is|do I have|can I find] [|the file ]{a}?",
                     "[Tell|Show] me where [|the file |my file ]{a} is"]).format(a=base(path))
    return Task("find", text, {"do": "find", "what": base(path)}, tree, answer=path)


def find_text(w: Words) -> Task:
    tree = w.tree(w.files(1), w.rng.randint(0, 3))
    word = w.word()
    path = w.rng.choice(tree.files())
    if any(word in p or word in (tree[p] or "") for p in tree):
        return find_text(w)
    tree[path] = w.sentence() + "\n" + w.sentence() + " " + word + "\n" if w.rng.random() < 0.5 else word + " " + w.sentence() + "\n"
    text = w.choose(["[Which|What] file [mentions|contains|is about|has|speaks of] [|the word ]{a}?",
                     "Find the file that [mentions|contains|is about|has|speaks of] [|the word ]{a}",
                     "Search [|the files ]for [|the word ]{a}", "In [which|what] file [is|do I find|can I find] the word {a}?",
                     "[Tell|Show] me [which|what] file [mentions|contains|is about|has] [|the word ]{a}"]).format(a=word)
    return Task("search", text, {"do": "search", "what": word}, tree, answer=path)


def summarise(w: Words) -> Task:
    tree = w.tree(w.files(0), w.rng.randint(0, 2))
    text = w.choose(["[What|What kind of files|What kinds of files] is [in here|in this folder|in the folder]?",
                     "[Summarise|Sum up|Describe] [the files|what is here|what is in here|all files|this folder|the folder]",
                     "[What|What files|What kinds of files] do I have[| here| in here| in this folder]?",
                     "[Give me|Show me|Make] a [summary|short summary] of [the files|this folder|the folder|all files]"])
    return Task("summarise", text, {"do": "summarise"}, tree, answer=summary_of(tree))


def make_folder(w: Words) -> Task:
    tree = w.tree(w.files(0), w.rng.randint(0, 3))
    name = w.word()
    if name in tree:
        return make_folder(w)
    text = w.choose(["[Make|Create|Add] [a|a new] folder [|called |named |with the name ]{a}", "[Make|Create|Add] the folder {a}",
                     "I [want|need|would like] a [|new ]folder [|called |named |with the name ]{a}"]).format(a=name)
    return Task("make folder", text, {"do": "make folder", "what": name}, tree)


def write(w: Words) -> Task:
    tree = w.tree(w.files(0), w.rng.randint(0, 3))
    name, words = w.file(["txt", "md"]), w.sentence()
    if name in tree:
        return write(w)
    text = w.choose(['[Write|Note|Put|Save] "{b}" [to|into|in] [|the file |the new file |a new file ]{a}',
                     '[Write|Make|Create|Add] [a file|a note|a new file|a text] {a} [that says|with|with the text|with the words] "{b}"',
                     'I [want|need|would like] a [file|note] {a} [that says|with|with the text|with the words] "{b}"']).format(a=name, b=words)
    return Task("write", text, {"do": "write", "what": name, "text": words}, tree)


MAKERS = [sort_by_kind, move_one, move_all, archive, rename, copy_one, delete_one, delete_all, find_name, find_text, summarise,
          make_folder, write]
HARD = [sort_by_kind, move_all, rename, rename, rename, write]  # are learnt from more often


def make_task(rng: random.Random, unseen: bool = False, only_nouns: bool = False) -> Task:
    """Now and then what is named is not there."""
    task = rng.choice(MAKERS if unseen else MAKERS + HARD)(Words(rng, unseen, only_nouns))
    if rng.random() < 0.07 and task.wanted["do"] in ("move", "rename", "copy", "delete", "find"):
        gone = [line.removesuffix("/") for line in task.tree.lines() if matches(task.wanted["what"], line)]
        task.tree = Tree({p: text for p, text in task.tree.items() if not any((p + "/").startswith(g + "/") for g in gone)})
        task.answer = "no " + task.wanted["what"].removeprefix("*")
    return task


# --- who does them ------------------------------------------------------------------------------------------------

def matches(what: str, line: str) -> bool:
    return not line.endswith("/") and line.endswith(what[1:]) if what.startswith("*.") else base(line.removesuffix("/")) == what


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


def summary_of(tree: Tree) -> str:
    *some, last = sorted({kind_of(p) for p in tree.files()}) or ["nothing"]
    return " and ".join([", ".join(some), last] if some else [last])


def done(answer: str) -> dict:
    return {"action": "done", "answer": answer}


def finished(wanted: dict, tree: Tree, results: list[str]) -> dict:
    """All was read, and nothing is left to do."""
    do, what, to = wanted["do"], wanted.get("what", "").removeprefix("*"), wanted.get("to")
    if do == "search":
        return done(f"It is in {results[-1].split(':')[0]}.")
    if not results and do in ("move", "rename", "copy", "delete", "find"):
        return done(f"There is no {what} to {do}.")
    return done({"sort": "The files are sorted.", "summarise": f"Here: {summary_of(tree)}.", "move": f"{what} is in {to}.",
                 "rename": f"{what} is {to} now.", "copy": f"{what} is copied to {to}.", "delete": f"{what} is deleted.",
                 "make folder": f"{what} is there.", "write": f"{what} is written."}[do])


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
        history += f"{len(results)}. {as_json(action)}\ndone:\n" + "".join(f"| {line}\n" for line in results[-1].removesuffix("\n").split("\n"))


def practice(w: Words, tree: Tree) -> Step:
    """Something else that could be wanted of a tree, and the first step of it."""
    path = w.rng.choice(tree.files() or ["a.txt"])
    what = w.rng.choice([base(path), f"*.{ending_of(path)}"])
    to = w.rng.choice(tree.folders() or [w.word()]) if w.rng.random() < 0.5 else w.word()
    wanted = w.rng.choice([{"do": "sort"}, {"do": "delete", "what": what}, {"do": "move", "what": what, "to": to},
                           {"do": "find", "what": base(path)}])
    turns, _ = answers(wanted, tree, [])
    return [("What is wanted: " + as_json(wanted) + "\n" + turns[0][0], turns[0][1]), turns[1]]


def example(rng: random.Random, unseen: bool = False, exercises: int = 0) -> list[Step]:
    """One step of a task: a quarter say what is wanted, and few that it is done, which is soon learnt. Behind it, `exercises` about
    the same tree, which cost little, since the tree stands there already."""
    wanted, *steps = steps_of(make_task(rng, unseen))
    way = rng.random()
    step, tree = wanted if way < 0.25 else steps[-1] if way < 0.38 or not steps[1:] else rng.choice(steps[:-1])
    w = Words(rng, unseen)
    return [step] + [practice(w, tree) for _ in range(exercises)]


def final_tree(task: Task) -> Tree:
    tree, results = Tree(task.tree), []
    while (action := answers(task.wanted, tree, results)[1])["action"] != "done":
        results.append(tree.do(action))
    return tree
