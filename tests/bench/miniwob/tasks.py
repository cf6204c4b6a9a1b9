"""A script for each task, against what is perceived: roles, names, states and places, and never ids of the page."""
import datetime, re, time

from driver import Failed

tasks = {}


def task(*names):
    def add(f):
        for n in names:
            tasks[n] = f
        return f
    return add


def quoted(p):
    return re.findall(r'"([^"]*)"', p.query)


def submit(p, *names):
    p.click(next(i for n in names or ('Submit',) for i in p.area('button', name=n)))


def words(s):
    return re.sub(r'\s+', ' ', s).strip()


# --- one click -------------------------------------------------------------------------------------------------------
@task('click-test', 'click-test-transfer')
def _(p): p.click(p.one('button'))


@task('click-test-2')
def _(p): submit(p, 'ONE')


@task('click-button-sequence')
def _(p):
    submit(p, 'ONE')
    submit(p, 'TWO')


@task('click-button')
def _(p): submit(p, quoted(p)[0])


@task('click-link')
def _(p): p.click(p.one('link', 'clickable', 'text', name=quoted(p)[0]))


@task('click-dialog')
def _(p): submit(p, 'Close')


@task('click-dialog-2')
def _(p):
    name = quoted(p)[0]
    submit(p, 'Close' if name == 'x' else name)


@task('click-tab')
def _(p): p.click(p.one('tab', name=re.search(r'Tab #\d+', p.query)[0]))


@task('click-color')
def _(p):
    shown = [i for i in p.items if i.y < 50 and i.role == 'box']
    wanted = re.search(r'#\w{6}', shown[0].states)[0] if shown else None
    named = {'red': '#ff0000', 'blue': '#0000ff', 'green': '#00ff00', 'lime': '#00ff00', 'yellow': '#ffff00', 'black': '#000000',
             'white': '#ffffff', 'orange': '#ffa500', 'purple': '#800080', 'olive': '#808000', 'grey': '#808080', 'gray': '#808080',
             'cyan': '#00ffff', 'aqua': '#00ffff', 'magenta': '#ff00ff', 'pink': '#ffc0cb'}
    wanted = wanted or named[re.search(r'(\w+) (colored )?box', p.query)[1]]
    p.click(p.one('box', state=wanted))


def shade(states):
    r, g, b = (int(re.search(r'#(\w{6})', states)[1][i:i + 2], 16) for i in (0, 2, 4))
    return 'red' if r > g and r > b else 'green' if g > b else 'blue'


@task('click-shades')
def _(p):
    color = re.search(r'shades of (\w+)', p.query)[1]
    for i in p.area('box'):
        if shade(i.states) == color:
            p.click(i)
    submit(p)


@task('click-widget')
def _(p):
    kind = quoted(p)[0] if quoted(p) else re.search(r'"?(\w+)"? widget', p.query)[1]
    p.click(p.one({'text': 'textbox', 'textarea': 'textbox'}.get(kind, kind)) if kind != 'textarea' else
            max(p.area('textbox'), key=lambda i: i.h))


@task('focus-text')
def _(p): p.click(p.one('textbox'))


@task('focus-text-2')
def _(p): p.click(p.area('textbox')[int(re.search(r'(\d)(st|nd|rd)', p.query)[1]) - 1])


@task('ascending-numbers')
def _(p):
    numbers = sorted(p.area('text', 'clickable', like=r'^\d+$'), key=lambda i: int(i.name))
    p.click(numbers[0]) # after which they are hidden by boxes
    for n in numbers[1:]:
        if not p.done:
            p.click(min(p.area('shape', state='rect'), key=lambda i: abs(i.x + i.w / 2 - n.x - n.w / 2) + abs(i.y + i.h / 2 - n.y - n.h / 2)))


@task('unicode-test')
def _(p):
    name = quoted(p)[0]
    p.click(p.one(name=name))


