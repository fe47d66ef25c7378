/* certificates.h - makes keys and certificates (EC P-256, X.509 version 3), for tests and for hosts
 * without a certificate authority of their own.  Certificates and keys are texts in PEM. */
#ifndef INGEST_TRANSPORT_CERTIFICATES_H
#define INGEST_TRANSPORT_CERTIFICATES_H

#include <stddef.h>
#include <stdint.h>

#define CERTIFICATE_PROBLEM_MAX 256

struct certificate_texts {
    char *certificate, *key; /* end with 0; certificate_texts_free */
};
void certificate_texts_free(struct certificate_texts *texts);

enum certificate_purpose { CERTIFICATE_ISSUER, CERTIFICATE_SERVER, CERTIFICATE_CLIENT };

struct certificate_request {
    enum certificate_purpose purpose;
    const char *common_name;
    /* Alternative names, DNS names or addresses (IPv4, IPv6), which are told apart. */
    const char *const *names;
    uint32_t name_count;
    uint32_t days; /* valid from a day ago until in this many days */
};

/* issuer NULL: signed with its own key.  ERR_INVALID: `problem` (CERTIFICATE_PROBLEM_MAX bytes) says
 * why.  ERR_UNSUPPORTED: this build has no OpenSSL. */
int certificate_make(const struct certificate_request *request,
                     const struct certificate_texts *issuer, struct certificate_texts *made,
                     char *problem);

#endif
