"""Small templates, each for one corner of Jinja or Python, and the variables they see."""

from templates_statements import TEMPLATES

VARIABLES = {
    "i": 7, "n": -3, "f": 2.5, "t": True, "none": None, "s": "Hello World", "e": "", "u": "Ünïcödé 日本 😀 ß ΣΑΣ ǆ",
    "w": " \t\n padded \u00a0\u2003\n", "lines": "a\nb\r\nc\n\nd", "q": "it's \"quoted\" \\ \x07\u200b\u00ad\u00e9\n",
    "l": [3, 1, 2], "names": ["bob", "Alice", "carol"], "mixed": [1, "a", None, True, 2.0, [1], {"k": "v"}],
    "d": {"b": 1, "a": 2, "c": {"x": [10, 20, 30]}}, "empty": {}, "nested": [[1, 2], [3, 4]],
    "users": [{"name": "Zoe", "age": 30, "tags": ["x"]}, {"name": "adam", "age": 25}, {"name": "Bea", "age": 30, "on": True}],
    "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "U1"}, {"role": "assistant", "content": "A1"},
                 {"role": "user", "content": "U2"}],
    "tree": [{"v": 1, "kids": [{"v": 2, "kids": []}, {"v": 3, "kids": [{"v": 4, "kids": []}]}]}],
    "html": "<a href='x'>&\"</a>", "num": "42", "big": 9007199254740993, "small": 1e-7, "huge": 1e22,
}


