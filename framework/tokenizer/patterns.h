/* patterns.h - regular expressions that many tokenizers share, as they are published. */
#ifndef TOKENIZER_PATTERNS_H
#define TOKENIZER_PATTERNS_H

#define CONTRACTION_PATTERN "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define ASCII_CONTRACTION_PATTERN                                                                                  \
    "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])" /* as llama.cpp takes it */
#define SPACES_PATTERN  "\\s+(?!\\S)|\\s+"
#define LINES_PATTERN   "\\s*[\\r\\n]+|" SPACES_PATTERN
#define SYMBOLS_PATTERN " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" LINES_PATTERN
#define PATHS_PATTERN   " ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" LINES_PATTERN /* which a slash may end */

#define GPT2_PATTERN "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

/* contraction C, digits N */
#define WORDS_PATTERN(C, N) C "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" N "|" SYMBOLS_PATTERN
#define LLAMA3_PATTERN      WORDS_PATTERN(CONTRACTION_PATTERN, "\\p{N}{1,3}")
#define QWEN2_PATTERN       WORDS_PATTERN(CONTRACTION_PATTERN, "\\p{N}")
#define LLAMA3_ASCII        WORDS_PATTERN(ASCII_CONTRACTION_PATTERN, "\\p{N}{1,3}")
#define QWEN2_ASCII         WORDS_PATTERN(ASCII_CONTRACTION_PATTERN, "\\p{N}")
#define CL100K_PATTERN                                                                                             \
    "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|"            \
    "\\s*[\\r\\n]|" SPACES_PATTERN

/* words with their marks */
#define MARKED_PATTERN(C)                                                                                          \
    C "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" LINES_PATTERN
#define QWEN35_PATTERN MARKED_PATTERN(CONTRACTION_PATTERN)
#define QWEN35_ASCII   MARKED_PATTERN(ASCII_CONTRACTION_PATTERN)

/* words whose capitals come first: U may be a capital, L a small letter, C follows the word */
#define CASED_PATTERN(U, L, C) "[^\\r\\n\\p{L}\\p{N}]?" U "*" L "+" C "|[^\\r\\n\\p{L}\\p{N}]?" U "+" L "*" C
#define CAPITALS               "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define SMALL                  "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define O200K_PATTERN          CASED_PATTERN(CAPITALS, SMALL, CONTRACTION_PATTERN "?") "|\\p{N}{1,3}|" PATHS_PATTERN
#define TEKKEN_PATTERN         CASED_PATTERN(CAPITALS, SMALL, "") "|\\p{N}|" PATHS_PATTERN
/* as llama.cpp takes them: only A-Z and a-z have a case */
#define ASCII_CAPITALS "[\\p{L}&&[^a-z]]"
#define ASCII_SMALL    "[\\p{L}&&[^A-Z]]"
#define O200K_ASCII                                                                                                \
    CASED_PATTERN(ASCII_CAPITALS, ASCII_SMALL, ASCII_CONTRACTION_PATTERN "?") "|\\p{N}{1,3}|" PATHS_PATTERN
#define TEKKEN_ASCII CASED_PATTERN(ASCII_CAPITALS, ASCII_SMALL, "") "|\\p{N}|" PATHS_PATTERN

#endif
