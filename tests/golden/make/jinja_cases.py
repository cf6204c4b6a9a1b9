"""Templates over what Jinja 3.1 documents, for templates.py (which keeps what Jinja makes of them) and difference.py (which
compares many more). EXPRESSIONS are printed one by one; VALUES, and what is done with them, are combined by difference.py."""

DATA = {"n": 3, "neg": -7, "big": 12345678901234567, "huge": 123456789012345678901234567890, "f": 2.5, "e": 1e22, "small": 1e-7, "t": True,
        "none": None, "empty": [], "s": "Hello, World", "u": "Größe ÀÉ straße ﬁ ΟΔΟΣ", "nums": [3, 1, 2], "words": ["pear", "Apple", "fig", "apple"],
        "d": {"b": 1, "a": 2, "items": 3}, "nested": {"x": {"y": [1, {"z": "w"}]}},
        "users": [{"name": "Ann", "age": 30, "city": {"zip": 2}}, {"name": "bob", "age": 25, "city": {"zip": 1}},
                  {"name": "Cid", "age": 30, "city": {"zip": 1}}, {"name": "dee", "age": None}],
        "pairs": [["a", 1], ["b", 2]], "text": "one\ntwo\r\nthree\n\nfour", "html": "<a href='x'>&\"</a>"}

