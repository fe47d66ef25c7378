/* index.c - measures the index of a segment: the time to build it, its share of the file, and how
 * many groups are false candidates for a token.
 *     bench_index FILE [TOKENS]     FILE: an .ndjson.lz4 without an index; it gets one
 * The tokens are random, so every candidate group is a false one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "port/error.h"
#include "port/system.h"
#include "writer/index/index.h"
#include "writer/index/tokens.h"

static uint64_t groups_opened(struct file *file, const struct segment_index *index,
                              const char *literal, size_t size, uint8_t *candidates) {
    uint64_t hashes[TOKENS_LITERAL_MAX], opened = 0;
    const uint32_t count =
        tokens_of_literal((const uint8_t *)literal, size, hashes, TOKENS_LITERAL_MAX);
    if (index_candidates(file, index, hashes, count, candidates)) return 0;
    for (uint32_t i = 0; i < index->count; i++)
        opened += index_candidate(candidates, i);
    return opened;
}

static void measure_asking(struct file *file, const struct segment_index *index, int tokens) {
    uint64_t opened_word = 0, opened_id = 0, opened_long_id = 0;
    uint8_t *candidates = malloc(INDEX_CANDIDATES_BYTES(index->count) + 1);
    const int64_t begun = system_now_ns();
    for (int i = 0; i < tokens; i++) {
        uint8_t random[16];
        char word[64], id[64];
        system_random(random, sizeof random);
        int size =
            snprintf(word, sizeof word, "\"zq%02x%02x%02x\"", random[0], random[1], random[2]);
        opened_word += groups_opened(file, index, word, (size_t)size, candidates);
        size = 0;
        for (int k = 0; k < 16; k++)
            size += snprintf(id + size, sizeof id - (size_t)size, "%02x", random[k]);
        opened_id += groups_opened(file, index, id, 16, candidates);
        opened_long_id += groups_opened(file, index, id, (size_t)size, candidates);
    }
    const double all = (double)index->count * tokens;
    printf("opened in vain: %.2f %% of groups for a word, %.3f %% for an id of 16, %.4f %% for one "
           "of 32; %.1f us a literal\n",
           100 * (double)opened_word / all, 100 * (double)opened_id / all,
           100 * (double)opened_long_id / all, (double)(system_now_ns() - begun) / 3e3 / tokens);
    free(candidates);
}

int program_main(int argc, char **argv) {
    struct file file;
    struct segment_index index;
    uint64_t offset;
    if (argc < 2) return 2;
    int error = file_open(files_of_system(), argv[1], FILE_WRITE, &file);
    const int64_t begun = system_now_ns(), cpu = system_cpu_ns();
    if (!error) error = index_append(&file, NULL);
    const int64_t wall_ns = system_now_ns() - begun, cpu_ns = system_cpu_ns() - cpu;
    if (!error) error = index_load(&file, &index);
    if (!error) error = index_check(&file, &offset);
    if (error) {
        printf("%s: %s\n", argv[1], error_text(error));
        return 1;
    }
    printf("%" PRIu64 " lines, %" PRIu64 " bytes raw, %" PRIu64
           " packed, %u groups, %u sections of "
           "%u rows, %u and %u probes\n",
           index.lines, index.raw_size, index.data_size, index.count, index.section_count,
           index.section_count ? index.sections[0].rows : 0,
           index.section_count ? index.sections[0].probes : 0,
           index.section_count ? index.sections[0].window_probes : 0);
    printf("index: %" PRIu64 " bytes, %.2f %% of packed\n", index.index_bytes,
           100.0 * (double)index.index_bytes / (double)index.data_size);
    printf("building: %.1f ms, %.1f ms CPU, %.0f ns a line\n", (double)wall_ns / 1e6,
           (double)cpu_ns / 1e6, (double)cpu_ns / (double)index.lines);
    measure_asking(&file, &index, argc > 2 ? atoi(argv[2]) : 2000);
    index_free(&index);
    file_close(&file);
    return 0;
}
