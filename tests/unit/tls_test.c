/* tls_test.c - patterns of names, and sessions in memory that talk to each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/transport/certificates.h"
#include "ingest/transport/tls.h"
#include "port/error.h"

static void a_star_matches_within_one_label(void **state) {
    (void)state;
    assert_true(tls_name_matches("shop-1", "SHOP-1"));
    assert_true(tls_name_matches("*.example.org", "a.example.org"));
    assert_true(tls_name_matches("*.*.org", "a.b.org"));
    assert_true(tls_name_matches("s*p-*1", "shop-1x1"));
    assert_true(tls_name_matches("*", ""));
    assert_true(tls_name_matches("a*", "a"));
    assert_true(tls_name_matches("*aab", "aaaab"));
    assert_false(tls_name_matches("*.example.org", "a.b.example.org"));
    assert_false(tls_name_matches("*", "a.b"));
    assert_false(tls_name_matches("*.example.org", "a.example.org.evil"));
    assert_false(tls_name_matches("*.example.org", "example.org"));
    assert_false(tls_name_matches("shop", "shop-1"));
    assert_false(tls_name_matches("shop-1", "shop"));
    assert_false(tls_name_matches("", "a"));
    assert_false(tls_name_matches("a.*b", "a.x.b"));
}

/* A server and a client that has shaken hands with it. */
struct pair {
    struct tls_context *contexts[2];
    struct tls_session *server, *client;
    uint8_t first[TLS_RECORD_BYTES];
};

static struct tls_text pem(const char *text) {
    return (struct tls_text){.name = "", .text = text, .size = strlen(text)};
}

static void answer_of(struct tls_session *from, uint8_t *bytes, size_t *size) {
    const uint8_t *answer = tls_session_answer(from, size);
    assert_true(*size <= 65536);
    if (*size > 0) memcpy(bytes, answer, *size);
}

static void shake_hands(struct pair *pair) {
    uint8_t *bytes = malloc(65536);
    size_t size;
    struct tls_taken taken = {.first = pair->first};
    assert_int_equal(tls_session_put(pair->client, NULL, 0), TLS_HANDSHAKE);
    answer_of(pair->client, bytes, &size);
    for (size_t i = 0; i < size; i++) /* the server must not care where it is cut */
        assert_int_equal(tls_session_take(pair->server, bytes + i, 1, &taken), TLS_HANDSHAKE);
    answer_of(pair->server, bytes, &size);
    assert_int_equal(tls_session_take(pair->client, bytes, size, &taken), TLS_OPEN);
    answer_of(pair->client, bytes, &size);
    assert_int_equal(tls_session_take(pair->server, bytes, size, &taken), TLS_OPEN);
    answer_of(pair->server, bytes, &size);
    assert_int_equal(size, 0); /* no session tickets */
    free(bytes);
}

static void pair_open(struct pair *pair) {
    const char *const names[] = {"localhost"};
    const struct certificate_request ca = {CERTIFICATE_ISSUER, "CA", NULL, 0, 2};
    const struct certificate_request server = {CERTIFICATE_SERVER, "x", names, 1, 2};
    struct certificate_texts issuer, own;
    char problem[TLS_PROBLEM_MAX];
    const struct tls_text *wrong;
    assert_int_equal(certificate_make(&ca, NULL, &issuer, problem), 0);
    assert_int_equal(certificate_make(&server, &issuer, &own, problem), 0);
    const struct tls_settings settings[2] = {
        {.server = true, .certificate = pem(own.certificate), .key = pem(own.key)},
        {.issuers = pem(issuer.certificate)}};
    for (int i = 0; i < 2; i++)
        assert_int_equal(tls_context_make(&settings[i], &pair->contexts[i], &wrong, problem), 0);
    certificate_texts_free(&issuer);
    certificate_texts_free(&own);
    pair->server = tls_session_begin(pair->contexts[0], NULL);
    pair->client = tls_session_begin(pair->contexts[1], "localhost");
    assert_non_null(pair->server);
    assert_non_null(pair->client);
    shake_hands(pair);
}

static void pair_close(struct pair *pair) {
    tls_session_end(pair->server);
    tls_session_end(pair->client);
    tls_context_release(pair->contexts[0]);
    tls_context_release(pair->contexts[1]);
}

