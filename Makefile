# The two commands are `make demo` and `make test`; each installs what it needs. `make`
# alone builds, and installs nothing.
BUILD ?= build
PREFIX ?= /usr/local
# Tests at a time; each has ports and folders of its own.
export CTEST_PARALLEL_LEVEL ?= 2

.PHONY: all build deps ready demo test build-tests bench bench-explore check-sanitizers check-spark check-arm \
  check-avx512 check-faults check-hostile check-reproducible fuzz wheels emr-archive check-wheels mutate install clean help

all: build

build:
	@cmake -S . -B $(BUILD) -G Ninja -DCMAKE_INSTALL_PREFIX=$(PREFIX) --log-level=WARNING >/dev/null || \
	  { tools/setup needs >&2; exit 1; }
	@cmake --build $(BUILD) -- --quiet

deps:
	@tools/setup build

ready: deps
	@$(MAKE) --no-print-directory build

demo: ready
	@tools/demo $(BUILD)

test: build-tests
	@ctest --test-dir $(BUILD) --output-on-failure

build-tests:
	@tools/setup lint
	@tools/setup spark
	@cmake -S . -B $(BUILD) -G Ninja -DCMAKE_INSTALL_PREFIX=$(PREFIX) -DVERGER_TESTS=ON -DVERGER_WERROR=ON --log-level=WARNING >/dev/null
	@cmake --build $(BUILD) -- --quiet

bench: ready
	@tools/setup bench
	@.deps/peers/bin/python bench/peers/compare_peers.py $(BUILD)
	@tools/setup test
	@.deps/venv/bin/python bench/compare_pca.py $(BUILD)

bench-explore: build
	@tools/setup bench-explore
	@.deps/explore/bin/python bench/explore/compare_neighbours.py $(BUILD)

check-sanitizers:
	@tools/check-sanitizers

check-spark: ready
	@VERGER_BUILD=$(BUILD) tools/check-spark

check-arm:
	@tools/check-arm

check-avx512:
	@tools/check-avx512

check-reproducible: ready
	@tools/check-reproducible

check-faults: build-tests
	@tools/setup spark
	@.deps/venv/bin/python tools/check-faults $(BUILD)

mutate:
	@tools/setup lint
	@.deps/venv/bin/python tools/mutate $(FAULTS)

check-hostile: build-tests
	@.deps/venv/bin/python tests/image/bombs.py $(BUILD)

fuzz:
	@CORPUS="$(CORPUS)" tools/fuzz $(or $(SECONDS),60) $(TARGET)

wheels:
	@tools/build-wheels

emr-archive:
	@tools/build-emr-archive

check-wheels: ready
	@tools/check-wheels $(BUILD)

install: build
	@cmake --install $(BUILD)

clean:
	rm -rf $(BUILD)

help:
	@echo "make                   build/verger and build/libverger.so; installs nothing"
	@echo "make deps              installs what that needs (Debian, Ubuntu)"
	@echo "make demo              the main job on the sample, or on photographs of FRUITS=/path"
	@echo "make test              all tests"
	@echo "make bench             the speed beside ONNX Runtime, OpenVINO, LiteRT and ncnn, scikit-learn"
	@echo "make bench-explore     nearest rows beside faiss and numpy"
	@echo "make check-sanitizers  the tests under AddressSanitizer, UBSan and ThreadSanitizer"
	@echo "make check-spark       the Spark job on real clusters, and on Spark 4"
	@echo "make check-arm         the library's unit tests on an emulated 64-bit ARM"
	@echo "make check-avx512      the AVX-512 kernels and the network on an emulated PC"
	@echo "make check-faults      stores and machines that fail, and 240 kills, as a table"
	@echo "make mutate            faults of one line that the tests ought to notice; FAULTS=word"
	@echo "make check-hostile     time and memory of files that ask for much, beside their bounds"
	@echo "make check-reproducible  two builds in two places give the same bytes"
	@echo "make fuzz              a search for inputs that break a reader; SECONDS=60 TARGET=all"
	@echo "make wheels            dist/*.whl, the Python package for x86_64 and aarch64"
	@echo "make emr-archive       dist/verger-emr.tar.gz, for spark-submit --archives"
	@echo "make check-wheels      both built and tested under Python 3.9, aarch64 with qemu"
	@echo "make install           to PREFIX (/usr/local); DESTDIR is respected"
	@echo "make clean             removes the build folder"
	@echo "BUILD=folder builds somewhere else."