@task('sign-agreement')
def _(p):
    if re.search('cancel', p.query, re.I):
        submit(p, 'Cancel')
        return
    for _ in range(40):
        try:
            p.scroll(p.area('textbox')[0], 'down')
        except Failed:
            break
    name = quoted(p)
    if name and 'disabled' not in p.area('textbox')[1].states:
        p.type(p.area('textbox')[1], name[0])
    submit(p, 'Cancel' if 'Cancel' in name else 'Agree')


# --- choices ---------------------------------------------------------------------------------------------------------
def chosen(p):
    listed = re.search(r'Select (?:words similar to )?(.*?) (?:and click|from the)', p.query)[1]
    return [] if listed == 'nothing' else [w.strip() for w in listed.split(',')]


@task('click-checkboxes', 'click-checkboxes-large', 'click-checkboxes-transfer')
def _(p):
    for w in chosen(p):
        p.click(p.one('checkbox', name=w))
    submit(p)


@task('click-option')
def _(p):
    p.click(p.one('radio', name=re.search(r'Select (.*) and click', p.query)[1]))
    submit(p)


@task('choose-list')
def _(p):
    p.select(p.one('option', name=re.search(r'Select (.*) from the list', p.query)[1]))
    submit(p)


@task('click-scroll-list')
def _(p):
    for w in chosen(p):
        p.select(p.one('option', name=w))
    submit(p)


@task('multi-orderings', 'multi-layouts')
def _(p):
    genre, director, year = re.search(r'Search for (.*?) movies directed by (.*?) from year (\d+)', p.query).groups()
    said = {'genre': genre, 'director': director, 'year': year}
    order = lambda items: sorted(items, key=lambda i: (round(i.y / 8), i.x))
    fields = p.area('textbox', 'spinbutton', 'combobox', 'searchbox')
    labels = order(i for i in p.area('text', 'cell', 'columnheader', 'clickable') if re.match('genre|director|year', i.name, re.I))
    for k, f in enumerate(order(fields)):
        key = f.name if re.match('genre|director|year', f.name, re.I) else labels[k].name
        p.type(f, said[re.match('genre|director|year', key, re.I)[0].lower()])
    p.click(next(b for b in reversed(p.area('button', 'clickable', 'link')) if re.search('search|submit|go', b.name, re.I)))


@task('order-food')
def _(p):
    listed = re.search(r'item(?:s)?: (.*)', p.query)
    kind = re.search(r'Order (\d+|\w+) items? that (?:is|are|have|has) ([\w-]+)', p.query) or re.search(r'Order (\d+) ([\w-]+) items?', p.query)
    dishes = [i.name for i in p.area('text') if i.x < 20 and i.w > 60 and i.name not in '-+']
    if listed:
        wanted = [w.strip() for w in listed[1].split(',')]
    else:
        images = [i for i in p.area('image', name=kind[2])]
        wanted = []
        for i in images[:int(kind[1])]:
            wanted.append(max((t for t in p.area('text') if t.x < 20 and t.w > 60 and t.y < i.y), key=lambda t: t.y).name)
    for w in wanted:
        dish = next(i for i in p.area('text') if i.name.strip() == w)
        p.click(min((i for i in p.area('text', 'clickable', name='+')), key=lambda i: abs(i.y - dish.y)))
    submit(p, 'Order!')


# --- text ------------------------------------------------------------------------------------------------------------
@task('enter-text', 'enter-text-dynamic')
def _(p):
    p.type(p.one('textbox'), quoted(p)[0])
    submit(p)


@task('enter-text-2', 'text-transform')
def _(p):
    if quoted(p):
        s = quoted(p)[0]
        s = s.upper() if 'upper case' in p.query else s.lower()
    else:
        s = p.area('text', 'clickable')[0].name
    p.type(p.one('textbox'), s)
    submit(p)


@task('enter-password')
def _(p):
    for i in p.area('textbox')[:2]:
        p.type(i, quoted(p)[0])
    submit(p)


@task('login-user')
def _(p):
    user, password = quoted(p)[:2]
    a, b = p.area('textbox')[:2]
    p.type(a, user)
    p.type(b, password)
    submit(p, 'Login', 'OK', 'Submit')