def expressions():
    for values, ops in (
        (("7", "-3", "2", "0", "2.5", "-0.5", "true", "10", "1e3"), ("+", "-", "*", "/", "//", "%", "**")),
    ):
        for a in values:
            for op in ops:
                for b in ("3", "-2", "0", "2.0", "true"):
                    yield f"{a} {op} {b}"
    yield from """
1_000 + 0x1f + 0b101 + 0o17
-7 // 2 ~ '|' ~ -7 % 3 ~ '|' ~ 7 % -3 ~ '|' ~ -7.5 // 2 ~ '|' ~ -7.5 % 2
2 ** 3 ** 2
-2 ** 2
2 ** -1
2 ** 62
9007199254740993 / 3
1 / 3
10 / 5
0.1 + 0.2
1e16
1e15
123456789012345680.0
1e-5
0.0001
1e100
-0.0
5.0
1.5e300 * 1e10
1.5e300 * 1e300
'a' + 'b'
'a' * 3
3 * 'ab'
-1 * 'ab'
[1] * 2
(1, 2) * 2
[1] + [2]
(1,) + (2, 3)
'a' + 1
[1] + (2,)
none + 1
undefined_name + 1
1 + undefined_name
undefined_name ~ 'x'
none ~ true ~ 1.0 ~ [1, 'a'] ~ {'k': none}
1 == 1.0
true == 1
'1' == 1
none == undefined_name
undefined_name == other_undefined
[1, 2] == [1, 2]
[1, 2] == (1, 2)
{'a': 1, 'b': 2} == {'b': 2, 'a': 1}
1 < 2 < 3
1 < 3 < 2
3 > 2 >= 2 != 1
'a' < 'b'
'Z' < 'a'
'é' > 'z'
[1, 2] < [1, 3]
(1, 'a') < (1, 'b')
1 < 'a'
none < 1
undefined_name < 1
1.5 < 2
true < 2
1 in [1, 2]
'a' in 'abc'
'' in 'abc'
'x' not in 'abc'
1 in 'abc'
'a' in d
'z' in d
'a' in undefined_name
none in [none]
1.0 in [1]
'a' in none
undefined_name in [1]
undefined_name in 'abc'
2 in range(5)
2.0 in range(5)
'x' in d.c.x
10 in d.c.x
not true
not 0
not ''
not undefined_name
1 and 2
0 and 2
'' or 'x'
'a' or 'b'
none or 0
undefined_name or 'd'
undefined_name and 'd'
1 if false else 2
'a' if false
('a' if false) is defined
'x' if 1 else 'y' if 0 else 'z'
'a' if e else 'b' if none else 'c'
s
i
n
f
t
none
none is none
none == none
true
True
false
False
None
e
u
w
q
l
d
mixed
empty
nested
users
(1,)
(1, 2)
()
[]
{}
{'a': 1, 2: 'b', none: true, 1.5: [()]}
{'a': 1, 'a': 2}
{1: 'x', 1.0: 'y', true: 'z'}
['it\\'s', "a\\"b", 'both \\' and "', 'tab\\t', 'nl\\n', 'back\\\\slash', 'é', '\\u200b', '\\x00', '😀', '\\xad', '\\U0001F600']
'\\x41\\u00e9\\101\\q\\'\\"'
'a' 'b' "c"
'multi
line'
[q]
[w]
[u]
big
small
huge
[small, huge, 1e16, 1e15, 0.1, 100.0, 1.0e-4]
d.b
d['b']
d.c.x[1]
d['c']['x'][-1]
d.zzz
d.zzz is defined
d.zzz.y
d['zzz']['y']
d.items
d.items()
d.keys()
d.values()
d.items()|list
d.get('a')
d.get('zzz')
d.get('zzz', 5)
d.get('a', default=1)
d.get()
d.copy()
d|length
d|list
d.keys()|list
d.values()|list|sort
d.update({'x': 1})
d.pop('a')
d.update is defined
l.append(4)
l.append
l.sort()
l.index(1)
l.index(9)
l.count(1)
l.copy()
l[0]
l[-1]
l[10]
l[10] is defined
l['0']
l[1.0]
l[true]
l[none]
l.0
l[0:2]
l[1:]
l[:-1]
l[::-1]
l[::2]
l[5:]
l[-100:100]
l[2:0:-1]
l[::0]
l['a':]
l[none:none:none]
s[0]
s[-1]
s[100]
s[1:4]
s[::-1]
s[:5]
s[-5:]
s[10:2:-2]
u[0]
u[1:9]
u[::-1]
u[-3:]
u|length
(1, 2, 3)[1:]
range(10)[2:5]
range(10)[::-2]
range(10)[3]
undefined_name[1:]
d[1:]
5[0]
none.x
none['x']
none.x.y
undefined_name
undefined_name.x
undefined_name['x']
undefined_name()
s.foo
s.foo()
s.upper
(s).upper()
s['upper']()
i.real
f.is_integer()
i.foo is defined
s.__class__
s.__class__.__mro__
''.__class__ is defined
range(3)
range(1, 10, 3)|list
range(5, 0, -2)|list
range(0)|list
range(100001)
range(1, 2, 0)
range('a')
range(3).stop
range(3)|length
dict(a=1, b='x')
dict({'a': 1}, b=2)
dict([('a', 1), ('b', 2)])
dict(l)
namespace(a=1).a
namespace(a=1)
namespace({'x': 2}).x
namespace(_a=1)
namespace().zzz
namespace(a=1)['a']
cycler('a', 'b').next()
lipsum is defined
raise_exception('no')
raise_exception()
strftime_now('%Y-%m-%d %H:%M:%S %d %b %Y %A %B %j %y')
strftime_now('')
strftime_now
d is mapping
l is mapping
s is string
i is string
l is iterable
s is iterable
i is iterable
none is iterable
undefined_name is iterable
undefined_name is sequence
l is sequence
d is sequence
i is sequence
(l|map('string')) is iterable
(l|map('string')) is sequence
i is number
t is number
s is number
f is float
i is float
i is integer
t is integer
t is boolean
i is boolean
t is true
t is false
1 is true
none is none
undefined_name is none
undefined_name is undefined
undefined_name is defined
s is defined
i is odd
i is even
i is divisibleby 7
i is divisibleby(2)
i is eq 7
i is eq(8)
i is ne 7
i is lt 8
i is ge 7
i is in [1, 7]
i is not in [1, 7]
s is in 'Hello World!'
'abc' is lower
'ABC' is upper
'Abc' is upper
'1' is lower
s is sameas s
none is sameas none
true is sameas true
1 is sameas 1
[] is sameas []
s is callable
s.upper is callable
range is callable
undefined_name is callable
'upper' is filter
'nope' is filter
'odd' is test
html is escaped
html|e is escaped
s is nosuchtest
i is not odd
not i is odd
i is odd and t
i is defined and i is number or false
s is string is true
i is divisibleby 'a'
s|upper
s|lower
s|title
s|capitalize
'hELLO wORLD-foo (bar) [baz] {qux} <quux> it\\'s'|title
'hELLO'|capitalize
u|upper
u|lower
u|title
u|capitalize
u.title()
u.upper()
u.lower()
u.capitalize()
'ΑΣ ΑΣΑ Σ Α.Σ'|lower
'ŉ ǰ ﬁ ﬀ İ ı'|upper
'ŉ ǰ ﬁ ﬀ İ ı'|title
'İI'|lower
'x'|upper ~ 1|string
i|upper
none|upper
undefined_name|upper
l|upper
w|trim
'xxaxx'|trim('x')
'abcxcba'|trim('abc')
i|trim
undefined_name|trim
none|trim
s|replace('l', 'L')
s|replace('l', 'L', 1)
s|replace('', '-')
s|replace('zzz', 'x')
i|replace(7, 8)
s|replace('l')
s|length
i|length
none|length
undefined_name|length
l|length
(l|map('string'))|length
s|first
s|last
l|first
l|last
[]|first
[]|last
e|first
d|first
d|last
undefined_name|first
undefined_name|last
i|first
range(5)|last
l|list
s|list
d|list
i|list
none|list
undefined_name|list
l|join
l|join(', ')
l|join(',', attribute='x')
users|join(', ', attribute='name')
users|map(attribute='name')|join('/')
users|map(attribute='nope')|list
users|map(attribute='nope', default='?')|join
users|map(attribute='tags.0', default='-')|list
mixed|join('-')
s|join('.')
undefined_name|join(',')
none|join
l|sort
l|sort(reverse=true)
names|sort
names|sort(case_sensitive=true)
names|sort(true)
users|sort(attribute='age')|map(attribute='name')|list
users|sort(attribute='age,name')|map(attribute='name')|list
users|sort(attribute='name', reverse=true)|map(attribute='name')|list
mixed|sort
[]|sort
d|sort
l|max
l|min
names|max
names|min(case_sensitive=true)
users|max(attribute='age')
[]|max
l|sum
[]|sum
[0.1, 0.2]|sum
users|sum(attribute='age')
users|sum(attribute='age', start=100)
[[1], [2]]|sum(start=[])
['a']|sum
l|reverse|list
s|reverse
l|reverse
d|reverse|list
range(3)|reverse|list
i|reverse
[1, 2, 1, 3, 2]|unique|list
['a', 'A', 'b']|unique|list
['a', 'A', 'b']|unique(true)|list
users|unique(attribute='age')|map(attribute='name')|list
[[1], [1]]|unique|list
l|map('string')|list
l|map('multiply')|list
names|map('upper')|list
names|map('replace', 'o', '0')|list
names|map('truncate', 3, true, '')|list
l|select('odd')|list
l|select('gt', 1)|list
l|select('>', 1)|list
l|reject('odd')|list
[0, 1, '', 'a', none]|select|list
[0, 1, '', 'a', none]|reject|list
l|select('nosuchtest')|list
users|selectattr('on')|map(attribute='name')|list
users|selectattr('age', 'eq', 30)|map(attribute='name')|list
users|selectattr('age', 'equalto', 25)|list
users|rejectattr('on')|map(attribute='name')|list
users|selectattr('on', 'defined')|list|length
users|selectattr('tags', 'undefined')|list|length
messages|selectattr('role', 'equalto', 'user')|map(attribute='content')|join(',')
messages|selectattr('role', '==', 'user')|list|last
messages|selectattr('role', 'in', ['user', 'system'])|list|length
messages|rejectattr('role', 'equalto', 'system')|list|first
users|groupby('age')
users|groupby('age')|map('first')|list
users|groupby('tags', default='none')|list|length
(users|groupby('age')|first).grouper
(users|groupby('age')|last).list|length
users|groupby('name')|map(attribute='grouper')|list
d|dictsort
d|dictsort(reverse=true)
{'b': 1, 'A': 3}|dictsort
{'b': 1, 'A': 3}|dictsort(true)
{'b': 1, 'A': 3}|dictsort(by='value')
{'b': 1, 'A': 3}|dictsort(false, 'nope')
l|dictsort
d|items|list
undefined_name|items|list
l|items|list
[1, 2, 3, 4, 5]|batch(2)|list
[1, 2, 3, 4, 5]|batch(2, 'x')|list
[1, 2, 3, 4, 5]|slice(2)|list
[1, 2, 3, 4, 5]|slice(3, 'x')|list
[1, 2]|slice(0)|list
undefined_name|default('x')
undefined_name|default
none|default('x')
none|default('x', true)
e|default('x')
e|default('x', true)
e|default('x', boolean=true)
e|d('x', boolean=false)
d.zzz|default('y')
d.zzz.y|default('y')
'42'|int
' 42 '|int
'4_2'|int
'42.9'|int
'x'|int
'x'|int(5)
'x'|int(default='d')
'0x1A'|int(base=16)
'0x1A'|int
'ff'|int(0, 16)
'0b11'|int(0, 2)
'-7'|int
'1e3'|int
'inf'|int
none|int
l|int
3.99|int
-3.99|int
true|int
undefined_name|int
'3.5'|float
'x'|float
'x'|float(1.5)
'1e5'|float
'nan'|float
'-inf'|float
'1_0.5'|float
3|float
none|float
undefined_name|float
2.5|round
3.5|round
2.675|round(2)
2.5|round(0, 'ceil')
2.41|round(1, 'floor')
-2.5|round(0, 'floor')
7|round
7|round(1)
42.55|round(1, method='ceil')
2.5|round(1, 'nope')
1e20|round
'x'|round
-5|abs
-5.5|abs
true|abs
'x'|abs
i|string
l|string
none|string
s|string
true|string ~ 'x'
s|center(20)
s|center(21) ~ '|'
'ab'|center(5) ~ '|'
'abc'|center(6) ~ '|'
lines|indent
lines|indent(2, true)
lines|indent(2, first=true, blank=true)
lines|indent('> ')
lines|indent(width=1)
e|indent
i|indent
s|truncate(5)
s|truncate(5, true)
s|truncate(5, leeway=0)
s|truncate(8, false, '…', 0)
'foo bar baz qux'|truncate(9)
'foo bar baz qux'|truncate(9, true)
'foo bar baz qux'|truncate(11, false, '...', 0)
s|truncate(2)
s|wordcount
'a-b c_d é1 ½'|wordcount
html|e
html|escape
html|safe
html|e|e
html|forceescape
html|e|forceescape
html|e + '<b>'
'<b>' + html|e
html|e ~ '<b>'
(html|e)|upper
(html|e)|length
(html|safe) + '<i>'
[html|e]
5|e
'a b/c?d=é&f'|urlencode
{'a b': 'c&d', 'é': 1}|urlencode
[('a', 1), ('b', '/')]|urlencode
5|urlencode
s|attr('upper')
s|attr('nope')
d|attr('b')
d|attr('items')
s|format(1)
'%s is %d'|format('a', 3)
'%(a)s'|format(a=1)
'%s'|format
'%s %s'|format('a')
'%s' % 5
'%s %s' % (1, 'b')
'%d' % 5.9
'%d' % 'a'
'%5d|%-5d|%05d|%+d|% d' % (42, 42, 42, 42, 42)
'%x %X %o %#x %#o' % (255, 255, 8, 255, 8)
'%f %.2f %e %g %G' % (3.14159, 2.675, 12345.678, 0.00001, 1e20)
'%10s|%-10s|%.2s' % ('abc', 'abc', 'abc')
'%r %s' % ('a', none)
'%c%c' % ('x', 65)
'%%'  % ()
'%s' % [1]
'abc' % [1]
'abc' % 1
'%s' % {'a': 1}
'%(a)s %(b)05.1f' % {'a': 'x', 'b': 2.25}
'%(zz)s' % {'a': 1}
'%*d' % (5, 42)
'%' % 1
'%z' % 1
'%s' % undefined_name
'%5.1f%%' % 99.55
'{} {}'.format(1, 'b')
'{1} {0} {a}'.format(1, 2, a='k')
'{0.real} {1[b]} {2[0]}'.format(5, d, l)
'{:>5}|{:<5}|{:^5}|{:*^7}'.format('a', 'b', 'c', 'd')
'{:05d} {:+d} {:,} {:_} {:x} {:#b} {:o} {:X}'.format(42, 42, 1234567, 1234567, 255, 5, 8, 255)
'{:.2f} {:10.3f} {:e} {:%} {:g} {:,.2f}'.format(3.14159, 2.5, 12345.678, 0.25, 0.0001, 1234567.891)
'{!r} {!s}'.format('a', 'b')
'{{}} {}'.format(1)
'{'.format(1)
'{} {0}'.format(1)
'{2}'.format(1)
'{a}'.format(1)
'{:d}'.format('a')
'{:s}'.format(1)
'{:>{}}'.format('a', 5)
'{0.__class__}'.format(1)
'{:}'.format(none)
'{:5}'.format(none)
'{:5}|{:5}'.format(2.5, 7)
'{:.3}'.format('abcdef')
'{:6.2}|'.format('abc')
s.split()
s.split('o')
s.split('o', 1)
s.split(maxsplit=1)
s.split('')
w.split()
' a  b '.split(' ')
'a,b,c'.rsplit(',', 1)
' a b  c '.rsplit(none, 1)
' a b  c '.split(none, 1)
'a,b'.partition(',')
'ab'.partition(',')
'a,b,c'.rpartition(',')
'ab'.rpartition(',')
lines.splitlines()
lines.splitlines(true)
'a\\x0bb\\x0cc\\x1cd\\x85e\\u2028f'.splitlines()
w.strip()
w.lstrip() ~ '|'
w.rstrip() ~ '|'
'xxhixx'.strip('x')
'xxhixx'.lstrip('x')
'xxhixx'.rstrip('x')
'abc'.strip('')
s.strip(5)
s.startswith('Hello')
s.startswith(('x', 'H'))
s.startswith('World', 6)
s.startswith('World', 6, 8)
s.startswith(5)
s.endswith('World')
s.endswith(('x', 'd'))
s.find('o')
s.find('o', 5)
s.find('z')
s.rfind('o')
s.index('W')
s.index('z')
u.find('日')
u.rfind('ß')
s.count('l')
s.count('')
s.count('l', 4)
'aaa'.count('aa')
s.replace('l', 'L')
s.replace('l', 'L', 1)
s.replace('', '-', 3)
u.replace('日', 'x')
s.replace('a', 1)
s.title()
"they're bill's".title()
s.capitalize()
s.upper().lower()
s.swapcase is defined
'-'.join(['a', 'b'])
'-'.join('abc')
'-'.join([1])
'-'.join(names|map('upper'))
'42'.zfill(5)
'-42'.zfill(5)
'a'.ljust(4) ~ '|'
'a'.rjust(4, '.')
'a'.center(4) ~ '|'
'abc'.removeprefix('a')
'abc'.removesuffix('c')
'abc'.isalpha()
'ab1'.isalnum()
'12'.isdigit()
'²'.isdigit()
'²'.isdecimal()
'½'.isnumeric()
''.isdigit()
' \\t'.isspace()
'ABC'.isupper()
'abc'.islower()
'aé'.isascii()
'日本'.isalpha()
s.foo is defined
d|tojson
mixed|tojson
u|tojson
q|tojson
html|tojson
l|tojson(indent=2)
d|tojson(indent=4)
empty|tojson(indent=2)
[[], {}]|tojson(indent=1)
d|tojson(separators=(',', ':'))
d|tojson(indent=2, separators=(',', ': '))
d|tojson(sort_keys=true)
d|tojson(indent='--')
d|tojson(indent=0)
u|tojson(ensure_ascii=true)
d|tojson(true)
undefined_name|tojson
{1: 'a', none: 'b', true: 'c', 1.5: 'd'}|tojson
{(1, 2): 'a'}|tojson
(1, 2)|tojson
range(3)|tojson
d.items()|tojson
'inf'|float|tojson
none|tojson
[1.0, 1e16, 0.1]|tojson
'\\x7f\\x1f\\u2028'|tojson
namespace(a=1)|tojson
s|tojson|safe
d|tojson|length
s|nosuchfilter
s|upper|lower|title
(l|first) + 1
-i
+i
-f
-s
--i
- -i
not not i
i.__add__
(i)
((i))
[i, [f, [s]]]
i is number and s is string
i == 7 and s == 'Hello World'
'a' ~ 1 + 2
1 + 2 ~ 'a'
1 ~ 2 * 3
'a' if i > 5 else 'b'
l | length > 2
l|length == 3 and true
'%s' % s|upper
s[0]|lower
s.upper()[0]
(s|upper)[1]
d.c['x']|sum
users[0].name[0]
users[0]['name'].upper()
users.0.name
'abc'[1]
[1, 2, 3][1]
{'a': 5}.a
{'a': 5}['a']
'x'.join(['a'])
1.5.is_integer()
loop
caller is defined
varargs is defined
""".strip("\n").split("\n")


def snippets():
    """Every template once."""
    seen = dict.fromkeys("{{ " + expression + " }}" for expression in expressions())
    seen.update(dict.fromkeys(TEMPLATES))
    return list(seen)
