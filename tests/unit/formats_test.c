/* formats_test.c - which texts have a format and which do not, by the section of its standard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/format/format.h"

/* In a buffer of its size, so that sanitizers detect reads beyond it. */
static bool holds(enum format_kind kind, const char *text) {
    const size_t size = strlen(text);
    char *const exact = malloc(size > 0 ? size : 1);
    assert_non_null(exact);
    memcpy(exact, text, size);
    const bool it_does = format_holds(kind, exact, size);
    free(exact);
    return it_does;
}

static void expect(enum format_kind kind, const char *const *texts, bool expected) {
    for (; *texts != NULL; texts++)
        if (holds(kind, *texts) != expected)
            fail_msg("%s: \"%s\" is %s", format_name(kind), *texts, expected ? "one" : "none");
}

#define GOOD(kind, ...) expect(kind, (const char *const[]){__VA_ARGS__, NULL}, true)
#define BAD(kind, ...)  expect(kind, (const char *const[]){__VA_ARGS__, NULL}, false)

static void formats_are_known_by_their_names(void **state) {
    (void)state;
    for (int kind = 1; kind < FORMAT_KINDS; kind++) {
        const char *const name = format_name((enum format_kind)kind);
        assert_int_equal(format_named(name, strlen(name)), kind);
        assert_int_equal(format_named(name, strlen(name) - 1), FORMAT_UNKNOWN);
    }
    assert_int_equal(format_named("Date", 4), FORMAT_UNKNOWN);
    assert_int_equal(format_named("unknown", 7), FORMAT_UNKNOWN);
    assert_int_equal(format_named("", 0), FORMAT_UNKNOWN);
    assert_true(format_holds(FORMAT_UNKNOWN, "anything", 8));
}

static void dates_and_times_are_those_of_RFC_3339(void **state) {
    (void)state;
    GOOD(FORMAT_DATE_TIME, "1985-04-12T23:20:50.52Z", "1996-12-19T16:39:57-08:00",
         "1937-01-01T12:00:27.87+00:20", "2026-11-24t07:30:00z", "0000-01-01T00:00:00Z",
         "9999-12-31T23:59:59.999999999999999999Z", "2024-02-29T00:00:00-00:00",
         "2026-11-24T07:30:00+23:59");
    BAD(FORMAT_DATE_TIME, "", "2026-11-24", "07:30:00Z", "2026-11-24 07:30:00Z",
        "2026-11-24T07:30:00", "2026-11-24T07:30Z", "2026-11-24T07:30:00.Z",
        "2026-11-24T07:30:00,5Z", "2026-11-24T07:30:00+01:00Z", "2026-11-24T07:30:00+0100",
        "2026-11-24T07:30:00+01", "2026-11-24T07:30:00+24:00", "2026-11-24T07:30:00+01:60",
        "2026-11-24T24:00:00Z", "2026-11-24T07:60:00Z", "2026-11-24T07:30:61Z",
        "2026-11-31T07:30:00Z", "2023-02-29T07:30:00Z", "2026-13-01T07:30:00Z",
        "2026-00-01T07:30:00Z", "2026-1-24T07:30:00Z", "26-11-24T07:30:00Z",
        "+2026-11-24T07:30:00Z", "12026-11-24T07:30:00Z", "2026-328T07:30:00Z",
        "2026-W48-2T07:30:00Z", " 2026-11-24T07:30:00Z", "2026-11-24T07:30:00Z ",
        "2026-11-24T07:30:00Z\n", "2026-11-2\xE0\xA7\xAAT07:30:00Z",
        "2026-11-24T07:30:0\xE0\xA7\xAAZ", "Tue Nov 24 07:30:00 2026");
    GOOD(FORMAT_DATE, "2026-11-24", "2000-02-29");
    BAD(FORMAT_DATE, "1900-02-29", "2026-11-24T00:00:00Z", "2026-11-24Z", "20261124", "24.11.2026",
        "2026-11", "2026-06-31");
    GOOD(FORMAT_TIME, "07:30:00Z", "07:30:00.5+01:00", "00:00:00-23:59");
    BAD(FORMAT_TIME, "07:30:00", "7:30:00Z", "07:30Z", "24:00:00Z", "07:30:00 Z", "07:30:00+1:00",
        "07:30:00-8:000", "T07:30:00Z", "07:30:00 PST");
}

