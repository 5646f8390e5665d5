/* A file from the network by way of "<path>.part", which a later call goes on with.
 * "<path>.part.tag" keeps what tells that the file on the server is still the same:
 * without it, or where the server sends another, the download starts afresh. */
#include "weights/sources.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/certificates.h"
#include "base/error.h"

enum {
    CONNECT_SECONDS = 30,
    STALL_SECONDS = 60,
    MAX_REDIRECTS = 10,
    TAG_CHARS = 512,
    HTTP_PARTIAL = 206,
    HTTP_ERRORS = 400,
    HTTP_RANGE_BEYOND = 416
};

typedef struct download {
    const char *url;
    char shown[VG_PATH_CHARS]; /* the address without its secrets */
    char part[VG_PATH_CHARS], tag_path[VG_PATH_CHARS];
    uint64_t max_bytes;
    int file; /* the part */
    CURL *curl;
    uint64_t offset; /* bytes the part held when the request was sent */
    uint64_t done;   /* bytes it holds */

    /* Of the answer that is being read. */
    char etag[TAG_CHARS], modified[TAG_CHARS];
    uint64_t range_begin, range_total;
    int has_range, body_begun;

    vg_download_progress *progress;
    void *context;
    vg_status status; /* why a callback stopped the transfer */
    vg_error *error;
} download;

/* --- the tag: the address as it is shown, then an ETag or a date, one a line --- */

static void read_tag(const download *fetch, char tag[TAG_CHARS])
{
    char url[VG_PATH_CHARS + 1];
    tag[0] = '\0';
    FILE *file = fopen(fetch->tag_path, "r");
    if (file == NULL) return;
    if (fgets(url, sizeof url, file) != NULL && fgets(tag, TAG_CHARS, file) != NULL) {
        url[strcspn(url, "\n")] = '\0';
        tag[strcspn(tag, "\n")] = '\0';
        if (strcmp(url, fetch->shown) != 0) tag[0] = '\0';
    }
    fclose(file);
}

/* If-Range takes a strong ETag or a date: RFC 9110, 13.1.5. */
static void write_tag(const download *fetch)
{
    const char *tag = fetch->etag[0] == '"' ? fetch->etag : fetch->modified;
    unlink(fetch->tag_path);
    if (tag[0] == '\0') return;
    FILE *file = fopen(fetch->tag_path, "w");
    if (file == NULL) return; /* the next call starts afresh */
    fprintf(file, "%s\n%s\n", fetch->shown, tag);
    fclose(file);
}

/* --- what curl calls back --- */

/* The value of a header "Name: value", without its line end; NULL if it is another. */
static const char *header_value(const char *line, size_t size, const char *name, size_t *length)
{
    size_t name_size = strlen(name);
    if (size <= name_size || strncasecmp(line, name, name_size) != 0 || line[name_size] != ':')
        return NULL;
    const char *value = line + name_size + 1, *end = line + size;
    while (value < end && (*value == ' ' || *value == '\t')) value++;
    while (end > value && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' ')) end--;
    *length = (size_t)(end - value);
    return value;
}

static void keep_header(char text[TAG_CHARS], const char *line, size_t size, const char *name)
{
    size_t length = 0;
    const char *value = header_value(line, size, name, &length);
    if (value == NULL || length >= TAG_CHARS) return;
    memcpy(text, value, length);
    text[length] = '\0';
}

/* "bytes 100-199/200", or "bytes ?/200" of an answer 416 where ? is a star. */
static void keep_range(download *fetch, const char *line, size_t size)
{
    char range[TAG_CHARS] = "";
    keep_header(range, line, size, "Content-Range");
    if (sscanf(range, "bytes %" SCNu64 "-%*u/%" SCNu64, &fetch->range_begin, &fetch->range_total) ==
        2)
        fetch->has_range = 1;
    else if (sscanf(range, "bytes */%" SCNu64, &fetch->range_total) == 1)
        fetch->has_range = 1;
}

static size_t on_header(char *line, size_t one, size_t size, void *context)
{
    (void)one;
    download *fetch = context;
    if (size > 5 && strncmp(line, "HTTP/", 5) == 0) {
        /* After a redirection the answer begins anew. */
        fetch->etag[0] = fetch->modified[0] = '\0';
        fetch->has_range = fetch->body_begun = 0;
        fetch->range_begin = fetch->range_total = 0;
    }
    keep_header(fetch->etag, line, size, "ETag");
    keep_header(fetch->modified, line, size, "Last-Modified");
    keep_range(fetch, line, size);
    return size;
}

static long answer_code(const download *fetch)
{
    long code = 0;
    curl_easy_getinfo(fetch->curl, CURLINFO_RESPONSE_CODE, &code);
    return code;
}

static vg_status empty_part(download *fetch)
{
    if (ftruncate(fetch->file, 0) != 0 || lseek(fetch->file, 0, SEEK_SET) != 0)
        return vg_fail(fetch->error, VG_EIO, "cannot write %s: %s", fetch->part, strerror(errno));
    fetch->done = 0;
    return VG_OK;
}

