/* Lists, reads and writes objects by our own requests, where each has to say what Arrow's client
 * cannot: that who asks pays. */
#ifndef VG_IO_S3_OBJECTS_HPP
#define VG_IO_S3_OBJECTS_HPP

#include <memory>
#include <string>

#include "io/s3_client.hpp"
#include "io/store.hpp"

namespace verger
{

/* Every object whose key begins with `folder` and '/', or of the bucket where it is empty; their
 * paths are what follows. A "folder" without any is VG_ENOTFOUND. `name` is for messages, as
 * below. */
void list_objects(S3Client &client, const std::string &folder, const Visitor &visit,
                  const std::string &name);

/* Size and time of one object. */
void stat_object(S3Client &client, const std::string &key, vg_file *file, const std::string &name);

/* One request for its size, and one for each piece that is read. `client` outlives it, as below. */
std::shared_ptr<arrow::io::RandomAccessFile> open_object(S3Client &client, const std::string &key,
                                                         const std::string &name);

/* Up to 10 MB are one PUT, more are an upload in parts, each sent while the writer waits. Unless it
 * was finished, its end drops what was sent. */
std::unique_ptr<Output> write_object(S3Client &client, const std::string &key,
                                     const std::string &name);

} // namespace verger

#endif
