/* Verger: images to MobileNetV2 features, features to PCA.
 *
 * Conventions
 *   - What can fail returns a vg_status and takes a caller-owned vg_error last,
 *     which may be NULL. The message names what failed and what to do.
 *   - vg_X_open(&x, ...) leaves *x NULL on failure; vg_X_close(&x) takes a
 *     pointer to NULL and leaves NULL.
 *   - The library never prints, never exits and keeps no global state. Objects
 *     are not locked: a vg_model may be shared by threads (it is read-only), all
 *     others belong to one thread at a time.
 *   - Matrices are row-major and dense: [rows][columns].
 *   - Options start as vg_X_options_default(&options) makes them. What is reserved is for
 *     options to come, and stays zero. Where a function takes options, NULL is the defaults.
 *   - An object that is NULL, as it is before it is opened and after it is closed, is
 *     VG_EINVAL, 0 or NULL, by what the function returns; so is a result without a place.
 */
#ifndef VERGER_H
#define VERGER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(VG_BUILD_SHARED)
#define VG_API __attribute__((visibility("default")))
#else
#define VG_API
#endif

/* Before what must not be left unread. */
#define VG_CHECKED __attribute__((warn_unused_result))

#define VG_VERSION_MAJOR 0
#define VG_VERSION_MINOR 2
#define VG_VERSION_PATCH 0

/* Raised whenever a caller built against an older header could break. */
#define VG_ABI_VERSION 2

#define VG_IMAGE_SIZE 224     /* pixels on a side of the network's input */
#define VG_FEATURE_COUNT 1280 /* features of one image */

typedef enum vg_status {
    VG_OK = 0,
    VG_EINVAL,       /* an argument is out of its range */
    VG_ENOMEM,       /* memory could not be had */
    VG_EIO,          /* reading or writing failed */
    VG_EFORMAT,      /* the data is not what its format asks for */
    VG_ELIMIT,       /* a limit of the options was exceeded */
    VG_ENOTFOUND,    /* no such file, folder, model or column */
    VG_EEXIST,       /* the target exists already */
    VG_EUNSUPPORTED, /* valid, but not by this build, CPU or version */
    VG_ECANCELLED,   /* the caller asked to stop */
    VG_ESTORE        /* a disk, a bucket or the way to it fails for all files alike */
} vg_status;

typedef struct vg_error {
    char message[512]; /* UTF-8, one line, NUL-terminated */
} vg_error;

/* A short English name of a status, e.g. "not found". */
VG_API const char *vg_status_name(vg_status status);

/* "0.2.0" and VG_ABI_VERSION of the library that was loaded. */
VG_API const char *vg_version(void);
VG_API int vg_abi_version(void);

/* Names and versions of the libraries this one uses, on one line. */
VG_API const char *vg_libraries(void);

/* CPUs that this process may use, at least 1: those of its affinity or, where its control
 * groups (version 1 or 2, those around it too) give it less, that share, rounded up. */
VG_API int vg_usable_cpus(void);

/* --- CPU kernels ------------------------------------------------------- */

/* The kernel sets this CPU can run, plainest first: "ref", then "avx2" and "avx512" or,
 * on 64-bit ARM, "neon". Returns NULL past the last. */
VG_API const char *vg_kernel_set(size_t index);

/* Kernel sets that are used where they are named, and not else: "amx-ref", then "amx" where
 * CPU and operating system have AMX, which is faster than all above. Both give the same bits;
 * their features differ from those of the sets above by less than 5e-6 of their length.
 * Returns NULL past the last. */
VG_API const char *vg_named_kernel_set(size_t index);

/* --- Model -------------------------------------------------------------- */

typedef struct vg_model vg_model;

typedef struct vg_model_options {
    /* Kernel set to pack the weights for. NULL takes the environment variable
     * VERGER_CPU or, where that is not set, the best set of this CPU. */
    const char *kernels;
    uint64_t reserved[7];
} vg_model_options;

VG_API void vg_model_options_default(vg_model_options *options);

