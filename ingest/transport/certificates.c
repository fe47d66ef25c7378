/* certificates.c - see certificates.h. */
#include "ingest/transport/certificates.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/transport/openssl.h"
#include "port/error.h"

#define SERIAL_BITS 127 /* positive, at most 20 bytes: RFC 5280 section 4.1.2.2 */
#define DAY_S       86400

void certificate_texts_free(struct certificate_texts *texts) {
    if (texts->key) OPENSSL_cleanse(texts->key, strlen(texts->key));
    free(texts->certificate);
    free(texts->key);
    *texts = (struct certificate_texts){0};
}

static bool set_serial(X509 *certificate) {
    BIGNUM *number = BN_new();
    const bool set = number && BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
                     BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
    return set;
}

static bool set_subject(X509 *certificate, const char *common_name) {
    return X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                                      (const uint8_t *)common_name, -1, -1, 0) == 1;
}

static bool add_extension(X509 *certificate, X509 *issuer, int kind, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, &context, kind, value);
    const bool added = extension && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

/* Not from a text: a name could contain a comma and further names. */
static GENERAL_NAME *general_name(const char *name) {
    GENERAL_NAME *general = GENERAL_NAME_new();
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(name);
    ASN1_IA5STRING *text = address ? NULL : ASN1_IA5STRING_new();
    if (general && address) {
        GENERAL_NAME_set0_value(general, GEN_IPADD, address);
    } else if (general && text && ASN1_STRING_set(text, name, -1) == 1) {
        GENERAL_NAME_set0_value(general, GEN_DNS, text);
    } else {
        GENERAL_NAME_free(general);
        ASN1_OCTET_STRING_free(address);
        ASN1_IA5STRING_free(text);
        return NULL;
    }
    return general;
}

static bool add_names(X509 *certificate, const struct certificate_request *request) {
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    bool added = names != NULL;
    for (uint32_t i = 0; i < request->name_count && added; i++) {
        GENERAL_NAME *name = general_name(request->names[i]);
        added = name && sk_GENERAL_NAME_push(names, name) > 0;
        if (!added) GENERAL_NAME_free(name);
    }
    if (added && request->name_count > 0)
        added = X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0) == 1;
    GENERAL_NAMES_free(names);
    return added;
}

static bool add_extensions(X509 *certificate, X509 *issuer,
                           const struct certificate_request *request) {
    const bool is_issuer = request->purpose == CERTIFICATE_ISSUER;
    const char *purpose = request->purpose == CERTIFICATE_SERVER ? "serverAuth" : "clientAuth";
    return add_extension(certificate, issuer, NID_basic_constraints,
                         is_issuer ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE") &&
           add_extension(certificate, issuer, NID_key_usage,
                         is_issuer ? "critical,keyCertSign,cRLSign"
                                   : "critical,digitalSignature") &&
           (is_issuer || add_extension(certificate, issuer, NID_ext_key_usage, purpose)) &&
           add_extension(certificate, issuer, NID_subject_key_identifier, "hash") &&
           add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always") &&
           add_names(certificate, request);
}

/* What a BIO in memory holds, as a text of malloc. */
static char *text_of(BIO *memory) {
    char *bytes;
    const long size = BIO_get_mem_data(memory, &bytes);
    char *text = malloc((size_t)size + 1);
    if (!text) return NULL;
    memcpy(text, bytes, (size_t)size);
    text[size] = '\0';
    return text;
}

static bool write_texts(X509 *certificate, EVP_PKEY *key, struct certificate_texts *texts) {
    BIO *first = BIO_new(BIO_s_mem()), *second = BIO_new(BIO_s_secmem());
    if (first && second && PEM_write_bio_X509(first, certificate) == 1 &&
        PEM_write_bio_PrivateKey(second, key, NULL, NULL, 0, NULL, NULL) == 1) {
        texts->certificate = text_of(first);
        texts->key = text_of(second);
    }
    BIO_free(first);
    BIO_free(second);
    return texts->certificate && texts->key;
}

static bool read_texts(const struct certificate_texts *texts, X509 **certificate, EVP_PKEY **key) {
    BIO *first = BIO_new_mem_buf(texts->certificate, -1), *second = BIO_new_mem_buf(texts->key, -1);
    *certificate = first ? PEM_read_bio_X509(first, NULL, NULL, "") : NULL;
    *key = second ? PEM_read_bio_PrivateKey(second, NULL, NULL, "") : NULL;
    BIO_free(first);
    BIO_free(second);
    return *certificate && *key && X509_check_private_key(*certificate, *key) == 1;
}

static bool sign(X509 *certificate, EVP_PKEY *key, const struct certificate_request *request,
                 X509 *issuer, EVP_PKEY *issuer_key) {
    return X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY_S) &&
           X509_time_adj_ex(X509_getm_notAfter(certificate), (int)request->days, 0, NULL) &&
           set_subject(certificate, request->common_name) &&
           X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 &&
           X509_set_pubkey(certificate, key) == 1 && add_extensions(certificate, issuer, request) &&
           X509_sign(certificate, issuer_key, EVP_sha256()) > 0;
}

int certificate_make(const struct certificate_request *request,
                     const struct certificate_texts *issuer, struct certificate_texts *made,
                     char *problem) {
    X509 *certificate = X509_new(), *issuer_certificate = NULL;
    EVP_PKEY *key = EVP_EC_gen("P-256"), *issuer_key = NULL;
    *made = (struct certificate_texts){0};
    ERR_clear_error();
    bool done = certificate && key;
    if (done && issuer) done = read_texts(issuer, &issuer_certificate, &issuer_key);
    done = done &&
           sign(certificate, key, request, issuer ? issuer_certificate : certificate,
                issuer ? issuer_key : key) &&
           write_texts(certificate, key, made);
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    if (!done) snprintf(problem, CERTIFICATE_PROBLEM_MAX, "%s", reason ? reason : "out of memory");
    if (!done) certificate_texts_free(made);
    ERR_clear_error();
    X509_free(certificate);
    X509_free(issuer_certificate);
    EVP_PKEY_free(key);
    EVP_PKEY_free(issuer_key);
    return done ? 0 : ERR_INVALID;
}
