/* where_needs.c - derives from a condition what every record that meets it contains. */
#include <string.h>

#include "tools/query/where_internal.h"

static struct need text_need(const struct where_node *node, const struct where_operand *operand) {
    const bool begins = node->relation == WHERE_EQUAL || node->relation == WHERE_STARTS;
    const bool ends = node->relation == WHERE_EQUAL || node->relation == WHERE_ENDS;
    return need_text(operand->text, operand->size, begins, ends);
}

/* The field equals one of the operands. */
static struct need equal_need(const struct where_node *node) {
    struct need need = {0};
    for (uint32_t i = 0; i < node->count; i++) {
        const struct where_operand *const operand = &node->operands[i];
        struct need part = {0};
        if (operand->type == VALUE_STRING) part = text_need(node, operand);
        if (operand->type == VALUE_NUMBER) part = need_number(operand->text, operand->size);
        need_add(&need, NEED_ONE, part);
    }
    return need;
}

/* The text of an object or array, which a pattern matches too, contains its bytes; so escapes only
 * add to what a line may contain (need_spell), but the filters must not expect decoded text.  That
 * is the same for literals of printable ASCII without quotes and backslashes. */
static struct need like_need(const struct where_node *node) {
    struct need need = {0};
    for (uint32_t i = 0; i < node->regex.literal_count; i++) {
        const struct regex_literal *literal = &node->regex.literals[i];
        const uint8_t *const bytes = literal->bytes;
        size_t begin = 0, end = 0, at = 0;
        for (size_t j = 0; j <= literal->size; j++) { /* the longest such part */
            if (j < literal->size && bytes[j] >= 0x20 && bytes[j] < 0x7f && bytes[j] != '"' &&
                bytes[j] != '\\')
                continue;
            if (j - at > end - begin) begin = at, end = j;
            at = j + 1;
        }
        need_add(&need, NEED_ONE, need_text(bytes + begin, end - begin, false, false));
    }
    return need;
}

static struct need test_need(const struct where_node *node) {
    const struct need nothing = {0};
    if (node->negated || node->path.is_canonical) return nothing;
    switch (node->relation) {
    case WHERE_EQUAL: return equal_need(node);
    case WHERE_LIKE: return like_need(node);
    case WHERE_CONTAINS:
    case WHERE_STARTS:
    case WHERE_ENDS: return text_need(node, &node->operands[0]);
    default: return nothing;
    }
}

/* Recursion ends: nodes only refer to earlier nodes. */
static struct need node_need(const struct where *where, uint32_t number) {
    const struct where_node *node = &where->nodes[number];
    struct need need = {0};
    if (node->kind == WHERE_TEST) return test_need(node);
    if (node->kind != WHERE_AND && node->kind != WHERE_OR) return need;
    const struct need left = node_need(where, node->left), right = node_need(where, node->right);
    const enum need_kind kind = node->kind == WHERE_AND ? NEED_ALL : NEED_ONE;
    need_add(&need, kind, left);
    need_add(&need, kind, right);
    return need;
}

struct need where_need(const struct where *where) {
    return node_need(where, where->root);
}
