/* Small files of the safetensors format: facts and tensors, read with every check that a file of
 * strangers calls for. Nothing in them is executed. */
#ifndef VG_OUTPUT_TENSOR_FILE_H
#define VG_OUTPUT_TENSOR_FILE_H

#include "io/io.h"

typedef enum vg_tensor_type {
    VG_TENSOR_F64,
    VG_TENSOR_F32,
    VG_TENSOR_I32,
    VG_TENSOR_U8
} vg_tensor_type;

enum { VG_TENSOR_RANK = 2, VG_TENSOR_FACT_CHARS = 256 };

typedef struct vg_file_tensor {
    const char *name;
    vg_tensor_type type;
    int rank;
    size_t shape[VG_TENSOR_RANK];
    const void *values; /* doubles, floats, int32_t or bytes */
} vg_file_tensor;

/* The file's bytes, freed with free(): the facts become its metadata. */
vg_status vg_tensor_file_format(char **bytes, size_t *size, const vg_file_tensor *tensors,
                                size_t count, const vg_fact *facts, size_t fact_count,
                                vg_error *error);

/* A file that was read. Starts as {0}. */
typedef struct vg_tensor_file {
    struct vg_tensor_entry *entries;
    size_t count, capacity;
    char *bytes;         /* owned */
    size_t size, values; /* where the values begin */
    struct vg_tensor_fact *facts;
    size_t fact_count, fact_capacity;
} vg_tensor_file;

/* Takes the bytes, of malloc, over, on failure too. VG_EFORMAT where they are no such file. */
vg_status vg_tensor_file_parse(vg_tensor_file *file, char *bytes, size_t size, vg_error *error);
void vg_tensor_file_close(vg_tensor_file *file);

bool vg_tensor_file_has(const vg_tensor_file *file, const char *name);

/* The value of a fact of plain text, or NULL. */
const char *vg_tensor_file_fact(const vg_tensor_file *file, const char *key);

/* The numbers of a tensor, to be freed, or its bytes, which live as long as the file. Its type and
 * rank must be these; VG_EFORMAT names it. */
vg_status vg_tensor_file_doubles(const vg_tensor_file *file, const char *name, int rank,
                                 size_t *shape, double **values, vg_error *error);
vg_status vg_tensor_file_floats(const vg_tensor_file *file, const char *name, int rank,
                                size_t *shape, float **values, vg_error *error);
vg_status vg_tensor_file_int32s(const vg_tensor_file *file, const char *name, int rank,
                                size_t *shape, int32_t **values, vg_error *error);
vg_status vg_tensor_file_bytes(const vg_tensor_file *file, const char *name, const char **bytes,
                               size_t *size, vg_error *error);

#endif
