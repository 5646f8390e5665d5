/* The C face of Arrow C++: stores (file systems, buckets), Parquet and CSV. */
#ifndef VG_IO_IO_H
#define VG_IO_IO_H

#include <stdbool.h>

#include "digest/sha256.h"
#include "verger/verger.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- Stores ------------------------------------------------------------- */

/* A folder or bucket prefix. All paths below are relative to it, with '/'. */
typedef struct vg_store vg_store;

typedef struct vg_store_options {
    /* "eu" for the regions in the European Union, or a pattern ("us-*", '*' and '?'). A
     * bucket elsewhere, or one whose region cannot be told, is not opened. NULL lets all
     * pass. */
    const char *require_region;
    /* Server-side encryption of what is written to s3://: "AES256" or "aws:kms", the
     * latter with the key of that name or the bucket's. NULL leaves it to the bucket. */
    const char *sse, *sse_kms_key;
    /* Follow symbolic links that leave a local store. */
    bool follow_links;
    /* Whoever asks an s3:// bucket pays for it, which each request then says; so does
     * AWS_REQUEST_PAYER=requester in the environment. */
    bool requester_pays;
} vg_store_options;

/* `address` is a local path or an address Arrow knows (file://, s3://, gs://,
 * abfs://, hdfs://). Nothing is read or created yet, but for what the options ask to
 * be known. `options` may be NULL. A store may be shared by threads. */
vg_status vg_store_open(vg_store **store, const char *address, const vg_store_options *options,
                        vg_error *error);
void vg_store_close(vg_store **store);

/* The address as it goes into tables, without a trailing '/': a local path made
 * absolute, or the address itself. Lives as long as the store. */
const char *vg_store_address(const vg_store *store);

/* The address as people may see it, without keys and settings; a local path stays as it
 * is. Returns `text`, which is cut where it is too small. */
enum { VG_ADDRESS_CHARS = 4096 };
const char *vg_public_address(const char *address, char *text, size_t size);

/* Whether a file appears whole when its writer closes (object stores), so that
 * no rename is needed. */
bool vg_store_is_atomic(const vg_store *store);

/* How many threads are to look at files side by side, where `cpus` can work: a disk answers at
 * once, who asks a bucket waits most of the time. Each may hold a part of a table. */
enum { VG_STORE_MOST_THREADS = 16 };
int vg_store_threads(const vg_store *store, int cpus);

typedef struct vg_file {
    const char *path; /* relative to the store; valid during the call */
    int64_t size;     /* bytes */
    int64_t modified; /* microseconds since 1970, UTC */
} vg_file;

/* Called for each file; anything but VG_OK ends the listing and is returned. */
typedef vg_status vg_file_visitor(void *context, const vg_file *file, vg_error *error);

/* Every file below `path` ("" for the store itself), in no order. A folder that
 * is not there is VG_ENOTFOUND. Names that begin with '.' or '_' are visited too,
 * and so are links that lead nowhere and what is not a regular file: reading those
 * fails. Links to folders are followed, but not back up. A link that leaves a local
 * store is visited if it leads to a file, which fails to be read, and not entered if it
 * leads to a folder, unless the options say to follow it. */
vg_status vg_store_list(vg_store *store, const char *path, vg_file_visitor *visitor, void *context,
                        vg_error *error);

/* A folder that cannot be listed, or not to its end, and why; anything but VG_OK ends the
 * listing and is returned. */
typedef vg_status vg_folder_visitor(void *context, const char *path, const char *reason,
                                    vg_error *error);

/* The same, but a folder below `path` that cannot be listed (permissions, a name that is too
 * long, gone meanwhile) is told to `unlisted`, and the rest is visited all the same. */
vg_status vg_store_list_readable(vg_store *store, const char *path, vg_file_visitor *visitor,
                                 vg_folder_visitor *unlisted, void *context, vg_error *error);

/* Size and time of one file; VG_ENOTFOUND where there is none. A folder gives
 * VG_EINVAL. file->path is `path`. */
vg_status vg_store_stat(vg_store *store, const char *path, vg_file *file, vg_error *error);

/* A reusable buffer; starts as {0}, freed with free(bytes). */
typedef struct vg_bytes {
    unsigned char *bytes;
    size_t size, capacity;
} vg_bytes;

enum { VG_SIZE_UNKNOWN = -1 };

/* The whole file; more than `max_size` bytes is VG_ELIMIT. VG_ESTORE is what other files
 * would meet too (credentials, clock, network, disk); all else is this file's own fault.
 * `size` is what a listing said, which spares a bucket a question, or VG_SIZE_UNKNOWN. */
vg_status vg_store_read(vg_store *store, const char *path, int64_t size, uint64_t max_size,
                        vg_bytes *content, vg_error *error);

/* What follows "cannot read <the file>: " in `message`, by which reading `path` failed; the
 * whole message where it is of another kind. */
const char *vg_store_read_reason(const vg_store *store, const char *path, const char *message);

/* Writes a small file whole; folders above it are made. */
vg_status vg_store_write(vg_store *store, const char *path, const void *data, size_t size,
                         vg_error *error);
/* Whether files can be written to the folder as this room writes them: VG_EUNSUPPORTED where
 * they cannot be renamed. Nothing stays there. A folder that is not there yet, one that may not
 * be written, and a bucket are not tried. */