static void a_leap_second_ends_a_day_of_UTC(void **state) {
    (void)state;
    GOOD(FORMAT_DATE_TIME, "1998-12-31T23:59:60Z", "1998-12-31T15:59:60.123-08:00",
         "1990-12-31T23:59:60+00:00");
    BAD(FORMAT_DATE_TIME, "1998-12-31T23:58:60Z", "1998-12-31T22:59:60Z", "1998-12-31T23:59:61Z",
        "1998-12-31T23:59:60-08:00");
    GOOD(FORMAT_TIME, "01:29:60+01:30", "23:29:60+23:30", "00:29:60-23:30", "15:59:60-08:00");
    BAD(FORMAT_TIME, "23:59:60+01:00", "23:59:60+00:30", "23:59:60-01:00", "00:59:60Z",
        "00:00:60Z");
}

static void durations_are_rows_of_neighbours_or_weeks(void **state) {
    (void)state;
    GOOD(FORMAT_DURATION, "P4DT12H30M5S", "P4Y", "PT0S", "P0D", "P1M", "PT1M", "PT36H", "P1DT12H",
         "P2W", "P1Y2M3DT4H5M6S", "P1M2D", "PT1M2S", "P1YT5S", "P0000001D");
    BAD(FORMAT_DURATION, "", "P", "PT", "P1YT", "PT1D", "4DT12H30M5S", "P2D1Y", "P1D2H", "P2S",
        "P1", "P1Y2W", "P1W2D", "P1WT1H", "P1Y1D", "PT1H1S", "P1.5D", "PT1.5S", "P-1D", "-P1D",
        "p1d", "PT1H ", "P1Y1Y", "P\xE0\xA7\xA8Y");
}

static void uuids_are_36_characters(void **state) {
    (void)state;
    GOOD(FORMAT_UUID, "2eb8aa08-aa98-11ea-b4aa-73b441d16380",
         "2EB8AA08-AA98-11EA-B4AA-73B441D16380", "00000000-0000-0000-0000-000000000000",
         "2eb8aa08-aa98-f1ea-b4aa-73b441d16380");
    BAD(FORMAT_UUID, "", "2eb8aa08-aa98-11ea-b4aa-73b441d1638",
        "2eb8aa08-aa98-11ea-b4aa-73b441d163800", "2eb8aa08aa98-11ea-b4aa73b441d16380",
        "2eb8aa08aa9811eab4aa73b441d16380", "2eb8aa08-aa98-11ea-b4aa-73b441d1638g",
        "2eb8-aa08-aa98-11ea-b4aa73b44-1d16380", "{2eb8aa08-aa98-11ea-b4aa-73b441d1638}");
}

static void addresses_are_written_one_way(void **state) {
    (void)state;
    GOOD(FORMAT_IPV4, "0.0.0.0", "192.168.0.1", "255.255.255.255", "87.10.0.1");
    BAD(FORMAT_IPV4, "", "127.0.0", "127.0.0.0.1", "256.0.0.1", "087.10.0.1", "00.0.0.0",
        "0x7f.0.0.1", "127.0.0.1/8", "127.0.0.1 ", " 127.0.0.1", "127..0.1", "127.0.0.",
        "2130706433",
        "1\xE0\xA7\xA8"
        "7.0.0.1",
        "1000.0.0.1");
    GOOD(FORMAT_IPV6, "::", "::1", "1::", "::abef", "1:2:3:4:5:6:7:8",
         "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1::8", "2001:DB8::1", "::ffff:192.168.0.1",
         "1:2:3:4:5:6:1.2.3.4", "64:ff9b::192.0.2.33", "1::2:3:4:5:6:7", "::42:ff:1", "d6::");
    BAD(FORMAT_IPV6, "", ":", ":::", "1", "1:", ":1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1::2::3", "12345::", "::abcef", "::g",
        "1:2:3:4:5:::8", ":2:3:4:5:6:7:8", "1:2:3:4:5:6:7:", "fe80::1%eth0", "fe80::/64", " ::1",
        "::1 ", "::1.2.3", "::1.2.3.256", "1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4",
        "1.2.3.4::", "::01.2.3.4", "[::1]", "1:2:3:4:5:6:1.2.3.4:8",
        "100:100:100:100:100:100:255.255.255.255.255", "::1.2.3.4.5", "\xE0\xA7\xA8::");
}