/* Only 206 goes on where the part ends; all else sends the file from its start. */
static vg_status begin_body(download *fetch)
{
    fetch->body_begun = 1;
    if (answer_code(fetch) != HTTP_PARTIAL) {
        vg_status status = empty_part(fetch);
        if (status == VG_OK) write_tag(fetch);
        return status;
    }
    if (fetch->has_range && fetch->range_begin == fetch->offset) return VG_OK;
    unlink(fetch->tag_path);
    return vg_fail(fetch->error, VG_EIO,
                   "the server of %s sent another range than was asked for: try again, the "
                   "download starts afresh",
                   fetch->shown);
}

/* More than there may be, as the server announces it or sends it all the same. */
static vg_status check_size(download *fetch, size_t coming)
{
    curl_off_t announced = -1;
    uint64_t size = fetch->done + coming;
    curl_easy_getinfo(fetch->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
    uint64_t begin = answer_code(fetch) == HTTP_PARTIAL ? fetch->offset : 0;
    if (announced > 0 && begin + (uint64_t)announced > size) size = begin + (uint64_t)announced;
    if (size <= fetch->max_bytes) return VG_OK;
    return vg_fail(fetch->error, VG_EFORMAT,
                   "%s gives more than the %" PRIu64
                   " bytes that are taken: it is not the file that is needed",
                   fetch->shown, fetch->max_bytes);
}

static size_t on_body(char *data, size_t one, size_t size, void *context)
{
    (void)one;
    download *fetch = context;
    if (answer_code(fetch) >= HTTP_ERRORS) return size; /* the page that explains the error */
    if (!fetch->body_begun) fetch->status = begin_body(fetch);
    if (fetch->status == VG_OK) fetch->status = check_size(fetch, size);
    if (fetch->status != VG_OK) return 0;
    for (size_t written = 0; written < size;) {
        ssize_t count = write(fetch->file, data + written, size - written);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            fetch->status =
                vg_fail(fetch->error, VG_EIO, "cannot write %s: %s", fetch->part, strerror(errno));
            return 0;
        }
        written += (size_t)count;
        fetch->done += (uint64_t)count;
    }
    return size;
}

static int on_progress(void *context, curl_off_t total, curl_off_t now, curl_off_t upload_total,
                       curl_off_t upload_now)
{
    (void)now, (void)upload_total, (void)upload_now;
    download *fetch = context;
    if (fetch->progress == NULL || fetch->status != VG_OK) return 0;
    int is_part = answer_code(fetch) == HTTP_PARTIAL;
    uint64_t whole = total > 0 ? (uint64_t)total + (is_part ? fetch->offset : 0) : 0;
    fetch->status = fetch->progress(fetch->context, fetch->done, whole);
    if (fetch->status == VG_OK) return 0;
    vg_fail(fetch->error, fetch->status, "the download of %s was stopped; it goes on from %s",
            fetch->shown, fetch->part);
    return 1;
}

/* --- one request --- */

/* A redirect may not leave TLS: nothing else vouches for the bytes. */
static void set_protocols(CURL *curl, const char *url)
{
    bool is_encrypted = strncmp(url, "https:", strlen("https:")) == 0;
#if LIBCURL_VERSION_NUM >= 0x075500 /* 7.85 replaced the bit masks */
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https,file");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, is_encrypted ? "https" : "http,https");
#else
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS,
                     (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS | CURLPROTO_FILE));
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS,
                     (long)(is_encrypted ? CURLPROTO_HTTPS : CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static void set_options(download *fetch, char reason[CURL_ERROR_SIZE])
{
    CURL *curl = fetch->curl;
    curl_easy_reset(curl);
    set_protocols(curl, fetch->url);
    curl_easy_setopt(curl, CURLOPT_URL, fetch->url);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)MAX_REDIRECTS);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_SECONDS);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "verger");
    if (vg_certificates() != NULL) curl_easy_setopt(curl, CURLOPT_CAINFO, vg_certificates());
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, fetch);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, fetch);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, fetch);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
}

static vg_status explain(const download *fetch, CURLcode code, const char *reason)
{
    long answer = answer_code(fetch);
    if (code == CURLE_OK && answer >= HTTP_ERRORS)
        return vg_fail(fetch->error, answer == 404 || answer == 410 ? VG_ENOTFOUND : VG_EIO,
                       "cannot fetch %s: the server answered with HTTP error %ld", fetch->shown,
                       answer);
    if (reason[0] == '\0') reason = curl_easy_strerror(code);
    if (fetch->done == 0)
        return vg_fail(fetch->error, VG_EIO, "cannot fetch %s: %s", fetch->shown, reason);
    return vg_fail(fetch->error, VG_EIO,
                   "cannot fetch %s: %s (%" PRIu64 " bytes are kept; the next try goes on there)",
                   fetch->shown, reason, fetch->done);
}