@task('login-user-popup')
def _(p):
    user, password = quoted(p)[:2]
    for k, text in ((0, user), (1, password)):
        p.click(p.area('textbox')[k])
        if p.area('button', name='Cancel'):
            submit(p, 'Cancel')
        p.type(p.area('textbox')[k], text)
    if p.area('button', name='Cancel'):
        submit(p, 'Cancel')
    p.click([b for b in p.area('button') if b.name != 'Cancel'][0])


@task('copy-paste')
def _(p):
    p.click([i for i in p.area('textbox') if i.h > 25][0])
    p.press('Control+a')
    p.press('Control+c')
    p.click([i for i in p.area('textbox') if i.h <= 25][0])
    p.press('Control+v')
    submit(p)


@task('copy-paste-2')
def _(p):
    n = {'1st': 0, '2nd': 1, '3rd': 2}[re.search(r'[123](st|nd|rd)', p.query)[0]]
    p.click([i for i in p.area('textbox') if i.h > 25][n])
    p.press('Control+a')
    p.press('Control+c')
    p.click([i for i in p.area('textbox') if i.h <= 25][0])
    p.press('Control+v')
    submit(p)


@task('find-word')
def _(p):
    n = int(re.search(r'(\d+)(st|nd|rd|th) word', p.query)[1])
    paragraph = ' '.join(i.name for i in p.area('text', 'clickable') if i.role != 'button')
    p.type(p.one('textbox'), re.sub(r'[.,]', '', words(paragraph).split(' ')[n - 1]))
    submit(p)


@task('read-table')
def _(p):
    label = re.search(r'value of (.*?) into', p.query)[1]
    cells = p.area('cell', 'columnheader', 'text', 'clickable')
    row = next(c for c in cells if c.name.strip() == label)
    value = next(c for c in cells if abs(c.y - row.y) < 4 and c.x > row.x)
    p.type(p.one('textbox'), value.name)
    submit(p)


@task('read-table-2')
def _(p):
    for field in p.area('textbox'):
        cells = p.area('cell', 'text', 'clickable')
        label = next(c for c in cells if abs(c.y + c.h / 2 - field.y - field.h / 2) < 9 and c.x < field.x).name.rstrip(': ').strip()
        row = next(c for c in cells if c.name.strip() == label)
        p.type(field, next(c for c in cells if abs(c.y - row.y) < 4 and c.x > row.x).name)
    submit(p)


@task('simple-arithmetic')
def _(p):
    sum_of = next(i.name for i in p.area('text', 'clickable') if re.search(r'\d+ ?[-+x*] ?\d+', i.name))
    a, op, b = re.search(r'(\d+) ?([-+x*]) ?(\d+)', sum_of).groups()
    p.type(p.one('textbox', 'spinbutton'), str({'+': int(a) + int(b), '-': int(a) - int(b)}.get(op, int(a) * int(b))))
    submit(p)


@task('simple-algebra')
def _(p):
    left, right = next(i.name for i in p.area('text', 'clickable') if '=' in i.name and re.search(r'= ?-?\d', i.name)).split('=')
    x = next(n for n in range(-500, 500) if eval(left.replace('x', f'({n})')) == int(right))
    p.type(p.one('textbox'), str(x))
    submit(p)


@task('visual-addition')
def _(p):
    p.type(p.one('textbox'), str(len([i for i in p.area('box') if i.w <= 20])))
    submit(p)


@task('odd-or-even')
def _(p):
    for n in p.area('text', 'clickable', like=r'^-?\d+$'):
        p.click(next(b for b in p.area('button', name='Even' if int(n.name) % 2 == 0 else 'Odd') if abs(b.y + b.h / 2 - n.y - n.h / 2) < 12))
    submit(p)


@task('guess-number')
def _(p):
    low, high = 0, 9
    while not p.done:
        n = (low + high) // 2
        p.type(p.one('spinbutton', 'textbox'), str(n))
        submit(p)
        said = ' '.join(i.name for i in p.area('text', 'clickable'))
        if 'lower' in said:
            high = n - 1
        elif 'higher' in said:
            low = n + 1