/* Opens MobileNetV2 weights: the path of a safetensors file (tensor names as in
 * Keras, batch norm folded), of a file of vg_model_save_packed, told by its first bytes,
 * or "seeded:N" for weights drawn from the seed N: same shapes and speed, features
 * without meaning.
 * `options` may be NULL. The file may go or be replaced by another afterwards: weights are
 * copied, and of a packed file the pages stay. Only a packed file that is changed or cut
 * in place, which nothing here does, spoils the models that have it open. */
VG_API VG_CHECKED vg_status vg_model_open(vg_model **model, const char *source,
                                          const vg_model_options *options, vg_error *error);
VG_API void vg_model_close(vg_model **model);

/* Non-zero where `source` names drawn weights, whatever the seed looks like. */
VG_API int vg_model_is_seeded(const char *source);

/* Writes the weights as they lie in memory. Who opens this file maps it: it takes next to
 * no time, and all processes of a machine share its 9 MB. It is for kernel sets with
 * panels as wide as this model's, of ref, avx2 and neon 16 channels, of avx512 32, of amx and
 * amx-ref 64: another one is refused as VG_EUNSUPPORTED, a cut or damaged one as VG_EFORMAT;
 * its values are not checked. The file appears whole under its name, in place of an older one,
 * so processes may race to write it. */
VG_API VG_CHECKED vg_status vg_model_save_packed(const vg_model *model, const char *path,
                                                 vg_error *error);

/* Name of the kernel set the model was packed for; lives as long as the model. */
VG_API const char *vg_model_kernels(const vg_model *model);

/* "float32", or "amx" with the sets of vg_named_kernel_set: models of the same weights with
 * the same answer give the same bits. Lives for good. */
VG_API const char *vg_model_arithmetic(const vg_model *model);

/* --- Images ------------------------------------------------------------- */

typedef struct vg_image {
    uint8_t *rgb; /* [height][width][3]; owned by the image */
    int width, height;
    size_t capacity; /* bytes at rgb, kept for the next image */
} vg_image;

/* Memory for the large images of all threads that decode with it: those that take 64 MiB or
 * more, with what their decoder keeps beside the pixels, wait until `bytes` have room for
 * them. One that is larger than `bytes` waits until no other large one is decoded. */
typedef struct vg_budget vg_budget;

VG_API VG_CHECKED vg_status vg_budget_open(vg_budget **budget, uint64_t bytes, vg_error *error);
/* After all that decode with it. */
VG_API void vg_budget_close(vg_budget **budget);

typedef struct vg_image_options {
    /* Largest width * height; more is VG_ELIMIT before any pixel is decoded, and so is
     * a side of more than 1,048,576. The default is 178,956,970, beyond
     * which Pillow raises its decompression-bomb error. */
    uint64_t max_pixels;
    /* Non-zero applies the EXIF orientation of the image. Default 0: the
     * reference system ignores it. */
    int exif_orient;
    /* CPU seconds of the calling thread that decoding one image may take; more is
     * VG_ELIMIT. 0 is no limit. The default, 60, is a net: what a file may ask for is
     * bounded by its size and its pixels before, the same on every machine. */
    double max_seconds;
    /* Asked some hundred times a second while an image is decoded, by the thread that
     * decodes it: non-zero gives the image up as VG_ECANCELLED. NULL, the default, is never. */
    int (*is_cancelled)(void *cancel_context);
    void *cancel_context;
    /* Of all threads together; must outlive their extractors. Without one, NULL, each image
     * is bounded by itself: 9 bytes for each pixel of max_pixels. */
    vg_budget *budget;
    uint64_t reserved[8];
} vg_image_options;

VG_API void vg_image_options_default(vg_image_options *options);

/* The formats that this build reads, such as "JPEG"; NULL past the last. */
VG_API const char *vg_image_format(size_t index);

/* Decodes an image of a format that is read, told by its first bytes, to the bytes of Pillow's
 * Image.open(...).convert("RGB"). `image` starts zeroed ({0}) and may be reused;
 * its buffer grows as needed. A file that ends early is VG_EFORMAT.
 * `options` may be NULL. */
VG_API VG_CHECKED vg_status vg_image_decode(vg_image *image, const void *data, size_t size,
                                            const vg_image_options *options, vg_error *error);
VG_API void vg_image_close(vg_image *image);

/* Pillow's Image.resize((width, height)), bicubic, bit for bit: `rgb` is
 * [height][width][3], the caller's. Sides are 1 to 1,048,576, else VG_EINVAL. */
