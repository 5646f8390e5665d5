/* Buckets of S3 and of what speaks as it does. */
#ifndef VG_IO_S3_HPP
#define VG_IO_S3_HPP

#include "io/address.hpp"
#include "io/store.hpp"

namespace verger
{

/* `name` is the address for people. */
std::unique_ptr<vg_store> open_s3_store(const Address &address, const std::string &name,
                                        const vg_store_options &options);

} // namespace verger

#endif
