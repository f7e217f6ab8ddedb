"""Varied strings for tokenizer tests: a seeded, endless supply of awkward text, as bytes.

Used by text.py. Everything here is made up or a list of single words; nothing is quoted from anywhere.
"""

import random
import unicodedata

ENGLISH = """the of and to in a is that for it as was with be by on not he his but at are this have from or had
an they which one you were all her she there would their we him been has when who will no more if out so up
said what its about than into them can only other time new some could these two may first then do any like my
now over such our man me even most made after also well where through way down should because long each just
state people those too mr how little good make world still own see work men day years life hand part children
eyes found small house great old thought between morning quietly strawberries unbelievable telephone
counterrevolutionaries antidisestablishmentarianism don't it's we're they've I'll she'd I'm can't O'Neil""".split()
WORDS = {
    "german": "größe über straße mädchen und nicht schön Äpfel Öl Übung ẞ weiß Donaudampfschifffahrt".split(),
    "french": "être où déjà garçon œuvre naïve ça élève août Noël l'été c'est aujourd'hui cœur".split(),
    "vietnamese": "tiếng Việt không được người đường những phở bánh mì".split(),
    "turkish": "ığdır İstanbul çocuk şeker ğ ÜÇ".split(),
    "russian": "привет мир который человек ёлка съёмка Москва длинношеее".split(),
    "greek": "και όχι άνθρωπος ΐ ᾧ Ἀθῆναι λόγος ς".split(),
    "hebrew": "שלום עולם בְּרֵאשִׁית ספר".split(),
    "arabic": "السلام عليكم مَرْحَبًا كتاب لغة ١٢٣ لا ﷺ".split(),
    "hindi": "नमस्ते हिन्दी क्षत्रिय संस्कृतम् क़लम ज़रूर १२३".split(),
    "bengali": "বাংলা কো ক্ষ হয়".split(),
    "tamil": "தமிழ் கொ நன்றி".split(),
    "thai": "สวัสดี ประเทศไทย น้ำ ๑๒๓ กำลัง".split(),
    "lao": "ສະບາຍດີ ນ້ຳ".split(),
    "khmer": "ភាសាខ្មែរ ស្រី".split(),
    "burmese": "မြန်မာ ဘာသာ".split(),
    "tibetan": "བོད་སྐད བཀྲ་ཤིས".split(),
    "georgian": "გამარჯობა ᲒᲐᲛᲐᲠᲯᲝᲑᲐ".split(),
    "armenian": "բարև և աշխարհ".split(),
    "amharic": "ሰላም ዓለም ፩፪፫".split(),
    "chinese": "你好 世界 我们 今天天气很好 數學 龍 㐀 𠮷 豈 樂".split(),
    "japanese": "こんにちは 世界 カタカナ ﾊﾝｶｸ がぎぐ は゜ 々 ー".split(),
    "korean": "안녕하세요 한국어 각 각 ㄱㅏ 힣".split(),
    "cherokee": "ᏣᎳᎩ ꭰꭱ".split(),
    "math": "∑ ∫ √2 α≤β ℵ₀ x² H₂O ½ ⅷ Ⅻ ① ㊷ 𝟘𝟙 𝓐 ℝ".split(),
}
EMOJI = ["😀", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "🇺🇸🇫🇷", "❤️", "☎︎", "1️⃣", "🫠", "🧑🏿‍🚀", "‍", "️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "©", "™️", "🪿", "🫩"]
SPACES = [chr(c) for c in (0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028,
                           0x2029, 0x202F, 0x205F, 0x3000, 0x180E, 0x200B, 0x2060, 0xFEFF, 0x1C, 0x1F)]
CODE = ["def f(x):\n    return x**2\n", "for (int i = 0; i < n; ++i) {\n\t\ta[i] += 0x1F;\n}\n", "if x == 10_000: pass",
        "std::vector<std::string> v{\"a\", \"b\"};", "SELECT * FROM t WHERE id='5' AND n<>3;", "<div class=\"a\">x</div>",
        "{\"k\": [1, 2.5e-10, null, true]}", "#include <cstdio>\r\n\r\n", "printf(\"%08.3f\\n\", 3.14159);", "a->b.c()[0]",
        "let x = `t${y}`; // c", "$HOME/.bin && ls -la | grep 'x' > /dev/null 2>&1", "\\frac{1}{2}\\alpha^{n+1}", "x!=y",
        "https://example.org/a?b=c&d=%20#e", "user@example.com", "2024-01-31T23:59:59Z", "1,234,567.89", "+49 (0)30 1234"]
MARKERS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|im_start|>user\n", "<|im", "|>", "<|", "<think>", "</think>",
           "<|eot_id|>", "<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<tool_call>", "</tool_call>",
           "<|im_start|", "<|im_end|>\n", "<<|im_end|>>", "<repo_name>", "<file_sep>", "<mask>", " <mask> ", "[INST]",
           "<|reserved_special_token_1|>", "<|reserved_special_token_12|>", "<|vision_pad|>", "cafe\u0301", "café", "<s>"]
