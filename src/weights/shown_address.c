/* An address as it may be shown and kept: a user, a password or the signature in a query
 * would let whoever reads it in. */
#include "weights/sources.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

static const CURLUPart secret_parts[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS,
                                         CURLUPART_QUERY, CURLUPART_FRAGMENT};

/* What curl does not take for an address is cut where secrets could begin and end. */
static void cut(char shown[VG_PATH_CHARS], const char *url)
{
    const char *host = strrchr(url, '@');
    snprintf(shown, VG_PATH_CHARS, "%s", host != NULL ? host + 1 : url);
    shown[strcspn(shown, "?#")] = '\0';
}

void vg_shown_address(char shown[VG_PATH_CHARS], const char *url)
{
    char *text = NULL;
    CURLU *parts = curl_url();
    CURLUcode code = parts != NULL ? CURLUE_OK : CURLUE_OUT_OF_MEMORY;
    if (code == CURLUE_OK) code = curl_url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME);
    for (size_t i = 0; code == CURLUE_OK && i < sizeof secret_parts / sizeof *secret_parts; i++)
        code = curl_url_set(parts, secret_parts[i], NULL, 0);
    if (code == CURLUE_OK) code = curl_url_get(parts, CURLUPART_URL, &text, 0);
    if (code == CURLUE_OK)
        snprintf(shown, VG_PATH_CHARS, "%s", text);
    else
        cut(shown, url);
    curl_free(text);
    curl_url_cleanup(parts);
}
