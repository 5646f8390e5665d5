# CMake's own module asks h5cc, which speaks of the machine that builds.
find_path(HDF5_C_INCLUDE_DIRS hdf5.h REQUIRED)
find_library(HDF5_C_LIBRARIES hdf5_serial REQUIRED)
set(HDF5_FOUND TRUE)