/* Asks for what the part lacks, if its tag says that it can go on. */
static vg_status request(download *fetch)
{
    char reason[CURL_ERROR_SIZE] = "", range[64], condition[TAG_CHARS + 16], tag[TAG_CHARS];
    struct curl_slist *headers = NULL;
    fetch->etag[0] = fetch->modified[0] = '\0';
    fetch->has_range = fetch->body_begun = 0;
    set_options(fetch, reason);

    read_tag(fetch, tag);
    off_t size = lseek(fetch->file, 0, SEEK_END);
    if (size > 0 && (tag[0] == '\0' || (uint64_t)size > fetch->max_bytes)) {
        vg_status status = empty_part(fetch);
        if (status != VG_OK) return status;
        size = 0;
    }
    fetch->offset = fetch->done = size > 0 ? (uint64_t)size : 0;
    if (fetch->offset > 0) {
        snprintf(range, sizeof range, "%" PRIu64 "-", fetch->offset);
        snprintf(condition, sizeof condition, "If-Range: %s", tag);
        headers = curl_slist_append(NULL, condition);
        if (headers == NULL) return vg_fail_memory(fetch->error, sizeof condition);
        curl_easy_setopt(fetch->curl, CURLOPT_RANGE, range);
        curl_easy_setopt(fetch->curl, CURLOPT_HTTPHEADER, headers);
    }
    CURLcode code = curl_easy_perform(fetch->curl);
    curl_slist_free_all(headers);
    if (fetch->status != VG_OK) return fetch->status;
    long answer = answer_code(fetch);
    /* The part was whole already: a call before this one ended just there. */
    if (answer == HTTP_RANGE_BEYOND && fetch->has_range && fetch->range_total == fetch->offset)
        return VG_OK;
    if (code == CURLE_OK && answer < HTTP_ERRORS) {
        /* An empty file has no body to begin. */
        return fetch->body_begun ? VG_OK : begin_body(fetch);
    }
    return explain(fetch, code, reason);
}

/* A dropped connection is asked again as long as each try brings something. */
static vg_status transfer(download *fetch)
{
    for (;;) {
        uint64_t before = fetch->done;
        vg_status status = request(fetch);
        if (status != VG_EIO || fetch->status != VG_OK) return status;
        long answer = answer_code(fetch);
        if (answer == HTTP_RANGE_BEYOND && fetch->offset > 0) {
            status = empty_part(fetch);
            unlink(fetch->tag_path);
            if (status != VG_OK) return status;
        } else if (answer >= HTTP_ERRORS || fetch->done <= before) {
            return status;
        }
    }
}

/* --- the whole --- */

/* The part is locked, so that two calls do not write one file. */
static vg_status open_part(download *fetch, const char *path)
{
    int length = snprintf(fetch->part, sizeof fetch->part, "%s.part", path);
    int tag_length = snprintf(fetch->tag_path, sizeof fetch->tag_path, "%s.part.tag", path);
    if (length < 0 || tag_length < 0 || tag_length >= VG_PATH_CHARS)
        return vg_fail(fetch->error, VG_EINVAL, "the path is too long: %s", path);
    fetch->file = open(fetch->part, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fetch->file < 0)
        return vg_fail(fetch->error, VG_EIO, "cannot write %s: %s", fetch->part, strerror(errno));
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fetch->file, F_SETLK, &lock) != 0 && (errno == EACCES || errno == EAGAIN))
        return vg_fail(fetch->error, VG_EEXIST,
                       "another process is fetching %s: wait for it to end", fetch->part);
    return VG_OK;
}

static vg_status finish(download *fetch, const char *path)
{
    if (fsync(fetch->file) != 0 || rename(fetch->part, path) != 0)
        return vg_fail(fetch->error, VG_EIO, "cannot write %s: %s", path, strerror(errno));
    unlink(fetch->tag_path);
    return VG_OK;
}

vg_status vg_download(const char *url, const char *path, uint64_t max_bytes,
                      vg_download_progress *progress, void *context, vg_error *error)
{
    download *fetch = calloc(1, sizeof *fetch);
    if (fetch == NULL) return vg_fail_memory(error, sizeof *fetch);
    fetch->url = url;
    vg_shown_address(fetch->shown, url);
    fetch->max_bytes = max_bytes;
    fetch->file = -1;
    fetch->progress = progress;
    fetch->context = context;
    fetch->error = error;

    vg_status status = VG_OK;
    fetch->curl = curl_easy_init();
    if (fetch->curl == NULL) status = vg_fail(error, VG_ENOMEM, "cannot start a download");
    if (status == VG_OK) status = open_part(fetch, path);
    if (status == VG_OK) {
        status = transfer(fetch);
        /* What is too large would be so the next time. */
        if (status == VG_EFORMAT) unlink(fetch->tag_path);
        if (status != VG_OK && (fetch->done == 0 || status == VG_EFORMAT)) unlink(fetch->part);
        if (status == VG_OK) status = finish(fetch, path);
    }

    if (fetch->file >= 0) close(fetch->file);
    curl_easy_cleanup(fetch->curl);
    free(fetch);
    return status;
}
