# Compiles for VERGER_WHEEL_ARCH, x86_64 or aarch64, on either of the two.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${VERGER_WHEEL_ARCH})
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES VERGER_WHEEL_ARCH)
list(APPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR})

set(CMAKE_C_COMPILER ${CMAKE_CURRENT_LIST_DIR}/${VERGER_WHEEL_ARCH}-cc)
set(CMAKE_CXX_COMPILER ${CMAKE_CURRENT_LIST_DIR}/${VERGER_WHEEL_ARCH}-c++)
set(CMAKE_AR ${VERGER_WHEEL_ARCH}-linux-gnu-ar)
set(CMAKE_RANLIB ${VERGER_WHEEL_ARCH}-linux-gnu-ranlib)

# GNU's C++ library as files: by their names zig would take its own. Before it what the archives
# need that CMake was told of, VERGER_WHEEL_LIBRARIES.
set(gnu ${CMAKE_CURRENT_LIST_DIR}/../../.deps/archives/${VERGER_WHEEL_ARCH})
set(triple ${VERGER_WHEEL_ARCH}-linux-gnu)
set(CMAKE_CXX_STANDARD_LIBRARIES
  "${VERGER_WHEEL_LIBRARIES} ${gnu}/usr/lib/${triple}/libstdc++.so.6 ${gnu}/lib/${triple}/libgcc_s.so.1")
if(VERGER_WHEEL_ARCH STREQUAL "aarch64")
  # What gcc's atomics call. zig's own would bring its stack protector, whose guard is a constant.
  string(APPEND CMAKE_CXX_STANDARD_LIBRARIES " ${gnu}/usr/lib/gcc/${triple}/11/libgcc.a")
endif()

# What a wheel bundles is its own: nobody else sees its symbols. Warnings are asked for
# by the builds of `make test` and of CI; this clang is newer and of no interest there.
set(CMAKE_C_FLAGS_INIT "-fvisibility=hidden -w")
set(CMAKE_CXX_FLAGS_INIT "-w")
set(CMAKE_SHARED_LINKER_FLAGS_INIT "-s")
# Debian's C++ library asks for a newer glibc than is linked here; the node has one of its own.
set(CMAKE_EXE_LINKER_FLAGS_INIT "-s -Wl,--allow-shlib-undefined")

# Nothing of the machine that builds but its programs.
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
