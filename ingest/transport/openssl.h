/* openssl.h - OpenSSL, for the files of this room that use it. */
#ifndef INGEST_TRANSPORT_OPENSSL_H
#define INGEST_TRANSPORT_OPENSSL_H

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#endif