VG_API VG_CHECKED vg_status vg_image_resize(const vg_image *image, int width, int height,
                                            uint8_t *rgb, vg_error *error);

/* --- Features ----------------------------------------------------------- */

/* A worker: its buffers and a reference to the model, which must outlive it. */
typedef struct vg_extractor vg_extractor;

/* The orientation, 1 to 8, that the EXIF or XMP data of an image ask for and exif_orient
 * applies; 1 where they ask for none, or the bytes [size] are no JPEG, PNG or WebP: other
 * formats are upright as they are decoded. */
VG_API int vg_image_orientation(const void *data, size_t size);

typedef struct vg_encoded_image {
    const void *data;
    size_t size;
} vg_encoded_image;

typedef struct vg_image_result {
    vg_status status;
    vg_error error; /* why the image failed, when status is not VG_OK */
} vg_image_result;

/* Seconds spent since the extractor was opened. */
typedef struct vg_extractor_times {
    double decode, resize, network;
} vg_extractor_times;

typedef struct vg_extractor_options {
    vg_image_options image; /* of every image that is decoded */
    /* Threads that work together on each image, at least 1; the default is 1. More are for
     * images that come one at a time and whose features are wanted soon, as from a camera;
     * for many images an extractor a thread gives more. The features are bit for bit the
     * same. The calling thread is one of them; the others run from here to
     * vg_extractor_close and need a CPU each: they sleep only when no image comes for a
     * millisecond. */
    int threads;
    /* Non-zero measures each image too, for vg_extractor_get_quality. Default 0. */
    int quality;
    uint64_t reserved[8];
} vg_extractor_options;

VG_API void vg_extractor_options_default(vg_extractor_options *options);

/* `options` may be NULL. */
VG_API VG_CHECKED vg_status vg_extractor_open(vg_extractor **extractor, const vg_model *model,
                                              const vg_extractor_options *options, vg_error *error);
VG_API void vg_extractor_close(vg_extractor **extractor);

/* Encoded images to features [n][VG_FEATURE_COUNT] and results [n]. A failed
 * image leaves its row of features zero and its result not VG_OK; the call
 * itself fails only on bad arguments. */
VG_API VG_CHECKED vg_status vg_extract(vg_extractor *extractor, size_t n,
                                       const vg_encoded_image *images, float *features,
                                       vg_image_result *results, vg_error *error);

/* The steps of vg_extract, one by one.
 * Pillow's Image.resize((224, 224)), bicubic: `rgb` is [224][224][3]. */
VG_API VG_CHECKED vg_status vg_extractor_resize(vg_extractor *extractor, const vg_image *image,
                                                uint8_t *rgb, vg_error *error);
/* The network alone: rgb [n][224][224][3] to features [n][VG_FEATURE_COUNT]. */
VG_API VG_CHECKED vg_status vg_extractor_forward(vg_extractor *extractor, size_t n,
                                                 const uint8_t *rgb, float *features,
                                                 vg_error *error);

#define VG_BRIGHTNESS_LEVELS 5 /* the percentiles 1, 5, 50, 95 and 99 */
#define VG_SIGNATURE_SIDE 16

/* What the pixels of an image tell, in whole numbers but for the last step: the same bits on
 * every machine. All but width and height are of the image as the network sees it, 224 x 224
 * pixels in RGB, so that images of any size are measured alike. Grey is Pillow's convert("L"),
 * of the mean of every 2 x 2 pixels: 112 x 112 levels from 0 to 255. */
typedef struct vg_image_quality {
    int width, height; /* as decoded */
    /* The lowest levels that so many in a hundred of the pixels do not exceed. */
    uint8_t brightness[VG_BRIGHTNESS_LEVELS];
    double contrast;  /* standard deviation of the levels */
    double sharpness; /* variance of their Laplacian, OpenCV's of ksize 1, borders left out */
    /* Mean grey of 16 x 16 fields of 14 x 14 pixels, row by row, in 256ths of a level. */
    uint16_t signature[VG_SIGNATURE_SIDE * VG_SIGNATURE_SIDE];
} vg_image_quality;

/* That of the image which vg_extract took last; all zeros where that failed, or where the
 * extractor measures none. */