EXPRESSIONS = r"""
huge
huge + 1
huge * huge
huge // 7
-huge // 7
huge % 1000
-huge % 1000
huge - huge
huge // huge
2 ** 64
2 ** 100 // 3 ** 20
-(2 ** 63)
9223372036854775807 + 1
9223372036854775808 - 1
-9223372036854775808
10 ** 30
10 ** 20 / 10 ** 18
7 / 2
huge / 10
huge > e
2 ** 53 + 1 == 2.0 ** 53
9007199254740993 / 1
huge == 1.2345678901234568e29
huge | tojson
[huge, -huge]
huge is integer
huge is odd
huge is even
huge is divisibleby 10
huge | abs
(-huge) | abs
huge | float
huge | string | length
'123456789012345678901234567890' | int + 1
'%d' % huge
'%x' % huge
'{:,}'.format(huge)
1e30 | int
huge | round
huge | round(-10)
9**9**2
0x1F
0b101
0o17
0xdead_beef
1_000_000
1e3
1.5e-3
10E2
'\x41\u00e9\U0001F600\101\a\0z'
'a\
b'
"it's" ~ 'say "x"'
'a' 'b' "c"
7 // 2
-7 // 2
7 // -2
-7 % 3
7 % -3
-7.5 // 2
-7.5 % 2
7.5 % -2
2 ** 3 ** 2
-2 ** 2
2 ** -1
2 ** 0.5
0.1 + 0.2
1e16
1e15
123456789.123456789
1e-5
0.0001
-0.0
1.0
100.0
1e100
5e-324
1.7976931348623157e308
1 / 3
10 / 5
True + 1
true == 1
1 == 1.0
'1' == 1
[1, 2] == (1, 2)
none == false
zz == none
zz == zy
1 < 2 < 3
1 < 2 > 3
3 > 2 >= 2 != 1
1 < 3 < 2
'a' < 'b' < 'c'
[1, 2] < [1, 3]
[[], 1] < [[], 2]
(1, 2) < (1, 2, 3)
'Z' < 'a'
1 in [1, 2]
1 not in [1, 2]
'el' in s
'' in s
'b' in d
1 in (1,)
n in nums and n not in empty
1.0 in [1]
not 1 in [2]
zz in [1]
1 in zz
n is sameas 3
none is sameas none
true is sameas true
1 is sameas true
1.0 is sameas 1
s is sameas s
nums is sameas nums
[1] is sameas [1]
n ~ s ~ none ~ true ~ 1.0 ~ [1]
1 ~ 2
n if n > 2 else 0
n if n > 5
(n if n > 5) is defined
'x' if zz is defined else 'y'
1 if 0 else 2 if 0 else 3
none or zz or 'd'
0 and 1
'' or 0
1 and 'a'
not ''
not none and not 0
nums[0]
nums[-1]
nums[9]
nums[1:]
nums[:-1]
nums[::2]
nums[::-1]
nums[-2:]
nums[5:1]
nums[1:2:1]
nums[none:2]
nums[::-2]
nums[huge:]
nums[:-huge]
s[0]
s[-1]
s[1:4]
s[::-1]
s[99]
u[2:5]
(1, 2, 3)[1:]
d['b']
d.b
d.items
d['items']
d.items()
d.keys()
d.values()
d.items() | list
d.keys() | list
d | list
d | length
d.items() | length
d.keys() | first
d.get('b')
d.get('zz')
d.get('zz', 5)
d.zz is defined
d['zz'] is defined
nested.x.y[1].z
nested['x']['y'][0]
nested.x.y.1.z
users[0].city.zip
users[3].city is defined
users[3].city.zip
zz.yy
zz['yy']
zz()
zz + 1
zz < 1
-zz
zz | length
zz | list
zz | upper
zz | int
zz | float
zz | abs
zz | tojson
zz | sort
zz | first
zz | join
zz | default('d')
zz | d
none | default('d')
none | default('d', true)
'' | default('d', boolean=true)
d.zz.yy
none.x
none[0]
nums.x
s.x is undefined
n.x
[zz, none, true, 1.5, 'a']
{'a': zz}
{'a': 1, 2: 'b', none: true, 1.5: [], (1, 2): 3}
{1: 'a'}[1.0]
{'b': 1}.b
[1, [2, [3, {'a': (4,)}]]]
()
(1,)
((1, 2), 3)
[]
{}
['it\'s', "say \"x\"", 'both \' and "', 'a\\b', 'a\nb\tc\r', '\x00\x7f\xad', 'é漢😀']
true
false
none
True
None
nums | sort
nums | sort(reverse=true)
words | sort
words | sort(case_sensitive=true)
words | sort(true)
words | sort(false, true)
users | sort(attribute='age,name') | map(attribute='name') | list
users[:3] | sort(attribute='age,name') | map(attribute='name') | list
users[:3] | sort(attribute='city.zip') | map(attribute='name') | list
users[:3] | sort(attribute='age', reverse=true) | map(attribute='name') | list
pairs | sort(attribute=1, reverse=true)
pairs | sort(attribute='1') | list
[1, 'a'] | sort
[none, 1] | sort
['b', 'A', 'a', 'B'] | sort
[[2, 1], [1, 2]] | sort
[true, 0, 2] | sort
users | map(attribute='city.zip') | list
users | map(attribute='city.zip', default=0) | list
users | map(attribute='nope') | list
users | map(attribute='nope', default='x') | list
users | map('tojson') | first
words | map('upper') | list
words | map('replace', 'p', 'q') | list
words | map('center', 7) | list
nums | map('string') | join('-')
nums | map('nope') | list
empty | map('nope') | list
none | map('upper') | list
none | select | list
none | reject | list
none | selectattr('a') | list
none | rejectattr('a', 'eq', 1) | list
zz | map(attribute='a') | list
zz | select('odd') | list
0 | map('upper') | list
'' | select | list
nums | select('odd') | list
nums | select('gt', 1) | list
nums | select('>', 1) | list
nums | select('==', 1) | list
nums | select('in', [1, 2]) | list
nums | reject('odd') | list
nums | select('nope') | list
[0, 1, '', 'a', none] | select | list
[0, 1, '', 'a', none] | reject | list
users | selectattr('age') | map(attribute='name') | list
users | selectattr('age', 'none') | map(attribute='name') | list
users | selectattr('age', '==', 30) | map(attribute='name') | list
users | selectattr('age', 'equalto', 30) | list | length
users | rejectattr('age', '!=', 30) | map(attribute='name') | list
users | selectattr('city', 'defined') | list | length
users | selectattr('city.zip', 'eq', 1) | list | length
users[:3] | selectattr('city.zip', 'eq', 1) | list | length
users | selectattr | list
users | map | list
(nums | select('odd')) is iterable
(nums | select('odd')) is sequence
'yes' if nums | select('gt', 99) else 'no'
nums | select('odd') | length
nums | select('odd') | last
nums | select('odd') | first
nums | select('odd') | join(',')
nums | select('odd') | sort
nums | select('odd') | sum
nums | select('odd') | max
nums | select('odd') | reverse | list
(nums | select('odd'))[0] is defined
1 in (nums | select('odd'))
nums | unique | list
words | unique | list
words | unique(case_sensitive=true) | list
users | unique(attribute='age') | map(attribute='name') | list
nums | min
nums | max
words | min
words | max
words | max(case_sensitive=true)
users[:3] | min(attribute='age')
empty | min
empty | first
empty | last
empty | sum
nums | sum
nums | sum(start=10)
users[:3] | sum(attribute='age')
pairs | sum(start=[])
['a'] | sum
['a', 'b'] | sum(start='')
[1.5, 2] | sum
nums | first
nums | last
nums | reverse | list
s | reverse
d | reverse | list
nums | batch(2) | list
nums | batch(2, 'x') | list
nums | slice(2) | list
nums | slice(2, 'x') | list
range(7) | slice(3) | list
nums | join
nums | join(', ')
nums | join(1)
users | join(', ', attribute='name')
d | join
s | list
s | length
u | length
nums | count
users | groupby('age')
users[:3] | groupby('age') | map(attribute='grouper') | list
(users[:3] | groupby('age'))[0].list | length
users[:3] | groupby('age') | first | first
users[:3] | groupby('city.zip') | length
users | groupby('nope', default='x') | length
[{'k': 'A'}, {'k': 'a'}] | groupby('k')
[{'k': 'A'}, {'k': 'a'}] | groupby('k', case_sensitive=true)
d | dictsort
d | dictsort(by='value')
d | dictsort(false, 'value', true)
{'b': 1, 'A': 2} | dictsort
{'b': 1, 'A': 2} | dictsort(true)
d | items | list
zz | items | list
nums | items | list
d | tojson
d | tojson(indent=2)
d | tojson(true, 2)
d | tojson(sort_keys=true)
nested | tojson(indent='\t')
nested | tojson(separators=(',', ':'))
nested | tojson(indent=0)
nested | tojson(indent=1, separators=(';', '='))
u | tojson
u | tojson(ensure_ascii=true)
'\x7f\x1f</script>' | tojson
'\x7f😀' | tojson(true)
[none, true, 1.0, 1e22, 'a', (1, 2)] | tojson
{1: 2, none: 3, true: 4, 1.5: 5} | tojson
{(1, 2): 3} | tojson
range(3) | tojson
d.items() | tojson
[] | tojson(indent=2)
{} | tojson(indent=2)
[[], {}] | tojson(indent=2)
s | upper
s | lower
'hELLO wORLD' | capitalize
u | upper
u | lower
u | title
'hello world-wide (web) it\'s' | title
'x' | center(5)
'x' | center(6)
'xy' | center(5)
'x' | center
'  x ' | trim
'xxaxx' | trim('x')
5 | trim
s | replace('l', 'L')
s | replace('l', 'L', 1)
s | replace('', '-')
5 | replace(5, 6)
text | indent
text | indent(2, true)
text | indent(2, blank=true)
text | indent('> ')
text | indent(width='> ', first=true)
'' | indent(2, true)
'a\n' | indent(2)
'a b c d e' | truncate(5)
'a b c d e f g' | truncate(9, false, '...', 0)
'abcdefghijkl' | truncate(5, true)
'abcdefghijkl' | truncate(5, true, '', 0)
s | wordcount
'it\'s a test-case, 2 words_x' | wordcount
html | e
html | escape
html | e | e
html | e | forceescape
html | safe
html | safe | e
(html | e) is escaped
html is escaped
('<' | e) + '<'
'<' + ('<' | e)
('<' | e) ~ '<'
('%s' | safe) % '<'
('<' | e).upper()
['<' | e]
[1 | safe]
s | urlencode
'a b/ü&' | urlencode
{'a b': 1, 'c': 'd/e'} | urlencode
[['a', 'b c']] | urlencode
{'class': 'x', 'id': none, 'n': '<'} | xmlattr
{'class': 'x'} | xmlattr(false)
1000 | filesizeformat
1 | filesizeformat
123456789 | filesizeformat
123456789 | filesizeformat(true)
0 | filesizeformat
'12' | int
'12.7' | int
' 12 ' | int
'-12' | int
'+7' | int
'1_000' | int
'x' | int
'x' | int(5)
'0x1A' | int(base=16)
'ff' | int(0, 16)
'0b11' | int(0, 2)
'0x10' | int(0, 0)
'z' | int(base=36)
12.7 | int
-12.7 | int
true | int
none | int
none | int(7)
[1] | int
'1e3' | int
'inf' | int(9)
'nan' | int
'12.5' | float
'x' | float
'x' | float(1.5)
'1e3' | float
' 1.5 ' | float
'inf' | float
'-Infinity' | float
3 | float
true | float
none | float
2.5 | round
3.5 | round
2.675 | round(2)
-2.5 | round
7 | round
7 | round(2)
1234 | round(-2)
1250 | round(-2)
1350 | round(-2)
1234.5 | round(-2)
2.1 | round(0, 'ceil')
2.19 | round(1, 'floor')
7 | round(method='ceil')
2.5 | round(method='nope')
true | round
'2.5' | round
-3 | abs
-3.5 | abs
true | abs
'x' | abs
d | attr('b')
d | attr('items')
s | attr('upper')
'%s is %d of %.2f%%' | format('a', 3, 1.5)
'%(a)s' | format(a=1)
'%s' % 'x'
'%s %s' % ('a', 1)
'%s' % [1, 2]
'%s' % (1,)
'%s' % none
'%r' % 'x'
'%r %a' % ('é', 'x')
'%5s|%-5s|%05d|%+d|% d' % ('a', 'b', 42, 7, 7)
'%5.2s|' % 'abc'
'%.3d' % 7
'%5.3d|%-6.3d|' % (7, -7)
'%x %X %o %#x %#o' % (255, 255, 8, 255, 8)
'%e %E %g %G' % (12345.678, 1e-10, 1e-10, 1e20)
'%f %.0f %.10f' % (1.5, 2.5, 0.1)
'%c%c' % (65, 'b')
'%i %u' % (3.9, -3)
'%d' % true
'%d' % '3'
'%x' % 3.5
'%s %s' % 'a'
'%s' % ('a', 'b')
'%%' % ()
'a' % ()
'%*d|%-*d|' % (5, 42, 5, 42)
'%(x)s %(y)d' % {'x': 1, 'y': 2}
'%(z)s' % {'x': 1}
'%q' % 1
'%' % 1
'{} {}'.format('a', 1)
'{0} {1} {0}'.format('a', 'b')
'{x} {y}'.format(x=1, y='z')
'{0.x} {0[x]}'.format({'x': 5})
'{[0]}'.format([7])
'{:>5}|{:<5}|{:^5}|'.format('a', 'b', 'c')
'{:*^9}'.format('mid')
'{:漢<5}'.format('ab')
'{:5}|{:5}'.format('a', 1)
'{:05d} {:+d} {: d}'.format(42, 42, 42)
'{:05} {:05}'.format(-1.5, 'ab')
'{:,} {:_}'.format(1234567, 1234567)
'{:,.2f}'.format(1234567.891)
'{:010,}'.format(1234)
'{:.2f} {:.0f} {:e} {:g} {:%}'.format(1.005, 2.5, 12345.6, 1e-7, 0.256)
'{:.3} {:.10} {:.1}'.format(1234.5, 0.1, 25.0)
'{:.3}'.format('abcdef')
'{:x} {:X} {:#x} {:b} {:o} {:#b} {:c}'.format(255, 255, 255, 5, 8, 5, 65)
'{!r} {!s} {!a}'.format('x', 'y', 'z')
'{:{}}|{:{w}}'.format('a', 5, 'b', w=3)
'{{}} {{{}}}'.format(1)
'{:d}'.format(1.5)
'{:s}'.format(1)
'{} {1}'.format(1, 2)
'{}'.format()
'{'.format(1)
'}'.format(1)
'{:>5}'.format(true)
'{}'.format(true)
'{}'.format([1, 'a'])
'{:5}'.format([1])
'{:5}'.format(none)
'{x}'.format_map({'x': 1})
'Ab Cd'.swapcase()
'hello wORLD it\'s 2nd'.title()
'hELLO'.capitalize()
'ß ﬁ İ ΑΣ Σ'.lower()
'ß ﬁ ŉ ΐ'.upper()
'ß ﬁ ǆ'.title()
'ẞß ﬁ Σς'.casefold()
'abcabc'.find('c')
'abcabc'.find('c', 3)
'abcabc'.find('c', 0, 2)
'abcabc'.find('c', -1)
'größe'.find('e')
'abcabc'.rfind('c')
'abcabc'.rfind('a', 0, 3)
'abcabc'.index('b', 2)
'abcabc'.index('z')
'abcabc'.rindex('b')
'abcabc'.count('c')
'abcabc'.count('c', 3)
'abc'.count('')
'aaa'.count('aa')
'abc'.startswith('b', 1)
'abc'.startswith(('x', 'a'))
'abc'.startswith(['x', 'a'])
'abc'.endswith('b', 0, 2)
'abc'.endswith(('c', 'd'))
'abc'.startswith('')
'abc'.startswith('', 4)
'a,b,,c'.split(',')
'a,b,,c'.split(',', 1)
'a,b,,c'.split(sep=',', maxsplit=2)
' a  b c '.split()
' a  b c '.split(none, 1)
' a  b c '.rsplit(none, 1)
'a,b,c'.rsplit(',', 1)
''.split()
''.split(',')
'a b'.split('')
text.splitlines()
text.splitlines(true)
'a\x0bb\x0cc\x1cd\x85e\u2028f'.splitlines()
'a=b=c'.partition('=')
'a=b=c'.rpartition('=')
'abc'.partition('x')
'abc'.rpartition('x')
'xxabcxx'.strip('x')
'xyabcyx'.strip('xy')
'  a '.lstrip() ~ '|'
'  a '.rstrip() ~ '|'
'\u3000a\u00a0'.strip()
'abc'.removeprefix('a')
'abc'.removesuffix('bc')
'abc'.removeprefix('x')
'a-b-c'.replace('-', '+')
'a-b-c'.replace('-', '+', 1)
'abc'.replace('', '-')
'abc'.replace('', '-', 2)
'ab'.center(7, '*')
'ab'.center(6, '漢')
'abc'.center(6, '*')
'ab'.ljust(5, '.')
'ab'.rjust(5, '.')
'ab'.rjust(5, 'xy')
'7'.zfill(3)
'-7'.zfill(4)
'+7'.zfill(4)
'é'.zfill(3)
','.join(['a', 'b'])
','.join([1])
''.join('abc')
'a\tb\tcc\td'.expandtabs(4)
'a\tb'.expandtabs()
'abc'.isalpha()
'aß漢'.isalpha()
'12'.isdigit()
'²'.isdigit()
'½'.isnumeric()
'½'.isdigit()
'一'.isnumeric()
'²'.isdecimal()
'٣'.isdecimal()
'a1'.isalnum()
' \t'.isspace()
''.isspace()
'ABC'.isupper()
'AB1'.isupper()
'abc'.islower()
'1'.islower()
'Hello World'.istitle()
'a b'.isprintable()
'a\n'.isprintable()
'abc'.isascii()
'abc_1'.isidentifier()
'1a'.isidentifier()
'abc'.nope()
'abc'.encode()
[1, 2, 1].count(1)
[1, 2, 1].index(2)
[1, 2, 1].index(1, 1)
[1, 2].index(5)
(1, 2).index(2)
[1].append(2)
d.update({})
d.pop('b')
nums.copy()
d.copy()
dict(a=1, b=2)
dict([('a', 1)])
dict({'a': 1}, b=2)
dict(pairs)
dict.fromkeys(['a', 'b'], 0)
namespace(a=1)
namespace(a=1).a
namespace({'a': 1}, b=2).b
range(5)
range(2, 10, 3)
range(5) | list
range(5, 0, -2) | list
range(0)[0] is defined
range(5)[1:3]
range(5)[-1]
range(5) | length
range(1, 1) | list
range(3) is sequence
3 in range(5)
range(100001) | length
cycler('a', 'b').next()
joiner(',')()
cycler().next()
3.0.is_integer()
(3.5).is_integer()
(5).bit_length()
5 is divisibleby 2
6 is divisibleby(3)
5 is odd
4 is even
5.0 is odd
'a' is odd
1 is number
1.5 is number
true is number
'1' is number
1 is integer
true is integer
1.0 is integer
1.0 is float
1 is float
true is boolean
1 is boolean
true is true
1 is true
false is false
none is none
zz is none
'a' is string
1 is string
'abc' is lower
'ABC' is upper
'Abc' is lower
1 is lower
nums is iterable
'a' is iterable
1 is iterable
d is iterable
nums is sequence
d is sequence
'a' is sequence
1 is sequence
d is mapping
nums is mapping
range is callable
s is callable
s.upper is callable
'upper' is filter
'nope' is filter
'odd' is test
'nope' is test
1 is eq 1
1 is ne 2
1 is lt 2
2 is gt 1
1 is le 1
1 is ge 2
1 is lessthan 2
2 is greaterthan(1)
1 is equalto 1.0
1 is in [1, 2]
'a' is in 'abc'
n is not odd
n is not none and n is defined
not n is odd
n is nope
n is divisibleby
n | nope
n | abs(1)
s | upper(1)
s | center(width=14, 1)
s | center(widht=14)
raise_exception('no')
raise_exception()
strftime_now('%Y-%m-%d %H:%M %A %j')
1 +
(1
[1, 2
{'a' 1}
a b
'abc
1 if
x..y
n |
n is
f(a=1, 2)
1 < 'a'
'a' + 1
[1] + (2,)
[1] + [2]
(1,) + (2,)
'ab' * 3
3 * 'ab'
[1] * 2
'a' * -1
'a' - 'b'
{} + {}
none + 1
1 / 0
1 // 0
1 % 0
1.0 / 0
0 ** -1
(-8) ** 0.5
2.0 ** 10000
-s
+n
+5.5
- - 5
n.__class__
s['upper']()
s.upper().lower().title()
s|upper|lower|title|replace('L','l')|length
(s|upper).lower()
[1,2,3,]|length
{'a':1,}|length
(1,2,)|length
"{{"
'%}'
{'a':{'b':{'c':1}}}.a.b.c
{}.a is undefined
'a'.b is undefined
1 is 1
n is n
loop is defined
self is defined
varargs is defined
caller is defined
'a' if true
'a' not in 'abc'
not not 1
1 == 1 == 1
-1 | abs
-n | abs
(-n) | abs
n * -1
n - -1
2 - 1 - 1
2 * 3 % 4
1 + 2 ~ 3
1 ~ 2 * 3
'a' ~ 1 + 2
10 - 2 ~ 3
'a' == 'a' and 1 or 2
'x' in {'x': 1}
'x' in [['x']]
(1, 'a') == (1, 'a')
[1, 2, 3] == [1, 2, 3.0]
{'a': 1} == {'a': 1.0}
'abc' > 'abd'
'a' < 'B'
'é' > 'z'
none < 1
[1] < [none]
{} < {}
true < 2
""".strip("\n").split("\n")