static const size_t sizes[] = {1, 3, 16384, 16384, 100, 16383, 5, 1000};

/* Plain text replaces cipher text: every cut of a stream of records gives the same bytes. */
static void records_cut_anywhere_are_decrypted_where_they_are(void **state) {
    (void)state;
    if (!tls_available) skip();
    struct pair pair;
    uint8_t *plain = malloc(65536), *sealed = malloc(131072), *got = malloc(65536), *piece;
    size_t total = 0, size = 0, step;
    for (size_t i = 0; i < 65536; i++)
        plain[i] = (uint8_t)(i * 31 >> 3);
    for (step = 1; step < 70000; step += 1 + step / 3) {
        pair_open(&pair);
        total = size = 0;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            size_t more;
            assert_int_equal(tls_session_put(pair.client, plain + total, sizes[i]), TLS_OPEN);
            const uint8_t *answer = tls_session_answer(pair.client, &more);
            memcpy(sealed + size, answer, more);
            size += more;
            total += sizes[i];
        }
        size_t have = 0;
        for (size_t at = 0; at < size; at += step) {
            const size_t part = size - at < step ? size - at : step;
            struct tls_taken taken = {.first = pair.first};
            piece = malloc(part); /* sanitizers see what is beyond */
            memcpy(piece, sealed + at, part);
            assert_int_equal(tls_session_take(pair.server, piece, part, &taken), TLS_OPEN);
            memcpy(got + have, pair.first, taken.first_size);
            memcpy(got + have + taken.first_size, piece, taken.rest_size);
            have += taken.first_size + taken.rest_size;
            free(piece);
        }
        assert_int_equal(have, total);
        assert_memory_equal(got, plain, total);
        pair_close(&pair);
    }
    free(plain);
    free(sealed);
    free(got);
}

static void a_damaged_record_fails_and_a_close_notify_is_answered(void **state) {
    (void)state;
    if (!tls_available) skip();
    struct pair pair;
    uint8_t bytes[1000];
    size_t size;
    struct tls_taken taken = {.first = pair.first};
    pair_open(&pair);
    tls_session_put(pair.client, (const uint8_t *)"hello", 5);
    answer_of(pair.client, bytes, &size);
    bytes[size - 1] ^= 1;
    assert_int_equal(tls_session_take(pair.server, bytes, size, &taken), TLS_FAILED);
    assert_int_equal(taken.first_size + taken.rest_size, 0);
    assert_true(tls_session_problem(pair.server)[0] != '\0');
    pair_close(&pair);

    pair_open(&pair);
    tls_session_close(pair.client);
    answer_of(pair.client, bytes, &size);
    assert_int_equal(tls_session_take(pair.server, bytes, size, &taken), TLS_CLOSED);
    /* What it answers can still be sent before. */
    tls_session_finish(pair.server, (const uint8_t *)"bye", 3);
    answer_of(pair.server, bytes, &size);
    assert_int_equal(tls_session_take(pair.client, bytes, size, &taken), TLS_CLOSED);
    assert_int_equal(taken.first_size + taken.rest_size, 3);
    pair_close(&pair);

    pair_open(&pair);
    tls_session_finish(pair.server, NULL, 0); /* nothing before it */
    answer_of(pair.server, bytes, &size);
    assert_int_equal(tls_session_take(pair.client, bytes, size, &taken), TLS_CLOSED);
    pair_close(&pair);
}

static void a_build_without_it_says_so(void **state) {
    (void)state;
    const struct tls_settings settings = {.server = true};
    struct tls_context *context;
    const struct tls_text *wrong;
    char problem[TLS_PROBLEM_MAX];
    const int result = tls_context_make(&settings, &context, &wrong, problem);
    if (tls_available) {
        assert_int_equal(result, 0);
        tls_context_release(context);
    } else {
        assert_int_equal(result, ERR_UNSUPPORTED);
        assert_non_null(strstr(problem, "built without OpenSSL 3"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_star_matches_within_one_label),
        cmocka_unit_test(records_cut_anywhere_are_decrypted_where_they_are),
        cmocka_unit_test(a_damaged_record_fails_and_a_close_notify_is_answered),
        cmocka_unit_test(a_build_without_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
