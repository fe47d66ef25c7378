/* rotations.c - see rotations.h. */
#include "ingest/daemon/rotations.h"

#include <stdio.h>
#include <string.h>

#include "port/error.h"

/* A request is answered after this time if a stream that it waits for is failing: by then the stream
 * has retried, and has tried a new file. */
#define FAILING_NS (10 * 1000000000ll)
/* It is answered after this time in any case: a disk may hang, or be very slow. */
#define LIMIT_S    60
#define LIMIT_NS   (LIMIT_S * 1000000000ll)

void rotations_add(struct rotations *rotations, uint64_t request) {
    pipeline_seal(rotations->pipeline);
    const uint64_t batches = pipeline_sealed(rotations->pipeline);
    struct rotation *last = rotations->count ? &rotations->all[rotations->count - 1] : NULL;
    const bool same = last && !last->begun && last->batches == batches;
    if (!same && rotations->count < ROTATIONS_MAX) {
        last = &rotations->all[rotations->count++];
        *last = (struct rotation){.asked_ns = port_now_ns(rotations->port)};
    }
    if (request) last->request = request;
    last->batches = batches;
    last->begun = false;
}

static void begin(struct rotations *rotations) {
    for (uint32_t i = 0; i < rotations->count; i++) {
        struct rotation *rotation = &rotations->all[i];
        if (rotation->begun) continue;
        if (pipeline_appended(rotations->pipeline) < rotation->batches) return;
        stream_set_rotate(rotations->streams, &rotation->positions);
        rotation->begun = true;
    }
}

static void answer_first(struct rotations *rotations, const char *error) {
    const uint64_t request = rotations->all[0].request;
    rotations->count--;
    memmove(rotations->all, rotations->all + 1, rotations->count * sizeof *rotations->all);
    if (request) rotations->answer(rotations->context, request, error);
}

static bool left_as_part(const struct rotations *rotations, const struct rotation *rotation) {
    return stream_set_segments_suspect(rotations->streams) > rotation->positions.suspect;
}

static const char left_text[] =
    "a segment stays .part because writing or syncing it has failed; the next start recovers it";

/* Why the first one is over: "" if it is complete; NULL: it waits. */
static const char *outcome(const struct rotations *rotations, char *text) {
    const struct rotation *rotation = &rotations->all[0];
    const int64_t waited_ns = port_now_ns(rotations->port) - rotation->asked_ns;
    int error = 0;
    const char *name = NULL;
    if (rotation->begun) {
        name = stream_set_unclosed(rotations->streams, &rotation->positions, &error);
        if (!name) return left_as_part(rotations, rotation) ? left_text : "";
    }
    if (error && waited_ns >= FAILING_NS) {
        snprintf(text, ROTATION_ERROR_MAX,
                 "stream %s: %s; its segment is closed when the disk works again", name,
                 error_text(error));
        return text;
    }
    if (waited_ns < LIMIT_NS) return NULL;
    if (name)
        snprintf(text, ROTATION_ERROR_MAX,
                 "stream %s: its segment is not closed after %d s; the rotation continues", name,
                 LIMIT_S);
    else
        snprintf(text, ROTATION_ERROR_MAX,
                 "records received before are not written after %d s; the rotation continues",
                 LIMIT_S);
    return text;
}

void rotations_step(struct rotations *rotations) {
    char text[ROTATION_ERROR_MAX];
    begin(rotations);
    while (rotations->count > 0) { /* ends: each round answers one, or returns */
        const char *over = outcome(rotations, text);
        if (!over) return;
        answer_first(rotations, over[0] ? over : NULL);
    }
}

int64_t rotations_wait_ns(const struct rotations *rotations) {
    return rotations->count > 0 ? FAILING_NS / 10 : -1;
}

void rotations_end(struct rotations *rotations, bool lost) {
    while (rotations->count > 0)
        answer_first(rotations, lost ? "not all records could be stored"
                                : left_as_part(rotations, &rotations->all[0]) ? left_text
                                                                              : NULL);
}
