/* cert.c - makes a certificate authority, and server and client certificates that it signs, to try
 * TLS and for hosts without an authority of their own. */
#include <stdio.h>
#include <string.h>

#include "ingest/transport/certificates.h"
#include "port/error.h"
#include "port/system.h"
#include "tools/commands/command.h"

#define PEM_BYTES_MAX (1u << 20)
#define NAME_MAX_     64 /* of a common name: RFC 5280 appendix A.1 */

struct cert_settings {
    struct common_settings common;
    const char *dir;
    struct option_list names, clients;
    uint64_t days;
};

/* DIR/NAME.pem and DIR/NAME-key.pem */
static bool join(char *path, const char *dir, const char *name, const char *end) {
    char file[NAME_MAX_ + 16];
    snprintf(file, sizeof file, "%s%s", name, end);
    if (path_join(path, dir, file, NULL)) return true;
    say("cert: %s: %s", dir, error_text(ERR_NAME_TOO_LONG));
    return false;
}

/* False: reported. */
static bool is_new(struct call *call, const char *path) {
    struct file_status status;
    const int result = file_status_of(call->files, path, &status);
    if (result == ERR_NOT_FOUND && !status.dangling) return true;
    say("cert: %s: %s; nothing was replaced", path, error_text(result ? result : ERR_EXISTS));
    return false;
}

static bool write_text(struct call *call, const char *path, const char *text, bool secret) {
    const int result = file_replace(call->files, path, text, strlen(text), secret);
    if (result) say("cert: %s: %s", path, error_text(result));
    if (!result) output_format(call->out, "%s\n", path);
    return result == 0;
}

/* Keys first: a certificate without its key is of no use. */
static bool write_pair(struct call *call, const char *dir, const char *name,
                       const struct certificate_texts *texts) {
    char certificate[PATH_BYTES_MAX], key[PATH_BYTES_MAX];
    return join(certificate, dir, name, ".pem") && join(key, dir, name, "-key.pem") &&
           is_new(call, certificate) && is_new(call, key) &&
           write_text(call, key, texts->key, true) &&
           write_text(call, certificate, texts->certificate, false);
}

static bool make(struct call *call, const char *name, const struct certificate_request *request,
                 const struct certificate_texts *issuer, struct certificate_texts *made) {
    const struct cert_settings *settings = call->settings;
    char problem[CERTIFICATE_PROBLEM_MAX];
    if (certificate_make(request, issuer, made, problem)) {
        say("cert: %s: %s", name, problem);
        return false;
    }
    return write_pair(call, settings->dir, name, made);
}

static bool make_and_forget(struct call *call, const char *name,
                            const struct certificate_request *request,
                            const struct certificate_texts *issuer) {
    struct certificate_texts made = {0};
    const bool done = make(call, name, request, issuer, &made);
    certificate_texts_free(&made);
    return done;
}

/* The authority of this directory, made if there is none.  False: reported. */
static bool find_issuer(struct call *call, uint32_t days, bool *is_old,
                        struct certificate_texts *issuer) {
    const struct cert_settings *settings = call->settings;
    const struct certificate_request request = {
        .purpose = CERTIFICATE_ISSUER, .common_name = "logport test CA", .days = days};
    char certificate[PATH_BYTES_MAX], key[PATH_BYTES_MAX];
    struct file_status status;
    size_t size;
    if (!join(certificate, settings->dir, "ca", ".pem") ||
        !join(key, settings->dir, "ca", "-key.pem"))
        return false;
    *is_old = file_status_of(call->files, certificate, &status) == 0;
    if (!*is_old) return make(call, "ca", &request, NULL, issuer);
    int result =
        file_read_all(call->files, certificate, PEM_BYTES_MAX, &issuer->certificate, &size);
    if (result) say("cert: %s: %s", certificate, error_text(result));
    if (result) return false;
    result = file_read_all(call->files, key, PEM_BYTES_MAX, &issuer->key, &size);
    if (result) say("cert: %s: %s", key, error_text(result));
    return result == 0;
}

static bool make_server(struct call *call, const struct certificate_texts *issuer) {
    const struct cert_settings *settings = call->settings;
    const char *names[OPTION_LIST_MAX + 3] = {"localhost", "127.0.0.1", "::1"};
    for (uint32_t i = 0; i < settings->names.count; i++)
        names[3 + i] = settings->names.texts[i];
    const struct certificate_request request = {
        .purpose = CERTIFICATE_SERVER,
        .common_name = settings->names.count ? settings->names.texts[0] : "localhost",
        .names = names,
        .name_count = 3 + settings->names.count,
        .days = (uint32_t)settings->days};
    return make_and_forget(call, "server", &request, issuer);
}