VG_API VG_CHECKED vg_status vg_extractor_get_quality(const vg_extractor *extractor,
                                                     vg_image_quality *quality, vg_error *error);

VG_API void vg_extractor_get_times(const vg_extractor *extractor, vg_extractor_times *times);

/* --- Moments and PCA ---------------------------------------------------- */

/* Count, mean and scatter matrix of rows of `dims` numbers, in float64. Added
 * to in batches, merged in any order. */
typedef struct vg_moments vg_moments;

VG_API VG_CHECKED vg_status vg_moments_open(vg_moments **moments, int dims, vg_error *error);
VG_API void vg_moments_close(vg_moments **moments);

/* Threads that vg_moments_add works on where it is given many rows, 1 unless this says otherwise:
 * they live for the call, and the bits are those of one. */
VG_API VG_CHECKED vg_status vg_moments_set_threads(vg_moments *moments, int threads,
                                                   vg_error *error);

/* Adds rows [n][dims]. A row with a NaN or an infinity is VG_EINVAL, names the
 * row, and leaves the moments as they were. */
VG_API VG_CHECKED vg_status vg_moments_add(vg_moments *moments, size_t n, const float *rows,
                                           vg_error *error);

/* Adds all that `other` has seen; `other` is unchanged. */
VG_API VG_CHECKED vg_status vg_moments_merge(vg_moments *moments, const vg_moments *other,
                                             vg_error *error);

VG_API int vg_moments_dims(const vg_moments *moments);
VG_API uint64_t vg_moments_count(const vg_moments *moments);
/* [dims], zeros before the first row; valid until the moments change or are closed. */
VG_API const double *vg_moments_mean(const vg_moments *moments);
/* The variances of all dims together, with n - 1; 0 before the second row. */
VG_API double vg_moments_total_variance(const vg_moments *moments);

/* Serialised moments: little-endian, the same bytes on every machine. `buffer`
 * has vg_moments_serialized_size bytes. */
VG_API size_t vg_moments_serialized_size(const vg_moments *moments);
VG_API void vg_moments_serialize(const vg_moments *moments, void *buffer);
/* Bytes that vg_moments_serialize did not write are VG_EFORMAT. */
VG_API VG_CHECKED vg_status vg_moments_deserialize(vg_moments **moments, const void *buffer,
                                                   size_t size, vg_error *error);

/* As Spark MLlib's PCA: covariance with n - 1, components by descending
 * variance, rows projected without being centred. The entry of largest magnitude
 * of each component is positive. */
typedef struct vg_pca vg_pca;

/* Needs at least two rows, 1 <= k <= dims. Beyond the rank of the data the
 * components are orthonormal and explain 0; where all rows are equal, every
 * component explains 0. */
VG_API VG_CHECKED vg_status vg_pca_fit(vg_pca **pca, const vg_moments *moments, int k,
                                       vg_error *error);
/* A PCA that was fitted before: matrix [k][dims] and explained [k], as
 * vg_pca_matrix and vg_pca_explained_variance give them; both are copied. A NaN or
 * an infinity is VG_EINVAL. */
VG_API VG_CHECKED vg_status vg_pca_open(vg_pca **pca, int dims, int k, const double *matrix,
                                        const double *explained, vg_error *error);
VG_API void vg_pca_close(vg_pca **pca);

VG_API int vg_pca_dims(const vg_pca *pca);
VG_API int vg_pca_components(const vg_pca *pca); /* k */
/* [k][dims], one component a row; lives as long as the PCA. */
VG_API const double *vg_pca_matrix(const vg_pca *pca);
/* [k], each a share of the total variance of all dims. */
VG_API const double *vg_pca_explained_variance(const vg_pca *pca);
/* rows [n][dims] to projected [n][k]. */
VG_API VG_CHECKED vg_status vg_pca_project(const vg_pca *pca, size_t n, const float *rows,
                                           double *projected, vg_error *error);

/* --- Neighbours --------------------------------------------------------- */

/* The nearest of many rows, always exact: rows are ordered by distances in float64, whose
 * sums have a fixed order, and where distances are equal the row with the lower number comes
 * first. So results are the same on every CPU and any number of threads. */
