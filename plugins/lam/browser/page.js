// page.js - what a page shows, by roles and names of ARIA. It runs in a world of its own in each page: it shares the
// page's elements and none of its JavaScript, and asks prototypes where a page could put fields of its own in the way.
//
// Each thing that can be seen has a number for as long as it is there. No number is used twice in a run.
(() => {
if (globalThis.viv) return;
const getter = (of, name) => { const g = Object.getOwnPropertyDescriptor(of, name).get; return x => g.call(x); };
const method = (of, name) => { const f = of[name]; return (x, ...rest) => f.apply(x, rest); };
const firstChild = getter(Node.prototype, 'firstChild'), nextSibling = getter(Node.prototype, 'nextSibling');
const kind = getter(Node.prototype, 'nodeType'), parent = getter(Node.prototype, 'parentElement');
const connected = getter(Node.prototype, 'isConnected'), owner = getter(Node.prototype, 'ownerDocument');
const text = getter(Node.prototype, 'textContent'), tag = getter(Element.prototype, 'localName');
const shadow = getter(Element.prototype, 'shadowRoot'), get_attribute = method(Element.prototype, 'getAttribute');
const names_in = method(Element.prototype, 'getAttributeNames'), n_children = getter(Element.prototype, 'childElementCount');
const first_element = getter(Element.prototype, 'firstElementChild'), next_element = getter(Element.prototype, 'nextElementSibling');
const rectangle = method(Element.prototype, 'getBoundingClientRect'), shown = method(Element.prototype, 'checkVisibility');
const into = method(Element.prototype, 'scrollIntoView'), focus = method(HTMLElement.prototype, 'focus');
const root = getter(Document.prototype, 'documentElement'), body = getter(Document.prototype, 'body');
const active = getter(Document.prototype, 'activeElement'), contains = method(Node.prototype, 'contains');
// Elements of a frame are of that frame's classes.
const is = (x, name) => x instanceof (owner(x).defaultView || window)[name];
const form_of = x => 'form' in x && x.form && is(x.form, 'HTMLFormElement') ? x.form : null;

const MOST_VISITED = 200000, BIG = 5000, MOST_TEXT = 300, PATIENCE = 1500;
const numbers = new WeakMap();
let things = new Map(), next = 1;

// Most attributes that are asked for are not there: the names of those of an element are read once. viv.look forgets them.
let asked = null, names = [];
const attribute = (x, name) => {
  if (x !== asked) { asked = x; names = names_in(x); }
  return names.includes(name) ? get_attribute(x, name) : null;
};

const clean = s => String(s).replace(/(?:[\s\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]|\udb40[\udc00-\udfff])+/g, ' ').trim().toWellFormed();
const short = (s, n = MOST_TEXT) => { s = clean(String(s).slice(0, 4 * n)); return s.length > n ? s.slice(0, n).toWellFormed() + '…' : s; };

// --- roles and names ---
const roles = {a: 'link', button: 'button', select: 'combobox', textarea: 'textbox', option: 'option', img: 'image', summary: 'button',
  h1: 'heading', h2: 'heading', h3: 'heading', h4: 'heading', h5: 'heading', h6: 'heading', canvas: 'canvas', video: 'video',
  audio: 'audio', progress: 'progressbar', meter: 'meter', dialog: 'dialog', circle: 'shape', ellipse: 'shape', rect: 'shape',
  path: 'shape', polygon: 'shape', polyline: 'shape', line: 'shape', iframe: 'frame', td: 'cell', th: 'columnheader'};
const inputs = {checkbox: 'checkbox', radio: 'radio', button: 'button', submit: 'button', reset: 'button', image: 'button',
  range: 'slider', number: 'spinbutton', search: 'searchbox', file: 'file', color: 'color', date: 'date', time: 'time',
  'datetime-local': 'date', month: 'date', week: 'date'};
const leaves = new Set(['link', 'button', 'checkbox', 'radio', 'switch', 'tab', 'menuitem', 'menuitemcheckbox', 'menuitemradio', 'option',
  'textbox', 'searchbox', 'spinbutton', 'slider', 'combobox', 'heading', 'image', 'img', 'treeitem', 'color', 'date', 'time', 'file']);
const known = new Set([...leaves, 'listbox', 'dialog', 'alertdialog', 'alert', 'status', 'progressbar', 'grid', 'cell', 'gridcell',
  'row', 'columnheader', 'rowheader', 'menu', 'tablist', 'tree', 'slider', 'scrollbar', 'listitem']);
const inline = new Set(['b', 'i', 'em', 'strong', 'u', 'small', 'mark', 'br', 'code', 'sub', 'sup', 'font', 'span', 'wbr', 's', 'q', 'abbr',
  'cite', 'var', 'kbd', 'samp', 'tspan']);

const role_of = x => {
  const said = (attribute(x, 'role') || '').trim().split(/\s+/)[0];
  if (known.has(said)) return said === 'img' ? 'image' : said;
  const t = tag(x);
  if (t === 'input') return inputs[x.type] || 'textbox';
  if (t === 'a') return attribute(x, 'href') !== null || attribute(x, 'onclick') !== null ? 'link' : '';
  if (t === 'select') return x.multiple || x.size > 1 ? 'listbox' : 'combobox';
  if (x.isContentEditable && !(parent(x) && parent(x).isContentEditable)) return 'textbox';
  if (t === 'td' || t === 'th' || t === 'dialog') return '';
  return Object.hasOwn(roles, t) ? roles[t] : '';
};
const by_ids = (x, ids) => ids.split(/\s+/).slice(0, 8).map(i => owner(x).getElementById(i)).filter(y => y).map(y => text(y).slice(0, 500)).join(' ');
// The labels of each control. A control's own list (labels) looks through the whole page each time; viv.look forgets them.
let labels = new Map();
const control = getter(HTMLLabelElement.prototype, 'control'), tree = method(Node.prototype, 'getRootNode');
const labelled = new Set(['input', 'select', 'textarea', 'button', 'meter', 'progress', 'output']);
const labels_of = x => {
  if (!labelled.has(tag(x)) && !tag(x).includes('-')) return [];
  const at = tree(x);
  let of = labels.get(at);
  if (!of) {
    labels.set(at, of = new Map());
    for (const l of at.querySelectorAll ? at.querySelectorAll('label') : []) {
      const c = is(l, 'HTMLLabelElement') ? control(l) : null, list = c && of.get(c);
      if (list && list.length < 4) list.push(l); else if (c && !list) of.set(c, [l]);
    }
  }
  return of.get(x) || [];
};
// What is seen of its text. Text alone is read as it is: innerText would lay it out again.
const text_of = x => !is(x, 'HTMLElement') || (n_children(x) === 0 && getComputedStyle(x).textTransform === 'none') ? text(x) : x.innerText;
const name_of = (x, role) => {
  const ids = attribute(x, 'aria-labelledby');
  const own = role === 'textbox' || role === 'searchbox' || role === 'combobox' || role === 'listbox' || role === 'slider' || role === 'spinbutton';
  const ways = [() => ids && by_ids(x, ids), () => attribute(x, 'aria-label'),
    () => labels_of(x).map(l => own && contains(l, x) ? [...l.childNodes].filter(c => c.nodeType === 3).map(text).join(' ') : l.innerText).join(' '),
    () => attribute(x, 'alt'),
    () => tag(x) === 'input' && ['button', 'submit', 'reset'].includes(x.type) ? x.value || (x.type === 'button' ? '' : x.type) : '',
    () => own ? '' : text_of(x).slice(0, 2000),
    () => attribute(x, 'title'), () => attribute(x, 'placeholder'),
    () => !own && attribute(x, 'aria-description')];
  for (const way of ways) { const s = way(), short_one = s ? short(s, 120) : ''; if (short_one) return short_one; }
  return '';
};
const value_of = (x, role) => {
  const t = tag(x);
  if (t === 'input' && x.type === 'password') return x.value ? '•'.repeat(Math.min(x.value.length, 20)) : '';
  if (t === 'input' && ['checkbox', 'radio', 'button', 'submit', 'reset', 'image'].includes(x.type)) return null;
  if (t === 'input' || t === 'textarea') return short(x.value, t === 'textarea' ? 2000 : MOST_TEXT);
  if (t === 'select') return short([...x.selectedOptions].slice(0, 10).map(o => o.label).join(', '));
  if (t === 'progress' || t === 'meter') return String(x.value);
  if (role === 'textbox' && x.isContentEditable) return short(x.innerText);
  return attribute(x, 'aria-valuetext') || attribute(x, 'aria-valuenow');
};
const states_of = x => {
  const out = [], is = (name, yes, no) => {
    const v = attribute(x, 'aria-' + name);
    if (v === 'true' && yes) out.push(yes);
    if (v === 'false' && no) out.push(no);
    if (v === 'mixed') out.push('mixed');
  };
  const t = tag(x);
  if (t === 'input' && (x.type === 'checkbox' || x.type === 'radio')) out.push(x.indeterminate ? 'mixed' : x.checked ? 'checked' : 'not checked');
  else is('checked', 'checked', 'not checked');
  if (t === 'option' ? x.selected : attribute(x, 'aria-selected') === 'true') out.push('selected');
  if (x.disabled === true || attribute(x, 'aria-disabled') === 'true') out.push('disabled');
  if (x.readOnly === true) out.push('read-only');
  if (x.required === true) out.push('required');
  is('expanded', 'expanded', 'collapsed');
  is('pressed', 'pressed');
  if (t === 'summary' && parent(x) && tag(parent(x)) === 'details') out.push(parent(x).open ? 'expanded' : 'collapsed');
  const a = active(owner(x));
  if (a === x && x !== body(owner(x))) out.push('focused');
  return out;
};
// What its author calls a thing that has no name.
const hint = x => {
  const called = short(attribute(x, 'class') || attribute(x, 'id') || '', 40);
  return called ? ['class ' + called] : [];
};
const color = c => {
  const m = /^rgba?\((\d+), (\d+), (\d+)(?:, ([\d.]+))?\)$/.exec(c);
  return !m || m[4] === '0' ? '' : '#' + m.slice(1, 4).map(v => (+v).toString(16).padStart(2, '0')).join('');
};

// --- what can be done ---
const EDITABLE = 1, OPTION = 2, SENDS = 4, SCROLLS = 8;
const kinds_of = (x, role, style) => {
  const t = tag(x), off = x.disabled === true || x.readOnly === true;
  const edits = (t === 'input' && !['checkbox', 'radio', 'button', 'submit', 'reset', 'image', 'file', 'hidden'].includes(x.type)) ||
    t === 'textarea' || (x.isContentEditable && role === 'textbox');
  const sends = (t === 'button' && x.type === 'submit' || t === 'input' && (x.type === 'submit' || x.type === 'image')) && form_of(x);
  return (edits && !off ? EDITABLE : 0) | (t === 'option' && !off ? OPTION : 0) | (sends ? SENDS : 0) |
    (scrolls(x, style) ? SCROLLS : 0);
};
const moves = overflow => overflow === 'auto' || overflow === 'scroll';
const scrolls = (x, style) => (moves(style.overflowY) && x.scrollHeight > x.clientHeight + 1) ||
  (moves(style.overflowX) && x.scrollWidth > x.clientWidth + 1);
const invites = (x, style) => (style.cursor === 'pointer' && (!parent(x) || getComputedStyle(parent(x)).cursor !== 'pointer')) ||
  attribute(x, 'onclick') !== null || attribute(x, 'tabindex') !== null || attribute(x, 'draggable') === 'true';

// --- looking ---
viv = {};
const forget = () => { asked = null; names = []; labels = new Map(); };
viv.look = (from, most) => {
  next = Math.max(next, from);
  forget();
  const start = performance.now(), top = document, page = root(top);
  const all = top.getElementsByTagName('*').length, big = all > BIG;
  const items = [], seen = new Map();
  let visited = 0, cut = false, above = 0, below = 0;
  const number = x => { let n = numbers.get(x); if (!n) numbers.set(x, n = next++); seen.set(n, x); return n; };
  const add = (x, role, name, value, states, r, at, kinds) => {
    if (big && (r.bottom + at.y < 0 || r.top + at.y > innerHeight)) { r.bottom + at.y < 0 ? above++ : below++; return; }
    if (items.length >= most) { below++; return; }
    items.push([number(x), role, name, value, states, Math.round(r.left + at.x), Math.round(r.top + at.y), Math.round(r.width), Math.round(r.height), kinds]);
  };
  const has_own_text = x => {
    for (let c = firstChild(x); c; c = nextSibling(c)) if (kind(c) === 3 && /\S/.test(text(c))) return true;
    return false;
  };
  // Nothing in it but text that belongs together: elements alone, side by side, do not.
  const is_plain = x => {
    const some = n_children(x);
    if (some === 0) return true;
    for (let y = first_element(x); y; y = next_element(y)) if (!inline.has(tag(y))) return false;
    if (some > 1 && !has_own_text(x)) return false;
    let n = 0;
    for (const y of x.querySelectorAll('*')) {
      if (++n > 30 || !inline.has(tag(y)) || role_of(y) || invites(y, getComputedStyle(y)) || !shown(y)) return false;
    }
    return true;
  };
  const seen_options = {opacityProperty: true, visibilityProperty: false}, range = top.createRange();
  const add_text = (node, at) => { // a text node beside elements
    const s = short(text(node)), x = parent(node);
    if (!s || !x || getComputedStyle(x).visibility !== 'visible') return;
    range.selectNodeContents(node);
    const r = range.getBoundingClientRect();
    if (r.width > 0 && r.height > 0 && r.right + at.x + scrollX > 0 && r.bottom + at.y + scrollY > 0) add(node, 'text', s, null, [], r, at, 0);
  };
  const walk = (x, at, depth) => {
    for (let c = firstChild(x); c; c = nextSibling(c)) visit(c, at, depth);
  };
  const visit = (c, at, depth) => {
    if (cut || depth > 400) return;
    if (++visited > MOST_VISITED || (visited % 256 === 0 && performance.now() - start > PATIENCE)) { cut = true; return; }
    const k = kind(c);
    if (k === 3) { if (/\S/.test(text(c).slice(0, 2000))) add_text(c, at); return; }
    if (k !== 1) return;
    const t = tag(c);
    if (t === 'script' || t === 'style' || t === 'template' || t === 'noscript' || t === 'head' || t === 'defs') return;
    if (attribute(c, 'aria-hidden') === 'true' || !shown(c, seen_options)) return;
    const r = rectangle(c);
    if (big && r.width > 0 && r.height > 0 && (r.bottom + at.y < 0 || r.top + at.y > innerHeight)) {
      r.bottom + at.y < 0 ? above++ : below++;
      return;
    }
    const style = getComputedStyle(c), visible = style.visibility === 'visible';
    const on = visible && r.width > 0 && r.height > 0 && r.right + at.x + scrollX > 0 && r.bottom + at.y + scrollY > 0;
    const role = role_of(c), below_here = at;
    if (t === 'iframe' || t === 'frame') {
      let inner = null;
      try { inner = c.contentDocument; } catch (e) { inner = null; }
      if (on) add(c, 'frame', name_of(c, 'frame') || short(attribute(c, 'src') || '', 120), inner ? null : 'of another host, not shown', [], r, at, 0);
      if (on && inner && root(inner)) walk(root(inner), {x: at.x + r.left + c.clientLeft, y: at.y + r.top + c.clientTop}, depth + 1);
      return;
    }
    const kinds = on ? kinds_of(c, role, style) : 0;
    if (role === 'combobox' || role === 'listbox') {
      if (on) add(c, role, name_of(c, role), value_of(c, role), states_of(c), r, at, kinds);
      if (tag(c) === 'select') {
        if (on) for (const o of [...c.options].slice(0, most)) add(o, 'option', short(o.label, 120), null, states_of(o), r, at, kinds_of(o, 'option', style));
        return;
      }
    } else if (on && role && (leaves.has(role) || role === 'canvas' || role === 'progressbar' || role === 'meter' || role === 'shape')) {
      const inner = (role === 'link' || role === 'button' || role === 'option' || role === 'treeitem' || role === 'tab' || role === 'menuitem') &&
        c.querySelector('a[href],button,input,select,textarea,[role=button],[role=treeitem],[role=menuitem],ul,ol');
      const states = states_of(c);
      if (role === 'shape') states.push(t, color(style.fill) || color(style.stroke) || 'no color');
      if (kinds & SCROLLS) states.push('scrolled ' + Math.round(c.scrollTop) + ' of ' + (c.scrollHeight - c.clientHeight));
      add(c, role, name_of(c, role), value_of(c, role), states, r, at, kinds);
      if (!inner) return;
    } else if (on && (kinds & SCROLLS)) {
      add(c, 'scrollable', short(attribute(c, 'aria-label') || '', 120), null, ['scrolled ' + Math.round(c.scrollTop) + ' of ' + (c.scrollHeight - c.clientHeight)], r, at, kinds);
    } else if (on && role && role !== 'cell' && role !== 'row') {
      add(c, role, short(attribute(c, 'aria-label') || '', 120), null, states_of(c), r, at, kinds);
    } else if (on && t !== 'html' && t !== 'body') {
      const some = n_children(c) > 0, plain = is_plain(c), full = (plain || !some) && /\S/.test(text(c).slice(0, 5000));
      const label = attribute(c, 'aria-label') || attribute(c, 'title');
      if (full && plain) {
        const tint = color(is(c, 'SVGElement') ? style.fill : style.color), states = states_of(c);
        if (tint && tint !== '#000000') states.push(tint);
        const s = short(text_of(c));
        if (s) add(c, invites(c, style) ? 'clickable' : t === 'td' ? 'cell' : t === 'th' ? 'columnheader' : 'text', s, null, states, r, at, kinds);
        return;
      }
      if (!full && !some && !shadow(c) && t !== 'svg' && t !== 'g' && r.width >= 4 && r.height >= 4) {
        const fill = color(style.backgroundColor), edge = style.borderTopWidth !== '0px', picture = style.backgroundImage !== 'none' || style.content.startsWith('url(');
        if (fill || edge || picture || label || invites(c, style))
          add(c, invites(c, style) ? 'clickable' : 'box', short(label || '', 120), null, [...states_of(c), ...(fill ? [fill] : []), ...hint(c)], r, at, kinds);
      } else if (invites(c, style) || label) {
        add(c, invites(c, style) ? 'clickable' : 'group', short(label || '', 120), null, states_of(c), r, at, kinds);
      }
    }
    if (shadow(c)) walk(shadow(c), below_here, depth + 1);
    else if (t === 'slot' && c.assignedNodes().length) for (const y of c.assignedNodes()) visit(y, below_here, depth + 1);
    else walk(c, below_here, depth + 1);
  };
  if (page) walk(page, {x: 0, y: 0}, 0);
  const typed = active(top); // keys go there, whether it can be seen or not
  if (typed && typed !== body(top) && !seen.has(numbers.get(typed)) && kinds_of(typed, role_of(typed), getComputedStyle(typed)) & EDITABLE && items.length < most)
    add(typed, role_of(typed), name_of(typed, role_of(typed)), value_of(typed, role_of(typed)), states_of(typed), rectangle(typed), {x: 0, y: 0}, EDITABLE);
  things = seen;
  forget();
  return {title: short(top.title, 200), url: location.href.slice(0, 2000).toWellFormed(), items, next, elements: all, cut, above, below,
    ms: performance.now() - start, view: [innerWidth, innerHeight],
    scroll: [Math.round(scrollX), Math.round(scrollY), Math.max(0, page ? page.scrollWidth - innerWidth : 0), Math.max(0, page ? page.scrollHeight - innerHeight : 0)]};
};

// --- acting ---
const find = id => {
  const x = things.get(id);
  return x && connected(x) ? x : null;
};
const offset = x => { // of the document of x, in the window
  let at = {x: 0, y: 0};
  for (let w = owner(x).defaultView; w && w !== window && w.frameElement; w = w.parent) {
    const r = rectangle(w.frameElement);
    at = {x: at.x + r.left + w.frameElement.clientLeft, y: at.y + r.top + w.frameElement.clientTop};
  }
  return at;
};
const rect_of = x => {
  if (kind(x) === 1) { const parts = x.getClientRects(); return tag(x) === 'a' && parts.length ? parts[0] : rectangle(x); }
  const range = owner(x).createRange();
  range.selectNodeContents(x);
  return range.getBoundingClientRect();
};
const hit = (x, px, py) => {
  const e = kind(x) === 1 ? x : x.parentElement, r = e.getRootNode();
  let h = (r.elementFromPoint ? r : owner(e)).elementFromPoint(px, py);
  if (h && shadow(h) && !contains(h, e)) h = shadow(h).elementFromPoint(px, py);
  return h && (contains(e, h) || (contains(h, e) && h !== body(owner(e)) && h !== root(owner(e))) || (e.labels instanceof (owner(e).defaultView || window).NodeList && [...e.labels].some(l => contains(l, h))) || (e.getRootNode().host && contains(h, e.getRootNode().host))) ? null : h;
};
// Where to click, after it was scrolled into view; or why not.
viv.point = id => {
  const x = find(id);
  if (!x) return {why: 'it is not there any more'};
  const e = kind(x) === 1 ? x : x.parentElement, at = offset(e);
  into(e, {block: 'nearest', inline: 'nearest', behavior: 'instant'}); // of each part that scrolls
  let r = rect_of(x);
  if (r.top + at.y < 0 || r.left + at.x < 0 || r.bottom + at.y > innerHeight || r.right + at.x > innerWidth) {
    into(e, {block: 'center', inline: 'center', behavior: 'instant'});
    r = rect_of(x);
  }
  const moved = offset(e);
  if (r.width <= 0 || r.height <= 0) return {why: 'it cannot be seen'};
  const w = owner(e).defaultView, left = Math.max(r.left, 0), top = Math.max(r.top, 0);
  const right = Math.min(r.right, w.innerWidth), bottom = Math.min(r.bottom, w.innerHeight);
  if (right <= left || bottom <= top) return {why: 'it is outside of the window'};
  let cover = null;
  for (const [fx, fy] of [[.5, .5], [.25, .5], [.75, .5], [.5, .25], [.5, .75], [.1, .5], [.9, .5]]) {
    const px = left + (right - left) * fx, py = top + (bottom - top) * fy;
    cover = hit(x, px, py);
    if (!cover) return {x: px + moved.x, y: py + moved.y, left: r.left + moved.x, top: r.top + moved.y, width: r.width, height: r.height};
  }
  return {why: 'it is covered by ' + (tag(cover) + ' ' + short(cover.innerText || '', 60)).trim()};
};
// Ready to be typed over; true: it takes no keys, and was set. The page hears of it as of a user's change.
viv.edit = (id, s) => {
  const x = find(id), own = ['color', 'range', 'date', 'time', 'datetime-local', 'month', 'week'];
  if (!x) return {why: 'it is not there any more'};
  if (x.disabled || x.readOnly) return {why: 'it cannot be changed'};
  focus(x);
  if (tag(x) === 'input' && own.includes(x.type)) {
    const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
    set.call(x, s);
    if (x.type !== 'range' && x.type !== 'color' && x.value !== s) return {why: 'it takes no such value: expected ' + {date: 'YYYY-MM-DD', time: 'HH:MM', 'datetime-local': 'YYYY-MM-DDTHH:MM', month: 'YYYY-MM', week: 'YYYY-Www'}[x.type]};
    x.dispatchEvent(new Event('input', {bubbles: true}));
    x.dispatchEvent(new Event('change', {bubbles: true}));
    return {set: true};
  }
  if (x.isContentEditable) { const r = owner(x).createRange(); r.selectNodeContents(x); const sel = owner(x).defaultView.getSelection(); sel.removeAllRanges(); sel.addRange(r); }
  else if (x.select) x.select();
  return {set: false, empty: x.isContentEditable ? !x.innerText : x.value === ''};
};
viv.choose = id => {
  const o = find(id);
  if (!o || tag(o) !== 'option') return {why: 'it is not there any more'};
  const s = o.closest('select');
  if (!s || s.disabled || o.disabled) return {why: 'it cannot be chosen'};
  if (s.multiple) o.selected = !o.selected; else o.selected = true;
  s.dispatchEvent(new Event('input', {bubbles: true}));
  s.dispatchEvent(new Event('change', {bubbles: true}));
  return {};
};
viv.scroll = (id, dx, dy) => {
  const x = id ? find(id) : null;
  if (id && !x) return {why: 'it is not there any more'};
  let e = x && (kind(x) === 1 ? x : x.parentElement);
  while (e && !scrolls(e, getComputedStyle(e))) e = parent(e);
  const y = e || document.scrollingElement || root(document);
  const before = [y.scrollLeft, y.scrollTop];
  y.scrollBy({left: dx * y.clientWidth * .8, top: dy * Math.min(y.clientHeight, innerHeight) * .8, behavior: 'instant'});
  return y.scrollLeft === before[0] && y.scrollTop === before[1] ? {why: 'it does not scroll further'} : {};
};
// What would be sent: of the form that an element, or what has the focus, belongs to.
viv.form = id => {
  let x = id ? find(id) : active(document);
  while (!id && x && (x.contentDocument || shadow(x))) x = x.contentDocument ? active(x.contentDocument) : shadow(x).activeElement;
  const f = x && kind(x) === 1 && !(tag(x) === 'textarea') ? form_of(x) : null;
  if (!f || (!id && tag(x) !== 'input' && tag(x) !== 'button')) return {form: false};
  const fields = [...new FormData(f)].slice(0, 30).map(([k, v]) => short(k, 60) + ' = ' + (typeof v !== 'string' ? 'a file' :
    [...f.elements].some(e => e.name === k && e.type === 'password') ? '•••' : short(v, 120)));
  const g = Object.getOwnPropertyDescriptor(HTMLFormElement.prototype, 'action').get, m = Object.getOwnPropertyDescriptor(HTMLFormElement.prototype, 'method').get;
  return {form: true, method: m.call(f).toUpperCase(), url: short(g.call(f), 300), fields};
};
// Waits until nothing has changed for a while, at most `cap` milliseconds.
viv.quiet = (silence, cap) => new Promise(done => {
  const start = performance.now();
  let last = start;
  const watch = new MutationObserver(() => { last = performance.now(); });
  watch.observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
  const look = () => {
    const now = performance.now();
    const moves = document.getAnimations().some(a => a.playState === 'running' && a.effect && a.effect.getComputedTiming().endTime < 5000);
    if (now - start >= cap || (document.readyState === 'complete' && now - last >= silence && !moves)) { watch.disconnect(); done(now - start); }
    else setTimeout(look, 20);
  };
  look();
});
})();