@task('generate-number')
def _(p):
    kind = p.query
    good = None
    m = re.search(r'(less|greater) than (-?\d+)', kind)
    if m: good = (lambda n: n < int(m[2])) if m[1] == 'less' else (lambda n: n > int(m[2]))
    elif 'odd' in kind: good = lambda n: n % 2 == 1
    elif 'even' in kind: good = lambda n: n % 2 == 0
    else:
        between = list(map(int, re.findall(r'-?\d+', kind)))
        good = lambda n: between[0] <= n <= between[-1]
    while True:
        submit(p, 'Generate')
        shown = [i for i in p.area('text', 'clickable', like=r'^-?\d+$')]
        if shown and good(int(shown[0].name)):
            break
    submit(p)


@task('use-autocomplete', 'use-autocomplete-nodelay')
def _(p):
    parts = quoted(p)
    p.type(p.one('textbox'), parts[0])
    end = parts[1] if len(parts) > 1 else ''
    for _ in range(5):
        found = [i for i in p.area('menuitem', 'option', 'clickable', 'text') if i.name.startswith(parts[0]) and i.name.endswith(end)]
        if found:
            break
        p.hover(p.one('button'))
    p.click(found[0])
    submit(p)


@task('search-engine')
def _(p):
    text, n = quoted(p)[0], int(re.search(r'(\d+)(st|nd|rd|th)', p.query)[1])
    p.type(p.one('textbox'), text)
    submit(p, 'Search')
    page = (n - 1) // 3 + 1
    if page > 1:
        p.click(p.one('link', 'clickable', 'text', name=str(page)))
    links = [i for i in p.area('link', 'clickable') if len(i.name) > 2 and not re.fullmatch(r'[<>\d]+', i.name)]
    p.click(links[(n - 1) % 3])


@task('terminal')
def _(p):
    ending = re.search(r'extension \.?\s*(\.?\w+)', p.query)
    ending = ending and [None, '.' + ending[1].lstrip('.')]
    term = p.one('text', 'clickable', like='Welcome')
    p.click(term)
    for c in ('ls',):
        enter(p, c)
    shown = ' '.join(i.name for i in p.area('text', 'clickable')).split()
    after = shown[len(shown) - 1 - shown[::-1].index('ls') + 1:] if 'ls' in shown else shown
    names = [w for w in after if re.fullmatch(r'[\w-]+(\.\w+)?', w) and w not in ('user$', 'ls')]
    name = next(w for w in names if (w.endswith(ending[1]) if ending else '.' not in w))
    enter(p, 'rm ' + name)


def enter(p, command):
    fields = [i for i in p.items if i.role == 'textbox']
    if fields:
        p.type(fields[0], command + '\n')
    else:
        raise Failed('there is no field')


# --- dates, sliders, spinners ----------------------------------------------------------------------------------------
@task('enter-date')
def _(p):
    m, d, y = re.search(r'(\d+)/(\d+)/(\d+)', p.query).groups()
    p.type(p.one('date', 'textbox'), f'{y}-{m}-{d}')
    submit(p)


@task('enter-time')
def _(p):
    h, m, half = re.search(r'(\d+):(\d+) ?([AP]M)', p.query).groups()
    p.type(p.one('time', 'textbox'), f'{int(h) % 12 + (12 if half == "PM" else 0):02}:{m}')
    submit(p)


MONTHS = 'January February March April May June July August September October November December'.split()


def pick_date(p, m, d, y):
    for _ in range(30):
        title = ' '.join(i.name for i in p.items if i.role in ('text', 'clickable', 'heading', 'cell'))
        shown = re.search('(' + '|'.join(MONTHS) + r')\s*(\d{4})', title)
        if not shown:
            raise Failed('there is no calendar')
        at, want = int(shown[2]) * 12 + MONTHS.index(shown[1]) + 1, int(y) * 12 + int(m)
        if at == want:
            break
        p.click(next(i for i in p.items if i.name.startswith('Prev' if at > want else 'Next')))
    p.click(next(i for i in p.items if i.name == str(int(d)) and i.role in ('link', 'clickable', 'text', 'cell', 'button')))


