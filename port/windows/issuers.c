/* issuers.c - the certificates that Windows trusts.  See system_issuers in system.h. */
#include <stdbool.h>
#include <string.h>
#include <windows.h>

#include <wincrypt.h>

#include "port/system.h"
#include "port/windows/iocp.h"

/* Windows may trust an issuer for some purposes only, by properties of the store or by an
 * extension. */
static bool issues_for_servers(const CERT_CONTEXT *certificate) {
    union {
        CERT_ENHKEY_USAGE usage;
        uint8_t room[8192];
    } found;
    DWORD size = sizeof found;
    if (!CertGetEnhancedKeyUsage(certificate, 0, &found.usage, &size)) return false;
    /* None: any purpose if this is said, otherwise no purpose at all. */
    if (found.usage.cUsageIdentifier == 0) return GetLastError() == (DWORD)CRYPT_E_NOT_FOUND;
    for (DWORD i = 0; i < found.usage.cUsageIdentifier; i++) {
        const char *purpose = found.usage.rgpszUsageIdentifier[i];
        if (strcmp(purpose, szOID_PKIX_KP_SERVER_AUTH) == 0 ||
            strcmp(purpose, szOID_ANY_ENHANCED_KEY_USAGE) == 0)
            return true;
    }
    return false;
}

/* The store of this user shows that of the machine, too. */
int system_issuers(system_issuer *take, void *context) {
    const HCERTSTORE store = CertOpenSystemStoreW(0, L"ROOT");
    if (store == NULL) return last_error();
    const CERT_CONTEXT *certificate = NULL;
    while ((certificate = CertEnumCertificatesInStore(store, certificate)) != NULL)
        if (certificate->dwCertEncodingType == X509_ASN_ENCODING && issues_for_servers(certificate))
            take(context, certificate->pbCertEncoded, certificate->cbCertEncoded);
    CertCloseStore(store, 0);
    return 0;
}