CONTRACTIONS = ["'s", "'S", "'t", "'T", "'re", "'RE", "'rE", "'ve", "'Ve", "'m", "'M", "'ll", "'LL", "'lL", "'d", "'D", "'ſ",
                "'ſt", "’s", "''s", "'", "'r", "'l", "'v", "'x", "'é", "' s", "'1", "'\n", "'K", "'st", "'ﬆ", "'ŝ"]
BROKEN = [b"\x80", b"\xbf\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xc3", b"\xc3(", b"\xe0\x80\x80", b"\xe0\xa0", b"\xe2\x82",
          b"\xed\xa0\x80", b"\xed\xa0\xbd\xed\xb8\x80", b"\xef\xbf", b"\xf0\x80\x80\x80", b"\xf0\x9f", b"\xf0\x9f\x98",
          b"\xf4\x90\x80\x80", b"\xf4\x8f\xbf", b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xff", b"\xfe\xff", b"\xff\xfea\x00",
          b"a\xe4\xb8b", b"\x00", b"\xe4\xb8\xad\xe6", b"\xf1\x80\x80", b"\xf1\x80A", b"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41"]


def _by_category(*majors):
    found = []
    for code in range(0x110000):
        if not 0xD800 <= code < 0xE000 and unicodedata.category(chr(code)).startswith(majors):
            found.append(chr(code))
    return found


DIGITS = _by_category("N")
MARKS = _by_category("M")
PUNCTUATION = _by_category("P", "S")
COMPOSABLE = [chr(c) for c in range(0xC0, 0x110000) if unicodedata.decomposition(chr(c))
              and not unicodedata.decomposition(chr(c)).startswith("<")]
ASCII = [chr(c) for c in range(128)]


