/* select_newest.c - the pieces of a segment in reverse (select_settings.newest_first): all are found
 * first, and those of a file of another program are kept in memory. */
#include <stdlib.h>
#include <string.h>

#include "port/system.h"
#include "tools/query/allocate.h"
#include "tools/query/select_internal.h"

/* Limit of the lines of a file of another program that newest_first keeps in memory. */
#define KEPT_BYTES_MAX (UINT64_C(1) << 30)

/* False: there are too many lines; a message was printed. */
static bool keep_piece(struct select *s, const struct buffer *packed) {
    if (s->kept_bytes + packed->size > KEPT_BYTES_MAX) {
        progress_clear(s->progress);
        say("%s: more than %u MiB of lines, which --newest-first must keep in memory; lines after "
            "them are skipped",
            s->open->cutter.segment->path, (unsigned)(KEPT_BYTES_MAX >> 20));
        s->report->failed = true;
        return false;
    }
    const struct kept_piece piece = {allocate(packed->size), packed->size};
    memcpy(piece.bytes, packed->bytes, packed->size);
    s->kept[s->cut_count] = piece;
    s->kept_bytes += packed->size;
    return true;
}

static void take_kept(struct select *s, struct buffer *packed) {
    struct kept_piece *piece = &s->kept[s->cut_count];
    buffer_reserve(packed, piece->size);
    memcpy(packed->bytes, piece->bytes, piece->size);
    packed->size = piece->size;
    free(piece->bytes);
}

void select_find_cuts(struct select *s, struct buffer *packed) {
    struct cut cut;
    s->cut_count = 0;
    s->kept_bytes = 0;
    while (cutter_next(&s->open->cutter, &cut, packed)) {
        if (s->cut_count == s->cut_room) {
            s->cut_room = s->cut_room > 0 ? s->cut_room * 2 : 64;
            s->cuts = reallocate(s->cuts, s->cut_room * sizeof *s->cuts);
            s->kept = reallocate(s->kept, s->cut_room * sizeof *s->kept);
        }
        if (cut.foreign && !keep_piece(s, packed)) break;
        s->cuts[s->cut_count++] = cut;
    }
}

bool select_take_cut(struct select *s, struct piece *piece) {
    if (s->cut_count == 0) return false;
    piece->cut = s->cuts[--s->cut_count];
    piece->cut.unread = !piece->cut.careful && !piece->cut.known && !piece->cut.foreign;
    if (piece->cut.foreign) take_kept(s, &piece->packed);
    return true;
}

void select_close_cuts(struct select *s) {
    while (s->open != NULL && s->open->cutter.foreign != NULL && s->settings->newest_first &&
           s->cut_count > 0)
        free(s->kept[--s->cut_count].bytes);
    free(s->cuts);
    free(s->kept);
}
