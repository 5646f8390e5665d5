# The two commands are `make demo` and `make test`; each installs what it needs.
BUILD ?= build
PREFIX ?= /usr/local

.PHONY: all build demo test bench check-sanitizers install clean

all: build

build:
	@tools/setup build
	@cmake -S . -B $(BUILD) -G Ninja -DCMAKE_INSTALL_PREFIX=$(PREFIX) --log-level=WARNING >/dev/null
	@cmake --build $(BUILD) -- --quiet

demo: build
	@tools/demo $(BUILD)

test:
	@tools/setup lint
	@cmake -S . -B $(BUILD) -G Ninja -DCMAKE_INSTALL_PREFIX=$(PREFIX) -DVERGER_TESTS=ON -DVERGER_WERROR=ON --log-level=WARNING >/dev/null
	@cmake --build $(BUILD) -- --quiet
	@ctest --test-dir $(BUILD) --output-on-failure

install: build
	@cmake --install $(BUILD)

clean:
	rm -rf $(BUILD)
