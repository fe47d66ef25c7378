/* recorded.c - see recorded.h. */
#include "ingest/config/recorded.h"

#include <stdlib.h>
#include <string.h>

#include "schema/json/write.h"

#define MEMBERS           5
/* Names, quotes and punctuation of one stream. */
#define PUNCTUATION_BYTES 256

/* The first listener that feeds the stream; NULL: none, or it has the usual settings. */
static const struct listener_keys *keys_of(const struct config *config, const char *stream) {
    for (uint32_t i = 0; i < config->listener_count; i++) {
        const struct listener_config *listener = &config->listeners[i];
        if (strcmp(listener->keys.stream, stream) == 0)
            return listener->facts == &facts_rules_usual ? NULL : &listener->keys;
    }
    return NULL;
}

static void texts_of(const struct listener_keys *keys, const char *texts[MEMBERS]) {
    texts[0] = keys->time_keys;
    texts[1] = keys->level_keys;
    texts[2] = keys->level_names;
    texts[3] = keys->level_scale;
    texts[4] = keys->zone;
}

static size_t size_max(const struct config *config) {
    size_t size = PUNCTUATION_BYTES;
    for (uint32_t i = 0; i < config->stream_count; i++) {
        const struct listener_keys *keys = keys_of(config, config->streams[i].name);
        const char *texts[MEMBERS];
        size += PUNCTUATION_BYTES + STREAM_NAME_MAX;
        if (keys == NULL) continue;
        texts_of(keys, texts);
        for (int n = 0; n < MEMBERS; n++)
            if (texts[n] != NULL) size += JSON_STRING_BYTES_MAX(strlen(texts[n]));
    }
    return size;
}

static char *put(char *out, const char *text) {
    const size_t size = strlen(text);
    memcpy(out, text, size);
    return out + size;
}

static char *put_stream(char *out, const char *stream, const struct listener_keys *keys) {
    static const char *const names[MEMBERS] = {"time_keys", "level_keys", "level_names",
                                               "level_scale", "zone"};
    const char *texts[MEMBERS], *comma = "";
    texts_of(keys, texts);
    out = put(json_write_string(out, stream, strlen(stream)), ":{");
    for (int n = 0; n < MEMBERS; n++) {
        if (texts[n] == NULL) continue;
        out = json_write_string(put(out, comma), names[n], strlen(names[n]));
        out = json_write_string(put(out, ":"), texts[n], strlen(texts[n]));
        comma = ",";
    }
    return put(out, "}");
}

char *config_recorded(const struct config *config) {
    char *const text = malloc(size_max(config));
    const char *comma = "";
    if (text == NULL) return NULL;
    char *out = put(text, "{\"streams\":{");
    for (uint32_t i = 0; i < config->stream_count; i++) {
        const char *const stream = config->streams[i].name;
        const struct listener_keys *keys = keys_of(config, stream);
        if (keys == NULL) continue;
        out = put_stream(put(out, comma), stream, keys);
        comma = ",";
    }
    out = put(out, "}}\n");
    *out = '\0';
    if (comma[0] == '\0') text[0] = '\0';
    return text;
}