typedef enum vg_metric {
    VG_COSINE, /* 1 - x.y / (|x| |y|), 0 to 2; 1 where a row is all zeros */
    VG_L2      /* |x - y| */
} vg_metric;

typedef struct vg_neighbours_options {
    vg_metric metric;    /* default VG_COSINE */
    int threads;         /* default 1, the calling thread */
    const char *kernels; /* as in vg_model_options */
    /* NULL, or called now and then by the calling thread with the share of the work that is
     * done; anything but 0 ends the work as VG_ECANCELLED. */
    int (*progress)(void *context, double share);
    void *context;
    uint64_t reserved[8];
} vg_neighbours_options;

VG_API void vg_neighbours_options_default(vg_neighbours_options *options);

/* The k rows nearest to each of rows [n][dims], itself left out, nearest first: their
 * numbers in indices [n][k], and distances [n][k]. k is 1 to n - 1, n below 2^31. A row with
 * a NaN or an infinity is VG_EINVAL and named. `options` may be NULL. Beside the rows and
 * the result it takes some 500 bytes a row and 3 MB a thread. */
VG_API VG_CHECKED vg_status vg_neighbours(const float *rows, size_t n, int dims, int k,
                                          const vg_neighbours_options *options, int64_t *indices,
                                          double *distances, vg_error *error);

/* Rows to be searched again and again. */
typedef struct vg_index vg_index;

typedef struct vg_index_options {
    vg_metric metric;    /* default VG_COSINE */
    int threads;         /* default 1, the calling thread */
    const char *kernels; /* as in vg_model_options */
    /* Non-zero, the default, sketches all rows first, which costs about as much as a hundred
     * searches without and makes the others several times as fast. Nothing else changes. */
    int sketch;
    uint64_t reserved[8];
} vg_index_options;

VG_API void vg_index_options_default(vg_index_options *options);

/* Rows [n][dims] are not copied: they must stay as they are until vg_index_close. A row with
 * a NaN or an infinity is VG_EINVAL and named. `options` may be NULL. */
VG_API VG_CHECKED vg_status vg_index_open(vg_index **index, const float *rows, size_t n, int dims,
                                          const vg_index_options *options, vg_error *error);
VG_API void vg_index_close(vg_index **index);

VG_API size_t vg_index_count(const vg_index *index); /* rows */
VG_API int vg_index_dims(const vg_index *index);

/* The k rows nearest to each of queries [n][dims], nearest first: their numbers in indices
 * [n][k], and distances [n][k]. k is 1 to all rows. Where `allowed` [rows] is not NULL, only
 * rows with anything but 0 there are found; where those are fewer than k, the rest is -1 and
 * infinity. */
VG_API VG_CHECKED vg_status vg_index_search(vg_index *index, size_t n, const float *queries, int k,
                                            const unsigned char *allowed, int64_t *indices,
                                            double *distances, vg_error *error);

/* --- Layout ------------------------------------------------------------- */

typedef struct vg_layout_options {
    int epochs;  /* default 0: 500, or 200 for 10,000 rows and more */
    int threads; /* default 1, the calling thread */
    /* NULL, or called after each epoch with the share that is done; anything but 0 ends the
     * work as VG_ECANCELLED. */
    int (*progress)(void *context, double share);
    void *context;
    uint64_t reserved[8];
} vg_layout_options;

VG_API void vg_layout_options_default(vg_layout_options *options);

/* A map: places [n][2] in which rows that are near lie near, by UMAP's objective, from the
 * nearest rows of every row as vg_neighbours gives them (indices and distances [n][k], at
 * least 2; a row's end at the first index below 0) and places to start from, such as the
 * first two components (start [n][2]). The same bits on any number of threads and any CPU.
 * `options` may be NULL. Takes some 40 bytes a row and neighbour. */
VG_API VG_CHECKED vg_status vg_layout(const int64_t *indices, const double *distances, size_t n,
                                      int k, const float *start, const vg_layout_options *options,
                                      float *places, vg_error *error);

/* --- Classes ------------------------------------------------------------ */

#define VG_MOST_CLASSES 65536

/* Moments of rows that have classes, 0 to classes - 1: those of all rows, and count and mean a
 * class. Added to in batches, merged; the same bits on every CPU. */
