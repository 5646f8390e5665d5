/* What a table format is to the rest of this room. A new one is a file with these
 * two functions. */
#ifndef VG_IO_TABLE_HPP
#define VG_IO_TABLE_HPP

#include <memory>
#include <string>

#include <arrow/type_fwd.h>

#include "io/store.hpp"

namespace verger
{

/* The stream is closed by its owner, after finish. */
class TableWriter
{
  public:
    virtual ~TableWriter() = default;
    virtual void write(const arrow::RecordBatch &batch) = 0;
    virtual void finish() = 0;
};

class TableReader
{
  public:
    virtual ~TableReader() = default;
    /* NULL at the end. */
    virtual std::shared_ptr<arrow::RecordBatch> next() = 0;
    /* NULL where the format has none. */
    virtual std::shared_ptr<const arrow::KeyValueMetadata> facts() const
    {
        return nullptr;
    }
};

/* What a writer is opened with; `name` is the file's address, for messages. */
struct TableTarget {
    std::shared_ptr<arrow::io::OutputStream> stream;
    std::string name;
    std::shared_ptr<arrow::Schema> schema;
    std::shared_ptr<const arrow::KeyValueMetadata> facts;
};

std::unique_ptr<TableWriter> open_parquet_writer(const TableTarget &target);
std::unique_ptr<TableWriter> open_csv_writer(const TableTarget &target);

std::unique_ptr<TableReader> open_parquet_reader(vg_store &store, const std::string &path);
/* Columns of single values alone, as text. */
std::unique_ptr<TableReader> open_parquet_text_reader(vg_store &store, const std::string &path);
std::unique_ptr<TableReader> open_csv_reader(vg_store &store, const std::string &path);

/* A list column NAME is the text column NAME_string in CSV. */
inline constexpr std::string_view joined_suffix = "_string";

/* What tables are allocated from. mimalloc, the choice of Arrow's wheel, keeps what is
 * freed: 40 MB more in a run, and more with every part (bench/scale.py). */
arrow::MemoryPool *table_pool();

/* The type of the numbers of a list column of any kind; NULL for other columns. */
std::shared_ptr<arrow::DataType> list_value_type(const arrow::DataType &type);

} // namespace verger

#endif
