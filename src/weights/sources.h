/* Where weights come from: files on disk, Keras's HDF5, the network. */
#ifndef VG_WEIGHTS_SOURCES_H
#define VG_WEIGHTS_SOURCES_H

#include "digest/sha256.h"
#include "model/model.h"

enum { VG_PATH_CHARS = 4096 };

/* The file name of the converted weights in the cache. */
#define VG_MODEL_FILE "mobilenet_v2_1.0_224.safetensors"

/* What keras.applications.MobileNetV2(weights="imagenet", include_top=False) loads. */
#define VG_MODEL_URL                                                             \
    "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/" \
    "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"

/* Its size, as Keras prints it when it fetches the file. Neither Keras nor the server gives a
 * digest of it: keras/src/applications/mobilenet_v2.py calls get_file without file_hash. */
#define VG_MODEL_BYTES 9406464

/* No file of weights is larger: MobileNetV2 with its head and the state of an optimizer has
 * 43 MB. */
#define VG_MODEL_MAX_BYTES (UINT64_C(128) << 20)

/* Reads the Keras weights file (.h5, as published or as save_weights writes it),
 * folds each batch norm (epsilon 1e-3) into the convolution before it. */
vg_status vg_weights_import_keras(vg_weights **weights, const char *path, vg_error *error);

/* The same in this process, which a damaged file may end: for the one that imports, and
 * for tests. */
vg_status vg_weights_read_keras(vg_weights **weights, const char *path, vg_error *error);

/* Writes a safetensors file under a temporary name beside it, then renames. */
vg_status vg_weights_write_safetensors(const vg_weights *weights, const char *path,
                                       vg_error *error);

/* Makes the folders above `path`, those that are there already excepted. */
vg_status vg_make_parent_folders(const char *path, vg_error *error);

/* Told after each piece; total is 0 where the server did not say. Anything but
 * VG_OK stops the download and is returned. */
typedef vg_status vg_download_progress(void *context, uint64_t done, uint64_t total);

/* An address without user, password, query and fragment, as messages and files have it. */
void vg_shown_address(char shown[VG_PATH_CHARS], const char *url);

/* Fetches a file to `path` by way of path + ".part", which a later call resumes. One of more
 * than max_bytes is VG_EFORMAT, and nothing of it is kept. */
vg_status vg_download(const char *url, const char *path, uint64_t max_bytes,
                      vg_download_progress *progress, void *context, vg_error *error);

/* Where weights may lie, in the order in which they are looked for. */
typedef enum vg_model_place {
    VG_MODEL_ARGUMENT,    /* --model */
    VG_MODEL_ENVIRONMENT, /* $VERGER_MODEL */
    VG_MODEL_CACHE,       /* $XDG_CACHE_HOME/verger or ~/.cache/verger */
    VG_MODEL_DOWNLOAD     /* the official Keras file, fetched and converted */
} vg_model_place;

enum { VG_MODEL_PLACES = VG_MODEL_DOWNLOAD + 1 };

typedef struct vg_model_location {
    vg_model_place place;
    char source[VG_PATH_CHARS]; /* a path, "seeded:N", or the address to fetch from */
} vg_model_location;

/* The first place that holds weights. An --model or $VERGER_MODEL that names a
 * missing file is VG_ENOTFOUND, never passed over. `argument` may be NULL. */
vg_status vg_model_locate(const char *argument, vg_model_location *location, vg_error *error);

/* What one place names: a path, "seeded:N" or an address, and whether there is such a
 * file; empty where nothing is named. */
void vg_model_look(vg_model_place place, const char *argument, char source[VG_PATH_CHARS],
                   int *exists);

/* The path the cache gives the converted weights; its folder may not exist yet. */
vg_status vg_model_cache_path(char path[VG_PATH_CHARS], vg_error *error);

/* What a file of weights must be, as far as it is known; else it is not kept. */
typedef struct vg_model_pin {
    const char *sha256; /* of the file, 64 hexadecimal digits; NULL where it is not known */
    uint64_t bytes;     /* 0 where it is not known */
    int is_imagenet;    /* it must give the features of the official weights */
} vg_model_pin;

/* Fetches the Keras weights at `url` (NULL: of $VERGER_MODEL_URL, or the official ones) into
 * the cache and converts them. `sha256` is NULL or the digest that the file must have (with
 * no url, NULL takes $VERGER_MODEL_SHA256). The official file must have its size and give
 * the official features. `path` becomes the safetensors file. */
vg_status vg_model_fetch(const char *url, const char *sha256, vg_download_progress *progress,
                         void *context, char path[VG_PATH_CHARS], vg_error *error);

/* The same with what is said of the file. */
vg_status vg_model_fetch_pinned(const char *url, const vg_model_pin *pin,
                                vg_download_progress *progress, void *context,
                                char path[VG_PATH_CHARS], vg_error *error);

typedef struct vg_verification {
    char kernels[16];
    int compared;      /* features held against those of the official weights */
    double difference; /* the largest; beyond VG_VERIFY_TOLERANCE these are other weights */
    int alive;         /* features that are not zero, of VG_FEATURE_COUNT */
} vg_verification;

#define VG_VERIFY_TOLERANCE 1e-4

/* Runs a built-in image through the network. `source` as in vg_model_open. Features
 * that are not finite, or nearly all zero, are VG_EFORMAT; a difference from the
 * official weights is for the caller to judge. */
vg_status vg_model_verify(const char *source, vg_verification *result, vg_error *error);

#endif