STATEMENTS = [
    # loops
    "{% for x in nums %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }};{% endfor %}",
    "{% for x in nums %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }};{% endfor %}",
    "{% for x in nums %}{{ loop.cycle('a', 'b') }}{{ loop.changed(x > 1) }}{% endfor %}",
    "{% for x in nums %}{{ loop }}{% endfor %}",
    "{% for x in nums if x > 1 %}{{ loop.index }}{{ x }}{% else %}none{% endfor %}",
    "{% for x in nums if x > 9 %}{{ x }}{% else %}none{% endfor %}",
    "{% for x in empty %}{% else %}none{% endfor %}{% for x in zz %}{% else %}none{% endfor %}",
    "{% for x in none %}{{ x }}{% endfor %}",
    "{% for x in 5 %}{{ x }}{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}{{ v }}{% endfor %}",
    "{% for k, v in d | items %}{{ k }}{{ v }}{% endfor %}",
    "{% for k, v in d | dictsort %}{{ k }}{{ v }}{% endfor %}",
    "{% for a, b in pairs %}{{ a }}{{ b }}{% endfor %}{% for (a, b) in pairs %}{{ a }}{{ b }}{% endfor %}",
    "{% for a, b, c in pairs %}{{ a }}{% endfor %}",
    "{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for x in 1, 2, 3 %}{{ x }}{% endfor %}",
    "{% for x in 1, 2, 3 if x > 1 %}{{ x }}{% endfor %}",
    "{% for c in 'aé😀' %}{{ c }}.{% endfor %}",
    "{% for k in d %}{{ k }}{% endfor %}",
    "{% for x in nums | select('odd') %}{{ x }}{{ loop.last }}{{ loop.length }}{% endfor %}",
    "{% set g = nums | select('odd') %}{{ g | list }}{{ g | list }}",
    "{% set g = nums | select('odd') %}{{ g | first }}{{ g | list }}",
    "{% set g = nums | map('string') %}{% for x in g %}{{ x }}{% endfor %}|{% for x in g %}{{ x }}{% endfor %}{% if g %}true{% endif %}",
    "{% set g = users | selectattr('nope') %}{% if g %}true{% else %}false{% endif %}{% if g | list %}true{% else %}false{% endif %}",
    "{% for x in [[1, [2, [3]]], 4] recursive %}{{ loop.depth }}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}{% endif %}{% endfor %}",
    "{% for x in nums %}{{ loop([1]) }}{% endfor %}",
    "{% for x in range(9) %}{% if x == 2 %}{% continue %}{% elif x == 5 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in nums %}{% for y in nums %}{% if y == 1 %}{% break %}{% endif %}{{ x }}{{ y }}{{ loop.index }}{% endfor %}{{ loop.index }};{% endfor %}",
    "{% break %}", "{% if t %}{% continue %}{% endif %}",
    "{% for x in nums %}{% set y = x %}{% endfor %}{{ y is defined }}{{ x is defined }}",
    "{% set y = 0 %}{% for x in nums %}{% set y = y + x %}{{ y }}{% endfor %}{{ y }}",
    "{% set n = n + 1 %}{{ n }}{% for x in nums %}{% set n = n + x %}{{ n }}{% endfor %}{{ n }}",
    "{% set ns = namespace(x=0) %}{% for x in nums %}{% set ns.x = ns.x + x %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace() %}{% set ns.a = 1 %}{{ ns.a }}{{ ns.b is defined }}{{ ns }}",
    "{% set ns = namespace() %}{% set ns._a = 1 %}",
    "{% set d.a = 1 %}", "{% set zz.a = 1 %}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (c, d) = (b, a) %}{{ c }}{{ d }}{% set x = 1, 2 %}{{ x }}",
    "{% set a, b = 1 %}", "{% set a, b = [1, 2, 3] %}", "{% set a = %}", "{% set true = 1 %}", "{% set 1 = 2 %}", "{% set x.y.z = 2 %}",
    "{% set a = b = 1 %}",
    # if
    "{% if n > 5 %}a{% elif n > 2 %}b{% else %}c{% endif %}", "{% if zz %}a{% else %}b{% endif %}{% if empty %}a{% else %}b{% endif %}{% if '' %}a{% else %}b{% endif %}{% if 0.0 %}a{% else %}b{% endif %}{% if d %}a{% endif %}",
    "{% if t: %}x{% endif %}", "{% for x in nums: %}{{ x }}{% endfor %}", "{% if false %}{{ x | nope }}{{ y is nope }}{% endif %}ok", "{% if true %}{{ 1 | nope }}{% endif %}", "{{ (1 | nope) if false else 2 }}",
    "{% if %}x{% endif %}", "{% if t %}x", "{% if t %}x{% endfor %}", "{% else %}", "{% endif %}", "{% elif x %}",
    # macros
    "{% macro f(a, b=2) %}[{{ a }},{{ b }}]{% endmacro %}{{ f(1) }}{{ f(1, 3) }}{{ f(b=5, a=6) }}{{ f() }}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, 2) }}", "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, b=2) }}", "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, a=2) }}",
    "{% macro f(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, 3, x=4) }}",
    "{% macro f(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }}", "{% macro f(a=n) %}{{ a }}{% endmacro %}{{ f() }}", "{% macro f(a=1, b) %}{% endmacro %}",
    "{% macro f() %}x{% endmacro %}{{ f }}{{ f.name }}{{ f.arguments }}{{ f.catch_kwargs }}{{ f.catch_varargs }}{{ f.caller }}{{ f is callable }}",
    "{% macro f() %}<{{ caller() }}>{% endmacro %}{% call f() %}body{{ n }}{% endcall %}", "{% macro f() %}<{{ caller(1, 2) }}>{% endmacro %}{% call(a, b) f() %}{{ a }}{{ b }}{% endcall %}",
    "{% macro f() %}x{% endmacro %}{% call f() %}y{% endcall %}", "{% macro f() %}{{ caller is defined }}{{ caller }}{% endmacro %}{{ f() }}",
    "{% macro f(x) %}{% if x > 0 %}{{ x }}{{ f(x - 1) }}{% endif %}{% endmacro %}{{ f(3) }}", "{% macro f(x) %}{{ x }}{{ n }}{% endmacro %}{% set n = 9 %}{{ f(1) }}", "{% set f = 1 %}{% macro f() %}m{% endmacro %}{{ f() }}",
    "{% for x in nums %}{% macro f() %}{{ x }}{% endmacro %}{{ f() }}{% endfor %}", "{{ f() }}{% macro f() %}{% endmacro %}", "{% macro f() %}{% set y = 1 %}{{ y }}{% endmacro %}{{ f() }}{{ y is defined }}", "{% macro f() %} x {% endmacro %}[{{ f() | trim }}]{{ f() | length }}", "{% macro f %}{% endmacro %}", "{% macro f(1) %}{% endmacro %}",
    "{% macro outer() %}{% macro inner() %}i{% endmacro %}{{ inner() }}{% endmacro %}{{ outer() }}{{ inner is defined }}",
    "{% call nope() %}{% endcall %}", "{% call s %}{% endcall %}",
    # set, filter, with blocks
    "{% set x %}a{{ n }}b{% endset %}{{ x }}{{ x | length }}", "{% set x | upper | trim %} abc {% endset %}{{ x }}|", "{% filter upper %}abc{{ n }}{% endfilter %}", "{% filter replace('a', 'b') | upper %}aXa{% endfilter %}", "{% filter nope %}x{% endfilter %}",
    "{% with x = 1, y = n %}{{ x + y }}{% endwith %}{{ x is defined }}", "{% with %}{% set x = 1 %}{{ x }}{% endwith %}{{ x is defined }}", "{% with x = 1, y = x %}{{ y }}{% endwith %}", "{% set x %}{% set y = 1 %}{% endset %}{{ y is defined }}", "{% set ns = namespace() %}{% set ns.x %}abc{% endset %}{{ ns.x }}",
    "{% generation %}{{ n }}{% set q = 1 %}{% endgeneration %}{{ q is defined }}", "{% block a %}x{{ n }}{% endblock %}", "{% block a %}x{% endblock a %}{% set z = 1 %}{% block b %}{{ z }}{% endblock %}", "{% for x in nums %}{% block a scoped %}{{ x }}{% endblock %}{% endfor %}", "{% for x in nums %}{% block a %}{{ x }}{% endblock %}{% endfor %}",
    "{% autoescape false %}{{ html }}{% endautoescape %}", "{% print n %}{% print n, s %}", "{% include 'x' %}", "{% import 'x' as y %}", "{% from 'x' import y %}", "{% extends 'x' %}", "{% if false %}{% include 'x' %}{% endif %}ok", "{% nope %}", "{% do x %}",
    # raw, comments, white space
    "{% raw %}\n{{ x }}{% endraw %}", "{% raw -%}\n  {{ x }}{% endraw %}", "a\n  {% raw %}  {{ x }}  {% endraw %}\nb", "{% raw %}x\n  {% endraw %}\n\ny", "{%- raw -%} {% if %} {%- endraw -%} x", "{% raw %}{% endraw %}", "{% raw %}x",
    "a{# c #}b", "a\n  {# c #}\nb", "a {#- c -#} b", "{# a\nb #}\nc", "{# x", "a {# {{ x }} {% if %} #} b",
    "a\n  {% if t %}\n  b\n  {% endif %}\nc\n", "a  {%- if t -%}  b  {%- endif -%}  c", "  {%+ if t %}x{% endif +%}\n y", "x {{- n -}} y\n\n", "{% if t %}\n\n{% endif %}\n\nz", "\t{% if t %}x{% endif %}", "x  {% if t %}y{% endif %}  \nz", "{% if t %}a{% endif %}\n{% if t %}b{% endif %}\n\n", "\n{% if t %}\n{% endif %}", "  {{ n }}\n  {{ n }}\n", "{{ n }}\n", "{{ n }}\n\n", "\n\n{{ n }}", "{%- for x in nums %}\n  {{- x }}\n{%- endfor %}\n", "{% for x in nums -%}\n  {{ x }}\n{% endfor %}", "line\r\n{% set x = 1 %}\r\n{{ x }}\r\n", "a\rb\r{% if t %}\rc{% endif %}", "{{ 'a\r\nb' }}", "{{n}}{{ n}}{{n }}", "{%if t%}x{%endif%}", "{{ n -}}   \n\n  x", "x   {%- set y = 1 %}   z", "{{-1}}", "{{ -1 }}", "{{ 1-1 }}", "{{ n+1 }}", "{ { n } }", "{{{'a': 1}}}", "{{ {'a': 1} }}", "{{ '}}' }}", "{{ '{%' }}{{ \"#}\" }}", "{% set x = '%}' %}{{ x }}", "{}{}{", "%}", "}}", "#}", "{", "a{", "{{", "{%", "{{}}", "{{ }}", "{% %}", "{{ n", "{{ n }", "{{ n %}", "{% if t }}",
    # undefined and errors, with their lines
    "\n\n{{ zz.yy }}", "a\n{% if t %}\n{{ 1 / 0 }}\n{% endif %}", "a\n{{ x\n", "a\n{% for x in nums %}\n{{ x.y.z }}\n{% endfor %}", "\n{% macro f() %}\n{{ 1 + 'a' }}\n{% endmacro %}\n{{ f() }}", "\n{{ raise_exception('no') }}", "{{ n }}\n{{ n | nope }}", "\n\n{% nope %}", "{{\n1\n+\n'a'\n}}", "\n{{ nums | sort(attribute='a') }}", "{{ [\n1,\n2 ] | join(\n'x') }}", "\n'{{ 'a }}", "\n\n{% if t %}\n\nx", "{% set x = [\n 1,\n 2\n] %}{{ x }}",
    # chat template idioms
    "{% for u in users %}{{ '<|' + u.name + '|>' }}{% if not loop.last %}{{ '\\n' }}{% endif %}{% endfor %}", "{%- if users[0]['name'] == 'Ann' %}{%- set rest = users[1:] %}{%- else %}{%- set rest = users %}{%- endif %}{{ rest | length }}", "{% if users | length % 2 == 0 %}even{% endif %}", "{% if (n % 2 == 0) != (n > 1) %}x{% endif %}", "{{ users[-1].name.split('e')[-1].strip('\\n') }}|{{ s.split(', ')[0] | trim }}", "{{- '[' ~ users | map(attribute='name') | join(', ') ~ ']' -}}", "{% set content = users[0].name if users[0].name is string else users[0].name | tojson %}{{ content }}", "{% if 'name' in users[0] and users[0].name is not none %}y{% endif %}", "{% set loop_messages = users %}{% for m in loop_messages %}{% set c = m['name'] %}{% if loop.index0 == 0 %}{% set c = '<<' + c + '>>' %}{% endif %}{{ c }}{% endfor %}", "{%- macro render(x) -%}{%- if x is mapping -%}{ {%- for k, v in x | dictsort -%}{{ k }}:{{ render(v) }}{%- if not loop.last -%},{%- endif -%}{%- endfor -%} }{%- elif x is iterable and x is not string -%}[{%- for v in x -%}{{ render(v) }}{%- if not loop.last -%},{%- endif -%}{%- endfor -%}]{%- else -%}{{ x }}{%- endif -%}{%- endmacro -%}{{ render(nested) }}", "{{ namespace(found=false).found }}{% set ns = namespace(last=-1) %}{% for u in users %}{% if u.age == 30 %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}{{ ns.last }}",
    "{% set c = cycler('a', 'b', 'c') %}{{ c.next() }}{{ c.current }}{{ c.next() }}{{ c.reset() }}{{ c.current }}", "{% set j = joiner(', ') %}{% for x in nums %}{{ j() }}{{ x }}{% endfor %}", "{% set j = joiner() %}{{ j() }}a{{ j() }}b",
    "{{ dict(a=1).items() | list }}{{ dict() }}{{ dict(a=1) | length }}", "{% for x in d.keys() %}{{ x }}{{ loop.last }}{% endfor %}{{ d.keys()[0] is defined }}{{ d.values() | sum }}{{ d.items() | first }}", "{{ (nums | sort)[0] }}{{ (users | first).name }}{{ nums | sort | first }}", "{{ nums | list | tojson }}{{ nums | map('string') | list | tojson }}", "{{ n.real }}{{ f.imag }}{{ n.numerator }}{{ n.denominator }}",
    "{{ loop }}", "{{ self }}", "{% set loop = 1 %}{{ loop }}", "{% for loop in nums %}{{ loop }}{% endfor %}", "{% for range in nums %}{{ range }}{% endfor %}{{ range(2) | list }}", "{% set range = 5 %}{{ range }}", "{% set x = 5 %}{% macro f(x) %}{{ x }}{% endmacro %}{{ f(1) }}{{ x }}",
]

