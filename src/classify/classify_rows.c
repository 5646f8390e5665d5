#include "classify/classify_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/usable_cpus.h"
#include "selection/glob.h"

/* Whether the pattern matches the path, or what follows one of its slashes: paths of tables are
 * whole addresses, and a pattern begins at the folder it names. */
static bool matches(const char *pattern, const char *path)
{
    while (!vg_glob_match(pattern, path)) {
        path = strchr(path, '/');
        if (path == NULL) return false;
        path++;
    }
    return true;
}

/* An image without a label is of no class: it is neither trained on nor tested on. */
static vg_status sort_out(vg_classify_rows *rows, const vg_classify_job *job, vg_error *error)
{
    size_t count = vg_row_table_count(&rows->table), unlabelled = 0, test_unlabelled = 0;
    rows->train = malloc(count * sizeof *rows->train);
    rows->test = malloc(count * sizeof *rows->test);
    if (rows->train == NULL || rows->test == NULL)
        return vg_fail_memory(error, 2 * count * sizeof *rows->train);
    for (size_t i = 0; i < count; i++) {
        const char *path = rows->table.paths.items[i].text;
        bool is_test = job->test != NULL && matches(job->test, path);
        if (rows->classes.labels[i] < 0) {
            unlabelled++;
            test_unlabelled += is_test;
        } else if (is_test)
            rows->test[rows->test_count++] = i;
        else if (job->train == NULL || matches(job->train, path))
            rows->train[rows->train_count++] = i;
    }
    if (unlabelled == count)
        return vg_fail(error, VG_EINVAL,
                       "none of the %zu images has a label: 'verger run --label' or a table of "
                       "labels gives them",
                       count);
    if (job->test != NULL && rows->test_count + test_unlabelled == 0)
        return vg_fail(error, VG_EINVAL, "--test %s matches no path, such as %s", job->test,
                       rows->table.paths.items[0].text);
    if (job->test != NULL && rows->test_count == 0)
        return vg_fail(error, VG_EINVAL, "none of the %zu images of --test %s has a label",
                       test_unlabelled, job->test);
    if (unlabelled > 0)
        vg_notify_log(&job->target.observer, VG_LOG_WARNING,
                      "%zu of %zu images have no label: they are left out", unlabelled, count);
    if (rows->train_count > 0) return VG_OK;
    return vg_fail(error, VG_EINVAL, "no image is left to train on: of %zu, %zu are tested on",
                   count, rows->test_count);
}

vg_status vg_classify_rows_open(vg_classify_rows *rows, const vg_classify_job *job,
                                bool is_to_learn, vg_error *error)
{
    vg_table which = job->is_pca ? VG_TABLE_PCA : VG_TABLE_FEATURES;
    *rows = (vg_classify_rows){0};
    vg_status status = vg_store_open(&rows->store, job->target.output, &job->target.store, error);
    if (status == VG_OK)
        status = vg_row_table_open(&rows->table, rows->store, which, &job->target.observer,
                                   job->target.cancel, error);
    if (status == VG_OK)
        status = vg_row_origin_find(&rows->origin, rows->store, &rows->table, error);
    if (status == VG_OK) status = vg_features_form(&rows->form, rows->store, &rows->table, error);
    if (status == VG_OK) status = vg_class_names_open(&rows->classes, &rows->table.labels, error);
    if (status == VG_OK && is_to_learn) status = sort_out(rows, job, error);
    if (status == VG_OK && job->join.columns.count > 0)
        status =
            vg_sensor_columns_join(&rows->sensors, &rows->table, &job->join, job->join_weight,
                                   rows->train, rows->train_count, &job->target.observer, error);
    int threads = job->threads > 0 ? job->threads : vg_usable_cpus();
    if (status == VG_OK) status = vg_kernels_choose(&rows->learning.kernels, NULL, error);
    if (status == VG_OK) status = vg_team_open(&rows->learning.team, threads, error);
    vg_classify_rows_take_values(rows);
    rows->learning.classes = vg_class_count(&rows->classes);
    rows->learning.labels = rows->classes.labels;
    rows->learning.cancel = job->target.cancel;
    if (status != VG_OK) vg_classify_rows_close(rows);
    return status;
}

void vg_classify_rows_take_values(vg_classify_rows *rows)
{
    rows->learning.rows = rows->table.values.rows;
    rows->learning.count = vg_row_table_count(&rows->table);
    rows->learning.dims = rows->table.values.dims;
}

void vg_classify_rows_close(vg_classify_rows *rows)
{
    vg_sensor_columns_close(&rows->sensors);
    vg_team_close(&rows->learning.team);
    vg_folds_close(&rows->folds);
    vg_class_names_close(&rows->classes);
    vg_row_table_close(&rows->table);
    vg_store_close(&rows->store);
    free(rows->train);
    free(rows->test);
    *rows = (vg_classify_rows){0};
}

/* The one class of the images to train on outside a fold, all of them where it is -1; NULL where
 * there are more. */
static const char *only_class_outside(const vg_classify_rows *rows, int fold)
{
    const char *only = NULL;
    int32_t label = -1;
    for (size_t i = 0; i < rows->train_count; i++) {
        size_t row = rows->train[i];
        if (fold >= 0 && rows->folds.of_row[row] == fold) continue;
        if (only != NULL && rows->classes.labels[row] != label) return NULL;
        only = rows->table.labels.items[row].text;
        label = rows->classes.labels[row];
    }
    return only;
}

vg_status vg_classify_rows_prepare(vg_classify_rows *rows, const vg_classify_job *job,
                                   vg_error *error)
{
    const char *only = only_class_outside(rows, -1);
    if (only != NULL)
        return vg_fail(error, VG_EINVAL,
                       "all images to train on are of one class, %s: nothing to tell apart", only);
    if (job->folds == 0) return VG_OK;
    vg_status status = vg_folds_open(&rows->folds, job->folds, job->group, &rows->table.paths,
                                     rows->classes.labels, vg_class_count(&rows->classes),
                                     rows->train, rows->train_count, error);
    for (int fold = 0; fold < rows->folds.count && status == VG_OK; fold++) {
        only = only_class_outside(rows, fold);
        if (only == NULL) continue;
        status =
            vg_fail(error, VG_EINVAL,
                    "without fold %d of %d all images to train on are of one class, %s: give "
                    "each class more %s, or set some apart with --test and --folds 0",
                    fold + 1, rows->folds.count, only, job->group != NULL ? "groups" : "images");
    }
    return status;
}