static void host_names_are_labels_of_letters_digits_and_hyphens(void **state) {
    (void)state;
    char label[65], name[300] = "";
    memset(label, 'a', sizeof label);
    label[63] = '\0';
    GOOD(FORMAT_HOSTNAME, "www.example.com", "localhost", "a", "1", "1host.2", "a-b.c--d", label,
         "xn--ihqwcrb4cv8a8dqg056pqjye.com", "XN--4GBWDL.xn--wgbh1c");
    label[63] = 'a';
    label[64] = '\0';
    BAD(FORMAT_HOSTNAME, "", ".", "a.", ".a", "a..b", "-a", "a-", "a.-b", "a_b", "_a", label, "a b",
        "a\xEF\xBC\x8E"
        "b",
        "\xC3\xA4.de", "a/b", "a:1");
    for (int i = 0; i < 126; i++)
        strcat(name, "a.");
    strcat(name, "a");
    assert_true(holds(FORMAT_HOSTNAME, name)); /* 253 */
    strcat(name, "a");
    assert_false(holds(FORMAT_HOSTNAME, name));
}

static void what_begins_with_xn_is_Punycode_of_a_good_label(void **state) {
    (void)state;
    GOOD(FORMAT_HOSTNAME, "xn--bcher-kva", "xn--zckzah", "xn--fa-hia");
    BAD(FORMAT_HOSTNAME, "xn--", "xn--X", "xn--a", "xn--abc-", "xn---", "xn--99999999999",
        "XN--aa---o47jg78q",                               /* -- in the third and fourth place */
        "xn--hello-txk", "xn--hello-zed", "xn--hello-6bf", /* begin with marks */
        "xn--al-0ea" /* a middle dot that is not between two l */);
}

static void host_names_beyond_ASCII_follow_IDNA2008(void **state) {
    (void)state;
    GOOD(FORMAT_IDN_HOSTNAME, "example.com",
         "\xEC\x8B\xA4\xEB\xA1\x80.\xED\x85\x8C\xEC\x8A\xA4\xED\x8A\xB8",
         "b\xC3\xBC"
         "cher.de",
         "xn--bcher-kva.de",
         "\xC3\x9F\xCF\x82\xE0\xBC\x8B\xE3\x80\x87", /* exceptions that are valid */
         "\xDB\xBD\xDB\xBE", "l\xC2\xB7l", "\xCD\xB5\xCE\xB2", "\xD7\x90\xD7\xB3\xD7\x91",
         "\xD7\x90\xD7\xB4\xD7\x91", "\xE3\x83\xBB\xE3\x81\x81", "\xE3\x83\xBB\xE4\xB8\x88",
         "\xD8\xA8\xD9\xA0\xD8\xA8",
         "\xDB\xB0"
         "0",
         "\xE0\xA4\x95\xE0\xA5\x8D\xE2\x80\x8D\xE0\xA4\xB7", /* ZWJ after a virama */
         "\xE0\xA4\x95\xE0\xA5\x8D\xE2\x80\x8C\xE0\xA4\xB7",
         "\xD8\xA8\xD9\x8A\xE2\x80\x8C\xD8\xA8\xD9\x8A", /* ZWNJ between letters that join */
         "a\xE3\x80\x82"
         "b",
         "a\xEF\xBC\x8E"
         "b",
         "a\xEF\xBD\xA1"
         "b");
    BAD(FORMAT_IDN_HOSTNAME, "", ".", "\xE3\x80\x82", "a.", "\xC3\xA4..b", "\xC3\xA4_b",
        "-\xC3\xA4", "\xC3\xA4-", "\xC3\x84" /* capital */, "\xE3\x80\xAE\xEC\x8B\xA4",
        "\xEC\x8B\xA4\xE3\x80\xAE", "\xCC\x80hello", "\xE0\xA4\x83hello", "\xD9\x80\xDF\xBA",
        "\xE3\x80\xB1\xE3\x80\xB2", "a\xC2\xB7l", "\xC2\xB7l",
        "l\xC2\xB7"
        "a",
        "l\xC2\xB7", "\xCE\xB1\xCD\xB5S", "\xCE\xB1\xCD\xB5", "A\xD7\xB3\xD7\x91",
        "\xD7\xB3\xD7\x91", "\xD7\xB4\xD7\x91",
        "def\xE3\x83\xBB"
        "abc",
        "\xE3\x83\xBB", "\xD8\xA8\xD9\xA0\xDB\xB0", "\xE0\xA4\x95\xE2\x80\x8D\xE0\xA4\xB7",
        "\xE2\x80\x8D\xE0\xA4\xB7",
        "a\xE2\x80\x8C"
        "b",
        "\xF0\x9F\x98\x80.com", "\xEF\xBD\x81", "xn--X", "\xC3\xA4 b", "aa--\xC3\xA4");
    /* A label holds at most 59 bytes of Punycode. */
    char text[256] = "";
    for (int i = 0; i < 56; i++)
        strcat(text, "\xC3\xA4");
    assert_true(holds(FORMAT_IDN_HOSTNAME, text));
    for (int i = 0; i < 8; i++)
        strcat(text, "\xC3\xA4");
    assert_false(holds(FORMAT_IDN_HOSTNAME, text));
}

