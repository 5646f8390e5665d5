#include "explore/derived_table.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"

static void name_folder(vg_derived_table *table)
{
    vg_layout_address(table->folder, table->output, table->table,
                      vg_first_format(table->target.parquet), table->timestamp);
}

vg_status vg_derived_table_open(vg_derived_table *derived, vg_table table, const vg_target *target,
                                vg_error *error)
{
    *derived = (vg_derived_table){.table = table, .target = *target};
    vg_status status = vg_check_formats(target->parquet, target->csv, error);
    if (status == VG_OK) status = vg_timestamp_choose(derived->timestamp, target->timestamp, error);
    if (status == VG_OK)
        status = vg_store_open(&derived->output, target->output, &target->store, error);
    if (status == VG_OK)
        status = vg_layout_free_timestamp(derived->timestamp, derived->output, &table, 1,
                                          target->timestamp, target->overwrite, error);
    if (status == VG_OK) status = vg_layout_uuid(derived->uuid, error);
    if (status == VG_OK) name_folder(derived);
    return status;
}

void vg_derived_table_move(vg_derived_table *table, const char *timestamp)
{
    snprintf(table->timestamp, sizeof table->timestamp, "%s", timestamp);
    name_folder(table);
}

void vg_derived_table_close(vg_derived_table *table)
{
    vg_store_close(&table->output);
}

static vg_status write_part(const vg_derived_table *table, const vg_derived_rows *rows,
                            vg_sink *sink, uint64_t number, vg_error *error)
{
    uint64_t first = number * table->target.part_rows, end = first + table->target.part_rows;
    vg_status status = VG_OK;
    vg_sink_begin_part(sink, number);
    for (uint64_t row = first; row < end && row < rows->count && status == VG_OK; row++) {
        status = rows->append(rows->context, vg_sink_builder(sink), (size_t)row, error);
        if (status == VG_OK) status = vg_sink_end_row(sink, error);
    }
    if (status == VG_OK) status = vg_check_cancel(table->target.cancel, error);
    return status == VG_OK ? vg_sink_end_part(sink, NULL, error) : status;
}

static vg_status write_parts(const vg_derived_table *table, const vg_derived_rows *rows,
                             vg_sink *sink, vg_error *error)
{
    uint64_t parts = (rows->count + table->target.part_rows - 1) / table->target.part_rows;
    double start = vg_seconds();
    for (uint64_t number = 0; number < parts; number++) {
        vg_status status = write_part(table, rows, sink, number, error);
        if (status != VG_OK) return status;
        vg_notify_progress(&table->target.observer, VG_PHASE_COMMIT, number + 1, parts, 0, start);
    }
    return vg_sink_mark_complete(sink, error);
}

vg_status vg_derived_table_write(vg_derived_table *table, const vg_derived_rows *rows,
                                 vg_error *error)
{
    const vg_target *target = &table->target;
    const vg_sink_options sink_options = {.output = table->output,
                                          .table = table->table,
                                          .parquet = target->parquet,
                                          .csv = target->csv,
                                          .timestamp = table->timestamp,
                                          .uuid = table->uuid,
                                          .columns = rows->columns,
                                          .column_count = rows->column_count,
                                          .facts = rows->facts,
                                          .fact_count = rows->fact_count};
    vg_sink *sink = NULL;
    vg_status status = VG_OK;
    if (target->overwrite)
        status = vg_layout_delete(table->output, &table->table, 1, table->timestamp, error);
    if (status == VG_OK) status = vg_sink_open(&sink, &sink_options, error);
    if (status == VG_OK) status = write_parts(table, rows, sink, error);
    vg_sink_close(&sink);
    return status;
}