@task('choose-date', 'choose-date-easy', 'choose-date-medium', 'choose-date-nodelay')
def _(p):
    m, d, y = re.search(r'(\d+)/(\d+)/(\d+)', p.query).groups()
    p.click(p.one('textbox'))
    pick_date(p, m, d, y)
    submit(p)


def numbers_shown(p):
    return [int(i.name) for i in sorted(p.area('text', 'clickable', like=r'^-?\d+$'), key=lambda i: i.y)]


@task('use-slider', 'use-slider-2')
def _(p):
    wanted = list(map(int, re.findall(r'-?\d+', p.query.split('combination')[-1])))
    handles = p.area('clickable', 'slider', 'box', state='class ui-slider-handle')
    for k, n in enumerate(wanted):
        p.click(p.area('clickable', 'slider', 'box', state='class ui-slider-handle')[k])
        for _ in range(250):
            now = numbers_shown(p)[k]
            if now == n:
                break
            p.press('ArrowRight' if now < n else 'ArrowLeft')
    submit(p)


@task('use-spinner')
def _(p):
    n = int(re.search(r'-?\d+', p.query)[0])
    up, down = [i for i in p.area() if i.x > 60 and i.w < 25 and i.role not in ('textbox', 'spinbutton')][:2]
    for _ in range(abs(n)):
        p.click(up if n > 0 else down)
    submit(p)


# --- lists that open -------------------------------------------------------------------------------------------------
@task('click-collapsible', 'click-collapsible-nodelay')
def _(p):
    p.click(p.one('tab', like='^Section'))
    submit(p)


def find_link(p, tabs, reopen=False):
    name = quoted(p)[0]
    for k in range(len(tabs)):
        same = lambda: [i for i in p.area('link', 'clickable', 'text', 'button') if i.name.strip() == name and (i.role != 'text' or k)]
        if same():
            break
        p.click(p.one('tab', name=tabs[k].name))
        if p.done:
            return
    p.click(same()[0])


@task('click-collapsible-2', 'click-collapsible-2-nodelay')
def _(p): find_link(p, p.area('tab'))


@task('click-tab-2', 'click-tab-2-easy', 'click-tab-2-medium', 'click-tab-2-hard')
def _(p): find_link(p, p.area('tab'))


@task('click-menu')
def _(p):
    way = re.search(r'Select (.*)', p.query)[1].split('>')
    for k, name in enumerate(way):
        item = p.one('menuitem', 'clickable', 'text', name=name)
        if k == len(way) - 1:
            p.click(item)
        else:
            p.hover(item)


@task('click-menu-2')
def _(p):
    submit(p, 'Menu')
    called = quoted(p)[1] if len(quoted(p)) > 1 else None
    icon = re.search(r'icon "?([\w-]+)', p.query)
    for _ in range(6):
        found = [i for i in p.items if i.y >= 46 and i.role in ('menuitem', 'clickable', 'text', 'box') and called and i.name.strip() == called]
        if found:
            p.click(found[-1])
            return
        closed = [i for i in p.items if i.role == 'menuitem' and i.name.startswith('Playback')]
        if not closed:
            break
        p.hover(closed[0])
    raise Failed('it is an icon' if icon else 'it is not there')


@task('navigate-tree')
def _(p):
    name = quoted(p)[0]
    opened = set()
    for _ in range(40):
        leaf = [i for i in p.area('clickable', 'text', 'treeitem', 'link') if i.name.strip() == name]
        if leaf:
            p.click(leaf[-1])
            if p.done:
                return
        closed = [i for i in p.area('clickable', 'text', 'link') if i.name.strip() and i.name not in opened and i.name != name]
        if not closed:
            return
        opened.add(closed[0].name)
        p.click(closed[0])


# --- scrolling -------------------------------------------------------------------------------------------------------
@task('scroll-text-2')
def _(p):
    way = 'up' if re.search(r'\btop\b', p.query) else 'down'
    for _ in range(60):
        try:
            p.scroll(p.one('textbox'), way)
        except Failed:
            break
    submit(p)