static void mailboxes_are_those_of_RFC_5321(void **state) {
    (void)state;
    GOOD(FORMAT_EMAIL, "joe.bloggs@example.com", "te~st@example.com", "~test@a", "a+b=c@d.e",
         "\"joe bloggs\"@example.com", "\"joe..bloggs\"@example.com", "\"joe@bloggs\"@example.com",
         "\"a\\\"b\\\\\"@c", "\"\"@c", "a@[127.0.0.1]", "a@[IPv6:::1]", "a@[ipv6:1::]",
         "te.s.t@example.com", "!#$%&'*+-/=?^_`{|}~@a");
    BAD(FORMAT_EMAIL, "", "2962", "@", "a@", "@a", ".a@b", "a.@b", "a..b@c", "a b@c", "a@b@c",
        "a@b c", "a@b_c", "a@-b", "a@b=c.d", "a@[127.0.0.300]", "a@[127.0.0.1", "a@127.0.0.1]",
        "a@[::1]", "a@[IPv6:1]", "a@[IPv\x16:::1]", "a@[]", "\"a@b", "\"a\"b@c", "\"a\\\"@b",
        "a\"b\"@c", "\"a\n\"@b", "a@b, c@d", "A <a@b>", "(c)a@b", "\xC3\xA4@b", "a@\xC3\xA4",
        "a@b.", "a\\@b");
    GOOD(FORMAT_IDN_EMAIL, "\xC3\xA4@\xC3\xB6.de", "a@b",
         "\xEC\x8B\xA4\xEB\xA1\x80@\xEC\x8B\xA4\xEB\xA1\x80.\xED\x85\x8C\xEC\x8A\xA4\xED\x8A\xB8",
         "\"\xC3\xA4 b\"@c");
    BAD(FORMAT_IDN_EMAIL, "2962", "\xC3\xA4", "\xC3\xA4@", "\xC3\xA4.@b", "\xC3\xA4@\xC3\x84");
    char text[80];
    memset(text, 'a', sizeof text);
    strcpy(text + 64, "@b");
    assert_true(holds(FORMAT_EMAIL, text));
    strcpy(text + 65, "@b");
    text[64] = 'a';
    assert_false(holds(FORMAT_EMAIL, text));
}

static void URIs_are_those_of_RFC_3986(void **state) {
    (void)state;
    GOOD(FORMAT_URI, "http://foo.bar/?baz=qux#quux", "http://foo.com/blah_(wikipedia)_blah#cite-1",
         "http://foo.bar/?q=Test%20URL-encoded%20stuff",
         "http://-.~_!$&'()*+,;=:%40:80%2f::::::@example.com",
         "ldap://[2001:db8::7]/c=GB?objectClass?one", "mailto:a@b", "news:comp.infosystems",
         "tel:+1-816-555-1212", "urn:oasis:names:a:b", "a:", "a://", "file:///etc/passwd",
         "http://[v1.a:b]:80/", "http://a:/", "a+b-c.d1:x", "http://1.2.3.4:80", "a:b?c/d?e#f/g?h",
         "http:a/b:c", "http://h?#");
    BAD(FORMAT_URI, "", "//foo.bar/?baz", "/abc", "abc", "\\\\WINDOWS\\share", "http:// a", ":// a",
        "bar,baz:foo", "1a:b", "+a:b", "a b:c", "http://a/b c", "http://a/b\\c", "http://a/<b>",
        "http://a/{b}", "http://a/b^", "http://a/`b", "http://a/b|c", "http://a/\"b\"",
        "http://a/%4", "http://a/%4g", "http://a/%", "https://[@example.org/a", "https://a[b]",
        "http://[::1", "http://[::g]", "http://[fe80::1%25a]/", "http://[1.2.3.4]/",
        "http://[v.a]/", "http://[v1.]/", "http://[v1a]/", "http://[::1]a/", "http://a:8x/",
        "http://a@b@c/", "a:b#c#d", "http://\xC3\xA4.de/", "a:\x7F", "a:\t", "http://2001:db8::1");
    GOOD(FORMAT_URI_REFERENCE, "", "#", "?", "/abc", "abc", "//a.b/c", "a/b:c", "./a:b", "?a:b",
         "#a:b", "http://a", "//", "../..");
    BAD(FORMAT_URI_REFERENCE, "1:a", ":a", "\\\\a\\b", "a#b\\c", "a b", "//a:b", "%zz");
    GOOD(FORMAT_IRI, "http://\xC6\x92\xC3\xB8.\xC3\xA5r/?\xE2\x88\x82=\xCF\x80#\xCF\x80",
         "http://a/?\xEE\x80\x80", "http://[2001:db8::1]",
         "http://-.~_!$&'()*+,;=:%40:80%2f::::::@a");
    BAD(FORMAT_IRI, "/abc", "\xC3\xA2\xCF\x80\xCF\x80",
        "http://2001:0db8:85a3:0000:0000:8a2e:0370:7334", "http://a/\xEE\x80\x80",
        "http://a/\xEF\xBF\xBE", "h\xC3\xA4:b", "http://a/\xC2\x80", "http://a/\xED\xA0\x80",
        "http://a/\xF3\xA0\x80\x81");
    GOOD(FORMAT_IRI_REFERENCE, "\xC3\xA2\xCF\x80\xCF\x80", "//\xC6\x92\xC3\xB8",
         "#\xC6\x92r\xC3\xA4gm\xC3\xAAnt", "/\xC3\xA2");
    BAD(FORMAT_IRI_REFERENCE, "\\\\WINDOWS\\fil\xC3\xAB", "#\xC6\x92r\xC3\xA4g\\m", "\xC3\xA4:b");
}

