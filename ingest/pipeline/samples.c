/* samples.c - see samples.h. */
#include "ingest/pipeline/samples.h"

#include <string.h>

#include "port/system.h"

#define MINUTE_NS (60 * 1000000000ll)

/* FNV-1a.  If two keywords have the same hash, one sample is missed. */
static uint64_t hash(uint64_t sum, const char *text) {
    for (; *text; text++)
        sum = (sum ^ (uint8_t)*text) * UINT64_C(1099511628211);
    return sum;
}

static bool may_say(struct samples *samples, const char *listener, const char *keyword,
                    int64_t now_ns) {
    const uint64_t sum = hash(hash(UINT64_C(14695981039346656037), listener), keyword);
    if (samples->count == 0 || now_ns - samples->minute_ns >= MINUTE_NS) {
        samples->minute_ns = now_ns;
        samples->count = 0;
    }
    for (uint32_t i = 0; i < samples->count; i++)
        if (samples->keywords[i] == sum) return false;
    if (samples->count == SAMPLES_A_MINUTE) return false;
    samples->keywords[samples->count++] = sum;
    return true;
}

/* The text comes from a sender: control characters must not reach a terminal. */
static void make_visible(char *text) {
    for (uint8_t *p = (uint8_t *)text; *p; p++) {
        const bool c1 = p[0] == 0xC2 && p[1] >= 0x80 && p[1] <= 0x9F;
        if (*p < 0x20 || *p == 0x7F) *p = '?';
        if (c1) p[0] = p[1] = '?';
    }
}

void samples_say(struct samples *samples, const struct batch *batch, int64_t now_ns,
                 uint64_t total) {
    char text[SCHEMA_VERDICT_BYTES_MAX], keyword[SCHEMA_POINTER_BYTES_MAX], peer[ADDRESS_TEXT_MAX];
    for (uint32_t i = 0; i < batch->sample_count; i++) {
        const struct batch_sample *sample = &batch->samples[i];
        const char *name = batch->rules->listeners[sample->origin.listener].name;
        if (!may_say(samples, name, sample->verdict.schema, now_ns)) continue;
        schema_verdict_text(&sample->verdict, text, sizeof text);
        make_visible(text);
        make_visible(strcpy(keyword, sample->verdict.schema));
        say("%s: stored, but the schema would reject it: %s (%s; from %s; %llu such lines so far)",
            name, text, keyword, address_format(&sample->origin.peer, peer),
            (unsigned long long)total);
    }
}
