/* Columns of texts as numbers beside the features: numbers less their mean and by their deviation,
 * other texts as a column a category, 1 or 0. */
#ifndef VG_EXPLORE_SENSOR_COLUMNS_H
#define VG_EXPLORE_SENSOR_COLUMNS_H

#include "explore/joined_columns.h"
#include "explore/row_table.h"

typedef struct vg_sensor_column {
    const char *name; /* owned by the texts of the columns, as the categories are */
    double mean,
        scale; /* a number x is (x - mean) * scale; of categories 0, and what each weighs */
    const char **categories; /* [category_count], in byte order */
    size_t category_count;   /* 0 of numbers */
} vg_sensor_column;

/* Starts as {0}. */
typedef struct vg_sensor_columns {
    vg_sensor_column *items;
    size_t count;
    int dims; /* numbers that they are of a row */
    vg_paths texts;
} vg_sensor_columns;

void vg_sensor_columns_close(vg_sensor_columns *columns);

/* From the last `count` columns that the table has, as the rows picks [n] have them; all are
 * multiplied by the weight. A column is of numbers where each text is one, or says that there is
 * none ("", "NaN", "NA"); "" is no category either. Warned of is a column of categories most of
 * which are numbers. VG_EINVAL, naming the column, where it says nothing of these rows at all. */
vg_status vg_sensor_columns_fit(vg_sensor_columns *columns, const vg_row_table *rows, size_t count,
                                const size_t *picks, size_t n, double weight,
                                const vg_observer *observer, vg_error *error);

/* Adds the numbers to the rows of the table, whose last columns are these: the mean, or no
 * category, where a text says nothing, or was not there when the columns were fitted; these are
 * warned of. VG_EFORMAT where a text in a column of numbers is none. */
vg_status vg_sensor_columns_widen(const vg_sensor_columns *columns, vg_row_table *rows,
                                  const vg_observer *observer, vg_error *error);

/* Joins the columns to the table, fits them to the rows picks [n], or to all where it is NULL, and
 * widens the rows. Nothing where join->file is NULL. */
vg_status vg_sensor_columns_join(vg_sensor_columns *columns, vg_row_table *rows,
                                 const vg_join *join, double weight, const size_t *picks, size_t n,
                                 const vg_observer *observer, vg_error *error);

#endif
