/* keywords.c - finds a keyword by its name. */
#include "schema/rules/keywords.h"

#include <assert.h>
#include <string.h>

#include "schema/json/text.h"

static const struct {
    const char *name;
    size_t size;
    uint32_t vocabulary;
    enum shape shape;
} keywords[KEYWORDS] = {
#define X(keyword, name, vocabulary, shape) [keyword] = {name, sizeof name - 1, vocabulary, shape},
    KEYWORD_TABLE(X)
#undef X
};

enum keyword keyword_named(const char *raw, size_t size, uint32_t vocabularies) {
    const bool plain = text_is_plain(raw, size);
    for (int i = 1; i < KEYWORDS; i++) {
        if (plain && keywords[i].size != size) continue;
        if (!text_equals_decoded(raw, size, keywords[i].name, keywords[i].size)) continue;
        return keywords[i].vocabulary & vocabularies ? (enum keyword)i : KEYWORD_UNKNOWN;
    }
    return KEYWORD_UNKNOWN;
}

const char *keyword_name(enum keyword keyword) {
    assert(keyword > KEYWORD_UNKNOWN && keyword < KEYWORDS);
    return keywords[keyword].name;
}

enum shape keyword_shape(enum keyword keyword) {
    assert(keyword < KEYWORDS);
    return keyword == KEYWORD_UNKNOWN ? SHAPE_ANY : keywords[keyword].shape;
}

uint32_t vocabulary_named(const char *raw, size_t size) {
    static const char prefix[] = "https://json-schema.org/draft/2020-12/vocab/";
    static const struct {
        const char *name;
        uint32_t bit;
    } names[] = {{"core", VOCABULARY_CORE},
                 {"applicator", VOCABULARY_APPLICATOR},
                 {"unevaluated", VOCABULARY_UNEVALUATED},
                 {"validation", VOCABULARY_VALIDATION},
                 {"meta-data", VOCABULARY_META_DATA},
                 {"format-annotation", VOCABULARY_FORMAT_ANNOTATION},
                 {"format-assertion", VOCABULARY_FORMAT_ASSERTION},
                 {"content", VOCABULARY_CONTENT}};
    const size_t skip = sizeof prefix - 1;
    if (size <= skip || memcmp(raw, prefix, skip) != 0) return 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (text_equals_decoded(raw + skip, size - skip, names[i].name, strlen(names[i].name)))
            return names[i].bit;
    }
    return 0;
}