class Strings:
    """next(bytes) for ever; the same seed gives the same strings with the same Python."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.kinds = [self.english, self.language, self.code, self.emoji, self.spaces, self.digits, self.marks,
                      self.planes, self.markers, self.contractions, self.runs, self.punctuation, self.ascii,
                      self.hangul, self.composable, self.low_planes]

    def __iter__(self):
        return self

    def __next__(self):
        r = self.random
        if r.random() < 0.35:
            text = r.choice(self.kinds)()
        else:
            text = "".join(r.choice(self.kinds)() for _ in range(r.randint(2, 5)))
        if r.random() < 0.15:
            text = text[: r.randint(0, len(text))]
        if r.random() < 0.05:
            text = unicodedata.normalize(r.choice(["NFD", "NFC"]), text)
        data = text.encode("utf-8")
        if r.random() < 0.2:
            data = self.damage(data)
        return data

    def damage(self, data):
        r = self.random
        for _ in range(r.randint(1, 3)):
            at = r.randint(0, len(data))
            how = r.random()
            if how < 0.5:
                data = data[:at] + r.choice(BROKEN) + data[at:]
            elif how < 0.75:
                data = data[:at] + bytes([r.randrange(256)]) + data[at + 1:]
            else:
                data = data[:at] + data[at + 1:]
        return data

    def some(self, source, low, high, join=""):
        return join.join(self.random.choice(source) for _ in range(self.random.randint(low, high)))

    def space(self):
        return self.random.choice([" ", " ", " ", "", "  ", "\n", "\t", "\n\n", " \n ", "\r\n", "\u00a0"])

    def english(self):
        words = [self.random.choice(ENGLISH) for _ in range(self.random.randint(1, 8))]
        if self.random.random() < 0.3:
            words = [w.upper() if self.random.random() < 0.3 else w.capitalize() for w in words]
        return self.space() + " ".join(words) + self.random.choice(["", ".", ", ", "!", "? ", "...", " -- ", ":\n"])

    def language(self):
        words = WORDS[self.random.choice(list(WORDS))]
        return self.space() + self.some(words, 1, 5, self.random.choice([" ", "", "、"])) + self.space()

    def code(self):
        return self.random.choice(CODE)

    def emoji(self):
        return self.some(EMOJI, 1, 4, self.random.choice(["", "", " "]))

    def spaces(self):
        if self.random.random() < 0.5:
            return self.some([" ", "\n", "\t", "\r"], 1, 7) + self.random.choice(["", "x", "1", "!"])
        return self.some(SPACES, 1, 5) + self.random.choice(["", "x", "1", "!", " y", "中"])

    def digits(self):
        if self.random.random() < 0.5:
            return self.some("0123456789", 1, 12) + self.random.choice(["", "%", "km", " ", ".5"])
        return self.some(DIGITS, 1, 6) + self.random.choice(["", "a", " "])

    def marks(self):
        return self.random.choice("aeiouAnc가한ก क\u0301") + self.some(MARKS, 1, 5) + self.random.choice(["", "b", " c"])

    def planes(self):
        out = ""
        for _ in range(self.random.randint(1, 6)):
            code = self.random.randrange(0x110000)
            out += "\ufffd" if 0xD800 <= code < 0xE000 else chr(code)
        return out

    def low_planes(self):
        out = ""
        for _ in range(self.random.randint(1, 6)):
            code = self.random.randrange(self.random.choice([0x800, 0x3000, 0xD800, 0x20000]))
            out += "\ufffd" if 0xD800 <= code < 0xE000 else chr(code)
        return out

    def markers(self):
        return self.space() + self.random.choice(MARKERS) + self.space()

    def contractions(self):
        return self.random.choice(["", "I", "we", " it", "é", "1", " "]) + self.random.choice(CONTRACTIONS) + \
            self.random.choice(["", "x", " ", "S", "e", "1", "!"])

    def runs(self):
        return self.random.choice(["a", "ab", " ", "\n", "!", "=", "-", "😀", "é", "1", "的", "\u0301", "_", "the", " \n", "Ａ"]) * \
            self.random.choice([2, 3, 7, 16, 40, 90])

    def punctuation(self):
        return self.random.choice(["", " "]) + self.some(PUNCTUATION, 1, 5) + self.random.choice(["", "\n", "\r\n\n", "a", " a"])

    def ascii(self):
        return self.some(ASCII, 1, 12)

    def hangul(self):
        out = ""
        for _ in range(self.random.randint(1, 5)):
            out += chr(self.random.choice([self.random.randrange(0x1100, 0x1200), self.random.randrange(0xAC00, 0xD7A4)]))
        return out

    def composable(self):
        text = self.some(COMPOSABLE, 1, 3) + self.some(MARKS[:200], 0, 2)
        return unicodedata.normalize("NFD", text) if self.random.random() < 0.6 else text


# Characters at the borders of the classes that DeepSeek's expressions list by code point.
BORDERS = [chr(c + d) for c in (
    0x00B5, 0x00C0, 0x00D6, 0x00F7, 0x01BA, 0x01C4, 0x0293, 0x02AF, 0x0370, 0x037F, 0x0386, 0x03A1, 0x03F5, 0x0481, 0x052F,
    0x0556, 0x0800, 0x10A0, 0x10C5, 0x13A0, 0x13F5, 0x1C90, 0x1CBF, 0x1D2B, 0x1D9A, 0x1E00, 0x1F15, 0x1F5F, 0x1F7D, 0x1FBE,
    0x1FD3, 0x1FDB, 0x1FFC, 0x2018, 0x201F, 0x2102, 0x2126, 0x212A, 0x2149, 0x2184, 0x2C7B, 0x2CE4, 0x2CF3, 0x3000, 0x3002,
    0x3040, 0x3097, 0x3099, 0x309B, 0x309F, 0x30A0, 0x30FB, 0x30FF, 0x3400, 0x4DBF, 0x4E00, 0x9FA5, 0xA640, 0xA69B, 0xA722,
    0xA78E, 0xAB70, 0xABBF, 0xAC00, 0xD7A3, 0xD7FE, 0xFB06, 0xFB13, 0xFF01, 0xFF0F, 0xFF1A, 0xFF21, 0xFF3A, 0xFF5E, 0x1044F,
    0x104D3, 0x10C80, 0x118DF, 0x1E943) for d in (-1, 0, 1)]
KANA = "ぁあかがきゃんゞゟ\u3040\u3097\u3099\u309a゛゜ァアカガキャンー・ヽヿ゠々〆〇一龥䷿"
CLASSLESS = "\u200b\u200d\ufeff\u00ad\u0001\u007f\u0378\u2065\U000e0001\ue000\U00011de0"
DEEPSEEK_MARKERS = ["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<｜tool▁calls▁begin｜>",
                    "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>", "<|EOT|>", "<｜fim▁hole｜>", "<think>\n",
                    "</think>\n\n", "<｜User|>", "｜", "▁", "<｜place▁holder▁no▁7｜>"]


class DeepSeekStrings(Strings):
    """With what the splits of the DeepSeek models care about."""

    def __init__(self, seed):
        super().__init__(seed)
        self.kinds = self.kinds + 2 * [self.borders, self.kana, self.classless, self.deepseek_markers, self.trailing,
                                       self.signs]

    def borders(self):
        return self.some([*BORDERS, *"a .!1\n中"], 1, 8)

    def kana(self):
        return self.some(KANA, 1, 8) + self.random.choice(["", " ", "a", "1", "!", "。"]) + self.some(KANA, 0, 3)

    def classless(self):
        return self.some([*CLASSLESS, *"a 1!é\u0301カ中\n"], 1, 8)

    def deepseek_markers(self):
        return self.space() + self.random.choice(DEEPSEEK_MARKERS) + self.space()

    def trailing(self):
        return self.random.choice(["中", "ا", "!", "a", "é", "カ", "1", "\u200b", ""]) + self.some(SPACES, 0, 4) + \
            self.random.choice(["", "\n", " ", "ا", "a", "中", "1", "!", "é"])

    def signs(self):
        return self.some("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", 1, 3) + self.random.choice(["abc", "aé", "é", "A1", "中", " ", "\n"])