vg_status vg_store_try_out(vg_store *store, vg_error *error);
/* Whether `path`, just written, is encrypted as the options ask; else VG_EINVAL, and
 * nothing more should be written. Arrow sets no headers of encryption, so it is the
 * bucket that has to ask for it, and this looks whether it does. */
vg_status vg_store_check_encryption(vg_store *store, const char *path, vg_error *error);
/* What tells whether a file has been written since: its time on a disk, its ETag in a bucket; ""
 * where the store has nothing of the kind. */
enum { VG_STAMP_CHARS = 96 };
vg_status vg_store_stamp(vg_store *store, const char *path, char stamp[VG_STAMP_CHARS],
                         vg_error *error);
/* Makes the new file `to` the same as `from`, and whole at once: a second name of the file on a
 * disk, or a copy where it can have none; in a bucket a copy that the server makes. VG_EFORMAT
 * where `from` does not have that stamp, VG_ENOTFOUND where it is not there, VG_EUNSUPPORTED where
 * the store will not do it. A file of two names must not be written to. */
vg_status vg_store_share(vg_store *store, const char *from, const char *stamp, const char *to,
                         vg_error *error);
vg_status vg_store_rename(vg_store *store, const char *from, const char *to, vg_error *error);
/* Nothing there is VG_OK for both. */
vg_status vg_store_delete_file(vg_store *store, const char *path, vg_error *error);
vg_status vg_store_delete_tree(vg_store *store, const char *path, vg_error *error);

/* Drops uploads to files below `path` that were begun and never ended. A bucket keeps what
 * a killed process had sent, unseen and paid for; other stores have no such thing. */
vg_status vg_store_clear_uploads(vg_store *store, const char *path, vg_error *error);

/* Size and SHA-256 of a whole file, read piece by piece. */
typedef struct vg_file_digest {
    uint64_t bytes;
    char sha256[VG_SHA256_CHARS];
} vg_file_digest;

vg_status vg_store_digest(vg_store *store, const char *path, vg_file_digest *digest,
                          vg_error *error);

/* A lock on a small file of a local store, `path`, which is made and holds the text
 * `holder` for others to read. It ends with the process, however that ends. Where
 * another process has it: VG_EEXIST, and its text is the message. VG_EUNSUPPORTED where
 * the store has no locks: a bucket. */
typedef struct vg_store_lock vg_store_lock;

vg_status vg_store_lock_open(vg_store_lock **lock, vg_store *store, const char *path,
                             const char *holder, vg_error *error);
/* Deletes the file and lets others in. */
void vg_store_lock_close(vg_store_lock **lock);

/* --- Tables ------------------------------------------------------------- */

typedef enum vg_format { VG_PARQUET, VG_CSV } vg_format;

/* A fact about the run, kept in the file's metadata where the format has any. */
typedef struct vg_fact {
    const char *key, *value;
} vg_fact;

/* Writes struct batches of one schema to one file. Parquet: snappy, ARROW:schema
 * and the facts as metadata. CSV: a header, quotes where needed; a list column
 * NAME becomes the column NAME_string, its numbers joined by ',' with as few
 * digits as give the same number back, its texts as a JSON array. */
typedef struct vg_writer vg_writer;

vg_status vg_writer_open(vg_writer **writer, vg_store *store, const char *path, vg_format format,
                         const struct ArrowSchema *schema, const vg_fact *facts, size_t n_facts,
                         vg_error *error);
/* `batch` stays the caller's. */
vg_status vg_writer_write(vg_writer *writer, const struct ArrowArray *batch, vg_error *error);
/* Ends the file and makes it durable; `digest` of what was written may be NULL. On
 * failure, or without this call, closing drops the file. */
vg_status vg_writer_finish(vg_writer *writer, vg_file_digest *digest, vg_error *error);
void vg_writer_close(vg_writer **writer);

/* Reads the struct batches of one table file. Lists of numbers, of whatever kind,
 * come back as list<float> with no gap inside. From CSV a column NAME_string of
 * joined numbers comes back as the list column NAME, so that features read the
 * same from both; all other columns are text. */
typedef struct vg_reader vg_reader;

vg_status vg_reader_open(vg_reader **reader, vg_store *store, const char *path, vg_format format,
                         vg_error *error);
/* The next batch, the caller's to release; at the end batch->release is NULL. */
vg_status vg_reader_next(vg_reader *reader, struct ArrowSchema *schema, struct ArrowArray *batch,
                         vg_error *error);
/* A fact of vg_writer_open that the file keeps, or NULL; valid while the reader is open. CSV keeps
 * none. */
const char *vg_reader_fact(const vg_reader *reader, const char *key);
void vg_reader_close(vg_reader **reader);

/* The same of a Parquet file of any columns: numbers, dates, truth values and dictionaries come as
 * text; lists, structs and what else is no one value are left out. */
vg_status vg_text_reader_open(vg_reader **reader, vg_store *store, const char *path,
                              vg_error *error);

/* The shortest text that reads back as the same number; returns its length.
 * `text` has VG_NUMBER_CHARS bytes and is NUL-terminated. */
enum { VG_NUMBER_CHARS = 32 };
size_t vg_format_float64(char *text, double value);

/* Name and version of Arrow. */
const char *vg_io_libraries(void);

#ifdef __cplusplus
}
#endif

#endif