typedef struct vg_class_moments vg_class_moments;

VG_API VG_CHECKED vg_status vg_class_moments_open(vg_class_moments **moments, int dims, int classes,
                                                  vg_error *error);
VG_API void vg_class_moments_close(vg_class_moments **moments);

/* Adds rows [n][dims] of classes [n]. A row with a NaN, an infinity or a class out of range is
 * VG_EINVAL, and leaves the moments as they were. */
VG_API VG_CHECKED vg_status vg_class_moments_add(vg_class_moments *moments, size_t n,
                                                 const float *rows, const int32_t *classes,
                                                 vg_error *error);
/* Adds all that `other` has seen, of as many dimensions and classes; `other` is unchanged. */
VG_API VG_CHECKED vg_status vg_class_moments_merge(vg_class_moments *moments,
                                                   const vg_class_moments *other, vg_error *error);

/* As those of moments. */
VG_API size_t vg_class_moments_serialized_size(const vg_class_moments *moments);
VG_API void vg_class_moments_serialize(const vg_class_moments *moments, void *buffer);
VG_API VG_CHECKED vg_status vg_class_moments_deserialize(vg_class_moments **moments,
                                                         const void *buffer, size_t size,
                                                         vg_error *error);

VG_API int vg_class_moments_dims(const vg_class_moments *moments);
VG_API int vg_class_moments_classes(const vg_class_moments *moments);
/* Rows of a class; 0 for a class that is none. */
VG_API uint64_t vg_class_moments_count(const vg_class_moments *moments, int class_index);
/* [dims], zeros before the first row of the class; valid until the moments change. NULL for a
 * class that is none. */
VG_API const double *vg_class_moments_mean(const vg_class_moments *moments, int class_index);

/* Of the rows of all classes; valid until the moments change or are closed. */
VG_API const vg_moments *vg_class_moments_all(const vg_class_moments *moments);

/* within [dims][dims]: the sum over rows of (x - m)(x - m)', where m is the mean of the row's
 * class. */
VG_API VG_CHECKED vg_status vg_class_moments_scatter(const vg_class_moments *moments,
                                                     double *within, vg_error *error);
/* The share, 0 to 1, by which the covariance within the classes is best shrunk towards a
 * multiple of the identity (Ledoit and Wolf 2004): rows [n][dims] of classes [n] are those that
 * the moments are of. As scikit-learn's ledoit_wolf_shrinkage of rows less their classes'
 * means, with assume_centered. */
VG_API VG_CHECKED vg_status vg_class_moments_shrinkage(const vg_class_moments *moments, size_t n,
                                                       const float *rows, const int32_t *classes,
                                                       double *shrinkage, vg_error *error);
/* The same in two steps, for rows that are in several places: to *sum is added what these rows [n]
 * have of it, and the shrinkage is that of the sum of all rows. */
VG_API VG_CHECKED vg_status vg_class_moments_add_fourth_powers(const vg_class_moments *moments,
                                                               size_t n, const float *rows,
                                                               const int32_t *classes, double *sum,
                                                               vg_error *error);
VG_API VG_CHECKED vg_status vg_class_moments_shrinkage_of(const vg_class_moments *moments,
                                                          double fourth_powers, double *shrinkage,
                                                          vg_error *error);
/* covariance [dims][dims]: the scatter within the classes by the number of rows, shrunk:
 * (1 - shrinkage) W / n + shrinkage trace(W / n) / dims I. */
VG_API VG_CHECKED vg_status vg_class_moments_covariance(const vg_class_moments *moments,
                                                        double shrinkage, double *covariance,
                                                        vg_error *error);

/* Linear discriminant analysis: weights [classes][dims] and bias [classes]. A row x is of the
 * class whose weights.x + bias is largest; these are logarithms of probabilities but for one
 * summand. As scikit-learn's LinearDiscriminantAnalysis with solver lsqr and this shrinkage.
 * A class without rows gets a bias of minus infinity. Two classes need rows, and a scatter that
 * is singular a shrinkage above 0: else VG_EINVAL. */
VG_API VG_CHECKED vg_status vg_lda_fit(const vg_class_moments *moments, double shrinkage,
                                       double *weights, double *bias, vg_error *error);

/* --- Clusters ----------------------------------------------------------- */