# One a line, as they stand.
STATEMENTS += r"""
{% macro f(a,b,c=3) %}{{a}}{{b}}{{c}}{% endmacro %}{{ f(*[1,2]) }}{{ f(1,**{'b':5}) }}{{ f(*[1],**{'b':2,'c':9}) }}{{ f(1, *[2], c=4) }}
{% macro f(a,b,c=3) %}{{a}}{{b}}{{c}}{% endmacro %}{{ f(**{'q':5}) }}
{% macro f(x) %}{{ caller(x, y=2) }}{% endmacro %}{% call(a, y=1, z=3) f(7) %}{{ a }}{{ y }}{{ z }}{% endcall %}
{% macro f() %}{{ caller() }}{{ caller() }}{% endmacro %}{% call f() %}{% set q = 1 %}x{{ loop is defined }}{% endcall %}{{ q is defined }}
{% macro a() %}[{{ caller() }}]{% endmacro %}{% macro b() %}({{ caller() }}){% endmacro %}{% call a() %}{% call b() %}x{% endcall %}{% endcall %}
{% macro f(x, y) %}{{ x }}{{ y is defined }}{{ y }}{% endmacro %}{{ f(1) }}
{% macro f(x) %}{{ x.y }}{% endmacro %}{{ f() }}
{% for g, us in users[:3] | groupby('age') %}{{ g }}:{% for u in us %}{{ u.name }}{% endfor %};{% endfor %}
{% for g in users[:3] | groupby('age') %}{{ g.grouper }}{{ g.list | length }}{{ g[0] }}{% endfor %}
{% for row in nums | batch(2, '-') %}{% for c in row %}{{ c }}{% endfor %}|{% endfor %}
{% for x in nums %}{{ loop.changed(x, 1) }}{{ loop.changed(1) }}{% endfor %}
{% set tree = [{'n': 1, 'c': [{'n': 2, 'c': []}, {'n': 3, 'c': [{'n': 4, 'c': []}]}]}] %}{% for t in tree recursive %}{{ t.n }}@{{ loop.depth0 }}{% if t.c %}[{{ loop(t.c) }}]{% endif %}{% if not loop.last %},{% endif %}{% endfor %}
{% set tree = [[1,[2]]] %}{% for t in tree recursive %}{% if t is sequence %}{{ loop(t) }}{% else %}{{ t }}{% endif %}{% else %}e{% endfor %}
{% for x in nums %}{% for y in nums %}{{ loop.index }}{{ loop.first }}{% endfor %}{{ loop.index }}{% endfor %}
{% for x in nums %}{% set outer = loop %}{% for y in nums %}{{ outer.index }}{{ loop.index }}{% endfor %}{% endfor %}
{% for x in nums | reverse %}{{ x }}{{ loop.revindex }}{% endfor %}
{% for k in d | sort %}{{ k }}{% endfor %}{% for k, v in d.items() | sort(attribute='1') %}{{ k }}{% endfor %}
{% for x in 'ab' %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }}{% endfor %}
{% for x in {} %}x{% else %}e{% endfor %}{% for x in '' %}x{% else %}e{% endfor %}{% for x in range(0) %}x{% else %}e{% endfor %}
{% for i in range(3) if i %}{{ i }}{{ loop.length }}{% endfor %}
{% for i in range(3) if loop.first %}{{ i }}{% endfor %}
{% for i in [1,2,3] %}{% if loop.index is even %}{% continue %}{% endif %}{{ i }}{% endfor %}
{% set x = 1 %}{% if true %}{% set x = 2 %}{% if true %}{% set x = 3 %}{% endif %}{% endif %}{{ x }}
{% if false %}{% set n = 5 %}{% endif %}{{ n }}
{% for i in [1] %}{% if true %}{% set z = 5 %}{% endif %}{{ z }}{% endfor %}{{ z is defined }}
{% set x = none %}{{ x is none }}{{ x }}{% set x %}{% endset %}{{ x == '' }}
{% set x | replace('a', 'b') | upper %}banana{% endset %}{{ x }}
{% set x, y = 'ab' %}{{ x }}{{ y }}
{% set x = 1 if n > 2 else 2 %}{{ x }}
{% set x = [1, 2] + [3] %}{{ x }}{% set x = x + [4] %}{{ x | length }}
{% set ns = namespace(l=[]) %}{% for i in nums %}{% set ns.l = ns.l + [i * 2] %}{% endfor %}{{ ns.l }}
{% set ns = namespace(a={'b': 1}) %}{{ ns.a.b }}{{ ns['a'] }}
{% with a = 1 %}{% with b = a + 1 %}{{ a }}{{ b }}{% endwith %}{{ b is defined }}{% endwith %}
{% with a, b = 1, 2 %}{{ a }}{{ b }}{% endwith %}
{% with a = 1, %}{{ a }}{% endwith %}
{% filter indent(2) %}a
{% filter trim | upper | replace('B', '-') %} abc {% endfilter %}
{{ 'a' | replace('a', 'b') | upper ~ 'c' }}
{{ users | map(attribute='name') | map('upper') | join('|') }}
{{ pairs | map(attribute=0) | list }}{{ pairs | map(attribute='1') | sum }}
{{ pairs | map('first') | list }}{{ pairs | map('last') | list }}{{ pairs | map('join', '-') | list }}
{{ words | map('length') | list }}{{ words | map('truncate', 3, true, '') | list }}
{{ nums | map('default', 5) | list }}{{ [none, zz, 1] | map('default', 5, true) | list }}
{{ nums | select('divisibleby', 2) | list }}{{ nums | reject('eq', 1) | list }}{{ words | select('in', 'apple pie') | list }}
{{ users | selectattr('name', 'in', ['Ann', 'bob']) | list | length }}{{ users | selectattr('city', 'undefined') | list | length }}
{{ users | rejectattr('city', 'defined') | map(attribute='name') | list }}
{{ users | selectattr('age', 'gt', 26) | list | length }}
{{ users[:3] | selectattr('age', 'gt', 26) | map(attribute='name') | join(', ') }}
{{ users[:3] | sum(attribute='city.zip') }}{{ users[:3] | map(attribute='age') | max }}{{ users[:3] | max(attribute='age') }}
{{ (nums | sort | list)[-1] }}{{ nums | sort(reverse=True) | first }}
{{ [3, 1.5, true] | sort }}{{ ['a', 'B', 'c'] | sort(case_sensitive=True, reverse=True) }}
{{ {'a': [1, {'b': none}], "it's": 'say "hi"'} }}{{ ['\\', '\'', "\"", '\n'] }}
{{ {'é': '😀', 'x': '\u200b\u00a0'} }}{{ ['\u2028', '\x7f', '\x00'] }}
{{ {'k': true, 'l': none, 'm': 1.0, 'n': 1e20, 'o': 1e15, 'p': 123456789012345680.0} | tojson }}
{{ 'é😀\u2028</script>&\'"\\/' | tojson }}{{ 'é😀' | tojson(ensure_ascii=True) }}
{{ {'b': {'d': 1, 'c': [1, 2]}, 'a': []} | tojson(indent=4) }}
{{ {'b': {'d': 1, 'c': [1, 2]}, 'a': []} | tojson(indent=2, sort_keys=True) }}
{{ {'b': 1, 'a': 2} | tojson(sort_keys=true, separators=(',', ':')) }}
{{ {'a': 1} | tojson(indent=none) }}{{ {'a': 1} | tojson(indent=true) }}
{{ {'a': 1} | tojson(none, 1) }}{{ [1] | tojson(indent=-1) }}
{{ '{}'.format(n) ~ '%s' % n }}{{ '%s' | format(n) }}
{{ "%s-%s" | format("a", "b") }}{{ "%(x)s" | format(x=1) }}{{ "%s" | format(1, x=2) }}
{{ 'abc' is string and 'abc' | length == 3 }}{{ not n is string }}{{ n is not string }}
{{ n is number and n is not float }}{{ none is not defined }}{{ zz is not none }}
{{ 'a' in 'abc' and 'd' not in 'abc' }}{{ 1 in [1] == true }}{{ (1 in [1]) == true }}
{{ 1 + 1 == 2 and 2 * 2 == 4 or false }}{{ not (1 == 2) }}{{ not 1 == 2 }}
{{ -n ** 2 }}{{ 2 ** -n }}{{ -2 ** -2 }}{{ 10 % 3 ** 2 }}{{ 7 // 2 * 2 }}{{ 2 * 7 // 3 }}
{{ 1.5 + 1 }}{{ 3 * 0.1 }}{{ 1e3 }}{{ 1e-7 }}{{ 1.0e10 }}{{ 12345678901234567890 }}{{ 0.1 + 0.7 }}{{ 100 * 1.1 }}
{{ 5 / 2 }}{{ 6 / 2 }}{{ -5 // 2 }}{{ 5.0 // 2 }}{{ -5 % 3 }}{{ 5.5 % 2 }}{{ 1 / 3 }}
{{ [1, 2] * 2 }}{{ (1,) * 3 }}{{ '-' * 10 }}{{ 0 * 'a' }}|
{{ s[::2] }}{{ s[-3:] }}{{ s[:-3] }}{{ s[5:2] }}{{ s[2:5:2] }}{{ s[None:None] }}
{{ nums[-100:100] }}{{ nums[::-1][0] }}{{ nums[1:][0] }}{{ nums[:n] }}{{ nums[n:] }}
{{ nums[1.0] is defined }}{{ nums['0'] is defined }}{{ d[none] is defined }}{{ s['x'] is defined }}{{ nums[true] }}
{{ nums.0 }}{{ nums.9 is defined }}{{ nested.x.y.0 }}{{ nested['x'].y[-1]['z'] }}
{{ zz.a }}
{{ d.zz.a }}
{{ nums[9].a }}
{{ none.a.b }}
{{ s.a.b }}
{{ zz | default({}) | length }}{{ zz | default([]) | join }}{{ (zz | default({})).a is defined }}{{ zz.a | default('x') }}
{{ d.zz | default('x') }}{{ d['zz'] | default('y') }}{{ d.get('zz', {}).get('a', 'z') }}
{{ d.get('zz') is none }}{{ d.get('zz').a is defined }}
{{ 'x' ~ zz ~ 'y' }}{{ zz ~ none }}{{ [zz] }}{{ {'a': zz} }}{{ (zz,) }}
{{ zz == '' }}{{ zz == none }}{{ zz == false }}{{ not zz }}{{ zz or 'd' }}{{ zz and 'd' }}{{ zz != 1 }}
{{ zz > 1 }}
{{ zz in 'abc' }}
{{ 'a' in zz }}{{ zz in [] }}
{{ zz[0] }}
{{ zz * 2 }}
{{ 'a' * zz }}
{{ 'a' + zz }}
{{ zz | trim }}|{{ zz | length }}{{ zz | string }}|{{ zz | lower }}|{{ zz | replace('a', 'b') }}|{{ zz | list }}{{ zz | first is defined }}
{{ zz | round }}
{{ zz | sum }}{{ zz | max is defined }}{{ zz | unique | list }}{{ zz | reverse | list }}{{ zz | batch(2) | list }}
{{ zz | dictsort }}
{{ zz | items | list }}{{ zz | urlencode }}|{{ zz | wordcount }}{{ zz | title }}|{{ zz | capitalize }}|{{ zz | e }}|
{{ zz | indent }}
{{ none | upper }}{{ none | length }}
{{ none | string }}{{ none | trim }}{{ none | title }}{{ none | lower }}{{ none | replace('N', 'n') }}{{ none | tojson }}{{ none | list }}
{{ none | join }}
{{ true | string ~ 1 }}{{ true | int }}{{ true | tojson }}{{ true + 1 }}{{ true | upper }}{{ 5 | string | length }}{{ 5 | list }}
{{ 1.0 | int }}{{ '1.9' | int }}{{ '1.9' | float | round | int }}{{ '5' * 2 }}{{ '5' | int * 2 }}
{{ ' a b ' | trim | title }}{{ 'a-b_c d' | title }}{{ "o'neil mc-donald" | title }}{{ "o'neil".title() }}
{{ text | indent(4) }}
{{ text | indent(2, first=True, blank=True) }}
{{ text.split('\n') }}{{ text | replace('\n', '|') }}{{ text.splitlines() | length }}
{{ 'a,b;c'.replace(';', ',').split(',') | join('-') }}{{ 'k=v'.split('=')[1] }}{{ 'a b c'.split(' ', 1)[-1] }}
{{ 'abc'.upper().lower().capitalize() }}{{ ('a' ~ 'b').upper() }}{{ 'x'.join(['a', 'b']) }}{{ '-'.join('abc') }}
{{ '<|' ~ 'im_start' ~ '|>' }}{{ '<|' + 'im_start' + '|>\n' }}x
{{ 'text'.startswith('te') and 'text'.endswith('xt') }}{{ 'text'.find('x') }}{{ 'text'.rfind('t') }}{{ 'text'.count('t') }}
{{ ('<' | e) | upper }}{{ ('<' | e) | length }}{{ ('<' | e) | trim ~ '<' }}{{ ('<' | e) == '&lt;' }}{{ ('<' | e) in '&lt;x' }}
{{ ('<' | e).upper() + '<' }}
{{ ('a' | safe) + '<' }}{{ '<' + ('a' | safe) }}{{ ('<' | safe) ~ '>' }}{{ ('<' | safe) * 2 }}{{ [('<' | safe), '<'] | join }}
{{ ('<%s>' | safe) | format('<') }}{{ ('<{}>' | safe).format('<') }}{{ ('<' | safe) | tojson }}{{ ('<' | safe) | string + '<' }}
{{ ('a' | e) | replace('a', '<') }}{{ ('<a>' | safe).replace('a', '<') }}{{ ('<a>' | safe) | indent }}{{ ('a' | safe)[0] + '<' }}
{{ cycler('odd', 'even').next() }}{% set c = cycler(1, 2) %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}
{% set j = joiner('; ') %}{{ j() }}a{{ j() }}b{{ j() }}c
{{ range(10) | batch(3) | map('sum') | list }}{{ range(3) | map('string') | join }}{{ range(5) | select('odd') | list }}
{{ range(0, 10, 3) | list }}{{ range(10, 0, -4) | list }}{{ range(2, 2) | list }}{{ range(-2) | list }}
{{ range(3.0) }}
{{ range('3') }}
{{ range() }}
{{ dict(a=1, **{'b': 2}) }}{{ dict([['a', 1]], b=2) }}{{ dict(d, items=5) }}{{ dict(d).b }}
{{ namespace(a=1, b=2) }}{{ namespace({'a': 1}).a }}
{{ {'a': 1}.items() }}{{ {'a': 1}.keys() }}{{ {'a': 1}.values() }}{{ {}.items() }}
{{ {'a': 1}.items() | list | tojson }}{{ {'a': 1}.values() | list }}{{ 'a' in {'a': 1}.keys() }}{{ 1 in {'a': 1}.values() }}{{ ('a', 1) in {'a': 1}.items() }}
{{ {'a': 1}.keys() | length }}{{ {'a': 1}.items() | first | first }}{{ {'a': 1, 'b': 2}.items() | map('last') | sum }}
{{ d.keys() == d.keys() }}{{ range(3) == range(3) }}{{ range(3) == [0, 1, 2] }}{{ (1, 2) == [1, 2] }}
{%- raw %} {{ a }} {% endraw -%} x
{% raw %}{% raw %}{% endraw %}
{#- a -#} x {#- b #} y
{#- x -#}
{% if t -%}
{%- endif %}
{% for x in nums %}
{% endfor %}
{%- for x in nums -%}
{%- endfor -%}
{{ "a
{{ 'a\nb\tc' }}{{ "a\"b" }}{{ 'a\'b' }}{{ '\u00e9\x41' }}
{{ 'a\/b\d\ ' }}{{ '\1' }}
{{ 1_0 + 0x_f }}{{ 0b1 }}{{ 0o7 }}{{ 00 }}
{{ 1. }}
{{ .5 }}
{{ 01 }}
{{ 1__0 }}
{{ 1_ }}
{{ été }}{% set été = 1 %}{{ été }}
{{ a$b }}
{{ a ? b : c }}
{{ a && b }}
{{ !a }}
{{ a == }}
{{ (a }}
{{ [a }}
{{ {a }}
{{ a) }}
{{ a b c }}
{{ 'abc }}
{% if a %}
{% for a %}{% endfor %}
{% for a in %}{% endfor %}
{% for in b %}{% endfor %}
{% set = 1 %}
{% set a.b.c = 1 %}
{% set a[0] = 1 %}
{% macro %}{% endmacro %}
{% macro f( %}{% endmacro %}
{% endmacro %}
{% if a %}{% else %}{% else %}{% endif %}
{% if a %}{% elif %}{% endif %}
{% for x in nums %}{% endif %}
{% unknown tag %}
{{ n | }}
{{ n | upper( }}
{{ n is }}
{{ n is not }}
{{ n.1a }}
{{ n. }}
{{ n..a }}
{{ n[ }}
{{ n[] }}
{{ f(a=1, a=2) }}
{{ f(*) }}
{{ {**d} }}
{{ [*nums] }}
{{ lambda: 1 }}
{{ [x for x in nums] }}
{{ n if }}
{{ n else 1 }}
{{ x := 1 }}
{{ 'a' if n is defined and n > 1 else 'b' if n else 'c' }}{{ ('a' if n else 'b') ~ 'c' }}{{ 'a' ~ ('b' if false else 'c') }}
{{ (n if n > 5) }}|{{ (n if n > 5) is undefined }}{{ (none if n > 5) ~ 'x' }}
{{ nums | first if nums else 'none' }}{{ (nums | length) > 2 }}{{ nums | length > 2 }}{{ 1 if nums | length == 3 else 2 }}
{{ users[0].name | lower | capitalize | center(9) | replace(' ', '_') }}
{{ users | map(attribute='name') | list | last }}{{ (users | map(attribute='name') | list)[1:] }}
{{ raise_exception('x ' ~ n) }}
{{ strftime_now('%d %B %Y') }}{{ strftime_now('%y%m%d-%H%M%S %p %a %b %%') }}{{ strftime_now('é') }}
{% set d = {'a': 1} %}{% set _ = d.update({'b': 2}) %}{{ d }}
{% set l = [] %}{% set _ = l.append(1) %}{{ l }}
{% do l.append(1) %}
{{ loop.index }}
{{ caller() }}
{{ super() }}
{{ self.x() }}
{{ _('x') }}
{{ gettext('x') }}
{{ lipsum() | length > 0 }}
{{ n.__class__.__mro__ }}
{{ ''.__class__ }}
{{ (n).__add__(1) }}
{{ [].__len__() }}
{{ ''.format.__globals__ }}
{{ d.__class__ is defined }}{{ d.__zz__ is defined }}
{{ '{0.__class__}'.format(1) }}
""".strip("\n").split("\n")
STATEMENTS += ["a\n{#- x -#}\nb","   {%- if t %}  a  {%- else %} b {% endif -%}   c","{% if t -%}\n  a\n{%- endif %}\nb","\t  {% if t %}\n\tx\n\t  {% endif %}\ny","x {% if t %}\n y {% endif %}\n z","{% for x in nums %}\n  {{ x }}\n{% endfor %}\nend","{%- for x in nums -%}\n  {{ x }},\n{%- endfor -%}\nend","{{ \"a\nb\" }}","{% filter indent(2) %}a\nb{% endfilter %}","a {#+ c +#}\nb"]

