// The generated Unicode data behind unicode.h and nfc.h (see tools/goldens/text_unicode.py for what
// comes from which version). Nothing else reads these tables.
#pragma once

#include <cstdint>

namespace fathom::unicode {

// kClasses[kClassBlocks[code >> 8] * 256 + (code & 255)] is the CharClass letter of `code`.
extern const uint8_t kClassBlocks[0x110000 / 256];
extern const char kClasses[];

// One step of canonical decomposition, sorted by code; second is 0 for a singleton.
struct Decomposition {
  uint32_t code, first, second;
};
extern const Decomposition kDecompositions[];
extern const int kDecompositionsCount;

// Indices of the decompositions that compose again, sorted by (first, second).
extern const uint16_t kCompositions[];
extern const int kCompositionsCount;

// Ranges of one non-zero canonical combining class, sorted.
struct CombiningClass {
  uint32_t first, last;
  uint8_t combining_class;
};
extern const CombiningClass kCombiningClasses[];
extern const int kCombiningClassesCount;

// Ranges of code points that NFC may change or join to what stands before them, sorted.
struct CodeRange {
  uint32_t first, last;
};
extern const CodeRange kNfcUnsafe[];
extern const int kNfcUnsafeCount;

}  // namespace fathom::unicode
