/* segment_index.c - see segment_index.h. */
#include "writer/index/segment_index.h"

#include <stdlib.h>

void index_free(struct segment_index *index) {
    free(index->groups);
    free(index->sections);
    *index = (struct segment_index){0};
}