@task('scroll-text')
def _(p):
    text = p.one('textbox', 'scrollable')
    whole = [i for i in p.area('textbox') if i.value]
    p.type([i for i in p.area('textbox') if not i.value][0], re.sub(r'[.,]', '', whole[0].value.split()[-1]))
    submit(p)


# --- cards, tickets, grids -------------------------------------------------------------------------------------------
@task('find-greatest')
def _(p):
    p.click(max(p.area('text', 'clickable', like=r'^-?\d+$'), key=lambda i: int(i.name)))
    submit(p)


@task('buy-ticket')
def _(p):
    books = sorted(p.area('button', like=r'Book for'), key=lambda i: i.y)
    price = lambda b: int(re.search(r'\$(\d+)', b.name)[1])
    def minutes(b):
        t = [i for i in p.area('text', 'clickable', like=r'\d+h \d+m') if i.y < b.y][-1].name
        h, m = re.search(r'(\d+)h (\d+)m', t).groups()
        return int(h) * 60 + int(m)
    key = minutes if 'duration' in p.query else price
    best = (max if re.search('longest|highest|expensive', p.query) and 'cheapest' not in p.query else min)(books, key=key)
    p.click(best)


@task('grid-coordinate')
def _(p):
    x, y = map(int, re.search(r'\((-?\d+), ?(-?\d+)\)', p.query).groups())
    dots = p.area('shape', state='circle')
    xs, ys = sorted({i.x for i in dots}), sorted({i.y for i in dots})
    p.click(next(i for i in dots if i.x == xs[x + len(xs) // 2] and i.y == ys[len(ys) // 2 - y]))


@task('phone-book')
def _(p):
    name, what = re.search(r'Find (.*?) in the contact book and click on their (.*?)\.?$', p.query).groups()
    for _ in range(6):
        if p.area('heading', name=name):
            break
        p.click(p.one('link', 'clickable', 'text', name='>'))
    label = p.one('text', 'clickable', like='^' + what.split()[0].capitalize())
    p.click(sorted((i for i in p.area('link', 'clickable', 'text') if i.y >= label.y - 3 and (i.x > label.x or i.y > label.y + 5)), key=lambda i: (i.y, i.x))[0])


# --- forms -----------------------------------------------------------------------------------------------------------
@task('form-sequence')
def _(p):
    n = int(re.search(r'Select (-?\d+)', p.query)[1])
    box = re.search(r'(\d)(st|nd|rd) checkbox', p.query)
    p.click(p.one(state='class ui-slider-handle'))
    for _ in range(60):
        now = [int(i.name) for i in p.area('text', 'clickable', like=r'^-?\d+$')]
        if now and now[0] == n:
            break
        p.press('ArrowRight' if not now or now[0] < n else 'ArrowLeft')
    p.click(p.area('checkbox')[int(box[1]) - 1])
    submit(p)


@task('form-sequence-2')
def _(p):
    radio, field, text = re.search(r'(\d)\w\w radio button and enter the number "?(\d+)?', p.query).group(1), None, None
    text = quoted(p)[0]
    p.click(p.area('radio')[int(radio) - 1])
    which = re.search(r'into the (\d)\w\w textbox', p.query)
    p.type(p.area('textbox')[int(which[1]) - 1], text)
    submit(p)


@task('form-sequence-3')
def _(p):
    option, button = re.search(r'Choose (.*?) from the dropdown, then click the button labeled "(.*?)"', p.query).groups()
    p.select(p.one('option', name=option.strip('"')))
    submit(p, button)


# --- mail ------------------------------------------------------------------------------------------------------------
def icon(p, word, near=None):
    found = [i for i in p.items if re.search(r'class .*\b' + word, i.states)]
    if not found:
        raise Failed(f'there is no {word}')
    return min(found, key=lambda i: abs(i.y - near.y)) if near else found[0]


def open_mail(p, who):
    for _ in range(15):
        mail = [i for i in p.area('text', 'clickable') if i.name.strip() == who]
        if mail:
            p.click(mail[0])
            return
        p.scroll(next(i for i in p.items if i.role == 'scrollable'), 'down')
    raise Failed('there is no mail by ' + who)


def mail(p):
    """Who it is from, what is to be done, and to whom, in the many ways that the query has."""
    q = p.query
    text = quoted(p)[-1] if quoted(p) else None
    said = re.sub(r'"[^"]*"', '', q)
    senders = {i.name.strip() for i in p.area('text', 'clickable') if re.fullmatch(r'[A-Z][a-z]+', i.name.strip())}
    names = [w for w in re.findall(r'\b[A-Z][a-z]+\b', said)]
    to = re.search(r'\bto ([A-Z][a-z]+)', said)
    at = [w for w in names if w in senders and not (to and w == to[1] and len([n for n in names if n in senders]) > 1)]
    if not at:
        raise Failed('not understood: ' + q)
    who = at[0]
    action = 'trash' if re.search('delete|trash|remove|get rid|erase|discard', said, re.I) else 'star' if re.search('star|important|favorite', said, re.I) else \
        'reply' if text else 'forward'
    receiver = to[1] if to and to[1] != who else next((w for w in reversed(names) if w != who), None)
    open_mail(p, who)
    if action in ('trash', 'star'):
        p.click(icon(p, action))
        return
    p.click(p.one('text', 'clickable', 'group', name=action.capitalize()))
    fields = p.area('textbox')
    p.type(fields[-1] if action == 'reply' else fields[0], text if action == 'reply' else receiver)
    p.click(icon(p, 'send-' + action))


@task('email-inbox', 'email-inbox-delete', 'email-inbox-forward', 'email-inbox-important', 'email-inbox-noscroll', 'email-inbox-reply',
      'email-inbox-star-reply', 'email-inbox-forward-nl', 'email-inbox-forward-nl-turk', 'email-inbox-nl-turk')
def _(p): mail(p)


# --- posts -----------------------------------------------------------------------------------------------------------
ACTIONS = {'Share via DM': 'share', 'Copy link to Tweet': 'copy', 'Embed Tweet': 'embed', 'Reply': 'reply', 'Retweet': 'retweet', 'Like': 'like', 'Share': 'share'}


@task('social-media')
def _(p):
    user, action = re.search(r'For the user (\S+?) ?, click on the "\s*(.*?)\s*" button', p.query).groups()
    at = p.one('text', 'clickable', name=user)
    if action in ('Reply', 'Retweet', 'Like'):
        p.click(below(p, at, ACTIONS[action]))
    else:
        p.click(below(p, at, 'more'))
        p.click(next(i for i in p.items if i.name.startswith(action) and i.role in ('text', 'clickable', 'listitem')))


def below(p, at, word):
    return min((i for i in p.items if re.search(r'class ' + word + r'\b', i.states) and i.y > at.y), key=lambda i: i.y)


@task('social-media-all', 'social-media-some')
def _(p):
    action = re.search(r'"\s*(.*?)\s*" button', p.query)[1]
    user = re.search(r'by (\S+) and', p.query)[1]
    n = re.search(r'on (\d+) post', p.query)
    posts = [i.id for i in p.area('text', 'clickable', name=user)]
    for k in posts[:int(n[1]) if n else None]:
        p.click(below(p, next(i for i in p.items if i.id == k), ACTIONS[action]))
    submit(p)


# --- dragging, marking -----------------------------------------------------------------------------------------------
@task('drag-box')
def _(p):
    p.drag(p.one('text', 'clickable', name='s'), p.one('text', 'clickable', name='L'))
    if not p.done:
        submit(p)


@task('drag-sort-numbers')
def _(p):
    for _ in range(30):
        items = sorted(p.area('text', 'clickable', 'listitem', like=r'^-?\d+$'), key=lambda i: i.y)
        values = [int(i.name) for i in items]
        if values == sorted(values):
            break
        k = next(k for k in range(len(values)) if values[k] != sorted(values)[k])
        p.drag(items[values.index(sorted(values)[k])], items[k])
    submit(p)


@task('highlight-text')
def _(p):
    p.click(p.area('text', 'clickable')[0], 'triple')
    submit(p)


@task('highlight-text-2')
def _(p):
    n = int(re.search(r'(\d)(st|nd|rd)', p.query)[1])
    p.click(p.area('text', 'clickable')[n - 1], 'triple')
    submit(p)


# --- shapes ----------------------------------------------------------------------------------------------------------
@task('identify-shape')
def _(p):
    shapes = p.area('shape')
    letters = [i for i in p.area('text', 'clickable') if len(i.name) == 1]
    s = shapes[0].states if shapes else ''
    submit(p, ('Number' if letters[0].name.isdigit() else 'Letter') if letters and not shapes else 'Circle' if 'circle' in s else
           'Rectangle' if 'rect' in s else 'Triangle')


COLORS = {'red': '#ff0000', 'blue': '#0000ff', 'green': '#008000', 'yellow': '#ffff00', 'black': '#000000', 'aqua': '#00ffff', 'magenta': '#ff00ff'}


def matches(i, said):
    color = next((c for w, c in COLORS.items() if w in said), None)
    size = 'small' if 'small' in said else 'large' if 'large' in said else None
    shape = next((s for s in ('rectangle', 'circle', 'triangle', 'letter', 'digit', 'number', 'item') if s in said), 'item')
    kind = 'circle' if 'circle' in i.states else 'rectangle' if 'rect' in i.states else 'triangle' if 'polygon' in i.states else \
        'digit' if i.name.isdigit() else 'letter'
    big = i.w >= 15 if i.role == 'shape' else i.h >= 15
    if len(said.strip()) == 1:
        return i.name == said.strip()
    return (shape in ('item', kind) or (shape == 'number' and kind == 'digit')) and (not color or color in i.states) and \
        (not size or (size == 'large') == big)


def shapes_of(p):
    return [i for i in p.area('shape')] + [i for i in p.area('text', 'clickable') if len(i.name) == 1 and i.w < 40]


@task('click-shape')
def _(p):
    p.click(next(i for i in shapes_of(p) if matches(i, re.search(r'Click on an? (.*)', p.query)[1])))


@task('count-shape')
def _(p):
    said = re.search(r'How many (.*?)s are there', p.query)[1]
    n = len([i for i in shapes_of(p) if matches(i, said)])
    p.click(p.one('button', name=str(n)))


@task('click-pie', 'click-pie-nodelay')
def _(p):
    name = quoted(p)[0]
    p.click(p.one('clickable', 'text', name='+'))
    for _ in range(8):
        there = [i for i in p.area('clickable', 'text', name=name) if i.w > 5]
        if there:
            break
        p.hover(p.area()[0])
    p.click_at(there[0].x + there[0].w / 2, there[0].y + there[0].h / 2)


@task('book-flight', 'book-flight-nodelay')
def _(p):
    kind, a, b, date = re.search(r'Book the (\w+) one-way flight from: (.*?) to: (.*?) on (\S+?)\.?$', p.query).groups()
    for k, place in ((0, a), (1, b)):
        p.type(p.area('textbox')[k], place)
        for _ in range(5):
            found = [i for i in p.items if i.role in ('menuitem', 'option', 'clickable', 'text') and i.name.startswith(place) and i.y > 50]
            if found:
                break
            p.hover(p.one('heading'))
        if found:
            p.click(found[0])
    p.click([i for i in p.area('textbox') if 'read-only' in i.states][0])
    pick_date(p, *date.split('/'))
    submit(p, 'Search')
    books = sorted((i for i in p.items if i.role == 'button' and 'Book' in i.name), key=lambda i: i.y)
    price = lambda i: int(re.search(r'\$(\d+)', i.name)[1])
    def minutes(i):
        t = [x for x in p.items if re.search(r'\d+h', x.name) and x.y < i.y][-1].name
        m = re.search(r'(?:(\d+)h)? ?(?:(\d+)m)?', t)
        return int(m[1] or 0) * 60 + int(m[2] or 0)
    p.click(min(books, key=price if kind == 'cheapest' else minutes))
