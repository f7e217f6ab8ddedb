// Replies of the mock server: one with every construct of Markdown that the page shows, and one that
// tries to run a script, load a picture or dress up the page in every way known to us.

export const kMarkdown = `Reversing a string in Python takes **one slice**. The slice \`s[::-1]\` walks the string from its end with a step of minus one.

## Two ways to write it

\`\`\`python
def reverse(text: str) -> str:
    """Return the characters of text, last one first."""
    return text[::-1]


print(reverse("fathom"))  # mohtaf
\`\`\`

The same with a loop, which shows what happens:

1. Start with an empty result.
2. Take each character in turn:
   - put it *in front* of the result,
   - go on with the next.
3. Return the result.

| Way | Lines | Time |
|:----|:-----:|-----:|
| slice | 1 | 0.1 µs |
| loop | 4 | 1.8 µs |
| \`reversed\` and \`join\` | 1 | 0.4 µs |

> A slice makes a copy: the old string stays as it was.

More is in the [documentation](https://docs.python.org/3/library/stdtypes.html "Python"). ~~Strings can be changed in place.~~

---

That is all there is to it.
`;

// Each sets window.hacked when it works.
export const kHostile = `Hostile text follows.

<script>window.hacked=1</script>
<img src=x onerror="window.hacked=2">
<svg onload="window.hacked=3"><script>window.hacked=4</script></svg>
<iframe srcdoc="<script>parent.hacked=5</script>"></iframe>
<a href="javascript:window.hacked=6">click</a>
<div style="position:fixed;inset:0;background:red" id="cover">cover</div>
<style>body{display:none}</style>
<form action="https://example.org"><input name="password"></form>

[one](javascript:window.hacked=7) [two](JaVaScRiPt:window.hacked=8) [three](data:text/html,<script>window.hacked=9</script>)
[four](vbscript:window.hacked=10) [five](&#106;avascript:window.hacked=11) [six]( java
script:window.hacked=12)
![x](x" onerror="window.hacked=13) ![y](https://example.org/track.gif)
<https://example.org/" onmouseover="window.hacked=14>
[seven](https://example.org/" onclick="window.hacked=15 "t\\" onclick=\\"window.hacked=16")

\`\`\`html" onmouseover="window.hacked=17
<script>window.hacked=18</script>
\`\`\`

\`\`\`xml
<img src=x onerror="window.hacked=19">
\`\`\`

| <b onclick="window.hacked=20">a</b> | b |
|---|---|
| <img src=x onerror=window.hacked=21> | [z](javascript:window.hacked=22) |

<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=window.hacked=23&gt;">

End of the hostile text.
`;