# Cases that differ, and why: they are no goldens.
DIFFERENT = {
    "{{ 'abc'.encode() }}": "bytes are refused",
    "{{ (-8) ** 0.5 }}": "complex numbers are refused",
    "{{ self }}": "templates are not objects",
    "{{ self is defined }}": "templates are not objects",
    "{{ '{[0]}'.format([7]) }}": "a KeyError of the sandbox alone",
    "{{ users | map | list }}": "a filter without arguments",
    "{{ n[] }}": "an index is missing",
    "{{ lipsum() | length > 0 }}": "filler text at random is refused",
    "{{\n1\n+\n'a'\n}}": "the line of the operand, not of the whole expression",
}

# Every filter, test, global, method and statement: what shows that it is done; or, after "refused", what names it.
TABLE = r"""
filter abs {{ -1 | abs }}
filter attr {{ s | attr('upper') is callable }}
filter batch {{ nums | batch(2) | list }}
filter capitalize {{ 'aB' | capitalize }}
filter center {{ 'a' | center(3) }}|
filter count {{ nums | count }}
filter d {{ zz | d(1) }}
filter default {{ zz | default(1) }}
filter dictsort {{ {'b': 1, 'a': 2} | dictsort }}
filter e {{ html | e }}
filter escape {{ html | escape }}
filter filesizeformat {{ 123456 | filesizeformat }}
filter first {{ nums | first }}
filter float {{ '1.5' | float }}
filter forceescape {{ html | e | forceescape }}
filter format {{ '%s' | format(1) }}
filter groupby {{ pairs | groupby(0) }}
filter indent {{ text | indent }}
filter int {{ '12' | int }}
filter items {{ d | items | list }}
filter join {{ nums | join('-') }}
filter last {{ nums | last }}
filter length {{ nums | length }}
filter list {{ 'ab' | list }}
filter lower {{ 'AB' | lower }}
filter map {{ nums | map('string') | list }}
filter max {{ nums | max }}
filter min {{ nums | min }}
filter pprint refused {{ d | pprint }}
filter random refused {{ nums | random }}
filter reject {{ nums | reject('odd') | list }}
filter rejectattr {{ users | rejectattr('age') | list | length }}
filter replace {{ 'ab' | replace('a', 'c') }}
filter reverse {{ nums | reverse | list }}
filter round {{ 2.567 | round(1) }}
filter safe {{ html | safe }}
filter select {{ nums | select('odd') | list }}
filter selectattr {{ users | selectattr('age') | list | length }}
filter slice {{ nums | slice(2) | list }}
filter sort {{ nums | sort }}
filter string {{ 1 | string }}
filter striptags refused {{ html | striptags }}
filter sum {{ nums | sum }}
filter title {{ 'a b' | title }}
filter tojson {{ d | tojson }}
filter trim {{ ' a ' | trim }}|
filter truncate {{ 'a b c d e f' | truncate(3) }}
filter unique {{ [1, 1] | unique | list }}
filter upper {{ 'ab' | upper }}
filter urlencode {{ 'a b' | urlencode }}
filter urlize refused {{ s | urlize }}
filter wordcount {{ s | wordcount }}
filter wordwrap refused {{ s | wordwrap(3) }}
filter xmlattr {{ d | xmlattr }}
test != {{ nums | select('!=', 1) | list }}
test < {{ nums | select('<', 2) | list }}
test <= {{ nums | select('<=', 2) | list }}
test == {{ nums | select('==', 2) | list }}
test > {{ nums | select('>', 2) | list }}
test >= {{ nums | select('>=', 2) | list }}
test boolean {{ true is boolean }}
test callable {{ range is callable }}
test defined {{ n is defined }}
test divisibleby {{ 6 is divisibleby 3 }}
test eq {{ 1 is eq 1 }}
test equalto {{ 1 is equalto 1 }}
test escaped {{ (s | e) is escaped }}
test even {{ 2 is even }}
test false {{ false is false }}
test filter {{ 'abs' is filter }}
test float {{ 1.5 is float }}
test ge {{ 1 is ge 1 }}
test greaterthan {{ 2 is greaterthan 1 }}
test gt {{ 2 is gt 1 }}
test in {{ 1 is in nums }}
test integer {{ 1 is integer }}
test iterable {{ nums is iterable }}
test le {{ 1 is le 1 }}
test lessthan {{ 1 is lessthan 2 }}
test lower {{ 'a' is lower }}
test lt {{ 1 is lt 2 }}
test mapping {{ d is mapping }}
test ne {{ 1 is ne 2 }}
test none {{ none is none }}
test number {{ 1 is number }}
test odd {{ 1 is odd }}
test sameas {{ none is sameas none }}
test sequence {{ nums is sequence }}
test string {{ 'a' is string }}
test test {{ 'odd' is test }}
test true {{ true is true }}
test undefined {{ zz is undefined }}
test upper {{ 'A' is upper }}
global cycler {{ cycler(1, 2).next() }}
global dict {{ dict(a=1) }}
global joiner {{ joiner()() }}|
global lipsum refused {{ lipsum() }}
global namespace {{ namespace(a=1).a }}
global raise_exception refused {{ raise_exception('raise_exception') }}
global range {{ range(3) | list }}
global strftime_now {{ strftime_now('%Y') }}
str capitalize {{ 'aB'.capitalize() }}
str casefold {{ 'Aß'.casefold() }}
str center {{ 'a'.center(3, '.') }}
str count {{ 'aa'.count('a') }}
str encode refused {{ 'a'.encode() }}
str endswith {{ 'ab'.endswith('b') }}
str expandtabs {{ 'a\tb'.expandtabs(4) }}
str find {{ 'ab'.find('b') }}
str format {{ '{}'.format(1) }}
str format_map {{ '{b}'.format_map(d) }}
str index {{ 'ab'.index('b') }}
str isalnum {{ 'a1'.isalnum() }}
str isalpha {{ 'a'.isalpha() }}
str isascii {{ 'a'.isascii() }}
str isdecimal {{ '1'.isdecimal() }}
str isdigit {{ '1'.isdigit() }}
str isidentifier {{ 'a'.isidentifier() }}
str islower {{ 'a'.islower() }}
str isnumeric {{ '1'.isnumeric() }}
str isprintable {{ 'a'.isprintable() }}
str isspace {{ ' '.isspace() }}
str istitle {{ 'A'.istitle() }}
str isupper {{ 'A'.isupper() }}
str join {{ ','.join(words) }}
str ljust {{ 'a'.ljust(3, '.') }}
str lower {{ 'A'.lower() }}
str lstrip {{ ' a'.lstrip() }}
str maketrans refused {{ 'a'.maketrans({}) }}
str partition {{ 'a=b'.partition('=') }}
str removeprefix {{ 'ab'.removeprefix('a') }}
str removesuffix {{ 'ab'.removesuffix('b') }}
str replace {{ 'ab'.replace('a', 'c') }}
str rfind {{ 'aa'.rfind('a') }}
str rindex {{ 'aa'.rindex('a') }}
str rjust {{ 'a'.rjust(3, '.') }}
str rpartition {{ 'a=b=c'.rpartition('=') }}
str rsplit {{ 'a b c'.rsplit(' ', 1) }}
str rstrip {{ 'a '.rstrip() }}|
str split {{ 'a b'.split() }}
str splitlines {{ 'a\nb'.splitlines() }}
str startswith {{ 'ab'.startswith('a') }}
str strip {{ ' a '.strip() }}|
str swapcase {{ 'aB'.swapcase() }}
str title {{ 'a b'.title() }}
str translate refused {{ 'a'.translate({}) }}
str upper {{ 'a'.upper() }}
str zfill {{ '1'.zfill(3) }}
list append refused {{ nums.append(1) }}
list clear refused {{ nums.clear() }}
list copy {{ nums.copy() }}
list count {{ nums.count(1) }}
list extend refused {{ nums.extend([]) }}
list index {{ nums.index(1) }}
list insert refused {{ nums.insert(0, 1) }}
list pop refused {{ nums.pop() }}
list remove refused {{ nums.remove(1) }}
list reverse refused {{ nums.reverse() }}
list sort refused {{ nums.sort() }}
tuple count {{ (1, 1).count(1) }}
tuple index {{ (1, 2).index(2) }}
dict clear refused {{ d.clear() }}
dict copy {{ d.copy() }}
dict fromkeys {{ d.fromkeys([1]) }}
dict get {{ d.get('b') }}
dict items {{ d.items() }}
dict keys {{ d.keys() }}
dict pop refused {{ d.pop('b') }}
dict popitem refused {{ d.popitem() }}
dict setdefault refused {{ d.setdefault('b') }}
dict update refused {{ d.update({}) }}
dict values {{ d.values() }}
int as_integer_ratio refused {{ n.as_integer_ratio() }}
int bit_count refused {{ n.bit_count() }}
int bit_length {{ n.bit_length() }}
int conjugate {{ n.conjugate() }}
int denominator {{ n.denominator }}
int from_bytes refused {{ n.from_bytes() }}
int imag {{ n.imag }}
int numerator {{ n.numerator }}
int real {{ n.real }}
int to_bytes refused {{ n.to_bytes() }}
float as_integer_ratio refused {{ f.as_integer_ratio() }}
float conjugate {{ f.conjugate() }}
float fromhex refused {{ f.fromhex('1') }}
float hex refused {{ f.hex() }}
float imag {{ f.imag }}
float is_integer {{ f.is_integer() }}
float real {{ f.real }}
statement autoescape {% autoescape false %}{{ html }}{% endautoescape %}
statement block {% block a %}x{% endblock %}
statement break {% for x in nums %}{{ x }}{% break %}{% endfor %}
statement call {% macro f() %}{{ caller() }}{% endmacro %}{% call f() %}x{% endcall %}
statement continue {% for x in nums %}{% continue %}{{ x }}{% endfor %}y
statement extends refused {% extends 'x' %}
statement filter {% filter upper %}x{% endfilter %}
statement for {% for x in nums %}{{ x }}{% endfor %}
statement from refused {% from 'x' import y %}
statement generation {% generation %}x{% endgeneration %}
statement if {% if n %}x{% endif %}
statement import refused {% import 'x' as y %}
statement include refused {% include 'x' %}
statement macro {% macro f() %}x{% endmacro %}{{ f() }}
statement print {% print n %}
statement raw {% raw %}{{ x }}{% endraw %}
statement set {% set x = 1 %}{{ x }}
statement with {% with x = 1 %}{{ x }}{% endwith %}
""".strip().split("\n")
