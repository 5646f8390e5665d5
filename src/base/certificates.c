#include "base/certificates.h"

#include <stdlib.h>
#include <unistd.h>

const char *vg_certificates(void)
{
    /* crypto/x509/root_linux.go of Go. */
    static const char *const places[] = {
        "/etc/ssl/certs/ca-certificates.crt", /* Debian, Ubuntu, Arch */
        "/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora, Amazon Linux */
        "/etc/ssl/ca-bundle.pem",             /* openSUSE */
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/ssl/cert.pem", /* Alpine */
    };
    const char *given = getenv("SSL_CERT_FILE");
    if (given != NULL && given[0] != '\0') return given;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (access(places[i], R_OK) == 0) return places[i];
    return NULL;
}
