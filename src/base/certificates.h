/* The certificates that TLS trusts on this machine. */
#ifndef VG_BASE_CERTIFICATES_H
#define VG_BASE_CERTIFICATES_H

/* A file in PEM: $SSL_CERT_FILE, else where distributions have theirs; NULL where there is none.
 * A library of TLS that comes along looks where the machine that built it had them. */
const char *vg_certificates(void);

#endif