typedef struct vg_kmeans_options {
    uint64_t seed;      /* of the draws; default 0 */
    int restarts;       /* default 10: the least inertia is kept */
    int max_iterations; /* of each restart; default 300 */
    double tolerance;   /* as scikit-learn's tol; default 1e-4 */
    int threads;        /* default 1, the calling thread */
    const double
        *start; /* centres [k][dims] to begin with, once, or NULL, the default, for seeds */
    /* NULL, or called after each iteration; anything but 0 ends the work as VG_ECANCELLED. */
    int (*progress)(void *context);
    void *context;
    uint64_t reserved[8];
} vg_kmeans_options;

VG_API void vg_kmeans_options_default(vg_kmeans_options *options);

typedef struct vg_kmeans_result {
    double inertia; /* sum of the squared distances to the centres */
    int iterations; /* of the restart that was kept */
} vg_kmeans_result;

/* k clusters of rows [n][dims] by Lloyd's iterations from greedy k-means++ seeds: labels [n], 0 to
 * k - 1, and centres [k][dims]. A row is in the cluster of the nearest centre, of centres as near
 * in that of the first; a cluster that becomes empty gets the row that is farthest from its own.
 * k is 1 to n. The same bits on any number of threads and any CPU. `options` may be NULL. */
VG_API VG_CHECKED vg_status vg_kmeans(const float *rows, size_t n, int dims, int k,
                                      const vg_kmeans_options *options, int32_t *labels,
                                      double *centres, vg_kmeans_result *result, vg_error *error);

/* The mean of the rows' silhouettes, -1 to 1 (Rousseeuw 1987), by Euclidean distance: rows
 * [n][dims] in clusters [n], of which two have rows. Takes the time of n^2 distances. */
VG_API VG_CHECKED vg_status vg_silhouette(const float *rows, size_t n, int dims,
                                          const int32_t *labels, int clusters, double *silhouette,
                                          vg_error *error);

/* How clusters agree with classes, each as scikit-learn's measure of that name. */
typedef struct vg_agreement {
    double purity; /* the share of rows that are of the class most frequent in their cluster */
    double adjusted_rand;
    double adjusted_information; /* mutual, by the arithmetic mean of the entropies */
    double homogeneity, completeness, v_measure;
} vg_agreement;

/* classes [n], 0 to class_count - 1, and clusters [n], 0 to cluster_count - 1. */
VG_API VG_CHECKED vg_status vg_agreement_measure(const int32_t *classes, int class_count,
                                                 const int32_t *clusters, int cluster_count,
                                                 size_t n, vg_agreement *agreement,
                                                 vg_error *error);

/* --- Arrow C Data Interface --------------------------------------------- */
/* The two structs of https://arrow.apache.org/docs/format/CDataInterface.html,
 * under the guard that all who declare them share. */
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

#endif

/* In all three the input stays the caller's to release; it is read only during
 * the call. Outputs are the caller's to release too. Columns are found by name;
 * string and binary columns may be large. */

/* A struct batch with the columns path (string), label (string) and content
 * (binary) to path, label, features (list<float>, null where the image failed)
 * and error (string, null where it did not). */
VG_API VG_CHECKED vg_status vg_extract_arrow(vg_extractor *extractor,
                                             const struct ArrowSchema *schema,
                                             const struct ArrowArray *batch,
                                             struct ArrowSchema *out_schema,
                                             struct ArrowArray *out_batch, vg_error *error);

/* Adds the column features (list<float> or fixed_size_list<float>) of a struct
 * batch. Null rows (failed images) are left out. */
VG_API VG_CHECKED vg_status vg_moments_add_arrow(vg_moments *moments,
                                                 const struct ArrowSchema *schema,
                                                 const struct ArrowArray *batch, vg_error *error);

/* path, label and features to path, label and pca_features (list<double>, null
 * where features is null). */
VG_API VG_CHECKED vg_status vg_pca_project_arrow(const vg_pca *pca,
                                                 const struct ArrowSchema *schema,
                                                 const struct ArrowArray *batch,
                                                 struct ArrowSchema *out_schema,
                                                 struct ArrowArray *out_batch, vg_error *error);

#ifdef __cplusplus
}
#endif

#endif
