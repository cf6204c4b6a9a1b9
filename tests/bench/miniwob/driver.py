"""A model that is a program: it reads the events of `viv act --json`, and answers through a pipe as the scripted model.

All that it knows of a page are the lines that a language model would be given, with their places."""
import json, os, re, shutil, subprocess, tempfile

LINE = re.compile(r'^\[(\d+)\] (\S+)((?: "(?:[^"\\]|\\.)*")?)((?: value "(?:[^"\\]|\\.)*")?)(.*) at (-?\d+),(-?\d+) (\d+)x(\d+)$')
END = '''<script>addEventListener('load', () => {
  const end = core.endEpisode;
  core.EPISODE_MAX_TIME = 100000000;
  core.endEpisode = (...a) => { end.apply(core, a); document.title = 'reward ' + WOB_RAW_REWARD_GLOBAL; };
  document.title = 'task';
  Math.seedrandom(SEED);
  core.startEpisodeReal();
});</script>
'''


class Failed(Exception):
    pass


class Item:
    def __init__(self, m):
        unquote = lambda s: re.sub(r'\\(.)', r'\1', s[s.index('"') + 1:-1]) if s else ''
        self.id, self.role, self.name, self.value = int(m[1]), m[2], unquote(m[3]), unquote(m[4])
        self.states = m[5].strip()
        self.x, self.y, self.w, self.h = map(int, m.groups()[5:])

    def __repr__(self):
        return f'[{self.id}] {self.role} {self.name!r} {self.value!r} {self.states} @{self.x},{self.y} {self.w}x{self.h}'


class Page:
    """A run of `viv act` in a copy of the pages."""

    def __init__(self, viv, html, tasks, seeds):
        self.work = tempfile.mkdtemp(prefix='miniwob')
        self.folder = os.path.join(self.work, 'w')
        os.makedirs(os.path.join(self.folder, 'miniwob'))
        for part in ('core', 'common'):
            shutil.copytree(os.path.join(html, part), os.path.join(self.folder, part))
        for task in tasks:
            page = open(os.path.join(html, 'miniwob', task + '.html'), encoding='utf-8').read()
            for seed in seeds:
                with open(os.path.join(self.folder, 'miniwob', f'{task}-{seed}.html'), 'w', encoding='utf-8') as f:
                    f.write(page + END.replace('SEED', repr(str(seed))))
        with open(os.path.join(self.work, 'script.yaml'), 'w') as f:
            f.write('viv: 1\nanswers: answers\n')
        with open(os.path.join(self.work, 'lam.yaml'), 'w') as f:
            f.write('viv: 1\narchitecture: lam\nuse: script.yaml\nstages: {plan: {}}\ntools: [browser]\n'
                    'browser: {files: true, places: true}\n'
                    'limits: {steps: 100000, repeats: 100000, seconds: 100000, names: 5000, elements: 1000}\n')
        os.mkfifo(os.path.join(self.work, 'answers'))
        self.log = open(os.path.join(self.work, 'err'), 'w+')
        self.viv = subprocess.Popen([viv, 'act', os.path.join(self.work, 'lam.yaml'), '-p', 'MiniWoB++', '-w', self.folder, '--json',
                                     '--yes'], stdout=subprocess.PIPE, stderr=self.log, text=True, encoding='utf-8')
        self.answers = open(os.path.join(self.work, 'answers'), 'w', encoding='utf-8')
        self.items, self.title, self.n_actions = [], '', 0

    def close(self):
        try:
            self.answers.close()
            self.viv.wait(30)
        except (OSError, subprocess.TimeoutExpired):
            self.viv.kill()
        shutil.rmtree(self.work, ignore_errors=True)

    def act(self, **action):
        """One action; what came of it, once the page was looked at again."""
        self.n_actions += 1
        if self.n_actions > 250:
            raise Failed('more than 250 actions')
        self.answers.write(json.dumps(action) + '\n')
        self.answers.flush()
        result = {}
        for line in self.viv.stdout:
            event = json.loads(line)
            if event['event'] == 'result':
                result = event
            elif event['event'] == 'page' and result:
                self.look(event)
                break
        else:
            self.log.seek(0)
            raise Failed('viv has ended: ' + self.log.read()[-300:])
        if result['outcome'] != 'done':
            raise Failed(f'{action}: {result["text"].strip()}')
        return result['text']

    def look(self, event):
        lines = event['text'].split('\n')
        found = re.match(r'page "((?:[^"\\]|\\.)*)"', lines[0])
        self.title = found[1] if found else ''
        self.items = [Item(m) for m in map(LINE.match, lines) if m]

    # --- what there is ---
    @property
    def query(self):
        return ' '.join(i.name for i in self.items if i.y < 50 and i.x < 160 and i.role in ('text', 'clickable')).strip()

    def area(self, *roles, name=None, like=None, state=None):
        """What is below the query, by role, by name, by a pattern, by a part of its states."""
        return [i for i in self.items if i.y >= 46 and i.x < 165 and (not roles or i.role in roles) and
                (name is None or i.name.strip().lower() == name.strip().lower()) and
                (like is None or re.search(like, i.name)) and (state is None or state in i.states)]

    def one(self, *roles, **by):
        found = self.area(*roles, **by)
        if not found:
            raise Failed(f'there is no {roles} {by}')
        return found[0]

    # --- what can be done ---
    def open(self, task, seed):
        self.n_actions = 0
        self.act(action='open_file', path=f'miniwob/{task}-{seed}.html')

    def click(self, item, how='left'):
        return self.act(action='click', element=item.id, how=how)

    def type(self, item, text):
        return self.act(action='type', element=item.id, text=text)

    def select(self, option):
        return self.act(action='select', option=option.id)

    def drag(self, a, b):
        return self.act(action='drag', **{'from': a.id, 'to': b.id})

    def hover(self, item):
        return self.act(action='hover', element=item.id)

    def scroll(self, item, direction):
        return self.act(action='scroll', element=item.id if item else 0, direction=direction)

    def press(self, keys):
        return self.act(action='press', keys=keys)

    def click_at(self, x, y):
        return self.act(action='click_at', x=round(x), y=round(y))

    @property
    def done(self):
        return self.title.startswith('reward')

    @property
    def reward(self):
        return float(self.title.split()[1]) if self.done else 0.0