static void templates_are_those_of_RFC_6570(void **state) {
    (void)state;
    GOOD(FORMAT_URI_TEMPLATE, "", "http://example.com/dictionary/{term:1}/{term}",
         "dictionary/{term}", "{+a,b*}{#c:9999}{.d}{/e.f}{;g}{?h,i}{&j%20k}", "%20'\xC3\xA4",
         "{a.b}{_1}");
    BAD(FORMAT_URI_TEMPLATE, "{", "}", "{}", "http://a/{term:1}/{term", "{a b}", "{a:0}",
        "{a:10000}", "{a:}", "{a,}", "{,,a}", "{a..b}", "{a.}", "{.}", "{a}}", "{{a}}", "{a*:1}",
        "{-a}", "%2", "a b", "a\\b", "a|b", "{\xC3\xA4}", "{a%2}", "<a>", "\x7F");
}

static void pointers_begin_with_a_slash_and_escape_the_tilde(void **state) {
    (void)state;
    GOOD(FORMAT_JSON_POINTER, "", "/", "/foo/bar~0/baz~1/%a", "//", "/ ", "/~01", "/\"\\",
         "/\xC3\xA4", "/0", "/-");
    BAD(FORMAT_JSON_POINTER, "a", "#", "#/", "0", "/~", "/~2", "/foo/bar~", "/~0~", "/~-1", "a/b",
        "/a~");
    GOOD(FORMAT_RELATIVE_JSON_POINTER, "0", "1", "0#", "120/foo/bar", "0/foo/~01", "2/0/baz/1/zip",
         "10#", "0+1/a", "1-2#", "0-1");
    BAD(FORMAT_RELATIVE_JSON_POINTER, "", "/foo", "-1/foo", "+1/foo", "0##", "01/a", "01#", "0/~",
        "0a", "#", "0+/a", "0+01", "1 /a", "0#/a", "\xE0\xA7\xA8/a");
}

static void regexes_are_those_of_ECMA_262(void **state) {
    (void)state;
    GOOD(FORMAT_REGEX, "", "([abc])+\\s+$", "^\\p{Letter}{1,3}$", "(?<=a+)b");
    BAD(FORMAT_REGEX, "^(abc]", "^\\S(|(.|\\n)*\\S)\\Z", "\\a", "a++", "[[:alpha:", "\\p{letter}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_are_known_by_their_names),
        cmocka_unit_test(dates_and_times_are_those_of_RFC_3339),
        cmocka_unit_test(a_leap_second_ends_a_day_of_UTC),
        cmocka_unit_test(durations_are_rows_of_neighbours_or_weeks),
        cmocka_unit_test(uuids_are_36_characters),
        cmocka_unit_test(addresses_are_written_one_way),
        cmocka_unit_test(host_names_are_labels_of_letters_digits_and_hyphens),
        cmocka_unit_test(what_begins_with_xn_is_Punycode_of_a_good_label),
        cmocka_unit_test(host_names_beyond_ASCII_follow_IDNA2008),
        cmocka_unit_test(mailboxes_are_those_of_RFC_5321),
        cmocka_unit_test(URIs_are_those_of_RFC_3986),
        cmocka_unit_test(templates_are_those_of_RFC_6570),
        cmocka_unit_test(pointers_begin_with_a_slash_and_escape_the_tilde),
        cmocka_unit_test(regexes_are_those_of_ECMA_262),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
