# Compiles for VERGER_WHEEL_ARCH, x86_64 or aarch64, on either of the two.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${VERGER_WHEEL_ARCH})
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES VERGER_WHEEL_ARCH)

set(CMAKE_C_COMPILER ${CMAKE_CURRENT_LIST_DIR}/${VERGER_WHEEL_ARCH}-cc)
set(CMAKE_AR ${VERGER_WHEEL_ARCH}-linux-gnu-ar)
set(CMAKE_RANLIB ${VERGER_WHEEL_ARCH}-linux-gnu-ranlib)

# What a wheel bundles is its own: nobody else sees its symbols. Warnings are asked for
# by the builds of `make test` and of CI; this clang is newer and of no interest there.
set(CMAKE_C_FLAGS_INIT "-fvisibility=hidden -w")
set(CMAKE_SHARED_LINKER_FLAGS_INIT "-s")

# Nothing of the machine that builds but its programs.
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
