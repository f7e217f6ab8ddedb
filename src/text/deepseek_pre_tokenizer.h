// The pre-tokenizers of the DeepSeek models: rows of pre_tokenizer.h, apart because each is a chain
// of expressions of which the later ones see only what the earlier ones left. Included by
// pre_tokenizer.cc alone.
#pragma once

#include <cstddef>
#include <string_view>

namespace fathom {

// DeepSeek-V3, R1 and V3.1.
std::size_t NextDeepSeekV3(const char* text, std::size_t size, std::size_t position);
inline constexpr std::string_view kDeepSeekV3Steps =
    R"json([{"type":"Split","behavior":"Isolated","invert":false,)json"
    R"json("pattern":{"Regex":"\\p{N}{1,3}"}},)json"
    R"json({"type":"Split","behavior":"Isolated","invert":false,)json"
    R"json("pattern":{"Regex":"[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"}},)json"
    R"json({"type":"Split","behavior":"Isolated","invert":false,"pattern":{"Regex":)json"
    R"json("[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+)json"
    R"json(|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*)json"
    R"json(|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"}},)json"
    R"json({"type":"ByteLevel","add_prefix_space":false,"use_regex":false}])json";

// DeepSeek LLM, V2 and V2-Lite. The long class is of letters with case.
std::size_t NextDeepSeekLlm(const char* text, std::size_t size, std::size_t position);
inline constexpr std::string_view kDeepSeekLlmSteps =
    R"json([{"type":"Split","behavior":"Isolated","invert":false,)json"
    R"json("pattern":{"Regex":"[\r\n]"}},)json"
    R"json({"type":"Split","behavior":"Isolated","invert":false,"pattern":{"Regex":"\\s?[)json"
    R"json(A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf)json"
    R"json(\u01c4-\u0293\u0295-\u02af\u0370-\u0373\u0376\u0377\u037b-\u037d\u037f)json"
    R"json(\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481)json"
    R"json(\u048a-\u052f\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd)json"
    R"json(\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a)json"
    R"json(\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57)json"
    R"json(\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe)json"
    R"json(\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec)json"
    R"json(\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d)json"
    R"json(\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f)json"
    R"json(\u2145-\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee)json"
    R"json(\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f\ua771-\ua787)json"
    R"json(\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a)json"
    R"json(\uff41-\uff5a\ud801\udc00-\ud801\udc4f\ud801\udcb0-\ud801\udcd3)json"
    R"json(\ud801\udcd8-\ud801\udcfb\ud803\udc80-\ud803\udcb2)json"
    R"json(\ud803\udcc0-\ud803\udcf2\ud806\udca0-\ud806\udcdf)json"
    R"json(\ud83a\udd00-\ud83a\udd43)json"
    R"json(]+"}},{"type":"Split","behavior":"Isolated","invert":false,"pattern":{"Regex":)json"
    R"json("\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+"}},)json"
    R"json({"type":"Split","behavior":"Isolated","invert":false,)json"
    R"json("pattern":{"Regex":"\\s+$"}},)json"
    R"json({"type":"Split","behavior":"Isolated","invert":false,)json"
    R"json("pattern":{"Regex":"[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"}},)json"
    R"json({"type":"Digits","individual_digits":true},)json"
    R"json({"type":"ByteLevel","add_prefix_space":false,"use_regex":false}])json";

// DeepSeek Coder.
std::size_t NextDeepSeekCoder(const char* text, std::size_t size, std::size_t position);
inline constexpr std::string_view kDeepSeekCoderSteps =
    R"json([{"type":"Split","behavior":"Isolated","invert":false,)json"
    R"json("pattern":{"Regex":"[\r\n]"}},)json"
    R"json({"type":"Split","behavior":"Isolated","invert":false,)json"
    R"json("pattern":{"Regex":"\\s?\\p{L}+"}},)json"
    R"json({"type":"Split","behavior":"Isolated","invert":false,)json"
    R"json("pattern":{"Regex":"\\s?\\p{P}+"}},)json"
    R"json({"type":"Split","behavior":"Isolated","invert":false,)json"
    R"json("pattern":{"Regex":"[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"}},)json"
    R"json({"type":"Digits","individual_digits":true},)json"
    R"json({"type":"ByteLevel","add_prefix_space":false,"use_regex":false}])json";

}  // namespace fathom
