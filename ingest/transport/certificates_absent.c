/* certificates_absent.c - certificates.h in a build without OpenSSL. */
#include <assert.h>
#include <stdio.h>

#include "ingest/transport/certificates.h"
#include "port/error.h"

void certificate_texts_free(struct certificate_texts *texts) {
    assert(!texts->certificate && !texts->key); /* none was made */
}

int certificate_make(const struct certificate_request *request,
                     const struct certificate_texts *issuer, struct certificate_texts *made,
                     char *problem) {
    (void)request, (void)issuer;
    *made = (struct certificate_texts){0};
    snprintf(problem, CERTIFICATE_PROBLEM_MAX,
             "this build cannot make certificates: it was built without OpenSSL 3");
    return ERR_UNSUPPORTED;
}