static bool make_client(struct call *call, const char *name,
                        const struct certificate_texts *issuer) {
    const struct cert_settings *settings = call->settings;
    const struct certificate_request request = {.purpose = CERTIFICATE_CLIENT,
                                                .common_name = name,
                                                .names = &name,
                                                .name_count = 1,
                                                .days = (uint32_t)settings->days};
    return make_and_forget(call, name, &request, issuer);
}

/* A name of a client is the name of its files, too. */
static bool valid_client(const char *name) {
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    const size_t size = strlen(name);
    return size > 0 && size <= NAME_MAX_ && strspn(name, letters) == size && name[0] != '.' &&
           name[0] != '-' && strcmp(name, "ca") != 0 && strcmp(name, "server") != 0;
}

static bool valid_server(const char *name) {
    const size_t size = strlen(name);
    return size > 0 && size <= NAME_MAX_ && strcspn(name, " \t\"\\,;/") == size;
}

static bool valid(const struct call *call) {
    const struct cert_settings *settings = call->settings;
    if (call->words > 0)
        say("cert: %s: unexpected argument (see logport cert --help)", call->word[0]);
    if (call->words > 0) return false;
    for (uint32_t i = 0; i < settings->names.count; i++)
        if (!valid_server(settings->names.texts[i])) {
            say("cert: --name: a host name or address of up to %d bytes was expected", NAME_MAX_);
            return false;
        }
    for (uint32_t i = 0; i < settings->clients.count; i++)
        if (!valid_client(settings->clients.texts[i])) {
            say("cert: --client: up to %d letters, digits, '.', '-' and '_' were expected, not "
                "\"ca\" or \"server\"",
                NAME_MAX_);
            return false;
        }
    return true;
}

static int cert_run(struct call *call) {
    const struct cert_settings *settings = call->settings;
    struct certificate_texts issuer = {0};
    bool is_old = false;
    if (!valid(call)) return EXIT_ERROR;
    const int result = directory_make(call->files, settings->dir);
    if (result) {
        say("cert: %s: %s", settings->dir, error_text(result));
        return EXIT_ERROR;
    }
    /* The second time, for further clients: the server has its certificate. */
    bool done = find_issuer(call, (uint32_t)settings->days, &is_old, &issuer);
    const bool more = is_old && settings->clients.count > 0 && settings->names.count == 0;
    if (done && !more) done = make_server(call, &issuer);
    for (uint32_t i = 0; i < settings->clients.count && done; i++)
        done = make_client(call, settings->clients.texts[i], &issuer);
    if (done && settings->clients.count == 0) done = make_client(call, "client", &issuer);
    certificate_texts_free(&issuer);
    return done ? EXIT_OK : EXIT_ERROR;
}

#define AT(field) offsetof(struct cert_settings, field)

static const struct option options[] = {
    {.name = "dir",
     .kind = OPTION_TEXT,
     .field = AT(dir),
     .preset = ".",
     .value = "DIR",
     .help = "Directory for the files; it is made if it does not exist."},
    {.name = "name",
     .kind = OPTION_LIST,
     .field = AT(names),
     .value = "NAME",
     .help = "Host name or address of the server, besides localhost, 127.0.0.1 and ::1. May be "
             "repeated."},
    {.name = "client",
     .kind = OPTION_LIST,
     .field = AT(clients),
     .value = "NAME",
     .help = "Name of a client, and of its files. May be repeated.",
     .unset = "client"},
    {.name = "days",
     .kind = OPTION_COUNT,
     .field = AT(days),
     .min = 1,
     .max = 36500,
     .preset = "365",
     .value = "N",
     .help = "Certificates expire after this many days."},
    HELP_OPTION,
};

const struct command cert_command = {
    .name = "cert",
    .usage = "[--dir DIR] [--name NAME]… [--client NAME]…",
    .summary = "Create a test CA, and server and client certificates for TLS.",
    .more =
        "Writes ca.pem, server.pem, client.pem and their keys (ca-key.pem, ...; only the user can\n"
        "read them), EC P-256. The key of the CA signs further certificates: keep it off other\n"
        "machines. Files that exist are never replaced: with --client, a CA that exists signs\n"
        "certificates of further clients; remove server.pem and server-key.pem, and give --name,\n"
        "to make them anew.\n"
        "\n"
        "Exit code: 0 created, 2 error.\n"
        "\n"
        "Examples:\n"
        "  logport cert --dir pki --name logs.example.org --client shop-1\n"
        "  logport cert --dir pki --client shop-2\n",
    .options = options,
    .settings_size = sizeof(struct cert_settings),
    .run = cert_run,
};
